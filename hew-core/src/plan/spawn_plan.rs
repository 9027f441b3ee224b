//! The frozen plan of one spawn.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::Provenance;
use crate::ids::RuntimeName;

/// What an agent reads on its standard input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentStdin {
    /// `/dev/null`.
    Null,
    /// This file.
    File(PathBuf),
}

/// Limits of one spawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpawnLimits {
    /// Longest wall time.
    pub timeout: Duration,
    /// Longest time without a sign of life.
    pub stall_timeout: Duration,
    /// From TERM to KILL.
    pub kill_grace: Duration,
    /// Largest transcript kept, head and tail, in bytes.
    pub transcript_max_bytes: u64,
}

/// Files that a spawn writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpawnFiles {
    /// Output in the common envelope.
    pub transcript: PathBuf,
    /// Standard error as it came, bounded like the transcript.
    pub stderr_log: PathBuf,
    /// Where `hew done` and its kin write.
    pub outcome: PathBuf,
}

/// What runs, whole: the spawner adds nothing and chooses nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpawnPlan {
    /// The runtime.
    pub runtime: RuntimeName,
    /// Program and arguments; never through a shell unless the program is one.
    pub argv: Vec<String>,
    /// The whole environment.
    pub env: BTreeMap<String, String>,
    /// The folder it runs in.
    pub cwd: PathBuf,
    /// What it reads.
    pub stdin: AgentStdin,
    /// Its limits.
    pub limits: SpawnLimits,
    /// Exit code 0 without another word counts as done.
    pub done_on_exit_zero: bool,
    /// What it writes.
    pub files: SpawnFiles,
    /// Where each field came from.
    pub provenance: Vec<Provenance>,
}
