//! What a run knows while it goes: its course, the queue, what stopped it, what it found.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use super::ahead::Ahead;
use super::config::RunConfig;
use super::helping::Helping;
use super::pickup::Inherited;
use super::planning::Planning;
use super::progress::{Iteration, Landing, Lane, Settling, Slot, TaskProgress, TaskState};
use super::runtimes::Runtimes;
use crate::ids::{BranchName, CommitId, IterationId, TaskId, WorkerId};
use crate::land::close::CloseRequest;
use crate::plan::RuntimeHealth;
use crate::record::event::{DeliveryRecord, LeftoverRecord, StopReason};
use crate::schedule::spending::Spending;
use crate::tracker::Task;

/// What is known of the queue.
#[derive(Debug, Clone)]
pub(crate) struct QueueView {
    pub(crate) listing: Listing,
    /// What is ready may have changed since the last list was asked for.
    pub(crate) stale: bool,
    /// The last list had nothing to start.
    pub(crate) nothing_ready: bool,
    /// Lists in a row that were asked for while the run was idle, and had nothing to start.
    pub(crate) idle_lists: u32,
    /// Listed beyond the free slots, for claims that are lost.
    pub(crate) spare: VecDeque<Task>,
    /// Ready tasks whose runtime rests or is out.
    pub(crate) held_back: Option<HeldBack>,
    /// Such tasks stand before others in a list that is cut: all of it is asked for.
    pub(crate) whole: bool,
    /// The rest that an idle run waits for, once that was told.
    pub(crate) waiting_until: Option<Duration>,
    /// Lists that were not answered, since one was.
    pub(crate) unanswered: Option<UnansweredLists>,
}

/// Lists in a row that the tracker did not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UnansweredLists {
    /// When the first of them failed, later by the time in which the next was due and none was asked for.
    pub(crate) since: Duration,
    pub(crate) times: u32,
    /// Not asked again before.
    pub(crate) ask_at: Duration,
}

/// Why ready tasks can't be begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HeldBack {
    /// When the earliest rest ends; none where none of them waits for one.
    pub(crate) until: Option<Duration>,
    /// For people.
    pub(crate) why: String,
    /// One of them would get a model that its runtime does not have.
    pub(crate) lacks_model: bool,
}

/// Whether a ready list is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listing {
    No,
    /// Asked for while something ran.
    Busy,
    /// Asked for while nothing ran: all that this run did is in it.
    Idle,
}

/// Claims of one task that were not won.
#[derive(Debug, Clone)]
pub(crate) struct LostClaims {
    pub(crate) times: u32,
    pub(crate) why: String,
    /// It is left out of lists until the tracker changes.
    pub(crate) waits: bool,
    /// The tracker did not answer.
    pub(crate) unanswered: bool,
}

/// Whether running tasks are being read afresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    No,
    UnderWay,
    /// Something changed after the read was asked for.
    OnceMore,
}

/// One error, and the tasks in a row that met it.
#[derive(Debug, Clone, Default)]
pub(crate) struct ErrorStreak {
    error: String,
    tasks: BTreeSet<TaskId>,
}

impl ErrorStreak {
    /// Counts the tasks that met this error without another in between.
    pub(crate) fn count(&mut self, error: &str, task: &TaskId) -> usize {
        if self.error != error {
            *self = Self { error: error.to_owned(), tasks: BTreeSet::new() };
        }
        self.tasks.insert(task.clone());
        self.tasks.len()
    }

    /// Something went well.
    pub(crate) fn end(&mut self) {
        *self = Self::default();
    }
}

/// What the exit code and the end of the record rest on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Findings {
    pub(crate) leftovers: Vec<LeftoverRecord>,
    /// Something in scope failed, was parked or can't start.
    pub(crate) has_failures: bool,
    /// Something in scope could have been done, or waits for it.
    pub(crate) work_left: bool,
    /// The tracker or the repository needs a person's hand.
    pub(crate) needs_person: bool,
    pub(crate) remedies: Vec<String>,
    /// An agent moved the target: why nothing is delivered there before a person has looked.
    pub(crate) target_escaped: Option<String>,
}

/// Why nothing starts any more, and how far the stop has gone.
#[derive(Debug, Clone)]
pub(crate) struct Stop {
    /// For people.
    pub(crate) detail: String,
    pub(crate) reason: StopReason,
    pub(crate) signal: Option<i32>,
    pub(crate) level: StopLevel,
    /// Somebody asked for it, be it the first reason or not.
    pub(crate) by_person: bool,
    /// Agents are stopped at this moment, if they still run.
    pub(crate) agents_until: Option<Duration>,
    /// The run had ended by itself, and was only being wound up.
    pub(crate) is_late: bool,
    /// Iterations that wait for another try still get it: they were begun within the limit that stopped the run.
    pub(crate) keeps_retries: bool,
}

/// How far a stop has gone. It only rises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum StopLevel {
    /// What runs may end.
    Draining,
    /// Agents are being stopped.
    StoppingAgents,
    /// Agents are being killed.
    KillingAgents,
}

/// When a result is to be delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// The run waits for new tasks (`--watch`).
    Idle,
    /// It is over.
    End,
}

/// What is known of the tree at a tip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verified {
    pub(crate) tip: CommitId,
    pub(crate) verdict: Verdict,
}

/// What a verification means for the delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing speaks against it.
    Clear,
    /// It failed, or did not end in its time: for people.
    Red(String),
    /// It was wanted and could not be brought to its end: for people.
    Unproven(String),
}

/// Where the run as a whole is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Course {
    /// Before the first task: the queue is asked.
    Opening,
    /// The gate runs on the launch commit.
    Baseline,
    /// Tasks are dispatched and landed.
    Draining,
    /// All tests run on the result.
    Verifying(Moment),
    /// The tracker is told how they went.
    NotingVerify(Moment),
    /// Workers' branches are merged (`--merge end`).
    Merging,
    /// Idle in `--watch`, delivering what landed.
    DeliveringIdle,
    /// Refused closes are tried once more.
    Closing,
    /// What is left over is asked for.
    ListingLeftovers,
    /// The result goes to the target.
    Delivering,
    /// Worktrees are removed.
    CleaningUp,
    /// Over.
    Ended,
}

/// A run.
#[derive(Debug)]
pub struct State {
    pub(crate) config: RunConfig,
    pub(crate) course: Course,
    pub(crate) slots: Vec<Slot>,
    /// Number of the last iteration of each worker.
    pub(crate) iters: Vec<u32>,
    /// Iterations started.
    pub(crate) started: u64,
    pub(crate) lane: Lane,
    /// Green work on each worker's branch that waits for the end of the run, oldest first (`--merge end`).
    pub(crate) stacks: Vec<Vec<Landing>>,
    pub(crate) tasks: HashMap<TaskId, TaskProgress>,
    /// Touched and not settled by hew's own close: they count as open for their dependents.
    pub(crate) unsettled: BTreeSet<TaskId>,
    /// Never to be listed: held now, filed by this run, or unable to run here.
    pub(crate) excluded: BTreeSet<TaskId>,
    /// Tasks on workers' branches that were given up at the end of the run.
    pub(crate) given_up: BTreeMap<TaskId, BranchName>,
    /// Filed by this run.
    pub(crate) filed: BTreeSet<TaskId>,
    /// Tasks that can't run here, with why.
    pub(crate) unrunnable: BTreeMap<TaskId, (String, String)>,
    pub(crate) settling: BTreeMap<IterationId, Settling>,
    /// Landed, but not closed by the tracker.
    pub(crate) unclosed: Vec<(IterationId, Box<CloseRequest>)>,
    /// A close that was refused is worth another try.
    pub(crate) closes_due: bool,
    pub(crate) queue: QueueView,
    pub(crate) ahead: Ahead,
    /// What is next, in somebody's words.
    pub(crate) planning: Planning,
    /// What a model server is being asked.
    pub(crate) helping: Helping,
    /// Claims that were lost or not answered, by task.
    pub(crate) lost: BTreeMap<TaskId, LostClaims>,
    pub(crate) claim_failures: Vec<(TaskId, String)>,
    pub(crate) reading: Reading,
    pub(crate) spawn_errors: ErrorStreak,
    pub(crate) lane_errors: ErrorStreak,
    /// How the runtimes fare.
    pub(crate) runtimes: Runtimes,
    /// What was spent.
    pub(crate) spending: Spending,
    /// A budget was passed and that was told.
    pub(crate) told_passed: bool,
    pub(crate) stop: Option<Stop>,
    pub(crate) delivery: Option<DeliveryRecord>,
    pub(crate) delivered_tip: CommitId,
    /// The latest verification.
    pub(crate) verified: Option<Verified>,
    pub(crate) findings: Findings,
    /// The moment that was asked for last by `Effect::WakeAt`.
    pub(crate) wake_at: Option<Duration>,
    /// The launch commit's gate was red: nothing was started.
    pub(crate) baseline_red: bool,
    /// What a process that is gone left open.
    pub(crate) inherited: Inherited,
}

impl QueueView {
    fn new() -> Self {
        let spare = VecDeque::new();
        Self {
            listing: Listing::No,
            stale: true,
            nothing_ready: false,
            idle_lists: 0,
            spare,
            held_back: None,
            whole: false,
            waiting_until: None,
            unanswered: None,
        }
    }
}

impl State {
    /// A run that has not begun.
    pub fn new(config: RunConfig) -> Self {
        let workers = usize::from(config.jobs);
        let runtimes = Runtimes::new(config.settings.fallback_cooldown_iters.value);
        let spending = Spending::new(config.limits.spending);
        let launch = config.launch.clone();
        let lane = Lane {
            queue: VecDeque::new(),
            current: None,
            resolves: Vec::new(),
            tip: launch.clone(),
            landed: 0,
            came: 0,
        };
        Self {
            config,
            course: Course::Opening,
            slots: vec![Slot::Free; workers],
            iters: vec![0; workers],
            started: 0,
            lane,
            stacks: vec![Vec::new(); workers],
            tasks: HashMap::new(),
            unsettled: BTreeSet::new(),
            excluded: BTreeSet::new(),
            given_up: BTreeMap::new(),
            filed: BTreeSet::new(),
            unrunnable: BTreeMap::new(),
            settling: BTreeMap::new(),
            unclosed: Vec::new(),
            closes_due: false,
            queue: QueueView::new(),
            ahead: Ahead::new(workers),
            planning: Planning::default(),
            helping: Helping::default(),
            lost: BTreeMap::new(),
            claim_failures: Vec::new(),
            reading: Reading::No,
            spawn_errors: ErrorStreak::default(),
            lane_errors: ErrorStreak::default(),
            runtimes,
            spending,
            told_passed: false,
            stop: None,
            delivery: None,
            delivered_tip: launch,
            verified: None,
            findings: Findings::default(),
            wake_at: None,
            baseline_red: false,
            inherited: Inherited::default(),
        }
    }

    /// The commit that the run branch has to be at: the last landing.
    pub fn tip(&self) -> &CommitId {
        &self.lane.tip
    }

    /// Where the run branch may be when the run begins: at the tip, or where a process that is gone has moved it to.
    pub fn first_tips(&self) -> Vec<CommitId> {
        [self.lane.tip.clone()].into_iter().chain(self.inherited.landed()).collect()
    }

    /// Workers without an iteration.
    pub(crate) fn free_slots(&self) -> impl Iterator<Item = WorkerId> + '_ {
        let free = |(worker, slot): (usize, &Slot)| matches!(slot, Slot::Free).then(|| worker_id(worker));
        self.slots.iter().enumerate().filter_map(free)
    }

    /// The iteration that a worker is busy with, if it is this one.
    pub(crate) fn iteration_mut(&mut self, id: IterationId) -> Option<&mut Iteration> {
        match self.slots.get_mut(usize::from(id.worker.0)) {
            Some(Slot::Busy(iteration)) if iteration.id == id => Some(iteration),
            _ => None,
        }
    }

    /// How the runtimes fare, for a worker that may be the one to try a runtime again.
    pub(crate) fn runtime_health(&self, now: Duration, of: Option<WorkerId>) -> RuntimeHealth {
        let mut health = self.runtimes.health(now, of);
        for slot in &self.slots {
            if let Slot::Busy(iteration) = slot
                && let Some(name) = iteration.runtime()
            {
                *health.running.entry(name.clone()).or_default() += 1;
            }
        }
        health
    }

    /// Takes the iteration out of its slot, which is free then.
    pub(crate) fn take_iteration(&mut self, id: IterationId) -> Option<Box<Iteration>> {
        self.iteration_mut(id)?;
        self.spending.end(id, false);
        self.runtimes.give_up_probe(id.worker);
        match std::mem::replace(&mut self.slots[usize::from(id.worker.0)], Slot::Free) {
            Slot::Busy(iteration) => Some(iteration),
            Slot::Free | Slot::Claiming { .. } => None,
        }
    }

    /// Agents are to be stopped, or a person is waiting for the run to end.
    pub(crate) fn stop_level(&self) -> Option<StopLevel> {
        self.stop.as_ref().map(|stop| stop.level)
    }

    /// A signal has come: no new gate and no delivery.
    pub(crate) fn is_signalled(&self) -> bool {
        self.stop.as_ref().is_some_and(|stop| stop.signal.is_some())
    }

    /// Where a touched task stands.
    pub(crate) fn set_task(&mut self, task: &TaskId, to: TaskState) {
        match to {
            TaskState::Settled { .. } => {
                self.unsettled.remove(task);
                self.excluded.remove(task);
            }
            // What waits on a branch that is kept for a person is not begun again by this run.
            TaskState::Released if self.given_up.contains_key(task) => {}
            TaskState::Released => {
                self.excluded.remove(task);
            }
            TaskState::Held | TaskState::Unclosed | TaskState::Parked { .. } | TaskState::LeftAlone => {
                self.unsettled.insert(task.clone());
                self.excluded.insert(task.clone());
            }
        }
        if let Some(progress) = self.tasks.get_mut(task) {
            if !matches!(to, TaskState::Held | TaskState::Released) {
                progress.last_failure = None;
            }
            progress.state = to;
        }
    }
}

/// The worker of a slot.
pub(crate) fn worker_id(index: usize) -> WorkerId {
    WorkerId(u16::try_from(index).expect("a run has at most 16 workers"))
}
