//! The gate: the command that decides whether a tree is good, and what it reported.

use std::path::PathBuf;
use std::time::Duration;

use crossbeam_channel::Receiver;

use crate::agent::StopRequest;
use crate::exit::Exit;
use crate::ids::TreeId;
use crate::plan::Sandbox;

/// One run of a command on a tree: a gate, or a worktree's setup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateJob {
    /// Run by `sh -c`.
    pub command: String,
    /// The folder that it runs in.
    pub cwd: PathBuf,
    /// Where both its streams go, bounded, head and tail kept.
    pub log: PathBuf,
    /// Longest it may take.
    pub timeout: Duration,
    /// From TERM to KILL.
    pub kill_grace: Duration,
    /// Its whole environment.
    pub env: Vec<(String, String)>,
    /// What it may write and reach; none: what the person may.
    pub sandbox: Option<Sandbox>,
}

/// Why a gate's run counts as red although it may not have ended by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GateStop {
    /// Its time was up.
    Timeout,
    /// hew was asked to stop.
    Requested,
}

/// What a run of a command showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateReport {
    /// How it ended.
    pub exit: Exit,
    /// From start to exit.
    pub duration: Duration,
    /// Why it was stopped, if it was.
    pub stopped: Option<GateStop>,
    /// Processes that it left behind and that were ended.
    pub leaked: u32,
    /// Places in the network that it asked for and was not let through to, some of them where there are many.
    pub refused: Vec<String>,
    /// Bytes it printed, kept or not.
    pub output_bytes: u64,
    /// The last 60 lines that it printed, at most 16 KiB, lossy.
    pub output_tail: String,
}

impl GateReport {
    /// It ended by itself, with 0.
    pub fn is_green(&self) -> bool {
        self.stopped.is_none() && self.exit.is_success()
    }
}

/// A command that never ran.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{command}` could not be run: {reason}")]
pub struct GateError {
    /// The command.
    pub command: String,
    /// What went wrong.
    pub reason: String,
}

/// Runs gates and set-ups.
pub trait GateRunner: Send + Sync {
    /// Runs a command to its end. Blocks; when it returns, no process of it is left.
    fn run(&self, job: &GateJob, stops: &Receiver<StopRequest>) -> Result<GateReport, GateError>;
}

/// A gate's verdict on one tree: the proof that goes into the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateProof {
    /// The command.
    pub command: String,
    /// The tree that it ran on.
    pub tree: TreeId,
    /// What it showed.
    pub report: GateReport,
    /// Red first, green when run again.
    pub flaky: bool,
}
