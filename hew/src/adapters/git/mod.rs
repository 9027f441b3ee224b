//! Git by its command line: every call names its repository, so that a worktree whose `.git` is gone can never make git
//! climb into another one.
//!
//! | file | holds |
//! | --- | --- |
//! | `run` | the one door to processes |
//! | `refs` | branches, anchors, ancestry |
//! | `worktree` | making, resetting, listing, removing worktrees |
//! | `status` | what lies in a worktree |
//! | `commit` | commits of hew's own: leftovers and merges |
//! | `forward` | bringing a target forward |

mod commit;
mod forward;
mod refs;
pub(crate) mod run;
mod status;
mod worktree;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};

use hew_core::ids::{BranchName, CommitId, RefName, TreeId};
use hew_core::worktree::{
    AdvanceOutcome, Alteration, BranchCreation, CleanDepth, FileChange, ForwardOutcome, GitClient, GitError,
    Inspection, MergeOutcome, MergeRequest, WorktreeEntry, WorktreeReset, WorktreeStart,
};

pub use run::process_count;
use run::GitCall;

/// A repository, reached through its common git folder.
#[derive(Debug)]
pub struct RepoGit {
    common_dir: PathBuf,
    /// Git's own folder of each worktree seen so far: what its `.git` file said when hew made it.
    admin_dirs: Mutex<HashMap<PathBuf, PathBuf>>,
    identity: OnceLock<Vec<(String, String)>>,
}

impl RepoGit {
    /// A repository by its common git folder, absolute.
    pub fn new(common_dir: &Path) -> Self {
        Self {
            common_dir: common_dir.to_owned(),
            admin_dirs: Mutex::new(HashMap::new()),
            identity: OnceLock::new(),
        }
    }

    /// A command on the repository as a whole.
    fn repo(&self) -> GitCall {
        GitCall::new(&self.common_dir).arg(option("--git-dir", &self.common_dir))
    }

    /// A command in one worktree, whatever its `.git` file says now.
    fn worktree_call(path: &Path, admin: &Path) -> GitCall {
        GitCall::new(path).arg(option("--git-dir", admin)).arg(option("--work-tree", path))
    }

    /// Who commits: the configured identity, else hew's own, through the environment.
    fn identity(&self) -> &[(String, String)] {
        self.identity.get_or_init(|| {
            let configured = self.repo().args(["var", "GIT_COMMITTER_IDENT"]).answer();
            if configured.is_ok_and(|answer| answer.exit.is_success()) {
                return Vec::new();
            }
            let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
            vec![
                pair("GIT_AUTHOR_NAME", "hew"),
                pair("GIT_AUTHOR_EMAIL", "hew@localhost"),
                pair("GIT_COMMITTER_NAME", "hew"),
                pair("GIT_COMMITTER_EMAIL", "hew@localhost"),
            ]
        })
    }

    fn with_identity(&self, call: GitCall) -> GitCall {
        self.identity().iter().fold(call, |call, (name, value)| call.env(name, value))
    }

    /// Names of the repository's remotes.
    pub fn remotes(&self) -> Result<Vec<String>, GitError> {
        Ok(self.repo().arg("remote").line()?.lines().map(str::to_owned).collect())
    }

    /// Number of files and bytes of a commit's tree.
    pub fn tree_size(&self, commit: &CommitId) -> Result<(u64, u64), GitError> {
        let output = self.repo().args(["ls-tree", "-r", "-l", "-z", commit.as_str()]).output()?;
        let sizes = output.split(|byte| *byte == 0).filter(|record| !record.is_empty()).map(|record| {
            let text = String::from_utf8_lossy(record);
            text.split_whitespace().nth(3).and_then(|size| size.parse::<u64>().ok()).unwrap_or(0)
        });
        Ok(sizes.fold((0, 0), |(files, bytes), size| (files + 1, bytes + size)))
    }
}

fn option(name: &str, value: &Path) -> std::ffi::OsString {
    let mut option = std::ffi::OsString::from(name);
    option.push("=");
    option.push(value);
    option
}

fn unreadable(command: &str, answer: &[u8]) -> GitError {
    GitError::Unreadable { command: command.to_owned(), answer: String::from_utf8_lossy(answer).into_owned() }
}

impl GitClient for RepoGit {
    fn resolve(&self, name: &RefName) -> Result<Option<CommitId>, GitError> {
        refs::resolve(self, name)
    }

    fn tree_of(&self, commit: &CommitId) -> Result<TreeId, GitError> {
        let name = format!("{commit}^{{tree}}");
        Ok(TreeId::new(self.repo().args(["rev-parse", "--verify", "--quiet", &name]).line()?))
    }

    fn contains_all(&self, descendant: &CommitId, ancestors: &[CommitId]) -> Result<bool, GitError> {
        refs::contains_all(self, descendant, ancestors)
    }

    fn create_branch(&self, branch: &BranchName, at: &CommitId) -> Result<BranchCreation, GitError> {
        refs::create_branch(self, branch, at)
    }

    fn delete_branch(&self, branch: &BranchName, at: &CommitId) -> Result<bool, GitError> {
        refs::delete(self, &branch.to_ref(), at)
    }

    fn add_worktree(&self, path: &Path, start: &WorktreeStart) -> Result<(), GitError> {
        worktree::add(self, path, start)
    }

    fn reset_worktree(
        &self,
        path: &Path,
        start: &WorktreeStart,
        depth: CleanDepth,
    ) -> Result<WorktreeReset, GitError> {
        worktree::reset(self, path, start, depth)
    }

    fn inspect_worktree(&self, path: &Path) -> Result<Inspection, GitError> {
        status::inspect(self, path)
    }

    fn commit_leftovers(
        &self,
        path: &Path,
        message: &str,
        leave_out: &[PathBuf],
    ) -> Result<CommitId, GitError> {
        commit::leftovers(self, path, message, leave_out)
    }

    fn anchor(&self, name: &RefName, commit: &CommitId) -> Result<(), GitError> {
        self.repo().args(["update-ref", name.as_str(), commit.as_str()]).output().map(drop)
    }

    fn refs_under(&self, prefix: &str) -> Result<Vec<(RefName, CommitId)>, GitError> {
        refs::under(self, prefix)
    }

    fn changes(&self, from: &CommitId, to: &CommitId) -> Result<Vec<FileChange>, GitError> {
        status::changes(self, from, to)
    }

    fn merge(&self, request: &MergeRequest) -> Result<MergeOutcome, GitError> {
        commit::merge(self, request)
    }

    fn checkout(&self, path: &Path, commit: &CommitId) -> Result<(), GitError> {
        worktree::checkout(self, path, commit)
    }

    fn alteration(&self, path: &Path, commit: &CommitId) -> Result<Alteration, GitError> {
        status::alteration(self, path, commit)
    }

    fn advance(&self, branch: &BranchName, from: &CommitId, to: &CommitId) -> Result<AdvanceOutcome, GitError> {
        refs::advance(self, branch, from, to)
    }

    fn forward_checkout(
        &self,
        checkout: &Path,
        branch: &BranchName,
        to: &CommitId,
    ) -> Result<ForwardOutcome, GitError> {
        forward::checkout(checkout, branch, to)
    }

    fn forward_branch(&self, branch: &BranchName, to: &CommitId) -> Result<ForwardOutcome, GitError> {
        forward::branch(self, branch, to)
    }

    fn list_worktrees(&self) -> Result<Vec<WorktreeEntry>, GitError> {
        worktree::list(self)
    }

    fn remove_worktree(&self, path: &Path) -> Result<(), GitError> {
        worktree::remove(self, path)
    }
}
