//! What is ready, what holds a task up, and what is left over.

use std::collections::BTreeSet;

use hew_core::ids::TaskId;
use hew_core::tracker::{
    DependencyKind, LeftoverReason, NewTask, PARKED_LABEL, ReadyQuery, Scope, Status, TaskPatch, TrackerError,
};
use serde_json::json;

use super::{
    STAMP, Stage, actor, add, add_after, add_epic, add_under, close, everything, import, ready, record,
    set_status,
};

pub(super) fn blocks_hold_up_until_settled(tracker: &Stage<'_>) {
    let mut settled = vec![Status::Closed, Status::Pinned];
    settled.extend(tracker.ways.has_tombstones.then_some(Status::Tombstone));
    for status in settled {
        let first = add(tracker, "first");
        let second = add_after(tracker, "second", &first);
        let conditional = add(tracker, "third");
        tracker.add_dependency(&conditional, &first, &DependencyKind::ConditionalBlocks).unwrap();
        assert_eq!(ready(tracker, &everything()), "first");
        for not_yet in
            [Status::InProgress, Status::Blocked, Status::Deferred, Status::Other("hooked".to_owned())]
        {
            set_status(tracker, &first, &not_yet);
            assert_eq!(ready(tracker, &everything()), "", "{not_yet}");
        }
        set_status(tracker, &first, &status);
        assert_eq!(ready(tracker, &everything()), "second third", "{status}");
        close(tracker, &second);
        close(tracker, &conditional);
    }
}

pub(super) fn a_blocked_parent_holds_up_its_descendants(tracker: &Stage<'_>) {
    let first = add(tracker, "first");
    let epic = add_epic(tracker, "epic");
    let child = add_under(tracker, "child", &epic);
    add_under(tracker, "grandchild", &child);
    assert_eq!(ready(tracker, &everything()), "first child grandchild", "an open parent blocks nobody");
    tracker.add_dependency(&epic, &first, &DependencyKind::Blocks).unwrap();
    assert_eq!(ready(tracker, &everything()), "first");
    let late = add_under(tracker, "late", &child);
    assert_eq!(ready(tracker, &everything()), "first", "a child that comes later is blocked too");
    tracker.update(&late, &TaskPatch { parent: Some(None), ..TaskPatch::default() }).unwrap();
    assert_eq!(ready(tracker, &everything()), "first late");
    close(tracker, &first);
    assert_eq!(ready(tracker, &everything()), "child grandchild late");
    tracker.reopen(&first).unwrap();
    assert_eq!(ready(tracker, &everything()), "first late");
}

pub(super) fn waits_for_holds_up_while_a_child_is_live(tracker: &Stage<'_>) {
    let epic = add_epic(tracker, "epic");
    let child = add_under(tracker, "child", &epic);
    let waiting = add(tracker, "waiting");
    tracker.add_dependency(&waiting, &epic, &DependencyKind::WaitsFor).unwrap();
    assert_eq!(ready(tracker, &everything()), "child");
    close(tracker, &child);
    assert_eq!(ready(tracker, &everything()), "waiting", "the epic itself may stay open");
    let late = add_under(tracker, "late", &epic);
    assert_eq!(ready(tracker, &everything()), "late");
    tracker.update(&late, &TaskPatch { parent: Some(None), ..TaskPatch::default() }).unwrap();
    assert_eq!(ready(tracker, &everything()), "waiting late");
}

pub(super) fn held_tasks_count_as_open(tracker: &Stage<'_>) {
    let first = add(tracker, "first");
    add_after(tracker, "after", &first);
    let epic = add_epic(tracker, "epic");
    tracker.add_dependency(&epic, &first, &DependencyKind::Blocks).unwrap();
    let child = add_under(tracker, "child", &epic);
    add_under(tracker, "grandchild", &child);
    let family = add_epic(tracker, "family");
    let member = add_under(tracker, "member", &family);
    let waiting = add(tracker, "waiting");
    tracker.add_dependency(&waiting, &family, &DependencyKind::WaitsFor).unwrap();
    close(tracker, &first);
    close(tracker, &member);
    assert_eq!(ready(tracker, &everything()), "after child grandchild waiting");
    let hold = |ids: &[&TaskId]| ReadyQuery {
        hold_open: ids.iter().map(|id| (*id).clone()).collect(),
        ..everything()
    };
    assert_eq!(ready(tracker, &hold(&[&first])), "waiting");
    assert_eq!(ready(tracker, &hold(&[&member])), "after child grandchild");
    assert_eq!(ready(tracker, &hold(&[&first, &member, &TaskId::from("nothing")])), "");
    let left = tracker.leftovers(&hold(&[&first]), 1).unwrap();
    assert_eq!(left[0].why, LeftoverReason::BlockedBy(vec![first]));
}

pub(super) fn missing_and_external_targets_hold_up_nothing(tracker: &Stage<'_>) {
    import(
        tracker,
        &[
            record(
                "a",
                STAMP,
                &json!({"dependencies": [
                    {"issue_id": "a", "depends_on_id": "later", "type": "blocks"},
                    {"issue_id": "a", "depends_on_id": "external:x:y", "type": "blocks"},
                    {"issue_id": "a", "depends_on_id": "b", "type": "relates-to"},
                ]}),
            ),
            record("b", STAMP, &json!({})),
        ],
    );
    assert_eq!(ready(tracker, &everything()), "a b");
    import(tracker, &[record("later", STAMP, &json!({}))]);
    if tracker.ways.keeps_unknown {
        assert_eq!(ready(tracker, &everything()), "b later", "a target that appears does");
    } else {
        assert_eq!(ready(tracker, &everything()), "a b later", "an edge to nothing is not taken in");
        close(tracker, &TaskId::from("a"));
    }
    let b = TaskId::from("b");
    tracker.add_dependency(&b, &TaskId::from("external:z:y"), &DependencyKind::Blocks).unwrap();
    assert_eq!(ready(tracker, &everything()), "b later");
    let missing = tracker.add_dependency(&b, &TaskId::from("nothing"), &DependencyKind::Blocks);
    assert!(matches!(missing, Err(TrackerError::Missing(_))), "{missing:?}");
}

pub(super) fn put_off_tasks_wait_for_their_time(tracker: &Stage<'_>) {
    let under =
        |id: &str, parent: &str| json!([{"issue_id": id, "depends_on_id": parent, "type": "parent-child"}]);
    import(
        tracker,
        &[
            record("past", STAMP, &json!({"defer_until": "2026-11-19T23:00:00-00:30"})),
            record("future", STAMP, &json!({"defer_until": "2999-01-01T00:00:00Z"})),
            record("child", STAMP, &json!({"dependencies": under("child", "future")})),
            record("grandchild", STAMP, &json!({"dependencies": under("grandchild", "child")})),
        ],
    );
    assert_eq!(
        ready(tracker, &everything()),
        "grandchild past",
        "only one's own and one's parent's time counts"
    );
    let left = tracker.leftovers(&everything(), 2).unwrap();
    let why: Vec<_> = left.iter().map(|l| (l.id.as_str(), &l.why)).collect();
    assert_eq!(why, [("child", &LeftoverReason::Deferred), ("future", &LeftoverReason::Deferred)]);
}

pub(super) fn parked_and_excluded_tasks_are_left_out(tracker: &Stage<'_>) {
    let (a, b) = (add(tracker, "a"), add(tracker, "b"));
    add_epic(tracker, "epic");
    for (id, extra) in [
        ("gate", json!({"issue_type": "gate"})),
        ("wisp", json!({"ephemeral": true})),
        ("pin", json!({"pinned": true})),
        ("template", json!({"is_template": true})),
        ("assigned", json!({"assignee": "me"})),
        ("aside", json!({"status": "blocked"})),
    ] {
        import(tracker, &[record(id, STAMP, &extra)]);
    }
    tracker.add_labels(&a, &[PARKED_LABEL]).unwrap();
    assert_eq!(ready(tracker, &everything()), "b");
    assert_eq!(ready(tracker, &ReadyQuery { with_parked: true, ..everything() }), "a b");
    assert_eq!(ready(tracker, &ReadyQuery { exclude: BTreeSet::from([b.clone()]), ..everything() }), "");
    let only = |ids: &[&TaskId]| ReadyQuery {
        only: Some(ids.iter().map(|id| (*id).clone()).collect()),
        ..everything()
    };
    assert_eq!(
        ready(tracker, &only(&[&a, &b, &TaskId::from("nothing")])),
        "b",
        "it narrows and never widens"
    );
    assert_eq!(ready(tracker, &only(&[])), "");
    let of_scope = |scope: Scope| ReadyQuery { scope, ..only(&[&b]) };
    assert_eq!(ready(tracker, &of_scope(Scope::Tasks(BTreeSet::from([a.clone()])))), "");
    assert_eq!(ready(tracker, &of_scope(Scope::Tasks(BTreeSet::from([a.clone(), b.clone()])))), "b");
    assert_eq!(ready(tracker, &of_scope(Scope::Epics(BTreeSet::from([a.clone()])))), "");
    let patch = TaskPatch { remove_labels: vec![PARKED_LABEL.to_owned()], ..TaskPatch::default() };
    tracker.update(&a, &patch).unwrap();
    assert_eq!(ready(tracker, &everything()), "a b");
}

pub(super) fn scopes_are_kept(tracker: &Stage<'_>) {
    let outside = add(tracker, "outside");
    let epic = add_epic(tracker, "epic");
    let child = add_under(tracker, "child", &epic);
    let inner = tracker.create(&NewTask {
        issue_type: "epic".to_owned(),
        parent: Some(epic.to_string()),
        ..NewTask::titled("inner")
    });
    let deep = add_under(tracker, "deep", &inner.unwrap());
    let scope = |scope: &Scope| ready(tracker, &ReadyQuery { scope: scope.clone(), ..everything() });
    let epics = Scope::Epics(BTreeSet::from([epic]));
    assert_eq!(scope(&epics), "child deep");
    assert_eq!(scope(&Scope::Tasks(BTreeSet::from([outside, deep.clone()]))), "outside deep");
    assert_eq!(scope(&Scope::Epics(BTreeSet::new())), "");
    assert_eq!((tracker.count_open(&epics).unwrap(), tracker.count_open(&Scope::Ready).unwrap()), (2, 3));
    tracker.claim(&deep, &actor()).unwrap();
    assert_eq!(tracker.count_open(&epics).unwrap(), 2, "what is held is still to be done");
    close(tracker, &child);
    assert_eq!(tracker.count_open(&epics).unwrap(), 1);
}

pub(super) fn leftovers_say_why(tracker: &Stage<'_>) {
    let free = add(tracker, "free");
    let after = add_after(tracker, "after", &free);
    add_under(tracker, "below", &after);
    let held = add(tracker, "held");
    tracker.claim(&held, &actor()).unwrap();
    let parked = add(tracker, "parked");
    tracker.add_labels(&parked, &[PARKED_LABEL]).unwrap();
    let aside = add(tracker, "aside");
    set_status(tracker, &aside, &Status::Blocked);
    add_epic(tracker, "epic");
    let query = ReadyQuery { exclude: BTreeSet::from([add(tracker, "excluded")]), ..everything() };
    let left = tracker.leftovers(&query, 100).unwrap();
    let mut why: Vec<_> = left.into_iter().map(|l| (l.title, l.why)).collect();
    let blocked = LeftoverReason::BlockedBy(vec![free]);
    let wanted = [
        ("free", LeftoverReason::Ready),
        ("after", blocked.clone()),
        ("below", blocked),
        ("held", LeftoverReason::AssignedTo(actor())),
        ("parked", LeftoverReason::Parked),
        ("aside", LeftoverReason::Status(Status::Blocked)),
    ];
    let mut wanted = wanted.map(|(title, why)| (title.to_owned(), why));
    if !tracker.ways.keeps_order {
        why.sort_by(|a, b| a.0.cmp(&b.0));
        wanted.sort_by(|a, b| a.0.cmp(&b.0));
    }
    assert_eq!(why, wanted);
    assert_eq!(tracker.leftovers(&query, 2).unwrap().len(), 2);
}
