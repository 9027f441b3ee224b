//! The part of a summary that is about models.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{heading, spent};
use crate::ids::ModelName;
use crate::record::view::{ModelTotals, RunView, Spent};
use crate::render::figures::{compact, count};
use crate::render::style::FAINT;
use crate::render::table::{self, Cell};
use crate::render::text::visible;

/// What stands for no model.
const DEFAULT: &str = "(default)";
/// Columns of a model's name in the table.
const NAME_COLUMNS: usize = 20;

fn name(model: Option<&ModelName>) -> &str {
    model.map_or(DEFAULT, |model| model.as_str())
}

/// A row a model that was asked for; nothing where none was.
pub(super) fn table(view: &RunView) -> String {
    if !view.models.is_any_asked() {
        return String::new();
    }
    let names = ["model", "iterations", "closed", "input", "cached", "output", "total", "USD"];
    let mut rows = vec![names.map(|name| Cell::text(name).styled(FAINT)).to_vec()];
    let mut notes = String::new();
    for (model, totals) in &view.models.asked {
        let spent = view.spent_by_model(model.as_ref());
        let name = name(model.as_ref());
        rows.push(row(name, totals, &spent));
        if spent.unpriced > 0 && spent.cost_usd.is_some() {
            let agents = count(spent.unpriced_agents, "agent has", "agents have");
            let line = format!("{}: {agents} no known price, which USD leaves out", visible(name));
            let _ = writeln!(notes, "  {FAINT}{line}{FAINT:#}");
        }
    }
    heading("models") + &table::render(&rows) + &notes
}

fn row(name: &str, totals: &ModelTotals, spent: &Spent) -> Vec<Cell> {
    let usage = spent.usage;
    vec![
        Cell::short(name, NAME_COLUMNS),
        Cell::number(totals.iterations),
        Cell::number(totals.closed),
        Cell::number(compact(usage.input)),
        Cell::number(compact(usage.cache_read + usage.cache_create)),
        Cell::number(compact(usage.output)),
        Cell::number(compact(usage.total())),
        Cell::number(spent::money(spent).unwrap_or_else(|| "-".to_owned())),
    ]
}

/// Models that others answered for.
pub(super) fn differing(view: &RunView) -> String {
    if view.models.differing.is_empty() {
        return String::new();
    }
    let rows = view.models.differing.iter().map(|((asked, observed), times)| {
        vec![
            Cell::text(asked.as_str()),
            Cell::text(format!("was answered by {observed}")),
            Cell::text(count(*times, "iteration", "iterations")).styled(FAINT),
        ]
    });
    heading("model asked for is not the one that answered") + &table::fitted(&rows.collect::<Vec<_>>())
}

/// The rows for programs.
pub(super) fn figures(view: &RunView) -> Value {
    let asked = view.models.asked.iter().map(|(model, totals)| {
        json!({
            "model": model, "iterations": totals.iterations, "closed": totals.closed,
            "tokens": spent::figures(&view.spent_by_model(model.as_ref())),
        })
    });
    asked.collect()
}

/// The differences for programs.
pub(super) fn differing_figures(view: &RunView) -> Value {
    let differing = view.models.differing.iter().map(
        |((asked, observed), times)| json!({ "model": asked, "model_observed": observed, "iterations": times }),
    );
    differing.collect()
}
