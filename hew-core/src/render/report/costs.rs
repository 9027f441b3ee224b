//! Tokens and money: by kind, by model, by worker, and the tasks that took most.

use std::fmt;

use super::page::Page;
use super::sums::{TaskSum, TaskSums};
use super::{Report, frame, tasks};
use crate::ids::{RuntimeName, TaskId};
use crate::record::view::{ModelTotals, Spent, WorkerTotals};
use crate::render::figures::{count, duration_ms, grouped};
use crate::render::summary::spent::{facts, helpers, money};

/// Tasks that are named.
const DEAREST: usize = 10;

pub(super) fn write(page: &mut Page<'_>, report: &Report<'_>, sums: &TaskSums<'_>) -> fmt::Result {
    frame::section(page, "cost", "Cost")?;
    let mut facts = facts(&report.view.spent_so_far());
    facts.extend(helpers(report.view));
    if facts.is_empty() {
        page.raw("<p class=\"none\">No runtime told of tokens or money.</p>\n")?;
    } else {
        page.raw("<dl class=\"facts\">\n")?;
        for (name, what) in facts {
            page.around("<div><dt>", name, "</dt><dd>")?;
            page.around("", what, "</dd></div>\n")?;
        }
        page.raw("</dl>\n")?;
    }
    models(page, report)?;
    workers(page, report)?;
    dearest(page, report, sums)?;
    frame::end_section(page)
}

fn begin_table(page: &mut Page<'_>, name: &'static str, columns: &'static str) -> fmt::Result {
    page.raw("<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"")?;
    page.raw(name)?;
    page.raw("\">\n<table>\n<caption>")?;
    page.raw(name)?;
    page.raw("</caption>\n<thead><tr>")?;
    page.raw(columns)?;
    page.raw("</tr></thead>\n<tbody>\n")
}

fn end_table(page: &mut Page<'_>) -> fmt::Result {
    page.raw("</tbody>\n</table>\n</div>\n")
}

fn models(page: &mut Page<'_>, report: &Report<'_>) -> fmt::Result {
    let models = &report.view.models;
    if models.is_any_asked() {
        begin_table(
            page,
            "By model",
            "<th scope=\"col\">Model</th><th scope=\"col\" class=\"n\">Iterations</th><th scope=\"col\" class=\"n\">Closed</th><th scope=\"col\" class=\"n\">Input</th><th scope=\"col\" class=\"n\">Cached</th><th scope=\"col\" class=\"n\">Output</th><th scope=\"col\" class=\"n\">Total</th><th scope=\"col\" class=\"n\">USD</th>",
        )?;
        for (model, totals) in &models.asked {
            let spent = report.view.spent_by_model(model.as_ref());
            model_row(page, model.as_ref().map_or("(default)", |model| model.as_str()), totals, &spent)?;
        }
        end_table(page)?;
    }
    for ((asked, observed), times) in &models.differing {
        page.around("<p class=\"soft\">The model <code>", asked.as_str(), "</code> was answered by <code>")?;
        page.around("", observed, "</code> in ")?;
        page.show(count(*times, "iteration", "iterations"))?;
        page.raw(".</p>\n")?;
    }
    Ok(())
}

fn model_row(page: &mut Page<'_>, model: &str, totals: &ModelTotals, spent: &Spent) -> fmt::Result {
    let usage = spent.usage;
    page.raw("<tr data-model=\"")?;
    page.text(model)?;
    page.around("\"><th scope=\"row\">", model, "</th>")?;
    frame::figure_cell(page, totals.iterations, totals.iterations)?;
    frame::figure_cell(page, totals.closed, totals.closed)?;
    let cached = usage.cache_read.saturating_add(usage.cache_create);
    for tokens in [usage.input, cached, usage.output, usage.total()] {
        frame::figure_cell(page, tokens, grouped(tokens))?;
    }
    money_cell(page, spent)?;
    page.raw("</tr>\n")
}

fn money_cell(page: &mut Page<'_>, spent: &Spent) -> fmt::Result {
    let words = money(spent).unwrap_or_else(|| "–".to_owned());
    match spent.cost_usd {
        Some(cost) => frame::figure_cell(page, cost, words),
        None => frame::figure_cell(page, "", words),
    }
}

/// Only with two workers and more.
fn workers(page: &mut Page<'_>, report: &Report<'_>) -> fmt::Result {
    let view = report.view;
    if view.workers.len() < 2 {
        return Ok(());
    }
    begin_table(
        page,
        "By worker",
        "<th scope=\"col\">Worker</th><th scope=\"col\" class=\"n\">Iterations</th><th scope=\"col\" class=\"n\">Closed</th><th scope=\"col\" class=\"n\">Landed</th><th scope=\"col\" class=\"n\">Busy</th><th scope=\"col\" class=\"n\">Tokens</th><th scope=\"col\" class=\"n\">USD</th><th scope=\"col\">Runtimes</th>",
    )?;
    for (id, totals) in &view.workers {
        worker_row(page, id.0, totals, &view.spent_by_worker(*id))?;
    }
    end_table(page)
}

fn worker_row(page: &mut Page<'_>, id: u16, totals: &WorkerTotals, spent: &Spent) -> fmt::Result {
    page.raw("<tr data-worker=\"")?;
    page.show(id)?;
    page.raw("\"><th scope=\"row\">worker ")?;
    page.show(id)?;
    page.raw("</th>")?;
    for figure in [totals.iterations, totals.closed, totals.landed] {
        frame::figure_cell(page, figure, grouped(figure))?;
    }
    frame::figure_cell(page, totals.busy_ms, duration_ms(totals.busy_ms))?;
    let tokens = spent.usage.total();
    frame::figure_cell(page, tokens, grouped(tokens))?;
    money_cell(page, spent)?;
    let runtimes: Vec<&str> = totals.runtimes.iter().map(RuntimeName::as_str).collect();
    page.around("<td>", runtimes.join(", "), "</td></tr>\n")
}

/// The tasks that took most: by money where any is known, else by tokens, else by time.
fn dearest(page: &mut Page<'_>, report: &Report<'_>, sums: &TaskSums<'_>) -> fmt::Result {
    let mut all: Vec<(&TaskId, TaskSum)> = sums.all().collect();
    if all.len() < 2 {
        return Ok(());
    }
    all.sort_by(|(_, a), (_, b)| {
        let money = |sum: &TaskSum| sum.usd.unwrap_or(0.0);
        money(b).total_cmp(&money(a)).then((b.tokens, b.ms, a.place).cmp(&(a.tokens, a.ms, b.place)))
    });
    begin_table(
        page,
        "Tasks that took most",
        "<th scope=\"col\">Task</th><th scope=\"col\" class=\"n\">Time</th><th scope=\"col\" class=\"n\">Tokens</th><th scope=\"col\" class=\"n\">USD</th>",
    )?;
    for (id, sum) in all.into_iter().take(DEAREST) {
        page.around("<tr><th scope=\"row\"><code>", id.as_str(), "</code> ")?;
        page.text(report.view.tasks.get(id).map_or("", |task| task.title.as_str()))?;
        page.raw("</th>")?;
        frame::figure_cell(page, sum.ms, duration_ms(sum.ms))?;
        frame::figure_cell(page, sum.tokens, grouped(sum.tokens))?;
        tasks::money_cell(page, sum)?;
        page.raw("</tr>\n")?;
    }
    end_table(page)
}
