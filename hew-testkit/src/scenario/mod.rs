//! Whole runs of the engine without threads, files or git, written as a script.
//!
//! A [`Scenario`] says what there is: tasks, how each attempt at them goes, limits. [`Scenario::start`] makes a [`World`],
//! which performs the engine's effects on fakes and answers them; it can be held anywhere, interrupted, and asked what
//! happened. Every effect is checked against the rules of a run on its way.
//!
//! | file | holds |
//! | --- | --- |
//! | `attempt` | how one attempt goes |
//! | `world` | who does what next; holding, time, interruptions |
//! | `answers` | each job done on the fakes |
//! | `commits` | commits and the run branch |
//! | `rules` | what holds after every step |
//! | `story` | what happened, for assertions |

mod answers;
mod attempt;
mod commits;
mod rules;
mod story;
mod world;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use hew_core::agent::{FailureClass, Lack, RetryAt, RuntimeFailure};
use hew_core::engine::{GatePlan, RunConfig, RunLimits, VerifyPlan};
use hew_core::ids::{BranchName, CommitId, RunId, RuntimeName, TaskId};
use hew_core::schedule::spending::{Amount, SpendingLimits};
use hew_core::settings::{MergeMode, OnGateFail, OnRed, Settings, Usd, Values, layers};
use hew_core::tracker::record::time_text;
use hew_core::tracker::{Scope, TaskEditor};
use serde_json::{Map, Value, json};

pub use attempt::{Attempt, GateGoes, PlannerCall, next_block};
pub use world::{Place, World, agent_of};

use crate::fake_tracker::FakeTracker;
use crate::manual_clock::ManualClock;
use crate::tracker_clock::ticking_start;

/// The commit that every scenario starts from.
pub const LAUNCH: &str = "launch";

/// How the tracker misbehaves, by task.
#[derive(Debug, Clone, Default)]
pub(crate) struct TrackerFaults {
    /// Claims that somebody else wins, so many times.
    pub(crate) lost_claims: BTreeMap<TaskId, u32>,
    /// Claims that get no answer, so many times.
    pub(crate) unanswered_claims: BTreeMap<TaskId, u32>,
    /// Closes that are refused, so many times.
    pub(crate) refused_closes: BTreeMap<TaskId, u32>,
    /// Releases that get no answer.
    pub(crate) unanswered_releases: BTreeSet<TaskId>,
    /// Ready lists that get no answer, so many.
    pub(crate) unanswered_lists: u32,
}

/// What there is when a run begins.
pub struct Scenario {
    config: RunConfig,
    /// Settings besides the scenario's own.
    more: Vec<(&'static str, String)>,
    tasks: Vec<Map<String, Value>>,
    attempts: BTreeMap<TaskId, VecDeque<Attempt>>,
    faults: TrackerFaults,
    baseline: GateGoes,
    verifications: VecDeque<Verifies>,
    remembers: bool,
    deliveries: VecDeque<Delivers>,
    merges: VecDeque<BranchMerges>,
    runtime_failures: BTreeMap<RuntimeName, VecDeque<Option<RuntimeFailure>>>,
    planner_calls: VecDeque<PlannerCall>,
    held: BTreeSet<Place>,
}

/// How a delivery goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Delivers {
    /// The target is where it was.
    Forward,
    /// It had moved and was merged in.
    Merged,
    /// A person is needed.
    Refused,
}

/// How the merge of a worker's branch goes, at the end of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BranchMerges {
    /// It merges, and the gate is green.
    Green,
    /// It merges, and the gate is red.
    Red,
    /// It does not merge.
    Conflict,
    /// The merge can't be tried.
    Problem,
}

impl BranchMerges {
    fn gate(self) -> GateGoes {
        if self == Self::Red { GateGoes::Red } else { GateGoes::Green }
    }
}

/// How a verification goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verifies {
    /// It runs, and ends like a gate.
    Goes(GateGoes),
    /// The tree does not tell how it is tested.
    NoCommand,
}

impl Default for Scenario {
    fn default() -> Self {
        Self::new()
    }
}

impl Scenario {
    /// One worker, three attempts, a green gate with its baseline, delivery to `main`, no tasks.
    ///
    /// # Panics
    /// Never: its settings are its own.
    pub fn new() -> Self {
        let settings = settings(&[]);
        let run = RunId::new(ticking_start(), 7);
        let config = RunConfig {
            run_branch: BranchName::new(format!("loop/{run}/main")),
            run,
            jobs: 1,
            scope: Scope::Ready,
            retry_parked: false,
            target: Some(BranchName::new("main")),
            launch: CommitId::new(LAUNCH),
            gate: Some(GatePlan {
                command: "just test".to_owned(),
                retry_flaky: false,
                baseline: true,
                on_fail: OnGateFail::Continue,
            }),
            verify: None,
            limits: RunLimits {
                max_attempts: 3,
                max_iter: None,
                wall: None,
                spending: SpendingLimits::default(),
                stop_grace: Duration::from_secs(30),
            },
            merge: MergeMode::Task,
            deliver: true,
            watch: false,
            model: None,
            settings: Arc::new(settings),
        };
        Self {
            config,
            more: Vec::new(),
            tasks: Vec::new(),
            attempts: BTreeMap::new(),
            faults: TrackerFaults::default(),
            baseline: GateGoes::Green,
            verifications: VecDeque::new(),
            remembers: true,
            deliveries: VecDeque::new(),
            merges: VecDeque::new(),
            runtime_failures: BTreeMap::new(),
            planner_calls: VecDeque::new(),
            held: BTreeSet::new(),
        }
    }

    /// Changes what is frozen at launch.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut RunConfig)) -> Self {
        change(&mut self.config);
        self
    }

    /// So many workers.
    #[must_use]
    pub fn jobs(self, jobs: u16) -> Self {
        self.with(|config| config.jobs = jobs)
    }

    /// So many attempts at a task.
    #[must_use]
    pub fn max_attempts(self, attempts: u32) -> Self {
        self.with(|config| config.limits.max_attempts = attempts)
    }

    /// So many iterations.
    #[must_use]
    pub fn max_iter(self, iterations: u64) -> Self {
        self.with(|config| config.limits.max_iter = Some(iterations))
    }

    /// A wall budget of so many seconds.
    #[must_use]
    pub fn wall(self, seconds: u64) -> Self {
        self.with(|config| config.limits.wall = Some(Duration::from_secs(seconds)))
    }

    /// A budget of so many tokens, with a grace of 10 %, and a first guess of what an iteration takes.
    #[must_use]
    pub fn budget_tokens(self, tokens: u64, first_guess: u64) -> Self {
        self.with(|config| {
            let first_guess = Amount { tokens: first_guess, usd: Usd::default() };
            config.limits.spending =
                SpendingLimits { tokens: Some(tokens), usd: None, grace: 10, first_guess };
        })
    }

    /// A budget of so much money, with a grace of 10 %, and nothing set aside before it is known what one takes.
    ///
    /// # Panics
    /// If the text is no amount.
    #[must_use]
    pub fn budget_usd(self, usd: &str) -> Self {
        let usd = Some(Usd::parse(usd).expect("an amount"));
        self.with(|config| {
            config.limits.spending = SpendingLimits { usd, grace: 10, ..SpendingLimits::default() };
        })
    }

    /// Settings besides the scenario's own: `one` and `two` are runtimes, `one` is the main one where nothing else is said.
    #[must_use]
    pub fn setting(mut self, more: &[(&'static str, &str)]) -> Self {
        self.more.extend(more.iter().map(|(key, value)| (*key, (*value).to_owned())));
        let settings = settings(&self.more);
        self.with(|config| config.settings = Arc::new(settings))
    }

    /// Waits for new tasks instead of ending.
    #[must_use]
    pub fn watching(self) -> Self {
        self.with(|config| config.watch = true)
    }

    /// Changes the gate's plan.
    ///
    /// # Panics
    /// If the gate was taken away before.
    #[must_use]
    pub fn gate(self, change: impl FnOnce(&mut GatePlan)) -> Self {
        self.with(|config| change(config.gate.as_mut().expect("the scenario has a gate")))
    }

    /// No gate.
    #[must_use]
    pub fn ungated(self) -> Self {
        self.with(|config| config.gate = None)
    }

    /// The gate goes like this on the launch commit.
    #[must_use]
    pub fn baseline(mut self, gate: GateGoes) -> Self {
        self.baseline = gate;
        self
    }

    /// The result is verified before it is delivered; the verifications go like this, any more are green.
    #[must_use]
    pub fn verifying(mut self, on_red: OnRed, goes: impl IntoIterator<Item = Verifies>) -> Self {
        self.verifications.extend(goes);
        self.with(|config| config.verify = Some(VerifyPlan { budget: Duration::from_secs(600), on_red }))
    }

    /// The tracker keeps no memories.
    #[must_use]
    pub fn forgetful_tracker(mut self) -> Self {
        self.remembers = false;
        self
    }

    /// Tasks that wait for nothing, most urgent first.
    #[must_use]
    pub fn tasks(self, ids: &[&str]) -> Self {
        ids.iter().fold(self, |scenario, id| scenario.task(id, &[]))
    }

    /// A task that waits for others.
    #[must_use]
    pub fn task(self, id: &str, after: &[&str]) -> Self {
        self.task_with(id, after, &json!({}))
    }

    /// A task with more fields of its record.
    #[must_use]
    pub fn task_with(mut self, id: &str, after: &[&str], fields: &Value) -> Self {
        let record = task_record(id, after, self.tasks.len(), fields);
        self.tasks.push(record);
        self
    }

    /// How the next attempts at a task go, in this order; any more go like [`Attempt::done`].
    #[must_use]
    pub fn attempts(mut self, task: &str, attempts: impl IntoIterator<Item = Attempt>) -> Self {
        self.attempts.entry(TaskId::new(task)).or_default().extend(attempts);
        self
    }

    /// Somebody else wins the next claims of a task.
    #[must_use]
    pub fn losing_claims(mut self, task: &str, times: u32) -> Self {
        self.faults.lost_claims.insert(TaskId::new(task), times);
        self
    }

    /// The tracker does not answer the next claims of a task.
    #[must_use]
    pub fn unanswered_claims(mut self, task: &str, times: u32) -> Self {
        self.faults.unanswered_claims.insert(TaskId::new(task), times);
        self
    }

    /// The tracker refuses the next closes of a task.
    #[must_use]
    pub fn refusing_closes(mut self, task: &str, times: u32) -> Self {
        self.faults.refused_closes.insert(TaskId::new(task), times);
        self
    }

    /// The tracker does not answer when a task is given back.
    #[must_use]
    pub fn unanswered_release(mut self, task: &str) -> Self {
        self.faults.unanswered_releases.insert(TaskId::new(task));
        self
    }

    /// The tracker never answers what is ready.
    #[must_use]
    pub fn deaf_tracker(mut self) -> Self {
        self.faults.unanswered_lists = u32::MAX;
        self
    }

    /// The next delivery is refused.
    #[must_use]
    pub fn refusing_delivery(mut self) -> Self {
        self.deliveries.push_back(Delivers::Refused);
        self
    }

    /// At the next delivery the target has moved.
    #[must_use]
    pub fn with_target_moved(mut self) -> Self {
        self.deliveries.push_back(Delivers::Merged);
        self
    }

    /// The next agents of a runtime, whatever their task, end by failures; none for one that goes as its attempt has it.
    #[must_use]
    pub fn runtime_failing(
        mut self,
        runtime: &str,
        failures: impl IntoIterator<Item = Option<(FailureClass, Option<RetryAt>)>>,
    ) -> Self {
        let failure = |(class, retry_at)| RuntimeFailure::new(class, "it said so", retry_at);
        let failures = failures.into_iter().map(|failed| failed.map(failure));
        self.runtime_failures.entry(RuntimeName::new(runtime)).or_default().extend(failures);
        self
    }

    /// The next agents of a runtime, as many as this, find that it lacks something.
    #[must_use]
    pub fn runtime_lacking(mut self, runtime: &str, lack: Lack, times: usize) -> Self {
        let class = match lack {
            Lack::Provider => FailureClass::Network,
            Lack::Model | Lack::Api => FailureClass::BadRequest,
        };
        let failure = RuntimeFailure::new(class, "it said so", None).lacking(Some(lack));
        let failures = std::iter::repeat_n(Some(failure), times);
        self.runtime_failures.entry(RuntimeName::new(runtime)).or_default().extend(failures);
        self
    }

    /// Workers' branches are merged at the end of the run, in their order; any more go well.
    #[must_use]
    pub fn merging_at_end(mut self, merges: impl IntoIterator<Item = BranchMerges>) -> Self {
        self.merges.extend(merges);
        self.with(|config| config.merge = MergeMode::End)
    }

    /// The planner is asked, and its next calls go like this; any more answer nothing.
    #[must_use]
    pub fn planner(mut self, calls: impl IntoIterator<Item = PlannerCall>) -> Self {
        self.planner_calls.extend(calls);
        self.setting(&[("loop.planner.enabled", "true"), ("loop.planner.runtime", "shell")])
    }

    /// Nothing is done there until it is released.
    #[must_use]
    pub fn holding(mut self, place: Place) -> Self {
        self.held.insert(place);
        self
    }

    /// Launches the run; nothing is done yet.
    ///
    /// # Panics
    /// If a task can't be stored.
    pub fn start(self) -> World {
        let clock = Arc::new(ManualClock::default());
        let tracker = FakeTracker::new(clock.clone());
        let lines = self.tasks.iter().map(|task| Value::Object(task.clone()).to_string() + "\n");
        tracker.import(&lines.collect::<String>(), false).expect("a scenario's tasks can be stored");
        World::new(self, tracker, clock)
    }
}

/// The settings of a scenario: the shell's own runtime, and more that are asked for.
fn settings(more: &[(&'static str, String)]) -> Settings {
    let mut flags = vec![
        ("loop.runtime", "shell".to_owned(), "--runtime"),
        ("loop.planner.enabled", "false".to_owned(), "--no-planner"),
        ("loop.runtime_defs.shell.command", "work".to_owned(), "--shell"),
        ("loop.runtime_defs.one.command", "one".to_owned(), "--one"),
        ("loop.runtime_defs.one.done_on_exit_zero", "true".to_owned(), "--one"),
        ("loop.runtime_defs.two.command", "two".to_owned(), "--two"),
        ("loop.runtime_defs.two.done_on_exit_zero", "true".to_owned(), "--two"),
    ];
    flags.extend(more.iter().map(|(key, value)| (*key, value.clone(), "--more")));
    let values = Values::built_in().overlaid_with(layers::read_flags(&flags).values);
    Settings::from_values(&values).expect("a scenario's own settings are valid")
}

/// A task as beads would write it; `place` orders tasks of one priority.
pub(crate) fn task_record(id: &str, after: &[&str], place: usize, fields: &Value) -> Map<String, Value> {
    let at = time_text(ticking_start() - Duration::from_secs(100_000) + Duration::from_secs(place as u64));
    let edges: Vec<Value> = after
        .iter()
        .map(|on| json!({ "issue_id": id, "depends_on_id": on, "type": "blocks", "created_at": at }))
        .collect();
    let mut record = Map::new();
    for (field, value) in [
        ("id", json!(id)),
        ("title", json!(format!("Task {id}"))),
        ("status", json!("open")),
        ("priority", json!(2)),
        ("issue_type", json!("task")),
        ("created_at", json!(at)),
        ("updated_at", json!(at)),
        ("dependencies", json!(edges)),
    ] {
        record.insert(field.to_owned(), value);
    }
    record.extend(fields.as_object().cloned().unwrap_or_default());
    record
}
