//! What is set, and where each value came from.
//!
//! [`keys`] is the one table, [`lookup`] finds a key in it by its path; [`layers`] reads a settings file's text, the environment and flags into [`Values`], which
//! merge key by key; [`typed`] makes the [`Settings`] that the rest of hew is written against. Nothing here reads a file
//! or the environment itself.

pub mod bytes;
pub mod check;
pub mod docs;
pub mod duration;
pub mod keys;
pub mod kind;
pub mod layers;
pub mod lookup;
pub mod map_kind;
pub mod price;
pub mod problem;
pub mod schema;
pub mod secret;
pub mod secret_stream;
pub mod target;
pub mod temperature;
pub mod trust;
pub mod typed;
pub mod usd;
pub mod value;
pub mod values;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::ids::{ModelName, RuntimeName};
pub use kind::{BadValue, Kind};
pub use map_kind::MapKind;
pub use price::Price;
pub use problem::SettingsProblem;
pub use target::Target;
pub use temperature::Temperature;
pub use usd::Usd;
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

/// The names of layers that are files.
const FILE_LAYERS: [&str; 3] = ["user", "project", "HEW_CONFIG"];

impl Origin {
    /// Reads back what it is shown as.
    pub fn parse(text: &str) -> Option<Self> {
        if text == Self::BuiltIn.to_string() {
            return Some(Self::BuiltIn);
        }
        let (word, rest) = text.split_once(' ')?;
        if let Some(layer) = FILE_LAYERS.into_iter().find(|layer| *layer == word) {
            let (path, line) = rest.rsplit_once(':')?;
            return Some(Self::File { layer, path: PathBuf::from(path), line: line.parse().ok()? });
        }
        match word {
            "environment" => Some(Self::Env(rest.to_owned())),
            "flag" => Some(Self::Flag(rest.to_owned())),
            _ => None,
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
    /// `bd` where the project has a folder `.beads` and its program is there, else the embedded store.
    Auto,
    /// beads, driven by its program.
    Bd,
    /// The embedded store.
    Embedded,
}

impl TrackerKind {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Bd => "bd",
            Self::Embedded => "embedded",
        }
    }
}

/// `loop.merge`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MergeMode {
    /// Each task when it is done.
    Task,
    /// Each worker's branch, once, at the end of the run.
    End,
}

/// `loop.on_gate_fail`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnGateFail {
    /// Try again, then park; other tasks go on.
    Continue,
    /// The run stops.
    Stop,
}

/// `loop.end_of_run.on_red`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnRed {
    /// The result is delivered all the same.
    Deliver,
    /// The result stays on the run branch, for a person to decide.
    Hold,
}

/// `loop.isolation`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    /// A worktree of the repository: files, index and HEAD are its own.
    Worktree,
    /// A clone that borrows the repository's objects: stash, settings, hooks and refs are its own, too.
    Clone,
}

/// `loop.sandbox.mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SandboxMode {
    /// Programs of a run may write what the person may.
    Off,
    /// They may write little more than their own clone.
    Worktree,
    /// They reach nothing of the network but the runtime's endpoint, besides.
    Strict,
}

impl SandboxMode {
    /// The word that settings have for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Worktree => "worktree",
            Self::Strict => "strict",
        }
    }
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
    /// Its arguments, with the placeholders of [`crate::plan::argv`].
    pub args: Sourced<Vec<String>>,
    /// The same for a call that needs no tools; empty: `args` where `loop.planner.runtime` names it, else it is not asked.
    pub call_args: Sourced<Vec<String>>,
    /// How it is given its prompt.
    pub prompt: Sourced<PromptVia>,
    /// Variables added to its environment.
    pub env: BTreeMap<String, Sourced<String>>,
    /// Exit code 0 without another word counts as done.
    pub done_on_exit_zero: Sourced<bool>,
    /// The form of its output.
    pub output: Sourced<OutputForm>,
    /// Its own names for models.
    pub models: BTreeMap<ModelName, Sourced<ModelName>>,
}

/// `loop.local`: a model server of one's own, and what is asked of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalSettings {
    /// Its base URL, through `/v1`; without it nothing of this section is in use.
    pub endpoint: Sourced<Option<String>>,
    /// The model, where nothing else names one.
    pub model: Sourced<Option<ModelName>>,
    /// Longest wait for a whole answer; in a stream for the first byte and between two pieces.
    pub timeout: Sourced<Duration>,
    pub temperature: Sourced<Temperature>,
    /// 0: the server decides.
    pub max_tokens: Sourced<u64>,
    /// Name of the variable that holds the key.
    pub api_key_env: Sourced<Option<String>>,
    /// The runtime's agent may read and change files and run commands.
    pub tools: Sourced<bool>,
    /// Most turns of the runtime's agent.
    pub max_turns: Sourced<u32>,
    /// Asked first where a line becomes a task.
    pub prefer_for_elaborate: Sourced<bool>,
}

/// Everything that can be set, typed, each with its origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    pub tracker_kind: Sourced<TrackerKind>,
    pub tracker_command: Sourced<String>,
    pub tracker_prefix: Sourced<Option<String>>,
    pub jobs: Sourced<u16>,
    pub runtime: Sourced<RuntimeName>,
    pub runtimes: Sourced<Vec<RuntimeName>>,
    pub fallback_runtime: Sourced<Option<RuntimeName>>,
    pub fallback_cooldown_iters: Sourced<u32>,
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
    pub budget_tokens: Sourced<Option<u64>>,
    pub budget_usd: Sourced<Option<Usd>>,
    /// In hundredths.
    pub budget_grace: Sourced<u8>,
    pub budget_first_guess: Sourced<u64>,
    pub model_default: Sourced<Option<ModelName>>,
    /// By priority, from 0 to 4.
    pub model_by_priority: BTreeMap<u8, Sourced<ModelName>>,
    pub model_by_type: BTreeMap<String, Sourced<ModelName>>,
    pub prices: BTreeMap<ModelName, Sourced<Price>>,
    pub planner_enabled: Sourced<bool>,
    /// Of the prompt; 0 is never.
    pub planner_budget_tokens: Sourced<u64>,
    pub planner_runtime: Sourced<Option<RuntimeName>>,
    pub classifier_enabled: Sourced<bool>,
    pub gate_command: Sourced<Option<String>>,
    pub gate_timeout: Sourced<Duration>,
    pub gate_baseline: Sourced<bool>,
    pub gate_retry_flaky: Sourced<bool>,
    pub verify_tests: Sourced<bool>,
    pub verify_command: Sourced<Option<String>>,
    pub verify_budget_wall: Sourced<Duration>,
    pub verify_on_red: Sourced<OnRed>,
    pub worktree_root: Sourced<Option<PathBuf>>,
    pub worktree_copy: Sourced<Vec<String>>,
    pub worktree_link: Sourced<Vec<String>>,
    pub worktree_setup: Sourced<Option<String>>,
    pub worktree_setup_inputs: Sourced<Vec<String>>,
    /// As it was set; [`Settings::is_cloned`] is what counts.
    pub isolation: Sourced<Isolation>,
    pub sandbox: Sourced<SandboxMode>,
    pub sandbox_write: Sourced<Vec<PathBuf>>,
    pub sandbox_hosts: Sourced<Vec<Target>>,
    pub env_pass: Sourced<Vec<String>>,
    pub env_allow_push: Sourced<bool>,
    pub collect_max_bytes: Sourced<u64>,
    pub collect_max_files: Sourced<u64>,
    pub transcript_max_bytes: Sourced<u64>,
    pub shell_allow_task_commands: Sourced<bool>,
    pub local: LocalSettings,
    pub runtime_defs: BTreeMap<RuntimeName, RuntimeDef>,
}

impl Settings {
    /// Workers have clones: they are asked for, or a sandbox needs them.
    pub fn is_cloned(&self) -> bool {
        self.isolation.value == Isolation::Clone || self.is_sandboxed()
    }

    /// Programs of a run are kept from writing.
    pub fn is_sandboxed(&self) -> bool {
        self.sandbox.value != SandboxMode::Off
    }
}
