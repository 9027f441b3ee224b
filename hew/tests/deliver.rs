//! `hew loop deliver` after every way in which a run can end: what landed comes to its target once, whoever stopped it.

#![expect(clippy::unwrap_used, reason = "what a test relies on and is not there ends it")]

use std::fs;

use hew_testkit::loop_stage::{LoopStage, Ran};
use serde_json::Value;

/// A run of which `landed` has landed when it is stopped like this; another task's agent goes on until then.
fn stopped(way: &str) -> (LoopStage, Ran) {
    let stage = LoopStage::new();
    stage.settings("loop.stop_grace = \"0s\"\nloop.kill_grace = \"1s\"\nloop.on_gate_fail = \"stop\"");
    let landed = stage.task("Landed", "write landed.txt l\ncommit Landed\ndone");
    let go = stage.path("go");
    let half = format!("write half.txt h\nwait-for {}\ncommit Half\ndone", go.display());
    let script = if way == "guard" { "write bad.txt b\ncommit Bad\ndone".to_owned() } else { half };
    let next = stage.task_with("Next", &["--dep", &landed], &script);
    stage.task_with("Later", &["--dep", &next], "done");
    let flags: &[&str] = match way {
        "budget" => &["--max-iter", "2"],
        "guard" => &["--max-attempts", "1"],
        "no-deliver" => &["--no-deliver", "--max-iter", "2"],
        _ => &[],
    };
    let mut run = stage.start(&[&["--gate", "test ! -e bad.txt"], flags].concat());
    if way != "guard" {
        run.wait_until("the second agent", || {
            stage.has_event(|entry| entry["kind"] == "spawned" && entry["iter"] == 2)
        });
    }
    match way {
        "INT" => run.signal("SIGINT"),
        "TERM" => run.signal("SIGTERM"),
        "crash" => run.signal("SIGKILL"),
        "stop file" => fs::write(stage.run_folder().join(".stop"), "").unwrap(),
        "cancel" => drop(stage.ok(&["loop", "cancel"])),
        "cancel --now" => drop(stage.ok(&["loop", "cancel", "--now"])),
        "checkout dirty" => stage.repo.write("landed.txt", "the user's own\n"),
        "target moved" => {
            stage.repo.write("landed.txt", "the user's own\n");
            stage.repo.commit("By hand");
        }
        _ => {}
    }
    if matches!(way, "stop file" | "cancel" | "cancel --now") {
        run.wait_until("the stop", || stage.has_event(|entry| entry["kind"] == "stop_requested"));
    }
    if !matches!(way, "INT" | "TERM" | "crash") {
        fs::write(&go, "").unwrap();
    }
    let ran = run.end();
    (stage, ran)
}

fn status(stage: &LoopStage) -> Value {
    serde_json::from_str(&stage.ok(&["--json", "loop", "status"])).unwrap()
}

fn ledger(stage: &LoopStage) -> String {
    fs::read_to_string(stage.repo.common_dir().join("hew/runs.jsonl")).unwrap()
}

/// Delivering what is delivered says so, and changes nothing.
fn assert_delivered_for_good(stage: &LoopStage, way: &str) {
    assert_eq!(stage.rev("main"), stage.run_branch(), "{way}");
    assert_eq!(stage.repo.read("landed.txt").as_deref(), Some("l"), "{way}");
    let before = (stage.snapshot(), ledger(stage));
    for run in [None, Some(stage.run_id())] {
        let args = ["loop", "deliver", "--run-id"];
        let told = match &run {
            Some(id) => stage.ok(&[&args[..], &[id]].concat()),
            None => stage.ok(&args[..2]),
        };
        assert!(told.contains("is already delivered: main"), "{way}: {told}");
    }
    let told: Value = serde_json::from_str(&stage.ok(&["--json", "loop", "deliver"])).unwrap();
    assert_eq!((&told["already"], &told["target"]), (&true.into(), &"main".into()), "{way}");
    assert_eq!((stage.snapshot(), ledger(stage)), before, "{way}");
    let next = status(stage)["next"].as_array().unwrap().clone();
    assert!(next.iter().all(|command| !command.as_str().unwrap().contains("deliver")), "{way}: {next:?}");
}

#[test]
fn what_ends_in_good_order_is_delivered_by_itself() {
    for (way, code) in [("stop file", 5), ("cancel", 5), ("cancel --now", 5), ("budget", 5), ("guard", 1)] {
        let (stage, ran) = stopped(way);
        assert_eq!(ran.code, code, "{way}: {}", ran.stderr);
        assert_delivered_for_good(&stage, way);
    }
}

#[test]
fn what_a_signal_or_a_crash_left_is_delivered_by_one_command_that_is_told() {
    for (way, code) in [("INT", 130), ("TERM", 143), ("crash", -1)] {
        let (stage, ran) = stopped(way);
        assert!(code < 0 || ran.code == code, "{way}: {} {}", ran.code, ran.stderr);
        assert_eq!(stage.repo.read("landed.txt"), None, "{way}");
        let command = format!("hew loop deliver --run-id {}", stage.run_id());
        let summary = stage.ok(&["loop", "summary"]);
        assert!(summary.contains(&command), "{way}: {summary}");
        if code > 0 {
            let status = stage.ok(&["loop", "status"]);
            assert!(status.contains(&command), "{way}: {status}");
        }
        let told = stage.ok(&["loop", "deliver"]);
        assert!(told.contains("is delivered"), "{way}: {told}");
        assert_delivered_for_good(&stage, way);
    }
}

#[test]
fn a_result_that_nobody_wanted_delivered_can_be_all_the_same() {
    let (stage, ran) = stopped("no-deliver");
    assert_eq!(ran.code, 5, "{}", ran.stderr);
    let status = stage.ok(&["loop", "status"]);
    assert!(status.contains("the result is on loop/") && !status.contains("hew loop deliver"), "{status}");
    stage.ok(&["loop", "deliver"]);
    assert_delivered_for_good(&stage, "no-deliver");
}

#[test]
fn a_result_that_was_refused_waits_until_nothing_is_in_its_way() {
    let (stage, ran) = stopped("checkout dirty");
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert_eq!(stage.repo.read("landed.txt").as_deref(), Some("the user's own\n"));
    let refused = stage.hew(&["loop", "deliver"]);
    assert_eq!(refused.code, 3, "{}", refused.stderr);
    assert!(stage.ok(&["loop", "status"]).contains("hew loop deliver --run-id"));
    fs::remove_file(stage.repo.root().join("landed.txt")).unwrap();
    stage.ok(&["loop", "deliver"]);
    assert_delivered_for_good(&stage, "checkout dirty");
}

/// What a journal with a bad line says of the gate and the verification is not to be relied on.
#[test]
fn a_result_whose_journal_cannot_be_read_is_not_delivered() {
    let (stage, ran) = stopped("no-deliver");
    assert_eq!(ran.code, 5, "{}", ran.stderr);
    let (before, journal) = (stage.rev("main"), stage.run_folder().join("events.jsonl"));
    let whole = fs::read_to_string(&journal).unwrap();
    fs::write(&journal, whole.replacen("\"iteration_started\"", "oops", 1)).unwrap();
    let refused = stage.hew(&["loop", "deliver"]);
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    assert!(
        refused.stderr.contains("events.jsonl") && refused.stderr.contains("git merge"),
        "{}",
        refused.stderr
    );
    assert_eq!(stage.rev("main"), before);
    fs::write(&journal, whole).unwrap();
    stage.ok(&["loop", "deliver"]);
    assert_delivered_for_good(&stage, "no-deliver");
}

fn merge_by_hand(stage: &LoopStage) {
    let branch = format!("loop/{}/main", stage.run_id());
    stage.repo.git(&["merge", "--quiet", "-X", "theirs", "-m", "By hand", &branch]);
}

/// Whether anybody waited for it or not: what a person brought to the target is written down as delivered, once.
#[test]
fn a_merge_by_hand_counts_however_the_run_ended() {
    for way in ["INT", "crash", "no-deliver"] {
        let (stage, _) = stopped(way);
        merge_by_hand(&stage);
        for _ in 0..2 {
            let told = stage.ok(&["loop", "deliver"]);
            assert!(told.contains("is already delivered: main"), "{way}: {told}");
        }
        assert_eq!(ledger(&stage).matches(r#""kind":"delivered""#).count(), 1, "{way}");
        assert_eq!(status(&stage)["delivery"]["delivery"], "delivered", "{way}");
        let summary = stage.ok(&["loop", "summary"]);
        assert!(!summary.contains("hew loop deliver"), "{way}: {summary}");
    }
}

#[test]
fn a_person_who_merges_by_hand_has_delivered_it() {
    let (stage, ran) = stopped("target moved");
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    let (id, branch) = (stage.run_id(), format!("loop/{}/main", stage.run_id()));
    let asked = format!("git switch main && git merge {branch} && hew loop deliver --run-id {id}");
    assert_eq!(status(&stage)["next"], serde_json::json!([asked]));
    merge_by_hand(&stage);
    let told = stage.ok(&["loop", "deliver"]);
    assert!(told.contains("is already delivered: main"), "{told}");
    assert_eq!(status(&stage)["next"], serde_json::json!([]));
    let summary = stage.ok(&["loop", "summary"]);
    assert!(summary.contains("delivered to main; nothing needs you"), "{summary}");
    let watched = stage.ok(&["loop", "status", "--watch"]);
    assert!(watched.contains("delivered    main is at") && !watched.contains("git merge"), "{watched}");
    let again = stage.run(&["--max-iter", "1", "--no-gate"]);
    assert_ne!(again.code, 3, "nobody waits for it any more: {}", again.stderr);
}
