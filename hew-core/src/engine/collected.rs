//! The work of an attempt that has ended: on to the lane, closed without a landing, or the end.

use std::path::Path;

use super::effect::Effect;
use super::event::Problem;
use super::iteration::failed_end;
use super::planning;
use super::progress::{Iteration, Landing, PendingEnd, Stage};
use super::settle::{self, FailedEnd};
use super::stack;
use super::state::State;
use super::step::{notice, record};
use crate::agent::IterationOutcome;
use crate::ids::{IterationId, RefName};
use crate::land::gate_detect::changed_gate_definitions;
use crate::record::JournalEvent;
use crate::settings::MergeMode;
use crate::worktree::FileChange;
use crate::worktree::collect::{Collected, CollectedWork};
use crate::worktree::names;

/// Most file names that a record holds.
pub(super) const FILES_IN_RECORD: usize = 200;

/// The work is anchored, or its folder is kept: on to the lane, or to the end.
pub(super) fn taken_in(
    state: &mut State,
    id: IterationId,
    result: Result<Collected, Problem>,
    out: &mut Vec<Effect>,
) {
    let Some(iteration) = state.iteration_mut(id) else { return };
    let Stage::Collecting { ending } = &iteration.stage else { return };
    let ending = ending.clone();
    let kept = match result {
        Ok(Collected::Work(work)) => return with_work(state, id, *ending, &work, out),
        Ok(Collected::Kept { reason, head }) => (reason, head.is_some()),
        Err(problem) => (format!("its work could not be collected: {problem}"), false),
    };
    let (why, anchored) = kept;
    let anchor = anchored.then(|| names::anchor(&state.config.run, id));
    notice(out, Some(id), format!("{why}; what there is of the folder is kept"));
    let outcome = ending.outcome.unwrap_or(IterationOutcome::RuntimeError);
    if let Some(iteration) = state.take_iteration(id) {
        let end = FailedEnd {
            spares_attempt: ending.spares_attempt,
            ..failed_end(*iteration, outcome, why, anchor)
        };
        settle::fail(state, end, out);
    }
}

fn with_work(
    state: &mut State,
    id: IterationId,
    ending: PendingEnd,
    work: &CollectedWork,
    out: &mut Vec<Effect>,
) {
    let anchor = names::anchor(&state.config.run, id);
    state.lane.came += 1;
    let place = state.lane.came;
    record_work(id, work, &anchor, out);
    planning::touched(state, id, work);
    let stands_on_unlanded = stack::stands_on_unlanded(state, id.worker);
    let merge = state.config.merge;
    let Some(iteration) = state.iteration_mut(id) else { return };
    match next_of(iteration, &ending, work, anchor, stands_on_unlanded) {
        Next::Land(landing) if merge == MergeMode::End => stack::take_in(state, *landing, out),
        Next::Land(landing) => iteration.stage = Stage::AwaitingLane { landing, place },
        Next::End(end) => {
            let iteration = state.take_iteration(id).expect("it was there a moment ago");
            end_unlanded(state, *iteration, ending, end, out);
        }
    }
}

/// What becomes of anchored work.
pub(super) enum Next {
    /// It goes to the lane.
    Land(Box<Landing>),
    /// It does not land.
    End(Unlanded),
}

/// Why work does not land.
pub(super) enum Unlanded {
    /// There is nothing to land, and somebody said so.
    Nothing,
    Failed {
        outcome: IterationOutcome,
        reason: String,
        /// The ref that keeps it, where there is anything to keep.
        anchor: Option<RefName>,
    },
}

/// What becomes of the work of an iteration that is going to end like this. Where it stands on work that has not landed,
/// it waits for that even if it changes nothing.
pub(super) fn next_of(
    iteration: &Iteration,
    ending: &PendingEnd,
    work: &CollectedWork,
    anchor: RefName,
    stands_on_unlanded: bool,
) -> Next {
    let failed = match ending.outcome {
        Some(outcome) => Some((outcome, ending.reason.clone())),
        None => unlandable(work, ending.explicit, iteration),
    };
    if let Some((outcome, reason)) = failed {
        let anchor = (work.head != iteration.base).then_some(anchor);
        return Next::End(Unlanded::Failed { outcome, reason, anchor });
    }
    if work.changes.is_empty() && !stands_on_unlanded {
        return Next::End(Unlanded::Nothing);
    }
    Next::Land(Box::new(landing(iteration, work, anchor, ending.reason.clone())))
}

/// Work as the lane takes it.
pub(super) fn landing(
    iteration: &Iteration,
    work: &CollectedWork,
    anchor: RefName,
    reason: String,
) -> Landing {
    Landing {
        iteration: iteration.id,
        task: iteration.task.clone(),
        actor: iteration.actor.clone(),
        work: work.head.clone(),
        anchor,
        reason,
        definition_changed: definition_changed(&work.changes),
        attributes_changed: work.changes.iter().any(|change| change.path.ends_with(".gitattributes")),
        place: iteration.place.clone(),
        is_change: !work.changes.is_empty(),
        with: Vec::new(),
    }
}

/// Ends an iteration whose work is anchored and does not land.
pub(super) fn end_unlanded(
    state: &mut State,
    iteration: Iteration,
    ending: PendingEnd,
    end: Unlanded,
    out: &mut Vec<Effect>,
) {
    match end {
        Unlanded::Nothing => settle::close_without_landing(state, iteration, ending.reason, out),
        Unlanded::Failed { outcome, reason, anchor } => {
            let spares_attempt = ending.spares_attempt;
            let end = FailedEnd { spares_attempt, ..failed_end(iteration, outcome, reason, anchor) };
            settle::fail(state, end, out);
        }
    }
}

fn definition_changed(changes: &[FileChange]) -> Vec<String> {
    let paths = changes.iter().map(|change| Path::new(&change.path));
    changed_gate_definitions(paths).iter().map(|path| path.display().to_string()).collect()
}

fn unlandable(
    work: &CollectedWork,
    explicit: bool,
    iteration: &Iteration,
) -> Option<(IterationOutcome, String)> {
    if !work.descends_from_base {
        let reason = format!(
            "history was rewritten: {} does not descend from the iteration's base {}",
            work.head.short(),
            iteration.base.short()
        );
        return Some((IterationOutcome::RuntimeError, reason));
    }
    let silent_nothing = work.changes.is_empty() && !explicit;
    silent_nothing.then(|| {
        (IterationOutcome::NoClose, "nothing changed, and nobody said that nothing had to".to_owned())
    })
}

fn record_work(id: IterationId, work: &CollectedWork, anchor: &RefName, out: &mut Vec<Effect>) {
    record(
        out,
        JournalEvent::Collected {
            iteration: id,
            head_sha: work.head.clone(),
            anchor: anchor.clone(),
            committed_leftovers: work.committed_leftovers,
            files_touched: work
                .changes
                .iter()
                .take(FILES_IN_RECORD)
                .map(|change| change.path.clone())
                .collect(),
            file_count: work.changes.len(),
            added: work.changes.iter().map(|change| u64::from(change.added)).sum(),
            removed: work.changes.iter().map(|change| u64::from(change.removed)).sum(),
            symbols_touched: work.symbols.clone(),
        },
    );
}
