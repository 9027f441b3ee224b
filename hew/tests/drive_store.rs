//! A journal that can't be written any more: nothing that nobody would know of goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crossbeam_channel::{bounded, never};
use hew::drive::rig::RunPlace;
use hew::drive::{Drive, Rig, drive};
use hew_core::engine::{RunConfig, RunLimits, State};
use hew_core::exit::Exit;
use hew_core::ids::{BranchName, RunId};
use hew_core::plan::Host;
use hew_core::prompt::PromptPrefix;
use hew_core::record::{JournalEntry, JournalEvent, Store, StoreError};
use hew_core::settings::secret::SecretValues;
use hew_core::settings::{MergeMode, Settings, Values, layers};
use hew_core::tracker::{BdClient, NewTask, Scope, Status};
use hew_testkit::fake_gate::FakeGate;
use hew_testkit::fake_git::FakeGit;
use hew_testkit::fake_spawner::{FakeRun, FakeSpawner};
use hew_testkit::fake_tracker::FakeTracker;
use hew_testkit::manual_clock::ManualClock;
use hew_testkit::tracker_clock::ticking_start;

/// Full from the moment when an agent runs.
struct FullAtSpawn;

impl Store for FullAtSpawn {
    fn append(&mut self, entries: &[JournalEntry]) -> Result<(), StoreError> {
        let spawned = entries.iter().any(|entry| matches!(entry.event, JournalEvent::Spawned { .. }));
        let full = StoreError { path: "events.jsonl".into(), reason: "no space left".to_owned() };
        if spawned { Err(full) } else { Ok(()) }
    }

    fn write(&mut self, _: &str, _: &[u8]) -> Result<(), StoreError> {
        Ok(())
    }
}

fn settings() -> Arc<Settings> {
    let flags = [
        ("loop.runtime", "shell".to_owned(), "--runtime"),
        ("loop.runtime_defs.shell.command", "work".to_owned(), "--shell"),
    ];
    let values = Values::built_in().overlaid_with(layers::read_flags(&flags).values);
    Arc::new(Settings::from_values(&values).expect("these settings are valid"))
}

#[test]
fn agents_are_stopped_when_the_journal_cannot_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::default());
    let git = Arc::new(FakeGit::new(&[("a.txt", "a")]));
    let tracker = Arc::new(FakeTracker::new(Arc::<ManualClock>::clone(&clock)));
    let task = tracker.create(&NewTask::titled("Work")).unwrap();
    let (agent, release) = FakeRun::held(Exit::Code(0));
    let run = RunId::new(ticking_start(), 7);
    let run_branch = BranchName::new(format!("loop/{run}/main"));
    let place = RunPlace {
        run: run.clone(),
        jobs: 1,
        folder: folder.path().join("run"),
        worktree_root: folder.path().join("wt"),
        launch: git.base(),
        run_branch: run_branch.clone(),
        target: None,
        gate: None,
        keep_worktrees: false,
    };
    let state = State::new(RunConfig {
        run,
        jobs: 1,
        scope: Scope::Ready,
        retry_parked: false,
        target: None,
        launch: git.base(),
        run_branch,
        gate: None,
        verify: None,
        limits: RunLimits {
            max_attempts: 1,
            max_iter: None,
            wall: None,
            spending: hew_core::schedule::spending::SpendingLimits::default(),
            stop_grace: Duration::ZERO,
        },
        merge: MergeMode::Task,
        deliver: false,
        watch: false,
        model: None,
        settings: settings(),
    });
    let rig = Arc::new(Rig {
        git,
        spawner: Arc::new(FakeSpawner::new().with(task.as_str(), agent)),
        gates: Arc::new(FakeGate::green()),
        tracker: Arc::<FakeTracker>::clone(&tracker),
        beads_dir: None,
        clock,
        place,
        project: folder.path().to_owned(),
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
    let (tell, told) = bounded(1);
    std::thread::spawn(move || {
        let run =
            Drive { rig, state, store: &mut FullAtSpawn, seq: 1, outside: never(), on_record: &mut |_| {} };
        tell.send(drive(run)).expect("the test waits");
    });
    let ended = told.recv_timeout(Duration::from_secs(30)).expect("the agent would hold the run for ever");
    assert_eq!(ended.unwrap_err().reason, "no space left");
    assert_eq!(
        tracker.task(&task).unwrap().unwrap().status,
        Status::InProgress,
        "the claim tells who was at it"
    );
    drop(release);
}
