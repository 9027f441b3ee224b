//! The fold of a journal that has no end: what a resumed run has to know.
//!
//! Invariants: `apply` never fails, whatever entries come; what an ended iteration leaves is its task's and its worker's, so
//! that the fold of a long run is small.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::batches::BatchesBefore;
use super::open::{GivenBack, OpenIteration};
use super::spent::SpentBefore;
use super::touched::{End, Stands, TaskBefore};
use crate::escape::Escape;
use crate::ids::{BranchName, CommitId, IterationId, RunId, TaskId, WorkerId};
use crate::record::event::{DeliveryRecord, StopReason, VerifyOutcome};
use crate::record::view::{RunHeader, iteration_of};
use crate::record::{JournalEntry, JournalEvent, RunView};
use crate::tracker::change::TaskChange;

/// A run that can't be gone on with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotResumable {
    /// Its journal has no first line: nothing had begun.
    #[error("it has written nothing: nothing of it had begun")]
    Empty,
    /// It is over.
    #[error("it ended: {} (exit code {exit_code})", reason.as_str())]
    Ended {
        /// Why it ended.
        reason: StopReason,
        /// The process's exit code.
        exit_code: u8,
    },
}

/// Landed, but the tracker would not close it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unclosed {
    /// The iteration that landed it.
    pub iteration: IterationId,
    /// The task.
    pub task: TaskId,
    /// What landed; none where nothing had to.
    pub landed: Option<CommitId>,
    /// The agent's own reason.
    pub reason: Option<String>,
}

/// A worker's worktree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeatBefore {
    /// Its folder.
    pub worktree: String,
    /// It holds what could not be made a commit: it is left as it is, for a person.
    pub is_left: bool,
}

/// A worker's branch that was given up at the end of the run (`--merge end`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenUpBefore {
    /// The worktree that it is checked out in.
    pub worktree: String,
    /// The last commit on it.
    pub work: CommitId,
    /// Its tasks.
    pub tasks: Vec<TaskId>,
    /// An agent had left in that worktree what could not be made a commit.
    pub was_left: bool,
}

/// What a verification showed that ran to its end.
#[derive(Debug, Clone, PartialEq)]
pub struct VerifiedBefore {
    /// The commit that it is about.
    pub sha: CommitId,
    /// What it showed.
    pub outcome: VerifyOutcome,
    /// Names of the first tests that failed.
    pub failed_tests: Vec<String>,
}

/// A run without an end, as its journal leaves it.
#[derive(Debug, Clone)]
pub struct Unfinished {
    /// What was frozen at launch.
    pub header: RunHeader,
    /// Where everything started.
    pub launch: CommitId,
    /// Where results land.
    pub run_branch: BranchName,
    /// Number of the journal's last line.
    pub last_seq: u64,
    /// How long it had lived, all its processes together: where the clock of the next one has to begin.
    pub lived: Duration,
    /// When the journal's last line was written.
    pub last_at: DateTime<Utc>,
    /// How often it was gone on with already.
    pub resumes: u32,
    /// Number of the last iteration of each worker.
    pub iters: BTreeMap<WorkerId, u32>,
    /// Iterations that began.
    pub started: u64,
    /// Iterations that had not ended.
    pub open: BTreeMap<IterationId, OpenIteration>,
    /// Every task that it touched.
    pub tasks: BTreeMap<TaskId, TaskBefore>,
    /// Landed, and not closed.
    pub unclosed: Vec<Unclosed>,
    /// Tasks that others' conflicts were about and that the tracker would not close.
    pub unclosed_others: BTreeSet<TaskId>,
    /// Filed by this run.
    pub filed: BTreeSet<TaskId>,
    /// Work that did not merge, of tasks that were parked for it: a worktree shows it to a person.
    pub conflicts: BTreeMap<TaskId, CommitId>,
    /// The workers' branches were being merged at the end of the run (`--merge end`): nothing was begun any more.
    pub is_merging: bool,
    /// A signal had asked its latest process to stop.
    is_signalled: bool,
    /// Branches of workers that did not land: they are kept for a person.
    pub given_up: BTreeMap<WorkerId, GivenUpBefore>,
    /// The last landing: what the run branch has to be at.
    pub tip: CommitId,
    /// Landings.
    pub landed: u64,
    /// Landings of workers' branches while more of the same worker's work waited: that may have landed with them.
    pub branch_landings: BTreeSet<(WorkerId, CommitId)>,
    /// What was spent.
    pub spent: SpentBefore,
    /// What was said to be next.
    pub batches: BatchesBefore,
    /// Worktrees of workers.
    pub seats: BTreeMap<WorkerId, SeatBefore>,
    /// The gate was green on the launch commit.
    pub is_baseline_green: bool,
    /// Why a gate that stayed red has stopped the run.
    pub guard: Option<String>,
    /// The latest verification that showed something.
    pub verified: Option<VerifiedBefore>,
    /// What was on its way to the target.
    pub delivering: Option<CommitId>,
    /// What came of the latest delivery.
    pub delivery: Option<DeliveryRecord>,
    /// What the target had, or was refused, last.
    pub delivered_tip: CommitId,
    /// What agents changed that is not theirs and was not put back, each with the iteration, if that is known.
    pub escapes: Vec<(Option<IterationId>, Escape)>,
}

impl Unfinished {
    /// The run.
    pub fn run(&self) -> &RunId {
        &self.header.run_id
    }

    fn of_first(entry: &JournalEntry) -> Option<Self> {
        let header = RunView::of([entry]).header?;
        let (launch, run_branch) = (header.launch_sha.clone()?, header.run_branch.clone()?);
        Some(Self {
            header,
            run_branch,
            last_seq: 0,
            lived: Duration::ZERO,
            last_at: entry.at,
            resumes: 0,
            iters: BTreeMap::new(),
            started: 0,
            open: BTreeMap::new(),
            tasks: BTreeMap::new(),
            unclosed: Vec::new(),
            unclosed_others: BTreeSet::new(),
            filed: BTreeSet::new(),
            conflicts: BTreeMap::new(),
            is_merging: false,
            is_signalled: false,
            given_up: BTreeMap::new(),
            tip: launch.clone(),
            landed: 0,
            branch_landings: BTreeSet::new(),
            spent: SpentBefore::default(),
            batches: BatchesBefore::default(),
            seats: BTreeMap::new(),
            is_baseline_green: false,
            guard: None,
            verified: None,
            delivering: None,
            delivery: None,
            delivered_tip: launch.clone(),
            escapes: Vec::new(),
            launch,
        })
    }

    fn apply(&mut self, entry: &JournalEntry) {
        self.last_seq = entry.seq;
        self.last_at = entry.at;
        self.lived = self.lived.max(Duration::from_millis(entry.elapsed_ms));
        let event = &entry.event;
        self.apply_run(event);
        self.apply_spent(event);
        self.batches.apply(event);
        if let Some(id) = iteration_of(event) {
            self.apply_iteration(id, event, entry.seq);
        }
    }

    fn apply_run(&mut self, event: &JournalEvent) {
        match event {
            JournalEvent::RunResumed { .. } => {
                self.resumes += 1;
                self.is_signalled = false;
            }
            JournalEvent::Baseline { gate } => {
                self.is_baseline_green = gate.is_green() && gate.tampered.is_none();
            }
            // Before anything began it is the launch commit's gate, which is run again.
            JournalEvent::StopRequested { reason: StopReason::GuardTrip, detail, .. } if self.started > 0 => {
                self.guard = Some(detail.clone());
            }
            // What it gives back is begun again.
            JournalEvent::StopRequested { reason: StopReason::Signal, .. } => {
                (self.is_signalled, self.is_merging) = (true, false);
            }
            JournalEvent::MadeAhead { worker, worktree } => self.seat(*worker, worktree),
            JournalEvent::Escaped { about, escapes, .. } => {
                if let Some(open) = about.and_then(|id| self.open.get_mut(&id)) {
                    open.escaped(escapes);
                }
                let left = escapes.iter().filter(|escape| !escape.put_back);
                self.escapes.extend(left.map(|escape| (*about, escape.clone())));
            }
            JournalEvent::Landed { sha, .. } => {
                self.tip = sha.clone();
                self.landed += 1;
            }
            JournalEvent::Verified { sha, outcome, failed_tests, .. } => {
                let (sha, outcome, failed_tests) = (sha.clone(), outcome.clone(), failed_tests.clone());
                let is_shown = !matches!(outcome, VerifyOutcome::Skipped { .. });
                self.verified = is_shown.then_some(VerifiedBefore { sha, outcome, failed_tests });
            }
            JournalEvent::Delivering { sha, .. } => self.delivering = Some(sha.clone()),
            JournalEvent::Delivery { outcome } => self.take_delivery(outcome),
            _ => {}
        }
    }

    fn take_delivery(&mut self, outcome: &DeliveryRecord) {
        self.delivering = None;
        match outcome {
            DeliveryRecord::Delivered { sha, .. } => self.tip = sha.clone(),
            DeliveryRecord::Refused { new_tip: Some(tip), .. } => self.tip = tip.clone(),
            DeliveryRecord::Refused { new_tip: None, .. } | DeliveryRecord::NotWanted { .. } => {}
        }
        if !matches!(outcome, DeliveryRecord::NotWanted { .. }) {
            self.delivered_tip = self.tip.clone();
        }
        self.delivery = Some(outcome.clone());
    }

    fn apply_spent(&mut self, event: &JournalEvent) {
        match event {
            JournalEvent::Used { iteration, usage, cost_usd, .. } => {
                self.spent.told(*iteration, usage, *cost_usd);
            }
            JournalEvent::Exited { iteration, usage, cost_usd, .. } => {
                self.spent.agent_ended(*iteration, usage, *cost_usd);
            }
            JournalEvent::IterationEnded { iteration, outcome, .. } => {
                self.spent.ended(*iteration, *outcome);
            }
            JournalEvent::BatchPlanned { planner_tokens: Some(usage), cost_usd, .. } => {
                self.spent.helper_ended(usage, *cost_usd);
            }
            JournalEvent::Helped { usage, cost_usd, .. } => self.spent.helper_ended(usage, *cost_usd),
            JournalEvent::BudgetPassed { .. } => self.spent.told_passed = true,
            _ => {}
        }
    }

    fn seat(&mut self, worker: WorkerId, worktree: &str) {
        self.seats.insert(worker, SeatBefore { worktree: worktree.to_owned(), is_left: false });
    }

    fn apply_iteration(&mut self, id: IterationId, event: &JournalEvent, seq: u64) {
        self.note_merging(id, event);
        match event {
            JournalEvent::IterationStarted { number, task, title, attempt, .. } => {
                let last = self.iters.entry(id.worker).or_default();
                *last = id.iter.max(*last);
                self.started = self.started.max(*number);
                self.open.extend(OpenIteration::begun(event).map(|open| (id, open)));
                let begun = || TaskBefore {
                    title: title.clone(),
                    attempts: 0,
                    stands: Stands::Held,
                    last_failure: None,
                };
                self.tasks.entry(task.clone()).or_insert_with(begun).begun(*attempt);
                return;
            }
            JournalEvent::Prepared { worktree, .. } => self.seat(id.worker, worktree),
            JournalEvent::Landed { sha, with, .. } => {
                let waits = |open: &OpenIteration| open.id.worker == id.worker && open.stacked.is_some();
                if self.open.values().any(waits) {
                    self.branch_landings.insert((id.worker, sha.clone()));
                }
                for other in with {
                    if let Some(open) = self.open.get_mut(other) {
                        open.landed = Some(sha.clone());
                    }
                }
            }
            JournalEvent::GivenUp { .. } => self.give_up(id.worker, event),
            JournalEvent::TaskChanged { task, change, .. } => self.change(id, task, change),
            JournalEvent::IterationEnded { .. } => return self.end(id, event),
            _ => {}
        }
        if let Some(open) = self.open.get_mut(&id) {
            open.apply(event, seq);
        }
    }

    fn change(&mut self, id: IterationId, task: &TaskId, change: &TaskChange) {
        let is_own = self.open.get(&id).is_some_and(|open| open.task == *task);
        match change {
            TaskChange::Filed { bug } => {
                self.filed.insert(bug.clone());
            }
            // Its iteration was over: a close that had been refused went through.
            TaskChange::Closed { landed_sha } if !is_own => {
                self.unclosed.retain(|unclosed| unclosed.task != *task);
                self.unclosed_others.remove(task);
                if let Some(before) = self.tasks.get_mut(task) {
                    before.stands = Stands::Settled { landed: landed_sha.clone() };
                }
            }
            TaskChange::CloseFailed { .. }
                if !is_own && self.unclosed.iter().all(|unclosed| unclosed.task != *task) =>
            {
                self.unclosed_others.insert(task.clone());
            }
            _ => {}
        }
    }

    /// What lands, or does not, after it waited on a worker's branch does so when nothing is begun any more.
    fn note_merging(&mut self, id: IterationId, event: &JournalEvent) {
        let is_stacked = self.open.get(&id).is_some_and(|open| open.stacked.is_some());
        match event {
            JournalEvent::IterationStarted { .. } => self.is_merging = false,
            JournalEvent::Candidate { .. }
            | JournalEvent::Conflicted { .. }
            | JournalEvent::Landed { .. }
            | JournalEvent::GivenUp { .. } => self.is_merging |= is_stacked && !self.is_signalled,
            _ => {}
        }
    }

    fn give_up(&mut self, worker: WorkerId, event: &JournalEvent) {
        let JournalEvent::GivenUp { sha, parts, outcome, is_first_taken, is_kept, bug, .. } = event else {
            return;
        };
        let mut worktree = None;
        for (at, part) in parts.iter().enumerate() {
            let Some(open) = self.open.get_mut(&part.iteration) else { continue };
            open.given_back = Some(GivenBack {
                outcome: *outcome,
                reason: part.reason.clone(),
                is_taken: *is_first_taken && at == 0,
                bug: bug.clone().filter(|_| at + 1 == parts.len()),
            });
            worktree = open.worktree.clone().or(worktree);
        }
        let Some(worktree) = worktree.filter(|_| *is_kept) else { return };
        let seat = self.seats.get_mut(&worker);
        // A worker goes on in another folder only where it left the first as it was.
        let was_left = seat.as_ref().is_some_and(|seat| seat.is_left || seat.worktree != worktree);
        if let Some(seat) = seat {
            seat.is_left = true;
        }
        let tasks = parts.iter().map(|part| part.task.clone()).collect();
        self.given_up.insert(worker, GivenUpBefore { worktree, work: sha.clone(), tasks, was_left });
    }

    fn end(&mut self, id: IterationId, event: &JournalEvent) {
        let JournalEvent::IterationEnded { task, outcome, reason, landed_sha, spares_attempt, .. } = event
        else {
            return;
        };
        let Some(open) = self.open.remove(&id) else { return };
        if open.has_begun && open.collected.is_none() {
            // Its work could not be made a commit.
            if let Some(seat) = self.seats.get_mut(&id.worker) {
                seat.is_left = true;
            }
        }
        let Some(before) = self.tasks.get_mut(task) else { return };
        let end = End {
            outcome: *outcome,
            reason: reason.as_deref(),
            landed: landed_sha.as_ref(),
            spares_attempt: *spares_attempt,
        };
        before.ended(&open, &end);
        match &before.stands {
            Stands::Unclosed => self.unclosed.push(Unclosed {
                iteration: id,
                task: task.clone(),
                landed: landed_sha.clone(),
                reason: reason.clone(),
            }),
            Stands::Parked { conflict: true } => {
                self.conflicts.extend(open.conflict.map(|merge| (task.clone(), merge.work)));
            }
            _ => {}
        }
    }
}

/// Takes a journal in, one entry after the other.
#[derive(Debug, Clone, Default)]
pub struct UnfinishedFold {
    run: Option<Box<Unfinished>>,
    end: Option<NotResumable>,
}

impl UnfinishedFold {
    /// Takes in the next entry.
    pub fn apply(&mut self, entry: &JournalEntry) {
        if self.run.is_none() {
            self.run = Unfinished::of_first(entry).map(Box::new);
        }
        if let JournalEvent::RunEnded { stop_reason, exit_code, .. } = &entry.event {
            self.end = Some(NotResumable::Ended { reason: *stop_reason, exit_code: *exit_code });
        }
        if let Some(run) = &mut self.run {
            run.apply(entry);
        }
    }

    /// The run as its journal leaves it, unless it ended or never began.
    pub fn finish(self) -> Result<Box<Unfinished>, NotResumable> {
        match (self.end, self.run) {
            (Some(end), _) => Err(end),
            (None, Some(run)) => Ok(run),
            (None, None) => Err(NotResumable::Empty),
        }
    }
}
