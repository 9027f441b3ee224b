//! The view of a run: what the journal says so far, folded one entry at a time.
//!
//! Invariants: `apply` never fails and never panics, whatever entries come in whatever order; totals count an iteration
//! and a landing once, however often the journal names them; a view from which iterations were forgotten has the same
//! totals as one that keeps them. A view does not know whether its run still lives: the project's lock does.

pub mod agent;
pub mod batch;
pub mod escapes;
mod fold;
pub mod iteration;
pub mod models;
pub mod moment;
pub mod phase;
pub mod row;
pub mod run;
pub mod runtimes;
pub mod spent;
pub mod task;
pub mod totals;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use foldhash::HashMap;

use super::event::{
    DeliveryRecord, GateRecord, IterationOutcome, JournalEntry, JournalEvent, LeftoverRecord,
};
use crate::helper::Helper;
use crate::ids::{CommitId, IterationId, ModelName, RunId, RuntimeName, TaskId, WorkerId};
pub use agent::{AgentView, ExitView};
pub use batch::{BatchCounts, BatchView, PlannerView};
pub use escapes::{EscapesView, ForeignView, OfIteration};
pub use fold::iteration_of;
pub use iteration::{ConflictView, IterationView};
pub use models::{ModelTotals, Models};
pub use moment::Moment;
pub use phase::Phase;
pub use row::{IterationRow, RowFold};
pub use run::{NoticeView, RunEnding, RunHeader, StopView, VerifyView};
pub use runtimes::{PassedView, RuntimeView};
pub use spent::Spent;
use task::Counted;
pub use task::{GateProofView, TaskView};
pub use totals::{Totals, WorkerTotals};

/// Most notices that a view keeps; the rest is only counted.
pub const MAX_NOTICES: usize = 1000;

/// What the journal says so far.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RunView {
    /// What was frozen at launch; none before the first entry.
    pub header: Option<RunHeader>,
    /// Made from the files of a run that has no journal, as older layouts have none: what files don't hold is unknown.
    pub is_from_files: bool,
    /// How it ended; none while it runs, and if it crashed and nobody went on with it.
    pub ending: Option<RunEnding>,
    /// How often another process went on with it after a crash.
    pub resumes: u32,
    /// The latest stop that was asked for.
    pub stop: Option<StopView>,
    /// Iterations that were not forgotten.
    pub iterations: BTreeMap<IterationId, IterationView>,
    /// Every task that the run touched and that was not forgotten.
    pub tasks: BTreeMap<TaskId, TaskView>,
    /// Sums over the whole run.
    pub totals: Totals,
    /// Sums by worker.
    pub workers: BTreeMap<WorkerId, WorkerTotals>,
    /// Sums by model.
    pub models: Models,
    /// Runtimes that rested, are out, or stood in for another.
    pub runtimes: BTreeMap<RuntimeName, RuntimeView>,
    /// Nothing can run before this moment.
    pub awaiting_runtime: Option<DateTime<Utc>>,
    /// The budget that was passed.
    pub budget_passed: Option<PassedView>,
    /// What is next, as it was said, by number.
    pub batches: BTreeMap<u32, BatchView>,
    /// The planner that is being asked.
    pub planner: Option<PlannerView>,
    /// The launch commit, while the gate runs on it.
    pub gating_launch: Option<CommitId>,
    /// The gate on the launch commit.
    pub baseline: Option<GateRecord>,
    /// The commit that is being verified just now.
    pub verifying: Option<CommitId>,
    /// What the latest verification showed.
    pub verify: Option<VerifyView>,
    /// What is on its way to the target just now.
    pub delivering: Option<CommitId>,
    /// What came of the latest delivery.
    pub delivery: Option<DeliveryRecord>,
    /// Where the target is, if this run ever brought anything there.
    pub delivered_sha: Option<CommitId>,
    /// The run branch's commit after the latest landing.
    pub tip: Option<CommitId>,
    /// Tasks whose landed work changed the project's settings.
    pub settings_changed: BTreeSet<TaskId>,
    /// What is left over in scope.
    pub leftovers: Vec<LeftoverRecord>,
    /// What changed that agents share with the user.
    pub escapes: EscapesView,
    /// The first notices.
    pub notices: Vec<NoticeView>,
    /// Number of all notices.
    pub notice_count: u64,
    /// Ready tasks that the dispatcher saw when it last looked.
    pub ready_seen: Option<usize>,
    /// Free workers that wait for the batch plan in force, as far as the dispatcher said when it last looked.
    pub held_by_plan: usize,
    /// Ready tasks that the dispatcher left when it last looked.
    pub ready_left: Option<usize>,
    /// The latest entry: the run's last sign of life.
    pub last: Option<Moment>,
    /// When its process was seen to live, by whoever shows it as it stands; none while it is folded, and of one that is over.
    pub alive_at: Option<DateTime<Utc>>,
    /// Number of the latest entry.
    pub last_seq: u64,
    /// How each ended iteration was counted, forgotten ones too.
    counted: BTreeMap<IterationId, (IterationOutcome, Option<ModelName>)>,
    /// Number of tasks of which something landed, forgotten ones too.
    landed: usize,
    /// Number of tasks that were begun, forgotten ones too.
    begun: usize,
    /// Where tasks were counted that were forgotten; of one that came back, what was so then.
    forgotten: HashMap<TaskId, Counted>,
}

impl RunView {
    /// A view before the first entry.
    pub fn new() -> Self {
        Self::default()
    }

    /// The fold of these entries.
    pub fn of<'a>(entries: impl IntoIterator<Item = &'a JournalEntry>) -> Self {
        let mut view = Self::new();
        entries.into_iter().for_each(|entry| view.apply(entry));
        view
    }

    /// The run, once its first entry was seen.
    pub fn run_id(&self) -> Option<&RunId> {
        self.header.as_ref().map(|header| &header.run_id)
    }

    /// Number of workers; 1 before the first entry.
    pub fn jobs(&self) -> u16 {
        self.header.as_ref().map_or(1, |header| header.jobs)
    }

    /// Iterations that began and have not ended, in order of their ids.
    pub fn in_flight(&self) -> impl Iterator<Item = &IterationView> {
        self.iterations.values().filter(|iteration| iteration.outcome.is_none())
    }

    /// Iterations whose work waits on its worker's branch for the end of the run.
    pub fn stacked(&self) -> impl Iterator<Item = &IterationView> {
        self.in_flight().filter(|iteration| iteration.phase == Phase::Stacked)
    }

    /// Something runs: an agent, the planner, the lane, or what is done with the whole result.
    pub fn is_at_work(&self) -> bool {
        let is_whole = self.gating_launch.is_some() || self.verifying.is_some() || self.delivering.is_some();
        is_whole || self.planner.is_some() || self.in_flight().next().is_some()
    }

    /// Tasks of which something landed, forgotten ones too.
    pub fn landed_tasks(&self) -> usize {
        self.landed
    }

    /// Tasks in scope: those that were open at launch, or those that were begun, where more were filed since.
    /// Unknown in an older layout.
    pub fn in_scope(&self) -> Option<usize> {
        let at_launch = self.header.as_ref()?.in_scope?;
        Some(at_launch.max(self.begun))
    }

    /// What the stop says that ended it, for people; none where it ended for another reason than the latest stop's.
    pub fn why_ended(&self) -> Option<&str> {
        let (stop, ending) = (self.stop.as_ref()?, self.ending.as_ref()?);
        (stop.reason == ending.stop_reason).then_some(stop.detail.as_str())
    }

    /// What was spent, by running agents too, as far as they have told.
    pub fn spent_so_far(&self) -> Spent {
        self.with_live(self.totals.spent, |_| true)
    }

    /// The same by one worker's agents.
    pub fn spent_by_worker(&self, id: WorkerId) -> Spent {
        let ended = self.workers.get(&id).map(|worker| worker.spent).unwrap_or_default();
        self.with_live(ended, |iteration| iteration.id.worker == id)
    }

    /// The same by the agents that were asked for one model, or for none.
    pub fn spent_by_model(&self, model: Option<&ModelName>) -> Spent {
        let ended = self.models.asked.get(&model.cloned()).map(|totals| totals.spent).unwrap_or_default();
        self.with_live(ended, |iteration| iteration.model.as_ref() == model)
    }

    fn with_live(&self, mut spent: Spent, is_of: impl Fn(&IterationView) -> bool) -> Spent {
        self.in_flight().filter(|iteration| is_of(iteration)).for_each(|one| spent.add_live(&one.live));
        spent
    }

    /// From launch to the latest entry, in milliseconds; to the moment at which its process was seen to live, if it was.
    pub fn duration_ms(&self) -> u64 {
        self.alive_at.map_or_else(|| self.recorded_ms(), |now| self.lived_ms(now))
    }

    fn recorded_ms(&self) -> u64 {
        match (&self.header, self.last) {
            (Some(header), Some(last)) => header.started.until_ms(last),
            _ => 0,
        }
    }

    /// How long it has lived at this moment, all its processes together, in milliseconds; for one whose process lives.
    pub fn lived_ms(&self, now: DateTime<Utc>) -> u64 {
        let since = self.last.map_or(0, |last| now.signed_duration_since(last.at).num_milliseconds());
        self.recorded_ms().saturating_add(u64::try_from(since).unwrap_or(0))
    }

    /// The iteration of which nothing more is to come once this entry was taken in: it has ended, or the summary has come
    /// that was awaited beyond its end. Whoever forgets iterations does it then.
    pub fn completed_by(&self, event: &JournalEvent) -> Option<IterationId> {
        let (JournalEvent::IterationEnded { iteration, .. }
        | JournalEvent::Helped { iteration, helper: Helper::Summary, .. }) = event
        else {
            return None;
        };
        let is_complete = self.counted.contains_key(iteration) && !self.is_awaited(*iteration);
        is_complete.then_some(*iteration)
    }

    fn is_awaited(&self, iteration: IterationId) -> bool {
        self.iterations.get(&iteration).is_some_and(|view| view.summary_asked)
    }

    /// Drops the details of an ended iteration; totals, tasks and workers stay. One that runs is kept.
    pub fn forget(&mut self, iteration: IterationId) {
        if !self.is_awaited(iteration) {
            self.take_ended(iteration);
        }
    }

    /// The same, and drops its task too unless it runs again: for folds that write files or narrate, which keep no more of
    /// a task than where it was counted. Totals and workers stay.
    pub fn forget_with_task(&mut self, iteration: IterationId) {
        let task = self.iterations.get(&iteration).and_then(|seen| seen.task.clone());
        self.forget(iteration);
        if let Some(task) = task {
            self.forget_task(&task);
        }
    }

    /// Drops a task unless it runs.
    pub(super) fn forget_task(&mut self, task: &TaskId) {
        if self.tasks.get(task).is_some_and(|task| !task.is_running) {
            self.drop_task(task);
        }
    }

    /// Drops a task even where it runs.
    pub(super) fn drop_task(&mut self, task: &TaskId) {
        if let Some(TaskView { id, counted, .. }) = self.tasks.remove(task) {
            self.forgotten.insert(id, counted);
        }
    }

    /// Hands over the details of an ended iteration, even where a summary is yet to come: for those who don't show it.
    pub(super) fn take_ended(&mut self, iteration: IterationId) -> Option<IterationView> {
        self.counted.contains_key(&iteration).then(|| self.iterations.remove(&iteration)).flatten()
    }

    /// Drops the tasks that a batch names; who said it stays, for what is picked under it.
    pub fn forget_batch(&mut self, number: u32) {
        if let Some(batch) = self.batches.get_mut(&number) {
            batch.forget();
        }
    }
}
