//! The part of a summary that is about tasks.

use std::fmt::Write as _;

use super::heading;
use crate::record::view::{GateProofView, RunView, TaskView};
use crate::render::figures::duration_secs;
use crate::render::style::{self, FAINT};
use crate::render::table::{self, Cell};

/// Most tasks that are shown; programs are given all of them.
const MAX_SHOWN: usize = 40;
/// Characters of a commit's name in the table.
const SHA_COLUMNS: usize = 8;

/// The tasks that the run touched: first those that did not get through, then those that did.
pub(super) fn table(view: &RunView) -> String {
    if view.tasks.is_empty() {
        return String::new();
    }
    let (through, not): (Vec<&TaskView>, Vec<&TaskView>) =
        view.tasks.values().partition(|task| task.is_closed);
    let names = ["", "task", "outcome", "landed", "gate", "title"];
    let mut rows = vec![names.map(|name| Cell::text(name).styled(FAINT)).to_vec()];
    rows.extend(not.into_iter().chain(through).take(MAX_SHOWN).map(row));
    let mut out = heading("tasks") + &table::fitted(&rows);
    let more = view.tasks.len().saturating_sub(MAX_SHOWN);
    if more > 0 {
        let _ = writeln!(out, "  {FAINT}and {more} more: hew loop logs{FAINT:#}");
    }
    out
}

fn row(task: &TaskView) -> Vec<Cell> {
    let outcome = task.outcome.filter(|_| !task.is_running);
    let style = outcome.map_or(FAINT, style::of_outcome);
    let tries = if task.attempts > 1 { format!(" ({} tries)", task.attempts) } else { String::new() };
    let sha = task.landed_sha.as_ref().map_or("-", |sha| sha.as_str());
    vec![
        Cell::text(style::glyph(outcome)).styled(style),
        Cell::text(task.id.as_str()),
        Cell::text(outcome_word(task).to_owned() + &tries).styled(style),
        Cell::text(sha.get(..SHA_COLUMNS).unwrap_or(sha)),
        Cell::text(task.gate.as_ref().map_or_else(|| "-".to_owned(), gate_proof)),
        Cell::text(&task.title),
    ]
}

/// How a task stands, in a word.
pub(crate) fn outcome_word(task: &TaskView) -> &'static str {
    match task.outcome {
        _ if task.is_running => task.word_under_way(),
        Some(outcome) => outcome.as_str(),
        None => "not started",
    }
}

/// A gate's proof in a few words.
fn gate_proof(gate: &GateProofView) -> String {
    let duration = duration_secs(gate.duration_secs);
    match &gate.stopped {
        _ if gate.is_green() && gate.flaky => format!("flaky {duration}"),
        _ if gate.is_green() => format!("green {duration}"),
        Some(_) => format!("stopped {duration}"),
        None => format!("red {duration}"),
    }
}
