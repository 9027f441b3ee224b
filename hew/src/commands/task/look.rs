//! `hew task list`, `show` and `ready`.

use std::collections::BTreeSet;

use hew_core::ids::TaskId;
use hew_core::render::task::{task_lines, task_page};
use hew_core::tracker::{LeftoverReason, ReadyQuery, Scope, Task, TaskFilter, TaskLine};
use serde_json::{Value, json};

use super::{Desk, status, task_json};
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
        let mut object = task_json(&task);
        object["waits"] = why.map_or(Value::Null, waits_json);
        desk.ui.print_json(&object);
    } else {
        desk.ui.print(&task_page(&task, why));
    }
    Ok(code::OK)
}

fn query(scope: Scope) -> ReadyQuery {
    ReadyQuery {
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
        .for_each(|task| desk.ui.print_json(&task_json(task)));
}

fn print_lines(desk: &Desk<'_>, lines: &[TaskLine], none: &str) {
    if lines.is_empty() {
        desk.ui.say(none);
    } else {
        desk.ui.print(&task_lines(lines));
    }
}

/// Why a task that is still to be done can't start; `{"for": "nothing"}` if it could.
fn waits_json(why: &LeftoverReason) -> Value {
    match why {
        LeftoverReason::Ready => json!({"for": "nothing"}),
        LeftoverReason::BlockedBy(tasks) => json!({"for": "tasks", "tasks": tasks}),
        LeftoverReason::Parked => json!({"for": "unpark"}),
        LeftoverReason::AssignedTo(actor) => json!({"for": "release", "held_by": actor}),
        LeftoverReason::Status(status) => json!({"for": "status", "status": status.as_str()}),
        LeftoverReason::Deferred => json!({"for": "time"}),
    }
}
