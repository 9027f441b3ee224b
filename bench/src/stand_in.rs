//! Stand-ins for all that an engine works with: instant jobs and a tracker in memory.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use hew_core::agent::SpawnReport;
use hew_core::engine::event::{ExitView, MergeView, PlannedView, PreparedView};
use hew_core::engine::{Effect, Event, LaneJob, SettleJob, WorkerJob};
use hew_core::exit::Exit;
use hew_core::ids::{Actor, BranchName, CommitId, IterationId, RuntimeName, TaskId, TreeId};
use hew_core::land::merge_back::{Advance, Candidate};
use hew_core::plan::{AgentStdin, PoliteSignal, SpawnFiles, SpawnLimits, SpawnPlan};
use hew_core::settings::OutputForm;
use hew_core::tracker::change::TaskChange;
use hew_core::tracker::record::task_from_record;
use hew_core::tracker::{ClaimOutcome, ReadyQuery, Task};
use hew_core::worktree::FileChange;
use hew_core::worktree::collect::{Collected, CollectedWork};

use crate::Problem;
use crate::workload::{task_id, task_number};

/// Tasks that wait for one another in one line; lines are side by side.
const LINES: usize = 64;

/// A made-up commit.
pub(crate) fn commit(number: u64) -> CommitId {
    CommitId::new(format!("{number:040x}"))
}

/// Workers, lane and tracker that are done at once. Holds a few bytes a task, so that the memory seen is the engine's.
pub(crate) struct StandIn {
    count: usize,
    ready: BTreeSet<usize>,
    pub(crate) closed: usize,
    commits: u64,
}

impl StandIn {
    pub(crate) fn new(count: usize) -> Self {
        Self { count, ready: (0..count.min(LINES)).collect(), closed: 0, commits: 0 }
    }

    /// Does what is asked and answers at once.
    pub(crate) fn perform(&mut self, effect: Effect) -> Result<Vec<Event>, Problem> {
        Ok(match effect {
            Effect::ListReady(query) => vec![Event::ReadyListed(Ok(self.list(&query)?))],
            Effect::Claim { iteration, task, actor } => {
                let number = task_number(task.as_str())?;
                self.ready.remove(&number);
                let won = ClaimOutcome::Won(Box::new(task_of(number, Some(&actor))?));
                vec![Event::Claimed { iteration, result: Ok(won) }]
            }
            Effect::Work { iteration, job } => self.work(iteration, job)?,
            Effect::Lane(job) => self.lane(&job).into_iter().collect(),
            Effect::Settle { iteration, job } => vec![self.settle(iteration, job)?],
            Effect::ListLeftovers(_) => vec![Event::LeftoversListed(Ok(Vec::new()))],
            Effect::LookAhead(_) => vec![Event::LookedAhead(Ok(Vec::new()))],
            Effect::MakeAhead { worker, .. } => {
                vec![Event::MadeAhead { worker, result: Ok(format!("wt/{}", worker.0)) }]
            }
            Effect::ReadRunning(_)
            | Effect::Record(_)
            | Effect::StopAgent(..)
            | Effect::StopGate(_)
            | Effect::WakeAt(_)
            | Effect::WakeIn(_)
            | Effect::NoteVerify(_)
            | Effect::DraftPlanner(_)
            | Effect::RunPlanner { .. }
            | Effect::StopPlanner
            | Effect::Help { .. }
            | Effect::Finish(_) => Vec::new(),
        })
    }

    fn list(&self, query: &ReadyQuery) -> Result<Vec<Task>, Problem> {
        let wanted =
            self.ready.iter().filter(|number| !query.exclude.contains(&TaskId::new(task_id(**number))));
        wanted.take(query.limit.unwrap_or(usize::MAX)).map(|number| task_of(*number, None)).collect()
    }

    fn new_commit(&mut self) -> CommitId {
        self.commits += 1;
        commit(self.commits)
    }

    fn work(&mut self, iteration: IterationId, job: WorkerJob) -> Result<Vec<Event>, Problem> {
        Ok(match job {
            WorkerJob::Prepare { .. } => {
                let view = PreparedView {
                    worktree: format!("wt/{}", iteration.worker.0),
                    branch: BranchName::new(format!("loop/{}", iteration.worker)),
                    fresh: false,
                };
                vec![Event::Prepared { iteration, result: Ok(view) }]
            }
            WorkerJob::Plan { .. } => {
                let view = PlannedView { plan: Box::new(plan()), prompt_prefix_hash: "0".repeat(64) };
                vec![Event::Planned { iteration, result: Ok(Ok(view)) }]
            }
            WorkerJob::Run { task, .. } => {
                let task_after = Some(Box::new(task_of(task_number(task.as_str())?, None)?));
                let exit = Box::new(ExitView { report: report(), task_after: Ok(task_after), next: None });
                vec![
                    Event::Spawned { iteration, pid: 1, start_ticks: 1 },
                    Event::Exited { iteration, result: Ok(exit) },
                ]
            }
            WorkerJob::Prove { .. } => {
                return Err(format!("{iteration} is to wait on its worker's branch"));
            }
            WorkerJob::Collect { .. } => {
                let change = |n: u32| FileChange {
                    path: format!("f{n}"),
                    added: 1,
                    removed: 1,
                    is_repository_link: false,
                };
                let work = CollectedWork {
                    head: self.new_commit(),
                    committed_leftovers: false,
                    changes: (0..3).map(change).collect(),
                    symbols: Vec::new(),
                    descends_from_base: true,
                };
                vec![Event::Collected { iteration, result: Ok(Collected::Work(work)) }]
            }
        })
    }

    fn lane(&mut self, job: &LaneJob) -> Option<Event> {
        Some(match job {
            LaneJob::Merge { .. } => {
                let commit = self.new_commit();
                let tree = TreeId::new(commit.as_str());
                let candidate = Candidate::Made { commit, tree };
                Event::Merged(Ok(MergeView::Candidate { candidate, resolves: Vec::new() }))
            }
            LaneJob::Advance { .. } => Event::Advanced(Ok(Advance { meddled: None, restored: false })),
            LaneJob::CleanUp => Event::CleanedUp(Vec::new()),
            LaneJob::Baseline { .. }
            | LaneJob::MergeBranch { .. }
            | LaneJob::Gate { .. }
            | LaneJob::Verify { .. }
            | LaneJob::Deliver { .. }
            | LaneJob::KeepConflict { .. }
            | LaneJob::KeepBranch { .. } => {
                return None;
            }
        })
    }

    fn settle(&mut self, iteration: IterationId, job: SettleJob) -> Result<Event, Problem> {
        let SettleJob::Close(request) = job else {
            return Err(format!("{iteration} did not close its task"));
        };
        let number = task_number(request.task.as_str())?;
        self.closed += 1;
        if number + LINES < self.count {
            self.ready.insert(number + LINES);
        }
        let change = TaskChange::Closed { landed_sha: request.landed };
        Ok(Event::Settled { iteration, result: Ok(vec![(request.task, change)]) })
    }
}

fn task_of(number: usize, assignee: Option<&Actor>) -> Result<Task, Problem> {
    let id = task_id(number);
    let at: DateTime<Utc> = DateTime::UNIX_EPOCH + TimeDelta::seconds(1_700_000_000);
    let mut record = serde_json::json!({
        "id": id, "title": format!("Change files of {id}"), "status": "open", "priority": 2, "issue_type": "task",
        "created_at": at.to_rfc3339(), "updated_at": at.to_rfc3339(),
    });
    if let Some(actor) = assignee {
        record["status"] = "in_progress".into();
        record["assignee"] = actor.as_str().into();
    }
    if let Some(before) = number.checked_sub(LINES) {
        record["dependencies"] =
            serde_json::json!([{ "issue_id": id, "depends_on_id": task_id(before), "type": "blocks" }]);
    }
    let serde_json::Value::Object(record) = record else { return Err("a record is an object".to_owned()) };
    task_from_record(record).map_err(|error| error.to_string())
}

fn plan() -> SpawnPlan {
    let minute = Duration::from_secs(60);
    SpawnPlan {
        runtime: RuntimeName::new("none"),
        model: None,
        model_told: None,
        endpoint: None,
        argv: vec!["none".to_owned(), "prompt.md".to_owned()],
        env: std::collections::BTreeMap::new(),
        cwd: "wt".into(),
        stdin: AgentStdin::Null,
        limits: SpawnLimits {
            timeout: minute,
            stall_timeout: minute,
            kill_grace: minute,
            transcript_max_bytes: 1 << 20,
            budget_usd: None,
        },
        done_on_exit_zero: true,
        output: OutputForm::Text,
        resumes: None,
        polite_signal: PoliteSignal::Terminate,
        sandbox: None,
        files: SpawnFiles {
            transcript: "transcript.jsonl".into(),
            stderr_log: "stderr.log".into(),
            outcome: "outcome.json".into(),
        },
        provenance: Vec::new(),
    }
}

fn report() -> SpawnReport {
    SpawnReport::new(Exit::Code(0), Duration::from_millis(1))
}
