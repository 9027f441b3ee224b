//! Files of a checkout that a git which was killed, or failed, had brought forward already, and of which its index does not know: the next
//! one would take them for a person's, and refuse.
//!
//! Invariant: of files only those are written that are a beginning of what the commit has and were made while that git lived; of the
//! index only entries that were as HEAD has them, of files that are byte by byte what the commit has.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use hew_core::ids::CommitId;
use hew_core::worktree::GitError;

use super::forward::in_checkout;
use super::run::{GitAnswer, GitCall, LONG};
use super::shared_step::{self, Lived};
use super::{RepoGit, file_error};

/// Mode of a commit of another repository.
const LINK: &[u8] = b"160000";

/// A file as a commit has it: mode, content's name, path.
struct Entry<'a> {
    mode: &'a [u8],
    blob: &'a [u8],
    path: &'a [u8],
}

/// Some file that differs between HEAD and this commit was written in this time. In doubt one was.
pub(super) fn is_there(git: &RepoGit, checkout: &Path, to: &CommitId, within: &Lived) -> bool {
    let call = in_checkout(git, checkout)
        .args([
            "diff-tree",
            "-r",
            "-z",
            "--name-only",
            "--no-renames",
            "--diff-filter=AMT",
            "HEAD",
            to.as_str(),
        ])
        .timeout(LONG);
    let Ok(listed) = call.run().and_then(GitAnswer::success) else { return true };
    paths(&listed).into_iter().any(|path| {
        let meta = fs::symlink_metadata(checkout.join(OsStr::from_bytes(path)));
        meta.and_then(|meta| meta.modified()).is_ok_and(|written| within.contains(&written))
    })
}

/// Lets the index know of files that are as this commit has them, and not as HEAD has them; one that git began to write while one
/// of them `lived` is written to its end. Answers how many.
pub(super) fn take_in(
    git: &RepoGit,
    checkout: &Path,
    to: &CommitId,
    lived: &[&Lived],
) -> Result<usize, GitError> {
    let ask = |args: &[&str]| in_checkout(git, checkout).args(args).timeout(LONG).run()?.success();
    let is_ahead = in_checkout(git, checkout).args(["merge-base", "--is-ancestor", "HEAD", to.as_str()]);
    if !is_ahead.run()?.exit.is_success() {
        // The person went elsewhere: what the commit has is nothing to bring the checkout forward to.
        return Ok(0);
    }
    let listed =
        ask(&["diff-tree", "-r", "-z", "--raw", "--no-renames", "--diff-filter=AMT", "HEAD", to.as_str()])?;
    let mut entries = entries(&listed.stdout);
    let staged = ask(&["diff-index", "--cached", "-z", "--name-only", "--no-renames", "HEAD"])?;
    let staged = paths(&staged);
    entries.retain(|entry| !staged.contains(entry.path));
    if entries.is_empty() {
        return Ok(0);
    }
    let beside = shared_step::folder(&git.common_dir);
    let folder = tempfile::Builder::new().prefix(shared_step::NAME).tempdir_in(&beside);
    let folder = folder.map_err(|error| file_error(&beside, error))?;
    let wanted = Wanted { git, checkout, to, index: &folder.path().join("index") };
    let unlike = wanted.unlike(&entries)?;
    let unlike = paths(&unlike);
    let begun: Vec<&Entry<'_>> = entries.iter().filter(|entry| unlike.contains(entry.path)).collect();
    let begun = wanted.begun(begun, lived)?;
    wanted.write(&begun)?;
    entries.retain(|entry| !unlike.contains(entry.path) || begun.contains(&entry.path));
    if !entries.is_empty() {
        let call = in_checkout(git, checkout).args(["update-index", "-z", "--index-info"]);
        call.input(index_info(&entries)).timeout(LONG).run()?.success()?;
    }
    Ok(entries.len())
}

/// Files as they are to be, with an index of their own.
struct Wanted<'a> {
    git: &'a RepoGit,
    checkout: &'a Path,
    to: &'a CommitId,
    index: &'a Path,
}

impl Wanted<'_> {
    fn call(&self) -> GitCall {
        in_checkout(self.git, self.checkout).env("GIT_INDEX_FILE", self.index).timeout(LONG)
    }

    /// Asks git which of these files are not there, or not like this.
    fn unlike(&self, entries: &[Entry<'_>]) -> Result<GitAnswer, GitError> {
        self.call()
            .args(["update-index", "-z", "--index-info"])
            .input(index_info(entries))
            .run()?
            .success()?;
        // It says by its exit code that some are not like this.
        self.call().args(["update-index", "-q", "--refresh"]).run()?;
        self.call().args(["diff-files", "-z", "--name-only"]).run()?.success()
    }

    /// Those that git began to write, and did not end: each is a beginning of what it is to be, and was made then.
    fn begun<'a>(&self, entries: Vec<&Entry<'a>>, lived: &[&Lived]) -> Result<Vec<&'a [u8]>, GitError> {
        let mut begun = Vec::new();
        for entry in entries {
            let file = self.checkout.join(OsStr::from_bytes(entry.path));
            let meta = fs::symlink_metadata(&file).ok().filter(fs::Metadata::is_file);
            let is_its = meta
                .and_then(|meta| meta.modified().ok())
                .is_some_and(|made| lived.iter().any(|lived| lived.contains(&made)));
            let Some(there) = is_its.then(|| fs::read(&file).ok()).flatten() else { continue };
            let mut named = OsString::from(format!("{}:", self.to));
            named.push(OsStr::from_bytes(entry.path));
            let whole = self.call().args(["cat-file", "--filters"]).arg(named).run()?.success()?;
            if whole.stdout.starts_with(&there) {
                begun.push(entry.path);
            }
        }
        Ok(begun)
    }

    /// Writes files anew.
    fn write(&self, paths: &[&[u8]]) -> Result<(), GitError> {
        if paths.is_empty() {
            return Ok(());
        }
        let names = paths.iter().flat_map(|path| [path, &b"\0"[..]].concat()).collect::<Vec<u8>>();
        self.call()
            .args(["checkout-index", "--force", "-z", "--stdin"])
            .input(names)
            .run()?
            .success()
            .map(drop)
    }
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

pub(super) fn paths(answer: &GitAnswer) -> BTreeSet<&[u8]> {
    answer.stdout.split(|byte| *byte == 0).filter(|path| !path.is_empty()).collect()
}

fn index_info(entries: &[Entry<'_>]) -> Vec<u8> {
    let line = |entry: &Entry<'_>| [entry.mode, b" ", entry.blob, b"\t", entry.path, b"\0"].concat();
    entries.iter().flat_map(line).collect()
}
