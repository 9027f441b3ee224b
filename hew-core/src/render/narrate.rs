//! One plain line an event, for whoever watches a run.

mod batches;
mod escapes;
mod runtimes;

use super::figures::{count, duration_secs, grouped};
use super::stopping;
use super::table::cut;
use super::text::visible_line;
use super::verify;
use crate::agent::IterationOutcome;
use crate::ids::{IterationId, RefName, TaskId};
use crate::record::event::{DeliveryRecord, GateRecord, JournalEvent};
use crate::record::view::{RunHeader, RunView};
use crate::tracker::change::TaskChange;

/// Columns of a title in a line.
const TITLE_COLUMNS: usize = 60;

/// What happened, in one line; `None` for events that only the record needs. The view has taken the event in already.
pub fn narrate(event: &JournalEvent, view: &RunView) -> Option<String> {
    let line = match event {
        JournalEvent::RunStarted { run_id, jobs, in_scope, gate, tracker, .. } => format!(
            "{run_id} started: {}, {} in scope, gate: {}{}",
            count(u64::from(*jobs), "worker", "workers"),
            count(*in_scope as u64, "task", "tasks"),
            gate.as_deref().unwrap_or("none"),
            tracker.as_ref().map(|tracker| format!(", tasks in {}", tracker.words())).unwrap_or_default()
        ),
        JournalEvent::RunResumed { ended_processes, removed_locks, .. } => {
            resumed(view, *ended_processes, removed_locks)
        }
        JournalEvent::Baseline { gate } => format!("launch commit: {}", gate_words(gate)),
        JournalEvent::IterationStarted { iteration, task, title, attempt, .. } => {
            started(*iteration, task, title, *attempt)
        }
        JournalEvent::Exited { iteration, exit, duration_secs: secs, stopped, usage, .. } => {
            let why = stopped.as_ref().map(|why| format!(" (stopped: {why})")).unwrap_or_default();
            let used = match usage.total() {
                0 => String::new(),
                tokens => format!(", {} tokens", grouped(tokens)),
            };
            let took = duration_secs(*secs);
            format!("{} agent ended with {exit} after {took}{used}{why}", about(view, *iteration))
        }
        JournalEvent::Conflicted { iteration, files, .. } => {
            format!(
                "{} conflicts with what landed meanwhile in {}",
                about(view, *iteration),
                files.join(", ")
            )
        }
        JournalEvent::Gated { iteration, gate, definition_changed } => {
            return gated(view, *iteration, gate, definition_changed);
        }
        JournalEvent::Stacked { iteration, task, branch, .. } => {
            let branch = branch.as_ref().map(|branch| format!(" on {branch}")).unwrap_or_default();
            format!("done {task}{branch}{}; it lands at the end of the run", proof(view, *iteration))
        }
        JournalEvent::Landed { iteration, sha, with, .. } => {
            let tasks =
                with.iter().chain([iteration]).filter_map(|id| view.iterations.get(id)?.task.as_ref());
            let tasks = tasks.map(TaskId::as_str).collect::<Vec<_>>().join(", ");
            format!("landed {tasks} as {}{}", sha.short(), proof(view, *iteration))
        }
        JournalEvent::TaskChanged { task, change, .. } => return task_changed(task, change),
        JournalEvent::IterationEnded { iteration, outcome, reason, .. } => {
            return ended(view, *iteration, *outcome, reason.as_deref());
        }
        JournalEvent::Noticed { about, text } => match about {
            Some(iteration) => format!("noticed: {iteration}: {text}"),
            None => format!("noticed: {text}"),
        },
        JournalEvent::Escaped { .. } | JournalEvent::ForeignChange { .. } => escapes::line(event)?,
        JournalEvent::StopRequested { reason, detail, .. } => {
            let what = view.stop.as_ref().map(|stop| stopping::words(view, stop));
            format!("stop ({}): {detail}: {}", reason.as_str(), what.unwrap_or_default())
        }
        JournalEvent::Verifying { sha } => format!("verifying the result at {}", sha.short()),
        JournalEvent::Verified { outcome, failed_tests, .. } => {
            format!("verification {}", verify::words(outcome, failed_tests))
        }
        JournalEvent::Delivery { outcome } => delivery(outcome),
        JournalEvent::RunEnded { stop_reason, exit_code, .. } => {
            format!("run ended: {} (exit code {exit_code})", stop_reason.as_str())
        }
        JournalEvent::RetryPlanned { .. }
        | JournalEvent::RuntimeChanged { .. }
        | JournalEvent::AwaitingRuntime { .. }
        | JournalEvent::BudgetPassed { .. } => runtimes::line(event, view)?,
        JournalEvent::BatchPlanned { .. } => return batches::line(event),
        JournalEvent::Tick { .. }
        | JournalEvent::Helped { .. }
        | JournalEvent::BaselineStarted { .. }
        | JournalEvent::PlannerStarted { .. }
        | JournalEvent::MadeAhead { .. }
        | JournalEvent::Prepared { .. }
        | JournalEvent::Plan { .. }
        | JournalEvent::Spawned { .. }
        | JournalEvent::Used { .. }
        | JournalEvent::Collected { .. }
        | JournalEvent::Proving { .. }
        // Told by what made it so, and by the end of each task of it.
        | JournalEvent::GivenUp { .. }
        | JournalEvent::Queued { .. }
        | JournalEvent::Candidate { .. }
        | JournalEvent::Delivering { .. } => return None,
    };
    Some(visible_line(&line))
}

fn resumed(view: &RunView, ended_processes: usize, removed_locks: &[String]) -> String {
    let run = view.run_id().map(ToString::to_string).unwrap_or_default();
    let open = view.in_flight().count() as u64;
    let ended = match ended_processes {
        0 => String::new(),
        some => format!(", {} of it ended", count(some as u64, "process", "processes")),
    };
    let removed = match removed_locks {
        [] => String::new(),
        locks => format!(", removed what its git had left: {}", locks.join(", ")),
    };
    format!(
        "{run} goes on after a crash: {} landed, {} cut off{ended}{removed}",
        view.totals.landed,
        count(open, "iteration", "iterations")
    )
}

fn started(iteration: IterationId, task: &TaskId, title: &str, attempt: u32) -> String {
    let again = if attempt > 1 { format!(" (attempt {attempt})") } else { String::new() };
    format!(
        "{} {} {task} \"{}\" started{again}",
        iteration.worker,
        iteration.stem(),
        cut(&visible_line(title), TITLE_COLUMNS)
    )
}

/// `w1 iter-002 demo-a1b2`.
fn about(view: &RunView, iteration: IterationId) -> String {
    let task = view.iterations.get(&iteration).and_then(|seen| seen.task.as_ref());
    let task = task.map(|task| format!(" {task}")).unwrap_or_default();
    format!("{} {}{task}", iteration.worker, iteration.stem())
}

fn gate_words(gate: &GateRecord) -> String {
    let duration = duration_secs(gate.duration_secs);
    match &gate.stopped {
        _ if gate.is_green() && gate.flaky => format!("gate green in {duration} after a red run"),
        _ if gate.is_green() => format!("gate green in {duration}"),
        Some(_) if gate.is_cut_off() => {
            format!("gate stopped before it ended: {} (after {duration})", gate.command)
        }
        Some(stopped) => format!("gate red: {} (stopped: {stopped}, {duration})", gate.command),
        None => format!("gate red: {} ({})", gate.command, gate.exit),
    }
}

/// A green gate is told with the landing.
fn gated(
    view: &RunView,
    iteration: IterationId,
    gate: &GateRecord,
    definition_changed: &[String],
) -> Option<String> {
    let changed = if definition_changed.is_empty() {
        String::new()
    } else {
        format!("; it changes the gate's definition: {}", definition_changed.join(", "))
    };
    if gate.is_green() && changed.is_empty() {
        return None;
    }
    Some(visible_line(&format!("{} {}{changed}", about(view, iteration), gate_words(gate))))
}

fn proof(view: &RunView, iteration: IterationId) -> String {
    let gate = view.iterations.get(&iteration).and_then(|seen| seen.gate.as_ref());
    gate.map(|gate| format!(", {}", gate_words(gate))).unwrap_or_default()
}

fn task_changed(task: &TaskId, change: &TaskChange) -> Option<String> {
    let line = match change {
        TaskChange::Closed { landed_sha: None } => format!("{task} closed: nothing had to land"),
        TaskChange::Closed { .. } | TaskChange::Released => return None,
        TaskChange::CloseFailed { reason } => {
            format!("{task} landed, but the tracker refuses its close: {reason}")
        }
        TaskChange::Reopened => format!("{task} was closed without having landed and is open again"),
        TaskChange::LeftAlone { reason } => format!("{task} was left alone: {reason}"),
        TaskChange::Parked { reason } => format!("{task} parked: {reason}"),
        TaskChange::Filed { bug } => format!("{task}: filed {bug} for a person"),
    };
    Some(visible_line(&line))
}

/// What landed was told already.
fn ended(
    view: &RunView,
    iteration: IterationId,
    outcome: IterationOutcome,
    reason: Option<&str>,
) -> Option<String> {
    if outcome == IterationOutcome::Closed {
        return None;
    }
    let task = view.iterations.get(&iteration).and_then(|seen| view.tasks.get(seen.task.as_ref()?));
    let parked = task.is_some_and(|task| task.parked.is_some());
    let is_over =
        view.stop.is_some() || view.iterations.get(&iteration).is_some_and(|seen| seen.stacked.is_some());
    // Why the gate or the merge failed was told when it did.
    let why = match (outcome, reason) {
        (IterationOutcome::BackpressureFail | IterationOutcome::Conflict, _) if !parked && !is_over => {
            "; to be tried again on the new tip".to_owned()
        }
        (IterationOutcome::BackpressureFail | IterationOutcome::Conflict, _) | (_, None) => String::new(),
        (_, Some(reason)) => format!(": {reason}"),
    };
    let kept = match outcome {
        IterationOutcome::Cancelled => kept(view, iteration),
        _ => None,
    };
    let kept = kept.map(|anchor| format!("; its work is kept: git log -p {anchor}")).unwrap_or_default();
    Some(visible_line(&format!("{} {}{why}{kept}", about(view, iteration), outcome.as_str())))
}

/// The ref that keeps the work of an iteration, if there is any work.
fn kept(view: &RunView, iteration: IterationId) -> Option<&RefName> {
    let seen = view.iterations.get(&iteration)?;
    let has_work = seen.head_sha.is_some() && seen.head_sha != seen.base_sha;
    seen.anchor.as_ref().filter(|_| has_work)
}

/// What a person who has just begun a run wants to know: where to look, and how to stop.
pub fn opening(header: &RunHeader) -> Vec<String> {
    let target = header.target_branch.as_ref();
    let goes = match target {
        Some(target) if header.is_to_deliver() => {
            format!(", delivered to {target} at the end")
        }
        _ => ", and stays there".to_owned(),
    };
    let grace = header.setting("loop.stop_grace").unwrap_or("a while");
    let branch = header.run_branch.as_ref().map_or("the run's own branch", |branch| branch.as_str());
    [
        format!("  what is good lands on {branch}{goes}"),
        "  to look: hew loop status --watch, hew loop logs --follow".to_owned(),
        "  to stop: hew loop cancel (what runs ends and lands)".to_owned(),
        format!("       or: Ctrl-C (agents have {grace} to end; twice: now)"),
    ]
    .iter()
    .map(|line| visible_line(line))
    .collect()
}

fn delivery(outcome: &DeliveryRecord) -> String {
    match outcome {
        DeliveryRecord::Delivered { target, sha } => format!("delivered: {target} is at {}", sha.short()),
        DeliveryRecord::NotWanted { reason } => format!("not delivered: {reason}"),
        DeliveryRecord::Refused { target, reason, remedy, .. } => {
            format!("not delivered to {target}: {reason}; to finish: {remedy}")
        }
    }
}
