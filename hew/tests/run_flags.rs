//! Every flag of `hew loop run`, by its effect.

#![expect(clippy::unwrap_used, reason = "what a test relies on and is not there ends it")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use hew_testkit::loop_stage::{LoopStage, wait_until};
use serde_json::Value;

fn writes(name: &str) -> String {
    format!("write {name}.txt {name}\ncommit {name}\ndone")
}

fn begun(stage: &LoopStage) -> BTreeSet<String> {
    let begun = stage.journal_of("iteration_started");
    begun.iter().map(|entry| entry["task"].as_str().unwrap().to_owned()).collect()
}

fn set(ids: &[&String]) -> BTreeSet<String> {
    ids.iter().map(|id| (*id).clone()).collect()
}

fn stop_reason(stage: &LoopStage) -> String {
    stage.journal_of("run_ended")[0]["stop_reason"].as_str().unwrap().to_owned()
}

#[test]
fn jobs_run_side_by_side() {
    let stage = LoopStage::new();
    let here = stage.path("").display().to_string();
    for (own, other) in [("a", "b"), ("b", "a")] {
        stage.task(own, &format!("touch {here}{own}\nwait-for {here}{other}\n{}", writes(own)));
    }
    let ran = stage.run(&["--jobs", "2"]);
    assert_eq!(ran.code, 0, "neither can end without the other: {}", ran.stderr);
    assert_eq!(stage.journal()[0]["jobs"], 2);
    let workers: BTreeSet<u64> =
        stage.journal_of("iteration_started").iter().map(|entry| entry["worker"].as_u64().unwrap()).collect();
    assert_eq!(workers, BTreeSet::from([0, 1]));
    assert!(stage.run_folder().join("worker-1/iter-001/prompt.md").exists());
}

#[test]
fn epics_mean_their_descendants_at_any_depth() {
    let stage = LoopStage::new();
    let epic = stage.task_with("Epic", &["-t", "epic"], "");
    let part = stage.task_with("Part", &["-t", "epic", "--parent", &epic], "");
    let deep = stage.task_with("Deep", &["--parent", &part], &writes("deep"));
    let deeper = stage.task_with("Deeper", &["--parent", &deep], &writes("deeper"));
    let other_epic = stage.task_with("Other epic", &["-t", "epic"], "");
    let child = stage.task_with("Child", &["--parent", &other_epic], &writes("child"));
    let outside = stage.task("Outside", &writes("outside"));
    let ran = stage.run_scoped(&["--epic", &epic]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(begun(&stage), set(&[&deep, &deeper]));
    stage.ok(&["task", "reopen", &deep]);
    stage.script(&deep, &writes("again"));
    let ran = stage.run_scoped(&["--scope", "epics", "--epics", &format!("{epic},{other_epic}")]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(begun(&stage), set(&[&deep, &child]));
    assert!(stage.is_free(&outside));
    let ran = stage.run_scoped(&["--scope", "ready"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(begun(&stage), set(&[&outside]), "an epic itself is never done by an agent");
}

#[test]
fn only_tasks_that_are_named() {
    let stage = LoopStage::new();
    let [a, b, c] = ["a", "b", "c"].map(|name| stage.task(name, &writes(name)));
    let ran = stage.run_scoped(&["--task", &a, "--task", &c]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(begun(&stage), set(&[&a, &c]));
    assert!(stage.is_free(&b));
}

#[test]
fn max_iter_bounds_the_whole_run() {
    let stage = LoopStage::new();
    for name in ["a", "b", "c"] {
        stage.task(name, &writes(name));
    }
    let ran = stage.run(&["--max-iter", "2", "--jobs", "3"]);
    assert_eq!(ran.code, 5, "{}", ran.stderr);
    assert_eq!(stage.journal_of("iteration_started").len(), 2);
    assert_eq!(stop_reason(&stage), "max_iter");
    assert_eq!(stage.rev("main"), stage.run_branch(), "a budget delivers what landed");
    assert_eq!(stage.run(&["--max-iter", "1"]).code, 0, "enough for the rest");
    stage.assert_left_clean();
}

#[test]
fn the_wall_budget_starts_nothing_more_and_stops_what_goes_on() {
    let stage = LoopStage::new();
    stage.settings("loop.kill_grace = \"1s\"");
    let long = stage.task("Long", "write half.txt h\nhang");
    let later = stage.task("Later", &writes("later"));
    let ran = stage.run(&["--budget-wall", "1s"]);
    assert_eq!(ran.code, 5, "{}", ran.stderr);
    assert_eq!(stop_reason(&stage), "budget_wall");
    assert_eq!(stage.outcomes(&long), ["cancelled"]);
    assert_eq!(stage.outcomes(&later), Vec::<String>::new());
    assert_eq!(stage.refs("refs/hew").len(), 1, "the work so far is kept");
    assert!(stage.is_free(&long));
    stage.assert_left_clean();
}

#[test]
fn attempts_used_up_park_a_task_and_retry_parked_takes_it_up_again() {
    let stage = LoopStage::new();
    let task = stage.task("Task", "fail --later");
    stage.script(&task, "fail no luck");
    let ran = stage.run(&["--max-attempts", "2"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert_eq!(stage.outcomes(&task), ["no_close", "no_close"]);
    assert!(stage.is_free(&task) && stage.has_label(&task, "hew:parked"));
    assert!(stage.show(&task)["notes"].as_str().unwrap().contains("no luck"));
    stage.script(&task, &writes("task"));
    let ran = stage.run(&[]);
    assert_eq!((ran.code, stage.outcomes(&task).len()), (0, 0), "{}", ran.stderr);
    let ran = stage.run(&["--retry-parked"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(stage.outcomes(&task), ["closed"]);
    assert!(!stage.has_label(&task, "hew:parked"));
}

#[test]
fn an_agent_has_its_time_and_a_shorter_one_without_a_sign_of_life() {
    for (flags, script, outcome) in [
        (["--timeout", "1s"], "write half.txt h\nburn", "timed_out"),
        (["--stall-timeout", "1s"], "write half.txt h\nhang", "stalled"),
    ] {
        let stage = LoopStage::new();
        stage.settings("loop.kill_grace = \"1s\"");
        let task = stage.task("Task", script);
        let ran = stage.run(&[&["--max-attempts", "1"][..], &flags].concat());
        assert_eq!(ran.code, 1, "{}", ran.stderr);
        assert_eq!(stage.outcomes(&task), [outcome]);
        let work = stage.refs("refs/hew").into_values().next().unwrap();
        assert_eq!(stage.file_at(&work, "half.txt").unwrap(), "h");
        stage.assert_left_clean();
    }
}

#[test]
fn the_runtime_is_the_flags_unless_the_task_has_a_word() {
    let stage = LoopStage::new();
    stage.settings("loop.runtime_defs.shell.command = \"echo by-shell > $HEW_TASK_ID.txt\"");
    let plain = stage.task("Plain", "exit 1");
    let own = stage.task_with("Own", &["--runtime", "stub"], &writes("own"));
    let ran = stage.run(&["--runtime", "shell"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let runtimes: Vec<Value> = stage.journal_of("plan").iter().map(|plan| plan["runtime"].clone()).collect();
    assert_eq!(runtimes, ["shell", "stub"]);
    assert_eq!(stage.file_at("main", &format!("{plain}.txt")).unwrap(), "by-shell\n");
    assert_eq!(stage.outcomes(&own), ["closed"]);
}

#[test]
fn the_gate_is_found_named_or_left_out() {
    let stage = LoopStage::new();
    stage.repo.write("Makefile", "test:\n\t@test ! -e bad.txt\n");
    stage.repo.commit("Makefile");
    let bad = stage.task("Bad", &writes("bad"));
    let gate = |stage: &LoopStage| stage.journal()[0]["gate"].as_str().map(str::to_owned);
    assert_eq!(stage.run(&["--max-attempts", "1"]).code, 1);
    assert_eq!(gate(&stage).unwrap(), "make test");
    assert_eq!(stage.outcomes(&bad), ["backpressure_fail"]);
    assert_eq!(stage.run(&["--retry-parked", "--max-attempts", "1", "--gate", "test ! -e bad.txt"]).code, 1);
    assert_eq!(gate(&stage).unwrap(), "test ! -e bad.txt");
    let ran = stage.run(&["--retry-parked", "--no-gate", "--merge", "task"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!((gate(&stage), stage.outcomes(&bad)), (None, vec!["closed".to_owned()]));
    let settings = stage.journal()[0]["settings"].clone();
    let merge =
        settings.as_array().unwrap().iter().find(|setting| setting["key"] == "loop.merge").unwrap().clone();
    assert_eq!((&merge["value"], &merge["origin"]), (&"task".into(), &"flag --merge".into()));
}

#[test]
fn without_a_baseline_a_red_start_may_be_mended_by_the_run() {
    let stage = LoopStage::new();
    let task = stage.task("Mend", &writes("mended"));
    let gate = ["--gate", "test -e mended.txt"];
    assert_eq!(stage.run(&gate).code, 2);
    assert!(stage.is_free(&task));
    let ran = stage.run(&[&gate[..], &["--no-baseline"]].concat());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(stage.journal_of("baseline").is_empty());
    assert_eq!(stage.outcomes(&task), ["closed"]);
}

#[test]
fn no_deliver_leaves_the_result_on_the_run_branch() {
    let stage = LoopStage::new();
    let (launch, task) = (stage.rev("main"), stage.task("Task", &writes("task")));
    let ran = stage.run(&["--no-deliver"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(stage.rev("main"), launch);
    assert_eq!(stage.status(&task), "closed");
    assert_eq!(stage.file_at(&stage.run_branch().unwrap(), "task.txt").unwrap(), "task");
    stage.task("More", &writes("more"));
    assert_eq!(stage.run(&[]).code, 0, "what is not wanted is not waited for");
}

#[test]
fn an_undelivered_run_may_be_ignored() {
    let stage = LoopStage::new();
    stage.repo.write("task.txt", "mine");
    stage.task("Task", &writes("task"));
    assert_eq!(stage.run(&[]).code, 3);
    let more = stage.task("More", &writes("more"));
    assert_eq!(stage.run(&[]).code, 3);
    let ran = stage.run(&["--ignore-undelivered"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(stage.outcomes(&more), ["closed"]);
    assert_eq!(stage.repo.read("more.txt").unwrap(), "more");
    assert_eq!(stage.repo.read("task.txt").unwrap(), "mine");
}

/// Every file below a folder with its content.
fn files_below(folder: &Path, seen: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            seen.insert(path.display().to_string(), Vec::new());
            files_below(&path, seen);
        } else {
            seen.insert(path.display().to_string(), fs::read(&path).unwrap());
        }
    }
}

#[test]
fn a_dry_run_shows_what_would_run_and_writes_nothing_at_all() {
    let stage = LoopStage::new();
    let everything = || {
        let mut seen = BTreeMap::new();
        files_below(&stage.repo.base(), &mut seen);
        seen
    };
    let untouched = everything();
    assert_eq!(stage.run(&["--dry-run"]).code, 0, "a project without a task");
    let names = |seen: &BTreeMap<String, Vec<u8>>| seen.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&everything()), names(&untouched));

    let [a, b, c] = ["a", "b", "c"].map(|name| stage.task(name, &writes(name)));
    let waits = stage.task_with("Waits", &["--dep", &a], &writes("waits"));
    let before = everything();
    let ran = stage.run(&["--dry-run", "--jobs", "2", "--gate", "make check"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains(&a) && ran.stdout.contains("make check") && !ran.stdout.contains(&waits));
    let json = stage.run(&["--dry-run", "--jobs", "2", "--json"]);
    let shown: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((&shown["kind"], &shown["jobs"]), (&"dry_run".into(), &2.into()));
    let rows = shown["assignments"].as_array().unwrap();
    let tasks: Vec<&Value> = rows.iter().map(|row| &row["task"]).collect();
    assert_eq!(tasks, [a.as_str(), &b, &c]);
    let workers: Vec<&Value> = rows.iter().map(|row| &row["worker"]).collect();
    assert_eq!(workers, [0, 1, 0]);
    for row in rows {
        assert_eq!(row["plan"]["runtime"], "stub");
        assert!(row["plan"]["provenance"].as_array().unwrap().len() > 5);
    }
    assert_eq!(names(&everything()), names(&before));
    assert!(everything() == before, "a file's content changed");
}

#[test]
fn worktrees_are_kept_on_request() {
    let stage = LoopStage::new();
    stage.task("Task", &writes("task"));
    let ran = stage.run(&["--keep-worktrees", "--gate", "true"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let root = stage.repo.hew_home().join("wt").join(stage.run_id());
    assert_eq!(fs::read_to_string(root.join("0/task.txt")).unwrap(), "task");
    assert!(root.join("land").is_dir());
    assert_eq!(stage.worktrees().len(), 2);
    stage.assert_nothing_runs();
}

#[test]
fn a_watching_run_delivers_when_idle_and_does_what_comes_later() {
    let stage = LoopStage::new();
    stage.task("First", &writes("first"));
    let mut run = stage.start(&["--watch"]);
    run.wait_until("the first delivery", || stage.repo.read("first.txt").is_some());
    stage.script("default", "write second.txt second\ncommit second\ndone");
    let second = stage.ok(&["task", "add", "--id-only", "Second"]).trim().to_owned();
    run.wait_until("the second delivery", || stage.repo.read("second.txt").is_some());
    assert_eq!(stage.status(&second), "closed");
    stage.ok(&["loop", "cancel"]);
    let ran = run.end();
    assert_eq!(ran.code, 0, "nothing is left: {}", ran.stderr);
    assert_eq!(stop_reason(&stage), "cancelled");
    assert_eq!(
        stage.journal_of("delivery").iter().filter(|entry| entry["delivery"] == "delivered").count(),
        2
    );
    stage.assert_left_clean();
}

#[test]
fn a_stop_file_lets_end_what_runs_and_starts_nothing() {
    for own in [false, true] {
        let stage = LoopStage::new();
        let (begun, go) = (stage.path("begun"), stage.path("go"));
        let script = format!("touch {}\nwait-for {}\n{}", begun.display(), go.display(), writes("first"));
        let first = stage.task("First", &script);
        let second = stage.task("Second", &writes("second"));
        let file = stage.path("please-stop");
        let flag = file.display().to_string();
        let flags = if own { vec!["--stop-file", &flag] } else { vec![] };
        let mut run = stage.start(&flags);
        run.wait_for(&begun);
        fs::write(if own { file } else { stage.run_folder().join(".stop") }, "").unwrap();
        run.wait_until("the stop", || stage.has_event(|entry| entry["kind"] == "stop_requested"));
        fs::write(go, "").unwrap();
        let ran = run.end();
        assert_eq!(ran.code, 5, "{}", ran.stderr);
        assert_eq!(stop_reason(&stage), "stop_file");
        assert_eq!(stage.outcomes(&first), ["closed"]);
        assert_eq!(stage.outcomes(&second), Vec::<String>::new());
        assert_eq!(stage.repo.read("first.txt").unwrap(), "first", "a stop file delivers");
        stage.assert_left_clean();
    }
}

#[test]
fn a_closed_stdout_ends_printing_and_not_the_run() {
    let stage = LoopStage::new();
    stage.task("Task", &writes("task"));
    let mut command = stage.repo.hew(&["loop", "run", "--scope", "ready", "--json"]);
    let mut child =
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::null()).spawn().unwrap();
    drop(child.stdout.take());
    wait_until("the end of the run", || child.try_wait().unwrap().is_some());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(stage.repo.read("task.txt").unwrap(), "task");
}
