//! Removing a folder for good: renamed aside first, so that nobody ever finds half of it under its name.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Between a folder's name and a number in the name under which it is put aside.
const MARK: &str = ".discarded-";

/// The folder whose removal was cut off and left this one aside, by its name.
pub(crate) fn cut_off(aside: &Path) -> Option<PathBuf> {
    let (name, number) = aside.file_name()?.to_str()?.strip_prefix('.')?.rsplit_once(MARK)?;
    let is_ours = !name.is_empty() && number.parse::<u32>().is_ok();
    is_ours.then(|| aside.with_file_name(name))
}

/// Removes a folder, read-only folders in it too. What earlier removals of it left behind goes as well.
/// A folder that is gone is no error.
pub(crate) fn discard(folder: &Path) -> io::Result<()> {
    let (Some(parent), Some(name)) = (folder.parent(), folder.file_name()) else {
        return Err(io::Error::other("not a folder that can be removed"));
    };
    let mark = format!(".{}{MARK}", name.to_string_lossy());
    if fs::symlink_metadata(folder).is_ok() {
        set_aside(folder, parent, &mark)?;
    }
    sweep(parent, &mark)
}

fn set_aside(folder: &Path, parent: &Path, mark: &str) -> io::Result<()> {
    let mut names = (0..u32::MAX).map(|n| parent.join(format!("{mark}{n}")));
    let aside = names.find(|path| fs::symlink_metadata(path).is_err());
    let aside = aside.ok_or_else(|| io::Error::other("no free name beside it"))?;
    // A mount point can't be renamed; it is emptied where it is.
    fs::rename(folder, &aside).or_else(|_| remove_all(folder))
}

fn sweep(parent: &Path, mark: &str) -> io::Result<()> {
    let entries = match fs::read_dir(parent) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(mark) {
            remove_all(&entry.path())?;
        }
    }
    Ok(())
}

fn remove_all(path: &Path) -> io::Result<()> {
    if !fs::symlink_metadata(path)?.is_dir() {
        return fs::remove_file(path);
    }
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            make_folders_writable(path)?;
            fs::remove_dir_all(path)
        }
        other => other,
    }
}

/// Lets the owner write into every folder of a tree. Symbolic links are not followed.
pub(super) fn make_folders_writable(folder: &Path) -> io::Result<()> {
    let mode = fs::symlink_metadata(folder)?.permissions().mode();
    if mode & 0o700 != 0o700 {
        fs::set_permissions(folder, fs::Permissions::from_mode(mode | 0o700))?;
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            make_folders_writable(&entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_only_folders_links_and_earlier_remains_go_and_what_links_point_at_stays() {
        let home = tempfile::tempdir().unwrap();
        let outside = home.path().join("outside");
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("kept"), "x").unwrap();
        let folder = home.path().join("1");
        let locked = folder.join("mod/cache");
        fs::create_dir_all(&locked).unwrap();
        fs::write(locked.join("file"), "x").unwrap();
        std::os::unix::fs::symlink(&outside, folder.join("link")).unwrap();
        fs::set_permissions(&locked, fs::Permissions::from_mode(0o555)).unwrap();
        fs::create_dir_all(home.path().join(".1.discarded-0/x")).unwrap();
        fs::create_dir_all(home.path().join("10")).unwrap();

        discard(&folder).unwrap();
        discard(&folder).unwrap();

        let mut left: Vec<_> = fs::read_dir(home.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["10", "outside"]);
        assert!(outside.join("kept").exists());
    }
}
