//! What a picture shows, free of any format.
//!
//! Invariants: the keys of nodes, lanes and clusters are unique in the whole graph, made of ASCII letters, digits and `_`,
//! and never of outside text; labels hold outside text as it is, and each format makes it safe in its own way.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use super::class::NodeClass;
use super::key::NodeKey;
use crate::ids::{CommitId, IterationId, RunId, TaskId};
use crate::record::event::BatchSource;

/// One node.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Unique in the graph.
    pub key: NodeKey,
    /// What it is called in a sentence: its task, or its commit.
    pub name: String,
    /// Its sign.
    pub glyph: &'static str,
    /// Lines of its label.
    pub label: Vec<String>,
    /// More than a label has room for, line by line: why it ended so, why it was picked.
    pub detail: Vec<String>,
    /// How it looks.
    pub class: NodeClass,
    /// Where it stands.
    pub place: Place,
    /// What it is, for programs.
    pub facts: Facts,
}

/// Where a node stands: a row is below another that it comes after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// Its row, from 0.
    pub row: u32,
    /// Its last row: what began while it ran stands in these rows, too.
    pub last_row: u32,
}

impl Place {
    /// One row.
    pub fn at(row: u32) -> Self {
        Self { row, last_row: row }
    }
}

/// Figures of a node, as far as it has them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Facts {
    /// The worker's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker: Option<u16>,
    /// The iteration's number in its worker.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iter: Option<u32>,
    /// The task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskId>,
    /// The task's title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Attempts at the task, this one included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// When it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<DateTime<Utc>>,
    /// Milliseconds from start to end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// Tokens of all kinds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// What landed, or the commit that the node is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<CommitId>,
    /// The batch that it was picked under.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<Picked>,
    /// The first tests that failed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failed_tests: Vec<String>,
}

/// Under whose word an iteration was picked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Picked {
    /// The batch's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<u32>,
    /// Who said what is next.
    pub source: BatchSource,
    /// The iteration that had just ended when it was said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<IterationId>,
}

impl Picked {
    /// For people, e.g. `picked by agent (w0 iter-002)`.
    pub fn words(&self) -> String {
        let source = EdgeKind::of(self.source).name();
        match self.after {
            Some(after) => format!("picked by {source} ({} {})", after.worker, after.stem()),
            None => format!("picked by {source}"),
        }
    }
}

/// What an edge says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EdgeKind {
    /// The same worker's next iteration; nobody had said what is next.
    Plain,
    /// The same, picked under the plan of an agent.
    Agent,
    /// The same, picked under the planner's plan.
    Planner,
    /// The same, after the planner had been asked and said nothing: the graph of tasks was trusted.
    Fallback,
    /// The second needs what the first landed.
    BuildsOn,
    /// The first left nothing: its worker is back at this commit.
    RolledBack,
    /// The second looked at what the first landed last.
    Verified,
}

impl EdgeKind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::Plain,
        Self::Agent,
        Self::Planner,
        Self::Fallback,
        Self::BuildsOn,
        Self::RolledBack,
        Self::Verified,
    ];

    /// The kind of an edge to what was picked under such a batch.
    pub fn of(source: BatchSource) -> Self {
        match source {
            BatchSource::Agent => Self::Agent,
            BatchSource::Planner => Self::Planner,
            BatchSource::Skipped => Self::Fallback,
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Agent => "agent",
            Self::Planner => "planner",
            Self::Fallback => "fallback",
            Self::BuildsOn => "builds_on",
            Self::RolledBack => "rolled_back",
            Self::Verified => "verified",
        }
    }

    /// What is written on it, where something is.
    pub fn words(self) -> Option<&'static str> {
        match self {
            Self::Plain | Self::BuildsOn | Self::Verified => None,
            Self::Agent => Some("agent"),
            Self::Planner => Some("planner"),
            Self::Fallback => Some("fallback"),
            Self::RolledBack => Some("rolled back"),
        }
    }
}

/// One edge, by keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Edge {
    /// From this node.
    #[schemars(with = "String")]
    pub from: NodeKey,
    /// To this one.
    #[schemars(with = "String")]
    pub to: NodeKey,
    /// What it says.
    pub kind: EdgeKind,
}

/// Nodes that belong together.
#[derive(Debug, Clone, PartialEq)]
pub struct Lane {
    /// Unique in the graph.
    pub key: String,
    /// Its name.
    pub title: String,
    /// Its nodes, in order.
    pub nodes: Vec<Node>,
}

/// One run's part, or the part of all tasks.
#[derive(Debug, Clone, PartialEq)]
pub struct Cluster {
    /// Unique in the graph.
    pub key: String,
    /// Its name.
    pub title: String,
    /// The run, if it is one.
    pub run_id: Option<RunId>,
    /// Its lanes.
    pub lanes: Vec<Lane>,
    /// Nodes outside all lanes.
    pub loose: Vec<Node>,
    /// Order of all nodes in the lanes, by lane and place in it.
    pub order: Vec<(usize, usize)>,
}

impl Cluster {
    /// Its nodes, those in lanes first.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.lanes.iter().flat_map(|lane| &lane.nodes).chain(&self.loose)
    }
}

/// A picture.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Graph {
    /// Its parts.
    pub clusters: Vec<Cluster>,
    /// Its edges.
    pub edges: Vec<Edge>,
}

impl Graph {
    /// Every node.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.clusters.iter().flat_map(Cluster::nodes)
    }

    /// Number of nodes.
    pub fn node_count(&self) -> usize {
        self.nodes().count()
    }
}
