//! What went wrong: each iteration that did not end with its task closed, and of the most telling ones the ends of logs.

use std::fmt;

use super::page::Page;
use super::{Report, frame};
use crate::agent::IterationOutcome;
use crate::ids::IterationId;
use crate::record::RunState;
use crate::record::event::VerifyOutcome;
use crate::record::view::{IterationRow, RunView};
use crate::render::figures::{count, duration_ms, grouped, stamp};
use crate::render::style::glyph;
use crate::render::summary::needs;
use crate::render::verify;

/// Most iterations whose logs are shown.
pub const MAX_LOGGED: usize = 40;
/// Rows of one table.
const CHUNK: usize = 250;

/// The end of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogTail {
    /// Its file, relative to the run folder.
    pub file: String,
    /// Its last lines.
    pub text: String,
    /// Bytes before them.
    pub bytes_before: u64,
}

/// Failures of a run: those of tasks that did not land first, then the newest first.
fn failures<'a>(view: &RunView, rows: &'a [IterationRow], state: RunState) -> Vec<&'a IterationRow> {
    let has_failed = |row: &&IterationRow| match row.outcome {
        Some(outcome) => outcome != IterationOutcome::Closed,
        None => state != RunState::Running,
    };
    let mut failures: Vec<&IterationRow> = rows.iter().filter(has_failed).collect();
    failures.sort_by_cached_key(|row| {
        let task = row.task.as_ref().and_then(|task| view.tasks.get(task));
        let is_mended = task.is_some_and(|task| task.landed_sha.is_some());
        (is_mended, std::cmp::Reverse((row.number, row.id)))
    });
    failures
}

/// The iterations whose logs a page shows, so that no others have to be read.
pub fn logged(view: &RunView, rows: &[IterationRow], state: RunState) -> Vec<IterationId> {
    failures(view, rows, state).into_iter().take(MAX_LOGGED).map(|row| row.id).collect()
}

pub(super) fn write(page: &mut Page<'_>, report: &Report<'_>) -> fmt::Result {
    frame::section(page, "failures", "Failures")?;
    let failures = failures(report.view, report.rows, report.state);
    verify(page, report)?;
    if let Some(why) = needs::red_at_launch(report.view) {
        page.around("<p>Nothing was begun: ", why, ".</p>\n")?;
        if let Some(gate) = &report.view.baseline {
            page.around("<p class=\"soft\">What the gate printed is in <code>", &gate.log, "</code>.</p>\n")?;
        }
        return frame::end_section(page);
    }
    if failures.is_empty() {
        page.raw("<p class=\"none\">Every iteration that ended closed its task.</p>\n")?;
        return frame::end_section(page);
    }
    page.raw("<p class=\"soft\">")?;
    page.show(count(failures.len() as u64, "iteration", "iterations"))?;
    page.raw(" did not end with a closed task; those whose task never landed come first, the newest at the top.</p>\n")?;
    let (first, rest) = failures.split_at(failures.len().min(MAX_LOGGED));
    for row in first {
        details(page, report, row)?;
    }
    for (number, chunk) in rest.chunks(CHUNK).enumerate() {
        table(page, number * CHUNK, chunk, rest.len())?;
    }
    frame::end_section(page)
}

/// The check of the whole at the end, where it was red.
fn verify(page: &mut Page<'_>, report: &Report<'_>) -> fmt::Result {
    let Some(seen) = &report.view.verify else { return Ok(()) };
    if seen.outcome.why_red(&seen.failed_tests).is_none() {
        return Ok(());
    }
    page.raw("<details class=\"failure\" open>\n<summary><span class=\"w o-runtime_error\">")?;
    frame::mark(page, "✗")?;
    page.around(
        " verify</span> The check of the whole at the end<span class=\"why\">",
        verify::words(&seen.outcome, &seen.failed_tests),
        "</span></summary>\n",
    )?;
    match (report.verify_log, &seen.outcome) {
        (Some(log), _) => tail(page, log)?,
        (None, VerifyOutcome::Failed { stderr_tail, .. }) => {
            let text = stderr_tail.clone();
            tail(page, &LogTail { file: "verify.log".to_owned(), text, bytes_before: 0 })?;
        }
        (None, _) => {}
    }
    page.raw("</details>\n")
}

fn outcome(page: &mut Page<'_>, row: &IterationRow) -> fmt::Result {
    frame::mark(page, glyph(row.outcome))?;
    page.raw(" ")?;
    page.show(frame::words(row.outcome.map_or("cut off", |outcome| outcome.as_str())))
}

fn class(row: &IterationRow) -> &'static str {
    row.outcome.map_or("incomplete", |outcome| outcome.as_str())
}

fn task_id(row: &IterationRow) -> &str {
    row.task.as_ref().map_or("?", |task| task.as_str())
}

fn details(page: &mut Page<'_>, report: &Report<'_>, row: &IterationRow) -> fmt::Result {
    page.raw("<details class=\"failure\">\n<summary><span class=\"w o-")?;
    page.show(class(row))?;
    page.raw("\">")?;
    outcome(page, row)?;
    page.around("</span> <code>", task_id(row), "</code> ")?;
    page.text(&row.title)?;
    if let Some(reason) = &row.reason {
        page.around("<span class=\"why\">", reason, "</span>")?;
    }
    page.raw("</summary>\n<p class=\"soft\">")?;
    page.text(facts(report, row))?;
    page.raw("</p>\n")?;
    let logs = report.logs.get(&row.id).map(Vec::as_slice).unwrap_or_default();
    if logs.is_empty() {
        page.raw("<p class=\"soft\">Its logs are empty, or no longer there.</p>\n")?;
    }
    for log in logs {
        tail(page, log)?;
    }
    page.raw("</details>\n")
}

fn facts(report: &Report<'_>, row: &IterationRow) -> String {
    let mut facts = vec![
        format!("{}, attempt {}", row.id, row.attempt),
        format!("took {}", duration_ms(row.duration_ms)),
    ];
    facts.extend(row.started_at.map(|at| format!("began {}", stamp(at))));
    facts.extend(row.runtime.as_ref().map(|runtime| format!("runtime {runtime}")));
    facts.extend(row.model.as_ref().map(|model| format!("model {model}")));
    let tokens = row.usage.total();
    facts.extend((tokens > 0).then(|| format!("{} tokens", grouped(tokens))));
    let task = row.task.as_ref().and_then(|task| report.view.tasks.get(task));
    let landed = task.and_then(|task| task.landed_sha.as_ref());
    facts.extend(landed.map(|sha| format!("the task landed in another attempt, {}", sha.short())));
    facts.join(" · ")
}

fn tail(page: &mut Page<'_>, log: &LogTail) -> fmt::Result {
    page.raw("<figure class=\"log\">\n<figcaption><code>")?;
    page.text(&log.file)?;
    page.raw("</code>")?;
    if log.bytes_before > 0 {
        page.raw(", its end: ")?;
        page.show(format_args!("{} bytes before are left out", grouped(log.bytes_before)))?;
    }
    page.raw("</figcaption>\n<pre tabindex=\"0\">")?;
    page.lines(&log.text)?;
    page.raw("</pre>\n</figure>\n")
}

/// Failures without logs.
fn table(page: &mut Page<'_>, before: usize, chunk: &[&IterationRow], all: usize) -> fmt::Result {
    page.raw("<div class=\"chunk scroll\" role=\"region\" tabindex=\"0\" aria-label=\"")?;
    let name = format!("The other failures, {} to {} of {all}", before + 1, before + chunk.len());
    page.show(&name)?;
    page.raw("\">\n<table>\n<caption>")?;
    page.show(&name)?;
    page.raw("</caption>\n<thead><tr><th scope=\"col\">Task</th><th scope=\"col\">Outcome</th><th scope=\"col\">Iteration</th><th scope=\"col\">Why</th></tr></thead>\n<tbody>\n")?;
    for row in chunk {
        page.around("<tr><th scope=\"row\"><code>", task_id(row), "</code></th><td class=\"w o-")?;
        page.show(class(row))?;
        page.raw("\">")?;
        outcome(page, row)?;
        page.around("</td><td class=\"i\">", row.id.to_string(), "</td><td>")?;
        page.text(row.reason.as_deref().unwrap_or("–"))?;
        page.raw("</td></tr>\n")?;
    }
    page.raw("</tbody>\n</table>\n</div>\n")
}
