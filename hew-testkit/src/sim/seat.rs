//! Where one worker works, as the binary's own.

use std::path::{Path, PathBuf};

use hew_core::ids::{BranchName, RunId, WorkerId};
use hew_core::worktree::{CleanDepth, names};

use super::world::ROOT;

/// A worker's folder and branch.
#[derive(Debug)]
pub(super) struct SimSeat {
    pub(super) worker: WorkerId,
    pub(super) generation: u32,
    pub(super) exists: bool,
    pub(super) depth: CleanDepth,
}

impl SimSeat {
    pub(super) fn new(worker: WorkerId) -> Self {
        Self { worker, generation: 1, exists: false, depth: CleanDepth::KeepIgnored }
    }

    /// The seat of a worker whose run is gone on with: it stands where the one before left it.
    pub(super) fn after(worker: WorkerId, folder: &Path, is_left: bool) -> Self {
        let extension =
            folder.extension().and_then(|number| number.to_str()).and_then(|number| number.parse().ok());
        let generation: u32 = extension.unwrap_or(1) + u32::from(is_left);
        Self { worker, generation, exists: !is_left, depth: CleanDepth::KeepIgnored }
    }

    pub(super) fn path(&self, run: &RunId) -> PathBuf {
        let path = names::worker_dir(ROOT.as_ref(), run, self.worker);
        if self.generation == 1 { path } else { path.with_extension(self.generation.to_string()) }
    }

    /// Folders that it left behind for a person.
    pub(super) fn earlier_folders(&self, run: &RunId) -> Vec<PathBuf> {
        let at =
            |generation| Self { generation, worker: self.worker, exists: false, depth: self.depth }.path(run);
        (1..self.generation).map(at).collect()
    }

    pub(super) fn branch(&self, run: &RunId) -> BranchName {
        let branch = names::worker_branch("loop", run, self.worker);
        if self.generation == 1 { branch } else { BranchName::new(format!("{branch}.{}", self.generation)) }
    }
}
