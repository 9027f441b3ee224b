//! What is frozen at launch: the engine's configuration and the journal's first line; and what the journal says of the
//! end.

use std::sync::Arc;

use hew_core::engine::{GatePlan, RunConfig, RunLimits, VerifyPlan};
use hew_core::ids::CommitId;
use hew_core::record::event::{DeliveryRecord, SCHEMA_VERSION, ScopeRecord, SettingRecord, TrackerRecord};
use hew_core::record::ledger::LedgerDelivery;
use hew_core::record::{JournalEvent, StopReason};
use hew_core::schedule::spending::SpendingLimits;
use hew_core::settings::Settings;
use hew_core::settings::secret::shown_value;
use hew_core::tracker::Scope;

use super::flags::OwnFlags;
use super::preflight::Checked;
use crate::commands::context::Context;
use crate::drive::rig::RunPlace;

/// The engine's configuration.
pub(super) fn run_config(
    settings: &Settings,
    flags: &OwnFlags,
    scope: &Scope,
    place: &RunPlace,
) -> RunConfig {
    let gate = place.gate.as_ref().map(|gate| GatePlan {
        command: gate.command.clone(),
        retry_flaky: settings.gate_retry_flaky.value,
        baseline: settings.gate_baseline.value,
        on_fail: settings.on_gate_fail.value,
    });
    RunConfig {
        run: place.run.clone(),
        jobs: place.jobs,
        scope: scope.clone(),
        retry_parked: flags.retry_parked,
        target: place.target.clone(),
        launch: place.launch.clone(),
        run_branch: place.run_branch.clone(),
        gate,
        verify: settings.verify_tests.value.then_some(VerifyPlan {
            budget: settings.verify_budget_wall.value,
            on_red: settings.verify_on_red.value,
        }),
        limits: RunLimits {
            max_attempts: settings.max_attempts.value,
            max_iter: settings.budget_iterations.value,
            wall: settings.budget_wall.value,
            spending: SpendingLimits::of(settings),
            stop_grace: settings.stop_grace.value,
        },
        merge: settings.merge.value,
        deliver: settings.deliver.value,
        watch: flags.watch,
        model: flags.model.clone(),
        settings: Arc::new(settings.clone()),
    }
}

/// The journal's first line.
pub(super) fn run_started(
    context: &Context,
    flags: &OwnFlags,
    checked: &Checked,
    place: &RunPlace,
    tracker: TrackerRecord,
) -> JournalEvent {
    let settings = &context.settings;
    JournalEvent::RunStarted {
        schema_version: SCHEMA_VERSION,
        run_id: place.run.clone(),
        hew_version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        project: context.project.root.display().to_string(),
        target_branch: place.target.clone(),
        launch_sha: checked.launch.clone(),
        run_branch: place.run_branch.clone(),
        jobs: place.jobs,
        scope: scope_record(&checked.scope),
        gate: place.gate.as_ref().map(|gate| gate.command.clone()),
        tracker: Some(Box::new(tracker)),
        max_iter: settings.budget_iterations.value,
        budget_wall_secs: settings.budget_wall.value.map(|wall| wall.as_secs()),
        worktrees: place.worktrees().display().to_string(),
        settings: setting_records(context, flags),
        in_scope: checked.in_scope,
    }
}

pub(super) fn scope_record(scope: &Scope) -> ScopeRecord {
    match scope {
        Scope::Ready => ScopeRecord::Ready,
        Scope::Epics(epics) => ScopeRecord::Epics { epic_ids: epics.iter().cloned().collect() },
        Scope::Tasks(tasks) => ScopeRecord::Tasks { task_ids: tasks.iter().cloned().collect() },
    }
}

/// The slice of the queue that was frozen.
pub(super) fn scope_of(record: &ScopeRecord) -> Scope {
    match record {
        ScopeRecord::Ready => Scope::Ready,
        ScopeRecord::Epics { epic_ids } => Scope::Epics(epic_ids.iter().cloned().collect()),
        ScopeRecord::Tasks { task_ids } => Scope::Tasks(task_ids.iter().cloned().collect()),
    }
}

/// Every effective setting as it may be kept, and the flags that are no keys: they belong to one run.
pub(super) fn setting_records(context: &Context, flags: &OwnFlags) -> Vec<SettingRecord> {
    let record =
        |(key, found): (&str, &hew_core::settings::Sourced<hew_core::settings::Value>)| SettingRecord {
            key: key.to_owned(),
            value: shown_value(key, &found.value).to_string(),
            origin: found.origin.to_string(),
        };
    context.values.iter().map(record).chain(flags.records()).collect()
}

/// What the ledger wants to know, picked from the journal as it is written.
pub(super) struct OutcomeWatch {
    pub(super) tip: CommitId,
    pub(super) stop_reason: StopReason,
    pub(super) delivery: LedgerDelivery,
    /// There is a target, and the result is to go there.
    pub(super) wants_delivery: bool,
}

impl OutcomeWatch {
    pub(super) fn new(tip: CommitId, wants_delivery: bool) -> Self {
        let (stop_reason, delivery) = (StopReason::RuntimeError, LedgerDelivery::Undelivered);
        Self { tip, stop_reason, delivery, wants_delivery }
    }

    pub(super) fn see(&mut self, event: &JournalEvent) {
        match event {
            JournalEvent::Landed { sha, .. } => {
                self.tip = sha.clone();
                // What was delivered before does not hold it.
                self.delivery = LedgerDelivery::Undelivered;
            }
            JournalEvent::StopRequested { reason: StopReason::Signal, .. } => {
                self.stop_reason = StopReason::Signal;
            }
            JournalEvent::Delivery { outcome } => {
                self.delivery = match outcome {
                    DeliveryRecord::Delivered { .. } => LedgerDelivery::Delivered,
                    DeliveryRecord::Refused { new_tip, .. } => {
                        if let Some(tip) = new_tip {
                            self.tip = tip.clone();
                        }
                        LedgerDelivery::Undelivered
                    }
                    // A signal only puts a wanted delivery off.
                    DeliveryRecord::NotWanted { .. }
                        if self.wants_delivery && self.stop_reason == StopReason::Signal =>
                    {
                        LedgerDelivery::Undelivered
                    }
                    DeliveryRecord::NotWanted { .. } => LedgerDelivery::NotWanted,
                };
            }
            // What the process before was asked ended with it.
            JournalEvent::RunResumed { .. } => self.stop_reason = StopReason::RuntimeError,
            JournalEvent::RunEnded { stop_reason, .. } => self.stop_reason = *stop_reason,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use hew_core::ids::{BranchName, IterationId, TaskId, WorkerId};

    use super::*;

    fn landed(sha: &str) -> JournalEvent {
        JournalEvent::Landed {
            iteration: IterationId { worker: WorkerId(0), iter: 1 },
            task: TaskId::new("a"),
            from: "0000".into(),
            sha: sha.into(),
            number: 1,
            with: Vec::new(),
        }
    }

    fn delivered(sha: &str) -> JournalEvent {
        let outcome = DeliveryRecord::Delivered { target: BranchName::new("main"), sha: sha.into() };
        JournalEvent::Delivery { outcome }
    }

    #[test]
    fn what_lands_after_a_delivery_is_owed_again() {
        let mut watch = OutcomeWatch::new("0000".into(), true);
        watch.see(&landed("aaaa"));
        watch.see(&delivered("aaaa"));
        assert_eq!(watch.delivery, LedgerDelivery::Delivered);
        watch.see(&landed("bbbb"));
        assert_eq!((watch.tip.as_str(), watch.delivery), ("bbbb", LedgerDelivery::Undelivered));
        watch.see(&delivered("bbbb"));
        assert_eq!(watch.delivery, LedgerDelivery::Delivered);
    }

    #[test]
    fn a_signal_puts_off_only_a_delivery_that_is_wanted() {
        for (wanted, expected) in [(true, LedgerDelivery::Undelivered), (false, LedgerDelivery::NotWanted)] {
            let mut watch = OutcomeWatch::new("0000".into(), wanted);
            watch.see(&landed("aaaa"));
            let (reason, detail) = (StopReason::Signal, "SIGINT".to_owned());
            watch.see(&JournalEvent::StopRequested { reason, detail, now: false });
            let outcome = DeliveryRecord::NotWanted { reason: String::new() };
            watch.see(&JournalEvent::Delivery { outcome });
            assert_eq!(watch.delivery, expected);
        }
    }
}
