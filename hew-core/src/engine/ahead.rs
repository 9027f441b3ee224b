//! Worktrees of idle workers, made while others work, so that a graph that widens does not begin with checkouts.
//!
//! Invariants: a worktree is made ahead only for a task that is ready as soon as what runs now has landed; few at a time,
//! so that what runs keeps the machine; once a worker; never after a stop; the run's end waits for one in the making.

use std::collections::BTreeSet;

use super::dispatch;
use super::effect::Effect;
use super::event::Problem;
use super::progress::Slot;
use super::state::{Course, State};
use super::step::record;
use crate::ids::{TaskId, WorkerId};
use crate::record::JournalEvent;
use crate::settings::MergeMode;
use crate::tracker::{Leftover, LeftoverReason, ReadyQuery};

/// Worktrees that are made ahead at the same time.
const AT_ONCE: usize = 2;

/// Open tasks that are looked at for each worker: the most urgent are the next to run.
const LOOKED_AT: usize = 4;

/// What is known of a worker's worktree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Readiness {
    /// It was made, or its first task makes it.
    Made,
    /// It is being made ahead.
    BeingMade,
    /// It could not be made ahead; its first task tries again, and says why if that fails, too.
    Failed,
    /// There is none.
    Absent,
}

/// What is known of the near future.
#[derive(Debug, Clone)]
pub(crate) struct Ahead {
    /// One a worker.
    readiness: Vec<Readiness>,
    is_looking: bool,
    /// Workers that the next tasks are going to need, those that work included.
    wanted: usize,
}

impl Ahead {
    pub(crate) fn new(workers: usize) -> Self {
        Self { readiness: vec![Readiness::Absent; workers], is_looking: false, wanted: 0 }
    }

    /// How far a worker's worktree is.
    pub(crate) fn of(&self, worker: WorkerId) -> Readiness {
        self.readiness[usize::from(worker.0)]
    }

    /// A worker's next job makes its worktree, if that is not under way already.
    pub(crate) fn begins(&mut self, worker: WorkerId) {
        let readiness = &mut self.readiness[usize::from(worker.0)];
        if *readiness != Readiness::BeingMade {
            *readiness = Readiness::Made;
        }
    }

    /// A worktree is being made ahead.
    pub(crate) fn is_under_way(&self) -> bool {
        self.readiness.contains(&Readiness::BeingMade)
    }

    fn count(&self, wanted: impl Fn(Readiness) -> bool) -> usize {
        self.readiness.iter().filter(|readiness| wanted(**readiness)).count()
    }
}

/// Asks what comes next, if a worker is idle that has no worktree yet, and something runs that others may wait for.
pub(super) fn look(state: &mut State, out: &mut Vec<Effect>) {
    let lacks = |worker: WorkerId| state.ahead.of(worker) == Readiness::Absent;
    if state.config.merge == MergeMode::End {
        // Nothing becomes ready before the end.
        return;
    }
    if state.ahead.is_looking || !state.free_slots().any(lacks) || under_way(state).is_empty() {
        return;
    }
    state.ahead.is_looking = true;
    let limit = usize::from(state.config.jobs) * LOOKED_AT;
    let query = dispatch::ready_query(state, Some(limit));
    // What runs blocks others: it must not be left out of the answer.
    out.push(Effect::LookAhead(ReadyQuery { exclude: BTreeSet::new(), ..query }));
}

/// The most urgent open tasks, with what they wait for.
pub(super) fn looked(state: &mut State, open: Result<Vec<Leftover>, Problem>, out: &mut Vec<Effect>) {
    state.ahead.is_looking = false;
    // A tracker that does not answer is noticed by those who need it.
    let open = open.unwrap_or_default();
    let under_way = under_way(state);
    let next: Vec<&Vec<TaskId>> = open
        .iter()
        .filter_map(|task| match &task.why {
            LeftoverReason::BlockedBy(by) if by.iter().all(|on| under_way.contains(on)) => Some(by),
            _ => None,
        })
        .collect();
    let frees_its_worker = |task: &TaskId| next.iter().any(|by| by.contains(task));
    let stays = state.slots.iter().filter(|slot| task_of(slot).is_some_and(|task| !frees_its_worker(task)));
    let room = dispatch::budget(state).room(dispatch::reserved(state));
    state.ahead.wanted = stays.count() + next.len().min(room);
    make(state, out);
}

/// Tasks that are with a worker or on their way to the run branch.
fn under_way(state: &State) -> BTreeSet<TaskId> {
    let landing = state.lane.queue.iter().chain(state.lane.current.as_ref().map(|(landing, _)| landing));
    let landing = landing.map(|landing| &landing.task.id);
    state.slots.iter().filter_map(task_of).chain(landing).cloned().collect()
}

fn task_of(slot: &Slot) -> Option<&TaskId> {
    match slot {
        Slot::Free => None,
        Slot::Claiming { task, .. } => Some(&task.id),
        Slot::Busy(iteration) => Some(&iteration.task.id),
    }
}

/// Begins to make as many as are wanted and may be made at once.
fn make(state: &mut State, out: &mut Vec<Effect>) {
    if state.stop.is_some() || state.course != Course::Draining {
        return;
    }
    while state.ahead.count(|readiness| readiness == Readiness::BeingMade) < AT_ONCE
        && state.ahead.count(|readiness| readiness != Readiness::Absent) < state.ahead.wanted
    {
        let absent = |worker: &WorkerId| state.ahead.of(*worker) == Readiness::Absent;
        let Some(worker) = state.free_slots().find(absent) else { return };
        state.ahead.readiness[usize::from(worker.0)] = Readiness::BeingMade;
        out.push(Effect::MakeAhead { worker, base: state.lane.tip.clone() });
    }
}

/// A worktree was made ahead, or could not be.
pub(super) fn made(
    state: &mut State,
    worker: WorkerId,
    result: Result<String, Problem>,
    out: &mut Vec<Effect>,
) {
    let readiness = if result.is_ok() { Readiness::Made } else { Readiness::Failed };
    state.ahead.readiness[usize::from(worker.0)] = readiness;
    if let Ok(worktree) = result {
        record(out, JournalEvent::MadeAhead { worker, worktree });
    }
    make(state, out);
}

/// Free workers, those first that can begin at once.
pub(super) fn free_by_readiness(state: &State) -> Vec<WorkerId> {
    let mut free: Vec<WorkerId> = state.free_slots().collect();
    free.sort_by_key(|worker| state.ahead.of(*worker));
    free
}
