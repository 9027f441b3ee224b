//! `loop.worktree.setup`: a command that runs once in a worktree, and again when a file that it depends on has changed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crossbeam_channel::Receiver;
use hew_core::agent::StopRequest;
use hew_core::land::gate::GateJob;
use hew_core::plan::command_sandbox;
use hew_core::plan::env::plan_set_up_env;

use super::Rig;
use crate::adapters::files::read_plain;
use crate::adapters::git::clone;

/// Most bytes of an input that are looked at.
const MAX_INPUT: u64 = 16 * 1024 * 1024;

/// Where it runs.
pub(super) struct SetUpPlace<'a> {
    pub(super) worktree: &'a Path,
    /// Its temporary folder.
    pub(super) temp: &'a Path,
    pub(super) log: PathBuf,
}

/// What is known of one worktree's set-up.
#[derive(Debug, Default)]
pub(super) struct SetUp {
    /// Content of `loop.worktree.setup_inputs` when it last ran well.
    done_for: Option<BTreeMap<String, Option<Vec<u8>>>>,
}

impl SetUp {
    /// The worktree is another one, or was cleaned of everything.
    pub(super) fn forget(&mut self) {
        self.done_for = None;
    }

    /// Runs it where that has to be.
    pub(super) fn run(
        &mut self,
        rig: &Rig,
        place: &SetUpPlace<'_>,
        stops: &Receiver<StopRequest>,
    ) -> Result<(), String> {
        let Some(command) = &rig.settings.worktree_setup.value else {
            return Ok(());
        };
        let inputs = read_inputs(place.worktree, &rig.settings.worktree_setup_inputs.value);
        if self.done_for.as_ref() == Some(&inputs) {
            return Ok(());
        }
        self.done_for = None;
        let job = GateJob {
            command: command.clone(),
            cwd: place.worktree.to_owned(),
            log: place.log.clone(),
            timeout: rig.settings.gate_timeout.value,
            kill_grace: rig.settings.kill_grace.value,
            env: plan_set_up_env(&rig.host.env, &rig.settings, place.temp),
            sandbox: command_sandbox(&rig.settings, &own_folders(place.worktree), place.temp),
        };
        let report = rig.gates.run(&job, stops).map_err(|error| error.to_string())?;
        if !report.is_green() {
            let log = place.log.display();
            let refused = report.refused.join(", ");
            let asked = if refused.is_empty() {
                String::new()
            } else {
                format!(" after it asked for {refused}, which loop.sandbox = \"strict\" does not let through")
            };
            return Err(format!(
                "loop.worktree.setup `{command}` failed ({}){asked}; its output: {log}",
                report.exit
            ));
        }
        self.done_for = Some(inputs);
        Ok(())
    }
}

/// What a set-up writes: the files, and a clone's settings and hooks, which are its own.
fn own_folders(worktree: &Path) -> Vec<PathBuf> {
    let git_folder = Some(clone::git_folder(worktree)).filter(|folder| folder.is_dir());
    git_folder.into_iter().chain([worktree.to_owned()]).collect()
}

fn read_inputs(worktree: &Path, inputs: &[String]) -> BTreeMap<String, Option<Vec<u8>>> {
    let read = |input: &String| read_plain(&worktree.join(input), MAX_INPUT).ok();
    inputs.iter().map(|input| (input.clone(), read(input))).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// The files lie in an agent's tree: it may have put anything in their place.
    #[test]
    fn what_is_no_plain_file_is_as_good_as_absent() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("lock"), "1").unwrap();
        nix::unistd::mkfifo(&dir.path().join("pipe"), nix::sys::stat::Mode::S_IRUSR).unwrap();
        std::os::unix::fs::symlink("/dev/zero", dir.path().join("endless")).unwrap();
        let read = read_inputs(dir.path(), &["lock", "pipe", "endless", "none"].map(str::to_owned));
        let there: Vec<_> =
            read.iter().filter_map(|(name, content)| Some((name, content.as_ref()?))).collect();
        assert_eq!(there, [(&"lock".to_owned(), &b"1".to_vec())]);
    }
}
