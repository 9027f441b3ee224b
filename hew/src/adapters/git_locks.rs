//! Git's lock files in a repository, and whether anybody can still hold them.
//!
//! Git makes such a file, works, and renames or removes it; a git that was killed leaves it, and every later one refuses.
//! The file does not say who made it. It is stale where nobody has it open, no program works in the repository that
//! could be its maker, and it is older than any of git's steps.

use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::proc_tree::{self, ProcStat};

/// Locks that git takes for its own files, in the common git folder and in that of a worktree.
const NAMES: [&str; 6] =
    ["index.lock", "HEAD.lock", "packed-refs.lock", "config.lock", "shallow.lock", "ORIG_HEAD.lock"];

/// An editor may be open for as long as this while git holds a lock for it.
const OLD: Duration = Duration::from_secs(10 * 60);

/// How far apart what is known of a process's beginning and of a file's date may be.
const ROUGH: Duration = Duration::from_secs(1);

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
fn holder(lock: &Path, common_dir: &Path, trees: &[PathBuf]) -> Option<String> {
    let is_git = |_: &ProcStat, name: &str| name.starts_with("git");
    look(lock, common_dir, trees, &Suspects { here: &is_git, unseen: &is_git })
}

/// The same of a lock of which it is known from when on it may have been taken, and when it was written last: whoever holds it
/// began before that.
pub(super) fn maker(
    lock: &Path,
    common_dir: &Path,
    trees: &[PathBuf],
    since: &RangeInclusive<SystemTime>,
) -> Option<String> {
    // Where it can't be told when a process began, it may have been then.
    let began = |process: &ProcStat| proc_tree::began(process).unwrap_or(*since.end());
    let here = |process: &ProcStat, name: &str| is_git(name) && began(process) <= *since.end() + ROUGH;
    // Of what can't be looked into most works elsewhere; what takes locks and has them for long is a git that began then.
    let unseen =
        |process: &ProcStat, name: &str| here(process, name) && began(process) + ROUGH >= *since.start();
    look(lock, common_dir, trees, &Suspects { here: &here, unseen: &unseen })
}

/// Git and its own commands; not what is merely named after it.
fn is_git(name: &str) -> bool {
    name == "git" || name.starts_with("git-")
}

type Suspect<'a> = &'a dyn Fn(&ProcStat, &str) -> bool;

/// Which processes, by their names, may hold a lock without having it open.
struct Suspects<'a> {
    /// If they work in the repository.
    here: Suspect<'a>,
    /// If they can't be looked into.
    unseen: Suspect<'a>,
}

fn look(lock: &Path, common_dir: &Path, trees: &[PathBuf], suspects: &Suspects<'_>) -> Option<String> {
    let mut is_unseen = false;
    let hew = std::process::id();
    // Hew's own servants take no lock that was there before them.
    let others = |process: &ProcStat| process.is_alive() && process.parent != hew;
    for process in proc_tree::all().into_iter().filter(others) {
        let folder = PathBuf::from(format!("/proc/{}", process.pid));
        let name = fs::read_to_string(folder.join("comm")).unwrap_or_default();
        let name = name.trim();
        let shown = format!("process {} ({name})", process.pid);
        let (Ok(cwd), Ok(open)) = (fs::read_link(folder.join("cwd")), fs::read_dir(folder.join("fd"))) else {
            // One that ended meanwhile holds nothing.
            is_unseen |=
                (suspects.unseen)(&process, name) && proc_tree::lives(process.pid, process.start_ticks);
            continue;
        };
        if open.flatten().any(|file| fs::read_link(file.path()).is_ok_and(|target| target == lock)) {
            return Some(shown);
        }
        let is_here = cwd.starts_with(common_dir) || trees.iter().any(|tree| cwd.starts_with(tree));
        if is_here && (suspects.here)(&process, name) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_merely_named_after_git_is_no_git() {
        for name in ["git", "git-remote-http", "git-upload-pack"] {
            assert!(is_git(name), "{name}");
        }
        for name in ["gitea", "gitlab-runner", "gitstatusd", "gitk", "digit"] {
            assert!(!is_git(name), "{name}");
        }
    }
}
