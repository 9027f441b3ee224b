//! A large run without processes: the real engine, the real journal and the files made from it; instant jobs and a
//! tracker in memory. Its own process, so that its memory can be looked at.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use hew::adapters::recorder::Recorder;
use hew::adapters::store::RunFolder;
use hew_core::agent::SpawnReport;
use hew_core::clock::Now;
use hew_core::engine::event::{ExitView, MergeView, PlannedView, PreparedView};
use hew_core::engine::{Effect, Event, LaneJob, RunConfig, RunLimits, SettleJob, State, WorkerJob, step};
use hew_core::exit::Exit;
use hew_core::ids::{Actor, BranchName, CommitId, IterationId, RunId, RuntimeName, TaskId, TreeId};
use hew_core::land::merge_back::{Advance, Candidate};
use hew_core::plan::{AgentStdin, SpawnFiles, SpawnLimits, SpawnPlan};
use hew_core::record::{JournalEntry, RunView, Store as _};
use hew_core::settings::{Settings, Values};
use hew_core::tracker::change::TaskChange;
use hew_core::tracker::record::task_from_record;
use hew_core::tracker::{ClaimOutcome, ReadyQuery, Scope, Task};
use hew_core::worktree::FileChange;
use hew_core::worktree::collect::{Collected, CollectedWork};

use crate::Problem;
use crate::measure::own_peak_kib;
use crate::workload::{task_id, task_number};

/// Tasks that wait for one another in one line; lines are side by side.
const LINES: usize = 64;

/// What a large run took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figures {
    pub(crate) closed: usize,
    /// Seconds, until the last file is written.
    pub(crate) seconds: f64,
    /// Seconds of that in the engine itself.
    pub(crate) engine: f64,
    /// Seconds of that in writing the journal.
    pub(crate) journal: f64,
    /// Seconds at the end for files that still waited.
    pub(crate) files: f64,
    pub(crate) appends: usize,
    pub(crate) peak_kib: u64,
}

/// Starts a child for `count` tasks and reads its figures.
pub(crate) fn in_child(count: usize, folder: &Path) -> Result<Figures, Problem> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut child = std::process::Command::new(program);
    child.args(["in-process", &count.to_string()]).arg(folder);
    let output = child.output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(format!("in-process run: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    let answer: serde_json::Value =
        serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())?;
    let real = |key: &str| answer[key].as_f64().unwrap_or(f64::NAN);
    let whole = |key: &str| answer[key].as_u64().unwrap_or(0);
    let count = |key: &str| usize::try_from(whole(key)).unwrap_or(0);
    Ok(Figures {
        closed: count("closed"),
        seconds: real("seconds"),
        engine: real("engine"),
        journal: real("journal"),
        files: real("files"),
        appends: count("appends"),
        peak_kib: whole("peak_kib"),
    })
}

/// The child: `in-process COUNT FOLDER`.
pub(crate) fn play(mut words: impl Iterator<Item = String>) -> Result<(), Problem> {
    let count = words.next().and_then(|word| word.parse().ok()).ok_or("how many tasks?")?;
    let folder = words.next().ok_or("which folder?")?;
    let figures = drain(count, Path::new(&folder))?;
    let answer = serde_json::json!({
        "closed": figures.closed, "seconds": figures.seconds, "engine": figures.engine,
        "journal": figures.journal, "files": figures.files, "appends": figures.appends,
        "peak_kib": figures.peak_kib,
    });
    println!("{answer}");
    Ok(())
}

fn drain(count: usize, folder: &Path) -> Result<Figures, Problem> {
    let start = Instant::now();
    let clock = || Now { elapsed: start.elapsed(), wall: Utc::now() };
    let config = config()?;
    let run = config.run.clone();
    let mut store = RunFolder::create(folder, &run).map_err(|error| error.to_string())?;
    let recorder = Recorder::start(Box::new(RunFolder::open(store.path())), RunView::new());
    let mut state = State::new(config);
    let mut stand_in = StandIn::new(count);
    let (mut in_engine, mut in_journal, mut appends, mut seq) = (Duration::ZERO, Duration::ZERO, 0, 0);
    let mut round = vec![Event::Launched];
    while !round.is_empty() {
        let begun = Instant::now();
        let effects: Vec<Effect> =
            round.drain(..).flat_map(|event| step(&mut state, event, clock())).collect();
        in_engine += begun.elapsed();
        let mut entries = Vec::new();
        for effect in effects {
            if let Effect::Record(event) = effect {
                seq += 1;
                let Now { elapsed, wall } = clock();
                let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
                entries.push(JournalEntry { seq, at: wall, elapsed_ms, event: *event });
            } else {
                round.extend(stand_in.perform(effect)?);
            }
        }
        if !entries.is_empty() {
            let begun = Instant::now();
            store.append(&entries).map_err(|error| error.to_string())?;
            in_journal += begun.elapsed();
            recorder.record(&entries);
            appends += 1;
        }
    }
    let begun = Instant::now();
    if let Some(problem) = recorder.finish().first() {
        return Err(problem.to_string());
    }
    Ok(Figures {
        closed: stand_in.closed,
        seconds: start.elapsed().as_secs_f64(),
        engine: in_engine.as_secs_f64(),
        journal: in_journal.as_secs_f64(),
        files: begun.elapsed().as_secs_f64(),
        appends,
        peak_kib: own_peak_kib(),
    })
}

fn config() -> Result<RunConfig, Problem> {
    let values = Values::built_in().overlaid_with(runtime()?).completed();
    let settings = Settings::from_values(&values).map_err(|problems| format!("settings: {problems:?}"))?;
    Ok(RunConfig {
        run: RunId::new(Utc::now(), 1),
        jobs: 2,
        scope: Scope::Ready,
        retry_parked: false,
        target: None,
        launch: commit(0),
        run_branch: BranchName::new("loop/x/main"),
        gate: None,
        limits: RunLimits {
            max_attempts: 3,
            max_iter: None,
            wall: None,
            stop_grace: Duration::from_secs(60),
        },
        deliver: false,
        watch: false,
        settings: Arc::new(settings),
    })
}

/// A runtime whose program is never started.
fn runtime() -> Result<Values, Problem> {
    let text = "loop.runtime = \"none\"\n[loop.runtime_defs.none]\ncommand = \"none\"\n";
    let layer = hew_core::settings::layers::read_file(text, "user", Path::new("none.toml"));
    if layer.problems.is_empty() { Ok(layer.values) } else { Err(format!("settings: {:?}", layer.problems)) }
}

fn commit(number: u64) -> CommitId {
    CommitId::new(format!("{number:040x}"))
}

/// Workers, lane and tracker that are done at once. Holds a few bytes a task, so that the memory seen is the engine's.
struct StandIn {
    count: usize,
    ready: BTreeSet<usize>,
    closed: usize,
    commits: u64,
}

impl StandIn {
    fn new(count: usize) -> Self {
        Self { count, ready: (0..count.min(LINES)).collect(), closed: 0, commits: 0 }
    }

    fn perform(&mut self, effect: Effect) -> Result<Vec<Event>, Problem> {
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
            Effect::ReadRunning(_)
            | Effect::Record(_)
            | Effect::StopAgent(..)
            | Effect::StopGate(_)
            | Effect::WakeAt(_)
            | Effect::WakeIn(_)
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
                let view = PreparedView { worktree: format!("wt/{}", iteration.worker.0), fresh: false };
                vec![Event::Prepared { iteration, result: Ok(view) }]
            }
            WorkerJob::Plan { .. } => {
                let view = PlannedView { plan: Box::new(plan()), prompt_prefix_hash: "0".repeat(64) };
                vec![Event::Planned { iteration, result: Ok(Ok(view)) }]
            }
            WorkerJob::Run { task, .. } => {
                let task_after = Ok(Some(Box::new(task_of(task_number(task.as_str())?, None)?)));
                let exit = Box::new(ExitView { report: report(), task_after });
                vec![
                    Event::Spawned { iteration, pid: 1, start_ticks: 1 },
                    Event::Exited { iteration, result: Ok(exit) },
                ]
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
                Event::Merged(Ok(MergeView::Candidate { candidate, resolves: None }))
            }
            LaneJob::Advance { .. } => Event::Advanced(Ok(Advance { meddled: None, restored: false })),
            LaneJob::CleanUp => Event::CleanedUp(Vec::new()),
            LaneJob::Baseline { .. }
            | LaneJob::Gate { .. }
            | LaneJob::Deliver { .. }
            | LaneJob::KeepConflict { .. } => {
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
        argv: vec!["none".to_owned(), "prompt.md".to_owned()],
        env: std::collections::BTreeMap::new(),
        cwd: "wt".into(),
        stdin: AgentStdin::Null,
        limits: SpawnLimits {
            timeout: minute,
            stall_timeout: minute,
            kill_grace: minute,
            transcript_max_bytes: 1 << 20,
        },
        done_on_exit_zero: true,
        files: SpawnFiles {
            transcript: "transcript.jsonl".into(),
            stderr_log: "stderr.log".into(),
            outcome: "outcome.json".into(),
        },
        provenance: Vec::new(),
    }
}

fn report() -> SpawnReport {
    SpawnReport {
        exit: Exit::Code(0),
        duration: Duration::from_millis(1),
        stopped: None,
        leaked: 0,
        last_line: String::new(),
        stdout_tail: String::new(),
        stderr_tail: String::new(),
        output_bytes: 0,
        decisions: Vec::new(),
        deferred: Vec::new(),
        summary: None,
        signal: None,
    }
}
