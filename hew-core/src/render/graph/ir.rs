//! What a picture shows, free of any format.
//!
//! Invariants: a node's key is unique in the whole graph, made of ASCII letters, digits and `_`, and never of outside
//! text; labels hold outside text as it is, and each format makes it safe in its own way.

use crate::agent::IterationOutcome;

/// How a node looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NodeClass {
    /// An iteration or task with this outcome.
    Outcome(IterationOutcome),
    /// It has not ended.
    Incomplete,
    /// Not started.
    Waiting,
    /// A commit.
    Commit,
}

impl NodeClass {
    /// Every class.
    pub fn all() -> impl Iterator<Item = Self> {
        let outcomes = IterationOutcome::ALL.into_iter().map(Self::Outcome);
        outcomes.chain([Self::Incomplete, Self::Waiting, Self::Commit])
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Outcome(outcome) => outcome.as_str(),
            Self::Incomplete => "incomplete",
            Self::Waiting => "waiting",
            Self::Commit => "commit",
        }
    }
}

/// One node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Unique in the graph.
    pub key: String,
    /// What it is called in a sentence: its task, or its commit.
    pub name: String,
    /// Its sign.
    pub glyph: &'static str,
    /// Lines of its label.
    pub label: Vec<String>,
    /// How it looks.
    pub class: NodeClass,
}

/// What an edge says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EdgeKind {
    /// The same worker's next iteration.
    Next,
    /// The second needs what the first landed.
    BuildsOn,
    /// The first left nothing: its worker is back at this commit.
    RolledBack,
}

/// One edge, by keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// From this node.
    pub from: String,
    /// To this one.
    pub to: String,
    /// What it says.
    pub kind: EdgeKind,
}

/// Nodes that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lane {
    /// Unique in the graph.
    pub key: String,
    /// Its name.
    pub title: String,
    /// Its nodes, in order.
    pub nodes: Vec<Node>,
}

/// One run's part, or the part of all tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// Unique in the graph.
    pub key: String,
    /// Its name.
    pub title: String,
    /// Its lanes.
    pub lanes: Vec<Lane>,
    /// Nodes outside all lanes.
    pub loose: Vec<Node>,
    /// Order of all nodes in the lanes, by lane and place in it.
    pub order: Vec<(usize, usize)>,
}

/// A picture.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Graph {
    /// Its parts.
    pub clusters: Vec<Cluster>,
    /// Its edges.
    pub edges: Vec<Edge>,
}

impl Graph {
    /// Number of nodes.
    pub fn node_count(&self) -> usize {
        let of = |cluster: &Cluster| {
            cluster.loose.len() + cluster.lanes.iter().map(|lane| lane.nodes.len()).sum::<usize>()
        };
        self.clusters.iter().map(of).sum()
    }
}
