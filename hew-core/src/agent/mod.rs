//! Running an agent: what the spawner is asked, what it saw, and what that means.
//!
//! Invariants: the spawner holds no settings and chooses nothing, it does what a [`SpawnPlan`] says; it reports what it
//! saw and never decides whether a task is done ([`verdict`] does). When `run` returns, no process of it is left.

mod calls;
pub(crate) use calls::detail_of;
mod claude;
mod codex;
mod envelope;
pub mod failure;
pub mod hints;
mod lenient;
mod lines;
pub mod outcome;
pub mod reading;
pub mod signal;
pub mod stream;
pub mod text;
pub mod verdict;

use std::path::PathBuf;
use std::time::Duration;

use crossbeam_channel::Receiver;

use crate::exit::Exit;
use crate::plan::SpawnPlan;
pub use crate::usage::{self, Usage};
pub use failure::{FailureClass, Lack, RetryAt, RuntimeFailure};
pub use outcome::IterationOutcome;
pub use reading::{AgentReading, ToolCall, ToolReach};
pub use signal::{AgentSignal, SignalWord};
pub use stream::{StreamEnd, StreamReader};

/// How a running program is to be stopped. A later request replaces an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopRequest {
    /// The polite way: TERM, the plan's grace, KILL.
    Graceful,
    /// At once: KILL.
    Now,
}

/// Why a program did not end by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopCause {
    /// It was asked to.
    Requested,
    /// Its wall time was up.
    Timeout,
    /// No sign of life for the stall timeout; what was looked at.
    Stalled(String),
    /// Its stream shows that it can only fail, and that it would go on trying.
    Hopeless(RuntimeFailure),
}

/// What the spawner saw while an agent runs.
#[derive(Debug, Clone, PartialEq)]
pub enum SpawnProgress {
    /// It runs: process id and its start time in clock ticks since boot, which together name it.
    Started {
        /// Process id.
        pid: u32,
        /// Start time, from the kernel.
        start_ticks: u64,
    },
    /// It printed something; at most one a second.
    Output {
        /// Bytes so far.
        bytes: u64,
    },
    /// Its stream told of tokens used: the whole so far, with their cost where the runtime reckons it.
    Used {
        /// Tokens so far.
        usage: Usage,
        /// Money so far, in USD.
        cost_usd: Option<f64>,
        /// The model that answers, once it is known.
        model: Option<String>,
    },
}

/// What the spawner saw in the end.
#[derive(Debug, Clone, PartialEq)]
pub struct SpawnReport {
    /// How the agent ended.
    pub exit: Exit,
    /// From start to exit.
    pub duration: Duration,
    /// Why it was stopped, if it was.
    pub stopped: Option<StopCause>,
    /// Processes that it left behind and that were ended.
    pub leaked: u32,
    /// Places in the network that it asked for and was not let through to, some of them where there are many.
    pub refused: Vec<String>,
    /// The last non-empty line of its standard output.
    pub last_line: String,
    /// The last 4 KiB of its standard output, lossy.
    pub stdout_tail: String,
    /// The last 4 KiB of its standard error, lossy.
    pub stderr_tail: String,
    /// Bytes it printed, kept or not.
    pub output_bytes: u64,
    /// Lines that begin with `DECISION:`, without the word; at most 200.
    pub decisions: Vec<String>,
    /// Lines that begin with `DEFERRED:`, without the word; at most 200.
    pub deferred: Vec<String>,
    /// The text after the last `## Summary` heading, at most 4 KiB.
    pub summary: Option<String>,
    /// What it said through `hew done`, `hew blocked` or `hew fail`.
    pub signal: Option<AgentSignal>,
    /// What its structured output said.
    pub reading: AgentReading,
}

impl SpawnReport {
    /// Of an agent that ended by itself and of which nothing was read.
    pub fn new(exit: Exit, duration: Duration) -> Self {
        Self {
            exit,
            duration,
            stopped: None,
            leaked: 0,
            refused: Vec::new(),
            last_line: String::new(),
            stdout_tail: String::new(),
            stderr_tail: String::new(),
            output_bytes: 0,
            decisions: Vec::new(),
            deferred: Vec::new(),
            summary: None,
            signal: None,
            reading: AgentReading::default(),
        }
    }

    /// Its last words: those of its stream, else the end of what it printed.
    pub fn last_words(&self) -> &str {
        self.reading.final_text.as_deref().unwrap_or(&self.stdout_tail)
    }

    /// Why its runtime failed, where the stream said so at its end, or before, so that it was stopped.
    pub fn failure(&self) -> Option<&RuntimeFailure> {
        self.reading.failure.as_ref().or(match &self.stopped {
            Some(StopCause::Hopeless(failure)) => Some(failure),
            Some(StopCause::Requested | StopCause::Timeout | StopCause::Stalled(_)) | None => None,
        })
    }

    /// Why one that was only asked something has no answer, if it has none.
    pub fn why_no_answer(&self) -> Option<String> {
        if let Some(failure) = self.failure() {
            return Some(failure.message.clone());
        }
        match &self.stopped {
            Some(StopCause::Timeout) => {
                return Some(format!("it took more than {}s", self.duration.as_secs()));
            }
            Some(StopCause::Requested) => return Some("it was stopped".to_owned()),
            Some(StopCause::Stalled(evidence)) => {
                return Some(format!("it showed no sign of life: {evidence}"));
            }
            Some(StopCause::Hopeless(_)) | None => {}
        }
        let is_bad = !self.exit.is_success() || self.reading.ended_well == Some(false);
        is_bad.then(|| {
            let last = self.stderr_tail.trim().lines().next_back().unwrap_or_default();
            format!("{}{}{last}", self.exit, if last.is_empty() { "" } else { ": " })
        })
    }
}

/// An agent that never ran, or of whose run nothing could be kept. Its folder may hold work all the same.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpawnError {
    /// The program is not there.
    #[error("no program `{program}` on PATH")]
    Missing {
        /// As the plan named it.
        program: String,
    },
    /// The program can't be started.
    #[error("`{program}` could not be started: {reason}")]
    Failed {
        /// As the plan named it.
        program: String,
        /// What the system said.
        reason: String,
    },
    /// A file that belongs to the iteration can't be written or read.
    #[error("{path}: {reason}")]
    File {
        /// The path.
        path: PathBuf,
        /// What went wrong.
        reason: String,
    },
}

/// Any agent process.
pub trait Spawner: Send + Sync {
    /// Runs a plan to its end. Blocks; `stops` may ask for an end, `progress` is told what happens meanwhile.
    fn run(
        &self,
        plan: &SpawnPlan,
        stops: &Receiver<StopRequest>,
        progress: &dyn Fn(SpawnProgress),
    ) -> Result<SpawnReport, SpawnError>;
}
