//! What every tracker does.

#![expect(clippy::unwrap_used, reason = "a check ends at the first thing that goes otherwise")]

mod changes;
mod life;
mod readiness;

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;

use hew_core::ids::{Actor, TaskId};
use hew_core::tracker::{CloseOutcome, NewTask, ReadyQuery, Scope, Status, Task, TaskEditor, TaskPatch};
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
    ("a new task has what it was given", life::a_new_task_has_what_it_was_given),
    ("ready is ordered and limited", life::ready_is_ordered_and_limited),
    ("a claim is won by one", life::a_claim_is_won_by_one),
    ("a claim is given back by its holder only", life::a_claim_is_given_back_by_its_holder_only),
    ("a close is told once", life::a_close_is_told_once),
    ("a reopened task is free", life::a_reopened_task_is_free),
    ("blocks hold up until settled", readiness::blocks_hold_up_until_settled),
    ("a blocked parent holds up its descendants", readiness::a_blocked_parent_holds_up_its_descendants),
    ("waits-for holds up while a child is live", readiness::waits_for_holds_up_while_a_child_is_live),
    ("held tasks count as open", readiness::held_tasks_count_as_open),
    ("missing and external targets hold up nothing", readiness::missing_and_external_targets_hold_up_nothing),
    ("put-off tasks wait for their time", readiness::put_off_tasks_wait_for_their_time),
    ("parked and excluded tasks are left out", readiness::parked_and_excluded_tasks_are_left_out),
    ("scopes are kept", readiness::scopes_are_kept),
    ("leftovers say why", readiness::leftovers_say_why),
    ("cycles are refused by name", changes::cycles_are_refused_by_name),
    ("edges are removed", changes::edges_are_removed),
    ("lists are made whole or not at all", changes::lists_are_made_whole_or_not_at_all),
    ("updates are made whole or not at all", changes::updates_are_made_whole_or_not_at_all),
    ("notes and labels are added", changes::notes_and_labels_are_added),
    ("filters choose", changes::filters_choose),
    ("memories are kept, replaced and dropped", changes::memories_are_kept_replaced_and_dropped),
    ("records come and go unharmed", changes::records_come_and_go_unharmed),
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
