//! Git as hew needs it: worktrees, anchors, merges, and moving branches by compare-and-swap.
//!
//! Invariants: a branch moves only by [`GitClient::advance`] and the two forwards, each of which names where it comes
//! from; a worktree is removed only after its commits are anchored; hew's own commits run no hooks and are not signed.
//! Decisions about worktrees (names, what may be pruned) live beside this file; nothing here runs a process.

pub mod collect;
pub mod names;
pub mod prepare;
pub mod prune;

use std::path::{Path, PathBuf};

use crate::exit::CommandFailure;
use crate::ids::{BranchName, CommitId, RefName, TreeId};

/// Where a worktree starts: a commit, on a branch of its own or detached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorktreeStart {
    /// The branch to (re)set there; `None` is a detached HEAD.
    pub branch: Option<BranchName>,
    /// The commit to start from.
    pub commit: CommitId,
}

/// How thoroughly a worktree is cleaned between uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CleanDepth {
    /// Nothing can be there that is not tracked: no clean is run.
    Nothing,
    /// Ignored files (build caches) stay: `clean -ffd`.
    KeepIgnored,
    /// Everything that is not tracked goes: `clean -ffdx`.
    Everything,
}

/// What came of making a branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BranchCreation {
    /// It is new.
    Created,
    /// It was there already, at this commit; nothing was changed.
    Exists(CommitId),
    /// Another branch is in the way, e.g. `loop` where `loop/x` is wanted.
    Obstructed(BranchName),
}

/// What came of resetting a worktree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorktreeReset {
    /// It is at its start, clean.
    Reset,
    /// The folder, its `.git` file or git's record of it is gone or damaged; it must be made again.
    Broken(String),
}

/// What lies in a worktree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorktreeInspection {
    /// Its HEAD commit, whatever branch it is on.
    pub head: CommitId,
    /// The branch it is on, if any.
    pub branch: Option<BranchName>,
    /// Paths that differ from HEAD: changed, staged or untracked, not ignored. Capped; see `more_changes`.
    pub changes: Vec<PathBuf>,
    /// How many changed paths there are in all.
    pub change_count: usize,
    /// Bytes of the changed files that are there.
    pub change_bytes: u64,
    /// Paths with unresolved conflicts.
    pub unmerged: Vec<PathBuf>,
    /// Repositories inside the worktree that are not its submodules.
    pub nested_repositories: Vec<PathBuf>,
}

/// What came of looking into a worktree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inspection {
    /// It could be read.
    Readable(WorktreeInspection),
    /// The folder, its `.git` file or git's record of it is gone or damaged.
    Broken(String),
}

/// Most symbols that are named.
pub const MAX_SYMBOLS: usize = 200;

/// One changed file between two commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange {
    /// Its path in the repository, lossy where it is not UTF-8.
    pub path: String,
    /// Lines added; 0 for binary files.
    pub added: u32,
    /// Lines removed; 0 for binary files.
    pub removed: u32,
    /// It became a link to a commit of another repository (mode 160000), and was none before.
    pub is_repository_link: bool,
}

/// What came of merging one commit into another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MergeOutcome {
    /// A commit with both as parents.
    Merged {
        /// The merge commit.
        commit: CommitId,
        /// Its tree.
        tree: TreeId,
    },
    /// These paths need a person or another try.
    Conflict {
        /// Conflicting paths, lossy where they are not UTF-8.
        files: Vec<String>,
    },
}

/// What came of moving a branch by compare-and-swap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AdvanceOutcome {
    /// The branch is at the new commit, read back.
    Advanced,
    /// Somebody moved it: it is here now (`None`: gone), and was left alone.
    Moved(Option<CommitId>),
}

/// What came of bringing a branch or a checkout forward.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ForwardOutcome {
    /// It is at the new commit, read back.
    Forwarded,
    /// Git refused and nothing was touched.
    Refused(Refusal),
}

/// Why a branch or a checkout could not be brought forward.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Git's words.
    pub words: String,
    /// What has to be out of the way first, where it is known.
    pub obstacle: Option<Obstacle>,
}

impl From<String> for Refusal {
    fn from(words: String) -> Self {
        Self { words, obstacle: None }
    }
}

/// What keeps a checkout or a branch where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// Files of the checkout, at least one; lossy where they are not UTF-8.
    Files {
        /// Changed, staged or not, and the commit changes them too.
        changed: Vec<String>,
        /// Untracked or ignored, and the commit brings files of these names.
        untracked: Vec<String>,
    },
    /// A lock that some git has, or left.
    Lock(PathBuf),
}

/// What a program did to a worktree that it was only to look at. Untracked files don't count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Alteration {
    /// HEAD and every tracked file are as they were.
    None,
    /// HEAD is elsewhere.
    HeadMoved(CommitId),
    /// These tracked files differ from the commit; at most 20 names.
    Files(Vec<String>),
    /// The folder, its `.git` file or git's record of it is gone or damaged.
    Broken(String),
}

/// A worktree as git lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorktreeEntry {
    /// Its folder.
    pub path: PathBuf,
    /// Its HEAD; `None` for a bare repository or an unborn branch.
    pub head: Option<CommitId>,
    /// The branch it is on.
    pub branch: Option<BranchName>,
}

/// Names and text of a merge commit of hew's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergeRequest {
    /// The lane's worktree, at `tip`: its attributes count.
    pub lane: PathBuf,
    /// First parent.
    pub tip: CommitId,
    /// Second parent.
    pub work: CommitId,
    /// The commit's message with trailers.
    pub message: String,
    /// Folders of which the result has the tip's version, whatever the work did to them.
    pub folders_of_tip: Vec<PathBuf>,
}

/// Git that can't do what was asked, beyond the outcomes that each call names.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// A git command failed.
    #[error(transparent)]
    Command(#[from] CommandFailure),
    /// Git could not be started, or did not end in time.
    #[error("git could not be run in {cwd}: {reason}")]
    Spawn {
        /// The folder.
        cwd: PathBuf,
        /// What went wrong.
        reason: String,
    },
    /// Git's answer was not in the form it documents.
    #[error("unexpected answer of `git {command}`: {answer}")]
    Unreadable {
        /// The command.
        command: String,
        /// What it printed.
        answer: String,
    },
    /// A file operation in a worktree failed.
    #[error("{path}: {reason}")]
    File {
        /// The path.
        path: PathBuf,
        /// What went wrong.
        reason: String,
    },
}

/// Git, by meaning. Calls may come from several threads.
pub trait GitClient: Send + Sync {
    /// The commit a ref names; `None` if there is no such ref.
    fn resolve(&self, name: &RefName) -> Result<Option<CommitId>, GitError>;
    /// The tree of a commit.
    fn tree_of(&self, commit: &CommitId) -> Result<TreeId, GitError>;
    /// Every one of `ancestors` is reachable from `descendant`.
    fn contains_all(&self, descendant: &CommitId, ancestors: &[CommitId]) -> Result<bool, GitError>;
    /// Makes a branch that must not exist yet, without a checkout.
    fn create_branch(&self, branch: &BranchName, at: &CommitId) -> Result<BranchCreation, GitError>;
    /// Deletes a branch if it is still at `at`; false if it is not, or is gone.
    fn delete_branch(&self, branch: &BranchName, at: &CommitId) -> Result<bool, GitError>;
    /// Makes a worktree. Leftovers of a killed attempt at this very path are cleared first; the branch must be free.
    fn add_worktree(&self, path: &Path, start: &WorktreeStart) -> Result<(), GitError>;
    /// Makes a clone in a worktree's place: it borrows the repository's objects, and its branch, refs, stash, settings
    /// and hooks are its own. All that is done to worktrees is done to it the same way.
    fn add_clone(&self, path: &Path, start: &WorktreeStart) -> Result<(), GitError>;
    /// Refs of a clone that the repository does not have at the same commit; a worktree has none of its own.
    fn own_refs(&self, path: &Path) -> Result<Vec<(RefName, CommitId)>, GitError>;
    /// Makes commits known to the repository that only a clone may have; a worktree's are known.
    fn take_over(&self, path: &Path, commits: &[CommitId]) -> Result<(), GitError>;
    /// Makes a detached worktree for merging only: of the commit's files it holds those that say how others are merged
    /// (`.gitattributes`, in every folder). Where files are needed, it is made anew by `add_worktree`.
    fn add_merge_place(&self, path: &Path, commit: &CommitId) -> Result<(), GitError>;
    /// Puts a worktree back to a start, whatever state an agent left it in.
    fn reset_worktree(
        &self,
        path: &Path,
        start: &WorktreeStart,
        depth: CleanDepth,
    ) -> Result<WorktreeReset, GitError>;
    /// Looks into a worktree.
    fn inspect_worktree(&self, path: &Path) -> Result<Inspection, GitError>;
    /// Commits everything that differs from `head` (the worktree's HEAD), by plumbing: no hooks, no signature. HEAD and
    /// its branch stay where they are; the index holds what was committed. Something must differ. Paths in `leave_out`
    /// (relative) never take part; if nothing but they differ, the answer is `head`.
    fn commit_leftovers(
        &self,
        path: &Path,
        head: &CommitId,
        message: &str,
        leave_out: &[PathBuf],
    ) -> Result<CommitId, GitError>;
    /// Points a ref of hew's at a commit, wherever it was.
    fn anchor(&self, name: &RefName, commit: &CommitId) -> Result<(), GitError>;
    /// Refs that begin with `prefix`, with their commits, sorted by name.
    fn refs_under(&self, prefix: &str) -> Result<Vec<(RefName, CommitId)>, GitError>;
    /// Files that differ between two commits.
    fn changes(&self, from: &CommitId, to: &CommitId) -> Result<Vec<FileChange>, GitError>;
    /// Functions and the like in which two commits differ, as git's hunk headers name them: each once, in order, at most
    /// [`MAX_SYMBOLS`].
    fn symbols(&self, from: &CommitId, to: &CommitId) -> Result<Vec<String>, GitError>;
    /// A file as it is in a commit; none if it is not there.
    fn read_file(&self, commit: &CommitId, path: &str) -> Result<Option<Vec<u8>>, GitError>;
    /// Merges without touching a branch; objects of a clean merge are synced to disk.
    fn merge(&self, request: &MergeRequest) -> Result<MergeOutcome, GitError>;
    /// Detaches a worktree at a commit and makes its files that commit's.
    fn checkout(&self, path: &Path, commit: &CommitId, depth: CleanDepth) -> Result<(), GitError>;
    /// Points a worktree's HEAD at a commit, which keeps it from garbage collection; files and index stay as they are.
    fn hold(&self, path: &Path, commit: &CommitId) -> Result<(), GitError>;
    /// Tells whether a worktree is still at `commit`, with every tracked file as it is there.
    fn alteration(&self, path: &Path, commit: &CommitId) -> Result<Alteration, GitError>;
    /// Moves a branch by compare-and-swap and reads it back.
    fn advance(
        &self,
        branch: &BranchName,
        from: &CommitId,
        to: &CommitId,
    ) -> Result<AdvanceOutcome, GitError>;
    /// Fast-forwards a checkout and the branch it is on, or touches nothing.
    fn forward_checkout(
        &self,
        checkout: &Path,
        branch: &BranchName,
        to: &CommitId,
    ) -> Result<ForwardOutcome, GitError>;
    /// Fast-forwards a branch that is checked out nowhere, or touches nothing.
    fn forward_branch(&self, branch: &BranchName, to: &CommitId) -> Result<ForwardOutcome, GitError>;
    /// Mends what an earlier forwarding left that a kill cut off, so that the next one can be made. Answers what is to be told of
    /// that. The caller holds the project's lock.
    fn mend_cut_off(&self) -> Result<Vec<String>, GitError> {
        Ok(Vec::new())
    }
    /// All worktrees of the repository, the main one first.
    fn list_worktrees(&self) -> Result<Vec<WorktreeEntry>, GitError>;
    /// The git folder of one worktree, which holds its index and its HEAD.
    fn git_dir_of(&self, path: &Path) -> Result<PathBuf, GitError>;
    /// Removes a worktree and git's record of it, whatever lies in it.
    fn remove_worktree(&self, path: &Path) -> Result<(), GitError>;
}
