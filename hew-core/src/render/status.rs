//! Where a run stands just now.

use anstyle::Style;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::figures::{age_ms, count, grouped, since_ms, stamp, usd};
use super::held;
use super::left::Left;
use super::live::line::Line;
use super::live::{self, Signs};
use super::style::{self, BAD, FAINT, HEADING, WARN};
use crate::record::RunState;
use crate::record::view::{IterationView, RunView};

/// What there is to see of a run, besides its journal.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// How it stands.
    pub state: RunState,
    /// What its agents were last seen to do.
    pub signs: &'a Signs,
    /// Now; of a run that is over or dead, its last sign of life counts instead.
    pub now: DateTime<Utc>,
}

impl Seen<'_> {
    /// The moment to which ages are counted.
    fn until(&self, view: &RunView) -> DateTime<Utc> {
        match (self.state, view.last) {
            (RunState::Running, _) | (_, None) => self.now,
            (_, Some(last)) => last.at,
        }
    }
}

/// For people.
pub fn text(view: &RunView, seen: Seen<'_>, columns: usize) -> String {
    lines(view, seen, columns).iter().map(|line| format!("{line}\n")).collect()
}

/// The same in lines, none wider than this.
pub fn lines(view: &RunView, seen: Seen<'_>, columns: usize) -> Vec<String> {
    let line = || Line::new(columns);
    let Some(header) = &view.header else {
        return vec![line().add("the run has not written anything yet", FAINT).text()];
    };
    let head = line().add(header.run_id.as_str(), HEADING).add("  ", FAINT);
    let mut lines = vec![head.add(seen.state.as_str(), style::of_state(seen.state)).text()];
    lines.extend(facts(view, seen).iter().map(|(name, what)| {
        let style = if *name == "held" { WARN } else { FAINT };
        line().add("  ", FAINT).cell(name, 11, style).add(what, Style::new()).text()
    }));
    if seen.state == RunState::Running {
        let work = live::work(view, seen.signs, seen.now, columns.saturating_sub(2));
        lines.extend(work.iter().map(|row| format!("  {row}")));
    } else if view.ending.is_none() {
        lines.extend(view.in_flight().map(|iteration| cut_off(line(), iteration)));
    }
    lines
}

/// What was under way when a run died.
fn cut_off(line: Line, iteration: &IterationView) -> String {
    let phase = format!("cut off while {}", iteration.phase.as_str());
    line.add("  ", FAINT)
        .cell(&iteration.id.worker.to_string(), 4, Style::new())
        .cell(iteration.task.as_ref().map_or("?", |task| task.as_str()), 16, Style::new())
        .cell(&phase, 24, BAD)
        .add(&iteration.title, Style::new())
        .text()
}

fn facts(view: &RunView, seen: Seen<'_>) -> Vec<(&'static str, String)> {
    let Some(header) = &view.header else { return Vec::new() };
    let mut facts = vec![
        ("landed", landed_of(landed(view), header.in_scope)),
        ("gate", header.gate.clone().unwrap_or_else(|| "none".to_owned())),
    ];
    let spent = view.spent_so_far();
    if spent.usage.total() > 0 {
        let money = spent.cost_usd.map(|money| format!(", {}", usd(money))).unwrap_or_default();
        facts.push(("spent", format!("{} tokens{money}", grouped(spent.usage.total()))));
    }
    if seen.state == RunState::Running {
        let left = Left::of(view, seen.now).words();
        let left = if left.is_empty() { "no limit".to_owned() } else { left.join(", ") };
        facts.push(("budget left", left));
        facts.extend(held::words(view, seen.now).into_iter().map(|words| ("held", words)));
        facts.extend(held::queue(view).map(|words| ("held", words)));
    }
    let signs = seen.signs.values().map(|sign| sign.at);
    let latest = view.last.map(|last| last.at).into_iter().chain(signs).max();
    facts.extend(
        latest.map(|at| ("last sign", format!("{} ({} ago)", stamp(at), age_ms(since_ms(at, seen.now))))),
    );
    match &view.ending {
        Some(ending) => facts.push(("stopped", ending.words())),
        None if seen.state == RunState::Crashed => {
            facts.push(("stopped", "its process is gone, and it never said that it ends".to_owned()));
            facts.push(("next", "hew loop run gives back what it had claimed and goes on".to_owned()));
        }
        None => {}
    }
    facts
}

fn landed_of(landed: usize, in_scope: Option<usize>) -> String {
    match in_scope {
        Some(in_scope) => format!("{landed} of {} in scope", count(in_scope as u64, "task", "tasks")),
        None => count(landed as u64, "task", "tasks"),
    }
}

fn landed(view: &RunView) -> usize {
    view.tasks.values().filter(|task| task.landed_sha.is_some()).count()
}

/// For programs: `"schema": 1, "kind": "status"`.
pub fn json(view: &RunView, seen: Seen<'_>) -> Value {
    let header = view.header.as_ref();
    let until = seen.until(view);
    let Left { wall_ms, iterations, tokens, usd } = Left::of(view, until);
    let spent = view.spent_so_far();
    let is_live = seen.state == RunState::Running;
    json!({
        "schema": 1,
        "kind": "status",
        "run_id": view.run_id(),
        "state": seen.state,
        "started_at": header.map(|header| header.started.at),
        "last_sign_of_life": view.last.map(|moment| moment.at),
        "jobs": view.jobs(),
        "in_scope": header.and_then(|header| header.in_scope),
        "ready_seen": view.ready_seen,
        "landed": landed(view),
        "parked": view.totals.parked,
        "iterations": view.totals.iterations,
        "tokens": spent.usage.total(),
        "cost_usd": spent.cost_usd,
        "gate": header.and_then(|header| header.gate.as_ref()),
        "budget_left": {"wall_ms": wall_ms, "iterations": iterations, "tokens": tokens, "usd": usd},
        "held": if is_live { held::words(view, seen.now) } else { Vec::new() },
        "awaiting_runtime": view.awaiting_runtime,
        "stop": view.stop.as_ref().map(|stop| json!({"reason": stop.reason, "detail": stop.detail, "now": stop.now})),
        "stop_reason": view.ending.as_ref().map(|ending| ending.stop_reason),
        "exit_code": view.ending.as_ref().and_then(|ending| ending.exit_code),
        "workers": view.in_flight().map(|iteration| worker_json(iteration, seen.signs, until)).collect::<Vec<_>>(),
    })
}

fn worker_json(iteration: &IterationView, signs: &Signs, until: DateTime<Utc>) -> Value {
    let sign = signs.get(&iteration.id);
    let spent = iteration.spent_so_far();
    let journalled = iteration.last.map(|last| last.at);
    json!({
        "worker": iteration.id.worker,
        "iter": iteration.id.iter,
        "task": iteration.task,
        "title": iteration.title,
        "attempt": iteration.attempt,
        "phase": iteration.phase.as_str(),
        "age_ms": iteration.started.map(|started| since_ms(started.at, until)),
        "tokens": spent.usage.total(),
        "cost_usd": spent.cost_usd,
        "last_sign_of_life": journalled.max(sign.map(|sign| sign.at)),
        "said": sign.and_then(|sign| sign.said.as_ref()),
        "agent_pid": iteration.agent.map(|agent| agent.pid),
    })
}
