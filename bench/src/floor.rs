//! The physical floor: the least that has to be done for each task, and nothing else.
//!
//! N workers, each with a worktree that is used again; the agent in a process of its own; a merge without a checkout
//! under one lock; one synced record a task; the user's checkout caught up once, at the end.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::Problem;
use crate::agent;
use crate::checks::Work;
use crate::git::Environment;
use crate::repository::{Repository, TARGET};
use crate::workload::{Workload, task_id};

/// The branch that results are merged into.
const RUN_BRANCH: &str = "refs/heads/floor/main";

/// One drain.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FloorRun<'a> {
    pub(crate) environment: &'a Environment,
    pub(crate) repository: &'a Repository,
    /// Tasks without edges: the floor knows no order.
    pub(crate) workload: &'a Workload,
    pub(crate) jobs: usize,
    /// A folder for worktrees, the record and the agents' durations.
    pub(crate) folder: &'a Path,
}

/// Where the time went, summed over all tasks.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Phases {
    /// Reset and clean.
    pub(crate) prepare: Duration,
    /// The agent, its sleep included.
    pub(crate) agent: Duration,
    /// Merge and record, without the wait for the lock.
    pub(crate) land: Duration,
    /// Worktrees made and removed, the checkout caught up; on the clock.
    pub(crate) run: Duration,
}

impl Phases {
    fn add(&mut self, other: Self) {
        self.prepare += other.prepare;
        self.agent += other.agent;
        self.land += other.land;
        self.run += other.run;
    }
}

/// Does it.
pub(crate) fn drain(run: &FloorRun<'_>) -> Result<Phases, Problem> {
    let start = Instant::now();
    let git = |words: &[&str]| run.environment.git(&run.repository.path, words);
    let durations = run.folder.join("durations");
    run.workload.write_durations(&durations)?;
    git(&["update-ref", RUN_BRANCH, &run.repository.launch])?;
    let log = File::create(run.folder.join("records.jsonl")).map_err(|error| error.to_string())?;
    let lane = Mutex::new(Lane { tip: run.repository.launch.clone(), log });
    let worktrees: Vec<PathBuf> = (0..run.jobs).map(|n| run.folder.join(n.to_string())).collect();
    let words = |path: &PathBuf| path.display().to_string();
    side_by_side(&worktrees, |path| {
        git(&["worktree", "add", "--quiet", "--detach", &words(path), &run.repository.launch]).map(drop)
    })?;
    let mut set_up = start.elapsed();
    let (next, spent) = (AtomicUsize::new(0), Mutex::new(Phases::default()));
    side_by_side(&worktrees, |path| {
        let phases = work(run, path, &durations, &lane, &next)?;
        spent.lock().map_err(|_| "a worker failed")?.add(phases);
        Ok(())
    })?;
    let end = Instant::now();
    git(&["merge", "--quiet", "--ff-only", RUN_BRANCH])?;
    side_by_side(&worktrees, |path| git(&["worktree", "remove", "--force", &words(path)]).map(drop))?;
    set_up += end.elapsed();
    let mut phases = spent.into_inner().map_err(|_| "a worker failed")?;
    phases.run = set_up;
    Ok(phases)
}

/// What it did, for the comparison.
pub(crate) fn work_done(run: &FloorRun<'_>) -> Result<Work, Problem> {
    let records =
        std::fs::read_to_string(run.folder.join("records.jsonl")).map_err(|error| error.to_string())?;
    Work::of(run.environment, run.repository, 0, records.lines().count())
}

/// The one place through which work reaches the run branch.
struct Lane {
    tip: String,
    log: File,
}

fn side_by_side(
    worktrees: &[PathBuf],
    body: impl Fn(&PathBuf) -> Result<(), Problem> + Sync,
) -> Result<(), Problem> {
    std::thread::scope(|scope| {
        let body = &body;
        let threads: Vec<_> = worktrees.iter().map(|path| scope.spawn(move || body(path))).collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().map_err(|_| "a worker panicked".to_owned())?)
    })
}

fn work(
    run: &FloorRun<'_>,
    worktree: &Path,
    durations: &Path,
    lane: &Mutex<Lane>,
    next: &AtomicUsize,
) -> Result<Phases, Problem> {
    let mut spent = Phases::default();
    loop {
        let task = next.fetch_add(1, Ordering::Relaxed);
        if task >= run.workload.len() {
            return Ok(spent);
        }
        let start = Instant::now();
        let base = lane.lock().map_err(|_| "the lane failed")?.tip.clone();
        run.environment.git(worktree, &["reset", "--quiet", "--hard", &base])?;
        run.environment.git(worktree, &["clean", "-ffdq"])?;
        spent.prepare += start.elapsed();
        let start = Instant::now();
        run_agent(run, worktree, durations, task)?;
        spent.agent += start.elapsed();
        let head = run.environment.git(worktree, &["rev-parse", "HEAD"])?;
        let mut lane = lane.lock().map_err(|_| "the lane failed")?;
        let start = Instant::now();
        land(run, &mut lane, task, &head)?;
        spent.land += start.elapsed();
    }
}

fn run_agent(run: &FloorRun<'_>, worktree: &Path, durations: &Path, task: usize) -> Result<(), Problem> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut agent = run.environment.command(program);
    agent.args(agent::arguments(durations, run.repository.files)).env("HEW_TASK_ID", task_id(task));
    let status = agent.current_dir(worktree).status().map_err(|error| error.to_string())?;
    if status.success() { Ok(()) } else { Err(format!("the agent of task {task}: {status}")) }
}

fn land(run: &FloorRun<'_>, lane: &mut Lane, task: usize, work: &str) -> Result<(), Problem> {
    let git = |words: &[&str]| run.environment.git(&run.repository.path, words);
    let tree = git(&["merge-tree", "--write-tree", &lane.tip, work])?;
    let message = format!("{}: Change files", task_id(task));
    let commit = git(&["commit-tree", "-p", &lane.tip, "-p", work, "-m", &message, &tree])?;
    git(&["update-ref", RUN_BRANCH, &commit, &lane.tip])?;
    let record = serde_json::json!({ "task": task_id(task), "landed": commit, "on": TARGET });
    lane.log.write_all(format!("{record}\n").as_bytes()).map_err(|error| error.to_string())?;
    lane.log.sync_data().map_err(|error| error.to_string())?;
    lane.tip = commit;
    Ok(())
}
