//! Which runtime a task runs on. First match wins: the task's own word, then the run's.
//!
//! Invariant: a task's own word is final; such a task never moves to another runtime.

use std::collections::BTreeMap;

use crate::ids::RuntimeName;
use crate::settings::{RuntimeDef, Settings, Sourced};
use crate::tracker::Task;

/// Metadata key that names a task's runtime.
pub const RUNTIME_KEY: &str = "hew.runtime";

/// Metadata key of a task's own command, for `shell`.
pub const RUN_KEY: &str = "hew.run";

/// The runtime whose command goes through `sh -c`.
pub const SHELL: &str = "shell";

/// A runtime with where the choice came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimeChoice {
    /// The runtime.
    pub name: RuntimeName,
    /// E.g. `task metadata hew.runtime`, `label runtime:shell`, `flag --runtime`.
    pub origin: String,
}

/// A runtime that can't run this task.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuntimeProblem {
    /// Nobody defined it.
    #[error("runtime `{name}` ({origin}) is not defined; defined: {}", known.join(", "))]
    Undefined {
        /// The name.
        name: RuntimeName,
        /// Where the choice came from.
        origin: String,
        /// Runtimes that are.
        known: Vec<String>,
    },
    /// It has no command.
    #[error("runtime `{name}` ({origin}) has no command; set {key}")]
    NoCommand {
        /// The name.
        name: RuntimeName,
        /// Where the choice came from.
        origin: String,
        /// The key that gives it one.
        key: String,
    },
    /// The task brings a command and tasks may not.
    #[error(
        "the task brings a command of its own (metadata hew.run) and loop.shell.allow_task_commands is off"
    )]
    TaskCommandNotAllowed,
}

/// Names the runtime of a task, defined or not.
pub fn choose(task: &Task, settings: &Settings) -> RuntimeChoice {
    if let Some(name) = task.metadata_text(RUNTIME_KEY) {
        return RuntimeChoice {
            name: RuntimeName::new(name),
            origin: format!("task metadata {RUNTIME_KEY}"),
        };
    }
    let label =
        task.labels.iter().find_map(|label| label.strip_prefix("runtime:").filter(|name| !name.is_empty()));
    if let Some(name) = label {
        return RuntimeChoice { name: RuntimeName::new(name), origin: format!("label runtime:{name}") };
    }
    main_choice(settings)
}

/// The run's own runtime.
pub fn main_choice(settings: &Settings) -> RuntimeChoice {
    let Sourced { value, origin } = &settings.runtime;
    RuntimeChoice { name: value.clone(), origin: format!("{origin} loop.runtime") }
}

/// The definition of a chosen runtime.
pub fn definition<'a>(
    choice: &RuntimeChoice,
    settings: &'a Settings,
) -> Result<&'a RuntimeDef, RuntimeProblem> {
    settings.runtime_defs.get(&choice.name).ok_or_else(|| RuntimeProblem::Undefined {
        name: choice.name.clone(),
        origin: choice.origin.clone(),
        known: names(&settings.runtime_defs),
    })
}

fn names(defs: &BTreeMap<RuntimeName, RuntimeDef>) -> Vec<String> {
    defs.keys().map(ToString::to_string).collect()
}

/// The shell command of a task on the `shell` runtime: its own where tasks may bring one, else the runtime's.
/// Answers the command and where it came from.
pub fn shell_command(
    task: Option<&Task>,
    def: &RuntimeDef,
    allow_task_commands: &Sourced<bool>,
    choice: &RuntimeChoice,
) -> Result<(String, String), RuntimeProblem> {
    let own = task.and_then(|task| task.metadata_text(RUN_KEY));
    if let (Some(own), true) = (own, allow_task_commands.value) {
        return Ok((
            own.to_owned(),
            format!("task metadata {RUN_KEY}, allowed by {}", allow_task_commands.origin),
        ));
    }
    if let Some(command) = &def.command.value {
        return Ok((command.clone(), def.command.origin.to_string()));
    }
    if own.is_some() {
        return Err(RuntimeProblem::TaskCommandNotAllowed);
    }
    Err(no_command(choice))
}

/// The task's runtime is defined and has something to run.
pub fn runnable(task: &Task, settings: &Settings) -> Result<(), RuntimeProblem> {
    let choice = choose(task, settings);
    let def = definition(&choice, settings)?;
    if choice.name.as_str() == SHELL {
        return shell_command(Some(task), def, &settings.shell_allow_task_commands, &choice).map(drop);
    }
    if def.command.value.is_none() {
        return Err(no_command(&choice));
    }
    Ok(())
}

/// The problem of a runtime without a command.
pub fn no_command(choice: &RuntimeChoice) -> RuntimeProblem {
    RuntimeProblem::NoCommand {
        name: choice.name.clone(),
        origin: choice.origin.clone(),
        key: format!("loop.runtime_defs.{}.command", choice.name),
    }
}
