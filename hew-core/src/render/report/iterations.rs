//! The timeline as a table, for those who read it or hear it.

use std::fmt;

use super::page::Page;
use super::{Report, frame};
use crate::record::view::IterationRow;
use crate::render::figures::{count, duration_ms, grouped};
use crate::render::style::glyph;

/// Beyond this many the table is left to `hew loop logs`: the tables of tasks and failures name each of them that matters.
const MOST: usize = 1000;

pub(super) fn write(page: &mut Page<'_>, report: &Report<'_>) -> fmt::Result {
    let number = report.rows.len();
    if number > MOST {
        page.raw("<p class=\"soft\">Iterations that are too short to be drawn alone are drawn together, by their shares. Each of the ")?;
        page.show(grouped(number as u64))?;
        page.raw(" is listed by <code>hew loop logs</code>.</p>\n")?;
        return Ok(());
    }
    page.raw("<details>\n<summary>The same as a table: ")?;
    page.show(count(number as u64, "iteration", "iterations"))?;
    page.raw("</summary>\n<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"Iterations\">\n<table>\n<caption>Iterations</caption>\n<thead><tr><th scope=\"col\" class=\"n\">No.</th><th scope=\"col\">Iteration</th><th scope=\"col\">Task</th><th scope=\"col\">Outcome</th>")?;
    page.raw("<th scope=\"col\">Began (UTC)</th><th scope=\"col\" class=\"n\">Time</th><th scope=\"col\">Runtime</th><th scope=\"col\">Model</th><th scope=\"col\" class=\"n\">Tokens</th></tr></thead>\n<tbody>\n")?;
    report.rows.iter().try_for_each(|row| table_row(page, row))?;
    page.raw("</tbody>\n</table>\n</div>\n</details>\n")
}

fn table_row(page: &mut Page<'_>, row: &IterationRow) -> fmt::Result {
    page.raw("<tr>")?;
    frame::figure_cell(page, row.number, row.number)?;
    page.around("<td class=\"i\">", row.id.to_string(), "</td><th scope=\"row\"><code>")?;
    page.text(row.task.as_ref().map_or("?", |task| task.as_str()))?;
    page.around("</code> ", &row.title, "</th><td class=\"w o-")?;
    page.show(row.outcome.map_or("incomplete", |outcome| outcome.as_str()))?;
    page.raw("\">")?;
    frame::mark(page, glyph(row.outcome))?;
    page.around(" ", frame::words(row.outcome.map_or(row.phase, |outcome| outcome.as_str())), "</td><td>")?;
    match row.started_at {
        Some(at) => page.show(at.format("%H:%M:%S"))?,
        None => page.raw("–")?,
    }
    page.raw("</td>")?;
    frame::figure_cell(page, row.duration_ms, duration_ms(row.duration_ms))?;
    page.around("<td>", row.runtime.as_ref().map_or("–", |runtime| runtime.as_str()), "</td><td>")?;
    page.text(row.model.as_ref().map_or("–", |model| model.as_str()))?;
    page.raw("</td>")?;
    frame::figure_cell(page, row.usage.total(), grouped(row.usage.total()))?;
    page.raw("</tr>\n")
}
