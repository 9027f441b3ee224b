//! Making, resetting, listing and removing worktrees.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use hew_core::ids::{BranchName, CommitId};
use hew_core::worktree::{CleanDepth, GitError, WorktreeEntry, WorktreeReset, WorktreeStart};

use super::admin::{self, Linked};
use super::clone;
use super::discard::{discard, make_folders_writable};
use super::run::{GitAnswer, LONG};
use super::{RepoGit, file_error};

/// How often git is asked while other worktrees are half-made: it takes some microseconds to write a record.
const TRIES: u32 = 20;

/// What git reads as the files that a worktree shall have: one name, in every folder.
const ONLY_ATTRIBUTES: &str = ".gitattributes\n";

/// Settings that make git read it.
const SPARSE: [(&str, &str); 3] =
    [("core.sparseCheckout", "true"), ("core.sparseCheckoutCone", "false"), ("index.sparse", "false")];

/// Makes a worktree; what a killed attempt left at this path is cleared first.
pub(super) fn add(git: &RepoGit, path: &Path, start: &WorktreeStart) -> Result<(), GitError> {
    let linked = begin(git, path, start)?;
    fill(git, &linked, &[])
}

/// Makes a worktree that holds of a commit's files only the attributes.
pub(super) fn add_merge_place(git: &RepoGit, path: &Path, commit: &CommitId) -> Result<(), GitError> {
    let linked = begin(git, path, &WorktreeStart { branch: None, commit: commit.clone() })?;
    let folder = linked.admin.join("info");
    let written =
        fs::create_dir_all(&folder).and_then(|()| fs::write(folder.join("sparse-checkout"), ONLY_ATTRIBUTES));
    written.map_err(|error| file_error(&folder, error))?;
    fill(git, &linked, &SPARSE)
}

fn begin(git: &RepoGit, path: &Path, start: &WorktreeStart) -> Result<Linked, GitError> {
    remove(git, path)?;
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(|error| file_error(parent, error))?;
    }
    register(git, path, start)?;
    git.locate_unfinished(path)
}

/// Writes a new worktree's files and takes the mark of an unfinished one away.
pub(super) fn fill(
    git: &RepoGit,
    linked: &Linked,
    settings: &[(&'static str, &'static str)],
) -> Result<(), GitError> {
    let call = git.in_worktree(linked).settings(settings).args(["reset", "--quiet", "--hard"]);
    call.timeout(LONG).run()?.success()?;
    let mark = linked.admin.join("locked");
    fs::remove_file(&mark).map_err(|error| file_error(&mark, error))
}

/// Makes git's record of a worktree, marked as git marks one that it is still making, and no file yet. It takes its
/// turn: git reads the records of all worktrees, and fails on one that is half-written.
fn register(git: &RepoGit, path: &Path, start: &WorktreeStart) -> Result<(), GitError> {
    let _turn = git.records.write().unwrap_or_else(PoisonError::into_inner);
    let again = || {
        remove(git, path)?;
        register_once(git, path, start)
    };
    past_half_made(register_once(git, path, start)?, again)?.success().map(drop)
}

/// Asks again while git fails on a worktree that somebody else, an agent or a sibling, is making or taking away just now.
pub(super) fn past_half_made(
    mut answer: GitAnswer,
    again: impl Fn() -> Result<GitAnswer, GitError>,
) -> Result<GitAnswer, GitError> {
    for _ in 1..TRIES {
        if answer.exit.is_success() || !is_about_half_made(&answer.stderr) {
            break;
        }
        answer = again()?;
    }
    Ok(answer)
}

/// Git's words of a record of a worktree that lacks a part (`failed to read …/worktrees/6/commondir: Success`), or that went
/// while git read it (`fatal: Invalid path '…/worktrees/6': No such file or directory`).
fn is_about_half_made(words: &str) -> bool {
    let is_gone = |line: &str| line.contains("Invalid path '") && line.contains("/worktrees/");
    words.contains("/commondir: ") || words.lines().any(is_gone)
}

fn register_once(git: &RepoGit, path: &Path, start: &WorktreeStart) -> Result<GitAnswer, GitError> {
    let call = git.on_repository().args(["worktree", "add", "--quiet", "--no-checkout"]);
    let call = call.args(["--lock", "--reason", admin::UNFINISHED_MARK]);
    let call = match &start.branch {
        // Upstream tracking would write the shared config file, whose lock parallel calls fight for.
        Some(branch) => call.args(["--no-track", "-B"]).arg(branch.as_str()),
        None => call.arg("--detach"),
    };
    call.arg(path).arg(start.commit.as_str()).run()
}

/// Puts a worktree back to a start.
pub(super) fn reset(
    git: &RepoGit,
    path: &Path,
    start: &WorktreeStart,
    depth: CleanDepth,
) -> Result<WorktreeReset, GitError> {
    let linked = match admin::locate(&git.common_dir, path) {
        Ok(linked) => linked,
        Err(reason) => return Ok(WorktreeReset::Broken(reason)),
    };
    if let Err(reason) = clone::make_safe(git, &linked)? {
        return Ok(WorktreeReset::Broken(reason));
    }
    admin::clear_unfinished(&linked.admin).map_err(|error| file_error(&linked.admin, error))?;
    admin::mend_pointer(&linked).map_err(|error| file_error(&linked.path, error))?;
    if linked.is_clone {
        clone::renew(git, &linked, start)?;
    }
    let checkout = past_half_made(switch(git, &linked, start)?, || switch(git, &linked, start))?;
    if !checkout.exit.is_success() {
        return Ok(WorktreeReset::Broken(checkout.words()));
    }
    let flags = match depth {
        CleanDepth::Nothing => return Ok(WorktreeReset::Reset),
        CleanDepth::KeepIgnored => "-ffd",
        CleanDepth::Everything => "-ffdx",
    };
    let clean = clean(git, &linked, flags)?;
    if clean.exit.is_success() {
        return Ok(WorktreeReset::Reset);
    }
    // Read-only folders (module caches are such) can't be emptied.
    make_folders_writable(&linked.path).map_err(|error| file_error(&linked.path, error))?;
    let again = self::clean(git, &linked, flags)?;
    if again.exit.is_success() { Ok(WorktreeReset::Reset) } else { Ok(WorktreeReset::Broken(again.words())) }
}

/// Detaches a worktree at a commit and makes its files that commit's. A broken one
/// is made again.
pub(super) fn checkout(
    git: &RepoGit,
    path: &Path,
    commit: &CommitId,
    depth: CleanDepth,
) -> Result<(), GitError> {
    let start = WorktreeStart { branch: None, commit: commit.clone() };
    match reset(git, path, &start, depth)? {
        WorktreeReset::Reset => Ok(()),
        WorktreeReset::Broken(_) => add(git, path, &start),
    }
}

/// Points a worktree's HEAD at a commit; files and index stay as they are.
pub(super) fn hold(git: &RepoGit, path: &Path, commit: &CommitId) -> Result<(), GitError> {
    let linked = git.locate(path)?;
    if admin::move_detached_head(&linked.admin, commit.as_str()).is_ok() {
        return Ok(());
    }
    let call = git.in_worktree(&linked).args(["update-ref", "--no-deref", "HEAD", commit.as_str()]);
    call.run()?.success().map(drop)
}

fn switch(git: &RepoGit, linked: &Linked, start: &WorktreeStart) -> Result<GitAnswer, GitError> {
    let _complete = git.records.read().unwrap_or_else(PoisonError::into_inner);
    let ask = || {
        // A sibling's agent may have this worktree's branch checked out; that must not keep it from its own.
        let call =
            git.in_worktree(linked).args(["checkout", "--quiet", "--force", "--ignore-other-worktrees"]);
        let call = match &start.branch {
            Some(branch) => call.args(["--no-track", "-B"]).arg(branch.as_str()),
            None => call.arg("--detach"),
        };
        call.arg(start.commit.as_str()).arg("--").timeout(LONG).run()
    };
    past_half_made(ask()?, ask)
}

fn clean(git: &RepoGit, linked: &Linked, flags: &str) -> Result<GitAnswer, GitError> {
    git.in_worktree(linked).args(["clean", "--quiet", flags]).timeout(LONG).run()
}

/// All worktrees, the main one first.
pub(super) fn list(git: &RepoGit) -> Result<Vec<WorktreeEntry>, GitError> {
    let turn = git.records.read().unwrap_or_else(PoisonError::into_inner);
    let ask = || git.on_repository().args(["worktree", "list", "--porcelain", "-z"]).run();
    let answer = past_half_made(ask()?, ask)?.success()?;
    drop(turn);
    let mut entries: Vec<WorktreeEntry> = Vec::new();
    for field in answer.stdout.split(|&byte| byte == 0) {
        let (key, value) = split_field(field);
        match (key, entries.last_mut()) {
            (b"worktree", _) => {
                entries.push(WorktreeEntry { path: to_path(value), head: None, branch: None });
            }
            (b"HEAD", Some(entry)) => entry.head = parse_head(value),
            (b"branch", Some(entry)) => entry.branch = parse_branch(value),
            _ => {}
        }
    }
    if entries.is_empty() { Err(answer.unreadable()) } else { Ok(entries) }
}

/// Removes a worktree and git's record of it. Neither has to be there.
pub(super) fn remove(git: &RepoGit, path: &Path) -> Result<(), GitError> {
    let records = admin::records_of(&git.common_dir, path).map_err(|error| file_error(path, error))?;
    discard(path).map_err(|error| file_error(path, error))?;
    let own = clone::git_folder(path);
    discard(&own).map_err(|error| file_error(&own, error))?;
    for record in records {
        // Git's own remove refuses a locked or half-made worktree.
        fs::remove_dir_all(&record).map_err(|error| file_error(&record, error))?;
    }
    Ok(())
}

fn split_field(field: &[u8]) -> (&[u8], &[u8]) {
    match field.iter().position(|&byte| byte == b' ') {
        Some(at) => (&field[..at], &field[at + 1..]),
        None => (field, &[]),
    }
}

fn to_path(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    PathBuf::from(std::ffi::OsStr::from_bytes(bytes))
}

fn parse_head(value: &[u8]) -> Option<CommitId> {
    let text = std::str::from_utf8(value).ok()?;
    // An unborn branch is listed with a name of zeros.
    text.bytes().any(|byte| byte != b'0').then(|| CommitId::new(text))
}

fn parse_branch(value: &[u8]) -> Option<BranchName> {
    let text = String::from_utf8_lossy(value);
    text.strip_prefix("refs/heads/").map(BranchName::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn git_is_asked_again_about_records_that_come_or_go_and_about_nothing_else() {
        for words in [
            "fatal: failed to read /p/.git/worktrees/6/commondir: Success",
            "fatal: Invalid path '/p/.git/worktrees/6': No such file or directory\n",
        ] {
            assert!(is_about_half_made(words), "{words}");
        }
        for words in
            ["", "fatal: Invalid path '/p/src': No such file or directory", "fatal: '/p/worktrees/6' exists"]
        {
            assert!(!is_about_half_made(words), "{words}");
        }
    }
}
