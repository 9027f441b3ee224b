//! Mends what steps left on what a run shares with people that were cut off by a kill. Whoever holds the project's lock may: then no
//! step goes on in another process, and every sign that is not of a step of this one is that of one that was cut off.
//!
//! Invariants: a lock goes only if a step names it that lived when it was made, and nobody can hold it. A sign stays until
//! all that its step left is mended; mending is a step itself, with a sign of its own.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime};

use hew_core::worktree::{GitClient, GitError};

use super::shared_step::{self, Lived, SharedStep};
use super::{RepoGit, file_error, half_written};
use crate::adapters::git_locks;

/// How often, and how long apart, a lock is looked at that somebody may hold: the git of a process that was killed alone may
/// be at its end.
const LOOKS: u32 = 15;
const PAUSE: Duration = Duration::from_millis(200);

/// What came of steps that were cut off.
#[derive(Debug, Default)]
pub struct Mended {
    /// Locks that they had left: they are gone.
    pub removed: Vec<PathBuf>,
    /// Locks that are there and may be somebody's, each with why.
    pub left: Vec<(PathBuf, String)>,
    /// Files that they had written, and that the index knows now.
    pub taken_in: usize,
    /// Why the index could not be told of such files.
    pub not_taken_in: Option<String>,
}

impl Mended {
    /// What was done, for people.
    pub fn done(&self) -> Vec<String> {
        let locks = self.removed.iter().map(|lock| {
            format!("{} was left by a git of hew's that was killed; it is removed", lock.display())
        });
        let files = (self.taken_in > 0).then(|| {
            let files = self.taken_in;
            format!("a delivery that was cut off had written {files} files already; it goes on from there")
        });
        locks.chain(files).collect()
    }

    /// What could not be done, for people.
    pub fn not_done(&self) -> Vec<String> {
        let locks = self.left.iter().map(|(lock, whose)| {
            let lock = lock.display();
            format!(
                "{lock} is a lock of git's, which may be held by {whose}: git refuses to work while it is there (hew doctor)"
            )
        });
        let files = self.not_taken_in.iter().map(|why| {
            format!("files that a delivery had written before it was cut off may be taken for yours: {why}")
        });
        locks.chain(files).collect()
    }
}

/// A step that was cut off.
#[derive(Debug)]
struct CutOff {
    sign: PathBuf,
    step: SharedStep,
    lived: Lived,
}

impl CutOff {
    /// None: the sign is cut short, for it was made right before its step began.
    fn read(sign: &Path) -> io::Result<Option<Self>> {
        let Ok(step) = serde_json::from_str::<SharedStep>(&fs::read_to_string(sign)?) else {
            return Ok(None);
        };
        let lived = step.lived(sign)?;
        Ok(Some(Self { sign: sign.to_owned(), step, lived }))
    }
}

/// A step was cut off, if none goes on.
pub(super) fn is_there(git: &RepoGit) -> bool {
    shared_step::signs_of_cut_off(&git.common_dir).is_ok_and(|signs| !signs.is_empty())
}

/// Mends what is to be mended; nothing was, if there is nothing to say.
pub(super) fn mend(git: &RepoGit) -> Result<Mended, GitError> {
    let steps = read(&git.common_dir)?;
    let mut mended = Mended::default();
    if steps.is_empty() {
        return Ok(mended);
    }
    let trees: Vec<PathBuf> = git.list_worktrees()?.into_iter().map(|entry| entry.path).collect();
    let locks: BTreeSet<&PathBuf> = steps.iter().flat_map(|cut_off| &cut_off.step.locks).collect();
    for lock in locks {
        match remove(lock, &steps, &git.common_dir, &trees) {
            Ok(true) => mended.removed.push(lock.clone()),
            Ok(false) => {}
            Err(whose) => mended.left.push((lock.clone(), whose)),
        }
    }
    remove_folders(&git.common_dir);
    for cut_off in &steps {
        let is_left = |lock| mended.left.iter().any(|(left, _)| left == lock);
        if cut_off.step.locks.iter().any(is_left) {
            continue;
        }
        match take_in(git, &cut_off.step, &steps) {
            Ok(files) => {
                mended.taken_in += files;
                forget(&cut_off.sign)?;
            }
            Err(error) => mended.not_taken_in = Some(error.to_string()),
        }
    }
    Ok(mended)
}

fn read(common_dir: &Path) -> Result<Vec<CutOff>, GitError> {
    let folder = shared_step::folder(common_dir);
    let mut steps = Vec::new();
    for sign in shared_step::signs_of_cut_off(common_dir).map_err(|error| file_error(&folder, error))? {
        match CutOff::read(&sign).map_err(|error| file_error(&sign, error))? {
            Some(cut_off) => steps.push(cut_off),
            None => forget(&sign)?,
        }
    }
    steps.sort_by_key(|cut_off| cut_off.step.began);
    Ok(steps)
}

/// Removes what one left that was killed while it mended: an index of its own in a folder.
fn remove_folders(common_dir: &Path) {
    let folders = shared_step::named(common_dir).unwrap_or_default().into_iter().filter(|path| path.is_dir());
    for folder in folders {
        // One that stays takes a little room; nothing reads it.
        let _ = fs::remove_dir_all(folder);
    }
}

fn forget(sign: &Path) -> Result<(), GitError> {
    gone(fs::remove_file(sign)).map(drop).map_err(|error| file_error(sign, error))
}

/// Whether it was there.
fn gone(removed: io::Result<()>) -> io::Result<bool> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        removed => removed.map(|()| true),
    }
}

/// Removes a lock that is nobody's; otherwise says who may hold it. Answers whether there was one to remove.
fn remove(lock: &Path, steps: &[CutOff], common_dir: &Path, trees: &[PathBuf]) -> Result<bool, String> {
    let Some(made_at) = made(lock) else { return Ok(false) };
    if shared_step::may_hold(lock) {
        return Err("a git of this very process".to_owned());
    }
    let maker = steps.iter().find(|cut_off| {
        cut_off.lived.contains(&made_at) && cut_off.step.locks.iter().any(|named| named == lock)
    });
    let whose = match maker {
        Some(cut_off) => whose(lock, common_dir, trees, &(*cut_off.lived.start()..=made_at)),
        None => Some("somebody: hew's own step did not live when it was made".to_owned()),
    };
    // A git that lived on has ended meanwhile; what is there now is another's.
    if made(lock) != Some(made_at) {
        return Ok(false);
    }
    match whose {
        None => gone(fs::remove_file(lock)).map_err(|error| format!("nobody, but can't be removed: {error}")),
        Some(whose) => Err(whose),
    }
}

/// When a lock was made, if it is there.
fn made(lock: &Path) -> Option<SystemTime> {
    fs::symlink_metadata(lock).ok().filter(fs::Metadata::is_file)?.modified().ok()
}

/// Who may hold a lock; none: nobody can.
fn whose(lock: &Path, common_dir: &Path, trees: &[PathBuf], since: &Lived) -> Option<String> {
    let ask = || git_locks::maker(lock, common_dir, trees, since);
    let mut whose = ask();
    for _ in 1..LOOKS {
        if whose.is_none() || !lock.exists() {
            break;
        }
        thread::sleep(PAUSE);
        whose = ask();
    }
    whose
}

/// Files that it had written; a checkout that is gone has none.
fn take_in(git: &RepoGit, step: &SharedStep, steps: &[CutOff]) -> Result<usize, GitError> {
    let Some((checkout, to)) = step.files.as_ref().filter(|(checkout, _)| checkout.is_dir()) else {
        return Ok(0);
    };
    let lived: Vec<&Lived> = steps.iter().map(|cut_off| &cut_off.lived).collect();
    let mending = SharedStep { began: SystemTime::now(), ..step.clone() };
    let _going_on = mending.goes_on(&git.common_dir);
    half_written::take_in(git, checkout, to, &lived)
}
