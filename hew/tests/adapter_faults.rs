//! One call of one adapter fails, for each call of each adapter over a fixed run: before it has done anything, and after it
//! has done it. Whatever comes of the run, it ends, in words; nothing that an agent made is lost, no task is closed whose
//! work has not landed, nothing lands twice, and the target moves only to what has landed.

#![expect(clippy::unwrap_used, reason = "what a test relies on and is not there ends it")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crossbeam_channel::{bounded, never};
use hew::adapters::clock::SystemClock;
use hew::drive::rig::RunPlace;
use hew::drive::{Drive, Rig, drive};
use hew_core::agent::{AgentSignal, SignalWord};
use hew_core::engine::{GatePlan, RunConfig, RunLimits, State};
use hew_core::exit::Exit;
use hew_core::ids::{BranchName, CommitId, RefName, RunId, TaskId};
use hew_core::land::gate_detect::GateCommand;
use hew_core::plan::Host;
use hew_core::prompt::PromptPrefix;
use hew_core::record::StoreError;
use hew_core::schedule::spending::SpendingLimits;
use hew_core::settings::secret::SecretValues;
use hew_core::settings::{MergeMode, OnGateFail, Settings, Values, layers};
use hew_core::tracker::{BdClient, DependencyKind, NewTask, Scope, Status, TaskEditor};
use hew_core::worktree::GitClient;
use hew_testkit::fake_gate::FakeGate;
use hew_testkit::fake_git::FakeGit;
use hew_testkit::fake_spawner::{FakeRun, FakeSpawner};
use hew_testkit::fake_store::FakeStore;
use hew_testkit::fake_tracker::FakeTracker;
use hew_testkit::faulty::{Fault, Faulty, FaultyStore, WORDS};
use hew_testkit::tracker_clock::ticking_start;

/// Longer than any run takes whose tracker does not answer once.
const PATIENCE: Duration = Duration::from_secs(200);
const ATTEMPTS: u32 = 3;
/// Runs side by side: those that wait for a tracker only sleep.
const SIDE_BY_SIDE: usize = 8;

/// A fault for each adapter.
struct Faults {
    git: Arc<Fault>,
    tracker: Arc<Fault>,
    spawner: Arc<Fault>,
    gates: Arc<Fault>,
    store: Arc<Fault>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Adapter {
    Git,
    Tracker,
    Spawner,
    Gates,
    Store,
}

impl Faults {
    fn none() -> Self {
        let never = Fault::never;
        Self { git: never(), tracker: never(), spawner: never(), gates: never(), store: never() }
    }

    fn one(adapter: Adapter, fault: Arc<Fault>) -> Self {
        let mut faults = Self::none();
        *match adapter {
            Adapter::Git => &mut faults.git,
            Adapter::Tracker => &mut faults.tracker,
            Adapter::Spawner => &mut faults.spawner,
            Adapter::Gates => &mut faults.gates,
            Adapter::Store => &mut faults.store,
        } = fault;
        faults
    }

    fn of(&self, adapter: Adapter) -> &Arc<Fault> {
        match adapter {
            Adapter::Git => &self.git,
            Adapter::Tracker => &self.tracker,
            Adapter::Spawner => &self.spawner,
            Adapter::Gates => &self.gates,
            Adapter::Store => &self.store,
        }
    }
}

/// The same run each time: three tasks, one of which waits for another, one worker, a gate, delivery to `main`.
struct FixedRun {
    git: Arc<FakeGit>,
    tracker: Arc<FakeTracker>,
    store: FakeStore,
    run_branch: RefName,
    /// Every commit that an agent made.
    made: Arc<Mutex<Vec<CommitId>>>,
    end: Result<u8, StoreError>,
}

fn settings() -> Arc<Settings> {
    let flags = [
        ("loop.runtime", "shell".to_owned(), "--runtime"),
        ("loop.runtime_defs.shell.command", "work".to_owned(), "--shell"),
        ("loop.planner.enabled", "false".to_owned(), "--no-planner"),
    ];
    let values = Values::built_in().overlaid_with(layers::read_flags(&flags).values);
    Arc::new(Settings::from_values(&values).unwrap())
}

/// Agents that write a file of their task's name, commit it, and say that they are done.
fn agents(git: &Arc<FakeGit>, tasks: &[TaskId], made: &Arc<Mutex<Vec<CommitId>>>) -> FakeSpawner {
    let spawner = FakeSpawner::new();
    for task in tasks {
        for attempt in 1..=ATTEMPTS {
            let (git, made, name) = (Arc::clone(git), Arc::clone(made), task.to_string());
            let run =
                FakeRun::exits(Exit::Code(0)).saying(AgentSignal { signal: SignalWord::Done, reason: None });
            let run = run.doing(move |plan| {
                git.write(&plan.cwd, &name, &format!("attempt {attempt}"));
                made.lock().unwrap().push(git.commit_all(&plan.cwd, &name));
            });
            spawner.add(task.as_str(), run);
        }
    }
    spawner
}

fn config(run: &RunId, run_branch: &BranchName, launch: CommitId) -> RunConfig {
    RunConfig {
        run: run.clone(),
        jobs: 1,
        scope: Scope::Ready,
        retry_parked: false,
        target: Some(BranchName::new("main")),
        launch,
        run_branch: run_branch.clone(),
        gate: Some(GatePlan {
            command: "gate".to_owned(),
            retry_flaky: false,
            baseline: true,
            on_fail: OnGateFail::Continue,
        }),
        verify: None,
        limits: RunLimits {
            max_attempts: ATTEMPTS,
            max_iter: None,
            wall: None,
            spending: SpendingLimits::default(),
            stop_grace: Duration::ZERO,
        },
        merge: MergeMode::Task,
        deliver: true,
        watch: false,
        model: None,
        settings: settings(),
    }
}

fn place(folder: &Path, config: &RunConfig) -> RunPlace {
    RunPlace {
        run: config.run.clone(),
        jobs: config.jobs,
        folder: folder.join("run"),
        worktree_root: folder.join("wt"),
        launch: config.launch.clone(),
        run_branch: config.run_branch.clone(),
        target: config.target.clone(),
        gate: Some(GateCommand {
            command: "gate".to_owned(),
            definition_files: vec![],
            why: "said".to_owned(),
        }),
        keep_worktrees: false,
    }
}

fn go(faults: &Faults) -> FixedRun {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(SystemClock::start());
    let git = Arc::new(FakeGit::new(&[("a.txt", "a")]));
    let tracker = Arc::new(FakeTracker::new(Arc::<SystemClock>::clone(&clock)));
    let tasks = ["One", "Two", "Three"].map(|title| tracker.create(&NewTask::titled(title)).unwrap());
    tracker.add_dependency(&tasks[2], &tasks[0], &DependencyKind::Blocks).unwrap();
    let run = RunId::new(ticking_start(), 7);
    let run_branch = BranchName::new(format!("loop/{run}/main"));
    git.create_branch(&run_branch, &git.base()).unwrap();
    let config = config(&run, &run_branch, git.base());
    let made = Arc::<Mutex<Vec<CommitId>>>::default();
    let spawner = Arc::new(agents(&git, &tasks, &made));
    let rig = Arc::new(Rig {
        git: Arc::new(Faulty::new(Arc::clone(&git), &faults.git)),
        spawner: Arc::new(Faulty::new(spawner, &faults.spawner)),
        gates: Arc::new(Faulty::new(Arc::new(FakeGate::green()), &faults.gates)),
        tracker: Arc::new(Faulty::new(Arc::clone(&tracker), &faults.tracker)),
        beads_dir: None,
        clock,
        place: place(folder.path(), &config),
        project: git.root().to_owned(),
        secrets: SecretValues::default(),
        settings: settings(),
        host: Host::default(),
        model: None,
        common_dir: folder.path().join(".git"),
        prefix: PromptPrefix::new("", "", &[], false),
        remotes: Vec::new(),
        hew_folder: folder.path().to_owned(),
        seats: BTreeMap::new(),
        kept_folders: Mutex::new(BTreeSet::new()),
        kept_branches: Mutex::new(BTreeSet::new()),
    });
    let store = FakeStore::default();
    let mut journal = FaultyStore::new(store.clone(), &faults.store);
    let (tell, told) = bounded(1);
    std::thread::spawn(move || {
        let state = State::new(config);
        let run = Drive { rig, state, store: &mut journal, seq: 0, outside: never(), on_record: &mut |_| {} };
        // Nobody listens any more where the test has given up.
        let _ = tell.send(drive(run));
    });
    let end = told.recv_timeout(PATIENCE).expect("the run ends");
    FixedRun { git, tracker, store, run_branch: run_branch.to_ref(), made, end: end.map(|end| end.exit_code) }
}

impl FixedRun {
    fn refs(&self) -> BTreeMap<RefName, CommitId> {
        self.git.refs()
    }

    fn main(&self) -> CommitId {
        self.refs()[&BranchName::new("main").to_ref()].clone()
    }

    /// Landings from the newest to the oldest, as tasks.
    fn line(&self) -> Vec<String> {
        let Some(mut at) = self.refs().get(&self.run_branch).cloned() else { return Vec::new() };
        let mut line = Vec::new();
        while at != self.git.base() {
            let message = self.git.message(&at);
            let task = message.lines().find_map(|line| line.strip_prefix("Hew-Task: "));
            line.push(task.unwrap_or_else(|| panic!("not hew's: {message}")).to_owned());
            at = self.git.parents(&at)[0].clone();
        }
        line
    }

    /// All that some ref or some worktree still leads to.
    fn reachable(&self) -> BTreeSet<CommitId> {
        let worktrees = self.git.list_worktrees().unwrap().into_iter().filter_map(|entry| entry.head);
        let mut open: Vec<CommitId> = self.refs().into_values().chain(worktrees).collect();
        let mut seen = BTreeSet::new();
        while let Some(commit) = open.pop() {
            if seen.insert(commit.clone()) {
                open.extend(self.git.parents(&commit));
            }
        }
        seen
    }

    fn check(&self, what: &str) {
        let journal = self.journal();
        let reachable = self.reachable();
        for commit in self.made.lock().unwrap().iter() {
            assert!(reachable.contains(commit), "{what}: an agent's {commit} is lost\n{journal}");
        }
        let line = self.line();
        let landed: BTreeSet<&String> = line.iter().collect();
        assert_eq!(landed.len(), line.len(), "{what}: landed twice: {line:?}\n{journal}");
        let main = self.main();
        let tip = self.refs().get(&self.run_branch).cloned();
        let is_delivered = tip.as_ref() == Some(&main);
        assert!(is_delivered || main == self.git.base(), "{what}: main is at {main}\n{journal}");
        let tasks =
            self.tracker.list(&hew_core::tracker::TaskFilter { all: true, ..Default::default() }).unwrap();
        for task in &tasks {
            let (is_closed, has_landed) =
                (task.status == Status::Closed, landed.contains(&task.id.to_string()));
            assert!(has_landed || !is_closed, "{what}: {} is closed and has not landed\n{journal}", task.id);
        }
        match &self.end {
            Ok(0) => {
                assert!(is_delivered && line.len() == 3, "{what}: {line:?}, {is_delivered}\n{journal}");
                assert!(
                    tasks.iter().all(|task| task.status == Status::Closed),
                    "{what}: {tasks:?}\n{journal}"
                );
            }
            Ok(code) => {
                assert!([1, 2, 3, 5].contains(code), "{what}: exit code {code}\n{journal}");
                assert!(
                    journal.contains(WORDS),
                    "{what}: exit code {code}, and nobody is told why\n{journal}"
                );
                // A person is told of what hangs between.
                let is_held = tasks.iter().any(|task| task.status == Status::InProgress);
                assert!(!is_held || *code == 3, "{what}: exit code {code} and a claim is held\n{journal}");
                let is_unsettled = |task: &hew_core::tracker::Task| {
                    task.status != Status::Closed && landed.contains(&task.id.to_string())
                };
                assert!(
                    *code == 3 || !tasks.iter().any(is_unsettled),
                    "{what}: landed, not closed\n{journal}"
                );
            }
            Err(error) => assert_eq!(error.reason, WORDS, "{what}"),
        }
        if self.end.is_ok() {
            assert!(journal.contains("run_ended"), "{what}: no end in the journal\n{journal}");
        }
    }

    fn journal(&self) -> String {
        let content = self.store.content();
        let lines = content.journal.iter().map(|entry| serde_json::to_string(entry).unwrap() + "\n");
        lines.collect()
    }
}

/// Makes the fault that strikes the call with this number.
type MakeFault = fn(usize) -> Arc<Fault>;

/// Every call of an adapter in the fixed run, struck before and after.
fn strike_each(adapter: Adapter) {
    let untouched = Faults::none();
    let run = go(&untouched);
    run.check("untouched");
    assert_eq!(run.end, Ok(0));
    let calls = untouched.of(adapter).calls();
    assert!(calls > 2, "{adapter:?} is called {calls} times: this test strikes nothing");
    let kinds: [(&str, MakeFault); 2] = [("before", Fault::before), ("after", Fault::after)];
    let cases: Vec<_> = kinds.into_iter().flat_map(|kind| (1..=calls).map(move |at| (kind, at))).collect();
    for together in cases.chunks(SIDE_BY_SIDE) {
        std::thread::scope(|scope| {
            for ((name, fault), at) in together {
                scope.spawn(move || {
                    let what = format!("{adapter:?}, call {at} of {calls}, {name} it was done");
                    go(&Faults::one(adapter, fault(*at))).check(&what);
                });
            }
        });
    }
}

#[test]
fn each_call_of_git_may_fail() {
    strike_each(Adapter::Git);
}

#[test]
fn each_call_of_the_tracker_may_fail() {
    strike_each(Adapter::Tracker);
}

#[test]
fn each_start_of_an_agent_may_fail() {
    strike_each(Adapter::Spawner);
}

#[test]
fn each_run_of_the_gate_may_fail() {
    strike_each(Adapter::Gates);
}

#[test]
fn each_write_of_the_journal_may_fail() {
    strike_each(Adapter::Store);
}
