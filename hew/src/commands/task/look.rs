//! `hew task list`, `show` and `ready`.

use std::collections::BTreeSet;

use hew_core::ids::{Actor, TaskId};
use hew_core::render::task::{task_lines, task_page};
use hew_core::tracker::{LeftoverReason, ReadyQuery, Scope, Task, TaskFilter, TaskLine};
use schemars::JsonSchema;
use serde::Serialize;

use super::{Desk, TaskOutput, status};
use crate::cli::task_args::{IdArg, ListArgs, ReadyArgs};
use crate::failure::{Failure, code};

pub(super) fn list(desk: &Desk<'_>, args: ListArgs) -> Result<u8, Failure> {
    let statuses = args.status.iter().map(|text| status(text)).collect::<Result<_, _>>()?;
    let filter = TaskFilter { statuses, types: args.types, labels: args.labels, all: args.all };
    let tasks = desk.tracker.list(&filter).map_err(|error| desk.refused(error))?;
    if desk.ui.is_json() {
        print_json(desk, &tasks);
    } else {
        print_lines(desk, &tasks.iter().map(TaskLine::from).collect::<Vec<_>>(), "no such tasks");
    }
    Ok(code::OK)
}

pub(super) fn ready(desk: &Desk<'_>, args: &ReadyArgs) -> Result<u8, Failure> {
    let query = ReadyQuery { limit: args.limit, ..query(Scope::Ready) };
    if desk.ui.is_json() {
        let tasks = desk.tracker.ready(&query).map_err(|error| desk.refused(error))?;
        print_json(desk, &tasks);
    } else {
        let lines = desk.tracker.ready_lines(&query).map_err(|error| desk.refused(error))?;
        print_lines(desk, &lines, "nothing is ready");
    }
    Ok(code::OK)
}

pub(super) fn show(desk: &Desk<'_>, args: &IdArg) -> Result<u8, Failure> {
    let id = TaskId::new(&args.id);
    let task = desk.existing(&id)?;
    let query = query(Scope::Tasks(BTreeSet::from([id])));
    let left = desk.tracker.leftovers(&query, 1).map_err(|error| desk.refused(error))?;
    let why = left.first().map(|left| &left.why);
    if desk.ui.is_json() {
        desk.ui.print_output(&TaskOutput { waits: Some(why.map(Waits::of)), ..TaskOutput::of(&task) });
    } else {
        desk.ui.print(&task_page(&task, why));
    }
    Ok(code::OK)
}

fn query(scope: Scope) -> ReadyQuery {
    ReadyQuery {
        only: None,
        scope,
        exclude: BTreeSet::new(),
        hold_open: BTreeSet::new(),
        with_parked: false,
        limit: None,
    }
}

fn print_json(desk: &Desk<'_>, tasks: &[Task]) {
    tasks
        .iter()
        .take_while(|_| desk.ui.is_stdout_open())
        .for_each(|task| desk.ui.print_output(&TaskOutput::of(task)));
}

fn print_lines(desk: &Desk<'_>, lines: &[TaskLine], none: &str) {
    if lines.is_empty() {
        desk.ui.say(none);
    } else {
        desk.ui.print(&task_lines(lines));
    }
}

/// Why a task that is still to be done can't start.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "for", rename_all = "snake_case")]
pub(super) enum Waits<'a> {
    /// It could.
    Nothing,
    /// Tasks have to be closed first.
    Tasks {
        /// Which.
        tasks: &'a [TaskId],
    },
    /// It is parked.
    Unpark,
    /// Somebody holds it.
    Release {
        /// Who.
        held_by: &'a Actor,
    },
    /// Its status keeps it.
    Status {
        /// Which.
        status: &'a str,
    },
    /// It is deferred to a later time.
    Time,
}

impl<'a> Waits<'a> {
    fn of(why: &'a LeftoverReason) -> Self {
        match why {
            LeftoverReason::Ready => Self::Nothing,
            LeftoverReason::BlockedBy(tasks) => Self::Tasks { tasks },
            LeftoverReason::Parked => Self::Unpark,
            LeftoverReason::AssignedTo(held_by) => Self::Release { held_by },
            LeftoverReason::Status(status) => Self::Status { status: status.as_str() },
            LeftoverReason::Deferred => Self::Time,
        }
    }
}
