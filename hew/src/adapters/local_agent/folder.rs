//! The one folder that the file tools reach, and what leads out of it.
//!
//! A path is relative, without `..`, without git's own folder in whatever case; symlinks are followed where they stay
//! inside. What was opened is looked at once more: a link that was put there meanwhile leads nowhere.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};

use nix::fcntl::OFlag;

/// The folder.
pub(super) struct Folder {
    root: PathBuf,
}

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
    Create,
}

impl Folder {
    pub(super) fn new(root: &Path) -> io::Result<Self> {
        Ok(Self { root: root.canonicalize()? })
    }

    /// The folder itself.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Where something is that is there.
    pub(super) fn existing(&self, path: &str) -> Result<PathBuf, String> {
        let place = self.root.join(relative(path)?);
        let found = place.canonicalize().map_err(|error| told(path, &error))?;
        self.inside(&found, path)?;
        Ok(found)
    }

    /// Where a file is, or would be made.
    pub(super) fn place_for(&self, path: &str) -> Result<PathBuf, String> {
        let place = self.root.join(relative(path)?);
        let mut missing: Vec<&std::ffi::OsStr> = Vec::new();
        let mut at = place.as_path();
        // A link that leads to nothing is there, too, and is no place to write through.
        while fs::symlink_metadata(at).is_err() {
            missing.extend(at.file_name());
            at = at.parent().ok_or_else(|| outside(path))?;
        }
        let mut found = at.canonicalize().map_err(|error| told(path, &error))?;
        self.inside(&found, path)?;
        found.extend(missing.iter().rev());
        Ok(found)
    }

    /// Opens a plain file that [`Folder::existing`] or [`Folder::place_for`] has found.
    pub(super) fn open(&self, found: &Path, path: &str, access: Access) -> Result<File, String> {
        let is_plain = fs::symlink_metadata(found).map_or(access == Access::Create, |meta| meta.is_file());
        if !is_plain {
            return Err(format!("{path} is no plain file"));
        }
        let file = OpenOptions::new()
            .read(access != Access::Create)
            .write(access != Access::Read)
            .create_new(access == Access::Create)
            .custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits())
            .open(found)
            .map_err(|error| told(path, &error))?;
        let opened = fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()));
        let is_it = opened.is_ok_and(|opened| opened == found && opened.starts_with(&self.root));
        if is_it { Ok(file) } else { Err(outside(path)) }
    }

    /// The way from the folder to something in it.
    pub(super) fn way_to<'a>(&self, found: &'a Path) -> &'a Path {
        match found.strip_prefix(&self.root) {
            Ok(way) if !way.as_os_str().is_empty() => way,
            _ => Path::new("."),
        }
    }

    fn inside(&self, found: &Path, path: &str) -> Result<(), String> {
        let way = found.strip_prefix(&self.root).map_err(|_| outside(path))?;
        if way.components().any(|part| is_git(part.as_os_str())) { Err(of_git(path)) } else { Ok(()) }
    }
}

/// A path that could lie in the folder, as far as its words tell.
fn relative(path: &str) -> Result<&Path, String> {
    if path.trim().is_empty() || path.contains('\0') {
        return Err("the path is empty or no path; give one relative to the working folder".to_owned());
    }
    let way = Path::new(path);
    for part in way.components() {
        match part {
            Component::Normal(name) if is_git(name) => return Err(of_git(path)),
            Component::Normal(_) | Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return Err(outside(path)),
        }
    }
    Ok(way)
}

/// Where case does not count, `.GIT` is the same folder.
fn is_git(name: &std::ffi::OsStr) -> bool {
    name.eq_ignore_ascii_case(".git")
}

fn outside(path: &str) -> String {
    format!("{path} leads out of the working folder; give a path relative to it, without `..`")
}

fn of_git(path: &str) -> String {
    format!("{path} is git's own; use git by `run`")
}

fn told(path: &str, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => format!("there is no {path}"),
        _ => format!("{path}: {error}"),
    }
}
