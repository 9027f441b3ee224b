//! From runs to pictures: a node an iteration, a lane a worker.

use std::collections::BTreeMap;

use foldhash::{HashMap, HashSet};

use super::class::NodeClass;
use super::ir::{Cluster, Edge, EdgeKind, Facts, Graph, Lane, Node, Picked, Place};
use super::key::NodeKey;
use super::{places, verify};
use crate::agent::IterationOutcome;
use crate::ids::{CommitId, IterationId, RunId, TaskId, WorkerId};
use crate::record::RunState;
use crate::record::view::{IterationRow, RunView, VerifyView};
use crate::render::figures::{duration_ms, grouped, stamp};
use crate::render::style;

/// One run to be drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct RunPicture {
    /// The run.
    pub run_id: RunId,
    /// How it stands.
    pub state: RunState,
    /// After which iteration each batch was made, by its number.
    pub batches: BTreeMap<u32, IterationId>,
    /// The verification at its end.
    pub verify: Option<VerifyView>,
    /// Its iterations, in the order in which they began.
    pub rows: Vec<IterationRow>,
}

impl RunPicture {
    /// Of a run that stands like this. The rest of its view is let go: of a large run it is much.
    pub fn of(run_id: RunId, state: RunState, view: RunView, rows: Vec<IterationRow>) -> Self {
        let batches = view.batches.iter().map(|(number, batch)| (*number, batch.after)).collect();
        Self { run_id, state, batches, verify: view.verify, rows }
    }
}

/// Draws runs side by side.
pub fn graph(runs: impl IntoIterator<Item = RunPicture>) -> Graph {
    let mut graph = Graph::default();
    for (number, run) in runs.into_iter().enumerate() {
        let (cluster, edges) = draw(number, run);
        graph.clusters.push(cluster);
        graph.edges.extend(edges);
    }
    graph
}

/// Rows become nodes one by one: of a large run both are much.
fn draw(number: usize, run: RunPicture) -> (Cluster, Vec<Edge>) {
    let places = places::of(&run.rows);
    let (mut loose, mut edges) = rollbacks(number, &run.rows, &places);
    edges.extend(picked_edges(number, &run));
    edges.extend(builds_on_edges(number, &run.rows));
    if let Some(seen) = &run.verify {
        let row = places.iter().map(|place| place.last_row + 1).max().unwrap_or(0);
        let node = verify::node(NodeKey::Verify { run: number }, seen, row);
        edges.extend(verified_edge(number, &run.rows, &node));
        loose.push(node);
    }
    if run.rows.is_empty() {
        loose.insert(0, nothing(number));
    }
    let title = format!("{} {}", run.run_id, run.state.as_str());
    let (lanes, order) = lanes(number, run.rows, &run.batches, &places);
    let key = format!("r{number}");
    (Cluster { key, title, run_id: Some(run.run_id), lanes, loose, order }, edges)
}

fn nothing(run: usize) -> Node {
    Node {
        key: NodeKey::Nothing { run },
        name: String::new(),
        glyph: "·",
        label: vec!["no iterations".to_owned()],
        detail: Vec::new(),
        class: NodeClass::Waiting,
        place: Place::default(),
        facts: Facts::default(),
    }
}

fn lanes(
    run: usize,
    rows: Vec<IterationRow>,
    batches: &BTreeMap<u32, IterationId>,
    places: &[Place],
) -> (Vec<Lane>, Vec<(usize, usize)>) {
    let mut workers: BTreeMap<WorkerId, usize> = BTreeMap::new();
    for row in &rows {
        *workers.entry(row.id.worker).or_default() += 1;
    }
    let at: HashMap<WorkerId, usize> = workers.keys().enumerate().map(|(at, id)| (*id, at)).collect();
    let lane = |(id, nodes): (&WorkerId, &usize)| Lane {
        key: format!("r{run}_{id}"),
        title: format!("worker {}", id.0),
        nodes: Vec::with_capacity(*nodes),
    };
    let mut lanes: Vec<Lane> = workers.iter().map(lane).collect();
    let mut order = Vec::with_capacity(rows.len());
    for (row, place) in rows.into_iter().zip(places) {
        let at = at[&row.id.worker];
        order.push((at, lanes[at].nodes.len()));
        let picked = picked(batches, &row);
        lanes[at].nodes.push(node(run, row, picked, *place));
    }
    (lanes, order)
}

fn node(run: usize, row: IterationRow, picked: Option<Picked>, place: Place) -> Node {
    let task = row.task.as_ref().map_or("?", |task| task.as_str());
    let what = match row.outcome {
        Some(outcome) => format!("{} {}", outcome.as_str(), duration_ms(row.duration_ms)),
        None => row.phase.to_owned(),
    };
    let tokens = match row.usage.total() {
        0 => String::new(),
        tokens => format!(", {} tokens", grouped(tokens)),
    };
    let label = [row.id.stem(), format!("{task} {}", row.title), what + &tokens];
    let label = label.into_iter().chain(remark(&row)).collect();
    Node {
        key: NodeKey::Iteration { run, id: row.id },
        name: task.to_owned(),
        glyph: style::glyph(row.outcome),
        label,
        detail: row.reason.clone().into_iter().chain(picked.map(|picked| picked.words())).collect(),
        class: row.outcome.map_or(NodeClass::Incomplete, NodeClass::Outcome),
        place,
        facts: facts(row, picked),
    }
}

fn facts(row: IterationRow, batch: Option<Picked>) -> Facts {
    Facts {
        worker: Some(row.id.worker.0),
        iter: Some(row.id.iter),
        task: row.task,
        title: Some(row.title),
        attempt: Some(row.attempt),
        started_at: row.started_at,
        ended_at: row.ended_at,
        duration_ms: row.outcome.map(|_| row.duration_ms),
        tokens: Some(row.usage.total()),
        commit: row.landed_sha,
        batch,
        failed_tests: Vec::new(),
    }
}

fn remark(row: &IterationRow) -> Option<String> {
    if row.escapes > 0 {
        return Some("escape: it changed what is not its own".to_owned());
    }
    match row.outcome? {
        IterationOutcome::Cancelled => row.ended_at.map(|at| format!("[Cancelled at {}]", stamp(at))),
        IterationOutcome::RuntimeError if row.is_stderr_empty => {
            Some("(no stderr — possibly hung)".to_owned())
        }
        _ => row.landed_sha.as_ref().map(|sha| format!("landed {}", sha.short())),
    }
}

/// From the worker's iteration before to each, by who said what is next. A worker's first comes from the iteration after
/// which it was said.
fn picked_edges(number: usize, run: &RunPicture) -> Vec<Edge> {
    // Nothing names another iteration where nobody was asked what is next.
    let named = if run.batches.is_empty() { &[] } else { run.rows.as_slice() };
    let known: HashSet<IterationId> = named.iter().map(|row| row.id).collect();
    let mut before: HashMap<WorkerId, IterationId> = HashMap::default();
    let mut edges = Vec::with_capacity(run.rows.len());
    for row in &run.rows {
        let previous = before.insert(row.id.worker, row.id);
        let picked = picked(&run.batches, row);
        let asked = picked.and_then(|picked| picked.after).filter(|id| known.contains(id) && *id != row.id);
        let Some(from) = previous.or(asked) else { continue };
        let kind = picked.map_or(EdgeKind::Plain, |picked| EdgeKind::of(picked.source));
        let key = |id| NodeKey::Iteration { run: number, id };
        edges.push(Edge { from: key(from), to: key(row.id), kind });
    }
    edges
}

fn picked(batches: &BTreeMap<u32, IterationId>, row: &IterationRow) -> Option<Picked> {
    let after = row.batch.and_then(|number| batches.get(&number)).copied();
    row.batch_source.map(|source| Picked { number: row.batch, source, after })
}

/// From the iteration that landed a task to each that builds on it.
fn builds_on_edges(run: usize, rows: &[IterationRow]) -> Vec<Edge> {
    let landed = rows.iter().filter(|row| row.landed_sha.is_some());
    let by_task: HashMap<&TaskId, &IterationRow> =
        landed.filter_map(|row| row.task.as_ref().map(|task| (task, row))).collect();
    let edge = |from: &IterationRow, to: &IterationRow| Edge {
        from: NodeKey::Iteration { run, id: from.id },
        to: NodeKey::Iteration { run, id: to.id },
        kind: EdgeKind::BuildsOn,
    };
    rows.iter()
        .flat_map(|row| {
            row.builds_on.iter().filter_map(|task| by_task.get(task)).map(move |from| edge(from, row))
        })
        .collect()
}

/// From the iteration that landed last to the verification, which looked at all.
fn verified_edge(run: usize, rows: &[IterationRow], verify: &Node) -> Option<Edge> {
    let landed = rows.iter().filter(|row| row.landed_sha.is_some());
    let last = landed.max_by_key(|row| row.ended_at)?;
    Some(Edge { from: NodeKey::Iteration { run, id: last.id }, to: verify.key, kind: EdgeKind::Verified })
}

/// From each iteration with a red gate to the commit that its worker is back at.
fn rollbacks(run: usize, rows: &[IterationRow], places: &[Place]) -> (Vec<Node>, Vec<Edge>) {
    let mut bases: BTreeMap<&CommitId, NodeKey> = BTreeMap::new();
    let (mut nodes, mut edges) = (Vec::<Node>::new(), Vec::new());
    for (row, place) in rows.iter().zip(places) {
        if row.outcome != Some(IterationOutcome::BackpressureFail) {
            continue;
        }
        // Older runs don't know theirs.
        let Some(base) = row.base_sha.as_ref().filter(|base| !base.as_str().is_empty()) else { continue };
        let number = bases.len();
        let to = *bases.entry(base).or_insert_with(|| {
            let free = nodes.last().map_or(0, |last| last.place.row + 1);
            let node = commit(NodeKey::Base { run, number }, base, place.last_row.max(free));
            let key = node.key;
            nodes.push(node);
            key
        });
        edges.push(Edge { from: NodeKey::Iteration { run, id: row.id }, to, kind: EdgeKind::RolledBack });
    }
    (nodes, edges)
}

fn commit(key: NodeKey, sha: &CommitId, row: u32) -> Node {
    let name = sha.short().to_owned();
    Node {
        key,
        glyph: "●",
        label: vec![format!("base {name}")],
        name,
        detail: Vec::new(),
        class: NodeClass::Commit,
        place: Place::at(row),
        facts: Facts { commit: Some(sha.clone()), ..Facts::default() },
    }
}
