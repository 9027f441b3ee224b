//! One ride: a scene's run, its kills, and its resumes to the end.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::outcome::{Outcome, differences};
use super::scene::Scene;
use crate::loop_stage::{LoopStage, Ran, Running, wait_until};
use crate::run_check::check;

/// What a process says that KILL has ended.
const KILLED: i32 = 137;

/// How a process is killed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kill {
    /// By itself, at a place that `HEW_FAIL_AT` names.
    At(String),
    /// From outside, so long after it began; with everything that it has started, or alone.
    After {
        /// How long.
        wait: Duration,
        /// With everything that it has started.
        everything: bool,
    },
    /// From outside, so long after a signal that asks it to end, which itself comes so long after it began.
    Signalled {
        /// From the begin to the signal.
        wait: Duration,
        /// From the signal to the kill.
        then: Duration,
    },
}

/// A scene that was run to its end.
#[derive(Debug)]
pub struct Ride {
    /// The project.
    pub stage: LoopStage,
    /// The exit code of the last process.
    pub code: i32,
    /// Kills that hit.
    pub kills: usize,
    /// How long the first process took, and all of them.
    pub took: (Duration, Duration),
    /// What each process said, in order.
    pub said: Vec<String>,
    /// What was the user's before.
    config: String,
}

/// Runs a scene. Each kill is for one process, the first for the run, the others for the resumes after it; kills that are
/// left over when the run has ended are not used.
///
/// # Panics
/// Where the run does not come to its end.
pub fn ride(scene: &Scene, kills: &[Kill]) -> Ride {
    let stage = scene.set();
    let config = read(&stage.repo.common_dir().join("config"));
    let mut ride =
        Ride { stage, code: 0, kills: 0, took: (Duration::ZERO, Duration::ZERO), said: Vec::new(), config };
    let mut kills = kills.iter();
    loop {
        let words = ride.next_words(scene);
        let begun = Instant::now();
        let ran = ride.run(&words, kills.next());
        let took = begun.elapsed();
        if ride.said.is_empty() {
            ride.took.0 = took;
        }
        ride.took.1 += took;
        ride.said.push(format!("hew {}: {}\n{}", words.join(" "), ran.code, ran.stderr));
        // One that TERM ended before it listened to signals is as one that was killed.
        if ran.code == KILLED || ran.by_signal && !ride.was_stopped_by_signal() {
            ride.kills += 1;
            continue;
        }
        ride.code = ran.code;
        if !ride.was_stopped_by_signal() {
            break;
        }
        // A signal came first: nothing was delivered, and the rest is for a run of its own.
        let delivered = ride.stage.hew(&["loop", "deliver"]);
        ride.said.push(format!("hew loop deliver: {}\n{}", delivered.code, delivered.stderr));
        assert!(ride.said.len() < 40, "it comes to no end: {:#?}", ride.said);
    }
    wait_until("the end of everything that was started", || ride.stage.processes().is_empty());
    ride
}

impl Ride {
    /// What comes next: the run, what goes on with it, or a new one after one that ended.
    fn next_words<'a>(&self, scene: &'a Scene) -> Vec<&'a str> {
        let is_open = self.stage.run_folders().pop().is_some_and(|folder| {
            let journal = fs::read_to_string(folder.join("events.jsonl")).unwrap_or_default();
            // With its first record torn it is no run.
            journal.contains('\n') && (!journal.contains("\"run_ended\"") || self.is_new_end())
        });
        if is_open { vec!["loop", "resume"] } else { scene.run_words() }
    }

    /// The newest run noted that a signal ended it; its process may have been killed right after that.
    fn was_stopped_by_signal(&self) -> bool {
        self.stage.has_event(|entry| entry["kind"] == "run_ended" && entry["stop_reason"] == "signal")
    }

    /// The last process was killed after the run had noted its end: whether that is all is for resume to say.
    fn is_new_end(&self) -> bool {
        // By KILL, or by TERM before it listened to signals.
        let is_killed = |line: &str| line.ends_with(": 137") || line.ends_with(": 143");
        self.said.last().is_some_and(|said| said.lines().next().is_some_and(is_killed))
    }

    fn run(&self, words: &[&str], kill: Option<&Kill>) -> Ran {
        let mut command: Command = self.stage.repo.hew(words);
        command.env("STAGE", self.stage.path("marks"));
        if let Some(Kill::At(place)) = kill {
            command.env("HEW_FAIL_AT", place);
        }
        let run = Running::spawn(command);
        let pid = run.pid();
        match kill {
            None | Some(Kill::At(_)) => {}
            Some(Kill::After { wait, everything }) => {
                thread::sleep(*wait);
                let others = if *everything { self.stage.processes() } else { Vec::new() };
                end(pid, Signal::SIGKILL);
                for (other, _) in others {
                    end(Pid::from_raw(other), Signal::SIGKILL);
                }
            }
            Some(Kill::Signalled { wait, then }) => {
                thread::sleep(*wait);
                end(pid, Signal::SIGTERM);
                thread::sleep(*then);
                end(pid, Signal::SIGKILL);
            }
        }
        run.end()
    }

    /// What came of it.
    pub fn outcome(&self, scene: &Scene) -> Outcome {
        Outcome::of(&self.stage, &names(scene))
    }

    /// All that has to hold after any kill holds, and the outcome is that of the run that nobody disturbed.
    ///
    /// # Panics
    /// Where it does not.
    pub fn assert_sound(&self, scene: &Scene, calm: &Outcome) {
        let told = self.said.join("\n");
        let wrong = differences(calm, &self.outcome(scene), &scene.either);
        assert!(wrong.is_empty(), "{}\n{told}", wrong.join("\n"));
        self.assert_user_is_left_alone();
        for folder in self.stage.run_folders() {
            self.assert_folder_is_whole(&folder, &told);
        }
        self.assert_another_resume_changes_nothing(scene);
    }

    fn assert_user_is_left_alone(&self) {
        let repo = &self.stage.repo;
        assert_eq!(repo.git(&["status", "--porcelain"]), "", "the checkout follows the target");
        assert_eq!(repo.git(&["stash", "list"]), "");
        assert_eq!(read(&repo.common_dir().join("config")), self.config, "git's settings");
        let heads =
            repo.git(&["for-each-ref", "--format=%(refname)", "refs/heads", "refs/tags", "refs/remotes"]);
        let odd =
            heads.lines().find(|name| *name != "refs/heads/main" && !name.starts_with("refs/heads/loop/"));
        assert_eq!(odd, None, "a ref that is not hew's");
    }

    /// Every run has its end, and everything holds of it that holds of any run; nothing half-written lies about.
    fn assert_folder_is_whole(&self, folder: &Path, told: &str) {
        let journal = read(&folder.join("events.jsonl"));
        // A launch that was killed before its first record was on disk is no run.
        if !journal.contains('\n') {
            return;
        }
        let last: Value = serde_json::from_str(journal.lines().last().unwrap_or("null")).expect(told);
        assert_eq!(last["kind"], "run_ended", "{}: {told}", folder.display());
        let code = last["exit_code"].as_i64().and_then(|code| i32::try_from(code).ok()).expect("a code");
        check(&self.stage.repo, folder, code, self.stage.tasks().into_values().collect(), told);
        let torn: Vec<PathBuf> = files_below(folder).into_iter().filter(|path| is_partial(path)).collect();
        assert!(torn.is_empty(), "half-written files are left: {torn:?}\n{told}");
    }

    fn assert_another_resume_changes_nothing(&self, scene: &Scene) {
        let seen = || {
            let journals: Vec<String> =
                self.stage.run_folders().iter().map(|folder| read(&folder.join("events.jsonl"))).collect();
            (self.outcome(scene), self.stage.refs("refs"), journals)
        };
        let before = seen();
        let again = self.stage.hew(&["loop", "resume"]);
        assert_ne!(again.code, 70, "{}", again.stderr);
        assert!(seen() == before, "resumed once more, it changed something: {}", again.stderr);
    }
}

fn names(scene: &Scene) -> Vec<String> {
    scene.tasks.iter().map(|task| task.name.clone()).collect()
}

/// One that is gone already needs no signal.
fn end(pid: Pid, signal: Signal) {
    let _ = kill(pid, signal);
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// What replaces a file, and is removed or renamed unless a kill comes between.
fn is_partial(path: &Path) -> bool {
    let is_ours = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(".hew-"));
    is_ours && path.extension().is_some_and(|kind| kind == "tmp")
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}
