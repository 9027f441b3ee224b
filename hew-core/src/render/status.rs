//! Where a run stands just now.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::figures::{count, duration_ms, grouped, stamp, usd};
use super::style::{self, FAINT, HEADING, WARN};
use super::table::{self, Cell};
use super::text::visible;
use crate::record::RunState;
use crate::record::view::{IterationView, RunView};

/// Columns of a title in a line.
const TITLE_COLUMNS: usize = 48;

/// Milliseconds from a stamp to now, never below 0.
fn age_ms(since: DateTime<Utc>, now: DateTime<Utc>) -> u64 {
    u64::try_from(now.signed_duration_since(since).num_milliseconds()).unwrap_or(0)
}

/// What is left of the run's budgets: milliseconds of wall time, iterations.
/// What budgets leave.
struct Left {
    wall_ms: Option<u64>,
    iterations: Option<u64>,
    tokens: Option<u64>,
    usd: Option<f64>,
}

fn left(view: &RunView, now: DateTime<Utc>) -> Left {
    let header = view.header.as_ref();
    let wall_ms = header.and_then(|header| {
        let wall = header.budget_wall_secs?.saturating_mul(1000);
        Some(wall.saturating_sub(age_ms(header.started.at, now)))
    });
    let max_iter = header.and_then(|header| header.max_iter);
    let spent = view.spent_so_far();
    let tokens: Option<u64> = header.and_then(|header| header.number("loop.budget.tokens"));
    let money: Option<f64> = header.and_then(|header| header.number("loop.budget.usd"));
    Left {
        wall_ms,
        iterations: max_iter.map(|max| max.saturating_sub(view.totals.iterations)),
        tokens: tokens.map(|limit| limit.saturating_sub(spent.usage.total())),
        usd: money.map(|limit| (limit - spent.cost_usd.unwrap_or(0.0)).max(0.0)),
    }
}

/// For people.
pub fn text(view: &RunView, state: RunState, now: DateTime<Utc>) -> String {
    let Some(header) = &view.header else { return "the run has not written anything yet\n".to_owned() };
    let style = style::of_state(state);
    let mut out = format!("{HEADING}{}{HEADING:#}  {style}{}{style:#}\n", header.run_id, state.as_str());
    let fact = |out: &mut String, name: &str, what: String| {
        let _ = writeln!(out, "  {FAINT}{name:<11}{FAINT:#}  {}", visible(&what));
    };
    let landed = view.tasks.values().filter(|task| task.landed_sha.is_some()).count();
    fact(&mut out, "landed", landed_of(landed, header.in_scope));
    fact(&mut out, "gate", header.gate.clone().unwrap_or_else(|| "none".to_owned()));
    if state == RunState::Running {
        let Left { wall_ms, iterations, tokens, usd: money } = left(view, now);
        let left: Vec<String> = [
            wall_ms.map(duration_ms),
            iterations.map(|number| count(number, "iteration", "iterations")),
            tokens.map(|number| format!("{} tokens", grouped(number))),
            money.map(usd),
        ]
        .into_iter()
        .flatten()
        .collect();
        let left = if left.is_empty() { "no limit".to_owned() } else { left.join(", ") };
        fact(&mut out, "budget left", left);
    }
    if let (Some(until), None) = (view.awaiting_runtime, &view.ending) {
        fact(&mut out, "waiting", format!("for a runtime, until {}", stamp(until)));
    }
    if let Some(last) = view.last {
        fact(
            &mut out,
            "last sign",
            format!("{} ({} ago)", stamp(last.at), duration_ms(age_ms(last.at, now))),
        );
    }
    if let Some(ending) = &view.ending {
        fact(&mut out, "stopped", ending.words());
    } else if let Some(stop) = &view.stop {
        let _ =
            writeln!(out, "  {WARN}stopping{WARN:#}     {}: {}", stop.reason.as_str(), visible(&stop.detail));
    }
    out.push_str(&table::render(&view.in_flight().map(|iteration| row(iteration, now)).collect::<Vec<_>>()));
    out
}

fn landed_of(landed: usize, in_scope: Option<usize>) -> String {
    match in_scope {
        Some(in_scope) => format!("{landed} of {} in scope", count(in_scope as u64, "task", "tasks")),
        None => count(landed as u64, "task", "tasks"),
    }
}

fn row(iteration: &IterationView, now: DateTime<Utc>) -> Vec<Cell> {
    let age = iteration.started.map_or(0, |started| age_ms(started.at, now));
    let again =
        if iteration.attempt > 1 { format!(", attempt {}", iteration.attempt) } else { String::new() };
    vec![
        Cell::text(iteration.id.worker.to_string()),
        Cell::text(iteration.id.stem()),
        Cell::text(iteration.task.as_ref().map_or("?", |task| task.as_str())),
        Cell::text(format!("{}{again}", iteration.phase.as_str())),
        Cell::number(duration_ms(age)),
        Cell::short(&iteration.title, TITLE_COLUMNS),
    ]
}

/// For programs: `"schema": 1, "kind": "status"`.
pub fn json(view: &RunView, state: RunState, now: DateTime<Utc>) -> Value {
    let header = view.header.as_ref();
    let Left { wall_ms, iterations, tokens, usd } = left(view, now);
    json!({
        "schema": 1,
        "kind": "status",
        "run_id": view.run_id(),
        "state": state,
        "started_at": header.map(|header| header.started.at),
        "last_sign_of_life": view.last.map(|moment| moment.at),
        "jobs": view.jobs(),
        "in_scope": header.and_then(|header| header.in_scope),
        "ready_seen": view.ready_seen,
        "landed": view.tasks.values().filter(|task| task.landed_sha.is_some()).count(),
        "parked": view.totals.parked,
        "iterations": view.totals.iterations,
        "gate": header.and_then(|header| header.gate.as_ref()),
        "budget_left": {"wall_ms": wall_ms, "iterations": iterations, "tokens": tokens, "usd": usd},
        "awaiting_runtime": view.awaiting_runtime,
        "stop": view.stop.as_ref().map(|stop| json!({"reason": stop.reason, "detail": stop.detail, "now": stop.now})),
        "stop_reason": view.ending.as_ref().map(|ending| ending.stop_reason),
        "exit_code": view.ending.as_ref().and_then(|ending| ending.exit_code),
        "workers": view.in_flight().map(|iteration| json!({
            "worker": iteration.id.worker,
            "iter": iteration.id.iter,
            "task": iteration.task,
            "title": iteration.title,
            "attempt": iteration.attempt,
            "phase": iteration.phase.as_str(),
            "age_ms": iteration.started.map(|started| age_ms(started.at, now)),
            "agent_pid": iteration.agent.map(|agent| agent.pid),
        })).collect::<Vec<_>>(),
    })
}
