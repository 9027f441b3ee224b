//! What state a working tree is in when a run is launched from it.

use std::path::PathBuf;

use hew_core::exit::Exit;
use hew_core::ids::{BranchName, CommitId};
use hew_core::worktree::GitError;

use super::git::run::GitCall;
use super::project::Project;

/// Where HEAD is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Head {
    /// On a branch.
    Branch {
        /// Its name.
        name: BranchName,
        /// Its commit.
        commit: CommitId,
    },
    /// At a commit, on no branch.
    Detached(CommitId),
    /// On a branch without a commit.
    Unborn(BranchName),
}

/// What is half done in the working tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operation {
    /// For people: "a merge".
    pub name: &'static str,
    /// The command that gives it up.
    pub abort: &'static str,
}

/// Files in a worktree's git folder that say that something is half done.
const OPERATIONS: [(&str, Operation); 7] = [
    ("MERGE_HEAD", Operation { name: "a merge", abort: "git merge --abort" }),
    ("rebase-merge", Operation { name: "a rebase", abort: "git rebase --abort" }),
    ("rebase-apply/applying", Operation { name: "an am", abort: "git am --abort" }),
    ("rebase-apply", Operation { name: "a rebase", abort: "git rebase --abort" }),
    ("CHERRY_PICK_HEAD", Operation { name: "a cherry-pick", abort: "git cherry-pick --abort" }),
    ("REVERT_HEAD", Operation { name: "a revert", abort: "git revert --abort" }),
    ("BISECT_LOG", Operation { name: "a bisect", abort: "git bisect reset" }),
];

/// The state of the working tree that hew was started in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaunchState {
    /// Where HEAD is.
    pub head: Head,
    /// What is half done.
    pub operation: Option<Operation>,
}

/// Looks at the working tree.
pub fn load(project: &Project) -> Result<LaunchState, GitError> {
    let call = || GitCall::new(&project.root);
    let git_dir = call().args(["rev-parse", "--absolute-git-dir"]).run()?.success()?;
    let git_dir = PathBuf::from(git_dir.line()?);
    let on = call().args(["symbolic-ref", "--quiet", "HEAD"]).run()?;
    // 1 says that HEAD is detached; anything else but 0 that git can't tell, and then nothing would be delivered.
    if !matches!(on.exit, Exit::Code(0 | 1)) {
        return Err(on.failure());
    }
    let branch =
        String::from_utf8_lossy(&on.stdout).trim_end().strip_prefix("refs/heads/").map(BranchName::new);
    let at = call().args(["rev-parse", "--verify", "--quiet", "HEAD^{commit}"]).run()?;
    let commit = at.exit.is_success().then(|| CommitId::new(String::from_utf8_lossy(&at.stdout).trim_end()));
    let head = match (branch, commit) {
        (Some(name), Some(commit)) => Head::Branch { name, commit },
        (None, Some(commit)) => Head::Detached(commit),
        (branch, None) => Head::Unborn(branch.unwrap_or_else(|| BranchName::new("HEAD"))),
    };
    let operation =
        OPERATIONS.iter().find(|(file, _)| git_dir.join(file).exists()).map(|(_, operation)| *operation);
    Ok(LaunchState { head, operation })
}
