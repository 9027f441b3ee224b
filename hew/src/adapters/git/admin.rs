//! A linked worktree as files: its `.git` file and git's record of it (`<common dir>/worktrees/<id>`).
//!
//! Files and not processes, for two reasons: a worktree whose `.git` file is gone or points elsewhere is still found by
//! git's record of it, without git ever looking for a repository upwards; and what a killed git left behind can be
//! cleared although git refuses to.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::clone;

/// A worktree and git's record of it, which names it.
#[derive(Debug, Clone)]
pub(super) struct Linked {
    /// Its folder, without symbolic links.
    pub(super) path: PathBuf,
    /// Git's record of it.
    pub(super) admin: PathBuf,
    /// It is a clone, whose git folder is all its own.
    pub(super) is_clone: bool,
}

/// Marks a worktree as one that is still being made.
pub(super) fn mark_unfinished(admin: &Path) -> io::Result<()> {
    fs::write(admin.join("locked"), UNFINISHED_MARK)
}

/// Git's own reason for the lock on a worktree that it is still making.
pub(super) const UNFINISHED_MARK: &str = "initializing";

/// Names in a worktree's record that an unfinished merge, rebase, bisect, cherry-pick, revert or `am` leaves.
const UNFINISHED: [&str; 18] = [
    "AUTO_MERGE",
    "BISECT_ANCESTORS_OK",
    "BISECT_EXPECTED_REV",
    "BISECT_FIRST_PARENT",
    "BISECT_LOG",
    "BISECT_NAMES",
    "BISECT_RUN",
    "BISECT_START",
    "BISECT_TERMS",
    "CHERRY_PICK_HEAD",
    "MERGE_HEAD",
    "MERGE_MODE",
    "MERGE_MSG",
    "REVERT_HEAD",
    "SQUASH_MSG",
    "rebase-apply",
    "rebase-merge",
    "sequencer",
];

/// Finds a worktree's record; the error says what is damaged. A `.git` file that is gone or was altered does not keep
/// the record from being found: git is told where everything is and does not read that file.
pub(super) fn locate(common_dir: &Path, path: &Path) -> Result<Linked, String> {
    let linked = locate_unfinished(common_dir, path)?;
    if is_unfinished(&linked.admin) {
        return Err("git did not finish making it".to_owned());
    }
    Ok(linked)
}

/// The same for one that may still be in the making.
pub(super) fn locate_unfinished(common_dir: &Path, path: &Path) -> Result<Linked, String> {
    let folder = fs::symlink_metadata(path).map_err(|error| format!("its folder: {error}"))?;
    if !folder.is_dir() {
        return Err("its folder is not a folder any more".to_owned());
    }
    let path = path.canonicalize().map_err(|error| format!("its folder: {error}"))?;
    if fs::symlink_metadata(path.join(".git")).is_ok_and(|found| found.is_dir()) {
        return Err("a repository of its own was made in its folder".to_owned());
    }
    if let Some(linked) = clone::find(common_dir, &path) {
        return Ok(linked);
    }
    let admin = match named_by_file(common_dir, &path) {
        Some(admin) => admin,
        None => only_record_of(common_dir, &path)?,
    };
    if !admin.join("HEAD").is_file() {
        return Err("git's record of it has no HEAD".to_owned());
    }
    Ok(Linked { path, admin, is_clone: false })
}

/// The record that the `.git` file names, if it is one of this repository's and names the folder in turn.
fn named_by_file(common_dir: &Path, path: &Path) -> Option<PathBuf> {
    let admin = read_pointer(&path.join(".git"), path).ok()?.canonicalize().ok()?;
    let is_ours = admin.parent() == records(common_dir).canonicalize().ok().as_deref();
    (is_ours && points_at(&admin, path)).then_some(admin)
}

fn only_record_of(common_dir: &Path, path: &Path) -> Result<PathBuf, String> {
    let mut found = records_of(common_dir, path).map_err(|error| format!("git's records: {error}"))?;
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => Err("git has no record of it".to_owned()),
        _ => Err("git has several records of it".to_owned()),
    }
}

/// Writes the `.git` file anew where it is not as git made it.
pub(super) fn mend_pointer(linked: &Linked) -> io::Result<()> {
    let file = linked.path.join(".git");
    let is_right = fs::symlink_metadata(&file).is_ok_and(|found| found.is_file())
        && read_pointer(&file, &linked.path)
            .is_ok_and(|target| target.canonicalize().is_ok_and(|real| real == linked.admin));
    if is_right {
        return Ok(());
    }
    match fs::remove_file(&file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let text =
        [b"gitdir: ", std::os::unix::ffi::OsStrExt::as_bytes(linked.admin.as_os_str()), b"\n"].concat();
    fs::write(&file, text)
}

/// Git's records that name this folder, whether or not it exists.
pub(super) fn records_of(common_dir: &Path, path: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(records(common_dir)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let path = real_although_gone(path);
    let admins = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    Ok(admins.filter(|admin| points_at(admin, &path)).collect())
}

/// Writes a worktree's detached HEAD as git itself does: the lock file is filled and becomes the file. An error where
/// HEAD is locked, is on a branch, or is kept in another form than a file that holds a commit.
pub(super) fn move_detached_head(admin: &Path, commit: &str) -> io::Result<()> {
    let (head, lock) = (admin.join("HEAD"), admin.join("HEAD.lock"));
    let is_id = |text: &str| text.len() == commit.len() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mut file = fs::File::create_new(&lock)?;
    let moved = fs::read_to_string(&head).and_then(|before| {
        if !is_id(before.trim_end()) || !is_id(commit) {
            return Err(io::Error::other("HEAD holds no commit"));
        }
        file.write_all(format!("{commit}\n").as_bytes())?;
        fs::rename(&lock, &head)
    });
    if moved.is_err() {
        // The lock is ours.
        fs::remove_file(&lock)?;
    }
    moved
}

/// Removes the lock that a killed git left on a worktree's index. Whoever made it must be gone.
pub(super) fn unlock_index(admin: &Path) -> io::Result<()> {
    match fs::remove_file(admin.join("index.lock")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Removes locks and unfinished operations from a worktree's record. Whoever made them must be gone.
pub(super) fn clear_unfinished(admin: &Path) -> io::Result<()> {
    for entry in fs::read_dir(admin)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_lock = Path::new(name.as_ref()).extension().is_some_and(|extension| extension == "lock");
        if !is_lock && !UNFINISHED.contains(&name.as_ref()) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    match fs::remove_dir_all(admin.join("refs/bisect")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// A path without symbolic links, of which the last part, or more, may not exist.
pub(super) fn real_although_gone(path: &Path) -> PathBuf {
    if let Ok(real) = path.canonicalize() {
        return real;
    }
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => real_although_gone(parent).join(name),
        _ => path.to_owned(),
    }
}

fn records(common_dir: &Path) -> PathBuf {
    common_dir.join("worktrees")
}

fn points_at(admin: &Path, path: &Path) -> bool {
    let Ok(text) = fs::read(admin.join("gitdir")) else { return false };
    let named = admin.join(to_path(trim_end(&text)));
    named.file_name().is_some_and(|name| name == ".git")
        && named.parent().is_some_and(|folder| real_although_gone(folder) == path)
}

fn is_unfinished(admin: &Path) -> bool {
    fs::read(admin.join("locked")).is_ok_and(|reason| trim_end(&reason) == UNFINISHED_MARK.as_bytes())
}

fn read_pointer(dot_git: &Path, folder: &Path) -> io::Result<PathBuf> {
    let text = fs::read(dot_git)?;
    let target = trim_end(&text).strip_prefix(b"gitdir: ");
    let target = target.ok_or_else(|| io::Error::other("it does not name a git folder"))?;
    Ok(folder.join(to_path(target)))
}

fn to_path(bytes: &[u8]) -> &Path {
    use std::os::unix::ffi::OsStrExt;
    Path::new(std::ffi::OsStr::from_bytes(bytes))
}

fn trim_end(bytes: &[u8]) -> &[u8] {
    bytes.strip_suffix(b"\n").unwrap_or(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_moved_only_where_it_holds_a_commit_and_nobody_has_locked_it() {
        let admin = tempfile::tempdir().unwrap();
        let (head, lock) = (admin.path().join("HEAD"), admin.path().join("HEAD.lock"));
        let (old, new) = ("1".repeat(40), "2".repeat(40));
        for before in ["ref: refs/heads/main\n", "ref: refs/heads/.invalid\n", "", "12\n"] {
            fs::write(&head, before).unwrap();
            move_detached_head(admin.path(), &new).unwrap_err();
            assert_eq!((fs::read_to_string(&head).unwrap().as_str(), lock.exists()), (before, false));
        }
        fs::write(&head, format!("{old}\n")).unwrap();
        fs::write(&lock, "somebody's").unwrap();
        move_detached_head(admin.path(), &new).unwrap_err();
        assert_eq!(fs::read_to_string(&lock).unwrap(), "somebody's");
        fs::remove_file(&lock).unwrap();
        move_detached_head(admin.path(), &new).unwrap();
        assert_eq!((fs::read_to_string(&head).unwrap(), lock.exists()), (format!("{new}\n"), false));
    }
}
