//! `hew task`.

mod add;
mod change;
mod dep;
mod elaborate;
mod exchange;
mod input;
mod look;
mod plan;

use std::sync::Arc;

use hew_core::ids::{Actor, TaskId};
use hew_core::output::Output;
use hew_core::record::event::TrackerRecord;
use hew_core::tracker::nearest::nearest_id;
use hew_core::tracker::{Status, Task, TaskEditor, TaskFilter, TrackerError};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

pub(super) use self::dep::TreeNode;
pub(super) use self::elaborate::Elaboration;
pub(super) use self::exchange::{Exported, Imported};
use super::context::Context;
use crate::adapters::tracker::Opened;
use crate::cli::task_args::{ActorArg, TaskCommand};
use crate::failure::Failure;
use crate::ui::Ui;

/// What every one of these commands needs.
struct Desk<'a> {
    tracker: Arc<dyn TaskEditor>,
    in_use: TrackerRecord,
    ui: &'a Ui,
}

/// Runs one command; the answer is the process's exit code.
pub fn run(command: TaskCommand, ui: &Ui) -> Result<u8, Failure> {
    let context = Context::open()?;
    let Opened { tasks, in_use, .. } = context.open_tracker_in_use()?;
    let desk = Desk { tracker: tasks, in_use, ui };
    match command {
        TaskCommand::Add(args) => add::run(&desk, *args),
        TaskCommand::Elaborate(args) => elaborate::run(&desk, &context, &args),
        TaskCommand::List(args) => look::list(&desk, args),
        TaskCommand::Show(args) => look::show(&desk, &args),
        TaskCommand::Ready(args) => look::ready(&desk, &args),
        TaskCommand::Claim(args) => change::claim(&desk, &args),
        TaskCommand::Close(args) => change::close(&desk, &args),
        TaskCommand::Reopen(args) => change::reopen(&desk, &args),
        TaskCommand::Unpark(args) => change::unpark(&desk, &args),
        TaskCommand::Update(args) => change::update(&desk, *args),
        TaskCommand::Note(args) => change::note(&desk, &args),
        TaskCommand::Dep(command) => dep::run(&desk, command),
        TaskCommand::Import(args) => exchange::import(&desk, &args),
        TaskCommand::Export(args) => exchange::export(&desk, &args),
        TaskCommand::Plan(args) => plan::run(&desk, &args),
    }
}

impl Desk<'_> {
    fn existing(&self, id: &TaskId) -> Result<Task, Failure> {
        self.tracker
            .task(id)
            .map_err(|error| self.refused(error))?
            .ok_or_else(|| missing_task(&*self.tracker, id))
    }

    /// The failure for what a tracker said.
    fn refused(&self, error: TrackerError) -> Failure {
        match error {
            TrackerError::Missing(id) => missing_task(&*self.tracker, &id),
            error @ (TrackerError::Store { .. } | TrackerError::Command(_)) => {
                tracker_failure(&error).because(format!("tasks live in {}", self.in_use.words()))
            }
            error => tracker_failure(&error),
        }
    }

    /// Prints a task that was changed: the record for programs, a sentence for people.
    fn tell(&self, task: &Task, sentence: &str) {
        if self.ui.is_json() {
            self.ui.print_output(&TaskOutput::of(task));
        } else {
            self.ui.say(sentence);
        }
    }
}

/// The failure for a task that isn't there, with the one that was most likely meant.
pub(crate) fn missing_task(tracker: &dyn TaskEditor, id: &TaskId) -> Failure {
    let failure = Failure::failed(format!("no task {id}"));
    // The suggestion is a courtesy: if the list can't be had, the answer stands without it.
    let tasks = tracker.list(&TaskFilter { all: true, ..TaskFilter::default() }).unwrap_or_default();
    match nearest_id(id.as_str(), tasks.iter().map(|task| &task.id)) {
        Some(near) => failure.because(format!("{near} is the nearest")).hint(format!("hew task show {near}")),
        None => failure.hint("hew task list --all"),
    }
}

/// The failure for a tracker that can't answer, or won't take what it was given.
pub fn tracker_failure(error: &TrackerError) -> Failure {
    match error {
        TrackerError::Invalid(reason) => Failure::usage(reason.clone()),
        TrackerError::Missing(id) => Failure::failed(format!("no task {id}")).hint("hew task list --all"),
        TrackerError::NewerSchema { .. } => Failure::usage(error.to_string())
            .hint("install the hew that wrote it, or a newer one; hew --version tells this one's"),
        TrackerError::Store { .. } | TrackerError::Command(_) => Failure::failed(error.to_string()),
    }
}

/// A task.
#[derive(Debug, Serialize, JsonSchema)]
#[expect(clippy::option_option, reason = "not asked for, nothing and something are three answers")]
pub(in crate::commands) struct TaskOutput<'a> {
    /// Its record as `hew task export` writes it: beads' fields, all that there are.
    task: &'a Map<String, Value>,
    /// Of `hew task show`: why it can't start; null where it is not to be done any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    waits: Option<Option<look::Waits<'a>>>,
    /// Of `hew task plan`: its name in the file; null where it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<Option<&'a str>>,
}

impl Output for TaskOutput<'_> {
    const KIND: &'static str = "task";
}

impl<'a> TaskOutput<'a> {
    fn of(task: &'a Task) -> Self {
        Self { task: &task.record, waits: None, name: None }
    }
}

/// Who acts: as told, else the iteration that this process runs in, else the user.
fn actor(args: &ActorArg) -> Actor {
    let told = args.actor.clone().filter(|name| !name.is_empty());
    let user = || variable("USER").unwrap_or_else(|| "person".to_owned());
    Actor::new(told.or_else(iteration).unwrap_or_else(user))
}

/// The actor under which the iteration that this process runs in holds its task.
fn iteration() -> Option<String> {
    let (run, worker, iter) = (variable("HEW_RUN_ID")?, variable("HEW_WORKER")?, variable("HEW_ITER")?);
    Some(format!("hew/{run}/w{}/{iter}", worker.trim_start_matches('w')))
}

fn variable(name: &str) -> Option<String> {
    crate::adapters::tracker::variable(name)
}

fn status(text: &str) -> Result<Status, Failure> {
    if text.trim().is_empty() {
        return Err(Failure::usage("a status is empty").hint("hew task update --help"));
    }
    Ok(Status::parse(text.trim()))
}
