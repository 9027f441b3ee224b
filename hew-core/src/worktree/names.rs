//! Names of a run's branches, refs and folders.

use std::path::{Path, PathBuf};

use crate::ids::{BranchName, CommitId, IterationId, RefName, RunId, TaskId, WorkerId};

/// `<prefix>/<run>/main`: the launch commit plus everything landed so far. `prefix` is `loop.branch_prefix` (`loop`).
pub fn run_branch(prefix: &str, run: &RunId) -> BranchName {
    BranchName::new(format!("{prefix}/{run}/main"))
}

/// `<prefix>/<run>/w<n>`: the branch a worker's agents commit on.
pub fn worker_branch(prefix: &str, run: &RunId, worker: WorkerId) -> BranchName {
    BranchName::new(format!("{prefix}/{run}/{worker}"))
}

/// The branch that is checked out in a worker's worktree: its folder is named like it, without the `w`.
pub fn branch_of_dir(prefix: &str, run: &RunId, worktree: &Path) -> Option<BranchName> {
    let folder = worktree.file_name()?.to_str()?;
    Some(BranchName::new(format!("{prefix}/{run}/w{folder}")))
}

/// `refs/hew/<run>/w<n>/iter-NNN`: keeps an iteration's work, good or bad.
pub fn anchor(run: &RunId, iteration: IterationId) -> RefName {
    RefName::new(format!("refs/hew/{run}/{}/{}", iteration.worker, iteration.stem()))
}

/// `refs/hew/<run>/foreign/<commit>`: keeps what somebody else put on the run branch. Named by the commit, so that a
/// later one never takes its place.
pub fn foreign_anchor(run: &RunId, commit: &CommitId) -> RefName {
    RefName::new(format!("refs/hew/{run}/foreign/{commit}"))
}

/// What every anchor of a run begins with.
pub fn anchor_prefix(run: &RunId) -> String {
    format!("refs/hew/{run}/")
}

/// `<root>/<run>/<n>`: a worker's worktree.
pub fn worker_dir(root: &Path, run: &RunId, worker: WorkerId) -> PathBuf {
    root.join(run.as_str()).join(worker.0.to_string())
}

/// `<root>/<run>/conflict-<task>`: work that did not merge, for a person to look at.
pub fn conflict_dir(root: &Path, run: &RunId, task: &TaskId) -> PathBuf {
    let safe = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_') { c } else { '_' };
    let name: String = task.as_str().chars().take(100).map(safe).collect();
    root.join(run.as_str()).join(format!("conflict-{name}"))
}

/// `<root>/<run>/land`: the lane's worktree.
pub fn lane_dir(root: &Path, run: &RunId) -> PathBuf {
    root.join(run.as_str()).join("land")
}
