//! Runs of older layouts, and damaged ones, through every view.

#![expect(clippy::unwrap_used, reason = "a test says what went wrong by failing")]

mod page_check;

use std::fs;
use std::path::{Path, PathBuf};

use hew_testkit::journal;
use hew_testkit::loop_stage::{Ran, ran};
use hew_testkit::repo::TestRepo;
use serde_json::{Value, json};

/// The folder of a run that the tests' data holds under this name, copied into the project.
fn put_older(repo: &TestRepo, name: &str) -> PathBuf {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/older").join(name);
    let run = fs::read_dir(from).unwrap().next().unwrap().unwrap().path();
    let to = repo.root().join(".hew/loop").join(run.file_name().unwrap());
    copy(&run, &to);
    to
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn hew(repo: &TestRepo, args: &[&str]) -> Ran {
    ran(repo.hew(args))
}

fn text(repo: &TestRepo, args: &[&str]) -> String {
    let ran = hew(repo, args);
    assert_eq!(ran.code, 0, "{args:?}: {}", ran.stderr);
    ran.stdout
}

fn json_lines(repo: &TestRepo, args: &[&str]) -> Vec<Value> {
    let args = [&["--json"], args].concat();
    text(repo, &args).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

const VIEWS: [&[&str]; 4] = [&["loop", "summary"], &["loop", "graph"], &["loop", "logs"], &["loop", "list"]];

#[test]
fn a_summary_of_an_older_layout_says_what_it_does_not_know() {
    let shown = |name: &str| {
        let repo = TestRepo::new();
        let run = put_older(&repo, name);
        let plain = text(&repo, &["loop", "summary"]).replace(run.to_str().unwrap(), "<folder>");
        let colour = text(&repo, &["--color", "always", "loop", "summary"]);
        (plain, colour.replace(run.to_str().unwrap(), "<folder>").replace('\u{1b}', "␛"))
    };
    for name in ["no-manifest", "manifest-over-root", "workers-only", "no-journal"] {
        let (plain, colour) = shown(name);
        assert!(plain.lines().all(|line| line.chars().count() <= 80), "{plain}");
        insta::assert_snapshot!(name, plain);
        insta::assert_snapshot!(format!("{name}_in_colour"), colour);
    }
}

/// What the four views say of a run of an older layout.
struct Seen {
    summary: Value,
    listed: Value,
    rows: Vec<Value>,
    graph: String,
}

fn look(name: &str) -> Seen {
    let repo = TestRepo::new();
    put_older(&repo, name);
    for view in VIEWS {
        let ran = hew(&repo, view);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{name} {view:?}");
    }
    Seen {
        summary: json_lines(&repo, &["loop", "summary"]).remove(0),
        listed: json_lines(&repo, &["loop", "list"]).remove(0),
        rows: json_lines(&repo, &["loop", "logs"]),
        graph: text(&repo, &["loop", "graph"]),
    }
}

fn column(rows: &[Value], name: &str) -> Vec<Value> {
    rows.iter().map(|row| row[name].clone()).collect()
}

#[test]
fn a_run_without_manifest_model_verify_or_journal_is_shown() {
    let seen = look("no-manifest");
    assert_eq!(seen.summary["state"], "crashed");
    assert_eq!((&seen.summary["iterations"], &seen.summary["outcomes"]["closed"]), (&json!(4), &json!(2)));
    assert_eq!(seen.summary["tokens"]["total"], 12_000 + 14_500 + 19_700);
    assert_eq!(seen.summary["in_flight"][0]["task"], "app-3");
    assert_eq!(column(&seen.rows, "attempt"), [1, 1, 2, 1]);
    assert_eq!(column(&seen.rows, "duration_ms"), [368_000, 349_000, 510_000, 0]);
    assert!(seen.graph.contains("↺") && seen.graph.contains("⋯"), "{}", seen.graph);
    assert_eq!((&seen.listed["state"], &seen.listed["iterations"]), (&json!("crashed"), &json!(4)));
    for unknown in ["launch_sha", "run_branch", "scope", "in_scope", "exit_code", "gate"] {
        assert_eq!(seen.summary[unknown], Value::Null, "{unknown}");
    }
}

#[test]
fn a_manifest_over_iterations_at_the_root_is_shown() {
    let seen = look("manifest-over-root");
    assert_eq!(
        (&seen.summary["state"], &seen.summary["stop_reason"]),
        (&json!("completed"), &json!("ready_empty"))
    );
    assert_eq!(seen.summary["scope"], json!({"kind": "epics", "epic_ids": ["app-e1"]}));
    assert_eq!(column(&seen.rows, "task"), ["app-5", "app-6", "app-6"]);
    assert_eq!(seen.summary["planner"], json!({"agent": 1, "runtime": 1, "fallback": 1}));
    assert_eq!(seen.summary["helpers"]["planner"]["total"], 320);
    assert_eq!(column(&seen.rows, "batch"), [1, 2, 3], "a batch belongs to the iteration of its number");
    assert_eq!(column(seen.summary["models"].as_array().unwrap(), "iterations"), [2, 1]);
    assert_eq!(seen.listed["state"], "completed");
}

#[test]
fn workers_without_a_run_file_of_the_whole_run_are_shown() {
    let seen = look("workers-only");
    assert_eq!((&seen.summary["jobs"], &seen.summary["iterations"]), (&json!(2), &json!(3)));
    assert_eq!(seen.summary["stop_reason"], "max_iter", "an empty queue is not what ended it");
    assert_eq!(column(&seen.rows, "task"), ["app-7", "app-8", "app-9"], "in the order in which they began");
    assert!(seen.graph.contains("(no stderr — possibly hung)"), "{}", seen.graph);
    assert_eq!((&seen.listed["jobs"], &seen.listed["iterations"]), (&json!(2), &json!(3)));
}

#[test]
fn a_run_that_lost_its_journal_is_shown_from_its_files() {
    let seen = look("no-journal");
    assert_eq!((&seen.summary["exit_code"], &seen.summary["gate"]), (&json!(5), &json!("just test")));
    assert_eq!(seen.summary["landed"]["commits"], 1);
    assert_eq!(seen.summary["landed"]["files"], 2);
    assert_eq!(seen.summary["verify_outcome"]["kind"], "passed");
    assert_eq!(seen.summary["delivered_sha"], "03".repeat(20));
    assert_eq!(column(&seen.rows, "runtime"), ["claude", "codex"]);
    assert_eq!(seen.summary["tasks"][0]["gate"]["green"], true);
    assert_eq!((&seen.listed["landed"], &seen.listed["stop_reason"]), (&json!(1), &json!("budget_wall")));
}

#[test]
fn an_iteration_that_can_not_be_read_is_named_and_the_rest_is_shown() {
    let repo = TestRepo::new();
    let run = put_older(&repo, "no-manifest");
    fs::write(run.join("iter-002.json"), "{\"number\": 2, ").unwrap();
    for view in &VIEWS[..3] {
        let ran = hew(&repo, view);
        assert_eq!(ran.code, 0, "{view:?}: {}", ran.stderr);
        assert!(ran.stderr.contains("iter-002.json: "), "{view:?}: {}", ran.stderr);
        assert!(ran.stdout.contains("app-1") && ran.stdout.contains("app-3"), "{view:?}: {}", ran.stdout);
    }
    assert!(text(&repo, VIEWS[3]).contains("loop-20260301T080000Z-0000000a"));
    fs::write(run.join("run.json"), "[]").unwrap();
    let ran = hew(&repo, &["loop", "summary"]);
    assert!(ran.code == 0 && ran.stderr.contains("run.json: "), "{}", ran.stderr);
    assert!(ran.stdout.contains("app-1"), "{}", ran.stdout);
}

#[test]
fn a_run_of_a_newer_version_names_both_versions() {
    let repo = TestRepo::new();
    let older = put_older(&repo, "no-manifest");
    let file = fs::read_to_string(older.join("run.json")).unwrap();
    fs::write(older.join("run.json"), file.replacen('{', "{\"schema_version\": 7,", 1)).unwrap();
    let newer = "schema_version 7, but this hew knows up to 1";
    for view in &VIEWS[..3] {
        let ran = hew(&repo, view);
        assert_eq!(ran.code, 1, "{view:?}");
        assert!(ran.stderr.contains("run.json: ") && ran.stderr.contains(newer), "{view:?}: {}", ran.stderr);
    }
    let listed = hew(&repo, VIEWS[3]);
    assert_eq!(listed.code, 0);
    assert!(listed.stderr.contains(newer) && listed.stdout.contains("unreadable"), "{}", listed.stdout);
    let journal = journal::in_the_middle();
    let text = journal.to_jsonl().replacen("\"schema_version\":1", "\"schema_version\":7", 1);
    put_journal(&repo, &journal, &text);
    for view in &VIEWS[..3] {
        let ran = hew(&repo, view);
        assert_eq!(ran.code, 1, "{view:?}");
        assert!(
            ran.stderr.contains("events.jsonl: line 1: ") && ran.stderr.contains(newer),
            "{}",
            ran.stderr
        );
    }
}

fn put_journal(repo: &TestRepo, journal: &journal::JournalBuilder, text: &str) -> PathBuf {
    let run = repo.root().join(".hew/loop").join(journal.run_id().as_str());
    fs::create_dir_all(&run).unwrap();
    fs::write(run.join("events.jsonl"), text).unwrap();
    run
}

#[test]
fn a_torn_last_line_is_left_out_with_a_warning_and_a_broken_one_is_named() {
    let repo = TestRepo::new();
    let journal = journal::every_outcome();
    let whole = journal.to_jsonl();
    put_journal(&repo, &journal, &whole[..whole.len() - 9]);
    for view in &VIEWS[..3] {
        let ran = hew(&repo, view);
        assert_eq!(ran.code, 0, "{view:?}: {}", ran.stderr);
        assert!(ran.stderr.contains("the last line is torn"), "{view:?}: {}", ran.stderr);
        assert!(ran.stdout.contains("app-11"), "{view:?}: {}", ran.stdout);
    }
    assert!(text(&repo, VIEWS[3]).contains("crashed"));
    put_journal(&repo, &journal, &whole.replacen("\"kind\":\"baseline\"", "\"kind\":\"base", 1));
    for view in &VIEWS[..3] {
        let ran = hew(&repo, view);
        assert_eq!(ran.code, 0, "{view:?}: {}", ran.stderr);
        assert!(ran.stderr.contains("events.jsonl: line 2: "), "{view:?}: {}", ran.stderr);
    }
    let listed = hew(&repo, VIEWS[3]);
    assert_eq!(listed.code, 0, "{}", listed.stderr);
    assert!(listed.stderr.contains("line 2: ") && listed.stdout.contains("unreadable"), "{}", listed.stdout);
}

#[test]
fn without_runs_each_view_says_so() {
    let repo = TestRepo::new();
    for view in VIEWS {
        let ran = hew(&repo, view);
        assert!(ran.stderr.contains("this project has no runs yet"), "{view:?}: {}", ran.stderr);
        assert_eq!((ran.code, ran.stdout.as_str()), (i32::from(view != VIEWS[3]), ""), "{view:?}");
    }
}

#[test]
fn an_empty_run_folder_is_a_run_that_has_written_nothing() {
    let repo = TestRepo::new();
    let id = "loop-20260101T000000Z-00000001";
    fs::create_dir_all(repo.root().join(".hew/loop").join(id)).unwrap();
    let expected = ["has not written anything yet", "no iterations", "no iterations", id];
    for (view, expected) in VIEWS.iter().zip(expected) {
        let ran = hew(&repo, view);
        assert_eq!(ran.code, 0, "{view:?}: {}", ran.stderr);
        assert!((ran.stdout + &ran.stderr).contains(expected), "{view:?}");
    }
}

#[test]
fn an_unknown_run_names_the_nearest() {
    let repo = TestRepo::new();
    put_older(&repo, "no-manifest");
    for view in &VIEWS[..3] {
        let ran = hew(&repo, &[view, &["--run-id", "loop-20260301T080000Z-0000000b"][..]].concat());
        assert_eq!(ran.code, 1, "{view:?}");
        assert!(ran.stderr.contains("the nearest is loop-20260301T080000Z-0000000a"), "{}", ran.stderr);
    }
}

#[test]
fn following_a_run_without_a_journal_shows_what_there_is_and_ends() {
    let repo = TestRepo::new();
    put_older(&repo, "no-manifest");
    let rows = text(&repo, &["loop", "logs"]);
    assert!(rows.lines().count() > 1, "{rows}");
    assert_eq!(text(&repo, &["loop", "logs", "--follow"]), rows);
}

#[test]
fn the_report_shows_them_too_and_says_what_is_missing() {
    for name in ["no-manifest", "manifest-over-root", "workers-only", "no-journal"] {
        let repo = TestRepo::new();
        let run = put_older(&repo, name);
        let page = text(&repo, &["loop", "report", "--out", "-"]);
        let root = page_check::parse(&page);
        page_check::assert_self_contained(&page, &root);
        page_check::assert_figures(&root, &json_lines(&repo, &["loop", "summary"]).remove(0));
        if name == "no-manifest" {
            fs::write(run.join("iter-002.json"), "{\"number\": 2, ").unwrap();
            let damaged = page_check::parse(&text(&repo, &["loop", "report", "--out", "-"]));
            let short = damaged.by_id("answers").unwrap().text();
            assert!(short.contains("What is missing here?") && short.contains("iter-002.json: "), "{short}");
        }
    }
}

#[test]
fn a_ledger_that_can_not_be_read_is_told_and_the_run_is_shown() {
    let repo = TestRepo::new();
    put_older(&repo, "no-journal");
    let ledger = hew::adapters::ledger::path(&repo.root().join(".git/hew"));
    fs::create_dir_all(ledger.parent().unwrap()).unwrap();
    fs::write(&ledger, "not a record\nnor this\n").unwrap();
    let shown = hew(&repo, &["loop", "summary"]);
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    assert!(shown.stderr.contains("delivered after its end is not known"), "{}", shown.stderr);
    assert!(shown.stdout.contains("landed"), "{}", shown.stdout);
}
