//! `hew loop resume`, and what `hew loop run` does where it finds a run whose process is gone: the real binary, real git,
//! scripted agents, and a process that is killed.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use hew_testkit::loop_stage::{LoopStage, Ran, Running, ran, wait_until};
use hew_testkit::terminal::ran_on_terminal;
use serde_json::{Value, json};

/// Runs until a file is there, kills hew, and waits until nothing of it runs.
fn killed_at(stage: &LoopStage, flags: &[&str], mark: &str) {
    let mut run = stage.start(flags);
    run.wait_for(stage.path(mark));
    run.signal("SIGKILL");
    assert_eq!(run.end().code, 137);
    wait_until("the end of the dead run's processes", || stage.processes().is_empty());
}

/// Runs with a place at which hew kills itself; see `HEW_FAIL_AT`.
fn failing_at(stage: &LoopStage, args: &[&str], place: &str) {
    let mut command = stage.repo.hew(args);
    command.env("HEW_FAIL_AT", place);
    let ran = ran(command);
    assert_eq!(ran.code, 137, "{place}: {}", ran.stderr);
    wait_until("the end of the dead run's processes", || stage.processes().is_empty());
}

/// A shell's command that makes one file and waits for another.
fn waits(stage: &LoopStage, mark: &str, go: &str) -> String {
    format!("touch {}; until test -e {}; do :; done", stage.path(mark).display(), stage.path(go).display())
}

/// A task whose agent writes half of its work, makes the file `half`, and hangs.
fn half_done(stage: &LoopStage, flags: &[&str]) -> String {
    let mark = stage.path("half");
    stage.task_with("Half", flags, &format!("write half.txt h\ntouch {}\nhang", mark.display()))
}

fn finish(stage: &LoopStage, task: &str) {
    stage.script(task, "write whole.txt w\ncommit Whole\ndone");
}

fn resume(stage: &LoopStage) -> Ran {
    stage.hew(&["loop", "resume"])
}

fn resumed(stage: &LoopStage) {
    let ran = resume(stage);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}

fn count(stage: &LoopStage, kind: &str) -> usize {
    stage.journal_of(kind).len()
}

fn journal_file(stage: &LoopStage) -> PathBuf {
    stage.run_folder().join("events.jsonl")
}

#[test]
fn an_agent_that_was_cut_off_is_run_again_under_the_same_run_and_its_task_loses_no_attempt() {
    let stage = LoopStage::new();
    let first = stage.task("First", "write first.txt f\ncommit First\ndone");
    let half = half_done(&stage, &["--dep", &first]);
    killed_at(&stage, &["--gate", "true", "--max-attempts", "1"], "half");
    let run = stage.run_id();
    assert_eq!(stage.status(&half), "in_progress");
    assert!(stage.ok(&["loop", "list"]).contains("crashed"));

    finish(&stage, &half);
    resumed(&stage);
    assert_eq!(stage.run_id(), run, "no other run was begun");
    assert_eq!(stage.outcomes(&first), ["closed"]);
    assert_eq!(stage.outcomes(&half), ["cancelled", "closed"]);
    assert!(stage.journal_of("iteration_ended")[1]["spares_attempt"].as_bool().unwrap());
    let starts = stage.journal_of("iteration_started");
    let numbers = |name: &str| starts.iter().map(|start| start[name].as_u64().unwrap()).collect::<Vec<_>>();
    assert_eq!((numbers("iter"), numbers("number")), (vec![1, 2, 3], vec![1, 2, 3]));
    assert_eq!(numbers("attempt"), [1, 1, 1]);
    assert_eq!((count(&stage, "run_resumed"), count(&stage, "baseline"), count(&stage, "landed")), (1, 1, 2));
    assert_eq!(stage.repo.read("whole.txt").as_deref(), Some("w"));
    assert_eq!(stage.repo.read("half.txt"), None);
    let anchor = format!("refs/hew/{run}/w0/iter-002");
    assert_eq!(stage.file_at(&anchor, "half.txt").as_deref(), Some("h"), "what was cut off is kept");
    let seqs: Vec<u64> = stage.journal().iter().map(|entry| entry["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>());
    let elapsed: Vec<u64> =
        stage.journal().iter().map(|entry| entry["elapsed_ms"].as_u64().unwrap()).collect();
    assert!(elapsed.is_sorted(), "a run's time goes on where it was: {elapsed:?}");
    stage.assert_left_clean();
    assert!(stage.ok(&["loop", "summary"]).contains("resumed"), "{}", stage.ok(&["loop", "summary"]));

    let before = fs::read(journal_file(&stage)).unwrap();
    let again = resume(&stage);
    assert!(again.code == 0 && again.stdout.contains("is over"), "{again:?}");
    let told: Value =
        serde_json::from_str(&stage.ok(&["--json", "loop", "resume", "--run-id", &run])).unwrap();
    assert_eq!((&told["kind"], &told["run_id"]), (&json!("not_resumed"), &json!(run)));
    assert_eq!(fs::read(journal_file(&stage)).unwrap(), before);
}

#[test]
fn work_whose_agent_had_ended_is_landed_without_running_the_agent_again() {
    let stage = LoopStage::new();
    let task = stage.task("Task", "write a.txt a\ncommit A\ndone because");
    let next = stage.task("Next", "write b.txt b\ncommit B\ndone");
    let gate = waits(&stage, "gating", "go");
    killed_at(&stage, &["--no-baseline", "--gate", &gate], "gating");
    fs::write(stage.path("go"), "").unwrap();
    resumed(&stage);
    assert_eq!(stage.outcomes(&task), ["closed"]);
    assert_eq!(stage.outcomes(&next).last().map(String::as_str), Some("closed"), "it may have begun");
    let of_task = stage.journal_of("spawned").into_iter().filter(|entry| entry["iter"] == 1).count();
    assert_eq!((of_task, count(&stage, "landed")), (1, 2));
    assert!(stage.show(&task)["close_reason"].as_str().unwrap().ends_with(": because"));
    stage.assert_left_clean();
}

const RUN: [&str; 6] = ["loop", "run", "--scope", "ready", "--gate", "true"];

/// The run branch was moved, and hew killed before it could say so.
#[test]
fn what_the_run_branch_has_is_closed_and_never_landed_twice() {
    let stage = LoopStage::new();
    let task = stage.task("Task", "write a.txt a\ncommit A\ndone");
    failing_at(&stage, &RUN, "git/advance:1");
    assert_eq!(count(&stage, "landed"), 0);
    resumed(&stage);
    assert_eq!((count(&stage, "spawned"), count(&stage, "candidate"), count(&stage, "landed")), (1, 1, 1));
    let candidate = stage.journal_of("candidate")[0]["candidate"].clone();
    assert_eq!(stage.journal_of("landed")[0]["sha"], candidate);
    assert_eq!((stage.status(&task).as_str(), count(&stage, "escaped")), ("closed", 0));
    assert_eq!(count(&stage, "foreign_change"), 0);
    assert_eq!(stage.rev("main").as_deref(), candidate.as_str());
    stage.assert_left_clean();
}

#[test]
fn a_candidate_that_no_gate_found_good_is_not_taken_for_landed() {
    let stage = LoopStage::new();
    stage.task("Task", "write a.txt a\ncommit A\ndone");
    failing_at(&stage, &RUN, "journal/candidate:1");
    let candidate = stage.journal_of("candidate")[0]["candidate"].as_str().unwrap().to_owned();
    stage.repo.git(&["update-ref", &format!("refs/heads/loop/{}/main", stage.run_id()), &candidate]);
    resume(&stage);
    assert_eq!((count(&stage, "gated"), count(&stage, "landed")), (1, 1));
    let landed = stage.journal_of("landed")[0].clone();
    assert_ne!(landed["from"], candidate.as_str(), "what somebody put there is not built upon");
}

#[test]
fn a_claim_that_was_won_and_not_written_down_is_given_back() {
    let stage = LoopStage::new();
    let task = stage.task("Task", "write a.txt a\ncommit A\ndone");
    failing_at(&stage, &RUN, "tracker/claim:1");
    assert_eq!((stage.status(&task).as_str(), count(&stage, "iteration_started")), ("in_progress", 0));
    resumed(&stage);
    assert_eq!(stage.outcomes(&task), ["closed"]);
    stage.assert_left_clean();
}

/// What landed and the tracker would not close is closed later. It is never open in between: somebody would do it again.
#[test]
fn a_task_that_landed_and_was_not_closed_stays_held_until_it_is() {
    let stage = LoopStage::new();
    let task = stage.task("Task", "write a.txt a\ncommit A\ndone");
    failing_at(&stage, &RUN, "journal/iteration_ended:1");
    // As it is where the tracker refuses.
    let lines = fs::read_to_string(journal_file(&stage)).unwrap();
    let refused = lines.replace("\"change\":\"closed\"", "\"change\":\"close_failed\",\"reason\":\"no\"");
    assert_ne!(refused, lines);
    fs::write(journal_file(&stage), refused).unwrap();
    stage.ok(&["task", "reopen", &task]);
    stage.ok(&["task", "claim", &task, "--actor", &format!("hew/{}/w0/1", stage.run_id())]);
    failing_at(&stage, &["loop", "resume"], "journal/run_resumed:1");
    assert_eq!(stage.status(&task), "in_progress");
    resumed(&stage);
    assert_eq!(
        (stage.status(&task).as_str(), count(&stage, "spawned"), count(&stage, "landed")),
        ("closed", 1, 1)
    );
    stage.assert_left_clean();
}

#[test]
fn a_run_that_is_killed_while_it_is_resumed_is_resumed_again() {
    let stage = LoopStage::new();
    let first = stage.task("First", "write first.txt f\ncommit First\ndone");
    let half = half_done(&stage, &["--dep", &first]);
    killed_at(&stage, &["--gate", "true"], "half");
    finish(&stage, &half);
    for place in
        ["ledger:1", "journal/run_resumed:1", "git/anchor:1", "journal/iteration_ended:1", "git/advance:1"]
    {
        failing_at(&stage, &["loop", "resume"], place);
    }
    resumed(&stage);
    assert_eq!((stage.outcomes(&first), count(&stage, "landed")), (vec!["closed".to_owned()], 2));
    assert_eq!(stage.outcomes(&half), ["cancelled", "closed"]);
    assert_eq!(count(&stage, "run_resumed"), 5, "the first of them died before it could say so");
    stage.assert_left_clean();
}

#[test]
fn of_a_run_whose_journal_was_emptied_or_removed_nobody_says_that_nothing_had_begun() {
    let stage = LoopStage::new();
    half_done(&stage, &[]);
    killed_at(&stage, &["--no-gate"], "half");
    let journal = journal_file(&stage);
    let change: [fn(&std::path::Path); 2] =
        [|path| std::fs::write(path, "").unwrap(), |path| std::fs::remove_file(path).unwrap()];
    for change in change {
        change(&journal);
        let ran = resume(&stage);
        assert_eq!(ran.code, 1, "{}", ran.stderr);
        let told = ran.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(told.contains("its journal is empty or gone, though it had begun"), "{told}");
        assert!(told.contains("hew loop summary --run-id ") && !told.contains("nothing of it"), "{told}");
    }
}

#[test]
fn what_a_person_took_or_closed_meanwhile_is_left_to_them() {
    for closes in [false, true] {
        let stage = LoopStage::new();
        let half = half_done(&stage, &[]);
        killed_at(&stage, &["--no-gate"], "half");
        if closes {
            stage.ok(&["task", "close", &half, "--reason", "mine"]);
        } else {
            stage.ok(&["task", "update", &half, "--assignee", "ann"]);
        }
        let before = stage.show(&half);
        let ran = resume(&stage);
        let after = stage.show(&half);
        assert_eq!(
            (&after["status"], &after["assignee"]),
            (&before["status"], &before["assignee"]),
            "{}",
            ran.stderr
        );
        assert_eq!(after.get("notes"), before.get("notes"));
        assert_eq!(stage.outcomes(&half), ["cancelled"]);
        let anchor = format!("refs/hew/{}/w0/iter-001", stage.run_id());
        assert_eq!(stage.file_at(&anchor, "half.txt").as_deref(), Some("h"));
        stage.assert_nothing_runs();
    }
}

#[test]
fn a_worktree_that_is_gone_is_read_from_gits_record_and_one_with_locks_is_freed() {
    let stage = LoopStage::new();
    let mark = stage.path("half");
    let script = format!("write half.txt h\ncommit Half\ntouch {}\nhang", mark.display());
    let gone = stage.task("Gone", &script);
    killed_at(&stage, &["--no-gate"], "half");
    let worktree = PathBuf::from(stage.journal_of("prepared")[0]["worktree"].as_str().unwrap());
    fs::remove_dir_all(&worktree).unwrap();
    stage.script(&gone, &script);
    fs::remove_file(&mark).unwrap();
    let mut run = Running::spawn(stage.repo.hew(&["loop", "resume"]));
    run.wait_for(&mark);
    run.signal("SIGKILL");
    run.end();
    wait_until("the end of the dead run's processes", || stage.processes().is_empty());
    let anchor = |iter: u32| format!("refs/hew/{}/w0/iter-00{iter}", stage.run_id());
    assert_eq!(stage.file_at(&anchor(1), "half.txt").as_deref(), Some("h"), "read from git's record");

    let again = PathBuf::from(stage.journal_of("prepared")[1]["worktree"].as_str().unwrap());
    let record = stage.repo.common_dir().join("worktrees").join(again.file_name().unwrap());
    assert!(record.is_dir() && again.is_dir(), "another one was made");
    fs::write(record.join("index.lock"), "").unwrap();
    fs::write(stage.repo.common_dir().join(format!("refs/hew/{}/w0/x.lock", stage.run_id())), "").unwrap();
    finish(&stage, &gone);
    resumed(&stage);
    assert_eq!(stage.outcomes(&gone), ["cancelled", "cancelled", "closed"]);
    assert_eq!(stage.file_at(&anchor(2), "half.txt").as_deref(), Some("h"));
    assert_eq!(count(&stage, "run_resumed"), 2);
    stage.assert_left_clean();
}

#[test]
fn survivors_of_the_dead_run_are_ended_and_no_other_process_is() {
    let stage = LoopStage::new();
    let half = half_done(&stage, &[]);
    killed_at(&stage, &["--no-gate"], "half");
    finish(&stage, &half);
    let sleeper = |run: &str| {
        let mut command = Command::new("sleep");
        command.arg("600").env("HEW_RUN_ID", run).stdin(Stdio::null()).spawn().unwrap()
    };
    let (mut own, mut other) = (sleeper(&stage.run_id()), sleeper("loop-20200101T000000Z-00000000"));
    resumed(&stage);
    assert!(!own.wait().unwrap().success());
    assert_eq!(other.try_wait().unwrap(), None);
    other.kill().unwrap();
    other.wait().unwrap();
    assert_eq!(stage.journal_of("run_resumed")[0]["ended_processes"], 1);
}

#[test]
fn it_goes_on_with_the_settings_and_flags_of_its_launch() {
    let stage = LoopStage::new();
    stage.settings("loop.max_attempts = 1");
    let half = half_done(&stage, &[]);
    killed_at(&stage, &["--gate", "test -e allowed", "--no-baseline", "--keep-worktrees"], "half");
    finish(&stage, &half);
    stage.settings("loop.max_attempts = 5\nloop.gate.command = \"true\"");
    let ran = resume(&stage);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert_eq!(stage.outcomes(&half), ["cancelled", "backpressure_fail"]);
    assert_eq!(stage.journal_of("gated")[0]["gate"]["command"], "test -e allowed");
    assert!(stage.has_label(&half, "hew:parked"), "one attempt, as at its launch");
    assert!(!stage.worktrees().is_empty(), "--keep-worktrees still holds");
}

/// A clock that jumped, or an agent that dates a file ahead, spends no time of the run's.
#[test]
fn a_file_from_the_future_counts_for_no_life_of_the_run() {
    let stage = LoopStage::new();
    let task = half_done(&stage, &[]);
    killed_at(&stage, &["--no-gate"], "half");
    finish(&stage, &task);
    let ahead = SystemTime::now() + Duration::from_secs(48 * 3_600);
    let files = fs::read_dir(stage.run_folder().join("iter-001")).unwrap();
    let dated = files.map(|file| fs::File::options().append(true).open(file.unwrap().path()).unwrap());
    assert!(dated.map(|file| file.set_modified(ahead).unwrap()).count() > 0);
    resumed(&stage);
    let lived = stage.journal_of("run_ended")[0]["elapsed_ms"].as_u64().unwrap();
    assert!(lived < 24 * 3_600_000, "{lived} ms");
}

/// Nor does whoever looks at what an attempt left, a day later.
#[test]
fn only_what_agents_and_gates_print_counts_for_life_after_the_journals_last_line() {
    for (file, counts) in [("transcript.jsonl", true), ("notes.md", false)] {
        let stage = LoopStage::new();
        let task = half_done(&stage, &[]);
        killed_at(&stage, &["--no-gate"], "half");
        finish(&stage, &task);
        // As if it had all been two days ago.
        let lines = fs::read_to_string(journal_file(&stage)).unwrap();
        let (now, before) = (chrono::Utc::now(), chrono::Utc::now() - chrono::TimeDelta::days(2));
        let day = |at: chrono::DateTime<chrono::Utc>| format!("\"at\":\"{}", at.format("%F"));
        let dated = lines.replace(&day(now), &day(before));
        assert_ne!(dated, lines);
        fs::write(journal_file(&stage), dated).unwrap();
        let folder = stage.run_folder().join("iter-001");
        for other in fs::read_dir(&folder).unwrap() {
            let other = fs::File::options().append(true).open(other.unwrap().path()).unwrap();
            other.set_modified(SystemTime::from(before)).unwrap();
        }
        fs::File::options()
            .append(true)
            .create(true)
            .open(folder.join(file))
            .unwrap()
            .set_modified(SystemTime::now())
            .unwrap();
        resumed(&stage);
        let lived = stage.journal_of("run_ended")[0]["elapsed_ms"].as_u64().unwrap();
        assert_eq!(lived > 24 * 3_600_000, counts, "{file}: {lived} ms");
    }
}

#[test]
fn unattended_a_run_goes_on_with_one_that_crashed_only_where_that_is_what_is_asked_for() {
    let stage = LoopStage::new();
    let half = half_done(&stage, &[]);
    killed_at(&stage, &["--no-gate"], "half");
    let crashed = stage.run_id();
    finish(&stage, &half);
    let refused = stage.run(&["--no-gate", "--jobs", "2"]);
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    for told in ["loop.jobs: 1 then, 2 now", &format!("hew loop resume --run-id {crashed}"), "--force-new"] {
        assert!(refused.stderr.contains(told), "{told} is not in: {}", refused.stderr);
    }
    let scoped = stage.run_scoped(&["--task", &half, "--no-gate"]);
    assert!(scoped.code == 2 && scoped.stderr.contains("scope: ready then"), "{}", scoped.stderr);
    let gated = stage.run(&["--gate", "true"]);
    assert!(
        gated.code == 2 && gated.stderr.contains("--no-gate: true then, not set now"),
        "{}",
        gated.stderr
    );
    assert_eq!((stage.status(&half).as_str(), stage.run_id()), ("in_progress", crashed.clone()));

    let ran = stage.run(&["--no-gate"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!((stage.run_id(), stage.outcomes(&half)), (crashed, vec!["cancelled".into(), "closed".into()]));
    stage.assert_left_clean();
}

#[test]
fn a_run_that_was_given_up_stands_in_nobodys_way_any_more() {
    let stage = LoopStage::new();
    let half = half_done(&stage, &[]);
    killed_at(&stage, &["--no-gate"], "half");
    let crashed = stage.run_id();
    finish(&stage, &half);
    let ran = stage.run(&["--no-gate", "--force-new", "--jobs", "2"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_ne!(stage.run_id(), crashed);
    assert_eq!(stage.outcomes(&half), ["closed"]);
    let later = stage.run(&["--no-gate"]);
    assert_eq!((later.code, count(&stage, "run_resumed")), (0, 0), "{}", later.stderr);
    assert_eq!(stage.run_folders().len(), 3);
}

#[test]
fn a_living_run_is_not_gone_on_with() {
    let stage = LoopStage::new();
    half_done(&stage, &[]);
    let mut run = stage.start(&["--no-gate"]);
    run.wait_for(stage.path("half"));
    let refused = resume(&stage);
    assert_eq!(refused.code, 4, "{}", refused.stderr);
    assert!(refused.stderr.contains(&stage.run_id()), "{}", refused.stderr);
    assert_eq!(count(&stage, "run_resumed"), 0);
    stage.ok(&["loop", "cancel", "--now"]);
    assert_eq!(run.end().code, 5);
}

/// The project as a person copies it: with its git folder and all that hew has in it.
fn copied(stage: &LoopStage) -> PathBuf {
    let copy = stage.path("copy");
    let done = Command::new("cp").arg("-r").arg(stage.repo.root()).arg(&copy).status().expect("cp runs");
    assert!(done.success());
    copy
}

fn hew_in(stage: &LoopStage, folder: &Path, args: &[&str]) -> Ran {
    ran(stage.repo.hew_in(folder, args))
}

/// What the copy knows of the run leads to the other project: its agents, its worktrees, its branches.
#[test]
fn a_run_is_not_gone_on_with_in_a_copy_of_its_project_whether_it_lives_or_not() {
    let stage = LoopStage::new();
    let half = half_done(&stage, &[]);
    let mut run = stage.start(&["--no-gate"]);
    run.wait_for(stage.path("half"));
    let copy = copied(&stage);
    let is_refused = |args: &[&str]| {
        let (before, agents) = (fs::read(journal_file(&stage)).unwrap(), stage.processes());
        let refused = hew_in(&stage, &copy, args);
        assert_eq!(refused.code, 2, "{}", refused.stderr);
        let root = stage.repo.root().display();
        for told in
            [format!("of which {} is a copy", copy.display()), format!("cd '{root}' && hew loop resume")]
        {
            assert!(refused.stderr.contains(&told), "{told} is not in: {}", refused.stderr);
        }
        assert_eq!((fs::read(journal_file(&stage)).unwrap(), stage.processes()), (before, agents));
    };
    is_refused(&["loop", "resume"]);
    run.signal("SIGKILL");
    assert_eq!(run.end().code, 137);
    wait_until("the end of the dead run's processes", || stage.processes().is_empty());
    is_refused(&["loop", "resume"]);
    is_refused(&["loop", "run", "--scope", "ready", "--no-gate"]);

    finish(&stage, &half);
    resumed(&stage);
    assert_eq!(stage.outcomes(&half), ["cancelled", "closed"]);
    let anew = hew_in(&stage, &copy, &["loop", "run", "--scope", "ready", "--no-gate", "--force-new"]);
    assert_eq!(anew.code, 0, "the copy is a project of its own: {}", anew.stderr);
    assert_eq!(fs::read_to_string(copy.join("whole.txt")).unwrap(), "w");
}

#[test]
fn a_project_that_was_moved_is_told_where_its_run_was_begun_and_can_be_moved_back() {
    let stage = LoopStage::new();
    let half = half_done(&stage, &[]);
    killed_at(&stage, &["--no-gate"], "half");
    finish(&stage, &half);
    let (here, moved) = (stage.repo.root().to_owned(), stage.path("moved"));
    fs::rename(&here, &moved).unwrap();
    let refused = hew_in(&stage, &moved, &["loop", "resume"]);
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    let back = format!("mv '{}' '{}'", moved.display(), here.display());
    for told in ["which was moved or is gone", &back, "hew loop deliver"] {
        assert!(refused.stderr.contains(told), "{told} is not in: {}", refused.stderr);
    }
    assert!(hew_in(&stage, &moved, &["loop", "summary"]).stdout.contains("crashed"));
    fs::rename(&moved, &here).unwrap();
    resumed(&stage);
    assert_eq!(stage.outcomes(&half), ["cancelled", "closed"]);
    stage.assert_left_clean();
}

#[test]
fn a_torn_last_line_is_dropped_and_a_broken_one_in_the_middle_is_refused() {
    let stage = LoopStage::new();
    let half = half_done(&stage, &[]);
    killed_at(&stage, &["--no-gate"], "half");
    finish(&stage, &half);
    let whole = fs::read_to_string(journal_file(&stage)).unwrap();
    fs::write(journal_file(&stage), whole.replacen("\"prepared\"", "oops", 1)).unwrap();
    let refused = resume(&stage);
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    let line = whole.lines().position(|line| line.contains("\"prepared\"")).unwrap() + 1;
    for told in [format!("line {line}:"), "--force-new".to_owned()] {
        assert!(refused.stderr.contains(&told), "{told} is not in: {}", refused.stderr);
    }
    assert_eq!(stage.status(&half), "in_progress", "nothing was changed");
    fs::write(journal_file(&stage), whole + "{\"seq\":99,\"at\":\"20").unwrap();
    let ran = resume(&stage);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("landed") && !ran.stderr.contains("can't be told"), "{}", ran.stderr);
    assert_eq!(stage.outcomes(&half), ["cancelled", "closed"]);
    stage.assert_left_clean();
}

#[test]
fn a_crash_while_it_verifies_is_followed_by_a_verification_and_a_delivery() {
    let stage = LoopStage::new();
    let task = stage.task("Task", "write a.txt a\ncommit A\ndone");
    let verify = waits(&stage, "verifying", "go");
    killed_at(&stage, &["--no-gate", "--verify-tests", "--verify-command", &verify], "verifying");
    fs::write(stage.path("go"), "").unwrap();
    assert_eq!(stage.repo.read("a.txt"), None);
    resumed(&stage);
    assert_eq!((count(&stage, "spawned"), count(&stage, "verified"), count(&stage, "delivery")), (1, 1, 1));
    assert_eq!((stage.repo.read("a.txt").as_deref(), stage.status(&task).as_str()), (Some("a"), "closed"));
    stage.assert_left_clean();
}

#[test]
fn a_watcher_goes_on_watching() {
    let stage = LoopStage::new();
    let half = half_done(&stage, &[]);
    killed_at(&stage, &["--no-gate", "--watch"], "half");
    finish(&stage, &half);
    let mut run = Running::spawn(stage.repo.hew(&["loop", "resume"]));
    run.wait_until("the delivery", || stage.has_event(|entry| entry["kind"] == "delivery"));
    let later = stage.task("Later", "write later.txt l\ncommit Later\ndone");
    run.wait_until("the later task", || {
        stage.has_event(|e| e["kind"] == "iteration_ended" && e["task"] == later.as_str())
    });
    stage.ok(&["loop", "cancel"]);
    assert_eq!(run.end().code, 0);
    assert_eq!(stage.repo.read("later.txt").as_deref(), Some("l"));
    stage.assert_left_clean();
}

/// The journal has the end, and the ledger of runs was not told.
#[test]
fn an_end_that_the_ledger_was_not_told_of_is_told_and_is_an_end() {
    let stage = LoopStage::new();
    stage.task("Task", "write a.txt a\ncommit A\ndone");
    assert_eq!(stage.run(&["--no-gate"]).code, 0);
    let ledger = stage.repo.common_dir().join("hew/runs.jsonl");
    let whole = fs::read_to_string(&ledger).unwrap();
    let file = stage.run_folder().join("run.json");
    let right = fs::read_to_string(&file).unwrap();
    let is_end = |line: &&str| line.contains("\"kind\":\"ended\"");
    let told: Value = serde_json::from_str(whole.lines().find(is_end).unwrap()).unwrap();
    let cut: Vec<&str> = whole.lines().filter(|line| !is_end(line)).collect();
    for how in [&["loop", "resume"][..], &["loop", "run", "--scope", "ready", "--no-gate"]] {
        fs::write(&ledger, cut.join("\n") + "\n").unwrap();
        fs::write(&file, right.replace("stop_reason", "not_yet")).unwrap();
        assert_eq!(stage.hew(how).code, 0);
        assert_eq!(fs::read_to_string(&file).unwrap(), right, "{how:?}");
        let again = fs::read_to_string(&ledger).unwrap();
        let mut again: Value = serde_json::from_str(again.lines().find(is_end).unwrap()).unwrap();
        again["at"] = told["at"].clone();
        assert_eq!(again, told, "{how:?}");
    }
    assert_eq!(count(&stage, "run_resumed"), 0);
}

/// Answers the ledger as it was before the run's end came to it.
fn ended_untold(stage: &LoopStage) -> String {
    stage.task("Task", "write a.txt a\ncommit A\ndone");
    assert_eq!(stage.run(&["--no-gate"]).code, 0);
    let ledger = stage.repo.common_dir().join("hew/runs.jsonl");
    let whole = fs::read_to_string(&ledger).expect("the run wrote it");
    let lines: Vec<&str> = whole.lines().filter(|line| !line.contains("\"kind\":\"ended\"")).collect();
    let untold = lines.join("\n") + "\n";
    fs::write(&ledger, &untold).expect("it is the project's own");
    untold
}

/// Once the ledger has it nobody looks at the run again.
#[test]
fn an_end_is_not_told_to_the_ledger_before_the_files_can_be_seen_to() {
    let stage = LoopStage::new();
    let untold = ended_untold(&stage);
    let (ledger, file) =
        (stage.repo.common_dir().join("hew/runs.jsonl"), stage.run_folder().join("run.json"));
    let right = fs::read_to_string(&file).unwrap();
    fs::write(&file, right.replace("stop_reason", "not_yet")).unwrap();
    let begin = || stage.hew(&["loop", "run", "--scope", "ready", "--no-gate"]);
    let lock = stage.repo.common_dir().join("hew/lock");
    let held = File::open(&lock).unwrap();
    held.lock().unwrap();
    let refused = begin();
    assert_eq!(
        (refused.code, fs::read_to_string(&ledger).unwrap()),
        (4, untold.clone()),
        "{}",
        refused.stderr
    );
    drop(held);
    fs::remove_file(&lock).unwrap();
    fs::create_dir(&lock).unwrap();
    let refused = begin();
    assert_eq!((refused.code, fs::read_to_string(&ledger).unwrap()), (2, untold), "{}", refused.stderr);
    assert!(refused.stderr.contains(&lock.display().to_string()), "{}", refused.stderr);
    fs::remove_dir(&lock).unwrap();
    let last = begin();
    assert_eq!((last.code, fs::read_to_string(&file).unwrap()), (0, right), "{}", last.stderr);
}

#[test]
fn files_of_an_ended_run_that_cant_be_made_whole_are_told_and_hold_no_other_run_up() {
    let stage = LoopStage::new();
    ended_untold(&stage);
    let (id, file) = (stage.run_id(), stage.run_folder().join("run.json"));
    let right = fs::read_to_string(&file).unwrap();
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    let begun = stage.hew(&["loop", "run", "--scope", "ready", "--no-gate"]);
    assert_eq!(begun.code, 0, "{}", begun.stderr);
    let told = format!("files of run {id} can't be made whole: ");
    let again = format!("hew loop resume --run-id {id} tries again");
    assert!(begun.stderr.contains(&told) && begun.stderr.contains(&again), "{}", begun.stderr);
    fs::remove_dir(&file).unwrap();
    stage.ok(&["loop", "resume", "--run-id", &id]);
    assert_eq!(fs::read_to_string(&file).unwrap(), right);
}

#[test]
fn on_a_terminal_a_person_is_asked() {
    for (answer, is_resumed) in [("\n", true), ("n\n", false)] {
        let stage = LoopStage::new();
        let half = half_done(&stage, &[]);
        killed_at(&stage, &["--no-gate"], "half");
        let crashed = stage.run_id();
        finish(&stage, &half);
        let ran = ran_on_terminal(stage.repo.hew(&["loop", "run", "--scope", "ready", "--no-gate"]), answer);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert!(
            ran.stderr.contains(&format!("Run {crashed} crashed: 0 landed, 1 cut off.")),
            "{}",
            ran.stderr
        );
        assert_eq!(stage.run_id() == crashed, is_resumed, "{}", ran.stderr);
        assert_eq!(stage.outcomes(&half).last().map(String::as_str), Some("closed"));
    }
}
