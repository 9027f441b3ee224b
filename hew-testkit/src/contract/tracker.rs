//! What every tracker does.

#![expect(clippy::unwrap_used, reason = "a check ends at the first thing that goes otherwise")]

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;

use hew_core::ids::{Actor, TaskId};
use hew_core::tracker::{
    ClaimOutcome, CloseOutcome, DependencyKind, LeftoverReason, NewTask, PARKED_LABEL, ReadyQuery,
    ReleaseOutcome, Scope, Status, Task, TaskEditor, TaskFilter, TaskPatch, TrackerError,
};
use serde_json::{Value, json};

type Check = fn(&Stage<'_>);

/// Where trackers differ on purpose. Each check says what then holds instead.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is a way of its own")]
pub struct Ways {
    /// Tasks of one priority are ready in the order in which they were made; else in the tracker's own.
    pub keeps_order: bool,
    /// Labels keep the order in which they were given; else they are sorted.
    pub keeps_label_order: bool,
    /// Every record comes out as it went in, unknown fields and edges to tasks that do not exist included; else only what
    /// the tracker knows, with times in UTC.
    pub keeps_unknown: bool,
    /// A child may wait for its parent.
    pub has_free_edges: bool,
    /// A task can be deleted and yet be kept.
    pub has_tombstones: bool,
}

impl Ways {
    /// hew's own stores.
    pub fn of_hew() -> Self {
        Self {
            keeps_order: true,
            keeps_label_order: true,
            keeps_unknown: true,
            has_free_edges: true,
            has_tombstones: true,
        }
    }

    /// beads.
    pub fn of_bd() -> Self {
        Self {
            keeps_order: false,
            keeps_label_order: false,
            keeps_unknown: false,
            has_free_edges: false,
            has_tombstones: false,
        }
    }
}

/// An empty tracker, and its ways.
struct Stage<'a> {
    tracker: Box<dyn TaskEditor>,
    ways: &'a Ways,
}

impl std::ops::Deref for Stage<'_> {
    type Target = dyn TaskEditor;

    fn deref(&self) -> &Self::Target {
        self.tracker.as_ref()
    }
}

/// Every check by name; each wants an empty tracker.
const CHECKS: [(&str, Check); 23] = [
    ("a new task has what it was given", a_new_task_has_what_it_was_given),
    ("ready is ordered and limited", ready_is_ordered_and_limited),
    ("a claim is won by one", a_claim_is_won_by_one),
    ("a claim is given back by its holder only", a_claim_is_given_back_by_its_holder_only),
    ("a close is told once", a_close_is_told_once),
    ("a reopened task is free", a_reopened_task_is_free),
    ("blocks hold up until settled", blocks_hold_up_until_settled),
    ("a blocked parent holds up its descendants", a_blocked_parent_holds_up_its_descendants),
    ("waits-for holds up while a child is live", waits_for_holds_up_while_a_child_is_live),
    ("held tasks count as open", held_tasks_count_as_open),
    ("missing and external targets hold up nothing", missing_and_external_targets_hold_up_nothing),
    ("put-off tasks wait for their time", put_off_tasks_wait_for_their_time),
    ("parked and excluded tasks are left out", parked_and_excluded_tasks_are_left_out),
    ("scopes are kept", scopes_are_kept),
    ("leftovers say why", leftovers_say_why),
    ("cycles are refused by name", cycles_are_refused_by_name),
    ("edges are removed", edges_are_removed),
    ("lists are made whole or not at all", lists_are_made_whole_or_not_at_all),
    ("updates are made whole or not at all", updates_are_made_whole_or_not_at_all),
    ("notes and labels are added", notes_and_labels_are_added),
    ("filters choose", filters_choose),
    ("memories are kept, replaced and dropped", memories_are_kept_replaced_and_dropped),
    ("records come and go unharmed", records_come_and_go_unharmed),
];

/// Runs every check on a tracker of its own; `part` of `parts` where they are spread over several tests, from 0.
///
/// # Panics
/// At the end, with the names of all checks of which something went otherwise.
pub fn tracker_contract_part(
    ways: &Ways,
    (part, parts): (usize, usize),
    make: &dyn Fn() -> Box<dyn TaskEditor>,
) {
    let mut broken = Vec::new();
    for (name, check) in CHECKS.into_iter().skip(part).step_by(parts) {
        eprintln!("contract: {name}");
        let stage = Stage { tracker: make(), ways };
        if std::panic::catch_unwind(AssertUnwindSafe(|| check(&stage))).is_err() {
            broken.push(name);
        }
    }
    assert!(broken.is_empty(), "not kept: {}", broken.join("; "));
}

/// Runs every check on a tracker of its own.
///
/// # Panics
/// As [`tracker_contract_part`] does.
pub fn tracker_contract(ways: &Ways, make: &dyn Fn() -> Box<dyn TaskEditor>) {
    tracker_contract_part(ways, (0, 1), make);
}

fn everything() -> ReadyQuery {
    ReadyQuery {
        only: None,
        scope: Scope::Ready,
        exclude: BTreeSet::new(),
        hold_open: BTreeSet::new(),
        with_parked: false,
        limit: None,
    }
}

fn titles(tasks: &[Task]) -> String {
    tasks.iter().map(|task| task.title.as_str()).collect::<Vec<_>>().join(" ")
}

/// Titles of ready tasks: compared with their order where the tracker keeps it.
#[derive(Debug)]
struct Titles {
    text: String,
    has_order: bool,
}

impl PartialEq<&str> for Titles {
    fn eq(&self, other: &&str) -> bool {
        let sorted = |text: &str| text.split(' ').map(str::to_owned).collect::<BTreeSet<_>>();
        if self.has_order { self.text == *other } else { sorted(&self.text) == sorted(other) }
    }
}

fn ready(tracker: &Stage<'_>, query: &ReadyQuery) -> Titles {
    Titles { text: titles(&tracker.ready(query).unwrap()), has_order: tracker.ways.keeps_order }
}

/// Labels as the tracker keeps them.
fn as_kept(tracker: &Stage<'_>, mut labels: Vec<String>) -> Vec<String> {
    if !tracker.ways.keeps_label_order {
        labels.sort();
    }
    labels
}

fn add(tracker: &Stage<'_>, title: &str) -> TaskId {
    tracker.create(&NewTask::titled(title)).unwrap()
}

fn add_under(tracker: &Stage<'_>, title: &str, parent: &TaskId) -> TaskId {
    let parent = Some(parent.to_string());
    tracker.create(&NewTask { parent, ..NewTask::titled(title) }).unwrap()
}

fn add_after(tracker: &Stage<'_>, title: &str, on: &TaskId) -> TaskId {
    let depends_on = vec![on.to_string()];
    tracker.create(&NewTask { depends_on, ..NewTask::titled(title) }).unwrap()
}

fn add_epic(tracker: &Stage<'_>, title: &str) -> TaskId {
    let issue_type = "epic".to_owned();
    tracker.create(&NewTask { issue_type, ..NewTask::titled(title) }).unwrap()
}

fn task(tracker: &Stage<'_>, id: &TaskId) -> Task {
    tracker.task(id).unwrap().unwrap()
}

fn close(tracker: &Stage<'_>, id: &TaskId) {
    assert_eq!(tracker.close(id, "done", &actor()).unwrap(), CloseOutcome::Closed);
}

fn set_status(tracker: &Stage<'_>, id: &TaskId, status: &Status) {
    let patch = TaskPatch { status: Some(status.clone()), ..TaskPatch::default() };
    assert_eq!(tracker.update(id, &patch).unwrap().status, *status);
}

fn actor() -> Actor {
    Actor::from("hew/run/w0/1")
}

/// A record with these fields besides the ones that every record has.
fn record(id: &str, updated: &str, extra: &Value) -> Value {
    let mut record = json!({
        "id": id, "title": id, "status": "open", "priority": 2, "issue_type": "task",
        "created_at": "2026-01-01T00:00:00Z", "updated_at": updated,
    });
    let fields = record.as_object_mut().expect("made as one");
    fields.extend(extra.as_object().expect("given as one").clone());
    record
}

fn import(tracker: &Stage<'_>, records: &[Value]) {
    let lines: Vec<_> = records.iter().map(Value::to_string).collect();
    tracker.import(&lines.join("\n"), false).unwrap();
}

const STAMP: &str = "2026-01-02T00:00:00Z";

fn a_new_task_has_what_it_was_given(tracker: &Stage<'_>) {
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
    assert_eq!(id.as_str(), format!("{epic}.1"), "children are numbered after their parent");
    assert!(tracker.task(&TaskId::from("nothing")).unwrap().is_none());
    for title in [String::new(), "x".repeat(501)] {
        let error = tracker.create(&NewTask::titled(title)).unwrap_err();
        assert!(matches!(error, TrackerError::Invalid(_)), "{error}");
    }
}

fn ready_is_ordered_and_limited(tracker: &Stage<'_>) {
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

fn a_claim_is_won_by_one(tracker: &Stage<'_>) {
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

fn a_claim_is_given_back_by_its_holder_only(tracker: &Stage<'_>) {
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

fn a_close_is_told_once(tracker: &Stage<'_>) {
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

fn a_reopened_task_is_free(tracker: &Stage<'_>) {
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

fn blocks_hold_up_until_settled(tracker: &Stage<'_>) {
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

fn a_blocked_parent_holds_up_its_descendants(tracker: &Stage<'_>) {
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

fn waits_for_holds_up_while_a_child_is_live(tracker: &Stage<'_>) {
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

fn held_tasks_count_as_open(tracker: &Stage<'_>) {
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

fn missing_and_external_targets_hold_up_nothing(tracker: &Stage<'_>) {
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

fn put_off_tasks_wait_for_their_time(tracker: &Stage<'_>) {
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

fn parked_and_excluded_tasks_are_left_out(tracker: &Stage<'_>) {
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

fn scopes_are_kept(tracker: &Stage<'_>) {
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

fn leftovers_say_why(tracker: &Stage<'_>) {
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

fn cycles_are_refused_by_name(tracker: &Stage<'_>) {
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

fn edges_are_removed(tracker: &Stage<'_>) {
    let a = add(tracker, "a");
    let b = add_after(tracker, "b", &a);
    tracker.add_dependency(&b, &a, &DependencyKind::Blocks).unwrap();
    assert_eq!(task(tracker, &b).dependencies.len(), 1, "the same edge twice is one");
    assert!(tracker.remove_dependency(&b, &a).unwrap());
    assert_eq!(ready(tracker, &everything()), "a b");
    assert!(!tracker.remove_dependency(&b, &a).unwrap());
    assert!(matches!(tracker.remove_dependency(&TaskId::from("x"), &a), Err(TrackerError::Missing(_))));
}

fn lists_are_made_whole_or_not_at_all(tracker: &Stage<'_>) {
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

fn updates_are_made_whole_or_not_at_all(tracker: &Stage<'_>) {
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

fn notes_and_labels_are_added(tracker: &Stage<'_>) {
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

fn filters_choose(tracker: &Stage<'_>) {
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

fn memories_are_kept_replaced_and_dropped(tracker: &Stage<'_>) {
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

fn records_come_and_go_unharmed(tracker: &Stage<'_>) {
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
