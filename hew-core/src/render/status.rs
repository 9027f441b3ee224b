//! Where a run stands just now.

pub mod json;

use anstyle::Style;
use chrono::{DateTime, Utc};

use super::figures::{age_ms, count, grouped, since_ms, stamp};
use super::held;
use super::left::Left;
use super::live::line::Line;
use super::live::{self, Signs};
use super::style::{self, BAD, FAINT, HEADING, WARN};
use super::summary::delivered;
use super::summary::spent::money;
use crate::ids::WorkerId;
use crate::record::RunState;
use crate::record::view::{IterationView, PlannerView, RunView};

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

/// For people. What is said in sentences is said whole, however wide they are.
pub fn text(view: &RunView, seen: Seen<'_>, columns: usize) -> String {
    page(view, seen, usize::MAX, columns).join("\n") + "\n"
}

/// The same in lines, none wider than this.
pub fn lines(view: &RunView, seen: Seen<'_>, columns: usize) -> Vec<String> {
    page(view, seen, columns, columns)
}

/// What is known of the run as a whole, then a row for each worker.
fn page(view: &RunView, seen: Seen<'_>, columns: usize, row_columns: usize) -> Vec<String> {
    let line = || Line::new(columns);
    let Some(header) = &view.header else {
        return vec![line().add("the run has not written anything yet", FAINT).text()];
    };
    let head = line().add(header.run_id.as_str(), HEADING).add("  ", FAINT);
    let mut lines = vec![head.add(seen.state.as_str(), style::of_state(seen.state)).text()];
    lines.extend(facts(view, seen).iter().map(|(name, what)| {
        let style = if matches!(*name, "held" | "escapes") { WARN } else { FAINT };
        line().add("  ", FAINT).cell(name, 11, style).add(what, Style::new()).text()
    }));
    if seen.state == RunState::Running {
        let indent = " ".repeat(row_columns.min(2));
        let work = live::work(view, seen.signs, seen.now, row_columns - indent.len());
        lines.extend(work.iter().map(|row| format!("{indent}{row}")));
    } else if view.ending.is_none() {
        lines.extend(view.in_flight().map(|iteration| cut_off(line(), iteration)));
    }
    lines
}

/// What was under way when a run died.
fn cut_off(line: Line, iteration: &IterationView) -> String {
    let phase = format!("cut off: {}", iteration.phase.as_str());
    line.add("  ", FAINT)
        .cell(&iteration.id.worker.to_string(), 4, Style::new())
        .cell(iteration.task.as_ref().map_or("?", |task| task.as_str()), 16, Style::new())
        .cell(&phase, 25, BAD)
        .add(&iteration.title, Style::new())
        .text()
}

fn facts(view: &RunView, seen: Seen<'_>) -> Vec<(&'static str, String)> {
    let Some(header) = &view.header else { return Vec::new() };
    let mut facts =
        vec![("landed", landed(view)), ("gate", header.gate.clone().unwrap_or_else(|| "none".to_owned()))];
    facts.extend(waiting(view).map(|words| ("waiting", words)));
    facts.extend(super::summary::escapes::facts(view));
    let spent = view.spent_so_far();
    if spent.usage.total() > 0 {
        let money = money(&spent).map(|money| format!(", {money}")).unwrap_or_default();
        facts.push(("spent", format!("{} tokens{money}", grouped(spent.usage.total()))));
    }
    if seen.state == RunState::Running {
        let left = Left::of(view, seen.now).words();
        let left = if left.is_empty() { "no limit".to_owned() } else { left.join(", ") };
        facts.push(("budget left", left));
        facts.extend(view.planner.as_ref().map(|planner| ("planner", asked(planner, seen.now))));
        facts.extend(held::words(view, seen.now).into_iter().map(|words| ("held", words)));
        facts.extend(held::queue(view).map(|words| ("held", words)));
    }
    let signs = seen.signs.values().map(|sign| sign.at);
    let latest = view.last.map(|last| last.at).into_iter().chain(signs).max();
    facts.extend(
        latest.map(|at| ("last sign", format!("{} ({} ago)", stamp(at), age_ms(since_ms(at, seen.now))))),
    );
    match &view.ending {
        Some(ending) => {
            facts.push(("stopped", ending.words()));
            facts.push(("delivered", delivered(view, header)));
            facts.extend(next(view).into_iter().map(|command| ("next", command)));
        }
        None if seen.state == RunState::Crashed => {
            facts.push(("stopped", "its process is gone, and it never said that it ends".to_owned()));
            facts.push(("next", format!("hew loop resume --run-id {}", header.run_id)));
        }
        None => {}
    }
    facts
}

fn landed(view: &RunView) -> String {
    let landed = view.landed_tasks();
    match view.in_scope() {
        Some(in_scope) => format!("{landed} of {} in scope", count(in_scope as u64, "task", "tasks")),
        None => count(landed as u64, "task", "tasks"),
    }
}

/// What is done and waits on workers' branches for the end of the run.
fn waiting(view: &RunView) -> Option<String> {
    let mut branches: Vec<(WorkerId, u64)> = Vec::new();
    for iteration in view.stacked() {
        match branches.last_mut() {
            Some((worker, tasks)) if *worker == iteration.id.worker => *tasks += 1,
            _ => branches.push((iteration.id.worker, 1)),
        }
    }
    let all = branches.iter().map(|(_, tasks)| tasks).sum();
    let each: Vec<String> = branches.iter().map(|(worker, tasks)| format!("{worker}: {tasks}")).collect();
    let each = each.join(", ");
    let tasks = count(all, "task is", "tasks are");
    (all > 0).then(|| format!("{tasks} done on the workers' branches ({each}), to be merged at the end"))
}

/// What a person should do now that the run is over.
fn next(view: &RunView) -> Vec<String> {
    view.ending.iter().flat_map(|ending| &ending.remedies).cloned().collect()
}

/// Who is asked what is next.
fn asked(planner: &PlannerView, now: DateTime<Utc>) -> String {
    let age = age_ms(since_ms(planner.since.at, now));
    format!("{} is asked what is next, after {}, for {age} so far", planner.runtime, planner.after)
}
