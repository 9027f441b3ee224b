//! From tasks and their dependencies to a picture, by outcome.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::class::NodeClass;
use super::ir::{Cluster, Edge, EdgeKind, Facts, Graph, Lane, Node, Place};
use super::key::NodeKey;
use crate::agent::IterationOutcome;
use crate::ids::TaskId;
use crate::record::view::{RunView, TaskView};
use crate::render::figures::count;
use crate::render::style;

/// A dependency: `task` needs `on`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskEdge {
    /// The task.
    pub task: TaskId,
    /// What it needs.
    pub on: TaskId,
}

/// Draws the tasks that these runs touched or left over, with what each builds on and these edges besides. An edge to a
/// task that is not among them draws that task too.
pub fn graph(views: &[&RunView], edges: &[TaskEdge]) -> Graph {
    let mut tasks = collect(views);
    let mut all: BTreeSet<TaskEdge> = edges.iter().cloned().collect();
    for view in views.iter().flat_map(|view| view.tasks.values()) {
        all.extend(view.builds_on.iter().map(|on| TaskEdge { task: view.id.clone(), on: on.clone() }));
    }
    for edge in &all {
        for id in [&edge.task, &edge.on] {
            tasks.entry(id.clone()).or_insert_with(|| Drawn::untouched(""));
        }
    }
    let order = by_depth(&tasks, &all);
    draw(&tasks, &order, &all)
}

struct Drawn<'a> {
    title: &'a str,
    touched: Option<&'a TaskView>,
}

impl<'a> Drawn<'a> {
    fn untouched(title: &'a str) -> Self {
        Self { title, touched: None }
    }
}

/// The latest run that touched a task tells of it.
fn collect<'a>(views: &[&'a RunView]) -> BTreeMap<TaskId, Drawn<'a>> {
    let mut tasks = BTreeMap::new();
    for view in views {
        for left in &view.leftovers {
            tasks.entry(left.task.clone()).or_insert_with(|| Drawn::untouched(&left.title));
        }
        for (id, task) in &view.tasks {
            tasks.insert(id.clone(), Drawn { title: &task.title, touched: Some(task) });
        }
    }
    tasks
}

/// Tasks after what they need, each with the length of the longest chain before it; a cycle, which no tracker should hold,
/// comes last.
fn by_depth(tasks: &BTreeMap<TaskId, Drawn<'_>>, edges: &BTreeSet<TaskEdge>) -> Vec<(TaskId, u32)> {
    let mut waits: BTreeMap<&TaskId, usize> = tasks.keys().map(|id| (id, 0)).collect();
    let mut depths: BTreeMap<&TaskId, u32> = BTreeMap::new();
    let mut needed_by: BTreeMap<&TaskId, Vec<&TaskId>> = BTreeMap::new();
    for edge in edges {
        *waits.entry(&edge.task).or_default() += 1;
        needed_by.entry(&edge.on).or_default().push(&edge.task);
    }
    let mut free: VecDeque<&TaskId> = waits.iter().filter(|(_, n)| **n == 0).map(|(id, _)| *id).collect();
    let mut order = Vec::with_capacity(tasks.len());
    while let Some(id) = free.pop_front() {
        let depth = depths.get(id).copied().unwrap_or_default();
        order.push((id.clone(), depth));
        for next in needed_by.remove(id).unwrap_or_default() {
            let below = depths.entry(next).or_default();
            *below = (*below).max(depth + 1);
            if let Some(left) = waits.get_mut(next) {
                *left -= 1;
                if *left == 0 {
                    free.push_back(next);
                }
            }
        }
    }
    let done: BTreeSet<TaskId> = order.iter().map(|(id, _)| id.clone()).collect();
    let bottom = order.iter().map(|(_, depth)| depth + 1).max().unwrap_or_default();
    order.extend(tasks.keys().filter(|id| !done.contains(*id)).map(|id| (id.clone(), bottom)));
    // Chains end at different times: rows one after the other.
    order.sort_by_key(|(_, depth)| *depth);
    order
}

fn draw(tasks: &BTreeMap<TaskId, Drawn<'_>>, order: &[(TaskId, u32)], edges: &BTreeSet<TaskEdge>) -> Graph {
    let keys: BTreeMap<&TaskId, NodeKey> =
        order.iter().enumerate().map(|(number, (id, _))| (id, NodeKey::Task { number })).collect();
    let nodes: Vec<Node> = order.iter().map(|(id, depth)| node(keys[id], id, &tasks[id], *depth)).collect();
    let edges = edges
        .iter()
        .map(|edge| Edge { from: keys[&edge.on], to: keys[&edge.task], kind: EdgeKind::BuildsOn })
        .collect();
    let order = (0..nodes.len()).map(|at| (0, at)).collect();
    let title = count(nodes.len() as u64, "task", "tasks");
    let lane = Lane { key: "all".to_owned(), title: title.clone(), nodes };
    let cluster =
        Cluster { key: "tasks".to_owned(), title, run_id: None, lanes: vec![lane], loose: Vec::new(), order };
    Graph { clusters: vec![cluster], edges }
}

fn node(key: NodeKey, id: &TaskId, drawn: &Drawn<'_>, depth: u32) -> Node {
    let (class, glyph, what) = look(drawn.touched);
    let mut label = vec![format!("{id} {}", drawn.title).trim_end().to_owned(), what.to_owned()];
    if let Some(sha) = drawn.touched.and_then(|task| task.landed_sha.as_ref()) {
        label.push(format!("landed {}", sha.short()));
    } else if drawn.touched.is_some_and(|task| task.parked.is_some()) {
        label.push("parked".to_owned());
    }
    Node {
        key,
        name: id.to_string(),
        glyph,
        label,
        detail: drawn
            .touched
            .and_then(|task| task.parked.clone().or_else(|| task.reason.clone()))
            .into_iter()
            .collect(),
        class,
        place: Place::at(depth),
        facts: facts(id, drawn),
    }
}

fn facts(id: &TaskId, drawn: &Drawn<'_>) -> Facts {
    Facts {
        task: Some(id.clone()),
        title: Some(drawn.title.to_owned()),
        attempt: drawn.touched.map(|task| task.attempts),
        commit: drawn.touched.and_then(|task| task.landed_sha.clone()),
        ..Facts::default()
    }
}

fn look(task: Option<&TaskView>) -> (NodeClass, &'static str, &'static str) {
    let Some(task) = task else { return (NodeClass::Waiting, "·", "not started") };
    if task.is_closed {
        let closed = IterationOutcome::Closed;
        return (NodeClass::Outcome(closed), style::glyph(Some(closed)), closed.as_str());
    }
    match task.outcome {
        _ if task.is_running => (NodeClass::Incomplete, style::glyph(None), task.word_under_way()),
        Some(outcome) => (NodeClass::Outcome(outcome), style::glyph(Some(outcome)), outcome.as_str()),
        None => (NodeClass::Waiting, "·", "not started"),
    }
}
