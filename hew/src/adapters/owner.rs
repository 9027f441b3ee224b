//! owner.json beside a run's worktrees: whose they are.

use std::path::Path;

use hew_core::ids::RunId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::files::{create_private_dir, sweep_partial, write_atomically};
use super::proc_tree;

/// Its name in the folder that holds a run's worktrees.
const NAME: &str = "owner.json";

/// Who made the worktrees of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Owner {
    /// Version of this file.
    pub schema_version: u32,
    /// The run.
    pub run_id: RunId,
    /// Root of the working tree that the run was started in.
    pub project: String,
    /// The common git folder of the project.
    pub common_dir: String,
    /// Process id of the orchestrator.
    pub pid: u32,
    /// Its start time in clock ticks since boot.
    pub start_ticks: u64,
}

impl Owner {
    /// The process that made them is provably gone.
    pub fn is_gone(&self) -> bool {
        !proc_tree::lives(self.pid, self.start_ticks)
    }
}

/// Writes it, and makes the folder.
///
/// # Panics
/// Never: an owner is plain text and numbers.
pub fn write(folder: &Path, owner: &Owner) -> std::io::Result<()> {
    create_private_dir(folder)?;
    sweep_partial(folder, false)?;
    let text = serde_json::to_vec_pretty(owner).expect("an owner is plain text and numbers");
    write_atomically(&folder.join(NAME), &text)
}

/// Reads it; none if there is none, or it can't be read.
pub fn load(folder: &Path) -> Option<Owner> {
    serde_json::from_slice(&std::fs::read(folder.join(NAME)).ok()?).ok()
}

/// Removes the file, and the folder if nothing else is in it.
pub fn forget(folder: &Path) {
    // Either may be gone already; a folder in which something was kept stays.
    let _ = std::fs::remove_file(folder.join(NAME));
    let _ = std::fs::remove_dir(folder);
}
