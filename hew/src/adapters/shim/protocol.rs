//! What hew and its shim say to each other over the socket: one JSON object a line.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::adapters::sandbox::SandboxSpec;

/// A path as its bytes, for names need not be text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PathBytes(Vec<u8>);

impl PathBytes {
    /// Takes a path as it is.
    pub fn new(path: &Path) -> Self {
        Self(path.as_os_str().as_bytes().to_vec())
    }

    /// The path.
    pub fn to_path(&self) -> PathBuf {
        PathBuf::from(OsString::from_vec(self.0.clone()))
    }
}

/// The first line to the shim: what to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShimSpec {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// The whole environment.
    pub env: Vec<(String, String)>,
    /// The folder that it runs in.
    pub cwd: PathBytes,
    /// Its standard input; `/dev/null` where there is none.
    pub stdin: Option<PathBytes>,
    /// INT to the program alone comes first, and this long later TERM to its tree; none: TERM comes first.
    #[serde(default)]
    pub interrupt_grace_ms: Option<u64>,
    /// From TERM to KILL.
    pub kill_grace_ms: u64,
    /// What it may write and reach; none: what the person may.
    #[serde(default)]
    pub sandbox: Option<SandboxSpec>,
}

/// How a stop is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopWord {
    /// INT and its grace where that comes first; TERM, grace, KILL.
    Graceful,
    /// KILL.
    Now,
}

/// Every later line to the shim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShimRequest {
    /// End the program.
    Stop(StopWord),
    /// The program and its tree stand still until [`ShimRequest::GoOn`]; one that is being ended does not.
    StandStill,
    /// They go on.
    GoOn,
}

/// Why a program could not be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StartFailure {
    /// There is no such program.
    Missing,
    /// It is there and can't be run, or its surroundings are wrong.
    Other,
}

/// What the shim says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShimMessage {
    /// The program runs.
    Started {
        /// Its process id, and that of its session and group.
        pid: u32,
        /// When it began, in clock ticks since boot.
        start_ticks: u64,
    },
    /// The program never ran.
    FailedToStart {
        /// What kind of failure.
        kind: StartFailure,
        /// What the system said.
        reason: String,
    },
    /// The program asked for this place in the network and was not let through. Comes once for each of the first few.
    Refused {
        /// Host and port.
        target: String,
    },
    /// The program ended and nothing of its tree is left. The last message.
    Exited {
        /// Its exit code.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<i32>,
        /// The signal that ended it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signal: Option<i32>,
        /// Processes that were left when it had ended, and were ended.
        leaked: u32,
        /// From start to exit of the program itself.
        ran_ms: u64,
    },
}

/// A message as the line that carries it.
pub(crate) fn to_line(message: &impl Serialize) -> String {
    let mut line = serde_json::to_string(message).expect("messages hold only text and numbers");
    line.push('\n');
    line
}
