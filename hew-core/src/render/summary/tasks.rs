//! The part of a summary that is about tasks.

use super::heading;
use crate::record::view::{GateProofView, RunView, TaskView};
use crate::render::figures::duration_secs;
use crate::render::style::{self, FAINT};
use crate::render::table::{self, Cell};

/// Columns of a title in a table.
pub(super) const TITLE_COLUMNS: usize = 60;

/// Every task that the run touched.
pub(super) fn table(view: &RunView) -> String {
    if view.tasks.is_empty() {
        return String::new();
    }
    let names = ["task", "outcome", "landed", "attempts", "gate", "title"];
    let mut rows = vec![names.map(|name| Cell::text(name).styled(FAINT)).to_vec()];
    rows.extend(view.tasks.values().map(row));
    heading("tasks") + &table::render(&rows)
}

fn row(task: &TaskView) -> Vec<Cell> {
    let outcome = outcome_word(task);
    let style = task.outcome.map_or(FAINT, style::of_outcome);
    vec![
        Cell::text(task.id.as_str()),
        Cell::text(outcome).styled(style),
        Cell::text(task.landed_sha.as_ref().map_or("-", |sha| sha.short())),
        Cell::number(task.attempts),
        Cell::text(task.gate.as_ref().map_or_else(|| "-".to_owned(), gate_proof)),
        Cell::short(&task.title, TITLE_COLUMNS),
    ]
}

/// How a task stands, in a word.
pub(crate) fn outcome_word(task: &TaskView) -> &'static str {
    match task.outcome {
        _ if task.is_running => "running",
        Some(outcome) => outcome.as_str(),
        None => "not started",
    }
}

/// A gate's proof in a few words.
pub(super) fn gate_proof(gate: &GateProofView) -> String {
    let duration = duration_secs(gate.duration_secs);
    match &gate.stopped {
        _ if gate.is_green() && gate.flaky => format!("green after a red, {duration}"),
        _ if gate.is_green() => format!("green {duration}"),
        Some(stopped) => format!("red ({stopped}), {duration}"),
        None => format!("red ({}), {duration}", gate.exit),
    }
}

/// Parked tasks, each with why.
pub(super) fn parked(view: &RunView) -> String {
    let rows: Vec<_> = view
        .tasks
        .values()
        .filter_map(|task| {
            let why = task.parked.as_ref()?;
            Some(vec![
                Cell::text(task.id.as_str()),
                Cell::text(why),
                Cell::text(format!("hew task unpark {}", task.id)).styled(FAINT),
            ])
        })
        .collect();
    if rows.is_empty() { String::new() } else { heading("parked") + &table::render(&rows) }
}

/// Bug tasks that were filed, and tasks whose close the tracker refused.
pub(super) fn bugs(view: &RunView) -> String {
    let mut rows = Vec::new();
    for task in view.tasks.values() {
        if let Some(bug) = &task.bug {
            rows.push(vec![
                Cell::text(task.id.as_str()),
                Cell::text(format!("filed as {bug}: its work does not merge")),
                Cell::text(format!("hew task show {bug}")).styled(FAINT),
            ]);
        }
        if let Some(reason) = &task.close_failed {
            rows.push(vec![
                Cell::text(task.id.as_str()),
                Cell::text(format!("landed, but the tracker refuses its close: {reason}")),
                Cell::text(format!("hew task close {} --reason landed", task.id)).styled(FAINT),
            ]);
        }
        if let Some(reason) = &task.left_alone {
            let why = format!("left alone: {reason}");
            let command = Cell::text(format!("hew task show {}", task.id)).styled(FAINT);
            rows.push(vec![Cell::text(task.id.as_str()), Cell::text(why), command]);
        }
    }
    if rows.is_empty() { String::new() } else { heading("conflicts and open ends") + &table::render(&rows) }
}
