//! The lane: candidate, gate, advance, close; one result at a time. What comes next is the queue's business.

use super::effect::{Effect, LaneJob};
use super::escaped;
use super::event::{GatedView, MergeView, Problem};
use super::planning;
use super::progress::{Landing, LaneStage, SettlingFrom};
use super::settle::{self, FailedEnd};
use super::state::State;
use super::step::{notice, record};
use super::stopping;
use crate::agent::IterationOutcome;
use crate::escape::{Escape, Evidence};
use crate::ids::CommitId;
use crate::land::close::CloseRequest;
use crate::land::gate::{GateProof, GateStop};
use crate::land::merge_back::{Advance, Candidate};
use crate::prompt::FailedMerge;
use crate::record::JournalEvent;
use crate::record::event::{GateRecord, STOPPED_ON_REQUEST};

/// The end of work that does not land; its anchor is kept.
pub(super) fn unlanded(landing: Landing, outcome: IterationOutcome, reason: &str) -> FailedEnd {
    FailedEnd {
        iteration: landing.iteration,
        task: landing.task,
        actor: landing.actor,
        outcome,
        reason: reason.to_owned(),
        gate: None,
        merge: None,
        anchor: Some(landing.anchor),
        keep_closed: false,
        spares_attempt: false,
    }
}

/// The lane could not do its work: the current landing fails, the lane is free.
fn break_off(state: &mut State, reason: &str, error: &str, out: &mut Vec<Effect>) {
    if state.is_signalled() {
        // What it was doing may have been stopped: that is no failed attempt.
        return cancel_current(state, reason, out);
    }
    if let Some((landing, _)) = state.lane.current.take() {
        let task = landing.task.id.clone();
        settle::fail(state, unlanded(landing, IterationOutcome::RuntimeError, reason), out);
        stopping::count_lane_error(state, &task, error, out);
    }
}

/// The current landing is given back because the run is being stopped.
fn cancel_current(state: &mut State, reason: &str, out: &mut Vec<Effect>) {
    if let Some((landing, _)) = state.lane.current.take() {
        settle::fail(state, unlanded(landing, IterationOutcome::Cancelled, reason), out);
    }
}

/// Work and tip are merged, or don't merge.
pub(super) fn merged(state: &mut State, result: Result<MergeView, Problem>, out: &mut Vec<Effect>) {
    let (candidate, resolves) = match result {
        Ok(MergeView::Candidate { candidate, resolves }) => (candidate, resolves),
        Ok(MergeView::Taken(why)) => return taken(state, &why, out),
        Err(problem) => {
            return break_off(state, &format!("the lane could not merge it: {problem}"), &problem, out);
        }
    };
    let (commit, tree) = match candidate {
        Candidate::Conflict(files) => return conflicted(state, files, out),
        Candidate::Made { commit, tree } => (commit, tree),
    };
    let Some((landing, _)) = &state.lane.current else { return };
    let iteration = landing.iteration;
    let definition_changed = landing.definition_changed.clone();
    let tip = state.lane.tip.clone();
    state.lane.resolves = resolves;
    record(
        out,
        JournalEvent::Candidate {
            iteration,
            tip: tip.clone(),
            candidate: commit.clone(),
            tree: tree.clone(),
        },
    );
    if state.config.gate.is_none() {
        return advance(state, commit, out);
    }
    if state.is_signalled() {
        return cancel_current(state, "the run was stopped before its gate ran", out);
    }
    if let Some((_, stage)) = &mut state.lane.current {
        *stage = LaneStage::Gating { candidate: commit.clone(), tree: tree.clone(), first_red: None };
    }
    out.push(Effect::Lane(LaneJob::Gate { iteration, commit, tree, tip, again: false, definition_changed }));
}

fn taken(state: &mut State, why: &str, out: &mut Vec<Effect>) {
    let Some((landing, _)) = state.lane.current.take() else { return };
    notice(
        out,
        Some(landing.iteration),
        format!("{why}; its work is kept by {} and was not landed", landing.anchor),
    );
    let end = FailedEnd { keep_closed: true, ..unlanded(landing, IterationOutcome::Cancelled, why) };
    settle::fail(state, end, out);
}

fn conflicted(state: &mut State, files: Vec<String>, out: &mut Vec<Effect>) {
    let Some((landing, _)) = state.lane.current.take() else { return };
    let merge = FailedMerge {
        tip: state.lane.tip.clone(),
        work: landing.work.clone(),
        anchor: landing.anchor.clone(),
        files,
    };
    record(
        out,
        JournalEvent::Conflicted {
            iteration: landing.iteration,
            tip: merge.tip.clone(),
            work: merge.work.clone(),
            anchor: merge.anchor.clone(),
            files: merge.files.clone(),
        },
    );
    let reason = format!("its work conflicts with what landed meanwhile in {}", merge.files.join(", "));
    let end = FailedEnd { merge: Some(merge), ..unlanded(landing, IterationOutcome::Conflict, &reason) };
    settle::fail(state, end, out);
}

/// The gate has run on the candidate.
pub(super) fn gated(state: &mut State, result: Result<GatedView, Problem>, out: &mut Vec<Effect>) {
    let view = match result {
        Ok(view) => view,
        Err(problem) => {
            return break_off(state, &format!("the gate could not be run: {problem}"), &problem, out);
        }
    };
    let Some((landing, LaneStage::Gating { candidate, tree, first_red })) = &mut state.lane.current else {
        return;
    };
    let iteration = landing.iteration;
    let definition_changed = landing.definition_changed.clone();
    let mut view = view;
    if first_red.is_some() && view.is_green() {
        view.proof.flaky = true;
    }
    record(
        out,
        JournalEvent::Gated {
            iteration,
            gate: gate_record(&view),
            definition_changed: definition_changed.clone(),
        },
    );
    if view.is_green() {
        let candidate = candidate.clone();
        return advance(state, candidate, out);
    }
    let retry = state.config.gate.as_ref().is_some_and(|gate| gate.retry_flaky);
    let stopped = view.proof.report.stopped == Some(GateStop::Requested);
    let signalled = state.stop.as_ref().is_some_and(|stop| stop.signal.is_some());
    if retry && first_red.is_none() && !stopped && !signalled {
        *first_red = Some(Box::new(view.proof));
        let (commit, tree, tip) = (candidate.clone(), tree.clone(), state.lane.tip.clone());
        out.push(Effect::Lane(LaneJob::Gate {
            iteration,
            commit,
            tree,
            tip,
            again: true,
            definition_changed,
        }));
        return;
    }
    gate_red(state, &view, stopped, out);
}

fn advance(state: &mut State, candidate: CommitId, out: &mut Vec<Effect>) {
    let from = state.lane.tip.clone();
    if let Some((_, stage)) = &mut state.lane.current {
        *stage = LaneStage::Advancing { candidate: candidate.clone() };
    }
    out.push(Effect::Lane(LaneJob::Advance { from, to: candidate }));
}

fn gate_red(state: &mut State, view: &GatedView, stopped: bool, out: &mut Vec<Effect>) {
    if stopped {
        return cancel_current(state, "the run was stopped while the gate ran", out);
    }
    let Some((landing, _)) = state.lane.current.take() else { return };
    let GateProof { command, report, .. } = &view.proof;
    let gate = Some((command.clone(), report.output_tail.clone()));
    let end = FailedEnd { gate, ..unlanded(landing, IterationOutcome::BackpressureFail, &view.why_red()) };
    settle::fail(state, end, out);
}

/// The run branch is at the candidate.
pub(super) fn advanced(state: &mut State, result: Result<Advance, Problem>, out: &mut Vec<Effect>) {
    let moved = match result {
        Ok(moved) => moved,
        Err(problem) => {
            return break_off(state, &format!("the run branch could not be moved: {problem}"), &problem, out);
        }
    };
    let Some((landing, LaneStage::Advancing { candidate })) = &state.lane.current else { return };
    let (landing, sha) = (landing.clone(), candidate.clone());
    if let Some(change) = moved.foreign_change(&state.config.run_branch, &state.lane.tip) {
        let evidence = vec![Evidence::OnlyAgents];
        escaped::escaped(state, None, vec![Escape { change, evidence, put_back: true }], out);
    }
    state.lane_errors.end();
    state.lane.landed += 1;
    planning::landed(state, landing.iteration);
    let from = std::mem::replace(&mut state.lane.tip, sha.clone());
    record(
        out,
        JournalEvent::Landed {
            iteration: landing.iteration,
            task: landing.task.id.clone(),
            from,
            sha: sha.clone(),
            number: state.lane.landed,
        },
    );
    let close = CloseRequest {
        task: landing.task.id.clone(),
        actor: landing.actor.clone(),
        landed: Some(sha),
        reason: Some(landing.reason.clone()),
        also: state.lane.resolves.take(),
    };
    let id = landing.iteration;
    state.lane.current = Some((landing, LaneStage::Closing));
    settle::close_task(state, id, close, SettlingFrom::Lane, out);
}

/// The close is answered: the lane is free for the next result.
pub(super) fn release(state: &mut State) {
    state.lane.current = None;
}

/// A gate's proof as the journal has it.
pub(super) fn gate_record(view: &GatedView) -> GateRecord {
    let GateProof { command, tree, report, flaky } = &view.proof;
    let stopped = report.stopped.map(|stop| match stop {
        GateStop::Timeout => "timeout".to_owned(),
        GateStop::Requested => STOPPED_ON_REQUEST.to_owned(),
    });
    GateRecord {
        command: command.clone(),
        exit: report.exit,
        duration_secs: report.duration.as_secs_f64(),
        tree_sha: tree.clone(),
        stopped,
        leaked: report.leaked,
        flaky: *flaky,
        log: view.log.clone(),
        tampered: view.tampered.clone(),
    }
}
