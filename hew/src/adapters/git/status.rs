//! What lies in a worktree, and what differs between commits, from git's machine formats.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use hew_core::ids::{BranchName, CommitId};
use hew_core::worktree::{Alteration, FileChange, GitError, Inspection, WorktreeInspection};

use super::worktree::admin_dir;
use super::{RepoGit, unreadable};

/// Most changed paths that an inspection names.
const PATHS_NAMED: usize = 1000;

/// Most changed paths that an alteration names.
const ALTERATIONS_NAMED: usize = 20;

/// Looks into a worktree with one `status`.
pub(super) fn inspect(git: &RepoGit, path: &Path) -> Result<Inspection, GitError> {
    let admin = match admin_dir(git, path) {
        Ok(admin) => admin,
        Err(why) => return Ok(Inspection::Broken(why)),
    };
    let flags = ["status", "--porcelain=v2", "-z", "--branch", "--untracked-files=all", "--no-renames"];
    let answer = RepoGit::worktree_call(path, &admin).args(flags).answer()?;
    if !answer.exit.is_success() {
        return Ok(Inspection::Broken(answer.words()));
    }
    let mut found = Found::default();
    for record in answer.stdout.split(|byte| *byte == 0).filter(|record| !record.is_empty()) {
        found.take(path, record)?;
    }
    found.into_inspection().ok_or_else(|| unreadable("status", b"no branch.oid"))
}

#[derive(Default)]
struct Found {
    head: Option<CommitId>,
    branch: Option<BranchName>,
    changes: Vec<PathBuf>,
    count: usize,
    bytes: u64,
    unmerged: Vec<PathBuf>,
    nested: Vec<PathBuf>,
}

impl Found {
    /// One record of porcelain v2: `# branch.…`, `1 XY sub mH mI mW hH hI path`, `u XY sub m1 m2 m3 mW h1 h2 h3 path`, `? path`.
    fn take(&mut self, root: &Path, record: &[u8]) -> Result<(), GitError> {
        let fields = |count: usize| record.splitn(count, |byte| *byte == b' ').collect::<Vec<_>>();
        match record.first() {
            Some(b'#') => self.take_header(&String::from_utf8_lossy(record)),
            Some(b'1') => {
                let fields = fields(9);
                let path = fields.get(8).ok_or_else(|| unreadable("status", record))?;
                if fields[4] == b"160000" && fields[3] != b"160000" {
                    self.nested.push(to_path(path));
                }
                self.add(root, path);
            }
            Some(b'u') => {
                let path = *fields(11).get(10).ok_or_else(|| unreadable("status", record))?;
                self.unmerged.push(to_path(path));
                self.add(root, path);
            }
            Some(b'?') => {
                let path = &record[2..];
                if path.ends_with(b"/") {
                    self.nested.push(to_path(path));
                }
                self.add(root, path);
            }
            _ => return Err(unreadable("status", record)),
        }
        Ok(())
    }

    fn take_header(&mut self, header: &str) {
        if let Some(oid) = header.strip_prefix("# branch.oid ") {
            self.head = Some(CommitId::new(oid));
        } else if let Some(name) = header.strip_prefix("# branch.head ") {
            self.branch = (name != "(detached)").then(|| BranchName::new(name));
        }
    }

    fn add(&mut self, root: &Path, path: &[u8]) {
        let path = to_path(path);
        self.count += 1;
        self.bytes += root.join(&path).symlink_metadata().map_or(0, |meta| meta.len());
        if self.changes.len() < PATHS_NAMED {
            self.changes.push(path);
        }
    }

    fn into_inspection(self) -> Option<Inspection> {
        Some(Inspection::Readable(WorktreeInspection {
            head: self.head?,
            branch: self.branch,
            changes: self.changes,
            change_count: self.count,
            change_bytes: self.bytes,
            unmerged: self.unmerged,
            nested_repositories: self.nested,
        }))
    }
}

fn to_path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(bytes))
}

/// Tells whether a worktree is still at a commit, with every tracked file as it is there.
pub(super) fn alteration(git: &RepoGit, path: &Path, commit: &CommitId) -> Result<Alteration, GitError> {
    let admin = match admin_dir(git, path) {
        Ok(admin) => admin,
        Err(why) => return Ok(Alteration::Broken(why)),
    };
    let flags = ["status", "--porcelain=v2", "-z", "--branch", "--untracked-files=no", "--no-renames"];
    let output = RepoGit::worktree_call(path, &admin).args(flags).output()?;
    let mut found = Found::default();
    for record in output.split(|byte| *byte == 0).filter(|record| !record.is_empty()) {
        found.take(path, record)?;
    }
    Ok(match found.head {
        Some(head) if head != *commit => Alteration::HeadMoved(head),
        _ if found.changes.is_empty() => Alteration::None,
        _ => {
            let named = found.changes.iter().take(ALTERATIONS_NAMED);
            Alteration::Files(named.map(|path| path.display().to_string()).collect())
        }
    })
}

/// Files that differ between two commits, with their lines.
pub(super) fn changes(git: &RepoGit, from: &CommitId, to: &CommitId) -> Result<Vec<FileChange>, GitError> {
    let flags = ["diff", "--raw", "--numstat", "-z", "--no-renames", "--no-ext-diff", "--no-textconv"];
    let output = git.repo().args(flags).args([from.as_str(), to.as_str(), "--"]).output()?;
    let mut changes = Vec::new();
    let mut links = std::collections::BTreeSet::new();
    let mut records = output.split(|byte| *byte == 0).filter(|record| !record.is_empty());
    while let Some(record) = records.next() {
        let text = String::from_utf8_lossy(record);
        if let Some(raw) = text.strip_prefix(':') {
            let path = records.next().ok_or_else(|| unreadable("diff --raw", record))?;
            let mut modes = raw.split(' ');
            let (old, new) = (modes.next(), modes.next());
            if new == Some("160000") && old != new {
                links.insert(String::from_utf8_lossy(path).into_owned());
            }
            continue;
        }
        let mut fields = text.splitn(3, '\t');
        let mut number = || fields.next().and_then(|field| field.parse().ok()).unwrap_or(0);
        let (added, removed) = (number(), number());
        let path = fields.next().ok_or_else(|| unreadable("diff --numstat", record))?.to_owned();
        let is_repository_link = links.contains(&path);
        changes.push(FileChange { path, added, removed, is_repository_link });
    }
    Ok(changes)
}
