//! One iteration's file, told once more as the events that a journal would have.

use chrono::{DateTime, Utc};

use super::moment;
use crate::agent::IterationOutcome;
use crate::exit::Exit;
use crate::ids::{Actor, CommitId, IterationId, RuntimeName, TaskId};
use crate::record::event::{GateRecord, JournalEntry, JournalEvent, TaskChange};
use crate::record::files::{GateFile, IterationFile};
use crate::record::view::{ExitView, IterationRow, Phase, RunView};

/// Stands for a task or a runtime that a file does not name.
const UNKNOWN: &str = "?";

/// Where an iteration stands in its run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) id: IterationId,
    /// Over all workers, from 1.
    pub(super) number: u64,
    pub(super) attempt: u32,
    /// The batch that it was picked under.
    pub(super) batch: Option<u32>,
    /// When the run began.
    pub(super) started_at: DateTime<Utc>,
}

/// Counts an iteration into the view. Answers its brief form.
pub(super) fn take(view: &mut RunView, file: &IterationFile, place: Place) -> IterationRow {
    let ended_at = file.ended_at.unwrap_or(file.started_at);
    let mut tell = |at: DateTime<Utc>, event: JournalEvent| {
        let elapsed_ms = moment(place.started_at, at).elapsed_ms;
        view.apply(&JournalEntry { seq: 0, at, elapsed_ms, event });
    };
    tell(file.started_at, started(file, place));
    tell(file.started_at, planned(file, place.id));
    if has_run(file) {
        tell(ended_at, exited(file, place.id));
    }
    keep(view, file, place.id);
    let mut tell = |event: JournalEvent| {
        let elapsed_ms = moment(place.started_at, ended_at).elapsed_ms;
        view.apply(&JournalEntry { seq: 0, at: ended_at, elapsed_ms, event });
    };
    after_the_agent(file, place.id).into_iter().for_each(&mut tell);
    if file.task_id.is_none() {
        view.drop_task(&task(file));
    }
    let seen = view.iterations.get_mut(&place.id).expect("it has just been counted");
    seen.task.clone_from(&file.task_id);
    let is_stderr_empty = file.outcome.is_some() && seen.stderr_tail.trim().is_empty();
    IterationRow { is_stderr_empty, ..IterationRow::of(seen) }
}

fn task(file: &IterationFile) -> TaskId {
    file.task_id.clone().unwrap_or_else(|| UNKNOWN.into())
}

fn has_run(file: &IterationFile) -> bool {
    file.ended_at.is_some() || file.outcome.is_some() || file.exit.is_some() || file.cost.total() > 0
}

fn started(file: &IterationFile, place: Place) -> JournalEvent {
    JournalEvent::IterationStarted {
        iteration: place.id,
        number: place.number,
        task: task(file),
        title: file.task_title.clone().unwrap_or_default(),
        attempt: place.attempt,
        actor: Actor::new(""),
        base_sha: file.base_sha.clone().unwrap_or_else(|| CommitId::new("")),
        builds_on: Vec::new(),
        batch: place.batch,
    }
}

fn planned(file: &IterationFile, iteration: IterationId) -> JournalEvent {
    JournalEvent::Plan {
        iteration,
        runtime: file.runtime_used.clone().unwrap_or_else(|| UNKNOWN.into()),
        model: file.model.clone(),
        model_told: None,
        line: String::new(),
        argv: Vec::new(),
        prompt_prefix_hash: file.prompt_prefix_hash.clone().unwrap_or_default(),
        provenance: Vec::new(),
    }
}

fn exited(file: &IterationFile, iteration: IterationId) -> JournalEvent {
    let calls = file.tool_calls.iter().filter_map(|call| serde_json::from_value(call.clone()).ok());
    JournalEvent::Exited {
        iteration,
        exit: file.exit.unwrap_or(Exit::Code(0)),
        duration_secs: seconds(file),
        stopped: None,
        leaked: 0,
        signal: None,
        output_bytes: 0,
        decisions: file.decisions.clone(),
        deferred: file.deferred.clone(),
        summary: file.summary.clone(),
        summary_asked: false,
        stderr_tail: file.stderr_tail.clone().unwrap_or_default(),
        usage: file.cost,
        cost_usd: file.cost_usd,
        cost_source: file.cost_source,
        session_id: file.session_id.clone(),
        model_observed: file.model_observed.clone(),
        tool_calls: calls.collect(),
        failure: None,
        verdict: None,
    }
}

/// What no event tells as the file has it: what it does not know is unknown, and not what the events had to say.
fn keep(view: &mut RunView, file: &IterationFile, id: IterationId) {
    let unknown = RuntimeName::new(UNKNOWN);
    if let Some(worker) = view.workers.get_mut(&id.worker) {
        worker.runtimes.remove(&unknown);
    }
    let seen = view.iterations.get_mut(&id).expect("it has just begun");
    seen.actor = None;
    seen.base_sha.clone_from(&file.base_sha);
    seen.head_sha.clone_from(&file.head_sha);
    seen.runtime.clone_from(&file.runtime_used);
    seen.prompt_prefix_hash.clone_from(&file.prompt_prefix_hash);
    seen.cooldown_engaged = file.cooldown_engaged;
    seen.files_touched.clone_from(&file.files_touched);
    seen.file_count = file.files_touched.len() as u64;
    seen.exit = file.exit.map(|exit| ExitView {
        exit,
        duration_secs: seconds(file),
        stopped: None,
        leaked: 0,
        signal: None,
        output_bytes: 0,
    });
    seen.phase = Phase::Running;
}

fn after_the_agent(file: &IterationFile, iteration: IterationId) -> Vec<JournalEvent> {
    let mut events = Vec::new();
    if let Some(gate) = &file.gate {
        events.push(JournalEvent::Gated {
            iteration,
            gate: gate_record(gate),
            definition_changed: Vec::new(),
        });
    }
    if let Some(sha) = &file.landed_sha {
        let from = file.base_sha.clone().unwrap_or_else(|| CommitId::new(""));
        events.push(JournalEvent::Landed {
            iteration,
            task: task(file),
            from,
            sha: sha.clone(),
            number: 0,
            with: Vec::new(),
        });
    }
    let Some(outcome) = file.outcome else { return events };
    if outcome == IterationOutcome::Closed {
        let change = TaskChange::Closed { landed_sha: file.landed_sha.clone() };
        events.push(JournalEvent::TaskChanged { iteration, task: task(file), change });
    }
    events.push(JournalEvent::IterationEnded {
        iteration,
        task: task(file),
        outcome,
        reason: file.reason.clone(),
        landed_sha: file.landed_sha.clone(),
        spares_attempt: false,
    });
    events
}

fn gate_record(gate: &GateFile) -> GateRecord {
    let exit = match (gate.exit_code, gate.signal) {
        (Some(code), _) => Exit::Code(code),
        (None, Some(signal)) => Exit::Signal(signal),
        // A gate without an exit of its own did not end well.
        (None, None) => Exit::Code(1),
    };
    GateRecord {
        command: gate.command.clone(),
        exit,
        duration_secs: gate.duration_secs,
        tree_sha: gate.tree_sha.clone(),
        stopped: gate.stopped.clone(),
        leaked: 0,
        flaky: gate.flaky,
        log: String::new(),
        tampered: None,
    }
}

fn seconds(file: &IterationFile) -> f64 {
    let took =
        file.ended_at.map_or_else(Default::default, |ended| ended.signed_duration_since(file.started_at));
    took.to_std().map_or(0.0, |took| took.as_secs_f64())
}
