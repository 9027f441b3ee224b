//! A picture in mermaid's flowchart language.
//!
//! Labels are quoted, and in them every ASCII character but letters, digits, blanks and a few harmless marks is written as
//! a numeric entity, so that no title can end a label, begin a comment, a directive or markdown, or look like an edge.

use std::fmt::Write as _;

use super::ir::{Cluster, Edge, EdgeKind, Graph, Lane, Node, NodeClass};
use crate::agent::IterationOutcome;
use crate::render::table::cut;
use crate::render::text::visible;

/// Columns of one line of a label.
const LABEL_COLUMNS: usize = 60;

/// Mermaid draws at most this many edges, and this many characters, unless its page allows more.
pub const MAX_EDGES: usize = 500;
/// See [`MAX_EDGES`].
pub const MAX_CHARS: usize = 50_000;

/// The whole picture.
pub fn render(graph: &Graph) -> String {
    let mut out = "flowchart TB\n".to_owned();
    for cluster in &graph.clusters {
        render_cluster(cluster, &mut out);
    }
    for edge in &graph.edges {
        let _ = writeln!(out, "  {}", render_edge(edge));
    }
    for class in NodeClass::all() {
        let _ = writeln!(out, "  classDef {} {}", class.name(), look(class));
    }
    out
}

fn render_cluster(cluster: &Cluster, out: &mut String) {
    let _ = writeln!(out, "  subgraph {}[\"{}\"]", cluster.key, escape(&cluster.title));
    for lane in &cluster.lanes {
        render_lane(lane, cluster.lanes.len() > 1, out);
    }
    for node in &cluster.loose {
        let _ = writeln!(out, "    {}", render_node(node));
    }
    out.push_str("  end\n");
}

fn render_lane(lane: &Lane, is_framed: bool, out: &mut String) {
    if is_framed {
        let _ = writeln!(out, "    subgraph {}[\"{}\"]", lane.key, escape(&lane.title));
    }
    for node in &lane.nodes {
        let indent = if is_framed { "      " } else { "    " };
        let _ = writeln!(out, "{indent}{}", render_node(node));
    }
    if is_framed {
        out.push_str("    end\n");
    }
}

fn render_node(node: &Node) -> String {
    let lines: Vec<String> = node.label.iter().map(|line| escape(line)).collect();
    format!("{}[\"{} {}\"]:::{}", node.key, node.glyph, lines.join("<br/>"), node.class.name())
}

fn render_edge(edge: &Edge) -> String {
    let Edge { from, to, kind } = edge;
    match kind {
        EdgeKind::Next => format!("{from} --> {to}"),
        EdgeKind::BuildsOn => format!("{from} ==> {to}"),
        EdgeKind::RolledBack => format!("{from} -. \"rolled back\" .-> {to}"),
    }
}

fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in cut(&visible(text), LABEL_COLUMNS).chars() {
        if c.is_ascii() && !c.is_ascii_alphanumeric() && !matches!(c, ' ' | '-' | '.' | ',' | '/') {
            let _ = write!(out, "#{};", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

/// Colours that can be read on light and dark pages.
fn look(class: NodeClass) -> &'static str {
    match class {
        NodeClass::Outcome(outcome) => match outcome {
            IterationOutcome::Closed => "fill:#d9f2d9,stroke:#2e7d32,color:#1b1b1b",
            IterationOutcome::NoClose => "fill:#fff4d6,stroke:#b7860b,color:#1b1b1b",
            IterationOutcome::BackpressureFail => "fill:#ffe3d3,stroke:#c05621,color:#1b1b1b",
            IterationOutcome::RuntimeError => "fill:#fbd5d5,stroke:#c53030,color:#1b1b1b",
            IterationOutcome::TimedOut => "fill:#f9d0e4,stroke:#b83280,color:#1b1b1b",
            IterationOutcome::Stalled => "fill:#f3d9fa,stroke:#862e9c,color:#1b1b1b",
            IterationOutcome::RateLimited => "fill:#d7e8fd,stroke:#2b6cb0,color:#1b1b1b",
            IterationOutcome::Conflict => "fill:#fdf0b4,stroke:#975a16,color:#1b1b1b",
            IterationOutcome::Blocked => "fill:#f2d2c4,stroke:#7b341e,color:#1b1b1b",
            IterationOutcome::Cancelled => "fill:#e2e2e2,stroke:#707070,color:#4a4a4a",
        },
        NodeClass::Incomplete => "fill:#ffffff,stroke:#505050,color:#1b1b1b,stroke-dasharray: 5 5",
        NodeClass::Waiting => "fill:#f5f5f5,stroke:#a0a0a0,color:#4a4a4a",
        NodeClass::Commit => "fill:#e6e9ef,stroke:#4a5568,color:#1b1b1b",
    }
}
