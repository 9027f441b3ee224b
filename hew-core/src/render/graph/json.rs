//! A picture for programs: every node and edge with its figures, and nothing of how they look.

use schemars::JsonSchema;
use serde::Serialize;

use super::ir::{Cluster, Edge, Facts, Graph, Lane, Node};
use super::key::NodeKey;
use crate::ids::RunId;

/// The whole picture, to be written as one object: `"schema": 1, "kind": "graph"`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct GraphJson<'a> {
    schema: u32,
    kind: &'static str,
    clusters: Vec<ClusterJson<'a>>,
    edges: &'a [Edge],
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
struct ClusterJson<'a> {
    key: &'a str,
    title: &'a str,
    run_id: Option<&'a RunId>,
    lanes: Vec<LaneJson<'a>>,
    /// Outside all lanes.
    nodes: Vec<NodeJson<'a>>,
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
struct LaneJson<'a> {
    key: &'a str,
    title: &'a str,
    nodes: Vec<NodeJson<'a>>,
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
struct NodeJson<'a> {
    #[schemars(with = "String")]
    key: NodeKey,
    class: &'static str,
    glyph: &'static str,
    label: &'a [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    detail: &'a [String],
    #[serde(flatten)]
    facts: &'a Facts,
}

impl<'a> GraphJson<'a> {
    /// The picture in this form.
    pub fn of(graph: &'a Graph) -> Self {
        Self {
            schema: 1,
            kind: "graph",
            clusters: graph.clusters.iter().map(cluster).collect(),
            edges: &graph.edges,
        }
    }
}

fn cluster(cluster: &Cluster) -> ClusterJson<'_> {
    ClusterJson {
        key: &cluster.key,
        title: &cluster.title,
        run_id: cluster.run_id.as_ref(),
        lanes: cluster.lanes.iter().map(lane).collect(),
        nodes: cluster.loose.iter().map(node).collect(),
    }
}

fn lane(lane: &Lane) -> LaneJson<'_> {
    LaneJson { key: &lane.key, title: &lane.title, nodes: lane.nodes.iter().map(node).collect() }
}

fn node(node: &Node) -> NodeJson<'_> {
    NodeJson {
        key: node.key,
        class: node.class.name(),
        glyph: node.glyph,
        label: &node.label,
        detail: &node.detail,
        facts: &node.facts,
    }
}
