//! `--merge end`: work waits on its worker's branch, the branches are merged once, at the end.

use hew_testkit::loop_stage::{LoopStage, Running, wait_until};
use hew_testkit::run_check::check;
use serde_json::{Value, json};

/// The gate of these runs.
const GATE: &str = "test ! -e bad.txt";

/// What holds of every run that ended, kept worktrees or not.
fn assert_all_true(stage: &LoopStage, code: i32) {
    check(&stage.repo, &stage.run_folder(), code, stage.tasks().into_values().collect(), "");
    stage.assert_nothing_runs();
}

fn has_stacked(stage: &LoopStage, task: &str) -> bool {
    stage.has_event(|entry| entry["kind"] == "stacked" && entry["task"] == task)
}

fn bugs(stage: &LoopStage) -> Vec<Value> {
    let is_bug = |task: &Value| task["issue_type"] == "bug";
    stage.tasks().into_values().filter(is_bug).collect()
}

/// Three workers: the first does `a`, the second `b`, the third `c` and `d`; `c` is in the way of `a`.
fn three_branches(stage: &LoopStage) -> [String; 4] {
    let here = stage.path("").display().to_string();
    let waits = format!("wait-for {here}go\ndone");
    let a = stage.task("A", &format!("write same.txt a\ncommit A\n{waits}"));
    let b = stage.task("B", &format!("write b.txt b\ncommit B\n{waits}"));
    let c = stage.task("C", "write same.txt c\ncommit C\ndone");
    let d = stage.task("D", &format!("write d.txt d\ncommit D\ntouch {here}go\ndone"));
    [a, b, c, d]
}

#[test]
fn of_three_branches_two_are_merged_and_the_one_that_conflicts_is_left_to_a_person() {
    let stage = LoopStage::new();
    let [a, b, c, d] = three_branches(&stage);
    let ran = stage.run(&["--merge", "end", "--jobs", "3", "--gate", GATE]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert_all_true(&stage, 3);

    // Two merged, their tasks closed, and delivered.
    for task in [&a, &b] {
        assert_eq!(
            (stage.outcomes(task), stage.status(task)),
            (vec!["closed".to_owned()], "closed".to_owned())
        );
    }
    assert_eq!(stage.rev("main"), stage.run_branch());
    let at_main = |file| stage.file_at("main", file);
    assert_eq!(
        (at_main("same.txt"), at_main("b.txt"), at_main("d.txt")),
        (Some("a".into()), Some("b".into()), None)
    );
    let line = stage.repo.git(&["rev-list", "--first-parent", "--count", "main"]);
    assert_eq!(line, "3", "the launch commit and a merge for each branch");

    // The third's tasks open and unassigned, with a note; its branch and worktree kept.
    for task in [&c, &d] {
        assert_eq!(stage.outcomes(task), ["conflict"]);
        assert!(stage.is_free(task) && !stage.has_label(task, "hew:parked"));
        assert!(stage.show(task)["notes"].as_str().unwrap().contains("same.txt"));
    }
    let branch = format!("loop/{}/w2", stage.run_id());
    let work = stage.journal_of("stacked").into_iter().find(|entry| entry["task"] == *d).unwrap();
    assert_eq!(stage.rev(&branch).as_deref(), work["sha"].as_str());
    let kept = stage.worktrees();
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert!(kept[0].ends_with(format!("{}/2", stage.run_id())), "{kept:?}");
    assert_eq!(stage.repo.git_in(&kept[0], &["rev-parse", "--abbrev-ref", "HEAD"]), branch);
    assert_eq!(stage.repo.git_in(&kept[0], &["status", "--porcelain"]), "");

    // One bug task that names both.
    let bugs = bugs(&stage);
    assert_eq!(bugs.len(), 1, "{bugs:?}");
    assert_eq!(bugs[0]["title"], format!("[merge-conflict] {} worker-2", stage.run_id()));
    assert_eq!((&bugs[0]["labels"], &bugs[0]["priority"]), (&json!(["merge-conflict"]), &2.into()));
    assert_eq!(bugs[0]["metadata"]["hew.conflict_of"], json!([c, d]));
    let told = bugs[0]["description"].as_str().unwrap();
    for what in [&c, &d, &branch, "same.txt", work["sha"].as_str().unwrap(), &kept[0].display().to_string()] {
        assert!(told.contains(what), "{what} is not in: {told}");
    }
    let remedy = format!("git merge refs/hew/{}/w2/iter-002 ", stage.run_id());
    assert!(ran.stdout.contains(&remedy), "{}", ran.stdout);

    // Whoever lands that work closes them.
    let bug = bugs[0]["id"].as_str().unwrap();
    let work = work["sha"].as_str().unwrap();
    stage.script(bug, &format!("try-git merge {work}\nwrite same.txt both\ncommit Resolve\ndone"));
    let ran = stage.run_scoped(&["--task", bug]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    for task in [bug, &c, &d] {
        assert_eq!(stage.status(task), "closed", "{task}");
    }
    assert_eq!((at_main("same.txt"), at_main("d.txt")), (Some("both".into()), Some("d".into())));
}

#[test]
fn while_work_waits_status_says_so_and_no_task_is_closed() {
    let stage = LoopStage::new();
    let go = stage.path("go");
    let done = stage.task("Done", "write done.txt d\ncommit Done\ndone");
    let last = stage.task("Last", &format!("write last.txt l\nwait-for {}\ncommit Last\ndone", go.display()));
    let mut run = stage.start(&["--merge", "end", "--gate", GATE]);
    run.wait_until("work that waits", || has_stacked(&stage, &done));
    run.wait_until("the last task", || {
        stage.has_event(|entry| entry["kind"] == "spawned" && entry["iter"] == 2)
    });
    let status = stage.ok(&["loop", "status"]);
    assert!(
        status.contains("1 task is done on the workers' branches (w0: 1), to be merged at the end"),
        "{status}"
    );
    let json: Value = serde_json::from_str(&stage.ok(&["--json", "loop", "status"])).unwrap();
    assert_eq!(json["waiting_for_merge"], 1);
    assert_eq!(json["workers"][0]["phase"], "done, waiting for the merge");
    assert_eq!(stage.status(&done), "in_progress");
    let branch = format!("loop/{}/w0", stage.run_id());
    assert_eq!(stage.file_at(&branch, "done.txt").as_deref(), Some("d"));
    assert_eq!(stage.run_branch(), stage.rev("main"), "nothing has landed");
    std::fs::write(&go, "").unwrap();
    let ran = run.end();
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("it lands at the end of the run"), "{}", ran.stderr);
    assert!(ran.stderr.contains(&format!("landed {done}, {last} as")), "{}", ran.stderr);
    let message = stage.repo.git(&["log", "-1", "--format=%B", "main"]);
    assert!(message.starts_with(&format!("Merge {branch}: {done}, {last}")), "{message}");
    let trailers = stage.repo.git(&["log", "-1", "--format=%(trailers:key=Hew-Task,valueonly)", "main"]);
    assert_eq!(trailers.lines().collect::<Vec<_>>(), [done, last]);
    let listed: Value = serde_json::from_str(&stage.ok(&["--json", "loop", "list"])).unwrap();
    assert_eq!((&listed["landed"], &listed["in_scope"]), (&json!(2), &json!(2)), "tasks, by one merge");
    let listed = stage.ok(&["loop", "list"]);
    assert!(listed.contains(" 2/2 "), "{listed}");
    stage.assert_left_clean();
}

#[test]
fn a_red_gate_in_the_workers_own_worktree_counts_and_the_branch_goes_back_to_what_was_green() {
    let stage = LoopStage::new();
    let good = stage.task("Good", "write good.txt g\ncommit Good\ndone");
    let red = stage.task("Red", "exit 9");
    stage.script(&format!("{red}.1"), "write bad.txt b\nwrite junk.txt j\ncommit Red\ndone");
    stage.script(&format!("{red}.2"), "write mended.txt m\ncommit Mended\ndone");
    let ran = stage.run(&["--merge", "end", "--gate", GATE, "--max-attempts", "2"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(stage.outcomes(&red), ["backpressure_fail", "closed"]);
    assert!(stage.prompt(&red, 2).contains(GATE));
    let green = stage.journal_of("stacked").into_iter().find(|entry| entry["task"] == *good).unwrap();
    let begun = stage.journal_of("iteration_started");
    assert_eq!((&begun[1]["base_sha"], &begun[2]["base_sha"]), (&green["sha"], &green["sha"]));
    let anchor = format!("refs/hew/{}/w0/iter-002", stage.run_id());
    assert_eq!(stage.file_at(&anchor, "junk.txt").as_deref(), Some("j"), "its work is anchored");
    assert_eq!(
        (stage.file_at("main", "junk.txt"), stage.file_at("main", "mended.txt").is_some()),
        (None, true)
    );
    assert!(stage.iteration_folder(&red, 2).join("gate.log").exists());
    assert!(stage.iteration_folder(&red, 2).join("merge-gate.log").exists());
    stage.assert_left_clean();
}

#[test]
fn branches_that_are_green_alone_and_red_together_are_not_both_merged() {
    let stage = LoopStage::new();
    let here = stage.path("").display().to_string();
    let meet = |mine, other| format!("touch {here}{mine}\nwait-for {here}{other}\ndone");
    let one = stage.task("One", &format!("write one.txt 1\ncommit One\n{}", meet("x", "y")));
    let two = stage.task("Two", &format!("write two.txt 2\ncommit Two\n{}", meet("y", "x")));
    let gate = "test ! -e one.txt || test ! -e two.txt";
    stage.settings("loop.merge = \"end\"");
    let ran = stage.run(&["--jobs", "2", "--gate", gate, "--max-attempts", "1"]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert_eq!(
        (stage.outcomes(&one), stage.outcomes(&two)),
        (vec!["closed".into()], vec!["backpressure_fail".into()])
    );
    assert!(stage.is_free(&two) && !stage.has_label(&two, "hew:parked"));
    assert_eq!(bugs(&stage)[0]["metadata"]["hew.conflict_of"], json!([two]));
    assert_eq!((stage.worktrees().len(), stage.rev("main")), (1, stage.run_branch()));
    assert_all_true(&stage, 3);
    let pruned = stage.ok(&["loop", "prune-worktrees", "--apply"]);
    assert!(pruned.contains("removed"), "{pruned}");
    let branch = format!("loop/{}/w1", stage.run_id());
    assert_eq!(stage.file_at(&branch, "two.txt").as_deref(), Some("2"), "its branch stays");
}

#[test]
fn what_waits_for_unlanded_work_is_left_to_the_next_run() {
    let stage = LoopStage::new();
    let first = stage.task("First", "write first.txt f\ncommit First\ndone");
    let next = stage.task_with("Next", &["--dep", &first], "write next.txt n\ncommit Next\ndone");
    let ran = stage.run(&["--merge", "end"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert_eq!((stage.status(&first), stage.outcomes(&next)), ("closed".to_owned(), Vec::new()));
    assert!(
        ran.stdout.contains(&format!("{next} is ready since the branches were merged")),
        "{}",
        ran.stdout
    );
    stage.assert_left_clean();
    let ran = stage.run(&["--merge", "end"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(stage.status(&next), "closed");
}

#[test]
fn a_signal_gives_back_what_waits_and_says_how_to_merge_it() {
    let stage = LoopStage::new();
    stage.settings("loop.stop_grace = \"0s\"\nloop.kill_grace = \"1s\"");
    let done = stage.task("Done", "write done.txt d\ncommit Done\ndone");
    stage.task("Hangs", "hang");
    let mut run = stage.start(&["--merge", "end", "--gate", GATE]);
    run.wait_until("work that waits", || has_stacked(&stage, &done));
    run.wait_until("the next agent", || {
        stage.has_event(|entry| entry["kind"] == "spawned" && entry["iter"] == 2)
    });
    run.signal("SIGINT");
    let ran = run.end();
    assert_eq!(ran.code, 130, "{}", ran.stderr);
    assert_eq!(stage.outcomes(&done), ["cancelled"]);
    assert!(stage.is_free(&done));
    let anchor = format!("refs/hew/{}/w0/iter-001", stage.run_id());
    assert_eq!(stage.file_at(&anchor, "done.txt").as_deref(), Some("d"));
    assert!(ran.stdout.contains(&format!("git merge {anchor}")), "{}", ran.stdout);
    assert!(bugs(&stage).is_empty());
    stage.assert_left_clean();
}

#[test]
fn a_stop_file_a_cancel_and_a_budget_merge_what_waits_and_deliver_it() {
    for stop in ["stop-file", "cancel", "cancel --now", "max-iter"] {
        let stage = LoopStage::new();
        stage.settings("loop.kill_grace = \"1s\"");
        let go = stage.path("go");
        let done = stage.task("Done", "write done.txt d\ncommit Done\ndone");
        let last =
            stage.task("Last", &format!("write last.txt l\nwait-for {}\ncommit Last\ndone", go.display()));
        stage.task("Never", "done");
        let limit: &[&str] = if stop == "max-iter" { &["--max-iter", "2"] } else { &[] };
        let mut run = stage.start(&[&["--merge", "end", "--gate", GATE], limit].concat());
        run.wait_until("work that waits", || has_stacked(&stage, &done));
        run.wait_until("the last task", || {
            stage.has_event(|entry| entry["kind"] == "spawned" && entry["iter"] == 2)
        });
        match stop {
            "stop-file" => std::fs::write(stage.run_folder().join(".stop"), "").unwrap(),
            "cancel" => drop(stage.ok(&["loop", "cancel"])),
            "cancel --now" => drop(stage.ok(&["loop", "cancel", "--now"])),
            _ => {}
        }
        if stop != "max-iter" {
            run.wait_until("the stop", || stage.has_event(|entry| entry["kind"] == "stop_requested"));
        }
        std::fs::write(&go, "").unwrap();
        let ran = run.end();
        assert_eq!(ran.code, 5, "{stop}: {}", ran.stderr);
        assert_eq!(stage.outcomes(&done), ["closed"], "{stop}");
        assert_eq!(stage.rev("main"), stage.run_branch(), "{stop}");
        assert_eq!(stage.repo.read("done.txt").as_deref(), Some("d"), "{stop}");
        if stop != "cancel --now" {
            assert_eq!(stage.outcomes(&last), ["closed"], "{stop}");
        }
        stage.assert_left_clean();
    }
}

#[test]
fn a_task_that_a_person_closed_meanwhile_does_not_land() {
    let stage = LoopStage::new();
    let go = stage.path("go");
    let kept = stage.task("Kept", "write kept.txt k\ncommit Kept\ndone");
    let taken = stage.task("Taken", "write taken.txt t\ncommit Taken\ndone");
    let last = stage.task("Last", &format!("write last.txt l\nwait-for {}\ncommit Last\ndone", go.display()));
    let mut run = stage.start(&["--merge", "end", "--gate", GATE]);
    run.wait_until("work that waits", || has_stacked(&stage, &taken));
    stage.ok(&["task", "close", &taken, "--reason", "by hand"]);
    std::fs::write(&go, "").unwrap();
    let ran = run.end();
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert_eq!(
        (stage.outcomes(&kept), stage.outcomes(&taken)),
        (vec!["closed".into()], vec!["cancelled".into()])
    );
    assert_eq!(
        (stage.outcomes(&last), stage.status(&taken)),
        (vec!["cancelled".into()], "closed".to_owned())
    );
    assert!(stage.is_free(&last), "it builds on what does not land");
    assert_eq!(stage.show(&taken)["close_reason"], "by hand");
    let at_main = |file| stage.file_at("main", file).is_some();
    assert_eq!((at_main("kept.txt"), at_main("taken.txt"), at_main("last.txt")), (true, false, false));
    stage.assert_left_clean();
}

#[test]
fn a_result_that_verification_holds_is_delivered_later() {
    let stage = LoopStage::new();
    stage.task("Task", "write task.txt t\ncommit Task\ndone");
    let ran = stage.run(&["--merge", "end", "--verify-tests", "--verify-command", "exit 3"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert_eq!(stage.repo.read("task.txt"), None);
    stage.ok(&["loop", "deliver"]);
    assert_eq!(stage.repo.read("task.txt").as_deref(), Some("t"));
}

#[test]
fn a_watching_run_has_no_end_to_merge_at() {
    let stage = LoopStage::new();
    for flags in [&["--watch", "--merge", "end"][..], &["--watch"]] {
        if flags.len() == 1 {
            stage.settings("loop.merge = \"end\"");
        }
        let ran = stage.run(flags);
        assert_eq!(ran.code, 2, "{}", ran.stderr);
        assert!(ran.stderr.contains("--merge task"), "{}", ran.stderr);
    }
}

/// Kills a run once its journal has a line for which this holds.
fn killed(stage: &LoopStage, flags: &[&str], holds: impl Fn(&Value) -> bool) {
    let mut run = stage.start(&[&["--merge", "end"], flags].concat());
    run.wait_until("the line", || stage.has_event(&holds));
    run.signal("SIGKILL");
    run.end();
    wait_until("the end of its processes", || stage.processes().is_empty());
}

#[test]
fn a_killed_run_goes_on_with_what_waits_on_its_workers_branches() {
    let stage = LoopStage::new();
    let one = stage.task("One", "write one.txt 1\ncommit One\ndone");
    let two = stage.task("Two", "write two.txt 2\ncommit Two\ndone");
    let cut_off = stage.task("Cut off", "write half.txt h\nhang");
    killed(&stage, &["--gate", GATE], |entry| entry["kind"] == "spawned" && entry["iter"] == 3);
    assert_eq!(stage.journal_of("stacked").len(), 2);
    stage.script(&cut_off, "write whole.txt w\ncommit Whole\ndone");
    let resumed = stage.hew(&["loop", "resume"]);
    assert_eq!(resumed.code, 0, "{}", resumed.stderr);
    assert_eq!((stage.outcomes(&one), stage.outcomes(&two)), (vec!["closed".into()], vec!["closed".into()]));
    assert_eq!(stage.outcomes(&cut_off), ["cancelled", "closed"]);
    let begun = stage.journal_of("iteration_started");
    assert_eq!(
        begun[3]["base_sha"],
        stage.journal_of("stacked")[1]["sha"],
        "it goes on where the branch was"
    );
    assert_eq!(stage.repo.git(&["rev-list", "--first-parent", "--count", "main"]), "2", "merged once");
    for file in ["one.txt", "two.txt", "whole.txt"] {
        assert!(stage.repo.read(file).is_some(), "{file}");
    }
    stage.assert_left_clean();
}

#[test]
fn what_a_signal_gave_back_does_not_land_with_the_rest_of_its_branch_after_a_kill() {
    let stage = LoopStage::new();
    stage.settings("loop.stop_grace = \"0s\"\nloop.kill_grace = \"1s\"");
    let one = stage.task("One", "write one.txt 1\ncommit One\ndone");
    let two = stage.task("Two", "write two.txt 2\ncommit Two\ndone");
    let hangs = stage.task("Hangs", "hang");
    // The first task that is given back of the branch is the second that ends.
    let mut command = stage.repo.hew(&["loop", "run", "--scope", "ready", "--merge", "end", "--gate", GATE]);
    command.env("HEW_FAIL_AT", "journal/iteration_ended:2");
    let mut run = Running::spawn(command);
    run.wait_until("the last agent", || {
        stage.has_event(|entry| entry["kind"] == "spawned" && entry["iter"] == 3)
    });
    run.signal("SIGINT");
    assert_eq!(run.end().code, 137);
    wait_until("the end of its processes", || stage.processes().is_empty());
    assert_eq!(stage.outcomes(&one), ["cancelled"]);
    stage.script(&hangs, "write three.txt 3\ncommit Three\ndone");
    let resumed = stage.hew(&["loop", "resume"]);
    assert_eq!(resumed.code, 0, "{}", resumed.stderr);
    for task in [&one, &two, &hangs] {
        assert_eq!(stage.outcomes(task), ["cancelled", "closed"], "{task}: done once more, all of them");
    }
    let begun = stage.journal_of("iteration_started");
    assert_eq!(begun[3]["base_sha"], begun[0]["base_sha"], "it begins where the first one did");
    stage.assert_left_clean();
}

#[test]
fn a_run_that_was_killed_between_its_merges_closes_what_landed_and_merges_the_rest() {
    for after in ["candidate", "landed"] {
        let stage = LoopStage::new();
        let [a, b, c, d] = three_branches(&stage);
        let mut run = stage.start(&["--merge", "end", "--jobs", "3", "--gate", GATE]);
        if after == "candidate" {
            run.wait_until("work that waits", || stage.has_event(|entry| entry["kind"] == "candidate"));
        } else {
            run.wait_until("a landing", || stage.has_event(|entry| entry["kind"] == "landed"));
        }
        run.signal("SIGKILL");
        run.end();
        wait_until("the end of its processes", || stage.processes().is_empty());
        let resumed = stage.hew(&["loop", "resume"]);
        assert_eq!(resumed.code, 3, "{after}: {}", resumed.stderr);
        for task in [&a, &b] {
            assert_eq!(
                (stage.outcomes(task), stage.status(task)),
                (vec!["closed".to_owned()], "closed".to_owned())
            );
        }
        assert!(stage.is_free(&c) && stage.is_free(&d), "{after}");
        assert_eq!((bugs(&stage).len(), stage.worktrees().len()), (1, 1), "{after}");
        assert_eq!(stage.rev("main"), stage.run_branch(), "{after}");
        assert_eq!(stage.file_at("main", "same.txt").as_deref(), Some("a"), "{after}");
        assert_all_true(&stage, 3);
    }
}

#[test]
fn work_that_changes_nothing_is_closed_after_a_kill_between_the_closes_of_its_branch() {
    for place in ["journal/iteration_ended:1", "tracker/close:1", "journal/landed:1"] {
        let stage = LoopStage::new();
        let change = stage.task("Change", "write one.txt 1\ncommit One\ndone");
        let nothing = stage.task("Nothing", "done");
        let mut command =
            stage.repo.hew(&["loop", "run", "--scope", "ready", "--merge", "end", "--gate", GATE]);
        command.env("HEW_FAIL_AT", place);
        let killed = Running::spawn(command).end();
        assert_eq!(killed.code, 137, "{place}: {}", killed.stderr);
        wait_until("the end of its processes", || stage.processes().is_empty());
        assert!(has_stacked(&stage, &nothing), "{place}");
        let resumed = stage.hew(&["loop", "resume"]);
        assert_eq!(resumed.code, 0, "{place}: {}", resumed.stderr);
        for task in [&change, &nothing] {
            assert_eq!(
                (stage.outcomes(task), stage.status(task)),
                (vec!["closed".to_owned()], "closed".to_owned())
            );
        }
        stage.assert_left_clean();
    }
}

/// After its green work the branch is at what its worker's last agent committed before it failed.
#[test]
fn a_branch_that_was_given_up_right_before_a_kill_is_put_at_its_green_work_and_shown_again() {
    for is_gone in [false, true] {
        let stage = LoopStage::new();
        let here = stage.path("").display().to_string();
        stage.task("Ahead", &format!("write same.txt a\ncommit Ahead\nwait-for {here}go\ndone"));
        let green = stage.task("Green", "write same.txt g\ncommit Green\ndone");
        stage.task("Fails", &format!("write bad.txt b\ncommit Bad\ntouch {here}go\nexit 3"));
        let flags = ["--merge", "end", "--jobs", "2", "--max-attempts", "1", "--gate", GATE];
        let mut command = stage.repo.hew(&[&["loop", "run", "--scope", "ready"][..], &flags].concat());
        command.env("HEW_FAIL_AT", "journal/given_up:1");
        let killed = Running::spawn(command).end();
        assert_eq!(killed.code, 137, "{}", killed.stderr);
        wait_until("the end of its processes", || stage.processes().is_empty());
        let branch = format!("loop/{}/w1", stage.run_id());
        assert!(stage.file_at(&branch, "bad.txt").is_some(), "it is where the failed try left it");
        if is_gone {
            let of_branch = |path: &std::path::PathBuf| path.ends_with("1");
            let folder = stage.worktrees().into_iter().find(of_branch).expect("a worktree shows it");
            std::fs::remove_dir_all(folder).unwrap();
        }

        let resumed = stage.hew(&["loop", "resume"]);

        assert_eq!(resumed.code, 3, "{}", resumed.stderr);
        let stacked = stage.journal_of("stacked").into_iter().find(|entry| entry["task"] == *green).unwrap();
        let work = stacked["sha"].as_str().unwrap();
        assert_eq!(stage.rev(&branch).as_deref(), Some(work));
        let kept = stage.worktrees();
        assert_eq!(kept.len(), 1, "{kept:?}");
        assert_eq!(stage.repo.git_in(&kept[0], &["rev-parse", "--abbrev-ref", "HEAD"]), branch);
        assert_eq!(stage.repo.git_in(&kept[0], &["status", "--porcelain"]), "");
        let told = format!("{branch} did not land and is kept; it is checked out in {}", kept[0].display());
        assert!(resumed.stderr.contains(&told), "{}", resumed.stderr);
        assert!(resumed.stdout.contains(&format!("git merge {work} ")), "{}", resumed.stdout);
        assert_all_true(&stage, 3);
    }
}

#[test]
fn workers_with_clones_merge_at_the_end_too() {
    let stage = LoopStage::new();
    stage.settings("loop.isolation = \"clone\"");
    let [a, b, c, d] = three_branches(&stage);
    let ran = stage.run(&["--merge", "end", "--jobs", "3", "--gate", GATE]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert_eq!((stage.status(&a), stage.status(&b)), ("closed".to_owned(), "closed".to_owned()));
    assert!(stage.is_free(&c) && stage.is_free(&d));
    let branch = format!("loop/{}/w2", stage.run_id());
    assert_eq!(
        stage.file_at(&branch, "d.txt").as_deref(),
        Some("d"),
        "what did not land is on its branch here, too"
    );
    stage.assert_nothing_runs();
}

#[test]
fn what_a_person_did_in_a_kept_branchs_worktree_is_there_after_a_resume() {
    let stage = LoopStage::new();
    let [a, ..] = three_branches(&stage);
    let (mark, go_on) = (stage.path("verifying"), stage.path("go-on"));
    let verify = format!("touch {}; test -e {} || sleep 600", mark.display(), go_on.display());
    let flags = ["--jobs", "3", "--gate", GATE, "--verify-tests", "--verify-command", &verify];
    killed(&stage, &flags, |_| mark.exists());
    let kept = stage.worktrees().into_iter().find(|path| path.ends_with(format!("{}/2", stage.run_id())));
    let kept = kept.expect("the third worker's worktree is kept");
    std::fs::write(kept.join("same.txt"), "both").unwrap();
    stage.repo.git_in(&kept, &["commit", "-qam", "Resolved by hand"]);
    let theirs = stage.repo.git_in(&kept, &["rev-parse", "HEAD"]);
    std::fs::write(kept.join("d.txt"), "by hand").unwrap();
    std::fs::write(kept.join("new.txt"), "by hand").unwrap();

    std::fs::write(&go_on, "").unwrap();
    let resumed = stage.hew(&["loop", "resume"]);
    assert_eq!(resumed.code, 3, "{}", resumed.stderr);
    assert_eq!(stage.status(&a), "closed");
    let branch = format!("loop/{}/w2", stage.run_id());
    assert_eq!(stage.rev(&branch), Some(theirs), "their commit is on the branch");
    for file in ["d.txt", "new.txt"] {
        assert_eq!(std::fs::read_to_string(kept.join(file)).unwrap(), "by hand", "{file}");
    }
}

#[test]
fn what_an_agent_left_in_its_folder_stays_where_that_folders_branch_does_not_land() {
    let stage = LoopStage::new();
    let good = stage.task("Good", "write good.txt g\ncommit Good\ndone");
    let nested = "git init -q nested\nwrite nested/file inner\ngit -C nested add -A\n\
        git -C nested commit -q -m inner\nwrite own.txt own\ndone";
    stage.task("Messy", nested);
    // Green in the worker's worktree, red in the lane's.
    let gate = "test ! -e good.txt -o \"$(basename \"$PWD\")\" != land";
    let ran = stage.run(&["--merge", "end", "--max-attempts", "1", "--gate", gate]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert_eq!(stage.outcomes(&good), ["backpressure_fail"]);
    let folder = stage.worktrees().into_iter().find(|path| path.ends_with(format!("{}/0", stage.run_id())));
    let folder = folder.expect("what could not be collected is kept");
    for (file, text) in [("own.txt", "own"), ("nested/file", "inner")] {
        let there = std::fs::read_to_string(folder.join(file)).ok();
        assert_eq!(there.as_deref().map(str::trim), Some(text), "{file}");
    }
    let work = stage.journal_of("stacked").into_iter().find(|entry| entry["task"] == *good).unwrap();
    let branch = stage.rev(&format!("loop/{}/w0", stage.run_id()));
    assert_eq!(branch.as_deref(), work["sha"].as_str(), "the work is on its branch");
    assert_eq!(bugs(&stage).len(), 1);
}
