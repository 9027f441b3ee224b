//! Steps of hew's git on what a run shares with people: their checkout, their branch, the packed refs. A kill in the middle of
//! one leaves git's locks, past which no git works, and files of which the index does not know.
//!
//! While such a step goes on a sign lies beside the project's lock: which locks it may take, since when, and, by the sign's
//! own date, until when it lived. Whoever holds the project's lock and finds a sign mends what that step left.
//!
//! Invariant: a lock goes only if the step names it, it was made while the step lived, and nobody can hold it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::ops::RangeInclusive;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use crossbeam_channel::{Receiver, Sender, bounded};
use hew_core::ids::{BranchName, CommitId};
use hew_core::worktree::{GitClient, GitError};
use serde::{Deserialize, Serialize};

use super::{RepoGit, admin, file_error, half_written};
use crate::adapters::git_locks;

/// How often a step says that it lives.
const BEAT: Duration = Duration::from_millis(200);
/// The file system dates files by a clock that may be a little behind.
const BEHIND: Duration = Duration::from_millis(100);
/// A busy machine may hold a beat up.
const LATE: Duration = Duration::from_secs(2);

/// How often, and how long apart, a lock is looked at that somebody may hold: the git of a process that was killed alone may
/// be at its end.
const LOOKS: u32 = 15;
const PAUSE: Duration = Duration::from_millis(200);

/// From when to when a step lived.
pub(super) type Lived = RangeInclusive<SystemTime>;

/// A step.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct SharedStep {
    began: SystemTime,
    /// The locks that its git may take.
    locks: Vec<PathBuf>,
    /// The checkout whose files it brings to a commit.
    #[serde(default)]
    files: Option<(PathBuf, CommitId)>,
}

/// What came of a step that was cut off.
#[derive(Debug, Default)]
pub struct Mended {
    /// Locks that it had left: they are gone.
    pub removed: Vec<PathBuf>,
    /// Locks that are there and may be somebody's, each with why.
    pub left: Vec<(PathBuf, String)>,
    /// Files that it had written, and that the index knows now.
    pub taken_in: usize,
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

    /// It goes on as long as the answer lives. Where no sign can be made it goes on without one: what a kill leaves then is
    /// for a person.
    pub(super) fn goes_on(&self, common_dir: &Path) -> Option<GoingOn> {
        GoingOn::begin(self, &sign_of(common_dir)).ok()
    }

    /// Git's words, and what is to be known of a lock that is in its way.
    pub(super) fn explained(&self, words: String) -> String {
        let Some(lock) = self.locks.iter().find(|lock| lock.exists()) else { return words };
        format!("{words} ({} is a lock of some git; `hew doctor` says whose it may be)", lock.display())
    }

    fn lived(&self, sign: &Path) -> io::Result<Lived> {
        Ok(self.began - BEHIND..=fs::metadata(sign)?.modified()? + LATE)
    }
}

fn sign_of(common_dir: &Path) -> PathBuf {
    common_dir.join("hew/shared-step.json")
}

/// A step that goes on: its sign says so again and again, and goes with it.
#[derive(Debug)]
pub(super) struct GoingOn {
    sign: PathBuf,
    end: Option<Sender<()>>,
    beats: Option<JoinHandle<()>>,
}

impl GoingOn {
    fn begin(step: &SharedStep, sign: &Path) -> io::Result<Self> {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(sign)?;
        let (end, ended) = bounded(0);
        let mut going_on = Self { sign: sign.to_owned(), end: Some(end), beats: None };
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
        let _ = fs::remove_file(&self.sign);
    }
}

/// Mends what a step left that was cut off; none was, if there is nothing to say.
pub(super) fn mend(git: &RepoGit) -> Result<Mended, GitError> {
    let sign = sign_of(&git.common_dir);
    let Ok(text) = fs::read_to_string(&sign) else { return Ok(Mended::default()) };
    // One that is cut short was made right before its step began.
    let step: Option<SharedStep> = serde_json::from_str(&text).ok();
    let failed = |error| file_error(&sign, error);
    let Some(step) = step else {
        fs::remove_file(&sign).map_err(failed)?;
        return Ok(Mended::default());
    };
    let lived = step.lived(&sign).map_err(failed)?;
    // Cut off once more, it is mended by the next one.
    let _going_on = GoingOn::begin(&step, &sign).map_err(failed)?;
    let trees: Vec<PathBuf> = git.list_worktrees()?.into_iter().map(|entry| entry.path).collect();
    let mut mended = Mended::default();
    for lock in step.locks {
        let Some(made) = made(&lock) else { continue };
        let whose = if lived.contains(&made) {
            whose(&lock, &git.common_dir, &trees)
        } else {
            Some("somebody: hew's own step did not live when it was made".to_owned())
        };
        match whose {
            None => {
                fs::remove_file(&lock).map_err(|error| file_error(&lock, error))?;
                mended.removed.push(lock);
            }
            // A git that lived on has ended meanwhile.
            Some(_) if !lock.exists() => {}
            Some(whose) => mended.left.push((lock, whose)),
        }
    }
    if let (Some((checkout, to)), []) = (&step.files, &mended.left[..]) {
        mended.taken_in = half_written::take_in(git, checkout, to, &lived)?;
    }
    Ok(mended)
}

/// When a lock was made, if it is there.
fn made(lock: &Path) -> Option<SystemTime> {
    fs::symlink_metadata(lock).ok().filter(fs::Metadata::is_file)?.modified().ok()
}

/// Who may hold a lock; none: nobody can.
fn whose(lock: &Path, common_dir: &Path, trees: &[PathBuf]) -> Option<String> {
    let mut whose = git_locks::holder(lock, common_dir, trees);
    for _ in 1..LOOKS {
        if whose.is_none() || !lock.exists() {
            break;
        }
        thread::sleep(PAUSE);
        whose = git_locks::holder(lock, common_dir, trees);
    }
    whose
}
