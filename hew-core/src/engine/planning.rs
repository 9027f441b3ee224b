//! What is next, in somebody's words: made known to the dispatcher, which picks under it.
//!
//! Invariants: a plan narrows and never widens; it lapses at the first tick that finds none of its tasks ready while nothing
//! is on its way to land; while something is, it is set aside and nobody waits for it; workers that it leaves without a task
//! wait only until a worker is freed or the tracker has been told of an end, and never while nothing runs. Runs of one worker
//! plan nothing.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use super::collected::FILES_IN_RECORD;
use super::dispatch;
use super::effect::Effect;
use super::ending;
use super::planner::Call;
use super::progress::{Slot, Stage};
use super::state::State;
use super::step::{notice, record};
use crate::ids::{IterationId, TaskId};
use crate::prompt::Touched;
use crate::record::JournalEvent;
use crate::resume::BatchesBefore;
use crate::schedule::batch_plan::{BatchPlan, BatchSource, NextBatch, SkipReason};
use crate::tracker::ReadyQuery;
use crate::worktree::collect::CollectedWork;

/// Ready tasks for each worker of which a prompt tells.
const TOLD_A_WORKER: usize = 8;

/// What is known of what is next.
#[derive(Debug, Clone, Default)]
pub(crate) struct Planning {
    /// Number of the last batch.
    pub(super) last: u32,
    pub(super) in_force: Option<BatchPlan>,
    /// Number of the newest batch that somebody spoke.
    pub(super) last_spoken: u32,
    /// The newest batch, where it is the planner's silence.
    pub(super) silent: Option<u32>,
    /// Why the planner was not asked when it last was not.
    pub(super) last_skip: Option<(SkipReason, String)>,
    /// The plan that the ready list was asked under, and the ends told of by then.
    asked_under: Option<(u32, u64)>,
    /// A plan of which nothing was ready, and the ends told of by then: it is looked at again after the next one.
    aside: Option<(u32, u64)>,
    /// Ends of iterations, and closes tried again, that the tracker has been told of.
    told_ends: u64,
    hold: Option<Hold>,
    /// Plan and number of waiting workers that a tick told of last.
    told_hold: Option<(u32, usize)>,
    /// Iterations whose agent spoke, until they end.
    pub(super) spoke: BTreeSet<IterationId>,
    /// It landed, its agent had said nothing, and the planner was not asked since.
    pub(super) due: Option<IterationId>,
    /// The planner is not asked before so many landings.
    pub(super) not_before: u64,
    /// Calls in a row that its runtime failed, and until when it is not asked because of that.
    pub(super) pause: Option<(u32, Duration)>,
    pub(super) call: Option<Call>,
    /// Of the last iterations.
    pub(super) touched: VecDeque<Touched>,
}

/// Free workers that wait under a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Hold {
    plan: u32,
    free: usize,
    told_ends: u64,
}

impl Planning {
    pub(super) fn next_number(&mut self) -> u32 {
        self.last += 1;
        self.last
    }

    /// What had been said before the process died that the run is gone on with.
    pub(super) fn take_before(&mut self, before: &BatchesBefore) {
        self.last = before.last;
        self.last_spoken = before.last_spoken;
        self.in_force.clone_from(&before.in_force);
        self.silent = before.silent;
    }

    /// A plan that is newer than the one in force, and than an agent's word that any order will do.
    pub(super) fn take(&mut self, number: u32, source: BatchSource, tasks: &[TaskId]) {
        if number < self.last_spoken {
            return;
        }
        self.last_spoken = number;
        self.silent = None;
        let tasks: BTreeSet<TaskId> = tasks.iter().cloned().collect();
        self.in_force = (!tasks.is_empty()).then_some(BatchPlan { number, source, tasks });
    }

    /// The plan in force, unless it is set aside.
    fn active(&self) -> Option<&BatchPlan> {
        self.in_force.as_ref().filter(|plan| self.aside != Some((plan.number, self.told_ends)))
    }

    fn active_number(&self) -> Option<u32> {
        self.active().map(|plan| plan.number)
    }
}

/// The run has so many workers that it matters what is next.
fn is_on(state: &State) -> bool {
    state.config.jobs > 1
}

/// The question for ready tasks of which a prompt tells.
pub(super) fn question_for_prompt(state: &State) -> Option<Box<ReadyQuery>> {
    let limit = TOLD_A_WORKER * usize::from(state.config.jobs);
    is_on(state).then(|| Box::new(dispatch::ready_query(state, Some(limit))))
}

/// An agent has ended and may have said what is next.
pub(super) fn agent_said(state: &mut State, id: IterationId, next: Option<NextBatch>, out: &mut Vec<Effect>) {
    let Some(NextBatch { task_ids, dropped }) = next.filter(|_| is_on(state)) else { return };
    let planning = &mut state.planning;
    let number = planning.next_number();
    planning.take(number, BatchSource::Agent, &task_ids);
    planning.spoke.insert(id);
    record(
        out,
        JournalEvent::BatchPlanned {
            number,
            iteration: id,
            source: BatchSource::Agent,
            task_ids,
            dropped,
            reason: None,
            detail: None,
            planner_tokens: None,
            cost_usd: None,
            cost_source: None,
        },
    );
}

/// Work was collected: what it touched is told to the planner as long as it is recent.
pub(super) fn touched(state: &mut State, id: IterationId, work: &CollectedWork) {
    if !is_on(state) {
        return;
    }
    let most = usize::from(state.config.jobs) * 2;
    let Some(task) = state.iteration_mut(id).map(|iteration| iteration.task.id.clone()) else { return };
    let files = work.changes.iter().take(FILES_IN_RECORD).map(|change| change.path.clone()).collect();
    let touched = &mut state.planning.touched;
    touched.push_back(Touched { task, files, symbols: work.symbols.clone() });
    if touched.len() > most {
        touched.pop_front();
    }
}

/// Work has landed: unless its agent said what is next, the planner may.
pub(super) fn landed(state: &mut State, id: IterationId) {
    if is_on(state) {
        let planning = &mut state.planning;
        planning.due = (!planning.spoke.contains(&id)).then_some(id);
    }
}

/// An iteration is over.
pub(super) fn iteration_ended(state: &mut State, id: IterationId) {
    state.planning.spoke.remove(&id);
}

/// The tracker has been told of an end: what waited for it may be ready now.
pub(super) fn told_end(state: &mut State) {
    state.planning.told_ends += 1;
}

/// Work of an agent that has ended is collected, lands, or is told to the tracker.
fn is_on_its_way(state: &State) -> bool {
    let has_ended = |slot: &Slot| {
        matches!(slot, Slot::Busy(iteration)
            if matches!(iteration.stage, Stage::Collecting { .. } | Stage::AwaitingLane { .. }))
    };
    state.lane.current.is_some()
        || !state.lane.queue.is_empty()
        || !state.settling.is_empty()
        || state.slots.iter().any(has_ended)
}

/// Free workers wait under the plan in force: nothing has changed since they were left without a task.
pub(super) fn holds(state: &mut State) -> bool {
    let Some(hold) = state.planning.hold else { return false };
    let is_so = state.planning.active_number() == Some(hold.plan)
        && state.free_slots().count() == hold.free
        && state.planning.told_ends == hold.told_ends
        && !ending::is_idle(state);
    if !is_so {
        state.planning.hold = None;
    }
    is_so
}

/// The tasks that a ready list is asked for: those of the plan in force, unless it is set aside.
pub(super) fn ask_under(state: &mut State) -> Option<BTreeSet<TaskId>> {
    let planning = &mut state.planning;
    planning.asked_under = planning.active_number().map(|plan| (plan, planning.told_ends));
    planning.active().map(|plan| plan.tasks.clone())
}

/// Whether the queue is to be asked again: what was in force when it was asked is not any more, or none of its tasks is
/// ready, and it is set aside or lapses now.
pub(super) fn asks_again(state: &mut State, is_empty: bool) -> bool {
    let asked_under = state.planning.asked_under.take();
    let is_other = asked_under.map(|(plan, _)| plan) != state.planning.active_number();
    let finds_nothing = asked_under.filter(|_| is_empty && !is_other);
    if let Some(asked) = finds_nothing {
        find_nothing(state, asked);
    }
    let again = is_other || finds_nothing.is_some();
    if again {
        state.queue.stale = true;
        state.queue.nothing_ready = false;
        state.queue.idle_lists = 0;
    }
    again
}

/// None of the tasks of the plan in force was ready: it lapses, unless something is on its way to land that may make one so.
fn find_nothing(state: &mut State, asked: (u32, u64)) {
    let (plan, told_ends) = asked;
    if told_ends != state.planning.told_ends {
        // What has been told since may have made one ready.
        return;
    }
    if is_on_its_way(state) {
        state.planning.aside = Some((plan, told_ends));
    } else {
        state.planning.in_force = None;
    }
}

/// Nothing runs and nothing can be started: a plan in force is left aside. False if there is none.
pub(super) fn ignore(state: &mut State, out: &mut Vec<Effect>) -> bool {
    let Some(plan) = state.planning.in_force.take() else { return false };
    let text =
        format!("plan {} is ignored: nothing runs, and nothing that it names can be started", plan.number);
    notice(out, None, text);
    state.queue.stale = true;
    state.queue.nothing_ready = false;
    state.queue.held_back = None;
    true
}

/// Free workers that got no task, where a plan is in force that names no other.
pub(super) fn held(state: &State, free: usize) -> usize {
    if state.planning.active().is_some() { free } else { 0 }
}

/// So many workers wait now, and no tick has told so.
pub(super) fn is_news(state: &mut State, held: usize) -> bool {
    let Some(plan) = state.planning.active_number().filter(|_| held > 0) else { return false };
    state.planning.told_hold.replace((plan, held)) != Some((plan, held))
}

/// Leaves free workers without a task until a worker is freed or the tracker has been told of an end.
pub(super) fn hold(state: &mut State) {
    let (free, told_ends) = (state.free_slots().count(), state.planning.told_ends);
    state.planning.hold = state.planning.active_number().map(|plan| Hold { plan, free, told_ends });
}

/// Whose word tasks are picked under, and its number.
pub(super) fn picked_under(state: &State) -> (BatchSource, Option<u32>) {
    match state.planning.active() {
        Some(plan) => (plan.source, Some(plan.number)),
        None => (BatchSource::Skipped, state.planning.silent),
    }
}
