//! What a program of a run may write and reach, where a sandbox keeps it from all else (`loop.sandbox`).
//!
//! Agents write their own clone and what is theirs besides; gates, set-ups and verifications run what agents wrote, so
//! they are held to their worktree. Reading files is not restricted. Nothing here makes a sandbox.

use std::path::{Path, PathBuf};

use super::family::Family;
use super::network::{Network, command_network};
use super::provenance::{Provenance, entry};
use super::spawn_plan::{Purpose, SpawnRequest, said_folder};
use crate::settings::Settings;

/// What a program may write and reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sandbox {
    /// Folders with everything below them; made where they are missing.
    pub folders: Vec<PathBuf>,
    /// Files that are written where they are there.
    pub files: Vec<PathBuf>,
    /// What it reaches of the network; none: what the person does.
    pub network: Option<Network>,
}

/// Devices that programs write without a trace, and those of terminals.
const DEVICES: [&str; 7] =
    ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty", "/dev/ptmx"];

/// Terminals that programs make for others.
const TERMINALS: &str = "/dev/pts";

/// The sandbox of a spawn, none where there is to be none; and where each part of it came from.
pub(super) fn plan_sandbox(
    request: &SpawnRequest<'_>,
    family: Family,
    env: &std::collections::BTreeMap<String, String>,
    network: Option<Network>,
) -> (Option<Sandbox>, Vec<Provenance>) {
    let SpawnRequest { settings, seat, .. } = *request;
    let mode = format!("{} loop.sandbox.mode", settings.sandbox.origin);
    if !settings.is_sandboxed() {
        return (None, vec![entry("sandbox", "none", &mode)]);
    }
    let mut own = vec![seat.worktree.clone(), seat.git_dir.clone(), seat.temp.clone()];
    if let Purpose::Iteration(_) = request.purpose {
        own.push(said_folder(&seat.folder, settings));
        own.extend(seat.task_folders.clone());
    }
    own.dedup();
    let (state, mut files) = family.state(env);
    files.extend(seat.task_folders.iter().map(|folder| bd_lock(folder)));
    let extra = &settings.sandbox_write;
    let provenance = vec![
        entry("sandbox", &words(&own), &mode),
        entry("sandbox.state", &words(&state), &format!("where {} keeps its own state", family.word())),
        entry("sandbox.write", &words(&extra.value), &format!("{} loop.sandbox.write", extra.origin)),
    ];
    let sandbox = assemble([own, state, extra.value.clone()].concat(), files, network);
    (Some(sandbox), provenance)
}

/// The sandbox of a gate, a set-up or a verification: its worktree, its temporary folder and `loop.sandbox.write`; of the
/// network `loop.sandbox.hosts`.
pub fn command_sandbox(settings: &Settings, worktree: &[PathBuf], temp: &Path) -> Option<Sandbox> {
    settings.is_sandboxed().then(|| {
        let own = worktree.iter().cloned().chain([temp.to_owned()]);
        let folders = own.chain(settings.sandbox_write.value.iter().cloned()).collect();
        assemble(folders, Vec::new(), command_network(settings))
    })
}

/// The file beside its folder by which bd locks it.
fn bd_lock(folder: &Path) -> PathBuf {
    let mut name = folder.as_os_str().to_owned();
    name.push(".gate.lock");
    PathBuf::from(name)
}

fn assemble(mut folders: Vec<PathBuf>, files: Vec<PathBuf>, network: Option<Network>) -> Sandbox {
    folders.push(PathBuf::from(TERMINALS));
    Sandbox { folders, files: DEVICES.iter().map(PathBuf::from).chain(files).collect(), network }
}

fn words(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" ")
}
