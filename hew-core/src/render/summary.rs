//! What a run did: landed, proofs, failures, leftovers, and what a person should do now.
//!
//! A run that goes on, or that crashed, renders as far as it went and says so. Works on a view from which iterations were
//! forgotten.

pub mod json;
mod limits;
mod models;
pub mod shape;
pub(crate) mod spent;
pub(crate) mod tasks;

use std::fmt::Write as _;

use super::figures::{count, duration_ms, duration_secs, grouped, stamp};
use super::style::{self, FAINT, HEADING, WARN};
use super::table::{self, Cell};
use super::text::visible;
use super::verify;
use crate::record::event::{DeliveryRecord, GateRecord, LeftoverRecord, ScopeRecord};
use crate::record::view::{RunHeader, RunView, Spent};
use crate::record::{IterationOutcome, RunState};

/// Most notices that are shown; the journal has them all.
const MAX_NOTICES: usize = 20;

/// What a view does not know of its run.
#[derive(Debug, Clone, Copy)]
pub struct SummaryPlace<'a> {
    /// How the run stands.
    pub state: RunState,
    /// The run folder, for people.
    pub folder: &'a str,
}

/// The whole summary.
pub fn text(view: &RunView, place: SummaryPlace<'_>) -> String {
    let Some(header) = &view.header else {
        return format!("The run has not written anything yet: {}\n", visible(place.folder));
    };
    let mut out = banner(header, place.state);
    out.push_str(&facts(view, header));
    for section in [
        models::table(view),
        models::differing(view),
        workers(view),
        tasks::table(view),
        limits::runtimes(view),
        in_flight(view, place.state),
        tasks::parked(view),
        tasks::bugs(view),
        leftovers(&view.leftovers),
        notices(view),
        next(view, header, place.state),
    ] {
        out.push_str(&section);
    }
    let _ = writeln!(out, "\nlogs: {}", visible(place.folder));
    out
}

fn banner(header: &RunHeader, state: RunState) -> String {
    let style = style::of_state(state);
    let note = match state {
        RunState::Running => " (so far)",
        RunState::Crashed => " (its process is gone; this is how far its journal goes)",
        _ => "",
    };
    format!("{HEADING}hew run {}{HEADING:#}  {style}{}{style:#}{note}\n", header.run_id, state.as_str())
}

fn facts(view: &RunView, header: &RunHeader) -> String {
    let totals = &view.totals;
    let took = duration_ms(view.duration_ms());
    let took = if view.ending.is_some() { format!("took {took}") } else { format!("{took} so far") };
    let started = format!("{}, {took}", stamp(header.started.at));
    let landed = format!(
        "{} in {}, {}, +{} -{}",
        count(view.tasks.values().filter(|task| task.landed_sha.is_some()).count() as u64, "task", "tasks"),
        count(totals.landed, "commit", "commits"),
        count(totals.files, "file", "files"),
        totals.added,
        totals.removed
    );
    let mut rows = vec![
        ("started", started),
        ("scope", scope(header)),
        ("iterations", iterations(view)),
        ("gate", gate(header, view.baseline.as_ref())),
        ("landed", landed),
    ];
    rows.extend(
        view.verify.as_ref().map(|seen| ("verify", verify::words(&seen.outcome, &seen.failed_tests))),
    );
    rows.push(("delivered", delivered(view, header)));
    rows.extend(spent::facts(&view.totals.spent));
    rows.extend(limits::budget_facts(view, header));
    rows.extend(limits::waiting(view));
    if let Some(ending) = &view.ending {
        let stopped = ending.words();
        let why = view.stop.as_ref().map(|stop| format!(": {}", stop.detail)).unwrap_or_default();
        rows.push(("stopped", stopped + &why));
    } else if let Some(stop) = &view.stop {
        rows.push(("stopping", format!("{}: {}", stop.reason.as_str(), stop.detail)));
    }
    let rows: Vec<_> =
        rows.into_iter().map(|(name, what)| vec![Cell::text(name).styled(FAINT), Cell::text(what)]).collect();
    table::render(&rows)
}

/// The slice of the queue, and how much was in it.
pub(crate) fn scope(header: &RunHeader) -> String {
    let names =
        |ids: &[crate::ids::TaskId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let what = match &header.scope {
        Some(ScopeRecord::Ready) => "everything that is ready".to_owned(),
        Some(ScopeRecord::Epics { epic_ids }) => format!("epics {}", names(epic_ids)),
        Some(ScopeRecord::Tasks { task_ids }) => format!("tasks {}", names(task_ids)),
        None => "not recorded".to_owned(),
    };
    let open = header.in_scope.map(|number| count(number as u64, "task", "tasks"));
    what + &open.map(|open| format!("; {open} open at launch")).unwrap_or_default()
}

fn iterations(view: &RunView) -> String {
    let mut parts: Vec<String> = IterationOutcome::ALL
        .into_iter()
        .filter_map(|outcome| view.totals.outcomes.get(&outcome).map(|n| format!("{n} {}", outcome.as_str())))
        .collect();
    let open = view.totals.iterations.saturating_sub(view.totals.ended());
    if open > 0 {
        parts.push(format!("{open} not ended"));
    }
    let kinds = if parts.is_empty() { String::new() } else { format!(": {}", parts.join(", ")) };
    format!("{}{kinds}", view.totals.iterations)
}

fn gate(header: &RunHeader, baseline: Option<&GateRecord>) -> String {
    let Some(command) = &header.gate else { return "none".to_owned() };
    match baseline {
        Some(gate) if gate.is_green() => {
            format!("{command} (green on the launch commit in {})", duration_secs(gate.duration_secs))
        }
        Some(gate) => format!("{command} (red on the launch commit: {})", red_reason(gate)),
        None => command.clone(),
    }
}

fn red_reason(gate: &GateRecord) -> String {
    match &gate.stopped {
        Some(stopped) => format!("stopped: {stopped}"),
        None => gate.exit.to_string(),
    }
}

/// What came of the delivery, in a line.
pub(crate) fn delivered(view: &RunView, header: &RunHeader) -> String {
    let branch = header.run_branch.as_ref().map_or("?", |branch| branch.as_str());
    match &view.delivery {
        Some(DeliveryRecord::Delivered { target, sha }) => format!("{target} is at {}", sha.short()),
        Some(DeliveryRecord::NotWanted { reason }) if view.totals.landed == 0 => format!("no: {reason}"),
        Some(DeliveryRecord::NotWanted { reason }) => format!("no: {reason}; see {branch}"),
        Some(DeliveryRecord::Refused { target, reason, .. }) => {
            format!("not to {target}: {reason}; the result is on {branch}")
        }
        None => format!("not yet; the result is on {branch}"),
    }
}

fn heading(text: &str) -> String {
    format!("\n{HEADING}{text}{HEADING:#}\n")
}

/// Only with two workers and more.
fn workers(view: &RunView) -> String {
    if view.jobs() < 2 || view.workers.is_empty() {
        return String::new();
    }
    let has_tokens = view.totals.spent.usage.total() > 0;
    let tokens = |spent: &Spent| has_tokens.then(|| Cell::number(grouped(spent.usage.total())));
    let mut names = vec!["worker", "iterations", "closed", "landed", "busy"];
    names.extend(has_tokens.then_some("tokens"));
    names.push("runtimes");
    let mut rows = vec![names.into_iter().map(|name| Cell::text(name).styled(FAINT)).collect::<Vec<_>>()];
    for (id, worker) in &view.workers {
        let runtimes = worker.runtimes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let mut row = vec![
            Cell::text(id.to_string()),
            Cell::number(worker.iterations),
            Cell::number(worker.closed),
            Cell::number(worker.landed),
            Cell::number(duration_ms(worker.busy_ms)),
        ];
        row.extend(tokens(&worker.spent));
        row.push(Cell::text(runtimes));
        rows.push(row);
    }
    let mut all = vec![
        Cell::text("all"),
        Cell::number(view.totals.iterations),
        Cell::number(view.totals.of(IterationOutcome::Closed)),
        Cell::number(view.totals.landed),
        Cell::number(duration_ms(view.totals.busy_ms)),
    ];
    all.extend(tokens(&view.totals.spent));
    rows.push(all);
    heading("workers") + &table::render(&rows)
}

fn in_flight(view: &RunView, state: RunState) -> String {
    let rows: Vec<_> = view
        .in_flight()
        .map(|iteration| {
            vec![
                Cell::text(iteration.id.to_string()),
                Cell::text(iteration.task.as_ref().map_or("?", |task| task.as_str())),
                Cell::text(iteration.phase.as_str()),
                Cell::short(&iteration.title, tasks::TITLE_COLUMNS),
            ]
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    let name = if state == RunState::Running { "in flight" } else { "cut off" };
    heading(name) + &table::render(&rows)
}

fn leftovers(leftovers: &[LeftoverRecord]) -> String {
    if leftovers.is_empty() {
        return String::new();
    }
    let rows: Vec<_> = leftovers
        .iter()
        .map(|left| {
            vec![
                Cell::text(left.task.as_str()),
                Cell::text(&left.why),
                Cell::text(leftover_command(left)).styled(FAINT),
                Cell::short(&left.title, tasks::TITLE_COLUMNS),
            ]
        })
        .collect();
    heading("left over") + &table::render(&rows)
}

/// The command that deals with a leftover.
pub(crate) fn leftover_command(left: &LeftoverRecord) -> String {
    match left.why.as_str() {
        "parked" => format!("hew task unpark {}", left.task),
        "ready" => format!("hew loop run --task {}", left.task),
        _ => format!("hew task show {}", left.task),
    }
}

fn notices(view: &RunView) -> String {
    if view.notices.is_empty() {
        return String::new();
    }
    let mut out = heading("noticed");
    for notice in view.notices.iter().take(MAX_NOTICES) {
        let about = notice.about.map(|id| format!("{id} ")).unwrap_or_default();
        let _ = writeln!(out, "  {WARN}!{WARN:#} {about}{}", visible(&notice.text));
    }
    let more = view.notice_count.saturating_sub(MAX_NOTICES as u64);
    if more > 0 {
        let _ = writeln!(out, "  and {more} more, in events.jsonl");
    }
    out
}

/// What a person should do now, one command each.
pub(crate) fn commands(view: &RunView, header: &RunHeader, state: RunState) -> Vec<String> {
    let mut commands: Vec<String> =
        view.ending.as_ref().map(|ending| ending.remedies.clone()).unwrap_or_default();
    if state == RunState::Crashed {
        if view.totals.landed > 0 && view.delivery.is_none() && header.target_branch.is_some() {
            commands.push(format!("hew loop deliver --run-id {}", header.run_id));
        }
        commands.push(format!("hew loop prune-worktrees --run-id {}", header.run_id));
    }
    commands
}

fn next(view: &RunView, header: &RunHeader, state: RunState) -> String {
    let commands = commands(view, header, state);
    if commands.is_empty() {
        return String::new();
    }
    let mut out = heading("next");
    for command in commands {
        let _ = writeln!(out, "  {}", visible(&command));
    }
    out
}
