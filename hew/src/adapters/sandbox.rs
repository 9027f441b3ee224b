//! The kernel's own keeping of what a program may write: Landlock. What may be written is decided in the core; what is
//! reached of the network is kept by `network`.
//!
//! Not kept by it, and said in the docs: reading, changes of mode, owner and times of files, and what other
//! programs do that are asked to over a socket.

use std::path::Path;

use hew_core::plan::Network;
use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr, Scope,
};
use serde::{Deserialize, Serialize};

use super::shim::protocol::PathBytes;

/// The oldest Landlock that keeps files from being cut short, too: Linux 6.2.
const NEEDED: ABI = ABI::V3;

/// What a program may write and reach, as the shim is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxSpec {
    /// Folders with everything below them; made where they are missing.
    pub folders: Vec<PathBytes>,
    /// Files that are written where they are there.
    pub files: Vec<PathBytes>,
    /// What it reaches of the network; none: what the person does.
    #[serde(default)]
    pub network: Option<Network>,
}

impl SandboxSpec {
    /// The same as the core has it.
    pub fn of(sandbox: &hew_core::plan::Sandbox) -> Self {
        let bytes = |paths: &[std::path::PathBuf]| paths.iter().map(|path| PathBytes::new(path)).collect();
        Self {
            folders: bytes(&sandbox.folders),
            files: bytes(&sandbox.files),
            network: sandbox.network.clone(),
        }
    }
}

/// Keeps this process, and all that it starts, from writing anything else, for good. The network is left as it is.
pub fn restrict(spec: &SandboxSpec) -> Result<(), String> {
    let writes = AccessFs::from_write(NEEDED);
    let mut rules = ruleset(NEEDED).map_err(|error| format!("Landlock: {error}"))?;
    for folder in spec.folders.iter().map(PathBytes::to_path) {
        let failed = |error: &dyn std::fmt::Display| format!("sandbox: {}: {error}", folder.display());
        std::fs::create_dir_all(&folder).map_err(|error| failed(&error))?;
        let file = PathFd::new(&folder).map_err(|error| failed(&error))?;
        rules = rules.add_rule(PathBeneath::new(file, writes)).map_err(|error| failed(&error))?;
    }
    for path in spec.files.iter().map(PathBytes::to_path).filter(|path| is_no_folder(path)) {
        let failed = |error: &dyn std::fmt::Display| format!("sandbox: {}: {error}", path.display());
        let file = PathFd::new(&path).map_err(|error| failed(&error))?;
        let writes = writes & AccessFs::from_file(NEEDED);
        rules = rules.add_rule(PathBeneath::new(file, writes)).map_err(|error| failed(&error))?;
    }
    rules.restrict_self().map(drop).map_err(|error| format!("Landlock: {error}"))
}

/// Why the kernel can't keep a sandbox; none where it can.
pub fn kernel_problem() -> Option<String> {
    if ruleset(NEEDED).is_ok() {
        return None;
    }
    Some(match version() {
        0 => "this kernel has no Landlock, or does not use it (CONFIG_SECURITY_LANDLOCK, lsm=landlock,…)"
            .to_owned(),
        found => format!("this kernel's Landlock is version {found}, and 3 is needed (Linux 6.2)"),
    })
}

/// The kernel's version of Landlock is this one or a later one that adds nothing that can be asked for; 0: none.
pub fn version() -> u8 {
    let files = |abi| ruleset(abi).is_ok();
    let rungs: [(u8, &dyn Fn() -> bool); 7] = [
        (9, &|| files(ABI::V9)),
        (6, &|| asks(|wanted| wanted.scope(Scope::from_all(ABI::V6)))),
        (5, &|| files(ABI::V5)),
        (4, &|| asks(|wanted| wanted.handle_access(AccessNet::from_all(ABI::V4)))),
        (3, &|| files(ABI::V3)),
        (2, &|| files(ABI::V2)),
        (1, &|| files(ABI::V1)),
    ];
    rungs.into_iter().find(|(_, is_there)| is_there()).map_or(0, |(version, _)| version)
}

fn asks(what: impl Fn(Ruleset) -> Result<Ruleset, landlock::RulesetError>) -> bool {
    let wanted = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    what(wanted).and_then(Ruleset::create).is_ok()
}

fn ruleset(abi: ABI) -> Result<landlock::RulesetCreated, landlock::RulesetError> {
    let wanted = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    wanted.handle_access(AccessFs::from_write(abi))?.create()
}

fn is_no_folder(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| !found.is_dir())
}
