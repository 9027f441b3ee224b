//! Making, resetting, listing and removing worktrees.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use hew_core::ids::{BranchName, CommitId};
use hew_core::worktree::{CleanDepth, GitError, WorktreeEntry, WorktreeReset, WorktreeStart};

use super::run::GitCall;
use super::{RepoGit, unreadable};

/// What a killed or abandoned git operation leaves in a worktree's admin folder.
const HALF_DONE: [&str; 9] = [
    "index.lock",
    "HEAD.lock",
    "MERGE_HEAD",
    "CHERRY_PICK_HEAD",
    "REVERT_HEAD",
    "BISECT_START",
    "rebase-merge",
    "rebase-apply",
    "sequencer",
];

fn file_error(path: &Path, error: &io::Error) -> GitError {
    GitError::File { path: path.to_owned(), reason: error.to_string() }
}

/// Git's own folder of a worktree: as it was when hew made it, else what its `.git` file says, if that is this repository's.
pub(super) fn admin_dir(git: &RepoGit, path: &Path) -> Result<PathBuf, String> {
    if !path.is_dir() {
        return Err(format!("{} is gone", path.display()));
    }
    let known = git.admin_dirs.lock().expect("no thread panics while it holds this").get(path).cloned();
    let admin = match known {
        Some(admin) => admin,
        None => read_admin_dir(git, path)?,
    };
    if admin.join("HEAD").is_file() { Ok(admin) } else { Err(format!("git's record of {} is gone", path.display())) }
}

fn read_admin_dir(git: &RepoGit, path: &Path) -> Result<PathBuf, String> {
    let file = path.join(".git");
    if file.is_dir() {
        // The main working tree, or a repository of its own.
        return Ok(file);
    }
    let text = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let admin = text.trim_end().strip_prefix("gitdir: ").map(PathBuf::from);
    let admin = admin.ok_or_else(|| format!("{} does not name a git folder", file.display()))?;
    if !admin.starts_with(git.common_dir.join("worktrees")) {
        return Err(format!("{} belongs to another repository", path.display()));
    }
    Ok(admin)
}

/// Makes a worktree. What a killed attempt left at this very path is cleared first.
pub(super) fn add(git: &RepoGit, path: &Path, start: &WorktreeStart) -> Result<(), GitError> {
    if path.exists() {
        remove(git, path)?;
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(|error| file_error(parent, &error))?;
    }
    // Twice forced: an entry of a killed attempt is missing its folder and locked.
    let call = git.repo().args(["worktree", "add", "--quiet", "--force", "--force"]);
    let call = at_start(call, start);
    call.arg(path).arg(start.commit.as_str()).output()?;
    let admin = read_admin_dir(git, path).map_err(|reason| GitError::File { path: path.to_owned(), reason })?;
    git.admin_dirs.lock().expect("no thread panics while it holds this").insert(path.to_owned(), admin);
    Ok(())
}

fn at_start(call: GitCall, start: &WorktreeStart) -> GitCall {
    match &start.branch {
        Some(branch) => call.args(["--no-track", "-B", branch.as_str()]),
        None => call.arg("--detach"),
    }
}

/// Puts a worktree back to a start, whatever state it was left in.
pub(super) fn reset(
    git: &RepoGit,
    path: &Path,
    start: &WorktreeStart,
    depth: CleanDepth,
) -> Result<WorktreeReset, GitError> {
    let admin = match admin_dir(git, path) {
        Ok(admin) => admin,
        Err(why) => return Ok(WorktreeReset::Broken(why)),
    };
    repair(path, &admin).map_err(|error| file_error(path, &error))?;
    let call = RepoGit::worktree_call(path, &admin).args(["checkout", "--quiet", "--force"]);
    let answer = at_start(call, start).arg(start.commit.as_str()).arg("--").answer()?;
    if !answer.exit.is_success() {
        return Ok(WorktreeReset::Broken(answer.words()));
    }
    clean(path, &admin, depth)?;
    Ok(WorktreeReset::Reset)
}

/// Detaches a worktree at a commit and makes its files that commit's.
pub(super) fn checkout(git: &RepoGit, path: &Path, commit: &CommitId) -> Result<(), GitError> {
    let start = WorktreeStart { branch: None, commit: commit.clone() };
    match reset(git, path, &start, CleanDepth::KeepIgnored)? {
        WorktreeReset::Reset => Ok(()),
        WorktreeReset::Broken(_) => add(git, path, &start),
    }
}

/// Takes away what a killed operation left, and writes the `.git` file anew if it is not as hew made it.
fn repair(path: &Path, admin: &Path) -> io::Result<()> {
    for name in HALF_DONE {
        let left = admin.join(name);
        if left.is_dir() {
            fs::remove_dir_all(&left)?;
        } else if left.symlink_metadata().is_ok() {
            fs::remove_file(&left)?;
        }
    }
    let file = path.join(".git");
    if file.is_dir() {
        return Ok(());
    }
    let wanted = format!("gitdir: {}\n", admin.display());
    if fs::read_to_string(&file).ok().as_deref() == Some(&wanted) {
        return Ok(());
    }
    fs::write(&file, wanted)
}

fn clean(path: &Path, admin: &Path, depth: CleanDepth) -> Result<(), GitError> {
    let flags = match depth {
        CleanDepth::KeepIgnored => "-ffdq",
        CleanDepth::Everything => "-ffdxq",
    };
    let answer = RepoGit::worktree_call(path, admin).args(["clean", flags]).answer()?;
    if answer.exit.is_success() {
        return Ok(());
    }
    // Folders without write permission (module caches) stand in the way: make them writable, once.
    make_writable(path).map_err(|error| file_error(path, &error))?;
    RepoGit::worktree_call(path, admin).args(["clean", flags]).output().map(drop)
}

fn make_writable(folder: &Path) -> io::Result<()> {
    let mode = fs::symlink_metadata(folder)?.permissions().mode();
    if mode & 0o700 != 0o700 {
        fs::set_permissions(folder, fs::Permissions::from_mode(mode | 0o700))?;
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            make_writable(&entry.path())?;
        }
    }
    Ok(())
}

/// All worktrees, the main one first.
pub(super) fn list(git: &RepoGit) -> Result<Vec<WorktreeEntry>, GitError> {
    let output = git.repo().args(["worktree", "list", "--porcelain", "-z"]).output()?;
    let text = String::from_utf8(output).map_err(|error| unreadable("worktree list", error.as_bytes()))?;
    let mut entries: Vec<WorktreeEntry> = Vec::new();
    for field in text.split('\0').filter(|field| !field.is_empty()) {
        let (name, value) = field.split_once(' ').unwrap_or((field, ""));
        if name == "worktree" {
            entries.push(WorktreeEntry { path: PathBuf::from(value), head: None, branch: None });
            continue;
        }
        let entry = entries.last_mut().ok_or_else(|| unreadable("worktree list", field.as_bytes()))?;
        match name {
            "HEAD" if !value.bytes().all(|byte| byte == b'0') => entry.head = Some(CommitId::new(value)),
            "branch" => entry.branch = value.strip_prefix("refs/heads/").map(BranchName::new),
            _ => {}
        }
    }
    Ok(entries)
}

/// Removes a worktree and git's record of it, whatever lies in it. The folder is renamed before it is deleted, so that
/// what is half deleted is never taken for a worktree.
pub(super) fn remove(git: &RepoGit, path: &Path) -> Result<(), GitError> {
    let admin = admin_dir(git, path).ok().or_else(|| recorded_admin(git, path));
    git.admin_dirs.lock().expect("no thread panics while it holds this").remove(path);
    if path.exists() {
        let mut doomed = path.as_os_str().to_owned();
        doomed.push(".removing");
        let doomed = PathBuf::from(doomed);
        delete_tree(&doomed).map_err(|error| file_error(&doomed, &error))?;
        fs::rename(path, &doomed).map_err(|error| file_error(path, &error))?;
        delete_tree(&doomed).map_err(|error| file_error(&doomed, &error))?;
    }
    match admin.filter(|admin| admin.starts_with(git.common_dir.join("worktrees"))) {
        Some(admin) => delete_tree(&admin).map_err(|error| file_error(&admin, &error)),
        None => Ok(()),
    }
}

/// Git's record of a worktree whose folder does not tell.
fn recorded_admin(git: &RepoGit, path: &Path) -> Option<PathBuf> {
    let wanted = path.join(".git");
    let entries = fs::read_dir(git.common_dir.join("worktrees")).ok()?;
    entries.flatten().map(|entry| entry.path()).find(|admin| {
        fs::read_to_string(admin.join("gitdir")).is_ok_and(|text| Path::new(text.trim_end()) == wanted)
    })
}

fn delete_tree(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            make_writable(path)?;
            fs::remove_dir_all(path)
        }
        Err(error) => Err(error),
    }
}
