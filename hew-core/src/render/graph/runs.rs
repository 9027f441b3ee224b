//! From runs to pictures: a node an iteration, a lane a worker.

use std::collections::{BTreeMap, HashMap};

use super::ir::{Cluster, Edge, EdgeKind, Graph, Lane, Node, NodeClass};
use crate::agent::IterationOutcome;
use crate::ids::{CommitId, RunId, TaskId, WorkerId};
use crate::record::RunState;
use crate::record::view::IterationRow;
use crate::render::figures::{duration_ms, grouped, stamp};
use crate::render::style;

/// One run to be drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct RunPicture {
    /// The run.
    pub run_id: RunId,
    /// How it stands.
    pub state: RunState,
    /// Its iterations, in the order in which they began.
    pub rows: Vec<IterationRow>,
}

/// Draws runs side by side.
pub fn graph(runs: &[RunPicture]) -> Graph {
    let mut graph = Graph::default();
    for (number, run) in runs.iter().enumerate() {
        let drawn = Drawing::of(&format!("r{number}"), run);
        graph.clusters.push(drawn.cluster);
        graph.edges.extend(drawn.edges);
    }
    graph
}

struct Drawing {
    cluster: Cluster,
    edges: Vec<Edge>,
}

impl Drawing {
    fn of(key: &str, run: &RunPicture) -> Self {
        let (lanes, order) = lanes(key, &run.rows);
        let (loose, mut edges) = rollbacks(key, &run.rows);
        edges.extend(next_edges(&lanes));
        edges.extend(builds_on_edges(key, &run.rows));
        let title = format!("{} {}", run.run_id, run.state.as_str());
        let mut cluster = Cluster { key: key.to_owned(), title, lanes, loose, order };
        if cluster.lanes.is_empty() {
            let label = vec!["no iterations".to_owned()];
            let class = NodeClass::Waiting;
            let name = String::new();
            cluster.loose.push(Node { key: format!("{key}_none"), name, glyph: "·", label, class });
        }
        Self { cluster, edges }
    }
}

fn node_key(run: &str, row: &IterationRow) -> String {
    format!("{run}_{}_i{}", row.id.worker, row.id.iter)
}

fn lanes(key: &str, rows: &[IterationRow]) -> (Vec<Lane>, Vec<(usize, usize)>) {
    let mut workers: Vec<WorkerId> = rows.iter().map(|row| row.id.worker).collect();
    workers.sort();
    workers.dedup();
    let place: HashMap<WorkerId, usize> = workers.iter().enumerate().map(|(at, id)| (*id, at)).collect();
    let lane = |id: &WorkerId| Lane {
        key: format!("{key}_{id}"),
        title: format!("worker {}", id.0),
        nodes: Vec::new(),
    };
    let mut lanes: Vec<Lane> = workers.iter().map(lane).collect();
    let mut order = Vec::with_capacity(rows.len());
    for row in rows {
        let at = place[&row.id.worker];
        order.push((at, lanes[at].nodes.len()));
        lanes[at].nodes.push(node(key, row));
    }
    (lanes, order)
}

fn node(key: &str, row: &IterationRow) -> Node {
    let task = row.task.as_ref().map_or("?", |task| task.as_str());
    let what = match row.outcome {
        Some(outcome) => format!("{} {}", outcome.as_str(), duration_ms(row.duration_ms)),
        None => row.phase.to_owned(),
    };
    let tokens = match row.usage.total() {
        0 => String::new(),
        tokens => format!(", {} tokens", grouped(tokens)),
    };
    let mut label = vec![row.id.stem(), format!("{task} {}", row.title), what + &tokens];
    label.extend(remark(row));
    let class = row.outcome.map_or(NodeClass::Incomplete, NodeClass::Outcome);
    Node { key: node_key(key, row), name: task.to_owned(), glyph: style::glyph(row.outcome), label, class }
}

fn remark(row: &IterationRow) -> Option<String> {
    match row.outcome? {
        IterationOutcome::Cancelled => row.ended_at.map(|at| format!("[Cancelled at {}]", stamp(at))),
        IterationOutcome::RuntimeError if row.is_stderr_empty => {
            Some("(no stderr — possibly hung)".to_owned())
        }
        _ => row.landed_sha.as_ref().map(|sha| format!("landed {}", sha.short())),
    }
}

fn next_edges(lanes: &[Lane]) -> impl Iterator<Item = Edge> {
    lanes.iter().flat_map(|lane| {
        lane.nodes.windows(2).map(|pair| Edge {
            from: pair[0].key.clone(),
            to: pair[1].key.clone(),
            kind: EdgeKind::Next,
        })
    })
}

/// From the iteration that landed a task to each that builds on it.
fn builds_on_edges(key: &str, rows: &[IterationRow]) -> Vec<Edge> {
    let landed = rows.iter().filter(|row| row.landed_sha.is_some());
    let by_task: HashMap<&TaskId, &IterationRow> =
        landed.filter_map(|row| row.task.as_ref().map(|task| (task, row))).collect();
    let edge = |from: &IterationRow, to: &IterationRow| Edge {
        from: node_key(key, from),
        to: node_key(key, to),
        kind: EdgeKind::BuildsOn,
    };
    rows.iter()
        .flat_map(|row| {
            row.builds_on.iter().filter_map(|task| by_task.get(task)).map(move |from| edge(from, row))
        })
        .collect()
}

/// From each iteration with a red gate to the commit that its worker is back at.
fn rollbacks(key: &str, rows: &[IterationRow]) -> (Vec<Node>, Vec<Edge>) {
    let mut bases: BTreeMap<&CommitId, String> = BTreeMap::new();
    let (mut nodes, mut edges) = (Vec::new(), Vec::new());
    for row in rows.iter().filter(|row| row.outcome == Some(IterationOutcome::BackpressureFail)) {
        let Some(base) = &row.base_sha else { continue };
        let number = bases.len();
        let base_key = bases.entry(base).or_insert_with(|| {
            let node_key = format!("{key}_base{number}");
            let name = base.short().to_owned();
            let label = vec![format!("base {name}")];
            nodes.push(Node { key: node_key.clone(), name, glyph: "●", label, class: NodeClass::Commit });
            node_key
        });
        edges.push(Edge { from: node_key(key, row), to: base_key.clone(), kind: EdgeKind::RolledBack });
    }
    (nodes, edges)
}
