//! The lane: candidate, gate, advance, close; one result at a time. What comes next is the queue's business.

use super::effect::{Effect, LaneJob};
use super::escaped;
use super::event::{GatedView, MergeView, Problem};
use super::merging;
use super::planning;
use super::progress::{Landing, LaneStage, SettlingFrom};
use super::settle::{self, FailedEnd};
use super::state::State;
use super::step::{notice, notice_refused, record};
use super::stopping;
use crate::agent::IterationOutcome;
use crate::ids::CommitId;
use crate::land::close::CloseRequest;
use crate::land::gate::{GateProof, GateStop};
use crate::land::merge_back::{Advance, Candidate};
use crate::prompt::FailedMerge;
use crate::record::JournalEvent;
use crate::record::event::{GateRecord, STOPPED_ON_REQUEST};
use crate::settings::MergeMode;

/// Work that does not land, and why; its anchor is kept.
pub(super) struct Unlanded {
    pub(super) landing: Landing,
    pub(super) outcome: IterationOutcome,
    pub(super) reason: String,
    /// The gate's command and the end of its output, if it was red.
    pub(super) gate: Option<(String, String)>,
    /// The merge, if it conflicted.
    pub(super) merge: Option<FailedMerge>,
    /// A close in the tracker is a person's and stays.
    pub(super) keep_closed: bool,
}

impl Unlanded {
    pub(super) fn because(landing: Landing, outcome: IterationOutcome, reason: &str) -> Self {
        let reason = reason.to_owned();
        Self { landing, outcome, reason, gate: None, merge: None, keep_closed: false }
    }

    /// Its gate was red.
    pub(super) fn red(landing: Landing, view: &GatedView) -> Self {
        let GateProof { command, report, .. } = &view.proof;
        let gate = Some((command.clone(), report.output_tail.clone()));
        Self { gate, ..Self::because(landing, IterationOutcome::BackpressureFail, &view.why_red()) }
    }
}

impl From<Unlanded> for FailedEnd {
    fn from(unlanded: Unlanded) -> Self {
        let Unlanded { landing, outcome, reason, gate, merge, keep_closed } = unlanded;
        Self {
            iteration: landing.iteration,
            task: landing.task,
            actor: landing.actor,
            outcome,
            reason,
            gate,
            merge,
            anchor: Some(landing.anchor),
            keep_closed,
            spares_attempt: false,
            given_up: None,
        }
    }
}

/// Ends work that came to the lane and does not land: one task's, or a whole worker's branch.
pub(super) fn end_unlanded(state: &mut State, unlanded: Unlanded, out: &mut Vec<Effect>) {
    if state.config.merge == MergeMode::End {
        return merging::give_up(state, unlanded, out);
    }
    settle::fail(state, FailedEnd::from(unlanded), out);
}

/// The lane could not do its work: the current landing fails, the lane is free.
fn break_off(state: &mut State, reason: &str, error: &str, out: &mut Vec<Effect>) {
    if state.is_signalled() {
        // What it was doing may have been stopped: that is no failed attempt.
        return cancel_current(state, reason, out);
    }
    if let Some((landing, _)) = state.lane.current.take() {
        let task = landing.task.id.clone();
        end_unlanded(state, Unlanded::because(landing, IterationOutcome::RuntimeError, reason), out);
        stopping::count_lane_error(state, &task, error, out);
    }
}

/// The current landing is given back because the run is being stopped.
fn cancel_current(state: &mut State, reason: &str, out: &mut Vec<Effect>) {
    if let Some((landing, _)) = state.lane.current.take() {
        end_unlanded(state, Unlanded::because(landing, IterationOutcome::Cancelled, reason), out);
    }
}

/// Work and tip are merged, or don't merge.
pub(super) fn merged(state: &mut State, result: Result<MergeView, Problem>, out: &mut Vec<Effect>) {
    let (candidate, resolves) = match result {
        Ok(MergeView::Candidate { candidate, resolves }) => (candidate, resolves),
        Ok(MergeView::Taken(why)) => return taken(state, &why, out),
        Ok(MergeView::PartTaken { iteration, why }) => return merging::cut(state, iteration, &why, out),
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
    let is_branch = state.config.merge == MergeMode::End;
    let again = false;
    out.push(Effect::Lane(LaneJob::Gate {
        iteration,
        commit,
        tree,
        tip,
        is_branch,
        again,
        definition_changed,
    }));
}

fn taken(state: &mut State, why: &str, out: &mut Vec<Effect>) {
    let Some((landing, _)) = state.lane.current.take() else { return };
    notice(out, Some(landing.iteration), taken_words(why, &landing));
    let end = Unlanded::because(landing, IterationOutcome::Cancelled, why);
    end_unlanded(state, Unlanded { keep_closed: true, ..end }, out);
}

/// What is said of work whose task somebody closed or took.
pub(super) fn taken_words(why: &str, landing: &Landing) -> String {
    format!("{why}; its work is kept by {} and was not landed", landing.anchor)
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
    let end = Unlanded::because(landing, IterationOutcome::Conflict, &reason);
    end_unlanded(state, Unlanded { merge: Some(merge), ..end }, out);
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
    let (was_red, candidate, tree) = (first_red.is_some(), candidate.clone(), tree.clone());
    let mut view = view;
    let ruling = rule(state, &mut view, was_red);
    notice_refused(out, Some(iteration), "the gate", &view.proof.report.refused);
    record(
        out,
        JournalEvent::Gated {
            iteration,
            gate: gate_record(&view),
            definition_changed: definition_changed.clone(),
        },
    );
    match ruling {
        Ruling::Green => advance(state, candidate, out),
        Ruling::Stopped => cancel_current(state, "the run was stopped while the gate ran", out),
        Ruling::Red => gate_red(state, &view, out),
        Ruling::RunAgain => {
            if let Some((_, LaneStage::Gating { first_red, .. })) = &mut state.lane.current {
                *first_red = Some(Box::new(view.proof));
            }
            let (tip, is_branch) = (state.lane.tip.clone(), state.config.merge == MergeMode::End);
            out.push(Effect::Lane(LaneJob::Gate {
                iteration,
                commit: candidate,
                tree,
                tip,
                is_branch,
                again: true,
                definition_changed,
            }));
        }
    }
}

/// What a gate's run on finished work means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ruling {
    Green,
    /// Red for the first time, where a red gate is run once more.
    RunAgain,
    /// It was stopped with the run.
    Stopped,
    Red,
}

/// Judges a gate's run; one that is green after it `was_red` is flaky.
pub(super) fn rule(state: &State, view: &mut GatedView, was_red: bool) -> Ruling {
    if view.is_green() {
        view.proof.flaky |= was_red;
        return Ruling::Green;
    }
    if view.proof.report.stopped == Some(GateStop::Requested) {
        return Ruling::Stopped;
    }
    let retry = state.config.gate.as_ref().is_some_and(|gate| gate.retry_flaky);
    if retry && !was_red && !state.is_signalled() { Ruling::RunAgain } else { Ruling::Red }
}

fn advance(state: &mut State, candidate: CommitId, out: &mut Vec<Effect>) {
    let from = state.lane.tip.clone();
    if let Some((_, stage)) = &mut state.lane.current {
        *stage = LaneStage::Advancing { candidate: candidate.clone() };
    }
    out.push(Effect::Lane(LaneJob::Advance { from, to: candidate }));
}

fn gate_red(state: &mut State, view: &GatedView, out: &mut Vec<Effect>) {
    if let Some((landing, _)) = state.lane.current.take() {
        end_unlanded(state, Unlanded::red(landing, view), out);
    }
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
        escaped::put_back(state, change, out);
    }
    state.lane_errors.end();
    state.lane.landed += 1;
    planning::landed(state, landing.iteration);
    let from = std::mem::replace(&mut state.lane.tip, sha.clone());
    let changes = landing.with.iter().filter(|part| part.is_change);
    record(
        out,
        JournalEvent::Landed {
            iteration: landing.iteration,
            task: landing.task.id.clone(),
            from,
            sha: sha.clone(),
            number: state.lane.landed,
            with: changes.map(|part| part.iteration).collect(),
        },
    );
    state.lane.current = Some((landing.clone(), LaneStage::Closing));
    close_all(state, landing, &sha, out);
}

/// Closes what has landed, oldest first. The lane is free after the last of them.
fn close_all(state: &mut State, mut landing: Landing, sha: &CommitId, out: &mut Vec<Effect>) {
    let mut resolves = std::mem::take(&mut state.lane.resolves);
    let mut parts = std::mem::take(&mut landing.with);
    parts.push(landing);
    parts.sort_by_key(|part| part.iteration.iter);
    let count = parts.len();
    for (at, part) in parts.into_iter().enumerate() {
        let mine = resolves.extract_if(.., |(iteration, _)| *iteration == part.iteration);
        let close = CloseRequest {
            task: part.task.id,
            actor: part.actor,
            landed: part.is_change.then(|| sha.clone()),
            reason: Some(part.reason),
            also: mine.map(|(_, task)| task).collect(),
        };
        let from = if at + 1 == count { SettlingFrom::Lane } else { SettlingFrom::Iteration };
        settle::close_task(state, part.iteration, close, from, out);
    }
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
