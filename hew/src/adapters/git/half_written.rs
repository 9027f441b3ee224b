//! Files of a checkout that a git which was killed had brought forward already, and of which its index does not know: the next
//! one would take them for a person's, and refuse.
//!
//! Invariant: no file is touched, and of the index only entries that were as HEAD has them, of files that are byte by byte what
//! the commit has.

use std::collections::BTreeSet;
use std::path::Path;

use hew_core::ids::CommitId;
use hew_core::worktree::GitError;

use super::forward::in_checkout;
use super::run::{GitAnswer, LONG};
use super::{RepoGit, file_error};

/// Mode of a commit of another repository.
const LINK: &[u8] = b"160000";

/// A file as a commit has it: mode, content's name, path.
struct Entry<'a> {
    mode: &'a [u8],
    blob: &'a [u8],
    path: &'a [u8],
}

/// Lets the index know of files that are as this commit has them, and not as HEAD has them. Answers how many.
pub(super) fn take_in(git: &RepoGit, checkout: &Path, to: &CommitId) -> Result<usize, GitError> {
    let ask = |args: &[&str]| in_checkout(git, checkout).args(args).timeout(LONG).run()?.success();
    let listed =
        ask(&["diff-tree", "-r", "-z", "--raw", "--no-renames", "--diff-filter=AMT", "HEAD", to.as_str()])?;
    let entries = entries(&listed.stdout);
    if entries.is_empty() {
        return Ok(0);
    }
    let staged = ask(&["diff-index", "--cached", "-z", "--name-only", "--no-renames", "HEAD"])?;
    let staged = paths(&staged);
    let other = unlike(git, checkout, &entries)?;
    let other = paths(&other);
    let done: Vec<&Entry<'_>> =
        entries.iter().filter(|entry| !staged.contains(entry.path) && !other.contains(entry.path)).collect();
    if !done.is_empty() {
        let call = in_checkout(git, checkout).args(["update-index", "-z", "--index-info"]);
        call.input(index_info(done.iter().copied())).timeout(LONG).run()?.success()?;
    }
    Ok(done.len())
}

/// Asks git which of these files are not there, or not like this, with the help of an index of its own.
fn unlike(git: &RepoGit, checkout: &Path, entries: &[Entry<'_>]) -> Result<GitAnswer, GitError> {
    let beside = git.common_dir.join("hew");
    let folder = tempfile::Builder::new().prefix("shared-step-").tempdir_in(&beside);
    let folder = folder.map_err(|error| file_error(&beside, error))?;
    let index = folder.path().join("index");
    let call = || in_checkout(git, checkout).env("GIT_INDEX_FILE", &index).timeout(LONG);
    call().args(["update-index", "-z", "--index-info"]).input(index_info(entries.iter())).run()?.success()?;
    // It says by its exit code that some are not like this.
    call().args(["update-index", "-q", "--refresh"]).run()?;
    call().args(["diff-files", "-z", "--name-only"]).run()?.success()
}

/// Of git's raw form: `:<mode> <mode> <name> <name> <letter>`, and the path.
fn entries(raw: &[u8]) -> Vec<Entry<'_>> {
    let mut fields = raw.split(|byte| *byte == 0);
    let mut found = Vec::new();
    while let (Some(line), Some(path)) = (fields.next().filter(|line| !line.is_empty()), fields.next()) {
        if let [_, mode, _, blob, _] = line.split(|byte| *byte == b' ').collect::<Vec<_>>()[..]
            && mode != LINK
        {
            found.push(Entry { mode, blob, path });
        }
    }
    found
}

fn paths(answer: &GitAnswer) -> BTreeSet<&[u8]> {
    answer.stdout.split(|byte| *byte == 0).filter(|path| !path.is_empty()).collect()
}

fn index_info<'a>(entries: impl Iterator<Item = &'a Entry<'a>>) -> Vec<u8> {
    let line = |entry: &Entry<'a>| [entry.mode, b" ", entry.blob, b"\t", entry.path, b"\0"].concat();
    entries.flat_map(line).collect()
}
