//! Base and Prepare: a worker's worktree at the commit that an iteration starts from.
//!
//! Invariants: the base contains every commit that the task's dependencies landed in this run; a broken worktree is made
//! again and never mended in place. Copies, links and set-up are the caller's, because they touch files.

use std::path::{Path, PathBuf};

use super::{CleanDepth, GitClient, GitError, WorktreeReset, WorktreeStart};
use crate::ids::CommitId;

/// What a worktree is to be prepared for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrepareRequest {
    /// Its folder.
    pub path: PathBuf,
    /// The worker's branch and the base.
    pub start: WorktreeStart,
    /// What dependencies landed in this run.
    pub must_contain: Vec<CommitId>,
    /// The worktree was made earlier in this process.
    pub exists: bool,
    /// How thoroughly to clean it.
    pub depth: CleanDepth,
    /// It is a clone.
    pub is_cloned: bool,
}

/// What came of preparing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prepared {
    /// It stands at the base; `fresh` if it had to be made, or made again.
    Ready {
        /// Made, or made again.
        fresh: bool,
    },
    /// The base lacks a commit of a dependency.
    BaseIncomplete,
}

/// Puts a worker's worktree at its base.
pub fn prepare(git: &dyn GitClient, request: &PrepareRequest) -> Result<Prepared, GitError> {
    if !git.contains_all(&request.start.commit, &request.must_contain)? {
        return Ok(Prepared::BaseIncomplete);
    }
    if request.exists
        && git.reset_worktree(&request.path, &request.start, request.depth)? == WorktreeReset::Reset
    {
        return Ok(Prepared::Ready { fresh: false });
    }
    if request.exists {
        git.remove_worktree(&request.path)?;
    }
    make(git, &request.path, &request.start, request.is_cloned)?;
    Ok(Prepared::Ready { fresh: true })
}

/// Makes a worker's worktree, or the clone that stands for one.
pub fn make(
    git: &dyn GitClient,
    path: &Path,
    start: &WorktreeStart,
    is_cloned: bool,
) -> Result<(), GitError> {
    if is_cloned { git.add_clone(path, start) } else { git.add_worktree(path, start) }
}
