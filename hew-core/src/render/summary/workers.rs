//! The part of a summary that is about workers.

use serde_json::{Value, json};

use super::{heading, spent};
use crate::ids::WorkerId;
use crate::record::IterationOutcome;
use crate::record::view::{RunView, Spent, WorkerTotals};
use crate::render::figures::{compact, duration_ms};
use crate::render::style::FAINT;
use crate::render::table::{self, Cell};

/// The column of tokens, left out where nobody told of any.
const TOKENS: usize = 4;

/// A row a worker and one of all; only with two workers and more.
pub(super) fn table(view: &RunView) -> String {
    if view.jobs() < 2 || view.workers.is_empty() {
        return String::new();
    }
    let stop = view.ending.as_ref().map_or("-", |ending| ending.stop_reason.as_str());
    let names = ["worker", "iterations", "closed", "busy", "tokens", "stop", "runtimes"];
    let mut rows = vec![names.map(|name| Cell::text(name).styled(FAINT)).to_vec()];
    let has_tokens = spent::of_workers(view).usage.total() > 0;
    for (id, worker) in &view.workers {
        let figures = [worker.iterations, worker.closed, worker.busy_ms];
        let runtimes = worker.runtimes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        rows.push(row(id.to_string(), figures, &view.spent_by_worker(*id), stop, &runtimes));
    }
    let totals = &view.totals;
    let figures = [totals.iterations, totals.of(IterationOutcome::Closed), totals.busy_ms];
    rows.push(row("all".to_owned(), figures, &spent::of_workers(view), stop, ""));
    if !has_tokens {
        for row in &mut rows {
            row.remove(TOKENS);
        }
    }
    heading("workers") + &table::fitted(&rows)
}

fn row(name: String, figures: [u64; 3], spent: &Spent, stop: &str, runtimes: &str) -> Vec<Cell> {
    let [iterations, closed, busy_ms] = figures;
    vec![
        Cell::text(name),
        Cell::number(iterations),
        Cell::number(closed),
        Cell::number(duration_ms(busy_ms)),
        Cell::number(compact(spent.usage.total())),
        Cell::text(stop),
        Cell::text(runtimes),
    ]
}

/// The rows for programs.
pub(super) fn figures(view: &RunView) -> Value {
    view.workers.iter().map(|(id, totals)| worker(view, *id, totals)).collect()
}

fn worker(view: &RunView, id: WorkerId, totals: &WorkerTotals) -> Value {
    json!({
        "worker": id, "iterations": totals.iterations, "ended": totals.ended, "closed": totals.closed,
        "landed": totals.landed, "busy_ms": totals.busy_ms, "runtimes": totals.runtimes,
        "stop_reason": view.ending.as_ref().map(|ending| ending.stop_reason),
        "tokens": spent::figures(&view.spent_by_worker(id)),
    })
}
