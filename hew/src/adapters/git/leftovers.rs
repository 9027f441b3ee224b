//! Committing what an agent left uncommitted, by plumbing: no hooks, no signature, and HEAD and its branch stay as they
//! are. The worktree's own index takes the files in, so that the next reset knows them and nothing has to be cleaned.

use std::path::{Path, PathBuf};

use hew_core::ids::CommitId;
use hew_core::worktree::GitError;

use super::admin;
use super::history::tree_of;
use super::run::LONG;
use super::{RepoGit, file_error};

/// Commits all that differs from HEAD and is not left out; HEAD itself if that is nothing.
pub(super) fn commit(
    git: &RepoGit,
    path: &Path,
    head: &CommitId,
    message: &str,
    leave_out: &[PathBuf],
) -> Result<CommitId, GitError> {
    let linked = git.locate(path)?;
    admin::unlock_index(&linked.admin).map_err(|error| file_error(&linked.admin, error))?;
    git.in_worktree(&linked).args(["add", "--all", "--", "."]).timeout(LONG).run()?.success()?;
    if !leave_out.is_empty() {
        let call = git.in_worktree(&linked).arg("--literal-pathspecs");
        call.args(["reset", "--quiet", "HEAD", "--"]).args(leave_out).run()?.success()?;
    }
    let tree = git.in_worktree(&linked).arg("write-tree").run()?.success()?;
    let tree = tree.line()?;
    // Only what is left out can make a difference in the worktree that is none in the tree.
    if !leave_out.is_empty() && tree == tree_of(git, head)?.as_str() {
        return Ok(head.clone());
    }
    let call = git.in_worktree(&linked).args(["commit-tree", tree, "-F", "-", "-p", head.as_str()]);
    let answer = git.with_identity(call.input(message.as_bytes()))?.run()?.success()?;
    Ok(CommitId::new(answer.line()?))
}
