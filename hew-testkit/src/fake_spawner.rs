//! A spawner without processes: each run goes as scripted, and can be held until it is told to end.
//!
//! What it reports of output is read from the scripted text by the very code that reads a real agent's.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded, never, select};
use hew_core::agent::text::{Tail, TextScan};
use hew_core::agent::{
    AgentReading, AgentSignal, SpawnError, SpawnProgress, SpawnReport, Spawner, StopCause, StopRequest, Usage,
};
use hew_core::exit::Exit;
use hew_core::plan::SpawnPlan;

/// Bytes of each stream in a report.
const TAIL: usize = 4 * 1024;

/// What an agent does between start and end, given its plan.
pub type Deed = Box<dyn Fn(&SpawnPlan) + Send + Sync>;

/// One scripted run.
pub struct FakeRun {
    end: FakeEnd,
    stdout: String,
    stderr: String,
    signal: Option<AgentSignal>,
    leaked: u32,
    deed: Option<Deed>,
    /// What it tells while it runs.
    tells: Vec<(Usage, Option<f64>)>,
    reading: AgentReading,
}

enum FakeEnd {
    Exits(Exit),
    Stops(StopCause, Exit),
    Hangs,
    Held(Receiver<()>, Exit),
    Missing,
    Fails(String),
}

/// Ends a held run when it is dropped or told to.
#[derive(Debug)]
pub struct Release(Sender<()>);

impl Release {
    /// Lets the run end.
    pub fn end(self) {
        drop(self.0);
    }
}

impl FakeRun {
    fn ending(end: FakeEnd) -> Self {
        Self {
            end,
            stdout: String::new(),
            stderr: String::new(),
            signal: None,
            leaked: 0,
            deed: None,
            tells: Vec::new(),
            reading: AgentReading::default(),
        }
    }

    /// Ends at once.
    pub fn exits(exit: Exit) -> Self {
        Self::ending(FakeEnd::Exits(exit))
    }

    /// Is found stopped for this cause (a timeout or a stall) and ends so.
    pub fn is_stopped(cause: StopCause, exit: Exit) -> Self {
        Self::ending(FakeEnd::Stops(cause, exit))
    }

    /// Runs until it is stopped.
    pub fn hangs() -> Self {
        Self::ending(FakeEnd::Hangs)
    }

    /// Runs until it is released or stopped.
    pub fn held(exit: Exit) -> (Self, Release) {
        let (release, released) = bounded(0);
        (Self::ending(FakeEnd::Held(released, exit)), Release(release))
    }

    /// Its program is not there.
    pub fn missing() -> Self {
        Self::ending(FakeEnd::Missing)
    }

    /// Its program can't be started.
    pub fn fails_to_start(reason: impl Into<String>) -> Self {
        Self::ending(FakeEnd::Fails(reason.into()))
    }

    /// Prints this on standard output.
    #[must_use]
    pub fn printing(mut self, text: impl Into<String>) -> Self {
        self.stdout = text.into();
        self
    }

    /// Prints this on standard error.
    #[must_use]
    pub fn complaining(mut self, text: impl Into<String>) -> Self {
        self.stderr = text.into();
        self
    }

    /// Says this by `hew done` and its kin.
    #[must_use]
    pub fn saying(mut self, signal: AgentSignal) -> Self {
        self.signal = Some(signal);
        self
    }

    /// Tells of its tokens while it runs.
    #[must_use]
    pub fn telling(mut self, usage: Usage, cost_usd: Option<f64>) -> Self {
        self.tells.push((usage, cost_usd));
        self
    }

    /// Has said this in a structured output.
    #[must_use]
    pub fn reading(mut self, reading: AgentReading) -> Self {
        self.reading = reading;
        self
    }

    /// Leaves so many processes behind.
    #[must_use]
    pub fn leaking(mut self, count: u32) -> Self {
        self.leaked = count;
        self
    }

    /// Does this once it has started, e.g. changes files in an in-memory worktree.
    #[must_use]
    pub fn doing(mut self, deed: impl Fn(&SpawnPlan) + Send + Sync + 'static) -> Self {
        self.deed = Some(Box::new(deed));
        self
    }
}

/// A spawner that follows a script.
#[derive(Default)]
pub struct FakeSpawner {
    scripted: Mutex<BTreeMap<String, VecDeque<FakeRun>>>,
    plans: Mutex<Vec<SpawnPlan>>,
}

impl FakeSpawner {
    /// Every run that is not scripted ends with exit code 0 and says nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a run for a task (`HEW_TASK_ID` in the plan's environment); its runs are taken in this order.
    #[must_use]
    pub fn with(self, task: &str, run: FakeRun) -> Self {
        self.add(task, run);
        self
    }

    /// The same on a spawner that is in use.
    pub fn add(&self, task: &str, run: FakeRun) {
        lock(&self.scripted).entry(task.to_owned()).or_default().push_back(run);
    }

    /// Every plan that it was given, in order.
    pub fn plans(&self) -> Vec<SpawnPlan> {
        lock(&self.plans).clone()
    }

    fn next_run(&self, plan: &SpawnPlan) -> FakeRun {
        let task = plan.env.get("HEW_TASK_ID").map_or("", String::as_str);
        let scripted = lock(&self.scripted).get_mut(task).and_then(VecDeque::pop_front);
        scripted.unwrap_or_else(|| FakeRun::exits(Exit::Code(0)))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Spawner for FakeSpawner {
    fn run(
        &self,
        plan: &SpawnPlan,
        stops: &Receiver<StopRequest>,
        progress: &dyn Fn(SpawnProgress),
    ) -> Result<SpawnReport, SpawnError> {
        lock(&self.plans).push(plan.clone());
        let run = self.next_run(plan);
        let program = plan.argv.first().cloned().unwrap_or_default();
        match &run.end {
            FakeEnd::Missing => return Err(SpawnError::Missing { program }),
            FakeEnd::Fails(reason) => return Err(SpawnError::Failed { program, reason: reason.clone() }),
            FakeEnd::Exits(_) | FakeEnd::Stops(..) | FakeEnd::Hangs | FakeEnd::Held(..) => {}
        }
        progress(SpawnProgress::Started { pid: 1, start_ticks: 1 });
        if let Some(deed) = &run.deed {
            deed(plan);
        }
        for (usage, cost_usd) in run.tells.iter().copied() {
            progress(SpawnProgress::Used { usage, cost_usd, model: None });
        }
        let (exit, stopped) = await_end(&run.end, stops);
        Ok(report(run, exit, stopped))
    }
}

fn await_end(end: &FakeEnd, stops: &Receiver<StopRequest>) -> (Exit, Option<StopCause>) {
    match end {
        FakeEnd::Exits(exit) => (*exit, None),
        FakeEnd::Stops(cause, exit) => (*exit, Some(cause.clone())),
        FakeEnd::Held(released, exit) => released_or_stopped(released, *exit, stops),
        FakeEnd::Hangs | FakeEnd::Missing | FakeEnd::Fails(_) => {
            released_or_stopped(&never(), Exit::Signal(9), stops)
        }
    }
}

fn released_or_stopped(
    released: &Receiver<()>,
    exit: Exit,
    stops: &Receiver<StopRequest>,
) -> (Exit, Option<StopCause>) {
    select! {
        recv(released) -> _ => (exit, None),
        recv(stops) -> request => match request {
            Ok(StopRequest::Graceful) => (Exit::Signal(15), Some(StopCause::Requested)),
            Ok(StopRequest::Now) => (Exit::Signal(9), Some(StopCause::Requested)),
            // Nobody is left who could stop it.
            Err(_) => {
                let _ = released.recv();
                (exit, None)
            }
        }
    }
}

fn report(run: FakeRun, exit: Exit, stopped: Option<StopCause>) -> SpawnReport {
    let mut scan = TextScan::default();
    scan.feed(run.stdout.as_bytes());
    let findings = scan.finish();
    SpawnReport {
        exit,
        duration: Duration::from_secs(1),
        stopped,
        leaked: run.leaked,
        refused: Vec::new(),
        last_line: findings.last_line,
        stdout_tail: tail_of(&run.stdout),
        stderr_tail: tail_of(&run.stderr),
        output_bytes: (run.stdout.len() + run.stderr.len()) as u64,
        decisions: findings.decisions,
        deferred: findings.deferred,
        summary: findings.summary,
        signal: run.signal,
        reading: run.reading,
    }
}

fn tail_of(text: &str) -> String {
    let mut tail = Tail::new(TAIL);
    tail.feed(text.as_bytes());
    tail.into_text()
}
