//! What is set, and where each value came from.
//!
//! [`keys`] is the one table; [`layers`] reads a settings file's text, the environment and flags into [`Values`], which
//! merge key by key; [`typed`] makes the [`Settings`] that the rest of hew is written against. Nothing here reads a file
//! or the environment itself.

pub mod bytes;
pub mod docs;
pub mod duration;
pub mod keys;
pub mod kind;
pub mod layers;
pub mod problem;
pub mod typed;
pub mod value;
pub mod values;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::ids::RuntimeName;
pub use kind::{BadValue, Kind};
pub use problem::SettingsProblem;
pub use value::Value;
pub use values::Values;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// hew's own default.
    BuiltIn,
    /// A settings file: `user`, `project` or `HEW_CONFIG`, its path and the line, from 1.
    File {
        /// Which layer.
        layer: &'static str,
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// An environment variable.
    Env(String),
    /// A flag, e.g. `--jobs`.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn => f.write_str("built-in"),
            Self::File { layer, path, line } => write!(f, "{layer} {}:{line}", path.display()),
            Self::Env(name) => write!(f, "environment {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

/// A value with its origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sourced<T> {
    /// The value.
    pub value: T,
    /// Where it came from.
    pub origin: Origin,
}

/// `tracker.kind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrackerKind {
    /// The embedded store, until another tracker is known.
    Auto,
    /// The embedded store.
    Embedded,
}

/// `loop.merge`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MergeMode {
    /// Each task when it is done.
    Task,
}

/// `loop.on_gate_fail`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnGateFail {
    /// Try again, then park; other tasks go on.
    Continue,
    /// The run stops.
    Stop,
}

/// How a runtime is given its prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PromptVia {
    /// On standard input.
    Stdin,
    /// In the file that `{prompt_file}` names.
    File,
}

/// The form of what a runtime prints on its standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputForm {
    /// Text for people.
    Text,
    /// The events of `claude -p --output-format stream-json`.
    ClaudeStream,
    /// The events of `codex exec --json`.
    CodexJsonl,
}

impl OutputForm {
    /// The word that settings have for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::ClaudeStream => "claude-stream",
            Self::CodexJsonl => "codex-jsonl",
        }
    }
}

/// `loop.runtime_defs.<name>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimeDef {
    /// The program; for `shell` a command for `sh -c`.
    pub command: Sourced<Option<String>>,
    /// Its arguments, with `{prompt_file}` and `{model}`.
    pub args: Sourced<Vec<String>>,
    /// How it is given its prompt.
    pub prompt: Sourced<PromptVia>,
    /// Variables added to its environment.
    pub env: Sourced<BTreeMap<String, String>>,
    /// Exit code 0 without another word counts as done.
    pub done_on_exit_zero: Sourced<bool>,
    /// The form of its output.
    pub output: Sourced<OutputForm>,
}

/// Everything that can be set, typed, each with its origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    pub tracker_kind: Sourced<TrackerKind>,
    pub tracker_prefix: Sourced<Option<String>>,
    pub jobs: Sourced<u16>,
    pub runtime: Sourced<RuntimeName>,
    pub max_attempts: Sourced<u32>,
    pub timeout: Sourced<Duration>,
    pub stall_timeout: Sourced<Duration>,
    pub kill_grace: Sourced<Duration>,
    pub stop_grace: Sourced<Duration>,
    pub merge: Sourced<MergeMode>,
    pub deliver: Sourced<bool>,
    pub on_gate_fail: Sourced<OnGateFail>,
    pub branch_prefix: Sourced<String>,
    pub keep_refs_days: Sourced<u32>,
    pub budget_wall: Sourced<Option<Duration>>,
    pub budget_iterations: Sourced<Option<u64>>,
    pub gate_command: Sourced<Option<String>>,
    pub gate_timeout: Sourced<Duration>,
    pub gate_baseline: Sourced<bool>,
    pub gate_retry_flaky: Sourced<bool>,
    pub worktree_root: Sourced<Option<PathBuf>>,
    pub worktree_copy: Sourced<Vec<String>>,
    pub worktree_link: Sourced<Vec<String>>,
    pub worktree_setup: Sourced<Option<String>>,
    pub worktree_setup_inputs: Sourced<Vec<String>>,
    pub env_pass: Sourced<Vec<String>>,
    pub env_allow_push: Sourced<bool>,
    pub collect_max_bytes: Sourced<u64>,
    pub collect_max_files: Sourced<u64>,
    pub transcript_max_bytes: Sourced<u64>,
    pub shell_allow_task_commands: Sourced<bool>,
    pub runtime_defs: BTreeMap<RuntimeName, RuntimeDef>,
}
