//! Results on their way to the lane: from their workers, first come first, into a short queue, and from there one by one.

use super::effect::{Effect, LaneJob};
use super::lane::{Unlanded, end_unlanded};
use super::merging;
use super::progress::{Landing, LaneStage, Slot, Stage};
use super::state::State;
use super::step::record;
use crate::agent::IterationOutcome;
use crate::record::JournalEvent;
use crate::settings::MergeMode;

/// Moves waiting results into the queue and the next one into the lane.
pub(super) fn advance(state: &mut State, out: &mut Vec<Effect>) {
    loop {
        fill_queue(state, out);
        if !state.is_signalled() && state.lane.current.is_some() {
            return;
        }
        let Some(landing) = state.lane.queue.pop_front() else { return };
        if state.is_signalled() {
            // A signal lands what is green already and starts nothing new; this work is anchored.
            let why = "the run was stopped before it landed";
            end_unlanded(state, Unlanded::because(landing, IterationOutcome::Cancelled, why), out);
        } else {
            begin_landing(state, landing, out);
        }
    }
}

/// Takes results from their workers, first come first, while there is room.
fn fill_queue(state: &mut State, out: &mut Vec<Effect>) {
    let room = usize::from(state.config.jobs) * 2;
    while state.lane.queue.len() < room {
        let Some((index, landing)) = next_waiting(state) else { return };
        record(out, JournalEvent::Queued { iteration: landing.iteration });
        state.lane.queue.push_back(landing);
        state.slots[index] = Slot::Free;
        // A freed worker is filled at once; what is ready may be known from the last list only in part.
        state.queue.stale = true;
    }
}

fn next_waiting(state: &State) -> Option<(usize, Landing)> {
    let waiting = state.slots.iter().enumerate().filter_map(|(index, slot)| match slot {
        Slot::Busy(iteration) => match &iteration.stage {
            Stage::AwaitingLane { landing, place } => Some((*place, index, landing)),
            _ => None,
        },
        _ => None,
    });
    let (_, index, landing) = waiting.min_by_key(|(place, ..)| *place)?;
    Some((index, (**landing).clone()))
}

fn begin_landing(state: &mut State, landing: Landing, out: &mut Vec<Effect>) {
    let (tip, work) = (state.lane.tip.clone(), landing.work.clone());
    let attributes_changed = landing.attributes_changed;
    out.push(Effect::Lane(if state.config.merge == MergeMode::End {
        let branch = merging::branch_of(&landing, state);
        LaneJob::MergeBranch { branch, parts: merging::parts(&landing), tip, work, attributes_changed }
    } else {
        let (task, actor) = (landing.task.clone(), landing.actor.clone());
        LaneJob::Merge { iteration: landing.iteration, task, actor, tip, work, attributes_changed }
    }));
    state.lane.current = Some((landing, LaneStage::Merging));
}
