//! Signals to a run, and its sudden death: nothing is lost, nothing goes on, nothing is delivered behind a person's back.

#![expect(clippy::unwrap_used, reason = "what a test relies on and is not there ends it")]

use std::fs;

use hew_testkit::loop_stage::{LoopStage, Ran, Running};
use serde_json::Value;

/// What a stopped run has to have kept: `landed` has landed, `half` is under way and its agent hangs.
struct Halved {
    stage: LoopStage,
    run: Running,
    landed: String,
    half: String,
}

/// A run whose first task has landed and whose second one has begun. Its agent follows `then` after it has written.
fn halved(settings: &str, then: &str) -> Halved {
    let stage = LoopStage::new();
    stage.settings(settings);
    let landed = stage.task("Landed", "write landed.txt l\ncommit Landed\ndone");
    let begun = stage.path("begun");
    let script = format!("write half.txt half\ntouch {}\n{then}", begun.display());
    let half = stage.task_with("Half", &["--dep", &landed], &script);
    stage.task_with("Later", &["--dep", &half], "write later.txt l\ncommit Later\ndone");
    let mut run = stage.start(&["--gate", "true"]);
    run.wait_for(&begun);
    Halved { stage, run, landed, half }
}

const HANGS: &str = "daemon\nchild\nhang";
const QUICK: &str = "loop.stop_grace = \"0s\"\nloop.kill_grace = \"1s\"";
const PATIENT: &str = "loop.stop_grace = \"10m\"\nloop.kill_grace = \"10m\"";

fn assert_stopped_well(stage: &LoopStage, ran: &Ran, code: i32, halved: (&str, &str)) {
    let (landed, half) = halved;
    assert_eq!(ran.code, code, "{}", ran.stderr);
    let launch = stage.journal()[0]["launch_sha"].as_str().unwrap().to_owned();
    assert_eq!(stage.rev("main").unwrap(), launch, "nothing is delivered");
    assert_eq!(stage.repo.read("landed.txt"), None);
    assert_eq!(stage.status(landed), "closed");
    assert_eq!(
        stage.file_at(&stage.run_branch().unwrap(), "landed.txt").unwrap(),
        "l",
        "what landed is kept"
    );
    assert_eq!(stage.outcomes(half), ["cancelled"]);
    assert!(stage.is_free(half), "its claim is given back");
    assert!(!stage.has_label(half, "hew:parked"), "a stop is no failed attempt");
    let work = stage.journal_of("collected").pop().unwrap();
    assert_eq!(stage.rev(work["anchor"].as_str().unwrap()).as_deref(), work["head_sha"].as_str());
    assert_eq!(
        stage.file_at(work["head_sha"].as_str().unwrap(), "half.txt").unwrap(),
        "half",
        "its work is anchored"
    );
    assert_eq!(stage.journal_of("iteration_started").len(), 2, "nothing more was started");
    let end = stage.journal_of("run_ended").pop().unwrap();
    assert_eq!((&end["stop_reason"], &end["exit_code"]), (&"signal".into(), &code.into()));
    stage.assert_left_clean();
}

fn assert_delivered_later(stage: &LoopStage) {
    let waiting = stage.run(&["--gate", "true"]);
    assert_eq!(waiting.code, 3, "a new run waits for the delivery: {}", waiting.stderr);
    assert!(waiting.stderr.contains("hew loop deliver"), "{}", waiting.stderr);
    stage.ok(&["loop", "deliver"]);
    assert_eq!(stage.repo.read("landed.txt").unwrap(), "l");
    assert_eq!(stage.rev("main"), stage.run_branch());
}

#[test]
fn a_signal_stops_agents_after_their_grace_and_delivers_nothing() {
    for (signal, code) in [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)] {
        let Halved { stage, run, landed, half } = halved(QUICK, HANGS);
        run.signal(signal);
        let ran = run.end();
        assert_stopped_well(&stage, &ran, code, (&landed, &half));
        if signal != "SIGINT" {
            continue;
        }
        assert_delivered_later(&stage);
        stage.script(&half, "write half.txt whole\ncommit Half\ndone");
        let ran = stage.run(&["--gate", "true"]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert_eq!(stage.outcomes(&half), ["closed"]);
    }
}

#[test]
fn an_agent_may_end_by_itself_in_its_grace_and_its_work_is_kept_without_a_gate() {
    let release = "wait-for ${HEW_PROJECT}/../go\ncommit Half\ndone";
    let Halved { stage, run, landed, half } = halved(PATIENT, release);
    run.signal("SIGTERM");
    let mut run = run;
    run.wait_until("the stop", || stage.has_event(|entry| entry["kind"] == "stop_requested"));
    fs::write(stage.path("go"), "").unwrap();
    let ran = run.end();
    assert_stopped_well(&stage, &ran, 143, (&landed, &half));
    assert_eq!(stage.journal_of("gated").len(), 1, "no gate is begun after a signal");
    let exited = stage.journal_of("exited").pop().unwrap();
    assert_eq!(exited["exit"]["code"], 0, "the agent ended by itself");
}

#[test]
fn a_second_signal_stops_agents_at_once() {
    let Halved { stage, mut run, landed, half } = halved(PATIENT, "ignore-term\ndaemon\nhang");
    run.signal("SIGINT");
    run.wait_until("the stop", || stage.has_event(|entry| entry["kind"] == "stop_requested"));
    run.signal("SIGINT");
    let ran = run.end();
    assert_stopped_well(&stage, &ran, 130, (&landed, &half));
    let exited = stage.journal_of("exited").pop().unwrap();
    assert_eq!(exited["exit"]["signal"], 9, "killed, although ten minutes of grace were set: {exited}");
}

/// As when a terminal closes: its shell tells of it, and the system once more.
#[test]
fn a_second_hup_is_no_second_request() {
    let release = "wait-for ${HEW_PROJECT}/../go\ncommit Half\ndone";
    let Halved { stage, mut run, landed, half } = halved(PATIENT, release);
    run.signal("SIGHUP");
    run.wait_until("the stop", || stage.has_event(|entry| entry["kind"] == "stop_requested"));
    run.signal("SIGHUP");
    fs::write(stage.path("go"), "").unwrap();
    let ran = run.end();
    assert_stopped_well(&stage, &ran, 129, (&landed, &half));
    assert_eq!(stage.journal_of("stop_requested").len(), 1);
    assert_eq!(stage.journal_of("exited").pop().unwrap()["exit"]["code"], 0, "the agent ended by itself");
}

#[test]
fn a_signal_while_the_gate_runs_lets_it_end_and_lands_what_is_green() {
    let stage = LoopStage::new();
    stage.settings(PATIENT);
    let task = stage.task("Task", "write done.txt d\ncommit Task\ndone");
    let other = stage.task("Other", "write other.txt o\ncommit Other\ndone");
    let (gating, go) = (stage.path("gating"), stage.path("go"));
    let wait = format!("touch {}; until test -e {}; do :; done", gating.display(), go.display());
    let mut run = stage.start(&["--no-baseline", "--gate", &wait]);
    run.wait_for(&gating);
    run.wait_until("the other task's work", || {
        stage.has_event(|entry| entry["kind"] == "queued" && entry["iter"] == 2)
    });
    run.signal("SIGINT");
    run.wait_until("the stop", || stage.has_event(|entry| entry["kind"] == "stop_requested"));
    fs::write(&go, "").unwrap();
    let ran = run.end();
    assert_eq!(ran.code, 130, "{}", ran.stderr);
    assert_eq!(stage.outcomes(&task), ["closed"]);
    assert_eq!(stage.outcomes(&other), ["cancelled"]);
    assert!(stage.is_free(&other));
    assert_eq!(stage.journal_of("gated").len(), 1);
    assert_eq!(stage.repo.read("done.txt"), None, "not delivered");
    assert_eq!(stage.refs("refs/hew").len(), 2);
    stage.assert_left_clean();
}

#[test]
fn after_a_sudden_death_nothing_runs_and_a_new_run_gives_back_what_was_claimed() {
    let Halved { stage, run, landed, half } = halved(PATIENT, "ignore-term\ndaemon\nchild\nhang");
    run.signal("SIGKILL");
    assert_eq!(run.end().code, 137);
    hew_testkit::loop_stage::wait_until("the end of the agent's processes", || stage.processes().is_empty());
    stage.repo.fsck_clean();
    assert_eq!(stage.status(&half), "in_progress", "nobody was left to give it back");
    let crashed = stage.run_id();

    let refused = stage.run(&["--gate", "true", "--force-new"]);
    assert_eq!(refused.code, 3, "{}", refused.stderr);
    for told in [crashed.as_str(), "hew loop deliver", "--ignore-undelivered"] {
        assert!(refused.stderr.contains(told), "{told} is not in: {}", refused.stderr);
    }
    assert_eq!(stage.run_id(), crashed, "the refusal leaves no run");
    assert_eq!(stage.status(&half), "in_progress", "a refused run changes no task");
    stage.ok(&["loop", "deliver"]);
    assert_eq!(stage.repo.read("landed.txt").unwrap(), "l");

    let prepared = stage.journal_of("prepared").pop().unwrap();
    let lies = format!("its work, as far as it went, lies in {}", prepared["worktree"].as_str().unwrap());
    let dry = stage.run(&["--dry-run"]);
    let told = format!(
        "{half} is still held by run {crashed}, which crashed: hew loop resume --run-id {crashed} goes on"
    );
    assert!(dry.code == 0 && dry.stderr.contains(&told) && dry.stderr.contains(&lies), "{}", dry.stderr);
    assert_eq!(stage.status(&half), "in_progress", "a dry run changes nothing");

    stage.script(&half, "write half.txt whole\ncommit Half\ndone");
    let ran = stage.run(&["--gate", "true", "--force-new"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(stage.outcomes(&half), ["closed"], "the claim of the crashed run was given back");
    assert_eq!(stage.outcomes(&landed), Vec::<String>::new(), "what landed is not done again");
    let notes = stage.show(&half)["notes"].as_str().unwrap().to_owned();
    assert!(notes.contains(&crashed) && notes.contains("crashed") && notes.contains(&lies), "{notes}");
    assert!(ran.stderr.contains(&format!("it is open again; {lies}")), "{}", ran.stderr);
    assert!(stage.prompt(&half, 1).contains(&lies), "the next attempt is told where to look");
    stage.assert_nothing_runs();
}

#[test]
fn a_run_that_died_before_anything_landed_stands_in_nobodys_way() {
    let stage = LoopStage::new();
    let begun = stage.path("begun");
    let task = stage.task("Task", &format!("write half.txt h\ntouch {}\nhang", begun.display()));
    let mut run = stage.start(&[]);
    run.wait_for(&begun);
    run.signal("SIGKILL");
    assert_eq!(run.end().code, 137);
    stage.script(&task, "write done.txt d\ncommit Done\ndone");
    let died = stage.run_id();
    let ran = stage.run(&[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains(&format!("run {died} had crashed")), "{}", ran.stderr);
    assert_eq!(
        (stage.run_id(), stage.outcomes(&task)),
        (died, vec!["cancelled".to_owned(), "closed".to_owned()])
    );
    assert_eq!(stage.repo.read("done.txt").unwrap(), "d");
    stage.assert_nothing_runs();
}

#[test]
fn whoever_asks_a_run_to_stop_is_told_apart() {
    let cases: [(&str, &[&str]); 3] =
        [("cancelled", &["loop", "cancel", "--now"]), ("stop_file", &[]), ("signal", &[])];
    for (reason, cancel) in cases {
        let Halved { stage, run, half, .. } =
            halved(QUICK, if reason == "stop_file" { "commit H\ndone" } else { HANGS });
        match reason {
            "cancelled" => drop(stage.ok(cancel)),
            "stop_file" => fs::write(stage.run_folder().join(".stop"), "").unwrap(),
            _ => run.signal("SIGTERM"),
        }
        let ran = run.end();
        let end = stage.journal_of("run_ended").pop().unwrap();
        let expected: (Value, i32) = (reason.into(), if reason == "signal" { 143 } else { 5 });
        assert_eq!((end["stop_reason"].clone(), ran.code), expected, "{}", ran.stderr);
        let is_delivered = stage.repo.read("landed.txt").is_some();
        assert_eq!(is_delivered, reason != "signal", "a request delivers, a signal does not");
        assert_ne!(stage.status(&half), "in_progress");
        stage.assert_left_clean();
    }
}
