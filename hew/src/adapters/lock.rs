//! The project's lock: one run at a time, over all worktrees of a repository.
//!
//! It is an OS file lock on `<common dir>/hew/lock`, which the kernel takes back whatever ends its holder. The file says
//! who holds it, and is emptied when it is given back.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use hew_core::ids::RunId;
use hew_core::record::StoreError;
use serde::{Deserialize, Serialize};

use super::files::{create_private_dir, store_error};
use super::proc_tree;

/// How often, and how long apart, a lock without a readable holder is looked at: its holder is just writing its name.
const LOOKS: u32 = 50;
const PAUSE: Duration = Duration::from_millis(10);

/// How often a lock is tried whose holder is gone: a process that it had just forked holds its files until it becomes
/// another program, which takes a while where the machine is busy.
const TRIES: u32 = 1000;

/// Who holds a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The run.
    pub run_id: RunId,
    /// Process id of the orchestrator.
    pub pid: u32,
    /// Its start time in clock ticks since boot.
    pub start_ticks: u64,
    /// The machine (or container) it runs on.
    pub host: String,
}

/// A lock that could not be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another run holds the project.
    #[error("{run_id} holds this project (process {pid})")]
    Held {
        /// The run; `unknown` if its holder never said.
        run_id: String,
        /// Its process; 0 if its holder never said.
        pid: u32,
    },
    /// The file can't be opened or written.
    #[error(transparent)]
    File(#[from] StoreError),
}

/// The project is ours until this is dropped.
#[derive(Debug)]
pub struct ProjectLock {
    file: File,
}

impl Drop for ProjectLock {
    fn drop(&mut self) {
        // The lock itself goes with the file, whatever comes of this.
        let _ = self.file.set_len(0);
    }
}

impl ProjectLock {
    /// Takes the project for a run, or names who holds it.
    pub fn acquire(shared_dir: &Path, run: &RunId) -> Result<Self, LockError> {
        Self::acquire_pausing(shared_dir, run, || thread::sleep(PAUSE))
    }

    fn acquire_pausing(shared_dir: &Path, run: &RunId, mut pause: impl FnMut()) -> Result<Self, LockError> {
        let path = lock_path(shared_dir);
        let file = open(shared_dir, &path).map_err(|error| store_error(&path, error))?;
        let mut tries = 1;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if tries < TRIES && is_holder_gone(&path) => pause(),
                Err(TryLockError::WouldBlock) => return Err(held(&path)),
                Err(TryLockError::Error(error)) => return Err(store_error(&path, error).into()),
            }
            tries += 1;
        }
        let mut lock = Self { file };
        lock.sign(run).map_err(|error| store_error(&path, error))?;
        Ok(lock)
    }

    fn sign(&mut self, run: &RunId) -> io::Result<()> {
        let pid = std::process::id();
        let start_ticks = proc_tree::stat(pid).map_or(0, |stat| stat.start_ticks);
        let holder = Holder { run_id: run.clone(), pid, start_ticks, host: host_name() };
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(serde_json::to_string(&holder)?.as_bytes())?;
        self.file.sync_all()
    }
}

/// Waits for a turn among the hew processes that write to a project's tracker, no longer than `limit`. It lasts as long as
/// the file is held.
pub(crate) fn take_turn(path: &Path, limit: Duration) -> io::Result<File> {
    let file = open(path.parent().unwrap_or(Path::new("/")), path)?;
    let deadline = Instant::now() + limit;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) if Instant::now() >= deadline => {
                return Err(io::Error::other("another hew process holds the tracker's lock"));
            }
            Err(TryLockError::WouldBlock) => thread::sleep(PAUSE),
        }
    }
}

/// Who holds the project; `None` if nobody does.
///
/// A holder on this machine is known by its process, so that looking never takes the lock from somebody who wants it.
pub fn holder(shared_dir: &Path) -> Option<Holder> {
    let path = lock_path(shared_dir);
    let holder = read_holder(&path)?;
    if holder.host != host_name() {
        return is_locked(&path).then_some(holder);
    }
    proc_tree::lives(holder.pid, holder.start_ticks).then_some(holder)
}

fn lock_path(shared_dir: &Path) -> PathBuf {
    shared_dir.join("lock")
}

fn open(folder: &Path, path: &Path) -> io::Result<File> {
    create_private_dir(folder)?;
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

fn held(path: &Path) -> LockError {
    for _ in 0..LOOKS {
        if let Some(holder) = read_holder(path) {
            return LockError::Held { run_id: holder.run_id.to_string(), pid: holder.pid };
        }
        thread::sleep(PAUSE);
    }
    LockError::Held { run_id: "unknown".to_owned(), pid: 0 }
}

/// Whoever signed the lock ran on this machine, and is no more.
fn is_holder_gone(path: &Path) -> bool {
    read_holder(path)
        .is_some_and(|holder| holder.host == host_name() && !proc_tree::lives(holder.pid, holder.start_ticks))
}

fn read_holder(path: &Path) -> Option<Holder> {
    serde_json::from_str(&fs::read_to_string(path).ok()?).ok()
}

fn is_locked(path: &Path) -> bool {
    let Ok(file) = File::open(path) else { return false };
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}

fn host_name() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use chrono::Utc;

    use super::*;

    #[test]
    fn a_lock_that_outlives_its_holder_for_a_moment_is_waited_for() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let path = lock_path(folder.path());
        let (dead, next) = (RunId::new(Utc::now(), 1), RunId::new(Utc::now(), 2));
        let gone = Holder { run_id: dead, pid: u32::MAX, start_ticks: 1, host: host_name() };
        fs::write(&path, serde_json::to_string(&gone).expect("it is plain"))
            .expect("the file can be written");
        let inherited = File::open(&path).expect("it was written");
        inherited.try_lock().expect("nobody has it");
        let (mut inherited, mut pauses) = (Some(inherited), 0);
        let had = ProjectLock::acquire_pausing(folder.path(), &next, || {
            pauses += 1;
            drop(inherited.take());
        });
        assert!(had.is_ok(), "{had:?}");
        assert_eq!(pauses, 1);
    }
}
