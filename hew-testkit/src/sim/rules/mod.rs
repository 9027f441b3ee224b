//! What holds in every run, judged from outside: by git's refs and commits, by the tracker and what was done to it, by the
//! agents that ran, the clock, the money, and the journal as it is on disk. The engine's state is never looked at.
//!
//! | file | promise |
//! | --- | --- |
//! | `losing` | nothing is lost |
//! | `landing`, `branches` | done means landed and proven |
//! | `tasks` | who may be claimed, closed, parked |
//! | `limits` | limits hold |
//! | `order` | the journal's own order, and explanations |
//! | `liveness` | the run goes on, and ends |
//! | `ending` | exit code, reason, leftovers agree with the world |

mod branches;
mod ending;
mod landing;
mod limits;
mod liveness;
mod losing;
mod order;
mod readiness;
mod tasks;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use hew_core::ids::{BranchName, CommitId, IterationId, RefName, TaskId, TreeId, WorkerId};
use hew_core::record::event::{IterationOutcome, StopReason};
use hew_core::record::{JournalEntry, JournalEvent};
use hew_core::tracker::{Status, TaskEditor, TaskFilter};

use super::case::Plot;
use super::script::Script;
use super::world::Broken;
use crate::fake_git::FakeGit;
use crate::fake_tracker::FakeTracker;

pub(super) type Verdict = Result<(), Broken>;

/// Says which rule is broken, and how; the rule's name comes first.
pub(super) fn ensure(holds: bool, broken: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(broken()) }
}

/// What can be seen from outside.
pub(super) struct Evidence<'a> {
    pub(super) plot: &'a Plot,
    pub(super) now: Duration,
    pub(super) repo: &'a FakeGit,
    pub(super) tracker: &'a FakeTracker,
    pub(super) journal: &'a [JournalEntry],
    /// Nothing is asked of the tracker, told to it, or waits for the engine.
    pub(super) is_quiet: bool,
    /// Workers that do something.
    pub(super) busy: usize,
    /// Agents that run.
    pub(super) agents: usize,
    pub(super) exit: Option<u8>,
}

/// An iteration, as the journal and the world show it.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Iter {
    task: TaskId,
    /// Its worker is free: it waits for the lane, or is over.
    has_left: bool,
    /// What its agent was going to do.
    script: Option<Script>,
    /// Its agent came to its own end, or its time was up.
    ran_out: bool,
    work: Option<CommitId>,
    /// Green on its worker's branch, and whether it changes anything there (`--merge end`).
    stacked: Option<bool>,
    /// Somebody else had its task when its work was about to be merged.
    was_taken: bool,
    /// How it ended, once it is over.
    outcome: Option<IterationOutcome>,
    is_over: bool,
}

/// What is known of a case in order to judge what comes.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Rules {
    run_branch: RefName,
    target: Option<RefName>,
    // Git.
    tip: CommitId,
    landings: Vec<(CommitId, Option<TaskId>)>,
    /// How many there were when an iteration's claim was won.
    landed_at_claim: BTreeMap<IterationId, usize>,
    precious: BTreeSet<CommitId>,
    made_by: Vec<(IterationId, CommitId)>,
    uncommitted: Vec<Uncommitted>,
    is_meddled: bool,
    /// The engine knows that somebody had moved the run branch, and nobody was told.
    owes_escape: bool,
    proven: BTreeSet<TreeId>,
    verified: BTreeMap<CommitId, Option<bool>>,
    // Tasks.
    settled: BTreeSet<TaskId>,
    /// Settled when the queue was listed last, or the time before: a list may be old.
    listed: [BTreeSet<TaskId>; 2],
    touched: BTreeSet<TaskId>,
    agent_closed: BTreeSet<TaskId>,
    by_people: BTreeSet<TaskId>,
    parked: BTreeSet<TaskId>,
    filed: BTreeSet<TaskId>,
    closed: BTreeSet<TaskId>,
    /// Closes that the tracker would not make.
    refused: BTreeSet<TaskId>,
    noted: BTreeMap<TaskId, Vec<String>>,
    faults: BTreeMap<TaskId, u32>,
    begun: BTreeMap<TaskId, u32>,
    // Iterations.
    iters: BTreeMap<IterationId, Iter>,
    /// Iterations that a loss of power may have taken from the journal.
    remembered: BTreeMap<IterationId, Iter>,
    claiming: BTreeMap<IterationId, TaskId>,
    agents: BTreeMap<IterationId, AgentSeen>,
    merging: Vec<IterationId>,
    /// The worker whose branch came to the lane last (`--merge end`).
    merging_branch: Option<WorkerId>,
    /// Branches that did not land, each with its work.
    kept_branches: BTreeMap<BranchName, CommitId>,
    /// Iterations of processes that are gone: no agent is begun for them.
    inherited: BTreeSet<IterationId>,
    /// Agents begun for an iteration by this process.
    tries: BTreeMap<IterationId, u32>,
    /// Number of the last retry of each iteration.
    retried: BTreeMap<IterationId, u32>,
    collected: Vec<IterationId>,
    // Limits.
    spent: u64,
    /// Of these, what helpers used.
    helped: u64,
    /// Of that, what was known when hew last chose what begins.
    helped_at_tick: u64,
    /// Answers of a model server that the engine was told since the last records.
    answers_heard: usize,
    /// Answers of a model server in these records.
    answers_told: usize,
    told: BTreeMap<IterationId, u64>,
    /// What the last agent of an iteration brought, as the engine was told.
    brought: BTreeMap<IterationId, u64>,
    /// What agents that run have told of.
    live: BTreeMap<IterationId, u64>,
    in_flight: BTreeSet<IterationId>,
    /// Lifetimes of processes that have ended, and when this one began.
    lived: Duration,
    process_began: Duration,
    // Stops.
    stop: Option<StopSeen>,
    /// Worktrees are being removed: all else is done.
    is_cleaning: bool,
    /// What is left over was asked for: nothing more is begun.
    is_ending: bool,
    /// Verifications that were passed by, and why.
    skipped: BTreeMap<CommitId, String>,
    reasons: BTreeSet<&'static str>,
    is_baseline_over: bool,
    runtime_failed: bool,
    has_crashed: bool,
    tracker_failed: bool,
    ended: Option<(StopReason, u8)>,
    broken: Option<Broken>,
}

/// A file that an agent left uncommitted.
#[derive(Debug)]
struct Uncommitted {
    tree: PathBuf,
    name: String,
    /// A commit that has it.
    within: Option<CommitId>,
}

/// A stop that the engine was told of, or told of itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct StopSeen {
    at: Duration,
    signal: Option<i32>,
}

/// An agent that runs.
#[derive(Debug)]
pub(super) struct AgentSeen {
    stop_sent: bool,
    began: Duration,
}

impl Rules {
    pub(super) fn new(plot: &Plot, tracker: &FakeTracker) -> Self {
        let all = TaskFilter { all: true, ..TaskFilter::default() };
        let closed = tracker.list(&all).expect("a fake answers").into_iter();
        let settled: BTreeSet<TaskId> =
            closed.filter(|task| task.status == Status::Closed).map(|task| task.id).collect();
        Self {
            run_branch: plot.config.run_branch.to_ref(),
            target: plot.config.target.as_ref().map(hew_core::ids::BranchName::to_ref),
            tip: plot.config.launch.clone(),
            landings: Vec::new(),
            precious: BTreeSet::new(),
            made_by: Vec::new(),
            uncommitted: Vec::new(),
            is_meddled: false,
            owes_escape: false,
            proven: BTreeSet::new(),
            verified: BTreeMap::new(),
            listed: [settled.clone(), settled.clone()],
            settled,
            touched: BTreeSet::new(),
            agent_closed: BTreeSet::new(),
            by_people: BTreeSet::new(),
            landed_at_claim: BTreeMap::new(),
            parked: BTreeSet::new(),
            filed: BTreeSet::new(),
            closed: BTreeSet::new(),
            refused: BTreeSet::new(),
            noted: BTreeMap::new(),
            faults: BTreeMap::new(),
            begun: BTreeMap::new(),
            iters: BTreeMap::new(),
            remembered: BTreeMap::new(),
            claiming: BTreeMap::new(),
            agents: BTreeMap::new(),
            merging: Vec::new(),
            merging_branch: None,
            kept_branches: BTreeMap::new(),
            inherited: BTreeSet::new(),
            tries: BTreeMap::new(),
            retried: BTreeMap::new(),
            collected: Vec::new(),
            spent: 0,
            helped: 0,
            helped_at_tick: 0,
            answers_heard: 0,
            answers_told: 0,
            told: BTreeMap::new(),
            brought: BTreeMap::new(),
            live: BTreeMap::new(),
            in_flight: BTreeSet::new(),
            lived: Duration::ZERO,
            process_began: Duration::ZERO,
            stop: None,
            is_cleaning: false,
            is_ending: false,
            skipped: BTreeMap::new(),
            reasons: BTreeSet::new(),
            is_baseline_over: false,
            runtime_failed: false,
            has_crashed: false,
            tracker_failed: false,
            ended: None,
            broken: None,
        }
    }

    /// A rule was broken where nobody could say so at once.
    fn note(&mut self, verdict: Verdict) {
        if let (Err(broken), None) = (verdict, &self.broken) {
            self.broken = Some(broken);
        }
    }

    /// What was noted is told.
    pub(super) fn noted(&mut self) -> Verdict {
        self.broken.take().map_or(Ok(()), Err)
    }

    fn iteration_mut(&mut self, id: IterationId) -> Option<&mut Iter> {
        self.iters.get_mut(&id)
    }

    /// How long the run has lived, over all its processes.
    fn lifetime(&self, now: Duration) -> Duration {
        self.lived + now.saturating_sub(self.process_began)
    }

    /// Workers of open iterations, as the journal has them.
    fn occupied(&self) -> BTreeSet<WorkerId> {
        let open = self.iters.iter().filter(|(_, iter)| !iter.has_left && !iter.is_over);
        open.map(|(id, _)| id.worker).chain(self.claiming.keys().map(|id| id.worker)).collect()
    }
}

/// The durable journal names this candidate.
fn announces(journal: &[JournalEntry], wanted: &CommitId) -> bool {
    journal
        .iter()
        .rev()
        .any(|entry| matches!(&entry.event, JournalEvent::Candidate { candidate, .. } if candidate == wanted))
}
