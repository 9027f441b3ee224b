//! A row a task: what landed, the proof, what it took.

use std::fmt;

use super::page::Page;
use super::sums::{TaskSum, TaskSums};
use super::{Report, frame};
use crate::record::view::{GateProofView, TaskView};
use crate::render::figures::{count, duration_ms, duration_secs, grouped, usd};
use crate::render::style::glyph;
use crate::render::summary::tasks::outcome_word;

/// Rows of one table. What is not on the screen is not laid out, table by table.
const CHUNK: usize = 250;

pub(super) fn write(page: &mut Page<'_>, report: &Report<'_>, sums: &TaskSums<'_>) -> fmt::Result {
    frame::section(page, "tasks", "Tasks")?;
    let mut tasks: Vec<(&TaskView, TaskSum)> =
        report.view.tasks.values().map(|task| (task, sums.task(&task.id))).collect();
    if tasks.is_empty() {
        page.raw("<p class=\"none\">The run touched no task.</p>\n")?;
        return frame::end_section(page);
    }
    // What did not land is what is looked for.
    tasks.sort_by_key(|(task, sum)| (task.landed_sha.is_some(), sum.place));
    let landed = tasks.iter().filter(|(task, _)| task.landed_sha.is_some()).count();
    page.raw("<p class=\"soft\">")?;
    page.show(format_args!(
        "{}, {} of them landed; those that did not come first.",
        count(tasks.len() as u64, "task", "tasks"),
        grouped(landed as u64)
    ))?;
    gate_words(page, report)?;
    page.raw("</p>\n<div class=\"tables\" data-filter=\"tasks\">\n")?;
    for (number, chunk) in tasks.chunks(CHUNK).enumerate() {
        table(page, number * CHUNK, chunk, tasks.len())?;
    }
    page.raw("</div>\n")?;
    frame::end_section(page)
}

fn gate_words(page: &mut Page<'_>, report: &Report<'_>) -> fmt::Result {
    match report.view.header.as_ref().and_then(|header| header.gate.as_ref()) {
        Some(gate) => {
            page.around(" The gate: <code>", gate, "</code>, run on each tree before it could land.")
        }
        None => page.raw(" Gate: none."),
    }
}

fn table(page: &mut Page<'_>, before: usize, chunk: &[(&TaskView, TaskSum)], all: usize) -> fmt::Result {
    page.raw("<div class=\"chunk scroll\" role=\"region\" tabindex=\"0\" aria-label=\"")?;
    let name = if all <= CHUNK {
        "Tasks".to_owned()
    } else {
        format!("Tasks {} to {}", before + 1, before + chunk.len())
    };
    page.show(&name)?;
    page.raw("\">\n<table class=\"tasks\">\n<caption>")?;
    page.show(&name)?;
    page.raw("</caption>\n<thead><tr><th scope=\"col\">Task</th><th scope=\"col\">Outcome</th><th scope=\"col\">Landed</th><th scope=\"col\">Gate proof</th>")?;
    page.raw("<th scope=\"col\" class=\"n\">Attempts</th><th scope=\"col\" class=\"n\">Time</th><th scope=\"col\" class=\"n\">Tokens</th><th scope=\"col\" class=\"n\">USD</th></tr></thead>\n<tbody>\n")?;
    for (task, sum) in chunk {
        row(page, task, *sum)?;
    }
    page.raw("</tbody>\n</table>\n</div>\n")
}

fn row(page: &mut Page<'_>, task: &TaskView, sum: TaskSum) -> fmt::Result {
    page.raw("<tr")?;
    if sum.place != usize::MAX {
        page.raw(" id=\"row-")?;
        page.show(sum.place)?;
        page.raw("\"")?;
    }
    page.around("><th scope=\"row\"><code>", task.id.as_str(), "</code> ")?;
    page.text(&task.title)?;
    if let Some(note) = note(task) {
        page.around("<p>", note, "</p>")?;
    }
    page.raw("</th><td class=\"w o-")?;
    page.show(outcome_class(task))?;
    page.raw("\">")?;
    frame::mark(page, task_glyph(task))?;
    page.raw(" ")?;
    page.show(frame::words(outcome_word(task)))?;
    page.around(
        "</td><td class=\"c\">",
        task.landed_sha.as_ref().map_or("–", |sha| sha.short()),
        "</td><td>",
    )?;
    match &task.gate {
        Some(gate) => proof(page, gate)?,
        None => page.raw("–")?,
    }
    page.raw("</td>")?;
    frame::figure_cell(page, task.attempts, task.attempts)?;
    frame::figure_cell(page, sum.ms, duration_ms(sum.ms))?;
    frame::figure_cell(page, sum.tokens, grouped(sum.tokens))?;
    money_cell(page, sum)?;
    page.raw("</tr>\n")
}

/// Money, with a mark where a part of it is not known.
pub(super) fn money_cell(page: &mut Page<'_>, sum: TaskSum) -> fmt::Result {
    let part = if sum.has_unpriced { "+" } else { "" };
    match sum.usd {
        Some(cost) => frame::figure_cell(page, cost, format_args!("{}{part}", usd(cost))),
        None => frame::figure_cell(page, "", if sum.has_unpriced { "unknown" } else { "–" }),
    }
}

fn proof(page: &mut Page<'_>, gate: &GateProofView) -> fmt::Result {
    let (class, glyph, word) = match &gate.stopped {
        _ if gate.is_green() && gate.flaky => ("look", "✓", "green after a red"),
        _ if gate.is_green() => ("good", "✓", "green"),
        Some(stopped) => ("bad", "✗", stopped.as_str()),
        None => ("bad", "✗", "red"),
    };
    page.raw("<span class=\"")?;
    page.raw(class)?;
    page.raw("\">")?;
    frame::mark_text(page, glyph)?;
    page.around(" ", word, "</span> ")?;
    page.show(gate.exit)?;
    let tree = gate.tree_sha.as_str();
    page.show(format_args!(", {}, tree ", duration_secs(gate.duration_secs)))?;
    page.text(tree.get(..12).unwrap_or(tree))
}

/// What a person has to know of a task that did not simply close.
fn note(task: &TaskView) -> Option<String> {
    if let Some(why) = &task.parked {
        return Some(format!("parked: {why}"));
    }
    if let Some(why) = &task.close_failed {
        return Some(format!("landed, but the tracker refuses its close: {why}"));
    }
    if let Some(why) = &task.left_alone {
        return Some(format!("left alone: {why}"));
    }
    task.reason.clone().filter(|_| task.landed_sha.is_none())
}

fn outcome_class(task: &TaskView) -> &'static str {
    match task.outcome {
        Some(outcome) if !task.is_running => outcome.as_str(),
        _ => "incomplete",
    }
}

fn task_glyph(task: &TaskView) -> &'static str {
    match task.outcome {
        _ if task.is_running => glyph(None),
        None => "·",
        outcome => glyph(outcome),
    }
}
