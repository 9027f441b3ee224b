//! Git's lock files in a repository, and whether anybody can still hold them.
//!
//! Git makes such a file, works, and renames or removes it; a git that was killed leaves it, and every later one refuses.
//! The file does not say who made it. It is stale where nobody has it open, no program works in the repository that
//! could be its maker, and it is older than any of git's steps.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::proc_tree;

/// Locks that git takes for its own files, in the common git folder and in that of a worktree.
const NAMES: [&str; 6] =
    ["index.lock", "HEAD.lock", "packed-refs.lock", "config.lock", "shallow.lock", "ORIG_HEAD.lock"];

/// An editor may be open for as long as this while git holds a lock for it.
const OLD: Duration = Duration::from_secs(10 * 60);

/// A lock file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockFile {
    /// Where it is.
    pub path: PathBuf,
    /// Since it was last written.
    pub age: Duration,
    /// Who may hold it; none: nobody can.
    pub holder: Option<String>,
}

/// Finds them in a repository and its worktrees; `trees` are folders in which somebody may be at work.
pub fn find(common_dir: &Path, trees: &[PathBuf]) -> Vec<LockFile> {
    let mut found: Vec<PathBuf> = NAMES.iter().map(|name| common_dir.join(name)).collect();
    for worktree in folders_in(&common_dir.join("worktrees")) {
        found.extend(NAMES.iter().map(|name| worktree.join(name)));
    }
    refs_in(&common_dir.join("refs"), &mut found);
    let described = found.into_iter().filter_map(|path| {
        let meta = fs::symlink_metadata(&path).ok().filter(fs::Metadata::is_file)?;
        let age = SystemTime::now().duration_since(meta.modified().ok()?).unwrap_or_default();
        let holder = holder(&path, common_dir, trees).or_else(|| is_young(age));
        Some(LockFile { path, age, holder })
    });
    described.collect()
}

fn refs_in(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            refs_in(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "lock") {
            found.push(path);
        }
    }
}

/// Who may hold a lock, by what runs now; none: no program that can be seen. `trees` are folders in which somebody may be at work.
pub(super) fn holder(lock: &Path, common_dir: &Path, trees: &[PathBuf]) -> Option<String> {
    let mut is_unseen = false;
    for process in proc_tree::all().into_iter().filter(proc_tree::ProcStat::is_alive) {
        let folder = PathBuf::from(format!("/proc/{}", process.pid));
        let name = fs::read_to_string(folder.join("comm")).unwrap_or_default();
        let shown = format!("process {} ({})", process.pid, name.trim());
        let (Ok(cwd), Ok(open)) = (fs::read_link(folder.join("cwd")), fs::read_dir(folder.join("fd"))) else {
            // One that ended meanwhile holds nothing.
            is_unseen |= name.starts_with("git") && proc_tree::lives(process.pid, process.start_ticks);
            continue;
        };
        if open.flatten().any(|file| fs::read_link(file.path()).is_ok_and(|target| target == lock)) {
            return Some(shown);
        }
        let is_here = cwd.starts_with(common_dir) || trees.iter().any(|tree| cwd.starts_with(tree));
        if name.starts_with("git") && is_here {
            return Some(shown);
        }
    }
    is_unseen.then(|| "a git of another user, which can't be looked into".to_owned())
}

/// What nobody is seen to hold may be held all the same, as long as it is young.
fn is_young(age: Duration) -> Option<String> {
    (age < OLD).then(|| format!("somebody: it is younger than {} minutes", OLD.as_secs() / 60))
}

fn folders_in(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}
