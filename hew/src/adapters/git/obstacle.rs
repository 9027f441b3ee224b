//! What keeps a checkout from a commit, for whoever has to put it out of the way. Git's own words are for people; here it is asked.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use hew_core::ids::CommitId;
use hew_core::worktree::{GitError, Obstacle};

use super::RepoGit;
use super::forward::in_checkout;
use super::half_written::paths;
use super::run::{GitAnswer, LONG};

/// A person's files that the commit would change or overwrite; none where nothing of that kind is in the way, or git can't say.
pub(super) fn files(git: &RepoGit, checkout: &Path, to: &CommitId) -> Option<Obstacle> {
    look(git, checkout, to).ok().flatten()
}

fn look(git: &RepoGit, checkout: &Path, to: &CommitId) -> Result<Option<Obstacle>, GitError> {
    let names = ["-z", "--name-only", "--no-renames"];
    let ask = |args: &[&str]| {
        let call = in_checkout(git, checkout).args(&args[..1]).args(names).args(&args[1..]);
        call.timeout(LONG).run().and_then(GitAnswer::success)
    };
    let coming = ask(&["diff-tree", "-r", "HEAD", to.as_str()])?;
    let new = ask(&["diff-tree", "-r", "--diff-filter=A", "HEAD", to.as_str()])?;
    // Unlike plumbing it looks at a file whose date alone has changed.
    let changed = ask(&["diff", "--no-ext-diff", "--no-relative", "HEAD"])?;
    let changed: BTreeSet<&[u8]> = paths(&coming).intersection(&paths(&changed)).copied().collect();
    let untracked = paths(&new).into_iter().filter(|path| !changed.contains(path) && is_file(checkout, path));
    let untracked: Vec<String> = untracked.map(lossy).collect();
    if changed.is_empty() && untracked.is_empty() {
        return Ok(None);
    }
    Ok(Some(Obstacle::Files { changed: changed.into_iter().map(lossy).collect(), untracked }))
}

fn is_file(checkout: &Path, path: &[u8]) -> bool {
    let meta = fs::symlink_metadata(checkout.join(OsStr::from_bytes(path)));
    meta.is_ok_and(|meta| !meta.is_dir())
}

fn lossy(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}
