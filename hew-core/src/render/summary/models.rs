//! The part of a summary that is about models.

use serde_json::{Value, json};

use super::{heading, spent};
use crate::record::view::{ModelTotals, RunView};
use crate::render::figures::{count, grouped, usd};
use crate::render::style::FAINT;
use crate::render::table::{self, Cell};

/// What stands for no model.
const DEFAULT: &str = "(default)";

/// A row a model that was asked for; nothing where none was.
pub(super) fn table(view: &RunView) -> String {
    if !view.models.is_any_asked() {
        return String::new();
    }
    let names = ["model", "iterations", "closed", "input", "cached", "output", "total", "USD"];
    let mut rows = vec![names.map(|name| Cell::text(name).styled(FAINT)).to_vec()];
    rows.extend(
        view.models
            .asked
            .iter()
            .map(|(model, totals)| row(model.as_ref().map_or(DEFAULT, |model| model.as_str()), totals)),
    );
    heading("models") + &table::render(&rows)
}

fn row(model: &str, totals: &ModelTotals) -> Vec<Cell> {
    let usage = totals.spent.usage;
    vec![
        Cell::text(model),
        Cell::number(totals.iterations),
        Cell::number(totals.closed),
        Cell::number(grouped(usage.input)),
        Cell::number(grouped(usage.cache_read + usage.cache_create)),
        Cell::number(grouped(usage.output)),
        Cell::number(grouped(usage.total())),
        Cell::number(totals.spent.cost_usd.map_or_else(|| "-".to_owned(), usd)),
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
    heading("model asked for is not the one that answered") + &table::render(&rows.collect::<Vec<_>>())
}

/// The rows for programs.
pub(super) fn figures(view: &RunView) -> Value {
    let asked = view.models.asked.iter().map(|(model, totals)| {
        json!({
            "model": model, "iterations": totals.iterations, "closed": totals.closed,
            "tokens": spent::figures(&totals.spent),
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
