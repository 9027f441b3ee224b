//! What a process that is gone left open is taken up again: closed where it has landed, landed where its agent's end was
//! judged and its work is safe, collected where it lies in a worktree, and given back where there is nothing.
//!
//! Invariants: no agent is run again whose end was judged; an iteration that was cut off costs its task no attempt; what
//! somebody took or closed meanwhile is left to them, its work anchored.

use std::collections::BTreeSet;

use super::collected::{self, Next};
use super::effect::{Effect, LaneJob, WorkPlace};
use super::iteration::{begin_collecting, failed_end};
use super::lane::Unlanded;
use super::planner;
use super::progress::{Iteration, Landing, PendingEnd, SettlingFrom, Slot};
use super::settle::{self, FailedEnd};
use super::stack;
use super::state::State;
use super::step::{notice, record};
use super::stopping;
use crate::agent::IterationOutcome;
use crate::ids::{CommitId, IterationId, RefName, TaskId};
use crate::land::close::CloseRequest;
use crate::land::verify::VerifyNote;
use crate::record::JournalEvent;
use crate::resume::{GivenBack, KeptConflict};
use crate::settings::MergeMode;
use crate::worktree::collect::CollectedWork;

/// What a process that is gone left open.
#[derive(Debug, Default)]
pub(crate) struct Inherited {
    pub(super) pickups: Vec<Pickup>,
    /// The iterations among it: the tracker may have been told of their ends in part.
    pub(super) iterations: BTreeSet<IterationId>,
    /// The planner that was being asked: the number of its batch, and the iteration that had just ended.
    pub(super) planner: Option<(u32, IterationId)>,
    /// Why a gate that stayed red has stopped the run.
    pub(super) guard: Option<String>,
    /// How the latest verification ended; the tracker may not have been told.
    pub(super) verify_note: Option<VerifyNote>,
    /// Workers' branches that did not land, each with its last commit: they are kept.
    pub(super) given_up: Vec<(WorkPlace, CommitId)>,
    /// The workers' branches were being merged: nothing is begun any more.
    pub(super) is_merging: bool,
    /// Work that did not merge, and that no worktree shows any more.
    pub(super) lost_conflicts: Vec<KeptConflict>,
}

impl Inherited {
    /// What landed, though the journal does not say so.
    pub(super) fn landed(&self) -> impl Iterator<Item = CommitId> {
        self.pickups.iter().filter_map(|pickup| match pickup {
            Pickup::Landed { landed, .. } if !landed.is_recorded => Some(landed.sha.clone()),
            _ => None,
        })
    }
}

/// An open iteration, and what becomes of it.
#[derive(Debug)]
pub(super) enum Pickup {
    /// The run branch has it: its task is closed.
    Landed { iteration: Box<Iteration>, landed: Landed },
    /// Its work waits on its worker's branch for the end of the run.
    Stacked { landing: Box<Landing> },
    /// Its work was given up with its worker's branch.
    GivenBack { iteration: Box<Iteration>, given_back: GivenBack, anchor: Option<RefName> },
    /// Its work is anchored: it goes on from there.
    Collected { iteration: Box<Iteration>, ending: PendingEnd, work: CollectedWork, anchor: RefName },
    /// Its work lies in its worktree.
    InWorktree { iteration: Box<Iteration>, ending: PendingEnd },
    /// There is nothing of it but a claim.
    Claimed { iteration: Box<Iteration>, ending: PendingEnd },
}

/// What the run branch has of an iteration.
#[derive(Debug)]
pub(super) struct Landed {
    pub(super) sha: CommitId,
    /// The journal says so, too.
    pub(super) is_recorded: bool,
    pub(super) reason: Option<String>,
    /// It differs from what it stood on.
    pub(super) is_change: bool,
    /// The tasks whose conflict it resolves.
    pub(super) resolves: Vec<TaskId>,
}

/// Takes it all up: once, at the beginning.
pub(super) fn begin(state: &mut State, out: &mut Vec<Effect>) {
    let pickups = std::mem::take(&mut state.inherited.pickups);
    let siblings: Vec<(IterationId, CommitId)> = pickups.iter().filter_map(landed_with_others).collect();
    for pickup in pickups {
        take_up(state, pickup, &siblings, out);
    }
    release_without_change(state, out);
    for KeptConflict { task, work } in std::mem::take(&mut state.inherited.lost_conflicts) {
        out.push(Effect::Lane(LaneJob::KeepConflict { task, work }));
    }
    for (place, work) in std::mem::take(&mut state.inherited.given_up) {
        out.push(Effect::Lane(LaneJob::KeepBranch { place, work, again: true }));
    }
    if let Some((number, after)) = state.inherited.planner.take() {
        planner::was_cut_off(number, after, state, out);
    }
    if let Some(why) = state.inherited.guard.take() {
        stopping::guard_tripped(state, &why, out);
    }
}

/// What has landed with the last iteration of its worker's branch.
fn landed_with_others(pickup: &Pickup) -> Option<(IterationId, CommitId)> {
    match pickup {
        Pickup::Landed { iteration, landed } if landed.is_recorded && landed.is_change => {
            Some((iteration.id, landed.sha.clone()))
        }
        _ => None,
    }
}

fn take_up(state: &mut State, pickup: Pickup, siblings: &[(IterationId, CommitId)], out: &mut Vec<Effect>) {
    match pickup {
        Pickup::Landed { iteration, landed } => {
            let with = siblings.iter().filter(|(_, sha)| *sha == landed.sha).map(|(id, _)| *id).collect();
            close(state, *iteration, landed, with, out);
        }
        Pickup::Stacked { landing } => {
            let worker = usize::from(landing.iteration.worker.0);
            state.stacks[worker].push(*landing);
            state.stacks[worker].sort_by_key(|landing| landing.iteration.iter);
        }
        Pickup::GivenBack { iteration, given_back, anchor } => {
            let GivenBack { outcome, reason, is_taken: _, bug } = given_back;
            let end = failed_end(*iteration, outcome, reason, anchor);
            let given_up = Some(settle::GivenUp { bug: bug.map(|bug| *bug) });
            settle::fail(state, FailedEnd { given_up, ..end }, out);
        }
        Pickup::Collected { iteration, ending, work, anchor } => {
            go_on(state, *iteration, ending, &work, anchor, out);
        }
        Pickup::InWorktree { mut iteration, ending } => {
            begin_collecting(&mut iteration, ending, out);
            let worker = usize::from(iteration.id.worker.0);
            state.slots[worker] = Slot::Busy(iteration);
        }
        Pickup::Claimed { iteration, ending } => {
            let outcome = ending.outcome.unwrap_or(IterationOutcome::Cancelled);
            let end = FailedEnd {
                spares_attempt: ending.spares_attempt,
                ..failed_end(*iteration, outcome, ending.reason, None)
            };
            settle::fail(state, end, out);
        }
    }
}

/// Work that changes nothing and below which no change waits any more: what it saw did not land.
fn release_without_change(state: &mut State, out: &mut Vec<Effect>) {
    for worker in 0..state.stacks.len() {
        let stack = &mut state.stacks[worker];
        let above = stack.iter().position(|part| part.is_change).unwrap_or(stack.len());
        let bottom: Vec<Landing> = stack.drain(..above).collect();
        for part in bottom {
            let why = "it changes nothing, and the work that it stood on did not land";
            let end = FailedEnd::from(Unlanded::because(part, IterationOutcome::Cancelled, why));
            let end = FailedEnd { given_up: Some(settle::GivenUp::default()), spares_attempt: true, ..end };
            settle::fail(state, end, out);
        }
    }
}

fn close(
    state: &mut State,
    iteration: Iteration,
    landed: Landed,
    with: Vec<IterationId>,
    out: &mut Vec<Effect>,
) {
    let Landed { sha, is_recorded, is_change, reason, resolves } = landed;
    let (id, task) = (iteration.id, iteration.task.id.clone());
    if !is_recorded {
        state.lane.landed += 1;
        let from = std::mem::replace(&mut state.lane.tip, sha.clone());
        let number = state.lane.landed;
        record(
            out,
            JournalEvent::Landed { iteration: id, task: task.clone(), from, sha: sha.clone(), number, with },
        );
    }
    let landed = is_change.then_some(sha);
    let close = CloseRequest { task, actor: iteration.actor, landed, reason, also: resolves };
    settle::close_task(state, id, close, SettlingFrom::Iteration, out);
}

fn go_on(
    state: &mut State,
    iteration: Iteration,
    ending: PendingEnd,
    work: &CollectedWork,
    anchor: RefName,
    out: &mut Vec<Effect>,
) {
    let stands_on_unlanded = stack::stands_on_unlanded(state, iteration.id.worker);
    match collected::next_of(&iteration, &ending, work, anchor, stands_on_unlanded) {
        Next::Land(landing) if state.config.merge == MergeMode::End => {
            let worker = usize::from(iteration.id.worker.0);
            state.slots[worker] = Slot::Busy(Box::new(iteration));
            stack::take_in(state, *landing, out);
        }
        Next::Land(landing) => {
            record(out, JournalEvent::Queued { iteration: iteration.id });
            state.lane.queue.push_back(*landing);
        }
        Next::End(end) => {
            if let Some(taken) = &iteration.taken {
                notice(out, Some(iteration.id), format!("{taken}; its work was not landed"));
            }
            collected::end_unlanded(state, iteration, ending, end, out);
        }
    }
}
