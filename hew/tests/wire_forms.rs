//! The words that records are written in: each has a file of a run of its own, reads and prints unchanged, and is told
//! apart from every other in what people look at.

#![expect(clippy::unwrap_used, reason = "a test says what went wrong by failing")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use hew_core::record::IterationOutcome;
use hew_core::record::files::{BatchFile, IterationFile, RunFile, parse};
use hew_core::render::style;
use hew_testkit::loop_stage::ran;
use hew_testkit::repo::TestRepo;
use serde_json::Value;

const RUN: &str = "loop-20260705T120000Z-0000000e";

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/wire").join(name)
}

/// The text of the fixture of each word of a field.
fn fixtures(field: &str) -> BTreeMap<String, String> {
    let files = fs::read_dir(data(field)).unwrap().map(|entry| entry.unwrap().path());
    let named = files.map(|path| {
        let word = path.file_stem().unwrap().to_str().unwrap().to_owned();
        (word, fs::read_to_string(path).unwrap())
    });
    named.collect()
}

fn words(field: &str) -> BTreeSet<String> {
    fixtures(field).into_keys().collect()
}

fn set(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// What a view shows of a run in which one file is this fixture.
fn shown(file: &str, fixture: &str, view: &str) -> String {
    let repo = TestRepo::new();
    let run = repo.root().join(".hew/loop").join(RUN);
    fs::create_dir_all(&run).unwrap();
    fs::copy(data("run.json"), run.join("run.json")).unwrap();
    fs::copy(data("iteration.json"), run.join("iter-001.json")).unwrap();
    fs::write(run.join(file), fixture).unwrap();
    let ran = ran(repo.hew(&["loop", view]));
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{view} of {fixture}");
    ran.stdout.replace(repo.root().to_str().unwrap(), "<project>")
}

/// What the summary says under a name, by word; all of it different.
fn told_apart(field: &str, file: &str, name: &str) -> BTreeMap<String, String> {
    let fact = |text: &str| {
        let mut lines = text.lines().skip_while(|line| !line.trim_start().starts_with(name));
        let first = lines.next().unwrap_or_else(|| panic!("no {name} in {text}")).trim().to_owned();
        first.strip_prefix(name).unwrap().trim().to_owned()
    };
    let all: BTreeMap<String, String> = fixtures(field)
        .into_iter()
        .map(|(word, fixture)| (word, fact(&shown(file, &fixture, "summary"))))
        .collect();
    let distinct: BTreeSet<&String> = all.values().collect();
    assert_eq!(distinct.len(), all.len(), "{all:?}");
    all
}

#[test]
fn outcomes_are_told_apart_in_every_view() {
    let all: BTreeSet<String> =
        IterationOutcome::ALL.iter().map(|outcome| outcome.as_str().to_owned()).collect();
    assert_eq!(words("outcome"), all);
    assert_eq!(all.len(), 10);
    for (word, text) in told_apart("outcome", "iter-001.json", "iterations") {
        assert_eq!(text, format!("1: 1 {word}"));
    }
    for (word, fixture) in fixtures("outcome") {
        let outcome = IterationOutcome::ALL.into_iter().find(|outcome| outcome.as_str() == word).unwrap();
        let logs = shown("iter-001.json", &fixture, "logs");
        assert!(logs.split_whitespace().any(|cell| cell == word), "{word}: {logs}");
        let graph = shown("iter-001.json", &fixture, "graph");
        assert!(graph.contains(style::glyph(Some(outcome))) && graph.contains(&word), "{word}: {graph}");
    }
}

#[test]
fn signs_of_outcomes_differ_but_for_the_two_ways_of_taking_too_long() {
    let signs: Vec<&str> =
        std::iter::once(None).chain(IterationOutcome::ALL.into_iter().map(Some)).map(style::glyph).collect();
    let distinct: BTreeSet<&&str> = signs.iter().collect();
    assert_eq!(distinct.len(), signs.len() - 1, "{signs:?}");
    assert_eq!(
        style::glyph(Some(IterationOutcome::TimedOut)),
        style::glyph(Some(IterationOutcome::Stalled)),
        "they differ in their words"
    );
}

#[test]
fn stop_reasons_are_told_apart() {
    let expected = [
        "cancelled",
        "stop_file",
        "budget_tokens",
        "budget_wall",
        "budget_usd",
        "max_iter",
        "ready_empty",
        "guard_trip",
        "runtime_error",
        "quota",
        "signal",
    ];
    assert_eq!(words("stop_reason"), set(&expected));
    for (word, text) in told_apart("stop_reason", "run.json", "stopped") {
        assert_eq!(text, word);
    }
    for (word, fixture) in fixtures("stop_reason") {
        let listed = shown("run.json", &fixture, "list");
        assert!(listed.split_whitespace().any(|cell| cell == word), "{word}: {listed}");
    }
}

#[test]
fn verify_outcomes_are_told_apart() {
    let all = told_apart("verify_outcome", "run.json", "verify");
    assert_eq!(
        all.keys().cloned().collect::<BTreeSet<_>>(),
        set(&["passed", "failed", "skipped", "timed_out"])
    );
    for (word, begins) in
        [("passed", "green: "), ("failed", "red: "), ("skipped", "skipped: "), ("timed_out", "timed out: ")]
    {
        assert!(all[word].starts_with(begins), "{all:?}");
    }
}

#[test]
fn sources_of_batches_are_told_apart() {
    let all = told_apart("source", "batch-001.json", "planner");
    let counts = [("agent", [1, 0, 0]), ("planner", [0, 1, 0]), ("skipped", [0, 0, 1])];
    assert_eq!(all.len(), counts.len());
    for (word, [agent, runtime, fallback]) in counts {
        assert_eq!(all[word], format!("agent={agent}, runtime={runtime}, fallback={fallback}"));
    }
}

#[test]
fn sources_of_costs_are_told_apart() {
    let all = told_apart("cost_source", "iter-001.json", "cost");
    assert_eq!(all["reported"], "$0.25 (reported by the runtime)");
    assert_eq!(all["list_price"], "$0.25 (in part or whole by loop.prices)");
    assert!(all["unknown"].starts_with("unknown: 100 tokens"), "{all:?}");
}

/// Read as what it is and written again, the field says the same.
#[test]
fn words_read_and_print_unchanged() {
    let same = |field: &str, fixture: &str, again: Value| {
        let given: Value = serde_json::from_str(fixture).unwrap();
        assert!(!given[field].is_null(), "{field} of {fixture}");
        assert_eq!(again[field], given[field], "{field}");
    };
    let value = |file: Result<Value, serde_json::Error>| file.unwrap();
    for field in ["outcome", "cost_source"] {
        for fixture in fixtures(field).values() {
            same(field, fixture, value(serde_json::to_value(parse::<IterationFile>(fixture).unwrap())));
        }
    }
    for field in ["stop_reason", "verify_outcome"] {
        for fixture in fixtures(field).values() {
            same(field, fixture, value(serde_json::to_value(parse::<RunFile>(fixture).unwrap())));
        }
    }
    for fixture in fixtures("source").values() {
        same("source", fixture, value(serde_json::to_value(parse::<BatchFile>(fixture).unwrap())));
    }
}
