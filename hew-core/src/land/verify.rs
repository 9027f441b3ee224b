//! The verification at the end of a run: the whole project's tests, once, on the tree that is to be delivered.
//!
//! Its command is found in another order than the gate's, on purpose: the gate runs what the authors wrote for each
//! change (`just lint`, `make test`), the verification what the language itself calls all tests.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::gate::{GateReport, GateStop};
use super::gate_detect::{
    GateCommand, GateFiles, found, of_go, of_just, of_make, of_package_json, of_python,
};
use crate::exit::Exit;
use crate::tracker::{BdClient, TrackerError};

/// What the verification writes to, in the run folder.
pub const LOG: &str = "verify.log";

/// What keys of memories about failed verifications begin with; the run's id follows.
pub const MEMORY_PREFIX: &str = "STATUS:loop-verify-failed:";

/// Finds the command that runs all tests of a tree: Rust, Node, Python, Go, make, just.
pub fn detect_verify(files: &GateFiles) -> Option<GateCommand> {
    let rust = || found("cargo test --workspace", "Cargo.toml", "a Rust project");
    files
        .cargo_toml
        .then(rust)
        .or_else(|| of_package_json(files.package_json.as_deref()?))
        .or_else(|| of_python(&files.python))
        .or_else(|| of_go(files))
        .or_else(|| of_make(files, &["test"]))
        .or_else(|| of_just(files, &["test"]))
}

/// What the verification at the end showed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum VerifyOutcome {
    /// It was green.
    Passed {
        /// The command.
        command: String,
        /// Seconds that it took.
        duration_secs: f64,
    },
    /// It was red.
    Failed {
        /// The command.
        command: String,
        /// Its exit code; 128+n where signal n ended it.
        exit_code: i32,
        /// Seconds that it took.
        duration_secs: f64,
        /// The end of what it printed, on both streams as they came.
        stderr_tail: String,
    },
    /// It did not run.
    Skipped {
        /// Why.
        reason: String,
    },
    /// Its time was up.
    TimedOut {
        /// The command.
        command: String,
        /// Seconds that it had.
        budget_secs: u64,
    },
}

impl VerifyOutcome {
    /// The wire form of its kind.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Passed { .. } => "passed",
            Self::Failed { .. } => "failed",
            Self::Skipped { .. } => "skipped",
            Self::TimedOut { .. } => "timed_out",
        }
    }

    /// Why the tree is not good, for people; none where it is, or where nothing was run.
    pub fn why_red(&self, failed_tests: &[String]) -> Option<String> {
        let why = match self {
            Self::Passed { .. } | Self::Skipped { .. } => return None,
            Self::Failed { command, exit_code, .. } => {
                format!("`{command}` ended with exit code {exit_code}")
            }
            Self::TimedOut { command, budget_secs } => {
                format!("`{command}` did not end within {budget_secs}s (loop.end_of_run.verify_budget_wall)")
            }
        };
        Some(match failed_tests {
            [] => why,
            names => format!("{why}; failed: {}", names.join(", ")),
        })
    }
}

/// What became of one verification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VerifyRun {
    /// Nothing in the tree tells how it is tested.
    NoCommand,
    /// It ran.
    Ran {
        /// The command.
        command: String,
        /// What it showed.
        report: GateReport,
        /// Names of the first tests that failed, as far as its output tells them.
        failed_tests: Vec<String>,
    },
}

/// What a verification that ran with this budget showed; none where it was stopped before it could show anything.
pub fn outcome_of(command: &str, report: &GateReport, budget: Duration) -> Option<VerifyOutcome> {
    let command = command.to_owned();
    let duration_secs = report.duration.as_secs_f64();
    match report.stopped {
        Some(GateStop::Requested) => None,
        Some(GateStop::Timeout) => {
            Some(VerifyOutcome::TimedOut { command, budget_secs: budget.as_secs().max(1) })
        }
        None if report.exit.is_success() => Some(VerifyOutcome::Passed { command, duration_secs }),
        None => {
            let exit_code = match report.exit {
                Exit::Code(code) => code,
                Exit::Signal(signal) => 128 + signal,
            };
            let stderr_tail = report.output_tail.clone();
            Some(VerifyOutcome::Failed { command, exit_code, duration_secs, stderr_tail })
        }
    }
}

/// What the tracker keeps of a verification, for everybody who works on the project later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VerifyNote {
    /// It failed: a memory with this key and text.
    Failed {
        /// The memory's key.
        key: String,
        /// What it says.
        text: String,
    },
    /// It passed: what earlier ones left there is no longer true.
    Passed,
}

/// Tells the tracker.
pub fn note(tracker: &dyn BdClient, note: &VerifyNote) -> Result<(), TrackerError> {
    match note {
        VerifyNote::Failed { key, text } => tracker.remember(key, text),
        VerifyNote::Passed => {
            let memories = tracker.memories()?;
            let stale = memories.iter().filter(|(key, _)| key.starts_with(MEMORY_PREFIX));
            stale.into_iter().try_for_each(|(key, _)| tracker.forget(key))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::land::gate_detect::NamedText;

    #[test]
    fn the_languages_own_tests_go_before_recipes() {
        let named = |name: &str| Some(NamedText { name: name.to_owned(), text: "lint:\ntest:\n".to_owned() });
        let mut files = GateFiles {
            justfile: named("justfile"),
            makefile: named("Makefile"),
            cargo_toml: true,
            package_json: Some(r#"{"scripts": {"test": "x"}}"#.to_owned()),
            python: vec![NamedText { name: "pytest.ini".to_owned(), text: String::new() }],
            go_mod: true,
        };
        let command = |files: &GateFiles| detect_verify(files).map(|found| found.command);
        assert_eq!(command(&files).as_deref(), Some("cargo test --workspace"));
        files.cargo_toml = false;
        assert_eq!(command(&files).as_deref(), Some("npm test"));
        files.package_json = None;
        assert_eq!(command(&files).as_deref(), Some("pytest"));
        files.python.clear();
        assert_eq!(command(&files).as_deref(), Some("go test ./..."));
        files.go_mod = false;
        assert_eq!(command(&files).as_deref(), Some("make test"));
        files.makefile = None;
        assert_eq!(command(&files).as_deref(), Some("just test"));
        files.justfile = Some(NamedText { name: "justfile".to_owned(), text: "lint:\n".to_owned() });
        assert_eq!(command(&files), None, "linting is no test");
    }

    #[test]
    fn an_end_by_itself_and_an_end_by_its_budget_are_told_apart() {
        let budget = Duration::from_secs(600);
        let report = |exit, stopped| GateReport {
            exit,
            duration: Duration::from_millis(1500),
            stopped,
            leaked: 0,
            refused: Vec::new(),
            output_bytes: 4,
            output_tail: "boom".to_owned(),
        };
        let outcome = |exit, stopped| outcome_of("t", &report(exit, stopped), budget);
        let command = "t".to_owned();
        assert_eq!(
            outcome(Exit::Code(0), None),
            Some(VerifyOutcome::Passed { command: command.clone(), duration_secs: 1.5 })
        );
        for (exit, exit_code) in [(Exit::Code(3), 3), (Exit::Signal(9), 137)] {
            let stderr_tail = "boom".to_owned();
            let failed = VerifyOutcome::Failed {
                command: command.clone(),
                exit_code,
                duration_secs: 1.5,
                stderr_tail,
            };
            assert_eq!(outcome(exit, None), Some(failed));
        }
        assert_eq!(
            outcome(Exit::Code(0), Some(GateStop::Timeout)),
            Some(VerifyOutcome::TimedOut { command, budget_secs: 600 })
        );
        assert_eq!(outcome(Exit::Signal(15), Some(GateStop::Requested)), None);
    }
}
