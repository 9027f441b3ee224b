//! What lies in a worktree. It only reads, and takes no lock.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use hew_core::ids::{BranchName, CommitId};
use hew_core::worktree::{Alteration, GitError, Inspection, WorktreeInspection};

use super::RepoGit;
use super::admin::{self, Linked};
use super::clone;
use super::run::{GitAnswer, LONG};

/// The mode of another repository's commit.
const GITLINK: &[u8] = b"160000";

/// How many changed paths are listed; all are counted.
const LISTED: usize = 10_000;

/// How many paths an alteration names.
const ALTERATIONS_NAMED: usize = 20;

/// Looks into a worktree.
pub(super) fn inspect(git: &RepoGit, path: &Path) -> Result<Inspection, GitError> {
    let linked = match admin::locate(&git.common_dir, path) {
        Ok(linked) => linked,
        Err(reason) => return Ok(Inspection::Broken(reason)),
    };
    if let Err(reason) = clone::make_safe(git, &linked)? {
        return Ok(Inspection::Broken(reason));
    }
    let status = ask(git, &linked, "--untracked-files=all")?;
    if !status.exit.is_success() {
        return Ok(Inspection::Broken(status.words()));
    }
    let status = Status::parse(&status.stdout).ok_or_else(|| status.unreadable())?;
    let Some(head) = status.head else {
        return Ok(Inspection::Broken("its HEAD names no commit".to_owned()));
    };
    let change_bytes = status.changes.iter().map(|change| size_of_file(&linked.path.join(change))).sum();
    let change_count = status.changes.len();
    let mut changes = status.changes;
    changes.truncate(LISTED);
    Ok(Inspection::Readable(WorktreeInspection {
        head,
        branch: status.branch,
        changes,
        change_count,
        change_bytes,
        unmerged: status.unmerged,
        nested_repositories: status.nested,
    }))
}

/// Tells whether a worktree is still at a commit, with every tracked file as it is there.
pub(super) fn alteration(git: &RepoGit, path: &Path, commit: &CommitId) -> Result<Alteration, GitError> {
    let linked = match admin::locate(&git.common_dir, path) {
        Ok(linked) => linked,
        Err(reason) => return Ok(Alteration::Broken(reason)),
    };
    let answer = ask(git, &linked, "--untracked-files=no")?;
    if !answer.exit.is_success() {
        return Ok(Alteration::Broken(answer.words()));
    }
    let status = Status::parse(&answer.stdout).ok_or_else(|| answer.unreadable())?;
    Ok(match status.head {
        None => Alteration::Broken("its HEAD names no commit".to_owned()),
        Some(head) if head != *commit => Alteration::HeadMoved(head),
        Some(_) if status.changes.is_empty() => Alteration::None,
        Some(_) => {
            let named = status.changes.iter().take(ALTERATIONS_NAMED);
            Alteration::Files(named.map(|path| path.to_string_lossy().into_owned()).collect())
        }
    })
}

fn ask(git: &RepoGit, linked: &Linked, untracked: &str) -> Result<GitAnswer, GitError> {
    git.in_worktree(linked)
        .args(["--no-optional-locks", "status", "--porcelain=v2", "-z", "--branch"])
        .args([untracked, "--no-renames", "--ignore-submodules=none"])
        .timeout(LONG)
        .run()
}

fn size_of_file(path: &Path) -> u64 {
    fs::symlink_metadata(path).ok().filter(fs::Metadata::is_file).map_or(0, |file| file.len())
}

/// Folders that the index holds as another repository's commit, although .gitmodules does not know them.
pub(super) fn repository_links(git: &RepoGit, linked: &Linked) -> Result<Vec<PathBuf>, GitError> {
    let staged = git.in_worktree(linked).args(["ls-files", "--stage", "-z"]).run()?.success()?;
    let links: Vec<PathBuf> = staged
        .stdout
        .split(|&byte| byte == 0)
        .filter(|entry| entry.starts_with(b"160000 "))
        .filter_map(|entry| entry.splitn(2, |&byte| byte == b'\t').nth(1))
        .map(to_path)
        .collect();
    if links.is_empty() {
        return Ok(links);
    }
    let modules = module_paths(git, linked)?;
    Ok(links.into_iter().filter(|link| !modules.contains(link)).collect())
}

fn module_paths(git: &RepoGit, linked: &Linked) -> Result<Vec<PathBuf>, GitError> {
    let listed = git
        .in_worktree(linked)
        .args(["config", "--file", ".gitmodules", "-z", "--get-regexp", r"^submodule\..*\.path$"])
        .run()?;
    // Exit code 1: no such file, or no such key in it.
    let entries = listed.stdout.split(|&byte| byte == 0);
    Ok(entries.filter_map(|entry| entry.splitn(2, |&byte| byte == b'\n').nth(1)).map(to_path).collect())
}

/// What `status --porcelain=v2 -z --branch` says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Status {
    head: Option<CommitId>,
    branch: Option<BranchName>,
    changes: Vec<PathBuf>,
    unmerged: Vec<PathBuf>,
    nested: Vec<PathBuf>,
}

impl Status {
    /// `None` for an entry of unknown form.
    fn parse(output: &[u8]) -> Option<Self> {
        let mut status = Self::default();
        let mut entries = output.split(|&byte| byte == 0).filter(|entry| !entry.is_empty());
        while let Some(entry) = entries.next() {
            match entry.first()? {
                b'#' => status.add_header(entry),
                b'1' => {
                    let path = to_path(nth_field(entry, 8)?);
                    if nth_field(entry, 4)?.starts_with(GITLINK) && !nth_field(entry, 3)?.starts_with(GITLINK)
                    {
                        status.nested.push(path.clone());
                    }
                    status.changes.push(path);
                }
                b'2' => {
                    status.changes.push(to_path(nth_field(entry, 9)?));
                    status.changes.push(to_path(entries.next()?));
                }
                b'u' => {
                    let path = to_path(nth_field(entry, 10)?);
                    status.unmerged.push(path.clone());
                    status.changes.push(path);
                }
                b'?' => status.add_untracked(entry.get(2..)?),
                _ => return None,
            }
        }
        Some(status)
    }

    fn add_header(&mut self, entry: &[u8]) {
        let text = String::from_utf8_lossy(entry);
        if let Some(head) = text.strip_prefix("# branch.oid ") {
            self.head = (head != "(initial)").then(|| CommitId::new(head));
        } else if let Some(branch) = text.strip_prefix("# branch.head ") {
            self.branch = (branch != "(detached)").then(|| BranchName::new(branch));
        }
    }

    /// With every untracked file listed, only a repository of its own is still shown as a folder.
    fn add_untracked(&mut self, path: &[u8]) {
        let folder = path.strip_suffix(b"/");
        if let Some(folder) = folder {
            self.nested.push(to_path(folder));
        }
        self.changes.push(to_path(folder.unwrap_or(path)));
    }
}

fn nth_field(entry: &[u8], number: usize) -> Option<&[u8]> {
    entry.splitn(number + 1, |&byte| byte == b' ').nth(number)
}

fn to_path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_entry_is_read_with_any_path() {
        let output = b"# branch.oid 1234\0# branch.head topic\0\
            1 .M N... 100644 100644 100644 aa bb with space\nand line\0\
            2 R. N... 100644 100644 100644 aa bb R100 new\0old\0\
            u UU N... 100644 100644 100644 100644 aa bb cc both\0\
            1 A. S... 000000 160000 160000 aa bb staged\0\
            ? loose \xff\0? nested/\0";
        let status = Status::parse(output).unwrap();
        assert_eq!(status.head, Some(CommitId::from("1234")));
        assert_eq!(status.branch, Some(BranchName::from("topic")));
        let changes: Vec<_> = status.changes.iter().map(|path| path.to_string_lossy().into_owned()).collect();
        assert_eq!(
            changes,
            ["with space\nand line", "new", "old", "both", "staged", "loose \u{fffd}", "nested"]
        );
        assert_eq!(status.unmerged, [PathBuf::from("both")]);
        assert_eq!(status.nested, [PathBuf::from("staged"), PathBuf::from("nested")]);
    }

    #[test]
    fn detached_and_unborn_heads_are_told_and_unknown_entries_refused() {
        let detached = Status::parse(b"# branch.oid 12\0# branch.head (detached)\0").unwrap();
        assert_eq!((detached.head, detached.branch), (Some(CommitId::from("12")), None));
        let unborn = Status::parse(b"# branch.oid (initial)\0# branch.head new\0").unwrap();
        assert_eq!(unborn.head, None);
        assert_eq!(Status::parse(b"9 what\0"), None);
    }
}
