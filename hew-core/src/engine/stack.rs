//! `--merge end`: work that passed its gate stays on its worker's branch and waits there for the end of the run.
//!
//! Invariants: a worker's next task begins where its last green work ended; what is red, or was taken by somebody, is no
//! part of the branch; a task on it is held until the branch has landed or was given up, so that nothing that waits for
//! it is begun.

use super::effect::{Effect, WorkerJob};
use super::event::{GatedView, Problem, ProofView};
use super::lane::{self, Ruling, Unlanded};
use super::planning;
use super::progress::{Landing, Slot, Stage};
use super::settle::{self, FailedEnd};
use super::state::State;
use super::step::{notice, notice_refused, record};
use super::stopping;
use crate::agent::IterationOutcome;
use crate::ids::{CommitId, IterationId, WorkerId};
use crate::land::gate::GateProof;
use crate::record::JournalEvent;

/// Where a worker's next task begins: its last green work, else the tip.
pub(super) fn base(state: &State, worker: WorkerId) -> CommitId {
    let top = state.stacks[usize::from(worker.0)].last();
    top.map_or(&state.lane.tip, |top| &top.work).clone()
}

/// What a worker does now builds on work that has not landed.
pub(super) fn stands_on_unlanded(state: &State, worker: WorkerId) -> bool {
    !state.stacks[usize::from(worker.0)].is_empty()
}

/// Results that landed, and those that wait for the end.
pub(super) fn finished(state: &State) -> u64 {
    state.lane.landed + state.stacks.iter().map(|stack| stack.len() as u64).sum::<u64>()
}

/// Finished work: the gate runs on it in its worker's worktree, unless it changes nothing.
pub(super) fn take_in(state: &mut State, landing: Landing, out: &mut Vec<Effect>) {
    if !landing.is_change {
        return push(state, landing, out);
    }
    if state.is_signalled() {
        let why = "the run was stopped before its gate ran";
        return fail(state, Unlanded::because(landing, IterationOutcome::Cancelled, why), out);
    }
    prove(state, landing, None, out);
}

fn prove(state: &mut State, landing: Landing, first_red: Option<Box<GateProof>>, out: &mut Vec<Effect>) {
    let id = landing.iteration;
    let Some(iteration) = state.iteration_mut(id) else { return };
    let job = WorkerJob::Prove {
        task: landing.task.id.clone(),
        actor: landing.actor.clone(),
        base: iteration.base.clone(),
        commit: landing.work.clone(),
        again: first_red.is_some(),
        definition_changed: landing.definition_changed.clone(),
    };
    let sha = landing.work.clone();
    iteration.stage = Stage::Proving { landing: Box::new(landing), first_red };
    record(out, JournalEvent::Proving { iteration: id, sha });
    out.push(Effect::Work { iteration: id, job });
}

/// The gate has run on it, or could not be run.
pub(super) fn proved(
    state: &mut State,
    id: IterationId,
    result: Result<ProofView, Problem>,
    out: &mut Vec<Effect>,
) {
    let Some(Stage::Proving { landing, first_red }) = state.iteration_mut(id).map(|it| it.stage.clone())
    else {
        return;
    };
    let landing = *landing;
    match result {
        Ok(ProofView::Gated(view)) => judge(state, landing, view, first_red.is_some(), out),
        Ok(ProofView::Ungated) => push(state, landing, out),
        Ok(ProofView::Taken(why)) => {
            notice(out, Some(id), lane::taken_words(&why, &landing));
            let end = Unlanded::because(landing, IterationOutcome::Cancelled, &why);
            fail(state, Unlanded { keep_closed: true, ..end }, out);
        }
        Err(problem) => break_off(state, landing, &problem, out),
    }
}

fn break_off(state: &mut State, landing: Landing, problem: &str, out: &mut Vec<Effect>) {
    let why = format!("the gate could not be run: {problem}");
    if state.is_signalled() {
        return fail(state, Unlanded::because(landing, IterationOutcome::Cancelled, &why), out);
    }
    let task = landing.task.id.clone();
    fail(state, Unlanded::because(landing, IterationOutcome::RuntimeError, &why), out);
    stopping::count_lane_error(state, &task, problem, out);
}

fn judge(state: &mut State, landing: Landing, mut view: GatedView, was_red: bool, out: &mut Vec<Effect>) {
    let ruling = lane::rule(state, &mut view, was_red);
    let (gate, definition_changed) = (lane::gate_record(&view), landing.definition_changed.clone());
    notice_refused(out, Some(landing.iteration), "the gate", &view.proof.report.refused);
    record(out, JournalEvent::Gated { iteration: landing.iteration, gate, definition_changed });
    match ruling {
        Ruling::Green => {
            state.lane_errors.end();
            push(state, landing, out);
        }
        Ruling::RunAgain => prove(state, landing, Some(Box::new(view.proof)), out),
        Ruling::Stopped => {
            let why = "the run was stopped while the gate ran";
            fail(state, Unlanded::because(landing, IterationOutcome::Cancelled, why), out);
        }
        Ruling::Red => fail(state, Unlanded::red(landing, &view), out),
    }
}

/// It stays on its worker's branch; the worker is free.
fn push(state: &mut State, landing: Landing, out: &mut Vec<Effect>) {
    let id = landing.iteration;
    let from = base(state, id.worker);
    record(
        out,
        JournalEvent::Stacked {
            iteration: id,
            task: landing.task.id.clone(),
            branch: landing.place.as_ref().map(|place| place.branch.clone()),
            from,
            sha: landing.work.clone(),
            is_change: landing.is_change,
            reason: landing.reason.clone(),
        },
    );
    let worker = usize::from(id.worker.0);
    state.stacks[worker].push(landing);
    state.slots[worker] = Slot::Free;
    state.queue.stale = true;
    planning::landed(state, id);
}

/// It is no part of the branch: the next task begins where this one did.
fn fail(state: &mut State, unlanded: Unlanded, out: &mut Vec<Effect>) {
    if state.take_iteration(unlanded.landing.iteration).is_some() {
        settle::fail(state, FailedEnd::from(unlanded), out);
    }
}
