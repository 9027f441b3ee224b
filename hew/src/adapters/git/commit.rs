//! Commits of hew's own, made by plumbing: no hooks, no signature, HEAD untouched.

use std::path::{Path, PathBuf};

use hew_core::exit::Exit;
use hew_core::ids::{CommitId, TreeId};
use hew_core::worktree::{GitError, MergeOutcome, MergeRequest};

use super::run::GitCall;
use super::worktree::admin_dir;
use super::{RepoGit, unreadable};

/// On the way to the target, objects are on disk before any ref names them.
const SYNC: [&str; 4] = ["-c", "core.fsync=committed,loose-object", "-c", "core.fsyncMethod=batch"];

fn call(git: &RepoGit, path: &Path) -> Result<GitCall, GitError> {
    let admin = admin_dir(git, path).map_err(|reason| GitError::File { path: path.to_owned(), reason })?;
    Ok(RepoGit::worktree_call(path, &admin))
}

/// Commits everything that differs from HEAD, but for `leave_out`.
pub(super) fn leftovers(
    git: &RepoGit,
    path: &Path,
    message: &str,
    leave_out: &[PathBuf],
) -> Result<CommitId, GitError> {
    let add = call(git, path)?.args(["add", "--all", "--", "."]);
    let excluded = leave_out.iter().map(|path| format!(":(exclude,top,literal){}", path.display()));
    add.args(excluded).output()?;
    let tree = call(git, path)?.arg("write-tree").line()?;
    let commit = call(git, path)?.args(["commit-tree", &tree, "-p", "HEAD", "-F", "-"]).stdin(message);
    Ok(CommitId::new(git.with_identity(commit).line()?))
}

/// Merges two commits in the lane's worktree. A conflict and a missing object both end with 1: only a conflict names a tree.
pub(super) fn merge(git: &RepoGit, request: &MergeRequest) -> Result<MergeOutcome, GitError> {
    let MergeRequest { lane, tip, work, message } = request;
    let flags = ["merge-tree", "--write-tree", "-z", "--name-only", "--no-messages"];
    let answer =
        call(git, lane)?.args(SYNC).args(flags).args([tip.as_str(), work.as_str()]).answer()?;
    let mut fields = answer.stdout.split(|byte| *byte == 0).filter(|field| !field.is_empty());
    let tree = fields.next().map(|field| String::from_utf8_lossy(field).into_owned());
    let tree = tree.filter(|tree| tree.len() >= 40 && tree.bytes().all(|byte| byte.is_ascii_hexdigit()));
    match (answer.exit, tree) {
        (Exit::Code(0), Some(tree)) => {
            let commit = commit_merge(git, lane, &tree, tip, work, message)?;
            Ok(MergeOutcome::Merged { commit, tree: TreeId::new(tree) })
        }
        (Exit::Code(1), Some(_)) => {
            let files = fields.map(|field| String::from_utf8_lossy(field).into_owned()).collect();
            Ok(MergeOutcome::Conflict { files })
        }
        (Exit::Code(0), None) => Err(unreadable("merge-tree", &answer.stdout)),
        _ => Err(answer.failure().into()),
    }
}

fn commit_merge(
    git: &RepoGit,
    lane: &Path,
    tree: &str,
    tip: &CommitId,
    work: &CommitId,
    message: &str,
) -> Result<CommitId, GitError> {
    let parents = ["-p", tip.as_str(), "-p", work.as_str(), "-F", "-"];
    let call = call(git, lane)?.args(SYNC).args(["commit-tree", tree]).args(parents).stdin(message);
    Ok(CommitId::new(git.with_identity(call).line()?))
}
