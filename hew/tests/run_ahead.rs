//! Worktrees that a run makes before their tasks are ready: used, recorded, removed, and found again after a crash.

#![expect(clippy::unwrap_used, reason = "what a test relies on and is not there ends it")]

use std::fs;
use std::path::PathBuf;

use hew_testkit::loop_stage::{LoopStage, Running, wait_until};

/// A run of three workers whose first agent waits for the file `go`, with three tasks behind it; it goes on when the
/// worktrees of the other two workers are there.
fn widening() -> (LoopStage, Running) {
    let stage = LoopStage::new();
    stage.settings("loop.worktree.setup = \"echo run >> \\\"$HOME/setups\\\"\"");
    let first = stage.task(
        "First",
        "touch ${HEW_PROJECT}/../begun\nwait-for ${HEW_PROJECT}/../go\nwrite first.txt f\ncommit First\ndone",
    );
    for name in ["a", "b", "c"] {
        let script = format!("write {name}.txt x\ncommit {name}\ndone");
        stage.task_with(name, &["--dep", &first], &script);
    }
    let mut run = stage.start(&["--jobs", "3"]);
    run.wait_for(stage.path("begun"));
    run.wait_until("worktrees made ahead", || {
        let is_made =
            |worker: u64| stage.has_event(|entry| entry["kind"] == "made_ahead" && entry["worker"] == worker);
        is_made(1) && is_made(2)
    });
    (stage, run)
}

fn made_ahead(stage: &LoopStage) -> Vec<PathBuf> {
    let made = stage.journal_of("made_ahead").into_iter();
    made.map(|entry| PathBuf::from(entry["worktree"].as_str().unwrap())).collect()
}

#[test]
fn what_is_made_ahead_is_used_by_the_tasks_that_come_and_removed_at_the_end() {
    let (stage, run) = widening();
    let worktrees = made_ahead(&stage);
    assert_eq!(worktrees.len(), 2);
    for worktree in &worktrees {
        assert!(worktree.join("README.md").is_file(), "{} has its files", worktree.display());
    }
    let set_ups = || fs::read_to_string(stage.path("home/setups")).unwrap_or_default().lines().count();
    assert_eq!(set_ups(), 1, "set-up waits for the worker's first task");
    fs::write(stage.path("go"), "").unwrap();
    let ran = run.end();
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let prepared = stage.journal_of("prepared");
    let fresh: Vec<_> = prepared.iter().filter(|entry| entry["fresh"] == true).collect();
    assert_eq!(fresh.len(), 1, "only the first task had to wait for its worktree: {prepared:?}");
    assert_eq!(made_ahead(&stage).len(), 2, "once a worker");
    let workers = prepared.iter().map(|entry| entry["worker"].as_u64().unwrap());
    let used = workers.collect::<std::collections::BTreeSet<_>>().len();
    assert_eq!(set_ups(), used, "once in each worktree that was worked in");
    for name in ["first.txt", "a.txt", "b.txt", "c.txt"] {
        assert!(stage.repo.read(name).is_some(), "{name} has landed");
    }
    stage.assert_left_clean();
}

#[test]
fn after_a_sudden_death_they_are_left_over_like_any_other() {
    let (stage, run) = widening();
    let worktrees = made_ahead(&stage);
    run.signal("SIGKILL");
    assert_eq!(run.end().code, 137);
    wait_until("the end of the agent's processes", || stage.processes().is_empty());
    let listed = stage.ok(&["loop", "prune-worktrees"]);
    for worktree in &worktrees {
        assert!(listed.contains(&worktree.display().to_string()), "{} in {listed}", worktree.display());
    }
    stage.ok(&["loop", "prune-worktrees", "--apply"]);
    assert!(worktrees.iter().all(|worktree| !worktree.exists()), "they hold nothing");
    stage.repo.fsck_clean();
}
