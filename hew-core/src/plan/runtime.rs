//! Which runtime a task runs on. First match wins: the task's own word, then the run's.
//!
//! Invariants: a task's own word is final, such a task never moves to another runtime; a model never changes the runtime.

use std::collections::BTreeMap;
use std::time::Duration;

use super::health::RuntimeHealth;
use super::limits::{can_be_kept, plan_limits};
use super::local::{self, is_local};
use super::model::{self, ModelChoice, Wishes};
use crate::ids::{ModelName, RuntimeName};
use crate::settings::{RuntimeDef, Settings, Sourced};
use crate::tracker::Task;

/// Metadata key that names a task's runtime.
pub const RUNTIME_KEY: &str = "hew.runtime";

/// What a label that names a task's runtime begins with.
const RUNTIME_LABEL: &str = "runtime:";

/// Metadata key of a task's own command, for `shell`.
pub const RUN_KEY: &str = "hew.run";

/// The runtime whose command goes through `sh -c`.
pub const SHELL: &str = "shell";

/// The word that stands for all of `loop.runtimes`.
pub const AUTO: &str = "auto";

/// A runtime with where the choice came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimeChoice {
    /// The runtime.
    pub name: RuntimeName,
    /// E.g. `task metadata hew.runtime`, `label runtime:shell`, `flag --runtime`.
    pub origin: String,
    /// The runtime that it stands in for, where it is the fallback.
    pub instead_of: Option<RuntimeName>,
}

/// What came of choosing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// This one.
    Use(RuntimeChoice),
    /// None now; the runtime rests, and so does whatever could stand in for it.
    Wait {
        /// When the earliest rest ends, on the run's monotonic clock; none where nobody knows.
        until: Option<Duration>,
        /// Why, for people.
        why: String,
    },
    /// None in this run.
    Unusable(RuntimeProblem),
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
    /// The runtime `local` has no server to ask.
    #[error("runtime `local` ({origin}) asks a model server, and loop.local.endpoint is not set")]
    NoEndpoint {
        /// Where the choice came from.
        origin: String,
    },
    /// The runtime `local` has no model to ask its server for.
    #[error("runtime `local` ({origin}) needs a model: neither the task nor the settings name one")]
    NoModel {
        /// Where the choice came from.
        origin: String,
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
    /// It can't be used in this run any more.
    #[error("runtime `{name}` ({origin}) is out for this run: {reason}")]
    Out {
        /// The name.
        name: RuntimeName,
        /// Where the choice came from.
        origin: String,
        /// Why.
        reason: String,
    },
    /// It turned out not to have the model.
    #[error("runtime `{name}` does not have the model `{model}` ({origin})")]
    UnknownModel {
        /// The name.
        name: RuntimeName,
        /// The model.
        model: ModelName,
        /// Where the model came from.
        origin: String,
    },
    /// A budget of money is set, and nobody knows what this costs.
    #[error(
        "runtime `{name}` does not tell what it costs, and no price is listed for {}: \
         loop.budget.usd could not be kept",
        model.as_ref().map_or("a run without a model".to_owned(), |model| format!("model `{model}`"))
    )]
    Unpriced {
        /// The name.
        name: RuntimeName,
        /// The model, if one is asked for.
        model: Option<ModelName>,
    },
    /// It has no arguments for a call that needs no tools, and nobody named it for such calls.
    #[error(
        "runtime `{name}` ({origin}) has no arguments for a call without tools, and loop.planner.runtime does not name it"
    )]
    NotForCalls {
        /// The name.
        name: RuntimeName,
        /// Where the choice came from.
        origin: String,
    },
    /// `auto` without anything to choose among.
    #[error("loop.runtime is `auto` ({origin}) and loop.runtimes names no runtime")]
    NothingToChoose {
        /// Where `auto` came from.
        origin: String,
    },
    /// A limit that the task sets for itself can't be read.
    #[error("task metadata {key}: `{value}`: {why}")]
    BadLimit {
        /// The metadata key.
        key: &'static str,
        /// What it holds.
        value: String,
        /// Why that is no limit.
        why: String,
    },
    /// The task brings a command and tasks may not.
    #[error(
        "the task brings a command of its own (metadata hew.run) and loop.shell.allow_task_commands is off"
    )]
    TaskCommandNotAllowed,
}

impl RuntimeProblem {
    /// The runtime's trouble: no task could be run there now, whatever it were.
    pub fn is_of_the_runtime(&self) -> bool {
        matches!(self, Self::Out { .. } | Self::UnknownModel { .. })
    }

    /// The one command that helps, where one does.
    pub fn remedy(&self) -> Option<String> {
        Some(match self {
            Self::Undefined { name, .. } => {
                format!("hew config set loop.runtime_defs.{name}.command PROGRAM")
            }
            Self::NoEndpoint { .. } => {
                "hew config set loop.local.endpoint http://127.0.0.1:11434/v1".to_owned()
            }
            Self::UnknownModel { .. } => "hew doctor   # names the models that the server has".to_owned(),
            Self::NoModel { .. } => "hew config set loop.local.model NAME".to_owned(),
            Self::NoCommand { key, .. } => format!("hew config set {key} PROGRAM"),
            Self::Unpriced { model: Some(model), .. } => {
                format!("hew config set loop.prices.{model} INPUT/OUTPUT   # USD per million tokens")
            }
            Self::Unpriced { model: None, .. } => {
                "hew config set loop.model.default MODEL, and loop.prices.MODEL INPUT/OUTPUT".to_owned()
            }
            Self::NotForCalls { .. } => "hew config set loop.planner.runtime NAME".to_owned(),
            Self::NothingToChoose { .. } => "hew config set loop.runtimes claude,codex".to_owned(),
            Self::TaskCommandNotAllowed => "hew config set loop.shell.allow_task_commands true".to_owned(),
            Self::Out { .. } | Self::BadLimit { .. } => return None,
        })
    }

    /// The problem and what helps, for people.
    pub fn with_remedy(&self) -> String {
        let remedy = self.remedy().map(|remedy| format!("; to mend it: {remedy}"));
        format!("{self}{}", remedy.unwrap_or_default())
    }
}

/// Chooses the runtime of a task. Under `auto` the one that a classifier suggests is taken, if it can be used now.
pub fn choose(task: &Task, wishes: &Wishes<'_>, health: &RuntimeHealth) -> Choice {
    let settings = wishes.settings;
    if let Some(own) = own_word(task) {
        return usable(Some(task), own, wishes, health);
    }
    let main = main_choices(settings);
    if let Some(suggested) = wishes.suggested
        && let Some(choice) =
            offered(task, settings).iter().find(|name| suggested.runtime.as_ref() == Some(name))
    {
        let choice = RuntimeChoice { name: choice.clone(), origin: suggested.origin(), instead_of: None };
        if let Choice::Use(choice) = usable(Some(task), choice, wishes, health) {
            return Choice::Use(choice);
        }
    }
    choose_among(Some(task), &main, wishes, health)
}

/// The runtimes among which one may be suggested for a task: those of `auto`, where the task names none itself.
pub fn offered(task: &Task, settings: &Settings) -> Vec<RuntimeName> {
    let is_open = settings.runtime.value.as_str() == AUTO && own_word(task).is_none();
    if is_open { settings.runtimes.value.clone() } else { Vec::new() }
}

/// The one of these that runs least, or the fallback of one that is away. Without a task it is a call.
fn choose_among(
    task: Option<&Task>,
    main: &[RuntimeChoice],
    wishes: &Wishes<'_>,
    health: &RuntimeHealth,
) -> Choice {
    let settings = wishes.settings;
    let found: Vec<Choice> = main.iter().map(|choice| usable(task, choice.clone(), wishes, health)).collect();
    let free = found.iter().filter_map(|choice| match choice {
        Choice::Use(choice) => Some(choice),
        Choice::Wait { .. } | Choice::Unusable(_) => None,
    });
    // Of equals the first is taken.
    if let Some(choice) = free.min_by_key(|choice| health.running_on(&choice.name)) {
        return Choice::Use(choice.clone());
    }
    let stood_in = found.iter().zip(main).find(|(choice, _)| is_away(choice));
    let fallback = stood_in
        .and_then(|(found, away)| fallback(settings, away, found))
        .map(|choice| usable(task, choice, wishes, health));
    if let Some(Choice::Use(choice)) = fallback {
        return Choice::Use(choice);
    }
    let origin = origin_of(settings);
    earliest(found.into_iter().chain(fallback))
        .unwrap_or(Choice::Unusable(RuntimeProblem::NothingToChoose { origin }))
}

/// Chooses the runtime of the planner: `loop.planner.runtime`, else the run's own, or what stands in for it, where that has
/// arguments for calls.
pub fn choose_for_planner(settings: &Settings, health: &RuntimeHealth) -> Choice {
    let main = planner_word(settings).map_or_else(|| main_choices(settings), |choice| vec![choice]);
    choose_among(None, &main, &Wishes::of(settings), health)
}

/// A runtime by its name, for one call without tools on behalf of a command.
pub fn for_call(
    name: &RuntimeName,
    settings: &Settings,
    origin: &str,
) -> Result<RuntimeChoice, RuntimeProblem> {
    let choice = RuntimeChoice { name: name.clone(), origin: origin.to_owned(), instead_of: None };
    runnable(None, &choice, settings).map(|()| choice)
}

fn planner_word(settings: &Settings) -> Option<RuntimeChoice> {
    let Sourced { value, origin } = &settings.planner_runtime;
    let origin = format!("{origin} loop.planner.runtime");
    value.clone().map(|name| RuntimeChoice { name, origin, instead_of: None })
}

/// The runtime that settings name for the planner, where a run is going to ask one.
pub fn of_planner(settings: &Settings) -> Option<RuntimeChoice> {
    let is_asked =
        settings.jobs.value > 1 && settings.planner_enabled.value && settings.planner_budget_tokens.value > 0;
    planner_word(settings).filter(|_| is_asked)
}

/// A task asks for a runtime itself: it never moves to another one.
pub fn has_own_word(task: &Task) -> bool {
    own_word(task).is_some()
}

/// The runtime that a task itself asks for.
fn own_word(task: &Task) -> Option<RuntimeChoice> {
    let choice =
        |name: &str, origin: String| RuntimeChoice { name: RuntimeName::new(name), origin, instead_of: None };
    if let Some(name) = task.metadata_text(RUNTIME_KEY) {
        return Some(choice(name, format!("task metadata {RUNTIME_KEY}")));
    }
    let mut labels = task.labels.iter().filter_map(|label| label.strip_prefix(RUNTIME_LABEL));
    let name = labels.find(|name| !name.is_empty())?;
    Some(choice(name, format!("label {RUNTIME_LABEL}{name}")))
}

fn origin_of(settings: &Settings) -> String {
    format!("{} loop.runtime", settings.runtime.origin)
}

/// The run's own runtimes: `loop.runtime`, or with `auto` all of `loop.runtimes`.
fn main_choices(settings: &Settings) -> Vec<RuntimeChoice> {
    let choice = |name: &RuntimeName, origin| RuntimeChoice { name: name.clone(), origin, instead_of: None };
    let main = &settings.runtime.value;
    if main.as_str() != AUTO {
        return vec![choice(main, origin_of(settings))];
    }
    let origin = format!("auto of {} loop.runtimes", settings.runtimes.origin);
    settings.runtimes.value.iter().map(|name| choice(name, origin.clone())).collect()
}

/// Every runtime that the run may choose by itself, the fallback included; tasks may ask for others.
pub fn of_run(settings: &Settings) -> Result<Vec<RuntimeChoice>, RuntimeProblem> {
    let mut choices = main_choices(settings);
    if choices.is_empty() {
        return Err(RuntimeProblem::NothingToChoose { origin: origin_of(settings) });
    }
    let Sourced { value: fallback, origin } = &settings.fallback_runtime;
    if let Some(name) = fallback
        && choices.iter().all(|choice| choice.name != *name)
    {
        let origin = format!("{origin} loop.fallback_runtime");
        choices.push(RuntimeChoice { name: name.clone(), origin, instead_of: None });
    }
    Ok(choices)
}

/// It is the fallback and nothing else.
pub(super) fn only_stands_in(name: &RuntimeName, settings: &Settings) -> bool {
    settings.fallback_runtime.value.as_ref() == Some(name)
        && main_choices(settings).iter().all(|choice| choice.name != *name)
}

/// The fallback for a runtime that rests, is out, or does not have the model.
fn fallback(settings: &Settings, away: &RuntimeChoice, found: &Choice) -> Option<RuntimeChoice> {
    let Sourced { value, origin } = &settings.fallback_runtime;
    let name = value.clone()?;
    let is = match found {
        Choice::Unusable(RuntimeProblem::UnknownModel { .. }) => "does not have the model",
        Choice::Unusable(_) => "is out",
        Choice::Use(_) | Choice::Wait { .. } => "rests",
    };
    let origin = format!("{origin} loop.fallback_runtime, for {} {is}", away.name);
    Some(RuntimeChoice { name, origin, instead_of: Some(away.name.clone()) })
}

/// Whether a runtime can run this task, and may now.
fn usable(task: Option<&Task>, choice: RuntimeChoice, wishes: &Wishes<'_>, health: &RuntimeHealth) -> Choice {
    let can_run =
        runnable(task, &choice, wishes.settings).and_then(|()| has_model(task, &choice, wishes, health));
    if let Err(problem) = can_run {
        return Choice::Unusable(problem);
    }
    let RuntimeChoice { name, origin, .. } = &choice;
    if let Some(reason) = health.out.get(name) {
        let (name, origin, reason) = (name.clone(), origin.clone(), reason.clone());
        return Choice::Unusable(RuntimeProblem::Out { name, origin, reason });
    }
    if let Some(rest) = health.resting.get(name) {
        return Choice::Wait { until: rest.until, why: format!("runtime `{name}` rests: {}", rest.why) };
    }
    Choice::Use(choice)
}

/// The model that a task gets there is one that it has, as far as that is known, and `local` has any.
fn has_model(
    task: Option<&Task>,
    choice: &RuntimeChoice,
    wishes: &Wishes<'_>,
    health: &RuntimeHealth,
) -> Result<(), RuntimeProblem> {
    let Some(task) = task else { return Ok(()) };
    let asked = model::asked_of(task, wishes, definition(choice, wishes.settings)?, choice);
    local::has_model(asked.as_ref().map(|asked| &asked.name), choice, wishes.settings)?;
    match asked.filter(|asked| health.lacks(&choice.name, &asked.name)) {
        Some(ModelChoice { name: model, origin }) => {
            Err(RuntimeProblem::UnknownModel { name: choice.name.clone(), model, origin })
        }
        None => Ok(()),
    }
}

/// The runtime could run the task if it, or the model, were there.
fn is_away(choice: &Choice) -> bool {
    match choice {
        Choice::Wait { .. } => true,
        Choice::Unusable(problem) => problem.is_of_the_runtime(),
        Choice::Use(_) => false,
    }
}

/// To wait for the earliest rest that ends, or for one of which nobody knows when; else the first problem.
fn earliest(choices: impl Iterator<Item = Choice>) -> Option<Choice> {
    let rank = |choice: &Choice| match choice {
        Choice::Use(_) => (0, Duration::ZERO),
        Choice::Wait { until: Some(until), .. } => (1, *until),
        Choice::Wait { until: None, .. } => (2, Duration::ZERO),
        Choice::Unusable(_) => (3, Duration::ZERO),
    };
    choices.min_by_key(rank)
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
        let allowed = format!("{} loop.shell.allow_task_commands", allow_task_commands.origin);
        return Ok((own.to_owned(), format!("task metadata {RUN_KEY}, allowed by {allowed}")));
    }
    if let Some(command) = &def.command.value {
        return Ok((command.clone(), format!("{} loop.runtime_defs.{SHELL}.command", def.command.origin)));
    }
    if own.is_some() {
        return Err(RuntimeProblem::TaskCommandNotAllowed);
    }
    Err(no_command(choice))
}

/// The runtime is defined and has something to run for this task, or for a call.
fn runnable(task: Option<&Task>, choice: &RuntimeChoice, settings: &Settings) -> Result<(), RuntimeProblem> {
    let def = definition(choice, settings)?;
    if choice.name.as_str() == SHELL {
        shell_command(task, def, &settings.shell_allow_task_commands, choice)?;
    } else if def.command.value.is_none() {
        return Err(no_command(choice));
    }
    has_endpoint(choice, settings)?;
    let Some(task) = task else {
        local::has_model(None, choice, settings)?;
        return may_be_asked(choice, def, settings);
    };
    plan_limits(task, settings)?;
    can_be_kept(task, choice, def)
}

/// The runtime `local` has a server to ask; every other goes to one of its own choice.
pub fn has_endpoint(choice: &RuntimeChoice, settings: &Settings) -> Result<(), RuntimeProblem> {
    if is_local(&choice.name) {
        local::endpoint(&settings.local, choice)?;
    }
    Ok(())
}

/// A call needs no tools: what has no arguments for that would do work, and is asked only where a person names it.
fn may_be_asked(choice: &RuntimeChoice, def: &RuntimeDef, settings: &Settings) -> Result<(), RuntimeProblem> {
    let RuntimeChoice { name, origin, .. } = choice;
    let is_named = settings.planner_runtime.value.as_ref() == Some(name);
    if is_named || (name.as_str() != SHELL && !def.call_args.value.is_empty()) {
        return Ok(());
    }
    Err(RuntimeProblem::NotForCalls { name: name.clone(), origin: origin.clone() })
}

/// The problem of a runtime without a command.
pub fn no_command(choice: &RuntimeChoice) -> RuntimeProblem {
    RuntimeProblem::NoCommand {
        name: choice.name.clone(),
        origin: choice.origin.clone(),
        key: format!("loop.runtime_defs.{}.command", choice.name),
    }
}
