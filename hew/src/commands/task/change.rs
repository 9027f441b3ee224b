//! `hew task claim`, `close`, `reopen`, `unpark`, `update` and `note`.

use hew_core::ids::{Actor, TaskId};
use hew_core::plan::runtime::{RUN_KEY, RUNTIME_KEY};
use hew_core::tracker::{ClaimOutcome, CloseOutcome, PARKED_LABEL, Status, TaskPatch};
use serde_json::Value;

use super::input;
use super::{Desk, actor, missing_task, status};
use crate::cli::task_args::{ClaimArgs, CloseArgs, IdArg, NoteArgs, UpdateArgs};
use crate::failure::{Failure, code};

pub(super) fn claim(desk: &Desk<'_>, args: &ClaimArgs) -> Result<u8, Failure> {
    let (id, actor) = (TaskId::new(&args.task.id), actor(&args.actor));
    match desk.tracker.claim(&id, &actor).map_err(|error| desk.refused(error))? {
        ClaimOutcome::Won(task) => {
            desk.tell(&task, &format!("{id} is held by {actor}"));
            Ok(code::OK)
        }
        ClaimOutcome::HeldBy(holder) => {
            Err(Failure::failed(format!("{id} is held by {holder}")).hint("hew task ready"))
        }
        ClaimOutcome::NotOpen(status) => {
            Err(Failure::failed(format!("{id} is {status}")).hint(format!("hew task show {id}")))
        }
        ClaimOutcome::Missing => Err(missing_task(&*desk.tracker, &id)),
    }
}

pub(super) fn close(desk: &Desk<'_>, args: &CloseArgs) -> Result<u8, Failure> {
    let id = TaskId::new(&args.task.id);
    let outcome = desk.tracker.close(&id, &args.reason, &actor(&args.actor));
    let sentence = match outcome.map_err(|error| desk.refused(error))? {
        CloseOutcome::Closed => format!("{id} is closed"),
        CloseOutcome::AlreadyClosed => format!("{id} was closed before; its reason stays"),
        CloseOutcome::Refused(reason) => {
            return Err(Failure::failed(format!("{id} can't be closed")).because(reason));
        }
        CloseOutcome::Missing => return Err(missing_task(&*desk.tracker, &id)),
    };
    desk.tell(&desk.existing(&id)?, &sentence);
    Ok(code::OK)
}

pub(super) fn reopen(desk: &Desk<'_>, args: &IdArg) -> Result<u8, Failure> {
    let id = TaskId::new(&args.id);
    let before = desk.existing(&id)?;
    desk.tracker.reopen(&id).map_err(|error| desk.refused(error))?;
    let after = take_parked_label_away(desk, &id)?;
    let sentence = match (&before.status, before.has_label(PARKED_LABEL)) {
        (Status::Closed, _) => format!("{id} is open again"),
        (_, true) => format!("{id} is no longer parked"),
        (status, false) => format!("{id} is {status}; nothing was changed"),
    };
    desk.tell(&after, &sentence);
    Ok(code::OK)
}

pub(super) fn unpark(desk: &Desk<'_>, args: &IdArg) -> Result<u8, Failure> {
    let id = TaskId::new(&args.id);
    let was_parked = desk.existing(&id)?.has_label(PARKED_LABEL);
    let after = take_parked_label_away(desk, &id)?;
    let sentence =
        if was_parked { format!("{id} is no longer parked") } else { format!("{id} was not parked") };
    desk.tell(&after, &sentence);
    Ok(code::OK)
}

fn take_parked_label_away(desk: &Desk<'_>, id: &TaskId) -> Result<hew_core::tracker::Task, Failure> {
    let task = desk.existing(id)?;
    if !task.has_label(PARKED_LABEL) {
        return Ok(task);
    }
    let patch = TaskPatch { remove_labels: vec![PARKED_LABEL.to_owned()], ..TaskPatch::default() };
    desk.tracker.update(id, &patch).map_err(|error| desk.refused(error))
}

pub(super) fn note(desk: &Desk<'_>, args: &NoteArgs) -> Result<u8, Failure> {
    let id = TaskId::new(&args.task.id);
    desk.tracker.note(&id, &args.text).map_err(|error| desk.refused(error))?;
    desk.tell(&desk.existing(&id)?, &format!("{id} has the note"));
    Ok(code::OK)
}

pub(super) fn update(desk: &Desk<'_>, args: UpdateArgs) -> Result<u8, Failure> {
    let id = TaskId::new(&args.task.id);
    let patch = patch(args)?;
    if patch == TaskPatch::default() {
        return Err(Failure::usage("nothing to change was given").hint("hew task update --help"));
    }
    let task = desk.tracker.update(&id, &patch).map_err(|error| desk.refused(error))?;
    desk.tell(&task, &format!("{id} is changed"));
    Ok(code::OK)
}

fn patch(args: UpdateArgs) -> Result<TaskPatch, Failure> {
    let filled = |text: String| Some(text).filter(|text| !text.is_empty());
    let key = |key: &str, value: Option<String>| {
        value.map(|value| (key.to_owned(), filled(value).map(Value::String)))
    };
    Ok(TaskPatch {
        title: args.title,
        description: input::description(&args.description)?,
        acceptance_criteria: args.acceptance,
        design: args.design,
        notes: args.notes,
        status: args.status.as_deref().map(status).transpose()?,
        priority: args.priority,
        issue_type: args.issue_type,
        assignee: args.assignee.map(|name| filled(name).map(Actor::new)),
        parent: args.parent.map(|parent| filled(parent).map(TaskId::new)),
        add_labels: args.add_labels,
        remove_labels: args.remove_labels,
        metadata: [key(RUNTIME_KEY, args.runtime), key(RUN_KEY, args.run)].into_iter().flatten().collect(),
    })
}
