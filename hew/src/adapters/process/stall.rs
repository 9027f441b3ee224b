//! Signs of life besides output: time used by the program's tree, and, looked at only before a stall is declared, a
//! changed worktree.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use crate::adapters::proc_tree::{self, TICKS_PER_SECOND};

/// A tree that used less than this part of the time is not at work.
const LIVELY_SHARE: f64 = 0.01;
/// Samples of used time in one stall timeout.
const SAMPLES: u32 = 4;
/// Most entries of a worktree that are looked at.
const MAX_ENTRIES: usize = 50_000;

/// How far a disk's clock may be ahead. What is dated later still was made before the calendar went back, and shows no life.
const AHEAD: Duration = Duration::from_secs(60);

/// Watches for a stall.
#[derive(Debug)]
pub struct StallWatch {
    timeout: Duration,
    shim: u32,
    worktree: PathBuf,
    alive_at: Instant,
    samples: VecDeque<(Instant, u64)>,
}

impl StallWatch {
    /// Begins now. `shim` is the root of the tree; `worktree` is where the program works.
    pub fn new(timeout: Duration, shim: u32, worktree: &Path) -> Self {
        let now = Instant::now();
        Self {
            timeout,
            shim,
            worktree: worktree.to_owned(),
            alive_at: now,
            samples: VecDeque::from([(now, 0)]),
        }
    }

    /// Nobody could look for a while: the quiet time begins anew.
    pub fn begin_anew(&mut self) {
        self.alive_at = Instant::now();
    }

    /// When [`Self::look`] is to be called next.
    pub fn due(&self, last_output: Instant) -> Instant {
        let last_sample = self.samples.back().map_or(self.alive_at, |(at, _)| *at);
        (last_sample + self.timeout / SAMPLES).min(last_output.max(self.alive_at) + self.timeout)
    }

    /// Looks for life; answers the evidence if there was none for the timeout.
    pub fn look(&mut self, now: Instant, last_output: Instant) -> Option<String> {
        let used = proc_tree::cpu_ticks(self.shim);
        self.alive_at = self.alive_at.max(last_output);
        let (since, before) = self.sample_at(self.alive_at);
        self.samples.push_back((now, used));
        while self.samples.len() > SAMPLES as usize * 2 {
            self.samples.pop_front();
        }
        if now < self.alive_at + self.timeout {
            return None;
        }
        let seconds = ticks_to_seconds(used.saturating_sub(before));
        let window = now.saturating_duration_since(since);
        if seconds >= window.as_secs_f64() * LIVELY_SHARE {
            self.alive_at = now;
            return None;
        }
        let changes = look_for_changes(&self.worktree, now.saturating_duration_since(self.alive_at));
        if changes.changed {
            self.alive_at = now;
            return None;
        }
        let quiet = now.saturating_duration_since(self.alive_at).as_secs_f64();
        Some(format!(
            "no output for {quiet:.1} s; {seconds:.2} s of CPU time in {:.1} s; no change among {} files of the worktree",
            window.as_secs_f64(),
            changes.looked_at
        ))
    }

    /// The newest sample that is not younger than `at`'s quarter: used time is compared over nearly the quiet time.
    fn sample_at(&self, at: Instant) -> (Instant, u64) {
        let before = self.samples.iter().rev().find(|(taken, _)| *taken <= at);
        *before.or(self.samples.front()).expect("there is a sample from the beginning on")
    }
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people, and for comparison with one per cent")]
fn ticks_to_seconds(ticks: u64) -> f64 {
    ticks as f64 / TICKS_PER_SECOND as f64
}

struct Changes {
    changed: bool,
    looked_at: usize,
}

/// Folders nearest to the root first; git's own are left out, links are not followed.
fn look_for_changes(worktree: &Path, within: Duration) -> Changes {
    let now = SystemTime::now();
    let within = now - within..=now + AHEAD;
    let mut looked_at = 0;
    let mut open = VecDeque::from([worktree.to_owned()]);
    while let Some(folder) = open.pop_front() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten().filter(|e| e.file_name() != ".git")
        {
            let Ok(metadata) = entry.metadata() else { continue };
            looked_at += 1;
            if metadata.modified().is_ok_and(|at| within.contains(&at)) {
                return Changes { changed: true, looked_at };
            }
            if looked_at >= MAX_ENTRIES {
                return Changes { changed: false, looked_at };
            }
            if metadata.is_dir() {
                open.push_back(entry.path());
            }
        }
    }
    Changes { changed: false, looked_at }
}

#[cfg(test)]
mod tests {
    use std::fs::{File, FileTimes};

    use super::*;

    #[test]
    fn a_new_file_anywhere_is_a_change_and_an_old_one_or_gits_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let long_ago = SystemTime::now() - Duration::from_secs(1000);
        fs::create_dir_all(dir.path().join("a/b")).unwrap();
        fs::create_dir_all(dir.path().join(".git/x")).unwrap();
        fs::write(dir.path().join("a/b/file"), "x").unwrap();
        for old in ["a/b/file", "a/b", "a"] {
            let file = File::open(dir.path().join(old)).unwrap();
            file.set_times(FileTimes::new().set_modified(long_ago)).unwrap();
        }
        let look = || look_for_changes(dir.path(), Duration::from_secs(100));
        assert!(!look().changed);
        assert_eq!(look().looked_at, 3);
        let file = File::options().append(true).open(dir.path().join("a/b/file")).unwrap();
        file.set_times(FileTimes::new().set_modified(SystemTime::now())).unwrap();
        assert!(look().changed);
        let tomorrow = SystemTime::now() + Duration::from_secs(86_400);
        file.set_times(FileTimes::new().set_modified(tomorrow)).unwrap();
        assert!(!look().changed, "the calendar went back meanwhile");
    }
}
