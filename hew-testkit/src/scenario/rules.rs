//! What holds after every step of every run, whatever happens to it.
//!
//! A task is held by one iteration; nothing that waits is started before its prerequisite is settled by hew's own close;
//! nothing starts after a stop; no worker has two jobs; the lane has one result, and moves the run branch only from where
//! it is; nothing is delivered against a verification; what is spent stays below the limit, its grace and one report of each agent; iterations begin once, end once and last; in the end every claim is closed, given back or left to its taker.

use std::collections::{BTreeMap, BTreeSet};

use hew_core::engine::{BranchPart, Effect, Event, LaneJob, RunConfig, VerifyPlan, WorkerJob};
use hew_core::ids::{CommitId, IterationId, TaskId, WorkerId};
use hew_core::record::event::{BatchSource, GivenBackRecord, VerifyOutcome};
use hew_core::record::{JournalEvent, StopReason};
use hew_core::schedule::spending::SpendingLimits;
use hew_core::settings::OnRed;
use hew_core::tracker::change::TaskChange;
use hew_core::tracker::{BdClient, DependencyKind, Status, TaskEditor, TaskFilter};

use super::TrackerFaults;
use super::commits::Commits;
use crate::fake_tracker::FakeTracker;

/// Where the lane is with a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LaneStep {
    Idle,
    Merging,
    Merged,
    Gating,
    Gated,
    Advancing,
}

/// What is known of a run in order to judge the next effect.
pub(crate) struct Rules {
    jobs: u16,
    max_iter: Option<u64>,
    spending: SpendingLimits,
    /// Tokens of agents that have ended, those of running ones, and the largest report.
    spent: u64,
    live: BTreeMap<IterationId, u64>,
    largest: u64,
    prerequisites: BTreeMap<TaskId, BTreeSet<TaskId>>,
    /// Closed before the run, or by hew's own close.
    settled: BTreeSet<TaskId>,
    /// Closed by a person while the run goes on: settled too, but for tasks that the run has touched.
    closed_by_person: BTreeSet<TaskId>,
    touched: BTreeSet<TaskId>,
    landed: BTreeSet<IterationId>,
    claiming: BTreeMap<TaskId, IterationId>,
    open: BTreeMap<IterationId, TaskId>,
    ended: BTreeSet<IterationId>,
    started: u64,
    working: BTreeMap<WorkerId, IterationId>,
    queued: BTreeSet<IterationId>,
    /// Iterations whose agent may have done something that is not collected yet.
    uncollected: BTreeSet<IterationId>,
    /// Workers whose worktree was made ahead, or is being made.
    ahead: BTreeMap<WorkerId, bool>,
    lane: LaneStep,
    /// Where iterations began, and green work on workers' branches.
    bases: BTreeMap<IterationId, CommitId>,
    stacked: BTreeMap<IterationId, CommitId>,
    /// Green work that does not land.
    given_up: BTreeSet<IterationId>,
    /// The worker whose branch was merged last.
    merged_last: Option<WorkerId>,
    launch: CommitId,
    verify: Option<VerifyPlan>,
    /// Tips that all tests ran on, in order; and what the latest verification showed of which tip.
    tested: BTreeSet<CommitId>,
    verified: Option<(CommitId, VerifyOutcome)>,
    stopped: Option<StopReason>,
    /// The planner runs.
    is_planning: bool,
    /// Plans, and tasks that are picked under the newest one.
    plans: BTreeMap<u32, BTreeSet<TaskId>>,
    over: bool,
}

type Verdict = Result<(), String>;

fn ensure(holds: bool, broken: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(format!("broken: {}", broken())) }
}

impl Rules {
    pub(crate) fn new(config: &RunConfig, tracker: &FakeTracker) -> Self {
        let all = TaskFilter { all: true, ..TaskFilter::default() };
        let tasks = tracker.list(&all).expect("a fake answers");
        let blocks = |kind: &DependencyKind| *kind == DependencyKind::Blocks;
        let prerequisites = tasks.iter().map(|task| {
            let on = task.dependencies.iter().filter(|edge| blocks(&edge.kind)).map(|edge| edge.on.clone());
            (task.id.clone(), on.collect())
        });
        let closed = tasks.iter().filter(|task| task.status == Status::Closed).map(|task| task.id.clone());
        Self {
            jobs: config.jobs,
            max_iter: config.limits.max_iter,
            spending: config.limits.spending,
            spent: 0,
            live: BTreeMap::new(),
            largest: 0,
            prerequisites: prerequisites.collect(),
            settled: closed.collect(),
            closed_by_person: BTreeSet::new(),
            touched: BTreeSet::new(),
            landed: BTreeSet::new(),
            claiming: BTreeMap::new(),
            open: BTreeMap::new(),
            ended: BTreeSet::new(),
            started: 0,
            working: BTreeMap::new(),
            queued: BTreeSet::new(),
            uncollected: BTreeSet::new(),
            ahead: BTreeMap::new(),
            lane: LaneStep::Idle,
            bases: BTreeMap::new(),
            stacked: BTreeMap::new(),
            given_up: BTreeSet::new(),
            merged_last: None,
            launch: config.launch.clone(),
            verify: config.verify,
            tested: BTreeSet::new(),
            verified: None,
            stopped: None,
            is_planning: false,
            plans: BTreeMap::new(),
            over: false,
        }
    }

    /// Takes note of an answer.
    pub(crate) fn before(&mut self, event: &Event) {
        if let Event::Collected { iteration, .. } = event {
            self.uncollected.remove(iteration);
        }
        match event {
            Event::Prepared { iteration, .. }
            | Event::Proved { iteration, .. }
            | Event::Planned { iteration, .. }
            | Event::Exited { iteration, .. }
            | Event::Collected { iteration, .. } => drop(self.working.remove(&iteration.worker)),
            Event::Claimed { iteration, .. } => self.claiming.retain(|_, claimer| claimer != iteration),
            Event::MadeAhead { worker, .. } => drop(self.ahead.insert(*worker, true)),
            Event::PlannerEnded { .. } => self.is_planning = false,
            Event::Merged(_) => self.lane = LaneStep::Merged,
            Event::Gated(_) => self.lane = LaneStep::Gated,
            Event::Advanced(_) => self.lane = LaneStep::Idle,
            _ => {}
        }
    }

    /// Judges the next effect.
    pub(crate) fn check(&mut self, effect: &Effect, commits: &Commits) -> Verdict {
        ensure(!self.over, || format!("{effect:?} after the end"))?;
        match effect {
            Effect::Record(event) => self.check_record(event),
            Effect::ListReady(_) => ensure(self.stopped.is_none(), || "a list after a stop".to_owned()),
            Effect::Claim { iteration, task, .. } => self.check_claim(*iteration, task),
            Effect::Work { iteration, job } => self.check_work(*iteration, job),
            Effect::MakeAhead { worker, base } => self.check_ahead(*worker, base, commits),
            Effect::Lane(job) => self.check_lane(job, commits),
            Effect::Settle { iteration, .. } => {
                self.queued.remove(iteration);
                let is_collected = !self.uncollected.contains(iteration);
                ensure(is_collected, || format!("{iteration} ends before its work is collected"))
            }
            Effect::DraftPlanner(_) | Effect::RunPlanner { .. } => {
                ensure(self.stopped.is_none(), || "the planner is asked after a stop".to_owned())?;
                ensure(self.jobs > 1, || "a run of one worker plans".to_owned())?;
                let is_second =
                    std::mem::replace(&mut self.is_planning, matches!(effect, Effect::RunPlanner { .. }));
                ensure(!is_second, || "the planner is asked twice at once".to_owned())
            }
            Effect::Finish(_) => {
                self.over = true;
                ensure(self.open.is_empty(), || format!("iterations never ended: {:?}", self.open))
            }
            _ => Ok(()),
        }
    }

    fn check_claim(&mut self, id: IterationId, task: &TaskId) -> Verdict {
        ensure(self.stopped.is_none(), || format!("a claim of {task} after a stop"))?;
        ensure(id.worker.0 < self.jobs, || format!("worker {} does not exist", id.worker))?;
        ensure(!self.open.values().any(|held| held == task), || {
            format!("{task} is claimed while it is held")
        })?;
        ensure(!self.claiming.contains_key(task), || format!("{task} is claimed twice"))?;
        let taken = self.claiming.values().any(|claimer| claimer.worker == id.worker);
        ensure(!taken, || format!("{} claims two tasks", id.worker))?;
        self.claiming.insert(task.clone(), id);
        let reserved = self.started + self.claiming.len() as u64;
        ensure(self.max_iter.is_none_or(|max| reserved <= max), || format!("{reserved} iterations"))
    }

    fn check_work(&mut self, id: IterationId, job: &WorkerJob) -> Verdict {
        ensure(self.open.contains_key(&id), || format!("work for {id}, which is not open"))?;
        let fresh = matches!(job, WorkerJob::Prepare { .. });
        ensure(!fresh || self.stopped.is_none(), || format!("{id} begins after a stop"))?;
        let spawns = matches!(job, WorkerJob::Run { .. });
        let signalled = self.stopped == Some(StopReason::Signal);
        ensure(!spawns || !signalled, || format!("{id} spawns an agent after a signal"))?;
        let is_spent = matches!(self.stopped, Some(StopReason::BudgetTokens | StopReason::BudgetUsd));
        ensure(!spawns || !is_spent, || format!("{id} spawns an agent after the budget is used up"))?;
        if spawns {
            self.uncollected.insert(id);
        }
        let busy = self.working.insert(id.worker, id);
        ensure(busy.is_none(), || format!("{} has two jobs", id.worker))
    }

    fn check_ahead(&mut self, worker: WorkerId, base: &CommitId, commits: &Commits) -> Verdict {
        ensure(self.stopped.is_none(), || format!("a worktree for {worker} is made ahead after a stop"))?;
        ensure(worker.0 < self.jobs, || format!("worker {worker} does not exist"))?;
        ensure(!self.working.contains_key(&worker), || format!("{worker} works"))?;
        let began = self.open.keys().chain(&self.ended).any(|id| id.worker == worker);
        ensure(!began, || format!("{worker} has a worktree"))?;
        let landed = commits.contains(&commits.branch, base);
        ensure(landed, || format!("made ahead at {base}, which is not on the run branch"))?;
        let before = self.ahead.insert(worker, false);
        ensure(before.is_none(), || format!("a worktree for {worker} is made ahead twice"))
    }

    fn check_lane(&mut self, job: &LaneJob, commits: &Commits) -> Verdict {
        let (wanted, next): (&[LaneStep], _) = match job {
            LaneJob::Merge { iteration, tip, .. } => {
                ensure(*tip == commits.branch, || format!("a merge into {tip}, not into the tip"))?;
                ensure(self.queued.remove(iteration), || format!("{iteration} did not wait for the lane"))?;
                (&[LaneStep::Idle, LaneStep::Merged, LaneStep::Gated], LaneStep::Merging)
            }
            LaneJob::MergeBranch { parts, tip, work, .. } => {
                ensure(*tip == commits.branch, || format!("a merge into {tip}, not into the tip"))?;
                self.check_branch(parts, work)?;
                (&[LaneStep::Idle, LaneStep::Merged, LaneStep::Gated], LaneStep::Merging)
            }
            LaneJob::Gate { .. } => {
                let signalled = self.stopped == Some(StopReason::Signal);
                ensure(!signalled, || "a new gate after a signal".to_owned())?;
                (&[LaneStep::Merged, LaneStep::Gated], LaneStep::Gating)
            }
            LaneJob::Advance { from, .. } => {
                ensure(*from == commits.branch, || format!("an advance from {from}, not from the tip"))?;
                (&[LaneStep::Merged, LaneStep::Gated], LaneStep::Advancing)
            }
            LaneJob::Verify { commit } => {
                ensure(*commit == commits.branch, || format!("{commit} is verified, not the tip"))?;
                ensure(self.tested.insert(commit.clone()), || format!("{commit} is verified twice"))?;
                let signalled = self.stopped == Some(StopReason::Signal);
                ensure(!signalled, || "a verification after a signal".to_owned())?;
                (&[LaneStep::Idle, LaneStep::Merged, LaneStep::Gated], LaneStep::Idle)
            }
            LaneJob::Deliver { tip } => {
                ensure(*tip == commits.branch, || format!("{tip} is delivered, not the tip"))?;
                self.check_verified(tip)?;
                let signalled = self.stopped == Some(StopReason::Signal);
                ensure(!signalled, || "a delivery after a signal".to_owned())?;
                (&[LaneStep::Idle, LaneStep::Merged, LaneStep::Gated], LaneStep::Idle)
            }
            LaneJob::CleanUp => {
                let is_whole = self.ahead.values().all(|made| *made);
                return ensure(is_whole, || "clean-up while a worktree is being made".to_owned());
            }
            LaneJob::Baseline { .. } | LaneJob::KeepConflict { .. } | LaneJob::KeepBranch { .. } => {
                return Ok(());
            }
        };
        ensure(wanted.contains(&self.lane), || format!("{job:?} while the lane is {:?}", self.lane))?;
        self.lane = next;
        Ok(())
    }

    /// A worker's branch is merged when nothing runs any more, in the workers' order, and holds what was done on it.
    fn check_branch(&mut self, parts: &[BranchPart], work: &CommitId) -> Verdict {
        ensure(self.working.is_empty() && self.claiming.is_empty(), || "a merge before the end".to_owned())?;
        ensure(self.stopped != Some(StopReason::Signal), || "a merge after a signal".to_owned())?;
        let worker = parts.first().map(|part| part.iteration.worker);
        ensure(worker >= self.merged_last, || format!("{worker:?} is merged after {:?}", self.merged_last))?;
        self.merged_last = worker;
        for part in parts {
            let (id, is_open) = (part.iteration, self.open.contains_key(&part.iteration));
            ensure(is_open && self.stacked.contains_key(&id), || {
                format!("{id} is merged, and was not green")
            })?;
            ensure(!self.given_up.contains(&id), || format!("{id} is merged after it was given up"))?;
        }
        let holds = parts.iter().any(|part| self.stacked.get(&part.iteration) == Some(work));
        ensure(holds, || format!("{work} is merged, and is no work of its branch"))
    }

    /// Work on a worker's branch stands on what was done there before.
    fn stacks(&mut self, id: IterationId, from: &CommitId, sha: &CommitId) -> Verdict {
        let base = self.bases.get(&id);
        ensure(base == Some(from), || format!("{id} stands on {from}, and began at {base:?}"))?;
        let below = self.stacked.iter().rev().find(|(below, _)| below.worker == id.worker);
        let below = below.map_or(&self.launch, |(_, sha)| sha);
        ensure(from == below, || format!("{id} stands on {from}, its branch is at {below}"))?;
        self.stacked.insert(id, sha.clone());
        Ok(())
    }

    /// What is given up waited on the branch, and none of it is given back yet.
    fn gives_up(&mut self, parts: &[GivenBackRecord]) -> Verdict {
        for GivenBackRecord { iteration: id, task, .. } in parts {
            let waits = self.open.get(id) == Some(task) && self.stacked.contains_key(id);
            ensure(waits, || format!("{id} of {task} is given up, and did not wait on its branch"))?;
            ensure(self.given_up.insert(*id), || format!("{id} is given up twice"))?;
        }
        Ok(())
    }

    /// What is delivered was verified where that was wanted, and is not red where that holds it.
    fn check_verified(&self, tip: &CommitId) -> Verdict {
        let Some(plan) = self.verify else { return Ok(()) };
        let seen = self.verified.as_ref().filter(|(verified, _)| verified == tip);
        let Some((_, outcome)) = seen else { return ensure(false, || format!("{tip} is not verified")) };
        let is_red = outcome.why_red(&[]).is_some();
        ensure(!is_red || plan.on_red == OnRed::Deliver, || format!("{tip} is red, and is delivered"))
    }

    fn check_record(&mut self, event: &JournalEvent) -> Verdict {
        match event {
            JournalEvent::IterationStarted { iteration, task, batch, base_sha, .. } => {
                self.bases.insert(*iteration, base_sha.clone());
                let plan = batch.and_then(|number| self.plans.get(&number));
                let is_named = plan.is_none_or(|plan| plan.contains(task));
                ensure(is_named, || {
                    format!("{task} is picked under plan {batch:?}, which does not name it")
                })?;
                self.begins(*iteration, task)
            }
            JournalEvent::BatchPlanned { number, source, task_ids, planner_tokens, .. } => {
                let tokens = planner_tokens.map_or(0, |usage| usage.total());
                self.spent += tokens;
                self.largest = self.largest.max(tokens);
                if *source != BatchSource::Skipped {
                    let is_new = self.plans.insert(*number, task_ids.iter().cloned().collect()).is_none();
                    ensure(is_new, || format!("plan {number} comes twice"))?;
                }
                self.check_spent()
            }
            JournalEvent::Used { iteration, usage, .. } => {
                let before = self.live.insert(*iteration, usage.total()).unwrap_or(0);
                self.largest = self.largest.max(usage.total().saturating_sub(before));
                self.check_spent()
            }
            JournalEvent::Exited { iteration, usage, .. } => {
                let before = self.live.remove(iteration).unwrap_or(0);
                self.largest = self.largest.max(usage.total().saturating_sub(before));
                self.spent += usage.total().max(before);
                self.check_spent()?;
                self.is_open(*iteration, event)
            }
            JournalEvent::Prepared { iteration, .. }
            | JournalEvent::Plan { iteration, .. }
            | JournalEvent::Spawned { iteration, .. }
            | JournalEvent::RetryPlanned { iteration, .. }
            | JournalEvent::RuntimeChanged { iteration, .. }
            | JournalEvent::Collected { iteration, .. }
            | JournalEvent::Proving { iteration, .. }
            | JournalEvent::Candidate { iteration, .. }
            | JournalEvent::Conflicted { iteration, .. }
            | JournalEvent::Gated { iteration, .. } => self.is_open(*iteration, event),
            JournalEvent::Landed { iteration, with, .. } => {
                self.landed.extend(with.iter().chain([iteration]));
                self.is_open(*iteration, event)
            }
            JournalEvent::Stacked { iteration, from, sha, .. } => {
                self.is_open(*iteration, event)?;
                self.stacks(*iteration, from, sha)
            }
            JournalEvent::GivenUp { parts, .. } => self.gives_up(parts),
            JournalEvent::Queued { iteration } => {
                self.queued.insert(*iteration);
                let (waiting, room) = (self.queued.len(), usize::from(self.jobs) * 2);
                ensure(waiting <= room, || format!("{waiting} results wait for the lane"))?;
                self.is_open(*iteration, event)
            }
            JournalEvent::TaskChanged { iteration, task, change } => {
                self.check_change(*iteration, task, change, event)
            }
            JournalEvent::IterationEnded { iteration, .. } => self.ends(*iteration),
            JournalEvent::Verified { sha, outcome, .. } => {
                self.verified = Some((sha.clone(), outcome.clone()));
                Ok(())
            }
            JournalEvent::StopRequested { reason, .. } => {
                self.stopped = Some(*reason);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn check_spent(&self) -> Verdict {
        let Some(limit) = self.spending.tokens else { return Ok(()) };
        let spent = self.spent + self.live.values().sum::<u64>();
        // The planner is one more that may report at its end.
        let reporting = u64::from(self.jobs) + u64::from(self.jobs > 1);
        let most = limit + limit * u64::from(self.spending.grace) / 100 + reporting * self.largest;
        ensure(spent <= most, || format!("{spent} tokens are used, of {limit}"))
    }

    fn check_change(
        &mut self,
        id: IterationId,
        task: &TaskId,
        change: &TaskChange,
        event: &JournalEvent,
    ) -> Verdict {
        match change {
            TaskChange::Closed { landed_sha } => {
                self.settled.insert(task.clone());
                let is_proven = landed_sha.is_none() || self.landed.contains(&id);
                ensure(is_proven, || format!("{task} is closed before it landed"))
            }
            // A refused close is tried again when its iteration is over.
            TaskChange::CloseFailed { .. } | TaskChange::Released => Ok(()),
            _ => self.is_open(id, event),
        }
    }

    fn begins(&mut self, id: IterationId, task: &TaskId) -> Verdict {
        self.started += 1;
        let held = self.open.values().any(|held| held == task);
        ensure(!held, || format!("{task} is held by two iterations"))?;
        self.touched.insert(task.clone());
        let mut prerequisites = self.prerequisites.get(task).into_iter().flatten();
        let open = prerequisites.find(|on| !self.is_settled(on));
        ensure(open.is_none(), || format!("{task} begins before {open:?} is settled"))?;
        ensure(!self.ended.contains(&id), || format!("{id} begins again"))?;
        ensure(self.open.insert(id, task.clone()).is_none(), || format!("{id} begins twice"))?;
        ensure(self.max_iter.is_none_or(|max| self.started <= max), || format!("{} iterations", self.started))
    }

    fn is_settled(&self, task: &TaskId) -> bool {
        let by_person = self.closed_by_person.contains(task) && !self.touched.contains(task);
        by_person || self.settled.contains(task)
    }

    /// Takes note of a close by a person.
    pub(crate) fn closed_by_person(&mut self, task: &TaskId) {
        self.closed_by_person.insert(task.clone());
    }

    fn is_open(&self, id: IterationId, event: &JournalEvent) -> Verdict {
        ensure(self.open.contains_key(&id), || format!("{event:?} while {id} is not open"))
    }

    fn ends(&mut self, id: IterationId) -> Verdict {
        ensure(self.open.remove(&id).is_some(), || format!("{id} ends, but is not open"))?;
        self.ended.insert(id);
        Ok(())
    }

    /// No claim of the run is left, but where the tracker would not take it back.
    pub(crate) fn at_end(tracker: &FakeTracker, faults: &TrackerFaults) -> Verdict {
        let mut left = tracker.held_by("hew/").expect("a fake answers");
        left.retain(|task| !faults.unanswered_releases.contains(task));
        left.retain(|task| !faults.refused_closes.contains_key(task));
        ensure(left.is_empty(), || format!("still claimed at the end: {left:?}"))
    }
}
