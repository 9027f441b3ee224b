//! All tests on the result at the end of a run: what each outcome does to delivery, exit code, record and tracker.

#![expect(clippy::unwrap_used, reason = "what a test relies on and is not there ends it")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use hew_testkit::loop_stage::{LoopStage, Ran, ran};
use hew_testkit::stub_agent;
use serde_json::{Value, json};

const DONE: &str = "write work.txt work\ncommit Work\ndone";

/// A project with one task that lands `work.txt`.
fn stage(settings: &str) -> LoopStage {
    let stage = LoopStage::new();
    stage.settings(settings);
    stage.task("Work", DONE);
    stage
}

fn verified(stage: &LoopStage, command: &str, flags: &[&str]) -> Ran {
    stage.run(&[&["--no-gate", "--verify-tests", "--verify-command", command], flags].concat())
}

/// The outcome, in which durations count for nothing, as run.json, the journal and the summary have it: all the same.
fn outcome(stage: &LoopStage) -> Value {
    let run: Value =
        serde_json::from_str(&fs::read_to_string(stage.run_folder().join("run.json")).unwrap()).unwrap();
    let in_file = run["verify_outcome"].clone();
    let in_journal = stage.journal_of("verified").pop().map_or(Value::Null, |event| event["outcome"].clone());
    assert_eq!(in_file, in_journal);
    let summary: Value = serde_json::from_str(&stage.ok(&["--json", "loop", "summary"])).unwrap();
    assert_eq!(summary["verify_outcome"], in_journal);
    let mut outcome = in_journal;
    if let Some(fields) = outcome.as_object_mut()
        && let Some(took) = fields.remove("duration_secs")
    {
        assert!(took.as_f64().unwrap() >= 0.0);
    }
    outcome
}

fn memories(stage: &LoopStage) -> Vec<Value> {
    let records = stage.ok(&["task", "export"]);
    let records = records.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    records.filter(|record| record["_type"] == "memory").collect()
}

fn log(stage: &LoopStage) -> Vec<u8> {
    fs::read(stage.run_folder().join("verify.log")).unwrap()
}

fn is_delivered(stage: &LoopStage) -> bool {
    stage.repo.read("work.txt").is_some()
}

#[test]
fn green_tests_are_followed_by_the_delivery() {
    let stage = stage("");
    let seen = stage.path("seen");
    let command = format!(
        "test $(cat work.txt) = work && git rev-parse HEAD > {} && echo out && echo err >&2",
        seen.display()
    );
    let ran = verified(&stage, &command, &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(outcome(&stage), json!({"kind": "passed", "command": command}));
    assert_eq!(Some(fs::read_to_string(&seen).unwrap().trim().to_owned()), stage.run_branch());
    assert_eq!(log(&stage), b"out\nerr\n");
    assert!(ran.stderr.contains("verification green: `test $(cat"), "{}", ran.stderr);
    assert!(stage.ok(&["loop", "summary"]).contains("verify      green: `test"), "the summary has its line");
    assert!(is_delivered(&stage));
    assert_eq!(memories(&stage), Vec::<Value>::new());
    stage.assert_left_clean();
}

const RED: &str = "echo 'test sums::adds_up ... FAILED'; echo 'boom' >&2; exit 3";

#[test]
fn red_tests_hold_the_result_until_a_person_delivers_it() {
    let stage = stage("");
    let ran = verified(&stage, RED, &[]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    let tail = "test sums::adds_up ... FAILED\nboom\n";
    assert_eq!(
        outcome(&stage),
        json!({"kind": "failed", "command": RED, "exit_code": 3, "stderr_tail": tail})
    );
    let event = stage.journal_of("verified").pop().unwrap();
    assert_eq!((&event["failed_tests"], &event["log"]), (&json!(["sums::adds_up"]), &json!("verify.log")));
    assert!(!is_delivered(&stage));
    let run = stage.run_id();
    let next = format!("hew loop deliver --run-id {run}");
    assert!(ran.stderr.contains(&next) && ran.stdout.contains(&next), "{}{}", ran.stdout, ran.stderr);
    let task = stage.journal_of("landed")[0]["task"].as_str().unwrap().to_owned();
    assert_eq!(stage.status(&task), "closed", "a closed task stays closed");
    let kept = memories(&stage);
    assert_eq!(kept[0]["key"], format!("STATUS:loop-verify-failed:{run}"));
    let words = kept[0]["value"].as_str().unwrap();
    assert!(words.contains("exit code 3") && words.contains("sums::adds_up"), "{words}");
    stage.assert_left_clean();

    let refused = stage.run(&["--no-gate"]);
    assert_eq!(refused.code, 3, "a new run waits for the delivery: {}", refused.stderr);
    let delivered = stage.hew(&["loop", "deliver"]);
    assert_eq!(delivered.code, 0, "{}", delivered.stderr);
    assert!(delivered.stderr.contains("the verification of run") && delivered.stderr.contains("exit code 3"));
    assert!(is_delivered(&stage), "a person has decided");

    stage.task("More", "write more.txt m\ncommit More\ndone");
    let ran = verified(&stage, "true", &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(memories(&stage), Vec::<Value>::new(), "green tests end what red ones left");
}

#[test]
fn red_tests_are_delivered_where_that_is_set_and_the_exit_code_still_tells() {
    let stage = stage("loop.end_of_run.on_red = \"deliver\"");
    let ran = verified(&stage, "exit 1", &[]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert_eq!(outcome(&stage)["kind"], "failed");
    assert!(is_delivered(&stage));
    assert_eq!(memories(&stage).len(), 1);
    stage.assert_left_clean();
}

#[test]
fn what_came_of_the_tests_stands_where_they_left_a_tree_that_git_no_longer_knows() {
    for (end, kind, code) in [("exit 3", "failed", 1), ("exit 0", "passed", 0)] {
        let stage = stage("");
        let ran = verified(&stage, &format!("rm .git; {end}"), &[]);
        assert_eq!(ran.code, code, "{}", ran.stderr);
        assert_eq!((outcome(&stage)["kind"].as_str(), is_delivered(&stage)), (Some(kind), code == 0));
        stage.assert_left_clean();
    }
}

#[test]
fn tests_that_do_not_end_are_stopped_with_all_that_they_started() {
    let stage = stage("loop.end_of_run.verify_budget_wall = \"1s\"\nloop.kill_grace = \"1s\"");
    let script = stage.path("verify-script");
    fs::write(&script, "ignore-term\ndaemon\nchild\nhang").unwrap();
    let command = format!("exec {} {}", stub_agent::path().display(), script.display());
    let ran = verified(&stage, &command, &[]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert_eq!(outcome(&stage), json!({"kind": "timed_out", "command": command, "budget_secs": 1}));
    assert!(!is_delivered(&stage));
    assert_eq!(memories(&stage).len(), 1);
    stage.assert_left_clean();
}

#[test]
fn a_flood_on_both_streams_leaves_a_bounded_log() {
    let stage = stage("");
    let script = stage.path("verify-script");
    fs::write(&script, "print first\nprint-mb 15\nprint last").unwrap();
    let print = format!("{} {}", stub_agent::path().display(), script.display());
    let ran = verified(&stage, &format!("{print} >&2 & {print}; wait"), &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(outcome(&stage)["kind"], "passed");
    let log = log(&stage);
    assert!(log.len() < 20 * 1024 * 1024, "{} bytes", log.len());
    assert!(log.ends_with(b"last\n"));
    stage.assert_left_clean();
}

#[test]
fn with_nothing_to_run_or_nothing_to_look_at_it_is_passed_by() {
    let stage = stage("");
    let ran = stage.run(&["--no-gate", "--verify-tests"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let reason = "no command was found that runs the project's tests";
    assert_eq!(outcome(&stage), json!({"kind": "skipped", "reason": reason}));
    assert!(is_delivered(&stage));
    assert!(stage.ok(&["loop", "summary"]).contains("verify      skipped: no command"));

    let ran = verified(&stage, "exit 1", &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(outcome(&stage), json!({"kind": "skipped", "reason": "nothing landed"}));
    assert_eq!(memories(&stage), Vec::<Value>::new());
}

#[test]
fn flags_and_settings_say_whether_and_what() {
    let on = "loop.end_of_run.verify_tests = true";
    let set = "loop.end_of_run.verify_command = \"echo set\"";
    let both = format!("{on}\n{set}");
    let cases: [(&str, &[&str], Value); 7] = [
        ("", &[], Value::Null),
        (&both, &[], "echo set".into()),
        (set, &["--verify-tests"], "echo set".into()),
        (&both, &["--verify-command", "echo flag"], "echo flag".into()),
        (&both, &["--no-verify-tests"], Value::Null),
        (set, &["--verify-tests", "--no-verify-tests"], Value::Null),
        (set, &["--verify-command", "echo flag"], Value::Null),
    ];
    for (settings, flags, command) in cases {
        let stage = stage(settings);
        let ran = stage.run(&[&["--no-gate"], flags].concat());
        assert_eq!(ran.code, 0, "{flags:?}: {}", ran.stderr);
        assert_eq!(outcome(&stage)["command"], command, "{settings} {flags:?}");
        let told = ran.stderr.contains("--verify-command is of no use without --verify-tests");
        assert_eq!(told, flags == ["--verify-command", "echo flag"] && command.is_null(), "{}", ran.stderr);
    }
}

#[test]
fn the_command_is_found_in_the_result_and_not_in_what_the_run_began_with() {
    let stage = LoopStage::new();
    stage.task("Work", "write pytest.ini x\nwrite work.txt work\ncommit Work\ndone");
    let programs = stage.path("programs");
    write_program(
        &programs,
        "pytest",
        "#!/bin/sh\necho \"$@\" in $(ls)\necho 'FAILED a.py::test_b - no'\nexit 1\n",
    );
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let mut run = stage.repo.hew(&["loop", "run", "--scope", "ready", "--no-gate", "--verify-tests"]);
    run.env("PATH", path);
    let ran = ran(run);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert_eq!(outcome(&stage)["command"], "pytest");
    assert_eq!(stage.journal_of("verified")[0]["failed_tests"], json!(["a.py::test_b"]));
    assert!(String::from_utf8(log(&stage)).unwrap().contains("in README.md pytest.ini work.txt"));
    assert!(ran.stderr.contains("failed: a.py::test_b"), "{}", ran.stderr);
}

fn write_program(folder: &Path, name: &str, text: &str) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join(name), text).unwrap();
    fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn the_tests_see_the_tree_as_it_landed_and_leave_nothing_in_what_is_delivered() {
    let stage = stage("");
    let gate = "echo left > left-by-gate.txt";
    let command = "test ! -e left-by-gate.txt && echo changed > work.txt && echo new > new.txt";
    let ran = stage.run(&["--no-baseline", "--gate", gate, "--verify-tests", "--verify-command", command]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(outcome(&stage)["kind"], "passed");
    assert_eq!((stage.repo.read("work.txt"), stage.repo.read("new.txt")), (Some("work".to_owned()), None));
    stage.assert_left_clean();
}

#[test]
fn a_command_that_the_projects_settings_name_waits_for_trust() {
    let stage = stage("");
    let made = stage.path("made");
    let text =
        format!("[loop.end_of_run]\nverify_tests = true\nverify_command = \"touch {}\"\n", made.display());
    stage.repo.write(".hew.toml", &text);
    stage.repo.commit("Settings");
    let without_trust = || {
        let mut run = stage.repo.hew(&["loop", "run", "--scope", "ready", "--no-gate"]);
        run.env_remove("HEW_TRUST");
        ran(run)
    };
    let refused = without_trust();
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    assert!(refused.stderr.contains("loop.end_of_run.verify_command"), "{}", refused.stderr);
    assert!(stage.run_folders().is_empty() && !made.exists());
    stage.ok(&["trust"]);
    let ran = without_trust();
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(made.exists());
}

/// A run whose verification is under way: it has touched `begun`, and ends once there is a file `go`.
fn halted(settings: &str) -> (LoopStage, hew_testkit::loop_stage::Running) {
    let stage = stage(settings);
    let (begun, go) = (stage.path("begun"), stage.path("go"));
    let script = stage.path("verify-script");
    let text = format!("touch {}\nwait-for {}", begun.display(), go.display());
    fs::write(&script, text).unwrap();
    let command = format!("exec {} {}", stub_agent::path().display(), script.display());
    let mut run = stage.start(&["--no-gate", "--verify-tests", "--verify-command", &command]);
    run.wait_for(&begun);
    (stage, run)
}

#[test]
fn a_signal_stops_the_tests_after_their_grace_and_delivers_nothing() {
    let (stage, run) = halted("loop.stop_grace = \"0s\"\nloop.kill_grace = \"1s\"");
    run.signal("SIGTERM");
    let ran = run.end();
    assert_eq!(ran.code, 143, "{}", ran.stderr);
    let outcome = outcome(&stage);
    assert_eq!(outcome["kind"], "skipped");
    assert!(
        outcome["reason"].as_str().unwrap().ends_with("was stopped: a signal ended the run"),
        "{outcome}"
    );
    assert!(!is_delivered(&stage));
    assert_eq!(memories(&stage), Vec::<Value>::new());
    stage.assert_left_clean();
    stage.ok(&["loop", "deliver"]);
    assert!(is_delivered(&stage));
}

#[test]
fn a_second_signal_does_not_wait_for_the_grace() {
    let (stage, mut run) = halted("loop.stop_grace = \"10m\"\nloop.kill_grace = \"10m\"");
    run.signal("SIGINT");
    run.wait_until("the stop", || stage.has_event(|entry| entry["kind"] == "stop_requested"));
    run.signal("SIGINT");
    assert_eq!(run.end().code, 130);
    assert_eq!(outcome(&stage)["kind"], "skipped");
    stage.assert_left_clean();
}

#[test]
fn a_request_lets_the_tests_end_and_one_at_once_leaves_the_result_on_its_branch() {
    let (stage, mut run) = halted("");
    stage.ok(&["loop", "cancel"]);
    run.wait_until("the stop", || stage.has_event(|entry| entry["kind"] == "stop_requested"));
    fs::write(stage.path("go"), "").unwrap();
    let ran = run.end();
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(outcome(&stage)["kind"], "passed");
    assert!(is_delivered(&stage));

    let (stage, run) = halted("loop.kill_grace = \"1s\"");
    stage.ok(&["loop", "cancel", "--now"]);
    let ran = run.end();
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert_eq!(outcome(&stage)["kind"], "skipped");
    assert!(!is_delivered(&stage));
    assert!(ran.stderr.contains("the result is not verified"), "{}", ran.stderr);
    stage.assert_left_clean();
    stage.ok(&["loop", "deliver"]);
    assert!(is_delivered(&stage));
}

#[test]
fn a_crash_while_it_verifies_leaves_a_result_that_is_said_not_to_be_verified() {
    let (stage, run) = halted("");
    run.signal("SIGKILL");
    run.end();
    let words = "verification was cut off: the result is not verified";
    assert!(stage.ok(&["loop", "summary"]).contains(words));
    let summary: Value = serde_json::from_str(&stage.ok(&["--json", "loop", "summary"])).unwrap();
    assert_eq!((&summary["verify_outcome"]["reason"], summary["verify"].is_object()), (&json!(words), true));
    assert!(stage.ok(&["loop", "graph", "--format", "json"]).contains("\"verify_skipped\""));
    stage.ok(&["loop", "report", "--out", stage.path("r.html").to_str().unwrap()]);
    assert!(fs::read_to_string(stage.path("r.html")).unwrap().contains(words));
    fs::write(stage.path("go"), "").unwrap();
    let delivered = stage.hew(&["loop", "deliver"]);
    assert!(delivered.code == 0 && delivered.stderr.contains(words), "{}", delivered.stderr);
}
