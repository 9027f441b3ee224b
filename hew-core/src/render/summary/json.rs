//! The summary for programs: every figure.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::{SummaryPlace, effort, escapes, limits, models, needs, spent, tasks, workers};
use crate::exit::Exit;
use crate::ids::{CommitId, TaskId, TreeId};
use crate::record::IterationOutcome;
use crate::record::event::GateRecord;
use crate::record::view::{GateProofView, IterationView, RunView, TaskView, VerifyView};

/// The whole summary, to be written as one object: `"schema": 1, "kind": "summary"`. Tasks are made as they are written,
/// so that a run of very many needs little memory.
#[derive(Debug, Clone, Copy)]
pub struct SummaryJson<'a> {
    /// The run.
    pub view: &'a RunView,
    /// What its view does not know.
    pub place: SummaryPlace<'a>,
}

impl Serialize for SummaryJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let Self { view, place } = *self;
        for part in [launched(view, place), figures(view, place), left(view, place)] {
            for (name, figure) in part.as_object().into_iter().flatten() {
                map.serialize_entry(name, figure)?;
            }
        }
        let verify = self.view.verify.as_ref();
        map.serialize_entry("verify_outcome", &verify.map(|seen| &seen.outcome))?;
        map.serialize_entry("verify", &verify.map(verified))?;
        map.serialize_entry("tasks", &Tasks(self.view))?;
        map.end()
    }
}

struct Tasks<'a>(&'a RunView);

impl Serialize for Tasks<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.tasks.values().map(task))
    }
}

/// Which run, how it stands, what was frozen for it.
fn launched(view: &RunView, place: SummaryPlace<'_>) -> Value {
    let header = view.header.as_ref();
    let ending = view.ending.as_ref();
    json!({
        "schema": 1,
        "kind": "summary",
        "run_id": header.map(|header| &header.run_id),
        "state": place.state,
        "folder": place.folder,
        "started_at": header.map(|header| header.started.at),
        "ended_at": ending.map(|ending| ending.at.at),
        "last_sign_of_life": view.last.map(|moment| moment.at),
        "duration_ms": view.duration_ms(),
        "resumes": view.resumes,
        "hew_version": header.map(|header| &header.hew_version),
        "jobs": view.jobs(),
        "scope": header.and_then(|header| header.scope.as_ref()),
        "in_scope": header.and_then(|header| header.in_scope),
        "target_branch": header.and_then(|header| header.target_branch.as_ref()),
        "launch_sha": header.and_then(|header| header.launch_sha.as_ref()),
        "run_branch": header.and_then(|header| header.run_branch.as_ref()),
        "tip_sha": view.tip,
        "gate": header.and_then(|header| header.gate.as_ref()),
        "baseline": view.baseline.as_ref().map(gate_record),
        "is_from_files": view.is_from_files,
    })
}

/// What it did and used.
fn figures(view: &RunView, place: SummaryPlace<'_>) -> Value {
    let ending = view.ending.as_ref();
    json!({
        "iterations": view.totals.iterations,
        "outcomes": outcomes(view),
        "landed": {
            "tasks": view.landed_tasks(),
            "commits": view.totals.landed,
            "files": view.totals.files,
            "added": (!view.is_from_files).then_some(view.totals.added),
            "removed": (!view.is_from_files).then_some(view.totals.removed),
        },
        "tokens": spent::figures(&view.spent_so_far()),
        "helpers": spent::helper_figures(view),
        "planner": spent::planner_figures(view),
        "effort": effort::figures(place.rows),
        "budgets": limits::budget_figures(view),
        "runtimes": limits::runtime_figures(view),
        "models": models::figures(view),
        "models_differing": models::differing_figures(view),
        "delivery": view.delivery,
        "delivered_sha": view.delivered_sha,
        "stop": view.stop.as_ref().map(|stop| json!({
            "reason": stop.reason, "detail": stop.detail, "now": stop.now, "at": stop.at.at,
        })),
        "stop_reason": ending.map(|ending| ending.stop_reason),
        "exit_code": ending.and_then(|ending| ending.exit_code),
        "workers": workers::figures(view),
    })
}

/// What is still to be done.
fn left(view: &RunView, place: SummaryPlace<'_>) -> Value {
    let header = view.header.as_ref();
    let ending = view.ending.as_ref();
    json!({
        "in_flight": view.in_flight().map(in_flight).collect::<Vec<_>>(),
        "leftovers": view.leftovers.iter().map(|left| json!({
            "task": left.task, "title": left.title, "why": left.why, "command": needs::leftover_command(left),
        })).collect::<Vec<_>>(),
        "notices": view.notices.iter().map(|notice| json!({
            "at": notice.at, "iteration": notice.about, "text": notice.text,
        })).collect::<Vec<_>>(),
        "notice_count": view.notice_count,
        "escapes": view.escapes.escapes.iter().map(escapes::figures).collect::<Vec<_>>(),
        "escape_count": view.escapes.escape_count,
        "foreign_changes": view.escapes.foreign.iter().map(escapes::foreign_figures).collect::<Vec<_>>(),
        "foreign_change_count": view.escapes.foreign_count,
        "needs_you": header.map(|header| needs::figures(&needs::of(view, header, place))),
        "settings_changed": view.settings_changed,
        "remedies": ending.map(|ending| ending.remedies.clone()).unwrap_or_default(),
    })
}

fn verified(seen: &VerifyView) -> Value {
    json!({ "sha": seen.sha, "log": seen.log, "failed_tests": seen.failed_tests })
}

fn outcomes(view: &RunView) -> Map<String, Value> {
    let figure = |outcome: IterationOutcome| (outcome.as_str().to_owned(), view.totals.of(outcome).into());
    IterationOutcome::ALL.into_iter().map(figure).collect()
}

fn gate_record(gate: &GateRecord) -> Value {
    let mut value = json!(GateFigures::of(&GateProofView::of(gate)));
    value["command"] = gate.command.as_str().into();
    value
}

#[derive(Serialize)]
struct GateFigures<'a> {
    green: bool,
    exit: Exit,
    duration_secs: f64,
    tree_sha: &'a TreeId,
    stopped: Option<&'a str>,
    flaky: bool,
}

impl<'a> GateFigures<'a> {
    fn of(gate: &'a GateProofView) -> Self {
        let GateProofView { exit, duration_secs, tree_sha, stopped, flaky } = gate;
        Self {
            green: gate.is_green(),
            exit: *exit,
            duration_secs: *duration_secs,
            tree_sha,
            stopped: stopped.as_deref(),
            flaky: *flaky,
        }
    }
}

#[derive(Serialize)]
struct TaskFigures<'a> {
    task: &'a TaskId,
    title: &'a str,
    state: &'static str,
    outcome: Option<IterationOutcome>,
    reason: Option<&'a str>,
    attempts: u32,
    landed_sha: Option<&'a CommitId>,
    closed: bool,
    gate: Option<GateFigures<'a>>,
    parked: Option<&'a str>,
    bug: Option<&'a TaskId>,
    close_failed: Option<&'a str>,
    left_alone: Option<&'a str>,
    builds_on: &'a [TaskId],
}

fn task(task: &TaskView) -> TaskFigures<'_> {
    TaskFigures {
        task: &task.id,
        title: &task.title,
        state: tasks::outcome_word(task),
        outcome: task.outcome,
        reason: task.reason.as_deref(),
        attempts: task.attempts,
        landed_sha: task.landed_sha.as_ref(),
        closed: task.is_closed,
        gate: task.gate.as_ref().map(GateFigures::of),
        parked: task.parked.as_deref(),
        bug: task.bug.as_ref(),
        close_failed: task.close_failed.as_deref(),
        left_alone: task.left_alone.as_deref(),
        builds_on: &task.builds_on,
    }
}

fn in_flight(iteration: &IterationView) -> Value {
    json!({
        "worker": iteration.id.worker, "iter": iteration.id.iter, "task": iteration.task,
        "title": iteration.title, "attempt": iteration.attempt, "phase": iteration.phase.as_str(),
        "started_at": iteration.started.map(|moment| moment.at),
    })
}
