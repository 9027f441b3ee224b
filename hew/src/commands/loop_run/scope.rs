//! Which slice of the queue a run takes from. Where nobody can be asked, it has to be said.

use std::collections::BTreeSet;
use std::io::{BufRead, stdin};

use hew_core::ids::TaskId;
use hew_core::tracker::{Scope, Status, TaskEditor};

use crate::cli::loop_args::{RunArgs, ScopeArg};
use crate::commands::task::missing_task;
use crate::failure::{Failure, code};
use crate::ui::{self, Ui};

/// The slice that flags name, checked against the tracker; on a terminal it is asked for.
pub(super) fn settle(args: &RunArgs, tracker: &dyn TaskEditor, ui: &Ui) -> Result<Scope, Failure> {
    if !args.tasks.is_empty() {
        return checked_tasks(&args.tasks, tracker);
    }
    match (args.scope, args.epics.is_empty()) {
        (Some(ScopeArg::Ready), true) => Ok(Scope::Ready),
        (Some(ScopeArg::Ready), false) => Err(Failure::usage("--epic has no meaning with --scope ready")
            .hint(format!("hew loop run --scope epics --epic {}", args.epics.join(",")))),
        (_, false) => checked_epics(&args.epics, tracker),
        (Some(ScopeArg::Epics), true) => {
            Err(Failure::usage("--scope epics needs an epic").hint("hew task list --type epic"))
        }
        (None, true) if ui::can_ask() => ask(tracker, ui),
        (None, true) => Err(Failure::usage("which tasks? --scope is required where nobody can be asked")
            .hint("hew loop run --scope ready")),
    }
}

fn ask(tracker: &dyn TaskEditor, ui: &Ui) -> Result<Scope, Failure> {
    let open = tracker.count_open(&Scope::Ready).map_err(|error| Failure::usage(error.to_string()))?;
    ui.warn(&format!(
        "Which tasks? Enter: everything that is ready ({open} open tasks); or epics, separated by commas:"
    ));
    let mut line = String::new();
    stdin().lock().read_line(&mut line).map_err(|error| Failure::usage("no answer").because(error))?;
    if line.is_empty() {
        return Err(Failure::usage("no answer").hint("hew loop run --scope ready"));
    }
    let epics: Vec<String> =
        line.split(',').map(|id| id.trim().to_owned()).filter(|id| !id.is_empty()).collect();
    if epics.is_empty() { Ok(Scope::Ready) } else { checked_epics(&epics, tracker) }
}

fn checked_epics(ids: &[String], tracker: &dyn TaskEditor) -> Result<Scope, Failure> {
    let mut epics = BTreeSet::new();
    for id in ids {
        let epic = fetch(id, tracker)?;
        if epic.issue_type != "epic" {
            return Err(Failure::usage(format!("{id} is not an epic but a {}", epic.issue_type))
                .hint(format!("hew loop run --task {id}")));
        }
        if epic.status == Status::Closed {
            return Err(Failure::usage(format!("epic {id} is closed")).hint(format!("hew task reopen {id}")));
        }
        epics.insert(epic.id);
    }
    Ok(Scope::Epics(epics))
}

fn checked_tasks(ids: &[String], tracker: &dyn TaskEditor) -> Result<Scope, Failure> {
    let mut tasks = BTreeSet::new();
    for id in ids {
        let task = fetch(id, tracker)?;
        if task.status == Status::Closed {
            return Err(Failure::usage(format!("task {id} is closed")).hint(format!("hew task reopen {id}")));
        }
        if task.issue_type == "epic" {
            return Err(Failure::usage(format!("{id} is an epic")).hint(format!("hew loop run --epic {id}")));
        }
        tasks.insert(task.id);
    }
    Ok(Scope::Tasks(tasks))
}

fn fetch(id: &str, tracker: &dyn TaskEditor) -> Result<hew_core::tracker::Task, Failure> {
    let id = TaskId::new(id);
    let task = tracker.task(&id).map_err(|error| Failure::usage(error.to_string()))?;
    task.ok_or_else(|| Failure { code: code::USAGE, ..missing_task(tracker, &id) })
}
