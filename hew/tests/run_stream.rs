//! The event stream of `hew loop run --json`, and `hew loop status --watch` for programs and files: what they say is what
//! the journal says, and nobody who does not read holds up a run.

#![expect(clippy::unwrap_used, reason = "what a test relies on and is not there ends it")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use hew_testkit::loop_stage::{LoopStage, Running, wait_until};
use serde_json::Value;

fn tasks(stage: &LoopStage, count: usize) {
    for number in 0..count {
        stage.task(&format!("Task {number} \u{1b}[2J"), &format!("write {number}.txt a\ncommit A\ndone"));
    }
}

/// The journal's entries as the stream has them.
fn expected(stage: &LoopStage) -> Vec<Value> {
    let mut entries = stage.journal();
    for entry in &mut entries {
        entry["schema"] = 1.into();
    }
    entries
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn has_ended(stage: &LoopStage) -> bool {
    stage.has_event(|entry| entry["kind"] == "run_ended")
}

#[test]
fn each_line_of_the_stream_is_an_entry_of_the_journal_and_people_are_told_on_stderr() {
    let stage = LoopStage::new();
    tasks(&stage, 3);
    let ran = stage.run(&["--json", "--no-gate", "--jobs", "2"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(lines(&ran.stdout), expected(&stage));
    let last = lines(&ran.stdout).pop().unwrap();
    assert_eq!(
        (&last["kind"], &last["schema"], &last["exit_code"]),
        (&"run_ended".into(), &1.into(), &0.into())
    );
    assert!(!ran.stdout.contains('\u{1b}'), "a terminal that shows it is safe");
    assert!(ran.stderr.contains("landed") && ran.stderr.contains("run ended: ready_empty"), "{}", ran.stderr);
    let quiet = stage.run(&["--json", "-q", "--no-gate"]);
    assert_eq!((quiet.code, quiet.stderr.as_str()), (0, ""));
}

#[test]
fn a_pipe_that_nobody_reads_holds_up_no_run_and_loses_nothing() {
    let stage = LoopStage::new();
    tasks(&stage, 25);
    let run = stage.start(&["--json", "--no-gate", "--jobs", "2"]);
    // Far more than a pipe holds is printed, and not a byte of it is read before the run is over and the project is free.
    wait_until("the end of the run", || has_ended(&stage));
    let first = stage.run_folder();
    assert!(fs::metadata(first.join("events.jsonl")).unwrap().len() > 2 * 65_536);
    let told = expected(&stage);
    let next = || stage.run(&["--no-gate"]).code == 0;
    wait_until("the project to be free", next);
    let ran = run.end();
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(lines(&ran.stdout), told);
}

#[test]
fn a_closed_stdout_ends_the_stream_and_never_the_run() {
    let stage = LoopStage::new();
    tasks(&stage, 3);
    let args = ["loop", "run", "--scope", "ready", "--no-gate", "--json"];
    let mut child = stage.repo.hew(&args).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&first).unwrap()["kind"], "run_started");
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(stage.journal_of("landed").len(), 3);
}

#[test]
fn watching_goes_on_with_the_run_and_ends_with_it() {
    let stage = LoopStage::new();
    let begun = stage.path("begun");
    let script =
        format!("touch {}\nwait-for ${{HEW_PROJECT}}/../go\nwrite a.txt a\ncommit A\ndone", begun.display());
    let task = stage.task("Task", &script);
    let mut run = stage.start(&["--no-gate"]);
    run.wait_for(&begun);
    let once: Value = serde_json::from_str(&stage.ok(&["loop", "status", "--json"])).unwrap();
    assert_eq!((&once["state"], &once["workers"][0]["task"]), (&"running".into(), &task.as_str().into()));
    let watch = |flags: &[&str]| {
        let mut command = stage.repo.hew(&["loop", "status", "--watch"]);
        command.args(flags);
        Running::spawn(command)
    };
    let (for_people, for_programs) = (watch(&[]), watch(&["--json"]));
    // They watch the journal already, or will read all of it.
    fs::write(stage.path("go"), "").unwrap();
    assert_eq!(run.end().code, 0);
    let told = for_people.end();
    assert_eq!(told.code, 0, "{}", told.stderr);
    assert!(told.stdout.ends_with('\n') && told.stdout.contains("  completed\n"), "{}", told.stdout);
    let objects = lines(&for_programs.end().stdout);
    assert!(objects.iter().all(|object| object["kind"] == "status" && object["schema"] == 1));
    assert_eq!(objects.last().unwrap()["state"], "completed");
    let over = stage.ok(&["loop", "status", "--watch"]);
    assert_eq!(over.matches("  completed\n").count(), 1, "of a run that is over it is told once: {over}");
    assert_eq!(lines(&stage.ok(&["loop", "status", "--watch", "--json"])).len(), 1);
}
