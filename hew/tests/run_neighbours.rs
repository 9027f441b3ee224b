//! A run is not alone: a second run (landing.md L13), a person or an agent who closes tasks (L18), somebody who is
//! quicker with a claim (L19).

use std::fs;

use hew_testkit::loop_stage::{LoopStage, Ran, ran, wait_until};
use rusqlite::Connection;
use serde_json::Value;

#[test]
fn a_second_run_is_refused_at_once_and_the_first_is_undisturbed() {
    let stage = LoopStage::new();
    let (started, go) = (stage.path("started"), stage.path("go"));
    let script =
        format!("touch {}\nwait-for {}\nwrite a.txt a\ncommit A\ndone", started.display(), go.display());
    let task = stage.task("A", &script);
    let mut first = stage.start(&[]);
    first.wait_for(&started);
    let (run, before) = (stage.run_id(), stage.snapshot());

    let second = stage.run(&["--no-gate"]);
    assert_eq!(second.code, 4, "{}", second.stderr);
    let pid = first.pid().to_string();
    for told in [run.as_str(), &pid, "hew loop cancel"] {
        assert!(second.stderr.contains(told), "{told} is not in: {}", second.stderr);
    }
    assert_eq!(stage.run_folders().len(), 1, "a refused run leaves no folder");
    assert_eq!(stage.snapshot(), before);
    let told: Value =
        serde_json::from_str(&stage.hew(&["--json", "loop", "run", "--scope", "ready"]).stdout).unwrap();
    assert_eq!((&told["kind"], &told["code"]), (&"error".into(), &4.into()));

    fs::write(go, "").unwrap();
    let first = first.end();
    assert_eq!(first.code, 0, "{}", first.stderr);
    assert_eq!(stage.outcomes(&task), ["closed"]);
    stage.assert_left_clean();
    stage.task("B", "write b.txt b\ncommit B\ndone");
    assert_eq!(stage.run(&[]).code, 0, "the next run starts once the first has ended");
}

#[test]
fn an_agent_closes_nobody_elses_task_and_its_own_only_by_landing() {
    let stage = LoopStage::new();
    let own = stage.task("Own", "");
    let other = stage.task_with("Other", &["--dep", &own], "write other.txt o\ncommit Other\ndone");
    stage.script(&format!("{own}.1"), &format!("hew task close {other} --reason mine"));
    stage.script(
        &format!("{own}.2"),
        &format!("write own.txt o\ncommit Own\nhew task close {own} --reason finished"),
    );
    let ran = stage.run(&[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(stage.outcomes(&own), ["runtime_error", "closed"]);
    let exits = stage.journal_of("exited");
    assert!(exits[0]["stderr_tail"].as_str().unwrap().contains("not for agents"), "{}", exits[0]);
    assert_eq!(stage.outcomes(&other), ["closed"], "it was open, and was done by an agent of its own");
    let reason = stage.show(&own)["close_reason"].as_str().unwrap().to_owned();
    let landed = stage.journal_of("landed")[0]["sha"].as_str().unwrap().to_owned();
    assert_eq!(reason, format!("landed {landed}: finished"));
}

#[test]
fn a_close_by_the_agent_itself_is_taken_back_when_the_gate_is_red() {
    let stage = LoopStage::new();
    stage.settings("loop.runtime_defs.stub.env = { HEW_ALLOW_NESTED = \"1\" }");
    let task = stage.task("Task", "");
    let dependent = stage.task_with("Dependent", &["--dep", &task], "write d.txt d\ncommit D\ndone");
    let epic = stage.task_with("Epic", &["-t", "epic", "--dep", &task], "");
    let child = stage.task_with("Child", &["--parent", &epic], "write c.txt c\ncommit C\ndone");
    stage.script(&task, &format!("write bad.txt bad\ncommit Bad\nhew task close {task} --reason closed"));
    let ran = stage.run(&["--gate", "test ! -e bad.txt", "--max-attempts", "2"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert_eq!(stage.outcomes(&task), ["backpressure_fail", "backpressure_fail"]);
    let changes: Vec<Value> =
        stage.journal_of("task_changed").iter().map(|entry| entry["change"].clone()).collect();
    assert!(changes.contains(&"reopened".into()), "the agent did close it: {changes:?}");
    assert!(stage.is_free(&task) && stage.has_label(&task, "hew:parked"));
    assert!(stage.show(&task)["notes"].as_str().unwrap().contains("backpressure_fail"));
    for waiting in [&dependent, &child] {
        assert_eq!(stage.outcomes(waiting), Vec::<String>::new(), "never started");
        assert!(stage.is_free(waiting));
    }
    stage.assert_left_clean();
}

#[test]
fn a_persons_close_ends_the_iteration_keeps_the_work_and_stays() {
    let stage = LoopStage::new();
    stage.settings("loop.kill_grace = \"1s\"");
    let started = stage.path("started");
    let script = format!("write half.txt half\ntouch {}\nignore-term\ndaemon\nhang", started.display());
    let task = stage.task("Task", &script);
    let dependent = stage.task_with("Dependent", &["--dep", &task], "write d.txt d\ncommit D\ndone");
    let other = stage.task("Other", "write o.txt o\ncommit O\ndone");
    let mut run = stage.start(&[]);
    run.wait_for(&started);
    stage.ok(&["task", "close", &task, "--reason", "not wanted", "--actor", "ann"]);
    let ran = run.end();
    assert_eq!(ran.code, 1, "the dependent can't start in this run: {}", ran.stderr);

    assert_eq!(stage.outcomes(&task), ["cancelled"]);
    assert_eq!(stage.status(&task), "closed");
    assert_eq!(stage.show(&task)["close_reason"], "not wanted");
    let work = stage.journal_of("collected")[0].clone();
    assert_eq!(stage.rev(work["anchor"].as_str().unwrap()).as_deref(), work["head_sha"].as_str());
    assert_eq!(stage.file_at(work["head_sha"].as_str().unwrap(), "half.txt").unwrap(), "half");
    assert_eq!(stage.file_at("main", "half.txt"), None, "nothing of it lands");
    assert_eq!(stage.outcomes(&dependent), Vec::<String>::new());
    assert_eq!(stage.outcomes(&other), ["closed"], "the run goes on");
    stage.assert_left_clean();

    let ran = stage.run(&[]);
    assert_eq!(ran.code, 0, "closed before a run counts as satisfied: {}", ran.stderr);
    assert_eq!(stage.outcomes(&dependent), ["closed"]);
}

#[test]
fn a_task_that_a_person_takes_over_is_left_to_them() {
    let stage = LoopStage::new();
    stage.settings("loop.kill_grace = \"1s\"");
    let started = stage.path("started");
    let task = stage.task("Task", &format!("write half.txt half\ntouch {}\nhang", started.display()));
    let mut run = stage.start(&[]);
    run.wait_for(&started);
    stage.ok(&["task", "update", &task, "--assignee", "ann"]);
    let ran = run.end();
    assert_eq!(ran.code, 0, "nothing of the run's failed: {}", ran.stderr);
    assert_eq!(stage.outcomes(&task), ["cancelled"]);
    assert_eq!(stage.show(&task)["assignee"], "ann");
    assert_eq!(stage.refs("refs/hew").len(), 1);
    stage.assert_left_clean();
}

#[test]
fn a_claim_that_somebody_else_wins_costs_nothing_but_the_next_task_in_line() {
    let stage = LoopStage::new();
    let go = stage.path("go");
    let wanted = stage.task("Wanted by two", "write twice.txt t\ncommit Twice\ndone");
    let next = stage.task("Next", "write next.txt n\ncommit Next\ndone");
    let gate =
        format!("touch {}; until test -e {}; do :; done", stage.path("gating").display(), go.display());
    let mut run = stage.start(&["--gate", &gate]);
    run.wait_for(stage.path("gating"));

    // The queue can be read but not changed: hew finds the task ready, and its claim has to wait.
    let db = Connection::open(stage.repo.common_dir().join("hew/tracker/tasks.db")).unwrap();
    db.execute_batch("BEGIN IMMEDIATE").unwrap();
    fs::write(&go, "").unwrap();
    run.wait_until("the choice of a task", || stage.has_event(|entry| entry["kind"] == "tick"));
    let changed = db
        .execute(
            "UPDATE task SET status = 'in_progress', assignee = 'ann', startable = 0,
             record = json_set(record, '$.status', 'in_progress', '$.assignee', 'ann') WHERE id = ?1",
            [&wanted],
        )
        .unwrap();
    assert_eq!(changed, 1);
    db.execute_batch("COMMIT").unwrap();
    drop(db);

    let ran = run.end();
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(stage.journal_of("tick")[0]["assignments"][0]["task"], wanted, "hew did choose it");
    assert_eq!(stage.outcomes(&wanted), Vec::<String>::new(), "and did not do it");
    assert_eq!(stage.show(&wanted)["assignee"], "ann");
    assert_eq!(stage.outcomes(&next), ["closed"]);
    let failures: Vec<Value> =
        stage.journal_of("tick").iter().map(|tick| tick["claim_failures"].clone()).collect();
    let lost = serde_json::json!([[wanted, "held by ann"]]);
    assert!(failures.contains(&lost), "the lost claim is on record: {failures:?}");
    stage.assert_left_clean();
}

#[test]
fn refs_that_the_target_holds_go_after_their_days_and_anchors_of_unlanded_work_stay() {
    let stage = LoopStage::new();
    stage.task("Good", "write good.txt g\ncommit Good\ndone");
    stage.task("Bad", "write bad.txt b\ncommit Bad\ndone");
    let first = stage.run(&["--gate", "test ! -e bad.txt", "--max-attempts", "1"]);
    assert_eq!(first.code, 1, "{}", first.stderr);
    let anchors = stage.refs("refs/hew");
    assert_eq!(anchors.len(), 2);
    let holds_bad = |commit: &str| stage.file_at(commit, "bad.txt").is_some();
    let unlanded: Vec<String> =
        anchors.into_iter().filter(|(_, commit)| holds_bad(commit)).map(|(name, _)| name).collect();
    let branch = format!("refs/heads/loop/{}/main", stage.run_id());
    assert!(stage.rev(&branch).is_some());

    assert_eq!(stage.run(&[]).code, 0, "the default keeps them for days");
    assert_eq!(stage.refs("refs/hew").len(), 2);
    stage.settings("loop.keep_refs_days = 0");
    assert_eq!(stage.run(&[]).code, 0);
    let left: Vec<String> = stage.refs("refs/hew").into_keys().collect();
    assert_eq!(left, unlanded);
    assert_eq!(stage.rev(&branch), None);
}

#[test]
fn a_stop_file_that_cannot_be_watched_is_refused_before_anything_starts() {
    let stage = LoopStage::new();
    let before = stage.snapshot();
    let ran = stage.run(&["--no-gate", "--stop-file", "nowhere/stop"]);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("nowhere"), "{}", ran.stderr);
    assert!(stage.run_folders().is_empty());
    assert_eq!(stage.snapshot(), before);
}

/// As a run leaves it that is killed after a landing and before the tracker was told.
#[test]
fn what_a_run_that_is_given_up_had_landed_is_closed_and_not_done_again() {
    let stage = LoopStage::new();
    let task = stage.task("A", "write a.txt a\ncommit A\ndone");
    assert_eq!(stage.run(&["--no-gate", "--no-deliver"]).code, 0);
    let landed = stage.journal_of("landed")[0]["sha"].as_str().unwrap().to_owned();
    let journal = stage.run_folder().join("events.jsonl");
    let lines = fs::read_to_string(&journal).unwrap();
    let end = lines.find("\"landed\"").map(|at| at + lines[at..].find('\n').unwrap() + 1).unwrap();
    fs::write(&journal, &lines[..end]).unwrap();
    let ledger = stage.repo.common_dir().join("hew/runs.jsonl");
    let lines = fs::read_to_string(&ledger).unwrap();
    let without_end: Vec<&str> = lines.lines().filter(|line| !line.contains("\"ended\"")).collect();
    assert_eq!(without_end.len(), 1);
    fs::write(&ledger, without_end.join("\n") + "\n").unwrap();
    stage.ok(&["task", "reopen", &task]);
    stage.ok(&["task", "claim", &task, "--actor", &format!("hew/{}/w0/1", stage.run_id())]);

    let again = stage.run(&["--no-gate", "--ignore-undelivered", "--force-new"]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert_eq!(stage.journal_of("iteration_started").len(), 0, "{}", again.stderr);
    assert_eq!(stage.status(&task), "closed");
    let reason = stage.show(&task)["close_reason"].as_str().unwrap().to_owned();
    assert!(reason.starts_with(&format!("landed {landed}")), "{reason}");
}

/// As it is where a run with a place at which hew kills itself (`HEW_FAIL_AT`) is given up.
fn given_up_at(stage: &LoopStage, flags: &[&str], place: &str) -> Ran {
    let mut command = stage.repo.hew(&[&["loop", "run", "--scope", "ready"], flags].concat());
    command.env("HEW_FAIL_AT", place);
    let died = ran(command);
    assert_eq!(died.code, 137, "{place}: {}", died.stderr);
    wait_until("the end of the dead run's processes", || stage.processes().is_empty());
    if place.starts_with("journal/candidate") {
        let candidate = stage.journal_of("candidate")[0]["candidate"]
            .as_str()
            .expect("a candidate has its commit")
            .to_owned();
        stage.repo.git(&["update-ref", &format!("refs/heads/loop/{}/main", stage.run_id()), &candidate]);
    }
    let again = stage.run(&["--gate", "true", "--ignore-undelivered", "--force-new"]);
    assert_eq!(again.code, 0, "{place}: {}", again.stderr);
    again
}

/// A worker's branch lands with one merge (`--merge end`): all on it has landed, and is not done again.
#[test]
fn all_that_landed_with_a_branch_is_closed_where_its_run_is_given_up() {
    for place in ["git/advance:1", "journal/landed:1", "journal/iteration_ended:1"] {
        let stage = LoopStage::new();
        let tasks = ["A", "B", "C"].map(|name| {
            let work = format!("write {name}.txt {name}\ncommit {name}\ndone");
            stage.task(name, if name == "C" { "done" } else { &work })
        });
        let again = given_up_at(&stage, &["--merge", "end", "--gate", "true"], place);
        assert_eq!(stage.journal_of("iteration_started").len(), 0, "{place}: {}", again.stderr);
        assert_eq!(tasks.map(|task| stage.status(&task)), ["closed", "closed", "closed"], "{place}");
    }
}

#[test]
fn what_no_gate_found_good_has_not_landed_where_its_run_is_given_up() {
    let stage = LoopStage::new();
    let task = stage.task("A", "write a.txt a\ncommit A\ndone");
    let again = given_up_at(&stage, &["--gate", "true"], "journal/candidate:1");
    assert_eq!(stage.journal_of("iteration_started").len(), 1, "{}", again.stderr);
    assert_eq!(stage.status(&task), "closed");
}

/// A tracker that could not be written when a run ended leaves it a claim. The next run gives that back, and does the task.
#[test]
fn a_claim_that_a_run_could_not_give_back_is_given_back_by_the_next() {
    let stage = LoopStage::new();
    stage.task("A", "write a.txt a\ncommit A\ndone");
    assert_eq!(stage.run(&["--no-gate"]).code, 0);
    let (over, task) = (stage.run_id(), stage.task("B", "write b.txt b\ncommit B\ndone"));
    stage.ok(&["task", "claim", &task, "--actor", &format!("hew/{over}/w0/2")]);
    let told = format!("{task} is still held by run {over}, which could not give it back");
    let dry = stage.hew(&["loop", "run", "--dry-run", "--scope", "ready", "--no-gate"]);
    assert!(dry.stderr.contains(&told), "{}", dry.stderr);

    let again = stage.run(&["--no-gate"]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert!(again.stderr.contains(&format!("{task} was still held by run {over}")), "{}", again.stderr);
    assert_eq!((stage.status(&task), stage.repo.read("b.txt")), ("closed".to_owned(), Some("b".to_owned())));
}

/// Where the journal of a crashed run can't be read, nobody knows what it had landed: nothing is given back and done again.
#[test]
fn a_crashed_run_whose_journal_is_broken_is_told_of_before_anything_starts() {
    let stage = LoopStage::new();
    let task = stage.task("A", "write a.txt a\ncommit A\ndone");
    assert_eq!(stage.run(&["--no-gate", "--no-deliver"]).code, 0);
    let ledger = stage.repo.common_dir().join("hew/runs.jsonl");
    let lines = fs::read_to_string(&ledger).unwrap();
    let without_end: Vec<&str> = lines.lines().filter(|line| !line.contains("\"ended\"")).collect();
    fs::write(&ledger, without_end.join("\n") + "\n").unwrap();
    let holder = format!("hew/{}/w0/1", stage.run_id());
    stage.ok(&["task", "reopen", &task]);
    stage.ok(&["task", "claim", &task, "--actor", &holder]);
    let folder = stage.repo.root().join(".hew/loop").join(stage.run_id());
    let journal = folder.join("events.jsonl");
    fs::write(&journal, fs::read_to_string(&journal).unwrap().replacen("\"iteration_started\"", "oops", 1))
        .unwrap();

    let refused = stage.run(&["--no-gate", "--ignore-undelivered"]);
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    assert!(refused.stderr.contains(folder.to_str().unwrap()), "{}", refused.stderr);
    assert_eq!(stage.show(&task)["assignee"], holder.as_str(), "the claim stays");
}
