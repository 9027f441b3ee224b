//! Committing what an agent left uncommitted, by plumbing: no hooks, no signature, and HEAD, its branch and the
//! worktree's own index stay as they are.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use hew_core::ids::CommitId;
use hew_core::worktree::GitError;

use super::admin::Linked;
use super::run::{GitCall, LONG};
use super::{RepoGit, file_error};

/// Commits all that differs from HEAD and is not left out; HEAD itself if that is nothing.
pub(super) fn commit(
    git: &RepoGit,
    path: &Path,
    message: &str,
    leave_out: &[PathBuf],
) -> Result<CommitId, GitError> {
    let linked = git.locate(path)?;
    let index = Index::copy_of(&linked)?;
    git.in_index(&linked, &index).args(["add", "--all", "--", "."]).timeout(LONG).run()?.success()?;
    if !leave_out.is_empty() {
        let call = git.in_index(&linked, &index).arg("--literal-pathspecs");
        call.args(["reset", "--quiet", "HEAD", "--"]).args(leave_out).run()?.success()?;
    }
    let tree = git.in_index(&linked, &index).arg("write-tree").run()?.success()?;
    let tree = tree.line()?;
    let (head, head_tree) = read_head(git, &linked)?;
    if tree == head_tree {
        return Ok(head);
    }
    let call = git.in_worktree(&linked).args(["commit-tree", tree, "-F", "-", "-p", head.as_str()]);
    let answer = git.with_identity(call.input(message.as_bytes()))?.run()?.success()?;
    Ok(CommitId::new(answer.line()?))
}

fn read_head(git: &RepoGit, linked: &Linked) -> Result<(CommitId, String), GitError> {
    let answer =
        git.in_worktree(linked).args(["rev-parse", "HEAD^{commit}", "HEAD^{tree}"]).run()?.success()?;
    let (head, tree) = answer.line()?.split_once('\n').ok_or_else(|| answer.unreadable())?;
    Ok((CommitId::new(head), tree.to_owned()))
}

impl RepoGit {
    fn in_index(&self, linked: &Linked, index: &Index) -> GitCall {
        self.in_worktree(linked).env("GIT_INDEX_FILE", &index.file)
    }
}

/// A copy of a worktree's index, removed when it is dropped. A copy keeps what git knows of unchanged files.
struct Index {
    file: PathBuf,
}

impl Index {
    fn copy_of(linked: &Linked) -> Result<Self, GitError> {
        let file = linked.admin.join(format!("hew-index-{}", std::process::id()));
        let index = Self { file };
        match fs::copy(linked.admin.join("index"), &index.file) {
            Ok(_) => Ok(index),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(index),
            Err(error) => Err(file_error(&index.file, error)),
        }
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        // What can't be removed is inside git's record of the worktree and goes with it.
        let _ = fs::remove_file(&self.file);
    }
}
