//! Steps of hew's git on what a run shares with people: their checkout, their branch, the packed refs. A kill in the middle of
//! one leaves git's locks, past which no git works, and files of which the index does not know; a git that finds no room for all
//! files leaves the latter.
//!
//! While such a step goes on a sign of its own lies beside the project's lock: which locks it may take, since when, and, by the
//! sign's own date, until when it lived. `cut_off_step` mends what a step left whose sign is still there.
//!
//! Invariants: nobody but its own step dates a sign, and nobody writes over one; of this process's signs it is known which
//! belong to steps that go on.

use std::collections::BTreeMap;
use std::fs::{self, DirEntry, File, OpenOptions};
use std::io::{self, Write};
use std::ops::RangeInclusive;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use crossbeam_channel::{Receiver, Sender, bounded};
use hew_core::exit::Exit;
use hew_core::ids::{BranchName, CommitId};
use hew_core::worktree::GitError;
use serde::{Deserialize, Serialize};

use super::run::{GitAnswer, GitCall};
use super::{RepoGit, admin, file_error, half_written};
use crate::adapters::files::create_private_dir;

/// How often a step says that it lives.
const BEAT: Duration = Duration::from_millis(200);
/// The file system dates files by a clock that may be a little behind.
const BEHIND: Duration = Duration::from_millis(100);
/// A busy machine may hold a beat up.
const LATE: Duration = Duration::from_secs(2);

/// A sign's name: this, a number, and the ending.
pub(super) const NAME: &str = "shared-step-";
const ENDING: &str = "json";

/// From when to when a step lived.
pub(super) type Lived = RangeInclusive<SystemTime>;

/// A step.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct SharedStep {
    pub(super) began: SystemTime,
    /// The locks that its git may take.
    pub(super) locks: Vec<PathBuf>,
    /// The checkout whose files it brings to a commit.
    #[serde(default)]
    pub(super) files: Option<(PathBuf, CommitId)>,
}

impl SharedStep {
    /// A branch is moved or deleted.
    pub(super) fn on_branch(git: &RepoGit, branch: &BranchName) -> Self {
        let names = [format!("{}.lock", branch.to_ref()), "packed-refs.lock".to_owned()];
        let locks = names.iter().map(|name| git.common_dir.join(name)).collect();
        Self { began: SystemTime::now(), locks, files: None }
    }

    /// A checkout, and the branch that it is on, are brought to a commit.
    pub(super) fn on_checkout(git: &RepoGit, checkout: &Path, branch: &BranchName, to: &CommitId) -> Self {
        let own = admin::locate(&git.common_dir, checkout);
        let own = own.map_or_else(|_| git.common_dir.clone(), |linked| linked.admin);
        let mut step = Self::on_branch(git, branch);
        step.locks.extend(["index.lock", "HEAD.lock", "ORIG_HEAD.lock"].map(|name| own.join(name)));
        Self { files: Some((checkout.to_owned(), to.clone())), ..step }
    }

    /// It goes on as long as the answer lives. Where no sign can be made it goes on without one: what a kill leaves then is for
    /// a person.
    pub(super) fn goes_on(&self, common_dir: &Path) -> Option<GoingOn> {
        GoingOn::begin(self, common_dir).ok()
    }

    /// Runs the git of this step. Where that did not come to its own end, or failed after it had begun to write files, the sign
    /// of the step stays for who comes next. No checkout is changed without a sign: with no room for one there is none for files.
    pub(super) fn run(&self, git: &RepoGit, call: GitCall) -> Result<GitAnswer, GitError> {
        let going_on = match GoingOn::begin(self, &git.common_dir) {
            Err(error) if self.files.is_some() => return Err(file_error(&folder(&git.common_dir), error)),
            going_on => going_on.ok(),
        };
        let answer = call.run();
        if let Some(mut going_on) = going_on {
            going_on.is_cut_off = match &answer {
                Ok(answer) if answer.exit.is_success() => false,
                Ok(GitAnswer { exit: Exit::Code(_), .. }) => self.has_written(git),
                _ => true,
            };
        }
        answer
    }

    /// Some file of those that it was to bring was written since it began. One that is dated ahead is not git's.
    fn has_written(&self, git: &RepoGit) -> bool {
        let within = self.began - BEHIND..=SystemTime::now() + LATE;
        self.files.as_ref().is_some_and(|(checkout, to)| half_written::is_there(git, checkout, to, &within))
    }

    /// One of its locks that is there.
    pub(super) fn lock(&self) -> Option<&Path> {
        self.locks.iter().find(|lock| lock.exists()).map(PathBuf::as_path)
    }

    /// Git's words, and what is to be known of a lock that is in its way.
    pub(super) fn explained(&self, words: String) -> String {
        let Some(lock) = self.lock() else { return words };
        format!("{words} ({} is a lock of some git; `hew doctor` says whose it may be)", lock.display())
    }

    /// From its beginning to its sign's last date.
    pub(super) fn lived(&self, sign: &Path) -> io::Result<Lived> {
        Ok(self.began - BEHIND..=fs::metadata(sign)?.modified()? + LATE)
    }
}

/// Where signs lie.
pub(super) fn folder(common_dir: &Path) -> PathBuf {
    common_dir.join("hew")
}

/// The signs that are there of steps that do not go on in this process. Whoever holds the project's lock knows that they go on
/// in no other either.
pub(super) fn signs_of_cut_off(common_dir: &Path) -> io::Result<Vec<PathBuf>> {
    let going_on = going_on();
    let is_sign = |path: &PathBuf| path.extension() == Some(ENDING.as_ref());
    Ok(named(common_dir)?.into_iter().filter(|path| is_sign(path) && !going_on.contains_key(path)).collect())
}

/// A step of this process that goes on may hold this lock.
pub(super) fn may_hold(lock: &Path) -> bool {
    going_on().values().flatten().any(|named| named == lock)
}

/// Signs of this process's steps that go on, each with the locks that it may take. Held while a sign is made, so that nobody
/// sees one that is not yet in it.
fn going_on() -> MutexGuard<'static, BTreeMap<PathBuf, Vec<PathBuf>>> {
    static GOING_ON: Mutex<BTreeMap<PathBuf, Vec<PathBuf>>> = Mutex::new(BTreeMap::new());
    GOING_ON.lock().unwrap_or_else(PoisonError::into_inner)
}

/// All that is named like a sign: also folders in which one worked that mended.
pub(super) fn named(common_dir: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder(common_dir)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?.collect::<io::Result<Vec<_>>>()?,
    };
    let named = entries.iter().filter(|entry| entry.file_name().as_bytes().starts_with(NAME.as_bytes()));
    Ok(named.map(DirEntry::path).collect())
}

/// A sign with a name that no other has.
fn new_sign(common_dir: &Path) -> io::Result<(File, PathBuf)> {
    // It is there where the project's lock is held.
    create_private_dir(&folder(common_dir))?;
    let mut number = 0_u64;
    loop {
        let sign = folder(common_dir).join(format!("{NAME}{number}.{ENDING}"));
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&sign) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            file => return Ok((file?, sign)),
        }
    }
}

/// A step that goes on: its sign says so again and again, and goes with it.
#[derive(Debug)]
pub(super) struct GoingOn {
    sign: PathBuf,
    end: Option<Sender<()>>,
    beats: Option<JoinHandle<()>>,
    /// Its git was killed, took too long, or failed in the middle: what it left is not known yet.
    is_cut_off: bool,
}

impl GoingOn {
    fn begin(step: &SharedStep, common_dir: &Path) -> io::Result<Self> {
        let mut all = going_on();
        let (mut file, sign) = new_sign(common_dir)?;
        all.insert(sign.clone(), step.locks.clone());
        drop(all);
        let (end, ended) = bounded(0);
        let mut going_on = Self { sign, end: Some(end), beats: None, is_cut_off: false };
        file.write_all(serde_json::to_string(step)?.as_bytes())?;
        going_on.beats = Some(thread::Builder::new().spawn(move || beat(&file, &ended))?);
        Ok(going_on)
    }
}

fn beat(sign: &File, ended: &Receiver<()>) {
    while ended.recv_timeout(BEAT).is_err_and(|error| error.is_timeout()) {
        // A beat that is lost makes the step look shorter: then a lock is left to a person.
        let _ = sign.set_modified(SystemTime::now());
    }
}

impl Drop for GoingOn {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(beats) = self.beats.take() {
            let _ = beats.join();
        }
        // Held over both: a sign of the same name may be made as soon as this one is gone.
        let mut going_on = going_on();
        if !self.is_cut_off {
            let _ = fs::remove_file(&self.sign);
        }
        going_on.remove(&self.sign);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_ends_leaves_a_sign_that_just_began_in_the_list() {
        let common_dir = tempfile::tempdir().expect("a temporary folder can be made");
        let common_dir = common_dir.path();
        let work = |own: usize| {
            for number in 0..300 {
                let lock = common_dir.join(format!("{own}-{number}.lock"));
                let step = SharedStep { began: SystemTime::now(), locks: vec![lock.clone()], files: None };
                let going_on = step.goes_on(common_dir).expect("a sign can be made");
                let is_known = super::going_on().get(&going_on.sign) == Some(&step.locks);
                assert!(is_known && may_hold(&lock) && going_on.sign.exists(), "{own}: {number}");
            }
        };
        thread::scope(|scope| {
            for own in 0..4 {
                scope.spawn(move || work(own));
            }
        });
        assert_eq!(named(common_dir).expect("it can be read"), [] as [PathBuf; 0]);
    }
}
