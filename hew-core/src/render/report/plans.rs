//! Batch plans: what was said to be next, by whom, and what that took.

use std::fmt::{self, Write as _};

use super::page::Page;
use super::{Report, frame};
use crate::record::event::BatchSource;
use crate::record::view::BatchView;
use crate::render::figures::{count, grouped, usd};

/// Most plans that are listed; each has a file in the run folder.
const MOST: usize = 200;
/// Most tasks of a plan that are named.
const NAMED: usize = 12;

/// Nothing where nobody was asked what is next.
pub(super) fn write(page: &mut Page<'_>, report: &Report<'_>) -> fmt::Result {
    let batches = &report.view.batches;
    if batches.is_empty() {
        return Ok(());
    }
    frame::section(page, "plans", "Batch plans")?;
    page.raw("<p class=\"soft\">")?;
    page.show(words(report))?;
    page.raw("</p>\n")?;
    page.raw("<details>\n<summary>The latest ")?;
    page.show(grouped(batches.len().min(MOST) as u64))?;
    page.raw(" as a table</summary>\n<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"Batch plans\">\n<table>\n<caption>Batch plans, the latest first</caption>\n<thead><tr><th scope=\"col\" class=\"n\">No.</th><th scope=\"col\">After</th><th scope=\"col\">Said by</th><th scope=\"col\">Next</th></tr></thead>\n<tbody>\n")?;
    batches.values().rev().take(MOST).try_for_each(|batch| row(page, batch))?;
    page.raw("</tbody>\n</table>\n</div>\n</details>\n")?;
    frame::end_section(page)
}

fn words(report: &Report<'_>) -> String {
    let (counts, planner) = (report.view.totals.batches, &report.view.totals.planner);
    let mut words = format!(
        "{} by agents, {} by the planner; {} the planner said nothing and the graph was trusted.",
        count(counts.agent, "plan", "plans"),
        grouped(counts.planner),
        count(counts.skipped, "time", "times"),
    );
    if planner.usage.total() > 0 {
        let cost = planner.cost_usd.map(|cost| format!(", {}", usd(cost))).unwrap_or_default();
        let _ = write!(words, " The planner used {} tokens{cost}.", grouped(planner.usage.total()));
    }
    words
}

fn row(page: &mut Page<'_>, batch: &BatchView) -> fmt::Result {
    page.raw("<tr>")?;
    frame::figure_cell(page, batch.number, batch.number)?;
    page.around("<td>", batch.after.to_string(), "</td><th scope=\"row\">")?;
    page.show(match batch.source {
        BatchSource::Agent => "the agent",
        BatchSource::Planner => "the planner",
        BatchSource::Skipped => "nobody",
    })?;
    page.around("</th><td>", next(batch), "</td></tr>\n")
}

fn next(batch: &BatchView) -> String {
    if let Some(reason) = batch.reason {
        let detail = batch.detail.as_ref().map(|detail| format!(": {detail}")).unwrap_or_default();
        return format!("{}{detail}", frame::words(reason.as_str()));
    }
    let mut named: Vec<String> = batch.task_ids.iter().take(NAMED).map(ToString::to_string).collect();
    let more = batch.task_ids.len().saturating_sub(NAMED);
    named.extend((more > 0).then(|| format!("and {} more", grouped(more as u64))));
    if named.is_empty() {
        named.push("nothing in particular".to_owned());
    }
    let dropped = match batch.dropped.len() {
        0 => String::new(),
        number => format!(" ({} left out)", count(number as u64, "unknown name", "unknown names")),
    };
    named.join(", ") + &dropped
}
