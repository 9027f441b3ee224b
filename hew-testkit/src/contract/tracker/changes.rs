//! Edges, lists, updates, notes, filters; records that come and go.

use hew_core::ids::TaskId;
use hew_core::tracker::{DependencyKind, NewTask, Status, TaskFilter, TaskPatch, TrackerError};
use serde_json::{Value, json};

use super::{
    STAMP, Stage, actor, add, add_after, add_epic, add_under, everything, import, ready, record, task, titles,
};

pub(super) fn cycles_are_refused_by_name(tracker: &Stage<'_>) {
    let a = add(tracker, "a");
    let b = add_after(tracker, "b", &a);
    let refused = |task: &TaskId, on: &TaskId, kind: &DependencyKind| {
        let before = tracker.export().unwrap();
        let error = tracker.add_dependency(task, on, kind).unwrap_err();
        assert_eq!(tracker.export().unwrap(), before, "nothing was changed");
        error.to_string()
    };
    let said = refused(&a, &b, &DependencyKind::Blocks);
    assert!(said.contains(&format!("{a} -> {b} -> {a}")), "{said}");
    refused(&a, &a, &DependencyKind::Blocks);
    refused(&a, &b, &DependencyKind::ParentChild);
    tracker.add_dependency(&a, &b, &DependencyKind::Other("related".to_owned())).unwrap();
    let epic = add_epic(tracker, "epic");
    let child = add_under(tracker, "child", &epic);
    refused(&epic, &child, &DependencyKind::Blocks);
    refused(&child, &epic, &DependencyKind::WaitsFor);
    if tracker.ways.has_free_edges {
        tracker.add_dependency(&child, &epic, &DependencyKind::Blocks).unwrap();
    } else {
        let refused = tracker.add_dependency(&child, &epic, &DependencyKind::Blocks);
        assert!(matches!(refused, Err(TrackerError::Invalid(_))), "a child can't wait for its parent");
    }
    let patch = TaskPatch { parent: Some(Some(child.clone())), ..TaskPatch::default() };
    assert!(matches!(tracker.update(&epic, &patch), Err(TrackerError::Invalid(_))));
    assert_eq!(task(tracker, &epic).parent, None);
}

pub(super) fn edges_are_removed(tracker: &Stage<'_>) {
    let a = add(tracker, "a");
    let b = add_after(tracker, "b", &a);
    tracker.add_dependency(&b, &a, &DependencyKind::Blocks).unwrap();
    assert_eq!(task(tracker, &b).dependencies.len(), 1, "the same edge twice is one");
    assert!(tracker.remove_dependency(&b, &a).unwrap());
    assert_eq!(ready(tracker, &everything()), "a b");
    assert!(!tracker.remove_dependency(&b, &a).unwrap());
    assert!(matches!(tracker.remove_dependency(&TaskId::from("x"), &a), Err(TrackerError::Missing(_))));
}

pub(super) fn lists_are_made_whole_or_not_at_all(tracker: &Stage<'_>) {
    let named = |name: &str, parent: Option<&str>, on: &[&str]| NewTask {
        local_name: Some(name.to_owned()),
        parent: parent.map(str::to_owned),
        depends_on: on.iter().map(|on| (*on).to_owned()).collect(),
        ..NewTask::titled(name)
    };
    for (wrong, said) in [
        (vec![named("a", None, &["b"]), named("b", None, &["a"])], "a -> b -> a"),
        (vec![named("a", None, &[]), named("b", None, &["nothing"])], "nothing"),
        (vec![named("a", None, &[]), named("b", Some("nothing"), &[])], "nothing"),
        (vec![named("a", None, &[]), NewTask::titled("")], "title"),
    ] {
        let error = tracker.create_all(&wrong).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
        assert_eq!(tracker.export().unwrap(), "", "nothing was made");
    }
    let list =
        [named("c", Some("b"), &["a"]), named("b", None, &[]), named("a", None, &[]), named("d", None, &[])];
    let ids = tracker.create_all(&list).unwrap();
    let made: Vec<_> = ids.iter().map(|id| task(tracker, id)).collect();
    assert_eq!(titles(&made), "c b a d");
    assert!(
        !tracker.ways.keeps_order || made.windows(2).all(|pair| pair[0].created_at < pair[1].created_at),
        "each is younger than the last"
    );
    assert_eq!(made[0].parent.as_ref(), Some(&ids[1]));
    assert_eq!(ready(tracker, &everything()), "b a d");
    assert_eq!(tracker.create_all(&[]).unwrap(), []);
}

pub(super) fn updates_are_made_whole_or_not_at_all(tracker: &Stage<'_>) {
    let (parent, id) = (add(tracker, "parent"), add(tracker, "a"));
    let before = task(tracker, &id);
    for wrong in [
        TaskPatch { title: Some(String::new()), priority: Some(1), ..TaskPatch::default() },
        TaskPatch { priority: Some(5), notes: Some("x".to_owned()), ..TaskPatch::default() },
        TaskPatch { add_labels: vec![" ".to_owned()], priority: Some(1), ..TaskPatch::default() },
        TaskPatch { parent: Some(Some(TaskId::from("x"))), priority: Some(1), ..TaskPatch::default() },
    ] {
        assert!(tracker.update(&id, &wrong).is_err(), "{wrong:?}");
        assert_eq!(task(tracker, &id), before);
    }
    let patch = TaskPatch {
        title: Some("b".to_owned()),
        description: Some("d".to_owned()),
        acceptance_criteria: Some("ac".to_owned()),
        design: Some("de".to_owned()),
        notes: Some("n".to_owned()),
        status: Some(Status::Closed),
        priority: Some(1),
        issue_type: Some("bug".to_owned()),
        assignee: Some(Some(actor())),
        parent: Some(Some(parent.clone())),
        add_labels: vec!["l".to_owned(), "m".to_owned()],
        remove_labels: vec!["m".to_owned()],
        metadata: vec![("k".to_owned(), Some(json!(1))), ("gone".to_owned(), None)],
    };
    let after = tracker.update(&id, &patch).unwrap();
    assert_eq!(after, task(tracker, &id));
    assert_eq!((after.title.as_str(), after.description.as_str(), after.design.as_str()), ("b", "d", "de"));
    assert_eq!((after.acceptance_criteria.as_str(), after.notes.as_str()), ("ac", "n"));
    assert_eq!((after.priority, after.issue_type.as_str(), &after.parent), (1, "bug", &Some(parent)));
    assert_eq!((&after.assignee, after.labels.join(" ")), (&Some(actor()), "l m".to_owned()));
    assert!(after.record["closed_at"].is_string() && after.metadata["k"] == 1);
    // A tracker may count time in whole seconds.
    assert!(after.updated_at >= before.updated_at && after.created_at == before.created_at);
    let back = TaskPatch {
        status: Some(Status::Open),
        assignee: Some(None),
        parent: Some(None),
        metadata: vec![("k".to_owned(), None)],
        ..TaskPatch::default()
    };
    let back = tracker.update(&id, &back).unwrap();
    assert!(back.assignee.is_none() && back.parent.is_none() && back.metadata.is_empty());
    assert!(!back.record.contains_key("closed_at"));
    assert!(matches!(tracker.update(&TaskId::from("x"), &patch), Err(TrackerError::Missing(_))));
}

pub(super) fn notes_and_labels_are_added(tracker: &Stage<'_>) {
    let id = add(tracker, "a");
    tracker.note(&id, "one\ntwo\n").unwrap();
    tracker.note(&id, "three").unwrap();
    assert_eq!(task(tracker, &id).notes, "one\ntwo\n\nthree");
    assert!(tracker.note(&id, " \n").is_err());
    tracker.add_labels(&id, &["x", "y"]).unwrap();
    tracker.add_labels(&id, &["y", "z"]).unwrap();
    assert_eq!(task(tracker, &id).labels, ["x", "y", "z"]);
    assert!(matches!(tracker.note(&TaskId::from("x"), "n"), Err(TrackerError::Missing(_))));
    assert!(matches!(tracker.add_labels(&TaskId::from("x"), &["n"]), Err(TrackerError::Missing(_))));
}

pub(super) fn filters_choose(tracker: &Stage<'_>) {
    import(
        tracker,
        &[
            record("a", STAMP, &json!({"labels": ["x"], "priority": 3})),
            record("b", STAMP, &json!({"labels": ["x", "y"], "issue_type": "bug"})),
            record("c", STAMP, &json!({"status": "closed"})),
            record("d", STAMP, &json!({"status": "tombstone"})),
            record("e", STAMP, &json!({"status": "hooked", "priority": 0})),
        ],
    );
    let found = |filter: TaskFilter| titles(&tracker.list(&filter).unwrap());
    let labels = |labels: &[&str]| labels.iter().map(|l| (*l).to_owned()).collect::<Vec<_>>();
    assert_eq!(found(TaskFilter::default()), "e b a");
    assert_eq!(
        found(TaskFilter { all: true, ..TaskFilter::default() }),
        "e b c a",
        "deleted ones stay hidden"
    );
    let statuses = vec![Status::Closed, Status::Tombstone, Status::parse("hooked")];
    let wanted = if tracker.ways.has_tombstones { "e c d" } else { "e c" };
    assert_eq!(found(TaskFilter { statuses, ..TaskFilter::default() }), wanted);
    assert_eq!(found(TaskFilter { types: labels(&["bug", "epic"]), ..TaskFilter::default() }), "b");
    assert_eq!(found(TaskFilter { labels: labels(&["x"]), ..TaskFilter::default() }), "b a");
    assert_eq!(found(TaskFilter { labels: labels(&["x", "y"]), ..TaskFilter::default() }), "b");
}

pub(super) fn memories_are_kept_replaced_and_dropped(tracker: &Stage<'_>) {
    let key = "STATUS:loop-verify-failed:loop-20260101T000000Z-1a2b3c4d";
    tracker.remember(key, "- `x y` ended with exit code 1\nsecond line").unwrap();
    tracker.remember("other", "stays").unwrap();
    tracker.remember(key, "--again `z` \"quoted\"").unwrap();
    let pair = |key: &str, text: &str| (key.to_owned(), text.to_owned());
    assert_eq!(tracker.memories().unwrap(), [pair(key, "--again `z` \"quoted\""), pair("other", "stays")]);
    tracker.forget(key).unwrap();
    tracker.forget(key).unwrap();
    assert_eq!(tracker.memories().unwrap(), [pair("other", "stays")]);
}

pub(super) fn records_come_and_go_unharmed(tracker: &Stage<'_>) {
    let strange = json!({"status": "hooked", "x": {"b": [1.5, null], "a": "\u{0}\u{1b}"}, "assignee": "", "_type": "issue"});
    let records = [record("b", "2026-01-02T00:00:00+01:00", &strange), record("a", STAMP, &json!({}))];
    let memory = json!({"_type": "memory", "key": "k", "value": "v", "more": 1});
    import(tracker, &[records[0].clone(), memory.clone(), records[1].clone()]);
    let lines =
        |text: &str| -> Vec<Value> { text.lines().map(|l| serde_json::from_str(l).unwrap()).collect() };
    let export = tracker.export().unwrap();
    if tracker.ways.keeps_unknown {
        assert_eq!(lines(&export), [records[1].clone(), records[0].clone(), memory]);
    } else {
        let known = record("b", "2026-01-01T23:00:00Z", &json!({"status": "hooked"}));
        let memory = json!({"_type": "memory", "key": "k", "value": "v"});
        assert_eq!(lines(&export), [records[1].clone(), known, memory]);
    }
    assert_eq!(tracker.memories().unwrap(), [("k".to_owned(), "v".to_owned())]);
    let again = tracker.import(&export, false).unwrap();
    assert_eq!((again.created, again.updated, again.unchanged, again.memories), (0, 0, 2, 0));
    let newer = record("a", "2026-01-03T00:00:00Z", &json!({"title": "newer"})).to_string();
    let older = record("b", "2025-01-01T00:00:00Z", &json!({"title": "older"})).to_string();
    let bad = tracker.import(&format!("{newer}\n{older}\n{{"), false).unwrap_err().to_string();
    assert!(bad.contains("line 3"), "{bad}");
    assert_eq!(tracker.export().unwrap(), export, "a bad line spoils the file");
    let report = tracker.import(&format!("{newer}\n{older}\n{{"), true).unwrap();
    assert_eq!((report.updated, report.unchanged, report.skipped.len()), (1, 1, 1));
    assert_eq!(task(tracker, &TaskId::from("a")).title, "newer");
    assert_eq!(task(tracker, &TaskId::from("b")).title, "b");
}
