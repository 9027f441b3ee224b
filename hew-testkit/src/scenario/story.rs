//! What happened, in the short form in which assertions read best.

use std::fmt::Write as _;
use std::time::Duration;

use chrono::{DateTime, Utc};
use hew_core::agent::StopRequest;
use hew_core::clock::Clock;
use hew_core::engine::{Effect, LaneJob, WorkerJob};
use hew_core::escape::Escape;
use hew_core::ids::{Actor, IterationId, TaskId};
use hew_core::prompt::FailedAttempt;
use hew_core::record::event::{RuntimeChange, VerifyOutcome};
use hew_core::record::{JournalEvent, StopReason};
use hew_core::tracker::{BdClient, Status, Task, TaskEditor, TaskPatch};
use serde_json::{Value, json};

use super::world::World;

impl World {
    /// The exit code; none while the run goes on.
    pub fn exit(&self) -> Option<u8> {
        self.end.map(|end| end.exit_code)
    }

    /// Time since the run began.
    pub fn elapsed(&self) -> Duration {
        self.clock.now().elapsed
    }

    /// The moment on the calendar.
    pub fn calendar(&self) -> DateTime<Utc> {
        self.clock.now().wall
    }

    /// Iterations that began, in order: tasks.
    pub fn began(&self) -> Vec<&str> {
        self.journal
            .iter()
            .filter_map(|event| match event {
                JournalEvent::IterationStarted { task, .. } => Some(task.as_str()),
                _ => None,
            })
            .collect()
    }

    /// Iterations that ended, in order: `task outcome`.
    pub fn ended(&self) -> Vec<String> {
        self.journal
            .iter()
            .filter_map(|event| match event {
                JournalEvent::IterationEnded { task, outcome, .. } => {
                    Some(format!("{task} {}", outcome.as_str()))
                }
                _ => None,
            })
            .collect()
    }

    /// Work that came to wait on its worker's branch, in order: `w0 task`.
    pub fn stacked(&self) -> Vec<String> {
        self.journal
            .iter()
            .filter_map(|event| match event {
                JournalEvent::Stacked { iteration, task, .. } => Some(format!("{} {task}", iteration.worker)),
                _ => None,
            })
            .collect()
    }

    /// Branches that were to be merged, in order: their tasks.
    pub fn branches(&self) -> Vec<String> {
        self.effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::Lane(LaneJob::MergeBranch { parts, .. }) => {
                    let tasks: Vec<&str> = parts.iter().map(|part| part.task.id.as_str()).collect();
                    Some(tasks.join(" "))
                }
                _ => None,
            })
            .collect()
    }

    /// Tasks whose work landed, in order.
    pub fn landed(&self) -> Vec<&str> {
        self.journal
            .iter()
            .filter_map(|event| match event {
                JournalEvent::Landed { task, .. } => Some(task.as_str()),
                _ => None,
            })
            .collect()
    }

    /// Tasks whose agents run now.
    pub fn running(&self) -> Vec<String> {
        let mut running: Vec<String> = self
            .workers
            .iter()
            .flatten()
            .filter_map(|(_, job)| match job {
                WorkerJob::Run { task, .. } => Some(task.to_string()),
                _ => None,
            })
            .collect();
        running.sort();
        running
    }

    /// Every task that was claimed, in order.
    pub fn claimed(&self) -> Vec<&str> {
        self.effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::Claim { task, .. } => Some(task.as_str()),
                _ => None,
            })
            .collect()
    }

    /// Worktrees that were begun before there was a task for them, in order: workers.
    pub fn made_ahead(&self) -> Vec<u16> {
        self.effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::MakeAhead { worker, .. } => Some(worker.0),
                _ => None,
            })
            .collect()
    }

    /// Runtimes that agents were started with, in order: `task runtime`.
    pub fn ran_on(&self) -> Vec<String> {
        let mut runtime = std::collections::BTreeMap::new();
        let mut ran = Vec::new();
        for event in &self.journal {
            match event {
                JournalEvent::IterationStarted { iteration, task, .. } => {
                    runtime.insert(*iteration, task.clone());
                }
                JournalEvent::Plan { iteration, runtime: name, .. } => {
                    ran.push(format!("{} {name}", runtime[iteration]));
                }
                _ => {}
            }
        }
        ran
    }

    /// What happened to runtimes, in order: `one rests`, `one out`, `one tried`, `one fit`, `two stands in`.
    pub fn runtime_changes(&self) -> Vec<String> {
        self.journal
            .iter()
            .filter_map(|event| match event {
                JournalEvent::RuntimeChanged { runtime, change, .. } => {
                    let word = match change {
                        RuntimeChange::Rests { .. } => "rests",
                        RuntimeChange::Out { .. } => "out",
                        RuntimeChange::Tried => "tried",
                        RuntimeChange::Fit => "fit",
                        RuntimeChange::StandsIn { .. } => "stands in",
                    };
                    Some(format!("{runtime} {word}"))
                }
                _ => None,
            })
            .collect()
    }

    /// Waits before retries, in order, in milliseconds.
    pub fn retry_waits(&self) -> Vec<u64> {
        self.journal
            .iter()
            .filter_map(|event| match event {
                JournalEvent::RetryPlanned { wait_ms, .. } => Some(*wait_ms),
                _ => None,
            })
            .collect()
    }

    /// How often the queue was asked.
    pub fn lists(&self) -> usize {
        self.effects.iter().filter(|effect| matches!(effect, Effect::ListReady(_))).count()
    }

    /// What the second and later attempts at a task were told of the one before.
    pub fn told(&self, task: &str) -> Vec<&FailedAttempt> {
        self.effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::Work { job: WorkerJob::Plan { task: planned, previous, .. }, .. } => {
                    (planned.id.as_str() == task).then_some(previous.as_deref()).flatten()
                }
                _ => None,
            })
            .collect()
    }

    /// Jobs of the lane, in order: their names.
    pub fn lane_jobs(&self) -> Vec<&'static str> {
        self.effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::Lane(job) => Some(lane_word(job)),
                _ => None,
            })
            .collect()
    }

    /// Stops that agents were sent, in order.
    pub fn agent_stops(&self) -> Vec<StopRequest> {
        self.effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::StopAgent(_, how) => Some(*how),
                _ => None,
            })
            .collect()
    }

    /// Stops that the gate was sent, in order.
    pub fn gate_stops(&self) -> Vec<StopRequest> {
        self.effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::StopGate(how) => Some(*how),
                _ => None,
            })
            .collect()
    }

    /// Why the run ended.
    pub fn stop_reason(&self) -> Option<StopReason> {
        self.journal.iter().find_map(|event| match event {
            JournalEvent::RunEnded { stop_reason, .. } => Some(*stop_reason),
            _ => None,
        })
    }

    /// What is left over, as the run's end has it: `task: why`.
    pub fn left_over(&self) -> Vec<String> {
        self.run_end(|leftovers, _| {
            leftovers.iter().map(|left| format!("{}: {}", left.task, left.why)).collect()
        })
    }

    /// What a person should do now.
    pub fn remedies(&self) -> Vec<String> {
        self.run_end(|_, remedies| remedies.to_vec())
    }

    fn run_end(
        &self,
        pick: impl Fn(&[hew_core::record::event::LeftoverRecord], &[String]) -> Vec<String>,
    ) -> Vec<String> {
        let end = self.journal.iter().find_map(|event| match event {
            JournalEvent::RunEnded { leftovers, remedies, .. } => Some(pick(leftovers, remedies)),
            _ => None,
        });
        end.unwrap_or_default()
    }

    /// Notices for people.
    pub fn notices(&self) -> Vec<&str> {
        self.journal
            .iter()
            .filter_map(|event| match event {
                JournalEvent::Noticed { text, .. } => Some(text.as_str()),
                _ => None,
            })
            .collect()
    }

    /// What agents changed that is not theirs, with whose doing it was.
    pub fn escapes(&self) -> Vec<(Option<IterationId>, &Escape)> {
        self.journal
            .iter()
            .filter_map(|event| match event {
                JournalEvent::Escaped { about, escapes, .. } => Some((about, escapes)),
                _ => None,
            })
            .flat_map(|(about, escapes)| escapes.iter().map(|escape| (*about, escape)))
            .collect()
    }

    /// What each verification showed: its kind, or why it was skipped.
    pub fn verified(&self) -> Vec<String> {
        self.journal
            .iter()
            .filter_map(|event| match event {
                JournalEvent::Verified { outcome: VerifyOutcome::Skipped { reason }, .. } => {
                    Some(reason.clone())
                }
                JournalEvent::Verified { outcome, .. } => Some(outcome.as_str().to_owned()),
                _ => None,
            })
            .collect()
    }

    /// What came of each delivery: `delivered`, `refused`, or why none was wanted.
    pub fn deliveries(&self) -> Vec<String> {
        use hew_core::record::event::DeliveryRecord;
        self.journal
            .iter()
            .filter_map(|event| match event {
                JournalEvent::Delivery { outcome } => Some(match outcome {
                    DeliveryRecord::Delivered { .. } => "delivered".to_owned(),
                    DeliveryRecord::Refused { .. } => "refused".to_owned(),
                    DeliveryRecord::NotWanted { reason } => reason.clone(),
                }),
                _ => None,
            })
            .collect()
    }

    /// A task as the tracker has it.
    ///
    /// # Panics
    /// If there is none.
    pub fn task(&self, id: &str) -> Task {
        self.tracker.task(&TaskId::new(id)).expect("a fake answers").expect("the task is there")
    }

    /// Its status, its holder unless it is closed, its labels.
    pub fn state_of(&self, id: &str) -> String {
        let task = self.task(id);
        let mut text = task.status.to_string();
        let holder = task.assignee.iter().filter(|_| task.status != Status::Closed);
        for word in holder.map(Actor::as_str).chain(task.labels.iter().map(String::as_str)) {
            let _ = write!(text, " {word}");
        }
        text
    }

    /// A person closes a task.
    ///
    /// # Panics
    /// If there is none.
    pub fn person_closes(&mut self, id: &str) -> &mut Self {
        let closed = self.tracker.close(&TaskId::new(id), "by hand", &Actor::new("ann"));
        closed.expect("the task is there");
        self.rules.closed_by_person(&TaskId::new(id));
        self.tracker_changed()
    }

    /// A person takes a task over.
    ///
    /// # Panics
    /// If there is none.
    pub fn person_takes(&mut self, id: &str) -> &mut Self {
        let patch = TaskPatch { assignee: Some(Some(Actor::new("ann"))), ..TaskPatch::default() };
        self.tracker.update(&TaskId::new(id), &patch).expect("the task is there");
        self.tracker_changed()
    }

    /// A person files another task.
    ///
    /// # Panics
    /// If it can't be stored.
    pub fn person_files(&mut self, id: &str) -> &mut Self {
        let record = super::task_record(id, &[], 0, &json!({}));
        let line = Value::Object(record).to_string();
        self.tracker.import(&line, false).expect("a task can be stored");
        self.tracker_changed()
    }

    /// The journal and the effects between its lines, for a failed test.
    pub fn transcript(&self) -> String {
        let mut text = String::new();
        for effect in &self.effects {
            let _ = match effect {
                Effect::Record(event) => writeln!(text, "  {event:?}"),
                Effect::Work { iteration, job } => writeln!(text, "> {iteration} {}", work_word(job)),
                Effect::Lane(job) => writeln!(text, "> lane {}", lane_word(job)),
                Effect::ListReady(_) => writeln!(text, "> list"),
                other => writeln!(text, "> {other:?}"),
            };
        }
        text
    }
}

fn work_word(job: &WorkerJob) -> &'static str {
    match job {
        WorkerJob::Prepare { .. } => "prepare",
        WorkerJob::Plan { .. } => "plan",
        WorkerJob::Run { .. } => "run",
        WorkerJob::Prove { .. } => "prove",
        WorkerJob::Collect { .. } => "collect",
    }
}

fn lane_word(job: &LaneJob) -> &'static str {
    match job {
        LaneJob::Baseline { .. } => "baseline",
        LaneJob::Merge { .. } => "merge",
        LaneJob::MergeBranch { .. } => "merge branch",
        LaneJob::Gate { .. } => "gate",
        LaneJob::Advance { .. } => "advance",
        LaneJob::Verify { .. } => "verify",
        LaneJob::Deliver { .. } => "deliver",
        LaneJob::KeepConflict { .. } => "keep",
        LaneJob::KeepBranch { .. } => "keep branch",
        LaneJob::CleanUp => "clean up",
    }
}
