//! The agent of an iteration: its process, and how it ended.

use super::Moment;
use crate::agent::AgentSignal;
use crate::exit::Exit;

/// The agent's process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AgentView {
    /// Process id.
    pub pid: u32,
    /// Its start time in clock ticks since boot.
    pub start_ticks: u64,
    /// When it was started.
    pub since: Moment,
}

/// How the agent ended.
#[derive(Debug, Clone, PartialEq)]
pub struct ExitView {
    /// How.
    pub exit: Exit,
    /// Seconds that it ran.
    pub duration_secs: f64,
    /// Why it was stopped, if it was.
    pub stopped: Option<String>,
    /// Processes that it left behind and that were ended.
    pub leaked: u32,
    /// What it said.
    pub signal: Option<AgentSignal>,
    /// Bytes that it printed.
    pub output_bytes: u64,
}
