//! Hand-made journals: a run as the engine would write it, built step by step.

use chrono::{DateTime, TimeDelta, Utc};
use hew_core::exit::Exit;
use hew_core::helper::Helper;
use hew_core::ids::{CommitId, IterationId, RunId, TaskId, TreeId, WorkerId};
use hew_core::record::event::{
    BatchSource, DeliveryRecord, GateRecord, JournalEntry, JournalEvent, LeftoverRecord, SCHEMA_VERSION,
    ScopeRecord, SettingRecord, SkipReason, StopReason, TaskChange, VerifyOutcome,
};
use hew_core::record::files::CostSource;
use hew_core::record::{IterationOutcome, files};
use hew_core::usage::Usage;

pub use crate::sample_night::night;
pub use crate::sample_runs::{
    HOSTILE_TITLE, HOSTILE_TITLES, every_outcome, every_path, in_the_middle, with_titles,
};

/// 2026-11-20 19:30 UTC, in seconds since the epoch.
const LAUNCHED: i64 = 1_795_203_000;

/// A journal in the making. Each event takes as long as was said before it.
#[derive(Debug)]
pub struct JournalBuilder {
    run: RunId,
    jobs: u16,
    launched: DateTime<Utc>,
    elapsed_ms: u64,
    landings: u64,
    iterations: u64,
    pub(crate) tip: CommitId,
    seq: u64,
    entries: Vec<JournalEntry>,
    usage: Usage,
    cost_usd: Option<f64>,
    runtime: &'static str,
    model: Option<&'static str>,
    batches: u32,
    batch: Option<u32>,
    model_observed: Option<String>,
}

/// The commit that a hand-made run starts from.
pub fn launch_commit() -> CommitId {
    commit(0)
}

/// A made-up commit.
pub fn commit(number: u64) -> CommitId {
    CommitId::new(format!(
        "{:08x}{number:032x}",
        0x00c0_ffee_u32.wrapping_add(u32::try_from(number).unwrap_or(0))
    ))
}

/// An iteration's id.
pub fn iteration(worker: u16, iter: u32) -> IterationId {
    IterationId { worker: WorkerId(worker), iter }
}

/// A gate that took 0.4 s and ended like this.
pub fn gate(exit: Exit, number: u64) -> GateRecord {
    GateRecord {
        command: "cargo test".to_owned(),
        exit,
        duration_secs: 0.4,
        tree_sha: TreeId::new(format!("7ee{number:037x}")),
        stopped: None,
        leaked: 0,
        flaky: false,
        log: "gate.log".to_owned(),
        tampered: None,
    }
}

impl JournalBuilder {
    /// A run of `jobs` workers, launched at 2026-11-20 19:30 UTC; `random` tells runs apart.
    pub fn launch(jobs: u16, random: u32) -> Self {
        Self::launch_at(DateTime::UNIX_EPOCH + TimeDelta::seconds(LAUNCHED), jobs, random)
    }

    /// The same at any time.
    pub fn launch_at(launched: DateTime<Utc>, jobs: u16, random: u32) -> Self {
        let run = RunId::new(launched, random);
        let mut journal = Self {
            run: run.clone(),
            jobs,
            launched,
            elapsed_ms: 12,
            landings: 0,
            iterations: 0,
            tip: launch_commit(),
            seq: 0,
            entries: Vec::new(),
            usage: Usage::default(),
            cost_usd: None,
            runtime: "shell",
            model: None,
            batches: 0,
            batch: None,
            model_observed: None,
        };
        journal.push(JournalEvent::RunStarted {
            schema_version: SCHEMA_VERSION,
            run_id: run.clone(),
            hew_version: "0.1.0".to_owned(),
            pid: 4242,
            project: "/home/ada/app".to_owned(),
            target_branch: Some("main".into()),
            launch_sha: launch_commit(),
            run_branch: format!("loop/{run}/main").as_str().into(),
            jobs,
            scope: ScopeRecord::Ready,
            gate: Some("cargo test".to_owned()),
            tracker: None,
            max_iter: Some(40),
            budget_wall_secs: Some(3600),
            worktrees: format!("/home/ada/.hew/wt/{run}"),
            settings: vec![SettingRecord {
                key: "loop.jobs".to_owned(),
                value: jobs.to_string(),
                origin: "flag --jobs".to_owned(),
            }],
            in_scope: 12,
        });
        journal
    }

    /// The run.
    pub fn run_id(&self) -> &RunId {
        &self.run
    }

    /// The entries so far.
    pub fn entries(&self) -> &[JournalEntry] {
        &self.entries
    }

    /// The entries since this was asked for last, so that a long run need not be in memory as a whole.
    pub fn take_entries(&mut self) -> Vec<JournalEntry> {
        std::mem::take(&mut self.entries)
    }

    /// The entries as `events.jsonl` holds them.
    pub fn to_jsonl(&self) -> String {
        to_jsonl(&self.entries)
    }

    /// Says otherwise what the run was launched with.
    pub fn launched_with(&mut self, edit: impl FnOnce(&mut JournalEvent)) -> &mut Self {
        if let Some(entry) = self.entries.first_mut() {
            edit(&mut entry.event);
        }
        self
    }

    /// Lets time pass.
    pub fn after_ms(&mut self, ms: u64) -> &mut Self {
        self.elapsed_ms += ms;
        self
    }

    /// Adds an event.
    pub fn push(&mut self, event: JournalEvent) -> &mut Self {
        let ms = TimeDelta::milliseconds(i64::try_from(self.elapsed_ms).unwrap_or(i64::MAX));
        self.seq += 1;
        self.entries.push(JournalEntry {
            seq: self.seq,
            at: self.launched + ms,
            elapsed_ms: self.elapsed_ms,
            event,
        });
        self
    }

    /// The gate on the launch commit is green.
    pub fn baseline(&mut self) -> &mut Self {
        self.after_ms(400).push(JournalEvent::Baseline { gate: gate(Exit::Code(0), 0) })
    }

    /// An iteration begins.
    pub fn start(&mut self, id: IterationId, task: &str, title: &str, attempt: u32) -> &mut Self {
        self.start_on(id, task, title, attempt, &[])
    }

    /// The same for a task that builds on others that landed.
    pub fn start_on(
        &mut self,
        id: IterationId,
        task: &str,
        title: &str,
        attempt: u32,
        builds_on: &[&str],
    ) -> &mut Self {
        self.iterations += 1;
        self.push(JournalEvent::IterationStarted {
            iteration: id,
            number: self.iterations,
            task: task.into(),
            title: title.to_owned(),
            attempt,
            actor: self.run.actor(id),
            base_sha: self.tip.clone(),
            builds_on: builds_on.iter().map(|task| TaskId::from(*task)).collect(),
            batch: self.batch,
        })
    }

    /// The iteration that just began was picked under this batch.
    pub fn under_batch(&mut self, number: u32) -> &mut Self {
        let last = self.entries.last_mut().map(|entry| &mut entry.event);
        if let Some(JournalEvent::IterationStarted { batch, .. }) = last {
            *batch = Some(number);
        }
        self
    }

    /// Its worktree stands, its plan is made, its agent runs.
    pub fn spawn(&mut self, id: IterationId) -> &mut Self {
        let worktree = format!("/home/ada/.hew/wt/{}/{}", self.run, id.worker.0);
        self.after_ms(30).push(JournalEvent::Prepared { iteration: id, worktree, fresh: id.iter == 1 });
        let (runtime, model) = (self.runtime, self.model);
        self.after_ms(5).push(JournalEvent::Plan {
            iteration: id,
            runtime: runtime.into(),
            model: model.map(Into::into),
            model_told: model.map(Into::into),
            line: String::new(),
            argv: vec!["sh".to_owned(), "-c".to_owned(), "make".to_owned()],
            prompt_prefix_hash: "9f86d081".to_owned(),
            provenance: Vec::new(),
        });
        self.after_ms(2).push(JournalEvent::Spawned { iteration: id, pid: 5000 + id.iter, start_ticks: 77 })
    }

    /// Its agent ends after some time.
    pub fn exit(&mut self, id: IterationId, exit: Exit, ms: u64) -> &mut Self {
        self.exit_stopped(id, exit, ms, None)
    }

    /// The same for an agent that was stopped.
    #[expect(clippy::cast_precision_loss, reason = "made-up durations are small")]
    pub fn exit_stopped(&mut self, id: IterationId, exit: Exit, ms: u64, stopped: Option<&str>) -> &mut Self {
        let (usage, cost_usd) = (self.usage, self.cost_usd);
        let model_observed = self.model_observed.clone();
        self.after_ms(ms).push(JournalEvent::Exited {
            iteration: id,
            exit,
            duration_secs: ms as f64 / 1000.0,
            stopped: stopped.map(ToOwned::to_owned),
            leaked: 0,
            signal: None,
            output_bytes: 2048,
            decisions: vec!["kept the old name".to_owned()],
            deferred: Vec::new(),
            summary: None,
            summary_asked: false,
            stderr_tail: String::new(),
            usage,
            cost_usd,
            cost_source: cost_usd.map(|_| CostSource::Reported),
            session_id: None,
            model_observed,
            tool_calls: Vec::new(),
            failure: None,
            verdict: None,
        })
    }

    /// What agents use that end from here on, and what it costs where the runtime says so.
    pub fn agents_use(&mut self, usage: Usage, cost_usd: Option<f64>) -> &mut Self {
        (self.usage, self.cost_usd) = (usage, cost_usd);
        self
    }

    /// Which model iterations ask for that are planned from here on, and which one answers.
    pub fn models(&mut self, asked: Option<&'static str>, observed: Option<&str>) -> &mut Self {
        (self.model, self.model_observed) = (asked, observed.map(ToOwned::to_owned));
        self
    }

    /// What agents are and are asked for that are started from here on.
    pub fn agents_are(&mut self, runtime: &'static str, model: Option<&'static str>) -> &mut Self {
        (self.runtime, self.model) = (runtime, model);
        self
    }

    /// Milliseconds since launch.
    pub fn elapsed_ms(&self) -> u64 {
        self.elapsed_ms
    }

    /// After an iteration this is said to be next. What begins from here on is picked under it.
    pub fn plan(&mut self, after: IterationId, source: BatchSource, task_ids: &[&str]) -> &mut Self {
        self.batches += 1;
        self.batch = Some(self.batches);
        let reason = (source == BatchSource::Skipped).then_some(SkipReason::RuntimeError);
        let number = self.batches;
        self.after_ms(1).push(JournalEvent::BatchPlanned {
            number,
            iteration: after,
            source,
            task_ids: task_ids.iter().map(|task| TaskId::from(*task)).collect(),
            dropped: Vec::new(),
            reason,
            detail: None,
            planner_tokens: None,
            cost_usd: None,
            cost_source: None,
        })
    }

    /// What begins from here on is picked under nobody's plan.
    pub fn unplanned(&mut self) -> &mut Self {
        self.batch = None;
        self
    }

    /// The verification at the end is over.
    pub fn verified(&mut self, outcome: VerifyOutcome, failed_tests: &[&str]) -> &mut Self {
        let sha = self.tip.clone();
        let failed_tests = failed_tests.iter().map(|name| (*name).to_owned()).collect();
        self.after_ms(2_000).push(JournalEvent::Verified { sha, outcome, log: None, failed_tests })
    }

    /// Its work is anchored: two files, +10 -3.
    pub fn collect(&mut self, id: IterationId) -> &mut Self {
        let anchor = format!("refs/hew/{}/{}/{}", self.run, id.worker, id.stem());
        let number = 1000 * (u64::from(id.worker.0) + 1) + u64::from(id.iter);
        self.after_ms(20).push(JournalEvent::Collected {
            iteration: id,
            head_sha: commit(number),
            anchor: anchor.as_str().into(),
            committed_leftovers: false,
            files_touched: vec!["src/lib.rs".to_owned(), "tests/all.rs".to_owned()],
            file_count: 2,
            added: 10,
            removed: 3,
            symbols_touched: Vec::new(),
        });
        self.push(JournalEvent::Queued { iteration: id })
    }

    /// Its candidate is merged and the gate has spoken.
    pub fn gate(&mut self, id: IterationId, exit: Exit) -> &mut Self {
        let number = self.entries.len() as u64;
        let tip = self.tip.clone();
        self.after_ms(9).push(JournalEvent::Candidate {
            iteration: id,
            tip,
            candidate: commit(number),
            tree: gate(exit, number).tree_sha,
        });
        let gate = gate(exit, number);
        self.after_ms(400).push(JournalEvent::Gated { iteration: id, gate, definition_changed: Vec::new() })
    }

    /// A model is asked for the summary of an iteration that is in here, and answers after its end.
    pub fn sum_up_late(&mut self, id: IterationId, answer: &str) -> &mut Self {
        for entry in &mut self.entries {
            if let JournalEvent::Exited { iteration, summary_asked, .. } = &mut entry.event {
                *summary_asked |= *iteration == id;
            }
        }
        self.push(JournalEvent::Helped {
            iteration: id,
            helper: Helper::Summary,
            answer: Some(answer.to_owned()),
            failure: None,
            model: None,
            usage: Usage::default(),
            cost_usd: None,
            cost_source: None,
        })
    }

    /// It lands and its task is closed: the iteration is over.
    pub fn land(&mut self, id: IterationId, task: &str) -> &mut Self {
        self.landings += 1;
        let number = self.landings;
        let sha = commit(100 + number);
        let from = std::mem::replace(&mut self.tip, sha.clone());
        self.after_ms(3).push(JournalEvent::Landed {
            iteration: id,
            task: task.into(),
            from,
            sha: sha.clone(),
            number,
            with: Vec::new(),
        });
        self.change(id, task, TaskChange::Closed { landed_sha: Some(sha.clone()) });
        self.push(JournalEvent::IterationEnded {
            iteration: id,
            task: task.into(),
            outcome: IterationOutcome::Closed,
            reason: None,
            landed_sha: Some(sha),
            spares_attempt: false,
        })
    }

    /// The tracker was told.
    pub fn change(&mut self, id: IterationId, task: &str, change: TaskChange) -> &mut Self {
        self.after_ms(2).push(JournalEvent::TaskChanged { iteration: id, task: task.into(), change })
    }

    /// The iteration is over without having landed.
    pub fn end(&mut self, id: IterationId, task: &str, outcome: IterationOutcome, reason: &str) -> &mut Self {
        self.push(JournalEvent::IterationEnded {
            iteration: id,
            task: task.into(),
            outcome,
            reason: Some(reason.to_owned()),
            landed_sha: None,
            spares_attempt: false,
        })
    }

    /// Everything from start to landing.
    pub fn whole(&mut self, id: IterationId, task: &str, title: &str) -> &mut Self {
        self.start(id, task, title, 1).spawn(id).exit(id, Exit::Code(0), 1500);
        self.collect(id).gate(id, Exit::Code(0)).land(id, task)
    }

    /// The result is on the target and the run is over.
    pub fn deliver_and_end(&mut self) -> &mut Self {
        self.deliver().run_ended(StopReason::ReadyEmpty, 0, Vec::new(), Vec::new())
    }

    /// The result is on the target.
    pub fn deliver(&mut self) -> &mut Self {
        let sha = self.tip.clone();
        self.push(JournalEvent::Delivering { target: "main".into(), sha: sha.clone() });
        let outcome = DeliveryRecord::Delivered { target: "main".into(), sha };
        self.after_ms(15).push(JournalEvent::Delivery { outcome })
    }

    /// The run is over.
    pub fn run_ended(
        &mut self,
        stop_reason: StopReason,
        exit_code: u8,
        leftovers: Vec<LeftoverRecord>,
        remedies: Vec<String>,
    ) -> &mut Self {
        self.push(JournalEvent::RunEnded { stop_reason, exit_code, leftovers, remedies })
    }

    /// The folder of an iteration, relative to the run folder.
    pub fn iteration_dir(&self, id: IterationId) -> String {
        files::iteration_dir(self.jobs, id)
    }
}

/// Entries as `events.jsonl` holds them.
///
/// # Panics
/// Never: events have string keys.
pub fn to_jsonl(entries: &[JournalEntry]) -> String {
    let line = |entry| serde_json::to_string(entry).expect("events have string keys") + "\n";
    entries.iter().map(line).collect()
}
