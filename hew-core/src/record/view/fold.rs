//! What each event makes of a view.
//!
//! Invariants: those of the view; an iteration that was forgotten stays forgotten, whatever comes of it later.

use chrono::{DateTime, Utc};

use super::run::header_of;
use super::{
    BatchView, GateProofView, IterationView, MAX_NOTICES, Moment, NoticeView, PassedView, PlannerView,
    RunEnding, RunView, RuntimeView, StopView, TaskView, VerifyView,
};
use crate::helper::Helper;
use crate::ids::{CommitId, IterationId, TaskId};
use crate::record::event::{DeliveryRecord, IterationOutcome, JournalEntry, JournalEvent};
use crate::tracker::change::TaskChange;

impl RunView {
    /// Takes in the next entry.
    pub fn apply(&mut self, entry: &JournalEntry) {
        let moment = Moment { at: entry.at, elapsed_ms: entry.elapsed_ms };
        self.last = Some(moment);
        self.last_seq = entry.seq;
        self.apply_run(&entry.event, moment);
        self.apply_iteration(&entry.event, moment);
        self.apply_task(&entry.event);
    }

    fn apply_run(&mut self, event: &JournalEvent, moment: Moment) {
        if ends_wait(event) {
            self.held_by_plan = 0;
        }
        match event {
            JournalEvent::RunStarted { .. } => self.header = header_of(event, moment),
            JournalEvent::RunResumed { pid, .. } => self.resume(*pid),
            JournalEvent::BaselineStarted { sha } => self.gating_launch = Some(sha.clone()),
            JournalEvent::Baseline { gate } => {
                self.gating_launch = None;
                self.baseline = Some(gate.clone());
            }
            JournalEvent::Tick { ready_seen, assignments, held_by_plan, .. } => {
                self.held_by_plan = *held_by_plan;
                self.ready_seen = Some(*ready_seen);
                self.ready_left = Some(ready_seen.saturating_sub(assignments.len()));
            }
            JournalEvent::Noticed { about, text } => self.note(moment.at, *about, text),
            JournalEvent::Escaped { .. } | JournalEvent::ForeignChange { .. } => {
                self.escapes.take(event, moment.at);
            }
            JournalEvent::StopRequested { reason, detail, now } => {
                let detail = detail.clone();
                self.stop = Some(StopView { reason: *reason, detail, now: *now, at: moment });
            }
            JournalEvent::Landed { sha, .. } => self.tip = Some(sha.clone()),
            JournalEvent::RuntimeChanged { runtime, change, .. } => {
                self.runtimes.entry(runtime.clone()).or_default().apply(change);
            }
            JournalEvent::AwaitingRuntime { until, .. } => self.awaiting_runtime = Some(*until),
            JournalEvent::IterationStarted { .. } => self.awaiting_runtime = None,
            JournalEvent::Exited { iteration, usage, .. } => {
                if let Some(passed) = &mut self.budget_passed {
                    passed.agent_ended(*iteration, usage.total());
                }
            }
            JournalEvent::BudgetPassed { iteration, mark, told_before, told } => {
                self.budget_passed = Some(PassedView {
                    mark: *mark,
                    iteration: *iteration,
                    told: (*told_before, *told),
                    at_end: false,
                });
            }
            JournalEvent::PlannerStarted { number, iteration, runtime, .. } => {
                let runtime = runtime.clone();
                self.planner =
                    Some(PlannerView { number: *number, after: *iteration, runtime, since: moment });
            }
            JournalEvent::BatchPlanned { .. } => self.take_batch(event, moment),
            JournalEvent::Helped { iteration, helper, answer, usage, cost_usd, cost_source, .. } => {
                self.totals.add_help(*helper, *usage, *cost_usd, *cost_source);
                // One that was forgotten stays so.
                if let Some(view) = self.iterations.get_mut(iteration).filter(|_| *helper == Helper::Summary)
                {
                    view.sum_up(answer.as_deref());
                }
            }
            JournalEvent::Verifying { sha } => self.verifying = Some(sha.clone()),
            JournalEvent::Verified { sha, outcome, log, failed_tests } => {
                self.verifying = None;
                self.verify = Some(VerifyView {
                    outcome: outcome.clone(),
                    sha: Some(sha.clone()),
                    log: log.clone(),
                    failed_tests: failed_tests.clone(),
                });
            }
            JournalEvent::Delivering { sha, .. } => self.delivering = Some(sha.clone()),
            JournalEvent::Delivery { outcome } => self.take_delivery(outcome),
            JournalEvent::RunEnded { stop_reason, exit_code, leftovers, remedies } => {
                self.leftovers.clone_from(leftovers);
                let remedies = remedies.clone();
                self.ending = Some(RunEnding {
                    stop_reason: *stop_reason,
                    exit_code: Some(*exit_code),
                    remedies,
                    at: moment,
                });
            }
            _ => {}
        }
    }

    /// Another process goes on: whatever the one before was at is not under way any more, and what it had found out about
    /// runtimes, or was asked to do, ended with it.
    fn resume(&mut self, pid: u32) {
        self.resumes += 1;
        if let Some(header) = &mut self.header {
            header.pid = pid;
        }
        (self.gating_launch, self.verifying, self.delivering) = (None, None, None);
        (self.planner, self.stop, self.awaiting_runtime) = (None, None, None);
        self.runtimes.values_mut().for_each(RuntimeView::asked_afresh);
        self.iterations.values_mut().for_each(IterationView::lose_agent);
    }

    fn take_batch(&mut self, event: &JournalEvent, moment: Moment) {
        let Some(batch) = BatchView::of(event, moment) else { return };
        self.planner.take_if(|planner| planner.number == batch.number);
        if self.batches.contains_key(&batch.number) {
            return;
        }
        self.totals.add_batch(&batch);
        self.batches.insert(batch.number, batch);
    }

    fn note(&mut self, at: DateTime<Utc>, about: Option<IterationId>, text: &str) {
        self.notice_count += 1;
        if self.notices.len() < MAX_NOTICES {
            self.notices.push(NoticeView { at, about, text: text.to_owned() });
        }
    }

    fn take_delivery(&mut self, outcome: &DeliveryRecord) {
        self.delivering = None;
        if let DeliveryRecord::Delivered { sha, .. } = outcome {
            self.delivered_sha = Some(sha.clone());
        }
        self.delivery = Some(outcome.clone());
    }

    fn apply_iteration(&mut self, event: &JournalEvent, moment: Moment) {
        let Some(id) = iteration_of(event) else { return };
        // An ended iteration that was forgotten stays forgotten.
        if self.iterations.contains_key(&id) || !self.counted.contains_key(&id) {
            self.update_iteration(id, event, moment);
        }
        match event {
            JournalEvent::IterationEnded { outcome, .. } => self.count_end(id, *outcome),
            JournalEvent::GivenUp { parts, .. } => {
                for part in parts {
                    self.iterations.entry(part.iteration).and_modify(IterationView::is_given_back);
                }
            }
            JournalEvent::Landed { sha, with, .. } => {
                for other in with {
                    self.lands_too(*other, sha);
                }
            }
            _ => {}
        }
    }

    /// Work that landed with another's is part of the same landing.
    fn lands_too(&mut self, id: IterationId, sha: &CommitId) {
        let Some(iteration) = self.iterations.get_mut(&id).filter(|it| it.landed_sha.is_none()) else {
            return;
        };
        iteration.landed_sha = Some(sha.clone());
        self.totals.add_changes(iteration);
        let Some(task) = iteration.task.clone() else { return };
        if iteration.changes_settings() {
            self.settings_changed.insert(task.clone());
        }
        let view = self.task_mut(&task);
        view.landed_sha = Some(sha.clone());
        self.landed += usize::from(view.mark_landed());
    }

    fn update_iteration(&mut self, id: IterationId, event: &JournalEvent, moment: Moment) {
        let worker = self.workers.entry(id.worker).or_default();
        let iteration = self.iterations.entry(id).or_insert_with(|| {
            self.totals.iterations += 1;
            worker.iterations += 1;
            IterationView::new(id)
        });
        let was_landed = iteration.landed_sha.is_some();
        let has_ended = iteration.ended.is_some();
        let was_planned = iteration.runtime.is_some();
        iteration.apply(event, moment);
        match event {
            JournalEvent::IterationStarted { batch: Some(number), .. }
                if iteration.batch_source.is_none() =>
            {
                iteration.batch_source = self.batches.get(number).map(|batch| batch.source);
                if let Some(source) = iteration.batch_source {
                    self.totals.picked.count(source);
                }
            }
            JournalEvent::Exited { usage, cost_usd, cost_source, .. } if !has_ended => {
                self.totals.spent.add(*usage, *cost_usd, *cost_source);
                worker.spent.add(*usage, *cost_usd, *cost_source);
                self.models.exited(iteration, *usage, *cost_usd, *cost_source);
            }
            JournalEvent::IterationEnded { .. } => {
                if let Some(told) = iteration.take_live() {
                    self.totals.spent.add_live(&told);
                    worker.spent.add_live(&told);
                    self.models.told(iteration, &told);
                }
            }
            JournalEvent::Plan { runtime, .. } => {
                if !worker.runtimes.contains(runtime) {
                    worker.runtimes.insert(runtime.clone());
                }
                if !was_planned {
                    self.models.planned(iteration);
                }
            }
            JournalEvent::Gated { .. } => self.totals.gates += 1,
            JournalEvent::Landed { task, .. } if !was_landed => {
                self.totals.add_landing(iteration);
                if iteration.changes_settings() {
                    self.settings_changed.insert(task.clone());
                }
                worker.landed += 1;
            }
            _ => {}
        }
    }

    /// The last word on how an iteration ended counts, and counts once.
    fn count_end(&mut self, id: IterationId, outcome: IterationOutcome) {
        let busy_ms = self.iterations.get(&id).map_or(0, IterationView::duration_ms);
        let worker = self.workers.entry(id.worker).or_default();
        let known = self.counted.get(&id).map(|(_, model)| model.clone());
        let model =
            known.unwrap_or_else(|| self.iterations.get(&id).and_then(|iteration| iteration.model.clone()));
        if let Some((before, _)) = self.counted.insert(id, (outcome, model.clone())) {
            self.totals.uncount(before);
            if before == IterationOutcome::Closed {
                worker.closed = worker.closed.saturating_sub(1);
                self.models.uncount_closed(model.as_ref());
            }
        } else {
            self.totals.busy_ms = self.totals.busy_ms.saturating_add(busy_ms);
            worker.busy_ms = worker.busy_ms.saturating_add(busy_ms);
            worker.ended += 1;
        }
        self.totals.count(outcome);
        if outcome == IterationOutcome::Closed {
            worker.closed += 1;
            self.models.closed(model.as_ref());
        }
    }

    fn apply_task(&mut self, event: &JournalEvent) {
        match event {
            JournalEvent::IterationStarted { task, .. }
            | JournalEvent::Landed { task, .. }
            | JournalEvent::IterationEnded { task, .. } => {
                let view = self.task_mut(task);
                view.apply(event);
                let (begins, lands) = (view.mark_begun(), view.mark_landed());
                self.begun += usize::from(begins);
                self.landed += usize::from(lands);
            }
            JournalEvent::TaskChanged { task, change, .. } => {
                let view = self.task_mut(task);
                let was_parked = view.parked.is_some();
                view.change(change);
                self.landed += usize::from(view.mark_landed());
                if matches!(change, TaskChange::Parked { .. }) && !was_parked {
                    self.totals.parked += 1;
                }
            }
            JournalEvent::Gated { iteration, gate, .. } => {
                let task = self.iterations.get(iteration).and_then(|view| view.task.clone());
                if let Some(task) = task {
                    self.task_mut(&task).gate = Some(GateProofView::of(gate));
                }
            }
            _ => {}
        }
    }

    fn task_mut(&mut self, task: &TaskId) -> &mut TaskView {
        let counted = || self.forgotten.get(task).copied().unwrap_or_default();
        self.tasks.entry(task.clone()).or_insert_with(|| TaskView::new(task.clone(), counted()))
    }
}

/// After this the dispatcher looks anew, or not again: workers wait for a plan only where it then says so. A plan that
/// lapses where nothing is ready leaves no other trace.
fn ends_wait(event: &JournalEvent) -> bool {
    matches!(
        event,
        JournalEvent::Queued { .. }
            | JournalEvent::Stacked { .. }
            | JournalEvent::GivenUp { .. }
            | JournalEvent::Landed { .. }
            | JournalEvent::IterationEnded { .. }
            | JournalEvent::Verifying { .. }
            | JournalEvent::Delivering { .. }
    )
}

/// The iteration that an event changes; a notice about one changes nothing of it.
pub fn iteration_of(event: &JournalEvent) -> Option<IterationId> {
    match event {
        JournalEvent::IterationStarted { iteration, .. }
        | JournalEvent::Prepared { iteration, .. }
        | JournalEvent::Plan { iteration, .. }
        | JournalEvent::Spawned { iteration, .. }
        | JournalEvent::Exited { iteration, .. }
        | JournalEvent::Used { iteration, .. }
        | JournalEvent::RetryPlanned { iteration, .. }
        | JournalEvent::RuntimeChanged { iteration, .. }
        | JournalEvent::BudgetPassed { iteration, .. }
        | JournalEvent::Collected { iteration, .. }
        | JournalEvent::Proving { iteration, .. }
        | JournalEvent::Stacked { iteration, .. }
        | JournalEvent::GivenUp { iteration, .. }
        | JournalEvent::Queued { iteration }
        | JournalEvent::Candidate { iteration, .. }
        | JournalEvent::Conflicted { iteration, .. }
        | JournalEvent::Gated { iteration, .. }
        | JournalEvent::Landed { iteration, .. }
        | JournalEvent::TaskChanged { iteration, .. }
        | JournalEvent::IterationEnded { iteration, .. } => Some(*iteration),
        JournalEvent::Escaped { about, .. } => *about,
        JournalEvent::RunStarted { .. }
        | JournalEvent::Baseline { .. }
        | JournalEvent::Tick { .. }
        | JournalEvent::MadeAhead { .. }
        | JournalEvent::Noticed { .. }
        | JournalEvent::ForeignChange { .. }
        | JournalEvent::AwaitingRuntime { .. }
        | JournalEvent::PlannerStarted { .. }
        | JournalEvent::BatchPlanned { .. }
        | JournalEvent::Helped { .. }
        | JournalEvent::StopRequested { .. }
        | JournalEvent::BaselineStarted { .. }
        | JournalEvent::Verifying { .. }
        | JournalEvent::Verified { .. }
        | JournalEvent::Delivering { .. }
        | JournalEvent::Delivery { .. }
        | JournalEvent::RunResumed { .. }
        | JournalEvent::RunEnded { .. } => None,
    }
}
