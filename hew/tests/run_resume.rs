//! `hew loop resume`, and what `hew loop run` does where it finds a run whose process is gone: the real binary, real git,
//! scripted agents, and a process that is killed.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use hew_testkit::loop_stage::{LoopStage, wait_until};
use serde_json::{Value, json};

/// Runs until the journal of the newest run has a line of this kind, kills hew, and waits until nothing runs.
fn killed_after(stage: &LoopStage, flags: &[&str], holds: impl Fn(&Value) -> bool) {
    let mut run = stage.start(flags);
    run.wait_until("the line", || stage.has_event(&holds));
    run.signal("SIGKILL");
    assert_eq!(run.end().code, 137);
    wait_until("the end of the dead run's processes", || stage.processes().is_empty());
}

fn is(kind: &'static str) -> impl Fn(&Value) -> bool {
    move |entry| entry["kind"] == kind
}

/// A script that goes on once a file is there.
fn waits_for(stage: &LoopStage, name: &str, then: &str) -> String {
    format!("await {}\n{then}", stage.path(name).display())
}

/// Of the newest run: its kinds in order, without what a busy machine may add.
fn count(stage: &LoopStage, kind: &str) -> usize {
    stage.journal_of(kind).len()
}

#[test]
fn an_agent_that_was_cut_off_is_run_again_under_the_same_run_and_its_task_loses_no_attempt() {
    let stage = LoopStage::new();
    let first = stage.task("First", "write first.txt f\ncommit First\ndone");
    let half = stage.task_with("Half", &["--dep", &first], "write half.txt h\nhang");
    killed_after(&stage, &["--gate", "true", "--max-attempts", "1"], |entry| {
        entry["kind"] == "spawned" && entry["iter"] == 2
    });
    wait_until("the half-done file", || true);
    let run = stage.run_id();
    assert_eq!(stage.status(&half), "in_progress");

    stage.script(&half, "write whole.txt w\ncommit Whole\ndone");
    let resumed = stage.hew(&["loop", "resume"]);
    assert_eq!(resumed.code, 0, "{}", resumed.stderr);
    assert_eq!(stage.run_id(), run, "no other run was begun");
    assert_eq!(stage.outcomes(&first), ["closed"]);
    assert_eq!(stage.outcomes(&half), ["cancelled", "closed"]);
    assert!(stage.journal_of("iteration_ended")[1]["spares_attempt"].as_bool().unwrap());
    let starts = stage.journal_of("iteration_started");
    let numbers: Vec<_> =
        starts.iter().map(|start| (&start["iter"], &start["number"], &start["attempt"])).collect();
    assert_eq!(numbers[1..], [(&json!(2), &json!(2), &json!(1)), (&json!(3), &json!(3), &json!(1))]);
    assert_eq!(count(&stage, "run_resumed"), 1);
    assert_eq!((count(&stage, "baseline"), count(&stage, "landed")), (1, 2));
    assert_eq!(stage.repo.read("whole.txt").as_deref(), Some("w"));
    assert_eq!(stage.repo.read("half.txt"), None);
    let anchor = format!("refs/hew/{run}/w0/iter-002");
    assert_eq!(stage.file_at(&anchor, "half.txt").as_deref(), Some("h"), "what was cut off is kept");
    let seqs: Vec<u64> = stage.journal().iter().map(|entry| entry["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>());
    stage.assert_left_clean();

    let before = fs::read(stage.run_folder().join("events.jsonl")).unwrap();
    let again = stage.hew(&["loop", "resume"]);
    assert!(again.code == 0 && again.stdout.contains("is over"), "{again:?}");
    let told: Value =
        serde_json::from_str(&stage.ok(&["--json", "loop", "resume", "--run-id", &run])).unwrap();
    assert_eq!((&told["kind"], &told["run_id"]), (&json!("not_resumed"), &json!(run)));
    assert_eq!(fs::read(stage.run_folder().join("events.jsonl")).unwrap(), before);
}
