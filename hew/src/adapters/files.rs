//! Files that must survive: private folders, whole-file writes, synced appends.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use hew_core::record::StoreError;
use nix::fcntl::OFlag;

use super::fail_point;

/// How the name of a file begins and ends that is to replace another once it is whole.
const PARTIAL: (&str, &str) = (".hew-", ".tmp");

/// Bytes of a file that are gathered before they are written.
const GATHERED: usize = 64 * 1024;

/// An error about a file.
pub fn store_error(path: &Path, reason: impl std::fmt::Display) -> StoreError {
    StoreError { path: path.to_owned(), reason: reason.to_string() }
}

/// Makes a folder and what is missing above it, for this user only. One that is there already is left as it is.
pub fn create_private_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Opens a file to append to it, readable and writable by this user only if it is made here.
pub fn open_append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

/// Opens a plain file that somebody else may have put there: a pipe must not make the reader wait, a device has no end.
pub fn open_plain(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is not a plain file")) }
}

/// The content of such a file, its first `max` bytes at most.
pub fn read_plain(path: &Path, max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_plain(path)?.take(max).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Replaces a file whole: temporary sibling, sync, rename, sync of the folder. A crash leaves the old or the new content,
/// never a part. The folder must be there.
pub fn write_atomically(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().ok_or_else(|| io::Error::other("it has no folder"))?;
    let mut sibling = tempfile::Builder::new().prefix(PARTIAL.0).suffix(PARTIAL.1).tempfile_in(folder)?;
    sibling.write_all(content)?;
    sibling.as_file().sync_all()?;
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    fail_point::reach("file", name);
    sibling.persist(path)?;
    fail_point::reach("renamed", name);
    sync_dir(folder)
}

/// Removes siblings that a process left which died while it replaced a file in this folder, or, `deep`, below it. Nobody
/// may be writing there.
pub fn sweep_partial(folder: &Path, deep: bool) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if entry.file_type()?.is_dir() {
            if deep {
                sweep_partial(&entry.path(), deep)?;
            }
        } else if name.starts_with(PARTIAL.0) && name.ends_with(PARTIAL.1) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Writes a file that a person named, whole: the old one stays until the new one is there. What a link leads to is meant,
/// not the link, and a file that is there keeps its permissions. Into anything else (a device, a pipe) is written as it is.
pub fn replace(file: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    replace_and(file, write, File::sync_all)
}

/// The same for what can be made again at any time: nobody waits for the disk, and a loss of power may leave nothing of it.
pub fn replace_unsynced(file: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    replace_and(file, write, |_| Ok(()))
}

fn replace_and(
    file: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    sync: impl FnOnce(&File) -> io::Result<()>,
) -> io::Result<()> {
    let file = &file.canonicalize().unwrap_or_else(|_| file.to_owned());
    let there = fs::metadata(file).ok();
    if there.as_ref().is_some_and(|there| !there.is_file()) {
        let mut place = BufWriter::new(OpenOptions::new().write(true).open(file)?);
        write(&mut place)?;
        return place.flush();
    }
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let permissions = there.map_or_else(|| Permissions::from_mode(0o666), |there| there.permissions());
    let new = tempfile::Builder::new()
        .prefix(PARTIAL.0)
        .suffix(PARTIAL.1)
        .permissions(permissions)
        .tempfile_in(folder)?;
    let mut new = BufWriter::with_capacity(GATHERED, new);
    write(&mut new)?;
    let new = new.into_inner().map_err(io::IntoInnerError::into_error)?;
    sync(new.as_file())?;
    new.persist(file)?;
    Ok(())
}

/// Brings names that were made or removed in a folder to disk.
pub fn sync_dir(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Puts `.gitignore` with `*` into hew's state folder, so that nothing of it is ever committed. Text that is there
/// already is left alone.
pub fn ignore_in_git(state_dir: &Path) -> io::Result<()> {
    let path = state_dir.join(".gitignore");
    if path.exists() {
        return Ok(());
    }
    create_private_dir(state_dir)?;
    fs::write(path, "*\n")
}
