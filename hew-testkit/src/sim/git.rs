//! Git in memory, watched: every move of a ref is noted, any call may fail or be the last one before a crash.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hew_core::exit::{CommandFailure, Exit};
use hew_core::ids::{BranchName, CommitId, RefName, TreeId};
use hew_core::worktree::{
    AdvanceOutcome, Alteration, BranchCreation, CleanDepth, FileChange, ForwardOutcome, GitClient, GitError,
    Inspection, MergeOutcome, MergeRequest, WorktreeEntry, WorktreeReset, WorktreeStart,
};

use super::trouble::{Fate, Faults};
use crate::fake_git::FakeGit;

/// A ref that hew moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RefMove {
    pub(super) name: RefName,
    pub(super) from: Option<CommitId>,
    pub(super) to: Option<CommitId>,
    pub(super) by: &'static str,
}

/// A repository that is watched.
#[derive(Debug)]
pub(super) struct WatchedGit {
    pub(super) repo: FakeGit,
    notes: Mutex<Notes>,
    pub(super) faults: Mutex<Faults>,
}

#[derive(Debug, Default)]
struct Notes {
    moves: Vec<RefMove>,
    /// Something was done that may have dropped a commit or a file.
    is_rough: bool,
}

impl WatchedGit {
    pub(super) fn new(repo: FakeGit, faults: Faults) -> Self {
        Self { repo, notes: Mutex::default(), faults: Mutex::new(faults) }
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was moved since this was asked last, and whether anything may have been dropped.
    pub(super) fn take_notes(&self) -> (Vec<RefMove>, bool) {
        let notes = std::mem::take(&mut *self.notes());
        (notes.moves, notes.is_rough)
    }

    /// Does a call, unless it fails before; its answer may be lost after.
    fn call<T>(&self, word: &str, does: impl FnOnce() -> Result<T, GitError>) -> Result<T, GitError> {
        let fate = self.faults().next();
        let failed = || Err(failure(word));
        match fate {
            Fate::Goes => does(),
            Fate::FailsBefore => failed(),
            Fate::FailsAfter => does().and_then(|_| failed()),
        }
    }

    /// The same for a call that may drop something.
    fn rough<T>(&self, word: &str, does: impl FnOnce() -> Result<T, GitError>) -> Result<T, GitError> {
        self.notes().is_rough = true;
        self.call(word, does)
    }

    /// The same for a call that moves a ref.
    fn moving<T>(
        &self,
        by: &'static str,
        name: &RefName,
        does: impl FnOnce() -> Result<T, GitError>,
    ) -> Result<T, GitError> {
        let from = self.repo.resolve(name)?;
        let result = self.rough(by, does);
        let to = self.repo.resolve(name)?;
        if from != to {
            self.notes().moves.push(RefMove { name: name.clone(), from, to, by });
        }
        result
    }
}

fn failure(word: &str) -> GitError {
    GitError::Command(CommandFailure {
        argv: vec!["git".to_owned(), word.to_owned()],
        cwd: PathBuf::from("/fake"),
        exit: Exit::Code(128),
        output_tail: "No space left on device".to_owned(),
    })
}

impl GitClient for WatchedGit {
    fn resolve(&self, name: &RefName) -> Result<Option<CommitId>, GitError> {
        self.call("rev-parse", || self.repo.resolve(name))
    }

    fn tree_of(&self, commit: &CommitId) -> Result<TreeId, GitError> {
        self.call("rev-parse", || self.repo.tree_of(commit))
    }

    fn contains_all(&self, descendant: &CommitId, ancestors: &[CommitId]) -> Result<bool, GitError> {
        self.call("merge-base", || self.repo.contains_all(descendant, ancestors))
    }

    fn create_branch(&self, branch: &BranchName, at: &CommitId) -> Result<BranchCreation, GitError> {
        self.moving("create_branch", &branch.to_ref(), || self.repo.create_branch(branch, at))
    }

    fn delete_branch(&self, branch: &BranchName, at: &CommitId) -> Result<bool, GitError> {
        self.moving("delete_branch", &branch.to_ref(), || self.repo.delete_branch(branch, at))
    }

    fn add_worktree(&self, path: &Path, start: &WorktreeStart) -> Result<(), GitError> {
        self.rough("worktree add", || self.repo.add_worktree(path, start))
    }

    fn add_clone(&self, path: &Path, start: &WorktreeStart) -> Result<(), GitError> {
        self.rough("clone", || self.repo.add_clone(path, start))
    }

    fn own_refs(&self, path: &Path) -> Result<Vec<(RefName, CommitId)>, GitError> {
        self.call("for-each-ref", || self.repo.own_refs(path))
    }

    fn take_over(&self, path: &Path, commits: &[CommitId]) -> Result<(), GitError> {
        self.call("fetch", || self.repo.take_over(path, commits))
    }

    fn add_merge_place(&self, path: &Path, commit: &CommitId) -> Result<(), GitError> {
        self.rough("worktree add", || self.repo.add_merge_place(path, commit))
    }

    fn reset_worktree(
        &self,
        path: &Path,
        start: &WorktreeStart,
        depth: CleanDepth,
    ) -> Result<WorktreeReset, GitError> {
        self.rough("reset", || self.repo.reset_worktree(path, start, depth))
    }

    fn inspect_worktree(&self, path: &Path) -> Result<Inspection, GitError> {
        self.call("status", || self.repo.inspect_worktree(path))
    }

    fn commit_leftovers(
        &self,
        path: &Path,
        head: &CommitId,
        message: &str,
        leave_out: &[PathBuf],
    ) -> Result<CommitId, GitError> {
        self.call("commit-tree", || self.repo.commit_leftovers(path, head, message, leave_out))
    }

    fn anchor(&self, name: &RefName, commit: &CommitId) -> Result<(), GitError> {
        self.moving("anchor", name, || self.repo.anchor(name, commit))
    }

    fn refs_under(&self, prefix: &str) -> Result<Vec<(RefName, CommitId)>, GitError> {
        self.call("for-each-ref", || self.repo.refs_under(prefix))
    }

    fn changes(&self, from: &CommitId, to: &CommitId) -> Result<Vec<FileChange>, GitError> {
        self.call("diff-tree", || self.repo.changes(from, to))
    }

    fn symbols(&self, from: &CommitId, to: &CommitId) -> Result<Vec<String>, GitError> {
        self.call("diff", || self.repo.symbols(from, to))
    }

    fn read_file(&self, commit: &CommitId, path: &str) -> Result<Option<Vec<u8>>, GitError> {
        self.call("cat-file", || self.repo.read_file(commit, path))
    }

    fn merge(&self, request: &MergeRequest) -> Result<MergeOutcome, GitError> {
        self.call("merge-tree", || self.repo.merge(request))
    }

    fn checkout(&self, path: &Path, commit: &CommitId, depth: CleanDepth) -> Result<(), GitError> {
        self.rough("checkout", || self.repo.checkout(path, commit, depth))
    }

    fn hold(&self, path: &Path, commit: &CommitId) -> Result<(), GitError> {
        self.call("update-ref", || self.repo.hold(path, commit))
    }

    fn alteration(&self, path: &Path, commit: &CommitId) -> Result<Alteration, GitError> {
        self.call("status", || self.repo.alteration(path, commit))
    }

    fn advance(
        &self,
        branch: &BranchName,
        from: &CommitId,
        to: &CommitId,
    ) -> Result<AdvanceOutcome, GitError> {
        self.moving("advance", &branch.to_ref(), || self.repo.advance(branch, from, to))
    }

    fn forward_checkout(
        &self,
        checkout: &Path,
        branch: &BranchName,
        to: &CommitId,
    ) -> Result<ForwardOutcome, GitError> {
        self.moving("forward_checkout", &branch.to_ref(), || self.repo.forward_checkout(checkout, branch, to))
    }

    fn forward_branch(&self, branch: &BranchName, to: &CommitId) -> Result<ForwardOutcome, GitError> {
        self.moving("forward_branch", &branch.to_ref(), || self.repo.forward_branch(branch, to))
    }

    fn list_worktrees(&self) -> Result<Vec<WorktreeEntry>, GitError> {
        self.call("worktree list", || self.repo.list_worktrees())
    }

    fn git_dir_of(&self, path: &Path) -> Result<PathBuf, GitError> {
        self.call("rev-parse", || self.repo.git_dir_of(path))
    }

    fn remove_worktree(&self, path: &Path) -> Result<(), GitError> {
        self.rough("worktree remove", || self.repo.remove_worktree(path))
    }
}
