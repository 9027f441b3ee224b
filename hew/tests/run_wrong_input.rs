//! What can't start: each problem is told with its object and the next step, before anything is changed.

#![expect(clippy::unwrap_used, reason = "what a test relies on and is not there ends it")]

use std::fs;

use hew_testkit::loop_stage::{LoopStage, Ran, ran};
use hew_testkit::repo::TestRepo;
use serde_json::Value;

/// A stage with a task that could run.
fn stage() -> LoopStage {
    let stage = LoopStage::new();
    stage.task("Work", "write work.txt w\ncommit Work\ndone");
    stage
}

/// Runs with these flags; the exit code and these words have to be told, and nothing may have changed. The same with
/// `--json`, where the error is one object.
fn refused(stage: &LoopStage, flags: &[&str], code: i32, told: &[&str]) -> Ran {
    let before = stage.snapshot();
    let folders = stage.run_folders();
    let plain = stage.run_scoped(flags);
    assert_eq!(plain.code, code, "{flags:?}: {}", plain.stderr);
    for words in told {
        assert!(plain.stderr.contains(words), "{words:?} is not in: {}", plain.stderr);
    }
    assert_eq!(plain.stdout, "", "{flags:?}");
    let json = stage.run_scoped(&[&["--json"], flags].concat());
    assert_eq!(json.code, code, "{flags:?}: {}", json.stderr);
    assert_json_tells(&json, code, told);
    assert_eq!(stage.snapshot(), before, "{flags:?}");
    assert_eq!(stage.run_folders(), folders, "{flags:?}");
    plain
}

fn assert_json_tells(ran: &Ran, code: i32, told: &[&str]) {
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(lines.len(), 1, "{}", ran.stdout);
    let error: Value = serde_json::from_str(lines[0]).unwrap();
    assert_eq!(
        (&error["schema"], &error["kind"], &error["code"]),
        (&1.into(), &"error".into(), &code.into())
    );
    let message = error["message"].as_str().unwrap();
    let causes = error["causes"].as_array().unwrap();
    let hint = error["hint"].as_str().unwrap_or_default();
    let all = causes
        .iter()
        .map(|cause| cause.as_str().unwrap())
        .chain([message, hint])
        .collect::<Vec<_>>()
        .join("\n");
    for words in told {
        assert!(all.contains(words), "{words:?} is not in {error}");
    }
}

#[test]
fn a_folder_without_a_repository() {
    let stage = stage();
    let elsewhere = stage.path("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let ran = ran(stage.repo.hew_in(&elsewhere, &["loop", "run", "--scope", "ready"]));
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("elsewhere is not in a git repository") && ran.stderr.contains("git init"));
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
}

#[test]
fn a_repository_without_a_commit() {
    let stage = LoopStage::with(TestRepo::empty());
    stage.task("Work", "done");
    refused(&stage, &["--scope", "ready"], 2, &["branch main has no commit", "git commit --allow-empty"]);
}

#[test]
fn a_branch_in_the_way() {
    let stage = stage();
    stage.repo.git(&["branch", "loop"]);
    refused(&stage, &["--scope", "ready"], 2, &["branch `loop` stands in the way", "git branch -m loop"]);
    stage.settings("loop.branch_prefix = \"a/b\"");
    stage.repo.git(&["branch", "a"]);
    refused(&stage, &["--scope", "ready"], 2, &["branch `a` stands in the way", "loop.branch_prefix"]);
}

#[test]
fn an_earlier_run_that_is_undelivered() {
    let stage = stage();
    stage.repo.write("work.txt", "mine, not committed");
    let first = stage.run(&[]);
    assert_eq!(first.code, 3, "{}", first.stderr);
    assert_eq!(stage.repo.read("work.txt").unwrap(), "mine, not committed");
    let run = stage.run_id();
    stage.task("More", "write more.txt m\ncommit More\ndone");
    let told = [run.as_str(), "main", &format!("hew loop deliver --run-id {run}"), "--ignore-undelivered"];
    refused(&stage, &["--scope", "ready"], 3, &told);
}

#[test]
fn a_scope_that_names_nothing() {
    let stage = stage();
    let task = stage.task("Task", "done");
    let epic = stage.task_with("Epic", &["-t", "epic"], "");
    let closed = stage.task_with("Closed", &["-t", "epic"], "");
    stage.ok(&["task", "close", &closed, "--reason", "done with"]);
    let finished = stage.task("Finished", "");
    stage.ok(&["task", "close", &finished, "--reason", "done with"]);
    let mistyped = |id: &str| format!("{id}x");
    let cases: [(&[&str], &[&str]); 11] = [
        (&[], &["--scope is required", "--scope ready"]),
        (&["--scope", "epics"], &["--scope epics needs an epic", "hew task list --type epic"]),
        (&["--scope", "ready", "--epic", &epic], &["--epic has no meaning with --scope ready"]),
        (&["--epic", &mistyped(&epic)], &[&mistyped(&epic), &format!("{epic} is the nearest")]),
        (&["--epics", &format!("{epic},{}", mistyped(&closed))], &[&format!("{closed} is the nearest")]),
        (&["--epic", &task], &[&format!("{task} is not an epic"), "--task"]),
        (&["--epic", &closed], &[&format!("epic {closed} is closed"), "hew task reopen"]),
        (&["--task", &mistyped(&task)], &[&format!("{task} is the nearest")]),
        (&["--task", &finished], &[&format!("{finished} is closed"), "hew task reopen"]),
        (&["--task", &epic], &[&format!("{epic} is an epic"), "--epic"]),
        (&["--task", ""], &["no task"]),
    ];
    for (flags, told) in cases {
        refused(&stage, flags, 2, told);
    }
}

#[test]
fn flags_out_of_range() {
    let stage = stage();
    let cases: [(&[&str], &[&str]); 12] = [
        (&["--scope", "raedy"], &["raedy", "ready"]),
        (&["--jobs", "0"], &["--jobs", "1..=16"]),
        (&["--jobs", "17"], &["--jobs", "1..=16"]),
        (&["--jobs", "two"], &["--jobs", "two"]),
        (&["--max-iter", "0"], &["--max-iter", "0"]),
        (&["--max-attempts", "0"], &["--max-attempts"]),
        (&["--gate", "x", "--no-gate"], &["--gate", "--no-gate"]),
        (&["--watch", "--until-empty"], &["--watch", "--until-empty"]),
        (&["--merge", "sideways"], &["--merge", "sideways"]),
        (&["--task", "a", "--scope", "ready"], &["--task", "--scope"]),
        (&["--frobnicate"], &["--frobnicate"]),
        (&["--epic", "a", "--task", "b"], &["--epic", "--task"]),
    ];
    for (flags, told) in cases {
        refused(&stage, flags, 2, told);
    }
    for (flags, told) in [
        (["--budget-wall", "soon"], ["--budget-wall", "soon"]),
        (["--budget-wall", "0s"], ["--budget-wall", "0"]),
        (["--timeout", "5mm"], ["--timeout", "5mm"]),
        (["--stall-timeout", "5 parsecs"], ["--stall-timeout", "parsecs"]),
        (["--gate", ""], ["--gate", "an empty text"]),
        (["--runtime", ""], ["--runtime", "runtime"]),
    ] {
        refused(&stage, &[&["--scope", "ready"], &flags[..]].concat(), 2, &told);
    }
}

#[test]
fn a_runtime_that_is_not_there() {
    let stage = stage();
    let ready = ["--scope", "ready", "--runtime"];
    let with = |name| [&ready[..], &[name]].concat();
    refused(&stage, &with("nobody"), 2, &["runtime `nobody`", "--runtime", "not defined", "stub"]);
    stage.settings(
        "loop.runtime_defs.gone.command = \"no-such-agent\"\nloop.runtime_defs.far.command = \"/nowhere/agent\"",
    );
    refused(
        &stage,
        &with("gone"),
        2,
        &["no program `no-such-agent` on PATH", "loop.runtime_defs.gone.command"],
    );
    refused(&stage, &with("far"), 2, &["/nowhere/agent"]);
    refused(&stage, &with("shell"), 2, &["runtime `shell`", "loop.runtime_defs.shell.command"]);
    stage.settings("loop.runtime_defs.empty.args = [\"x\"]");
    refused(&stage, &with("empty"), 2, &["config.toml:5", "loop.runtime_defs.empty.command"]);
}

#[test]
fn settings_that_cant_be_read() {
    let stage = stage();
    let ready = ["--scope", "ready"];
    for (text, told) in [
        ("loop.jobs = 2\nloop.gate = [\n", &["project/.hew.toml", "2"][..]),
        ("\nloop.jbos = 2\n", &[".hew.toml:2", "loop.jbos", "loop.jobs"]),
        ("loop.jobs = 17\n", &[".hew.toml:1", "loop.jobs", "16"]),
        ("loop.jobs = 0\nloop.timeout = \"x\"\n", &[".hew.toml:1", ".hew.toml:2", "loop.timeout"]),
        ("loop.on_gate_fail = \"explode\"\n", &[".hew.toml:1", "continue", "stop"]),
        (
            "[loop.model]\nby_priority = { P0 = \"a\", P5 = \"b\" }\n",
            &[".hew.toml:2", "loop.model.by_priority.P5", "P0 to P4"],
        ),
        ("\nloop.runtime = \"stbu\"\n", &[".hew.toml:2", "runtime `stbu`", "not defined", "stub"]),
        (
            "loop.fallback_runtime = \"stbu\"\n\nloop.runtimes = [\"stub\", \"nobody\"]\n",
            &[".hew.toml:1", "runtime `stbu` is not defined; did you mean stub?", ".hew.toml:3", "`nobody`"],
        ),
        ("loop.runtime = \"auto\"\n", &[".hew.toml:1", "loop.runtimes has to be set too"]),
        ("loop.budget.wall = \"5\"\n", &[".hew.toml:1", "5 has no unit; write 5s, 5m or 5h"]),
    ] {
        stage.repo.write(".hew.toml", text);
        refused(&stage, &ready, 2, told);
    }
    stage.repo.write(".hew.toml", "");
    stage.repo.write("hew.toml", "loop.jobs = 0\n");
    refused(
        &stage,
        &ready,
        2,
        &["project/hew.toml:1", "project/.hew.toml is there too", "loop.jobs: `0`", "rm "],
    );
    fs::remove_file(stage.repo.root().join("hew.toml")).unwrap();
    let mut missing = stage.repo.hew(&[&["loop", "run"], &ready[..]].concat());
    missing.env("HEW_CONFIG", stage.path("nowhere.toml"));
    let missing = ran(missing);
    assert!(
        missing.code == 2 && missing.stderr.contains("nowhere.toml, which does not exist"),
        "{}",
        missing.stderr
    );
    fs::remove_file(stage.repo.root().join(".hew.toml")).unwrap();
    fs::create_dir(stage.repo.root().join(".hew.toml")).unwrap();
    refused(&stage, &ready, 2, &[".hew.toml"]);
}

#[test]
fn a_state_folder_that_cant_be_made() {
    let stage = stage();
    fs::remove_dir_all(stage.repo.root().join(".hew")).unwrap_or_default();
    stage.repo.write(".hew", "a file in the way");
    let refs = stage.refs("refs");
    refused(&stage, &["--scope", "ready"], 2, &["project/.hew"]);
    assert_eq!(stage.repo.read(".hew").unwrap(), "a file in the way");
    assert_eq!(stage.refs("refs"), refs);
    stage.repo.git(&["worktree", "list"]);
}

#[test]
fn a_worktrees_root_that_cant_be_made() {
    let stage = stage();
    fs::write(stage.path("blocked"), "a file in the way").unwrap();
    stage.settings(&format!("loop.worktree.root = {:?}", stage.path("blocked/wt")));
    refused(&stage, &["--scope", "ready"], 2, &["blocked/wt"]);
}

#[test]
fn a_tracker_file_that_is_none() {
    let stage = stage();
    let file = stage.repo.common_dir().join("hew/tracker/tasks.db");
    for suffix in ["-wal", "-shm"] {
        let _ = fs::remove_file(file.with_extension(format!("db{suffix}")));
    }
    fs::write(&file, "my shopping list, and nothing that a program should touch").unwrap();
    refused(&stage, &["--scope", "ready"], 2, &["tasks.db", "not an SQLite file", "mv "]);
    assert_eq!(fs::read(&file).unwrap(), b"my shopping list, and nothing that a program should touch");
}

#[test]
fn several_problems_are_told_at_once() {
    let stage = stage();
    stage.repo.git(&["branch", "loop"]);
    stage.settings("loop.runtime_defs.gone.command = \"no-such-agent\"");
    fs::write(stage.repo.common_dir().join("MERGE_HEAD"), stage.rev("main").unwrap()).unwrap();
    let told =
        ["3 problems", "no-such-agent", "branch `loop`", "a merge is in progress", "git merge --abort"];
    refused(&stage, &["--scope", "ready", "--runtime", "gone"], 2, &told);
}

#[test]
fn a_gate_that_is_red_before_anything_was_done() {
    let stage = stage();
    let before = stage.snapshot();
    let ran = stage.run(&["--gate", "echo the gate says no; exit 7"]);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(stage.journal_of("iteration_started").is_empty());
    let baseline = stage.journal_of("baseline").remove(0);
    assert_eq!(baseline["gate"]["exit"]["code"], 7);
    let log = fs::read_to_string(stage.run_folder().join(baseline["gate"]["log"].as_str().unwrap())).unwrap();
    assert_eq!(log, "the gate says no\n");
    assert_eq!(stage.snapshot(), before);
    stage.assert_left_clean();
}
