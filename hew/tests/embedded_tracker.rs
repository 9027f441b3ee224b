//! The embedded store: agreement with the model on random graphs, files that are not its own, many writers, and the beads
//! file of a real project.

#![expect(clippy::unwrap_used, reason = "a test that can not set its stage has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hew::adapters::clock::SystemClock;
use hew::adapters::embedded::EmbeddedTracker;
use hew_core::clock::Clock as _;
use hew_core::ids::{Actor, TaskId};
use hew_core::tracker::jsonl::{Line, parse_line};
use hew_core::tracker::ready::Graph;
use hew_core::tracker::{
    BdClient as _, ClaimOutcome, DependencyKind, NewTask, ReadyQuery, Scope, Status, Task, TaskEditor as _,
    TaskLine, TaskPatch, TrackerError,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;

fn open(path: &Path) -> Result<EmbeddedTracker, TrackerError> {
    EmbeddedTracker::open(path, "app", Arc::new(SystemClock::start()))
}

fn store() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tasks.db");
    (folder, path)
}

fn query(scope: Scope, hold_open: BTreeSet<TaskId>) -> ReadyQuery {
    ReadyQuery { scope, only: None, exclude: BTreeSet::new(), hold_open, with_parked: false, limit: None }
}

// --- agreement with the model ---

/// Few, so that edges meet.
const TASKS: usize = 5;

fn id(number: usize) -> TaskId {
    TaskId::new(format!("t{number}"))
}

/// A task as it may come from anywhere: edges to itself, to nothing, in rings.
fn record() -> impl Strategy<Value = Value> {
    // Most tasks could start if nothing held them up, or the model would have little to say.
    let status = prop_oneof![
        7 => Just("open"),
        4 => prop::sample::select(vec!["in_progress", "closed", "pinned", "tombstone", "hooked"]),
    ];
    let kind = prop_oneof![8 => Just("task"), 2 => Just("epic"), 1 => Just("gate")];
    let edge_kind = prop_oneof![
        3 => Just("parent-child"), 3 => Just("waits-for"), 2 => Just("blocks"), 1 => Just("conditional-blocks"),
        1 => Just("related"),
    ];
    let edges = prop::collection::vec((edge_kind, 0..TASKS + 1), 0..3);
    let defer = prop_oneof![
        8 => Just(""), 1 => Just("2020-01-01T00:00:00Z"), 1 => Just("2999-01-01T00:00:00+02:00"),
    ];
    (0..TASKS, status, kind, edges, defer, 0..3_u8, 0..30_u8).prop_map(
        |(number, status, kind, edges, defer, priority, flags)| {
            let edges: Vec<_> = edges
                .into_iter()
                .map(|(kind, on)| json!({"issue_id": id(number), "depends_on_id": id(on), "type": kind}))
                .collect();
            json!({
                "id": id(number), "title": "T", "status": status, "priority": priority, "issue_type": kind,
                "created_at": format!("2026-01-01T0{}:00:00Z", number % 3), "updated_at": "2026-01-01T00:00:00Z",
                "dependencies": edges, "defer_until": defer, "ephemeral": flags == 0,
                "assignee": if flags == 1 { "me" } else { "" },
                "labels": if flags == 2 { vec!["hew:parked"] } else { vec![] },
            })
        },
    )
}

#[derive(Debug, Clone)]
enum Change {
    Import(Value),
    Status(usize, &'static str),
    Edge(usize, usize, &'static str),
    NoEdge(usize, usize),
    Parent(usize, Option<usize>),
    Claim(usize),
    Close(usize),
    Reopen(usize),
}

fn change() -> impl Strategy<Value = Change> {
    let kinds =
        prop::sample::select(vec!["blocks", "conditional-blocks", "parent-child", "waits-for", "related"]);
    let statuses = prop::sample::select(vec!["open", "closed", "pinned", "tombstone", "deferred"]);
    prop_oneof![
        2 => record().prop_map(Change::Import),
        4 => (0..TASKS, statuses).prop_map(|(task, status)| Change::Status(task, status)),
        2 => (0..TASKS, 0..TASKS, kinds).prop_map(|(task, on, kind)| Change::Edge(task, on, kind)),
        1 => (0..TASKS, 0..TASKS).prop_map(|(task, on)| Change::NoEdge(task, on)),
        2 => (0..TASKS, prop::option::of(0..TASKS)).prop_map(|(task, parent)| Change::Parent(task, parent)),
        1 => (0..TASKS).prop_map(Change::Claim),
        1 => (0..TASKS).prop_map(Change::Close),
        1 => (0..TASKS).prop_map(Change::Reopen),
    ]
}

/// Changes that the store refuses (no such task, a cycle) are part of the game: they must change nothing.
fn perform(tracker: &EmbeddedTracker, change: &Change, number: usize) {
    let me = Actor::from("me");
    match change {
        Change::Import(record) => {
            let mut record = record.clone();
            record["updated_at"] = format!("2999-01-01T00:00:{number:02}Z").into();
            tracker.import(&record.to_string(), false).unwrap();
        }
        Change::Status(task, status) => {
            let patch = TaskPatch { status: Some(Status::parse(status)), ..TaskPatch::default() };
            drop(tracker.update(&id(*task), &patch));
        }
        Change::Edge(task, on, kind) => {
            drop(tracker.add_dependency(&id(*task), &id(*on), &DependencyKind::parse(kind)));
        }
        Change::NoEdge(task, on) => drop(tracker.remove_dependency(&id(*task), &id(*on))),
        Change::Parent(task, parent) => {
            let patch = TaskPatch { parent: Some(parent.map(id)), ..TaskPatch::default() };
            drop(tracker.update(&id(*task), &patch));
        }
        Change::Claim(task) => drop(tracker.claim(&id(*task), &me).unwrap()),
        Change::Close(task) => drop(tracker.close(&id(*task), "", &me).unwrap()),
        Change::Reopen(task) => drop(tracker.reopen(&id(*task))),
    }
}

fn stored(tracker: &EmbeddedTracker) -> Vec<Task> {
    let lines = tracker.export().unwrap();
    let task = |line: &str| match parse_line(line) {
        Ok(Line::Task(task)) => *task,
        other => panic!("{other:?}"),
    };
    lines.lines().map(task).collect()
}

fn assert_agreement(tracker: &EmbeddedTracker, numbers: &BTreeSet<usize>) {
    let tasks = stored(tracker);
    let (graph, now) = (Graph::new(&tasks), SystemClock::start().now().wall);
    let ids: BTreeSet<_> = numbers.iter().copied().map(id).collect();
    for scope in [Scope::Ready, Scope::Epics(ids.clone()), Scope::Tasks(ids.clone())] {
        for hold_open in [BTreeSet::new(), ids.clone()] {
            for with_parked in [false, true] {
                let query = ReadyQuery { with_parked, ..query(scope.clone(), hold_open.clone()) };
                let ready: Vec<_> = graph.ready(&query, now).into_iter().cloned().collect();
                assert_eq!(tracker.ready(&query).unwrap(), ready, "{query:?}");
                assert_eq!(
                    tracker.leftovers(&query, 5).unwrap(),
                    graph.leftovers(&query, now, 5),
                    "{query:?}"
                );
            }
        }
        assert_eq!(tracker.count_open(&scope).unwrap(), graph.count_open(&scope), "{scope:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 80, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn ready_agrees_with_the_model_after_any_changes(
        records in prop::collection::vec(record(), 0..TASKS * 2),
        changes in prop::collection::vec(change(), 0..16),
        numbers in prop::collection::btree_set(0..TASKS, 0..4),
    ) {
        let (_folder, path) = store();
        let tracker = open(&path).unwrap();
        let lines: Vec<_> = records.iter().map(Value::to_string).collect();
        tracker.import(&lines.join("\n"), false).unwrap();
        assert_agreement(&tracker, &numbers);
        for (number, change) in changes.iter().enumerate() {
            perform(&tracker, change, number);
            assert_agreement(&tracker, &numbers);
        }
    }
}

// --- files ---

#[test]
fn a_file_that_is_not_the_store_is_named_and_left_as_it_is() {
    let (_folder, path) = store();
    std::fs::write(
        &path,
        "not a database, but long enough to look like something that somebody wants to keep\n",
    )
    .unwrap();
    let before = std::fs::read(&path).unwrap();
    let error = open(&path).unwrap_err().to_string();
    assert!(error.contains("not an SQLite file") && error.contains("tasks.db"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn another_programs_database_is_left_as_it_is() {
    let (_folder, path) = store();
    rusqlite::Connection::open(&path).unwrap().execute_batch("CREATE TABLE x (y)").unwrap();
    let before = std::fs::read(&path).unwrap();
    let error = open(&path).unwrap_err().to_string();
    assert!(error.contains("another program"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn a_newer_schema_is_refused_with_both_versions() {
    let (_folder, path) = store();
    drop(open(&path).unwrap());
    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 7).unwrap();
    let error = open(&path).unwrap_err();
    assert!(matches!(error, TrackerError::NewerSchema { found: 7, known: 1, .. }), "{error}");
}

#[test]
fn a_folder_that_cannot_be_made_is_an_error_that_names_the_store() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    let error = open(&folder.path().join("file/tasks.db")).unwrap_err().to_string();
    assert!(error.contains("file/tasks.db") && error.contains("folder"), "{error}");
}

#[test]
fn a_damaged_record_is_an_error_and_not_an_empty_answer() {
    let (_folder, path) = store();
    let tracker = open(&path).unwrap();
    let id = tracker.create(&NewTask::titled("a")).unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute("UPDATE task SET record = '{'", []).unwrap();
    let error = tracker.task(&id).unwrap_err().to_string();
    assert!(error.contains("damaged"), "{error}");
}

#[test]
fn what_is_stored_is_there_after_opening_again() {
    let (_folder, path) = store();
    let id = open(&path).unwrap().create(&NewTask::titled("a")).unwrap();
    let tracker = open(&path).unwrap();
    assert_eq!(tracker.task(&id).unwrap().unwrap().title, "a");
    assert_eq!(tracker.watch_dir(), path.parent().unwrap());
}

// --- many writers ---

#[test]
fn writers_with_handles_of_their_own_lose_nothing() {
    const WRITERS: usize = 8;
    const EACH: usize = 8;
    let (_folder, path) = store();
    let won: Vec<usize> = std::thread::scope(|scope| {
        let write = |number: usize| {
            let tracker = open(&path).unwrap();
            let me = Actor::new(format!("writer {number}"));
            let mine = (0..EACH).map(|n| tracker.create(&NewTask::titled(format!("{number}-{n}"))).unwrap());
            assert_eq!(mine.count(), EACH);
            let all = tracker.ready(&query(Scope::Ready, BTreeSet::new())).unwrap();
            let claims = all.iter().map(|task| tracker.claim(&task.id, &me).unwrap());
            claims.filter(|claim| matches!(claim, ClaimOutcome::Won(_))).count()
        };
        let threads: Vec<_> = (0..WRITERS).map(|number| scope.spawn(move || write(number))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let held: Vec<_> = stored(&open(&path).unwrap()).into_iter().filter_map(|task| task.assignee).collect();
    assert_eq!(stored(&open(&path).unwrap()).len(), WRITERS * EACH);
    assert_eq!(held.len(), won.iter().sum::<usize>(), "each claim that was won is there, and no other");
}

#[test]
fn ids_of_many_tasks_are_different_and_children_count_on() {
    let (_folder, path) = store();
    let tracker = open(&path).unwrap();
    let parent = tracker.create(&NewTask::titled("parent")).unwrap();
    let child = NewTask { parent: Some(parent.to_string()), ..NewTask::titled("child") };
    let children = tracker.create_all(&vec![child.clone(); 11]).unwrap();
    assert_eq!(children[10].as_str(), format!("{parent}.11"));
    assert_eq!(tracker.create(&child).unwrap().as_str(), format!("{parent}.12"));
    let mut deep = parent;
    for _ in 0..3 {
        deep = tracker.create(&NewTask { parent: Some(deep.to_string()), ..NewTask::titled("c") }).unwrap();
    }
    let deepest =
        tracker.create(&NewTask { parent: Some(deep.to_string()), ..NewTask::titled("c") }).unwrap();
    assert!(deepest.as_str().starts_with("app-") && !deepest.as_str().contains('.'), "{deepest}");
    assert_eq!(tracker.task(&deepest).unwrap().unwrap().parent, Some(deep));
}

// --- the beads file of a real project ---

fn beads() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/beads-2464.jsonl"))
        .unwrap()
}

fn records(jsonl: &str) -> BTreeMap<String, Value> {
    let derived = ["dependency_count", "dependent_count", "comment_count", "parent"];
    let record = |line: &str| {
        let mut record: Value = serde_json::from_str(line).unwrap();
        record.as_object_mut().unwrap().retain(|field, _| !derived.contains(&field.as_str()));
        (record["id"].as_str().unwrap().to_owned(), record)
    };
    jsonl.lines().map(record).collect()
}

#[test]
fn a_real_projects_file_comes_out_field_for_field() {
    let (_folder, path) = store();
    let tracker = open(&path).unwrap();
    let report = tracker.import(&beads(), false).unwrap();
    assert_eq!((report.created, report.updated, report.unchanged), (2464, 0, 0));
    let export = tracker.export().unwrap();
    let (out, wanted) = (records(&export), records(&beads()));
    assert_eq!(out.len(), 2464);
    for (id, record) in &wanted {
        assert_eq!(out.get(id), Some(record), "{id}");
    }
    let ids: Vec<_> =
        export.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].to_string()).collect();
    assert!(ids.is_sorted(), "sorted by id");
    assert_agreement(&tracker, &BTreeSet::new());

    let again = tracker.import(&beads(), false).unwrap();
    assert_eq!((again.created, again.updated, again.unchanged), (0, 0, 2464));
    assert_eq!(tracker.export().unwrap(), export, "twice changes nothing");
}

#[test]
fn lines_of_what_is_ready_say_what_the_tasks_say() {
    let (_folder, path) = store();
    let tracker = open(&path).unwrap();
    tracker.import(&beads(), false).unwrap();
    let query = query(Scope::Ready, BTreeSet::new());
    let tasks = tracker.ready(&query).unwrap();
    assert!(tasks.len() > 10);
    let lines: Vec<TaskLine> = tasks.iter().map(TaskLine::from).collect();
    assert_eq!(tracker.ready_lines(&query).unwrap(), lines);
}
