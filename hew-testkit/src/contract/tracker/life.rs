//! What becomes of one task: made, claimed, given back, closed, reopened.

use hew_core::ids::{Actor, TaskId};
use hew_core::tracker::{
    ClaimOutcome, CloseOutcome, DependencyKind, NewTask, ReadyQuery, ReleaseOutcome, Status, TrackerError,
};
use serde_json::json;

use super::{
    STAMP, Stage, actor, add, add_after, add_epic, as_kept, close, everything, import, ready, record,
    set_status, task,
};

pub(super) fn a_new_task_has_what_it_was_given(tracker: &Stage<'_>) {
    let epic = add_epic(tracker, "epic");
    let first = add(tracker, "first");
    let new = NewTask {
        local_name: None,
        title: "Fix; rm -rf \u{1b}[31m -- $(x)".to_owned(),
        description: "d\n".repeat(50_000),
        acceptance_criteria: "a".to_owned(),
        issue_type: "bug".to_owned(),
        priority: 0,
        labels: vec!["x".to_owned(), "model:opus".to_owned()],
        parent: Some(epic.to_string()),
        depends_on: vec![first.to_string()],
        metadata: json!({"hew.run": "true", "n": [1]}).as_object().unwrap().clone(),
        external_ref: Some("github:acme/widgets:abc, \"x\":lint".to_owned()),
        created_by: Some(Actor::from("me")),
    };
    let id = tracker.create(&new).unwrap();
    let made = task(tracker, &id);
    assert_eq!((made.title, made.description), (new.title, new.description));
    assert_eq!((made.acceptance_criteria, made.issue_type), (new.acceptance_criteria, new.issue_type));
    assert_eq!((made.priority, made.metadata), (0, new.metadata));
    assert_eq!(made.labels, as_kept(tracker, new.labels));
    assert_eq!((made.parent, made.status, made.assignee), (Some(epic.clone()), Status::Open, None));
    assert!(made.dependencies.iter().any(|d| d.on == first && d.kind == DependencyKind::Blocks));
    assert_eq!(made.record["created_by"], "me");
    assert_eq!(made.record["external_ref"].as_str(), new.external_ref.as_deref());
    assert_eq!(id.as_str(), format!("{epic}.1"), "children are numbered after their parent");
    assert!(tracker.task(&TaskId::from("nothing")).unwrap().is_none());
    for title in [String::new(), "x".repeat(501)] {
        let error = tracker.create(&NewTask::titled(title)).unwrap_err();
        assert!(matches!(error, TrackerError::Invalid(_)), "{error}");
    }
}

pub(super) fn ready_is_ordered_and_limited(tracker: &Stage<'_>) {
    for (title, priority) in [("b", 2), ("c", 2), ("d", 4), ("a", 0), ("e", 4)] {
        tracker.create(&NewTask { priority, ..NewTask::titled(title) }).unwrap();
    }
    assert_eq!(ready(tracker, &everything()), "a b c d e");
    let all = tracker.ready(&everything()).unwrap();
    assert!(all.windows(2).all(|pair| pair[0].priority <= pair[1].priority), "the most urgent first");
    let two = tracker.ready(&ReadyQuery { limit: Some(2), ..everything() }).unwrap();
    assert_eq!(two, all[..2]);
    assert_eq!(ready(tracker, &ReadyQuery { limit: Some(0), ..everything() }), "");
}

pub(super) fn a_claim_is_won_by_one(tracker: &Stage<'_>) {
    let id = add(tracker, "a");
    let (mine, other) = (actor(), Actor::from("hew/run/w1/1"));
    let ClaimOutcome::Won(won) = tracker.claim(&id, &mine).unwrap() else { panic!("a free task is won") };
    assert_eq!((&won.status, won.assignee.as_ref()), (&Status::InProgress, Some(&mine)));
    assert_eq!(*won, task(tracker, &id), "a claim answers the task as it is");
    assert_eq!(tracker.claim(&id, &other).unwrap(), ClaimOutcome::HeldBy(mine.clone()));
    assert!(matches!(tracker.claim(&id, &mine).unwrap(), ClaimOutcome::Won(_)), "mine stays mine");
    assert_eq!(ready(tracker, &everything()), "");
    assert_eq!(tracker.held_by("hew/run/").unwrap(), std::slice::from_ref(&id));
    assert_eq!(tracker.held_by("hew/ru%").unwrap(), []);
    close(tracker, &id);
    assert_eq!(tracker.claim(&id, &mine).unwrap(), ClaimOutcome::NotOpen(Status::Closed));
    assert_eq!(tracker.held_by("").unwrap(), []);
    assert_eq!(tracker.claim(&TaskId::from("x"), &mine).unwrap(), ClaimOutcome::Missing);
    let aside = add(tracker, "b");
    set_status(tracker, &aside, &Status::Deferred);
    assert_eq!(tracker.claim(&aside, &mine).unwrap(), ClaimOutcome::NotOpen(Status::Deferred));
}

pub(super) fn a_claim_is_given_back_by_its_holder_only(tracker: &Stage<'_>) {
    let id = add(tracker, "a");
    let (mine, other) = (actor(), Actor::from("somebody"));
    tracker.claim(&id, &mine).unwrap();
    assert_eq!(tracker.release(&id, &other).unwrap(), ReleaseOutcome::HeldBy(mine.clone()));
    assert_eq!(task(tracker, &id).assignee, Some(mine.clone()));
    assert_eq!(tracker.release(&id, &mine).unwrap(), ReleaseOutcome::Released);
    let free = task(tracker, &id);
    assert_eq!((free.status, free.assignee), (Status::Open, None));
    assert_eq!(tracker.release(&id, &mine).unwrap(), ReleaseOutcome::Released, "twice is fine");
    assert_eq!(ready(tracker, &everything()), "a");
    close(tracker, &id);
    assert_eq!(tracker.release(&id, &mine).unwrap(), ReleaseOutcome::Closed);
    assert_eq!(tracker.release(&TaskId::from("x"), &mine).unwrap(), ReleaseOutcome::Missing);
}

pub(super) fn a_close_is_told_once(tracker: &Stage<'_>) {
    let id = add(tracker, "a");
    assert_eq!(tracker.close(&id, "merged", &actor()).unwrap(), CloseOutcome::Closed);
    let closed = task(tracker, &id);
    assert_eq!((&closed.status, &closed.record["close_reason"]), (&Status::Closed, &json!("merged")));
    assert!(closed.record["closed_at"].is_string());
    assert_eq!(tracker.close(&id, "again", &actor()).unwrap(), CloseOutcome::AlreadyClosed);
    assert_eq!(task(tracker, &id), closed, "reason and time stay");
    assert_eq!(tracker.close(&TaskId::from("x"), "", &actor()).unwrap(), CloseOutcome::Missing);
    import(tracker, &[record("gone", STAMP, &json!({"status": "tombstone"}))]);
    let refused = tracker.close(&TaskId::from("gone"), "", &actor()).unwrap();
    if tracker.ways.has_tombstones {
        assert!(matches!(refused, CloseOutcome::Refused(_)), "{refused:?}");
    } else {
        assert_eq!(refused, CloseOutcome::Missing, "deleted records are not taken in");
    }
}

pub(super) fn a_reopened_task_is_free(tracker: &Stage<'_>) {
    let id = add(tracker, "a");
    let waiting = add_after(tracker, "b", &id);
    tracker.claim(&id, &actor()).unwrap();
    let held = task(tracker, &id);
    tracker.reopen(&id).unwrap();
    assert_eq!(task(tracker, &id), held, "a task that is not closed is left as it is");
    close(tracker, &id);
    assert_eq!(ready(tracker, &everything()), "b");
    tracker.reopen(&id).unwrap();
    let open = task(tracker, &id);
    assert_eq!((open.status, open.assignee), (Status::Open, None));
    assert!(!open.record.contains_key("closed_at") && !open.record.contains_key("close_reason"));
    assert_eq!(ready(tracker, &everything()), "a", "{waiting} waits again");
    assert!(matches!(tracker.reopen(&TaskId::from("x")), Err(TrackerError::Missing(_))));
}
