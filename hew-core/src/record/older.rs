//! Runs without a journal, as older layouts left them: their files, folded to the same view and rows.
//!
//! Each iteration's file is told once more as events, so that every figure is counted where those of a journal are. What
//! files don't hold stays unknown: lines added and removed, parked tasks, leftovers.

mod batch;
mod iteration;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::event::{DeliveryRecord, StopReason};
use super::files::{BatchFile, IterationFile, ManifestFile, RunFile};
use super::view::{IterationRow, Moment, RunEnding, RunHeader, RunView, VerifyView};
use crate::ids::{IterationId, RunId, TaskId, WorkerId};

/// What a run folder without a journal holds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OlderFiles {
    /// run.json.
    pub run: Option<RunFile>,
    /// `worker-<n>/run.json`: some layouts had one for each worker, and none of the whole run.
    pub workers: BTreeMap<WorkerId, RunFile>,
    /// manifest.json.
    pub manifest: Option<ManifestFile>,
    /// batch-NNN.json, by number.
    pub batches: BTreeMap<u32, BatchFile>,
    /// `iter-NNN.json` and `worker-<n>/iter-NNN.json`.
    pub iterations: BTreeMap<IterationId, IterationFile>,
}

impl OlderFiles {
    /// A run of this id that was found in these files: its view, in which every iteration is kept, and its rows in the
    /// order in which they began. A folder without files gives a view without a header.
    pub fn fold(&self, id: &RunId) -> (RunView, Vec<IterationRow>) {
        let mut view = RunView::new();
        view.is_from_files = true;
        let Some(started_at) = self.started_at() else { return (view, Vec::new()) };
        view.header = Some(self.header(id, started_at));
        self.batches.iter().for_each(|(number, file)| batch::take(&mut view, *number, file, started_at));
        let mut attempts: BTreeMap<&TaskId, u32> = BTreeMap::new();
        let mut rows = Vec::with_capacity(self.iterations.len());
        for (number, (id, file)) in (1..).zip(self.in_order()) {
            let seen = file.task_id.as_ref().map(|task| attempts.entry(task).or_default());
            let attempt = seen.map_or(1, |seen| {
                *seen = if file.attempt > 0 { file.attempt } else { *seen + 1 };
                *seen
            });
            // Before iterations named their batch, that of their own number was theirs.
            let own = u32::try_from(number).ok().filter(|number| self.batches.contains_key(number));
            let place = iteration::Place { id, number, attempt, batch: file.batch.or(own), started_at };
            rows.push(iteration::take(&mut view, file, place));
        }
        self.end(&mut view, started_at);
        (view, rows)
    }

    fn run_files(&self) -> impl Iterator<Item = &RunFile> {
        self.run.iter().chain(self.workers.values())
    }

    fn started_at(&self) -> Option<DateTime<Utc>> {
        let runs = self.run_files().map(|file| file.started_at);
        let manifest = self.manifest.iter().map(|file| file.started_at);
        let iterations = self.iterations.values().map(|file| file.started_at);
        runs.chain(manifest).chain(iterations).min()
    }

    fn last_at(&self) -> Option<DateTime<Utc>> {
        let runs = self.run_files().map(|file| file.last_updated_at);
        let manifest = self.manifest.iter().filter_map(|file| file.completed_at);
        let iterations = self.iterations.values().filter_map(|file| file.ended_at);
        runs.chain(manifest).chain(iterations).max()
    }

    /// The layouts had no number over all workers: iterations count in the order in which they began.
    fn in_order(&self) -> Vec<(IterationId, &IterationFile)> {
        let mut files: Vec<_> = self.iterations.iter().map(|(id, file)| (*id, file)).collect();
        files.sort_by_key(|(id, file)| (file.started_at, *id));
        files
    }

    fn jobs(&self) -> u16 {
        let of_run = self.run_files().map(|file| file.jobs).max();
        let of_manifest =
            self.manifest.as_ref().map(|file| file.jobs.max(u16::try_from(file.workers.len()).unwrap_or(1)));
        let seen = self.iterations.keys().map(|id| id.worker).chain(self.workers.keys().copied());
        let of_workers = seen.map(|worker| worker.0.saturating_add(1)).max();
        [of_run, of_manifest, of_workers].into_iter().flatten().max().unwrap_or(1)
    }

    fn header(&self, id: &RunId, started_at: DateTime<Utc>) -> RunHeader {
        let run = self.run_files().next();
        let gate = self.iterations.values().find_map(|file| file.gate.as_ref());
        RunHeader {
            schema_version: run.map_or(0, |file| file.schema_version),
            run_id: id.clone(),
            hew_version: run.map(|file| file.hew_version.clone()).unwrap_or_default(),
            pid: 0,
            project: String::new(),
            target_branch: run.and_then(|file| file.target_branch.clone()),
            launch_sha: run.and_then(|file| file.launch_sha.clone()),
            run_branch: run.and_then(|file| file.run_branch.clone()),
            jobs: self.jobs(),
            scope: run.and_then(|file| file.scope.clone()),
            gate: gate.map(|gate| gate.command.clone()),
            tracker: run.and_then(|file| file.tracker.clone()),
            max_iter: run.and_then(|file| file.max_iter),
            budget_wall_secs: None,
            worktrees: String::new(),
            settings: run.map(|file| file.settings.clone()).unwrap_or_default(),
            in_scope: None,
            started: Moment { at: started_at, elapsed_ms: 0 },
        }
    }

    fn end(&self, view: &mut RunView, started_at: DateTime<Utc>) {
        let last = moment(started_at, self.last_at().unwrap_or(started_at));
        view.last = Some(last);
        view.last_seq = 0;
        if let Some(stop_reason) = self.stop_reason() {
            let exit_code = self.run.as_ref().and_then(|file| file.exit_code);
            view.ending = Some(RunEnding { stop_reason, exit_code, remedies: Vec::new(), at: last });
        }
        let run = self.run_files().next();
        view.verify = run.and_then(|file| file.verify_outcome.clone()).map(|outcome| VerifyView {
            outcome,
            sha: None,
            log: None,
            failed_tests: Vec::new(),
        });
        view.delivered_sha = run.and_then(|file| file.delivered_sha.clone());
        if let (Some(target), Some(sha)) =
            (run.and_then(|file| file.target_branch.clone()), &view.delivered_sha)
        {
            view.delivery = Some(DeliveryRecord::Delivered { target, sha: sha.clone() });
        }
    }

    /// The run's own, else that of its workers once all of them have stopped: of several the one that is not just an
    /// empty queue.
    fn stop_reason(&self) -> Option<StopReason> {
        if let Some(run) = &self.run {
            return run.stop_reason;
        }
        let of_manifest =
            self.manifest.iter().flat_map(|file| &file.workers).map(|worker| worker.stop_reason);
        let of_workers = self.workers.values().map(|file| file.stop_reason);
        let all: Vec<Option<StopReason>> =
            if self.workers.is_empty() { of_manifest.collect() } else { of_workers.collect() };
        let all: Vec<StopReason> = all.into_iter().collect::<Option<_>>()?;
        all.iter().find(|reason| **reason != StopReason::ReadyEmpty).or(all.first()).copied()
    }
}

/// A moment of a run that kept only the calendar's time.
fn moment(started_at: DateTime<Utc>, at: DateTime<Utc>) -> Moment {
    let elapsed = at.signed_duration_since(started_at).num_milliseconds();
    Moment { at, elapsed_ms: u64::try_from(elapsed).unwrap_or(0) }
}
