//! A picture in the language of Graphviz.
//!
//! Labels are quoted. In them a quote and a backslash are escaped, and an ampersand is written as an entity: Graphviz
//! reads entities in every label.

use std::fmt::Write as _;

use super::class::NodeClass;
use super::ir::{Cluster, Edge, EdgeKind, Graph, Lane, Node};
use crate::render::table::cut;
use crate::render::text::visible_line;

/// Columns of one line of a label.
const LABEL_COLUMNS: usize = 44;

/// Columns of a tooltip.
const DETAIL_COLUMNS: usize = 400;

/// What holds for the whole picture.
const HEAD: &str = "digraph hew {
  graph [rankdir=TB, newrank=true, fontname=\"sans-serif\", fontsize=11, bgcolor=white]
  node [shape=box, style=\"filled,rounded\", fontname=\"sans-serif\", fontsize=10, margin=\"0.12,0.06\"]
  edge [fontname=\"sans-serif\", fontsize=9, color=\"#505050\", fontcolor=\"#505050\"]
";

/// The whole picture.
pub fn render(graph: &Graph) -> String {
    let mut out = HEAD.to_owned();
    for cluster in &graph.clusters {
        render_cluster(cluster, &mut out);
    }
    for edge in &graph.edges {
        let _ = writeln!(out, "  {}", render_edge(edge));
    }
    out.push_str("}\n");
    out
}

fn render_cluster(cluster: &Cluster, out: &mut String) {
    let _ = writeln!(out, "  subgraph cluster_{} {{", cluster.key);
    let _ = writeln!(out, "    label={}; color=\"#808080\"", quoted(&cluster.title, DETAIL_COLUMNS));
    for lane in &cluster.lanes {
        render_lane(lane, cluster.lanes.len() > 1, out);
    }
    for node in &cluster.loose {
        let _ = writeln!(out, "    {}", render_node(node));
    }
    out.push_str("  }\n");
}

fn render_lane(lane: &Lane, is_framed: bool, out: &mut String) {
    if is_framed {
        let title = quoted(&lane.title, DETAIL_COLUMNS);
        let _ = writeln!(out, "    subgraph cluster_{} {{\n      label={title}; color=\"#c0c0c0\"", lane.key);
    }
    for node in &lane.nodes {
        let indent = if is_framed { "      " } else { "    " };
        let _ = writeln!(out, "{indent}{}", render_node(node));
    }
    if is_framed {
        out.push_str("    }\n");
    }
}

fn render_node(node: &Node) -> String {
    let lines: Vec<String> =
        node.label.iter().map(|line| escape(&cut(&visible_line(line), LABEL_COLUMNS))).collect();
    // Without one of its own Graphviz repeats the label.
    let tooltip = quoted(&node.detail.join("; "), DETAIL_COLUMNS);
    format!(
        "{} [label=\"{} {}\", class={}, {}, tooltip={tooltip}]",
        node.key,
        node.glyph,
        lines.join("\\n"),
        node.class.name(),
        look(node.class),
    )
}

fn look(class: NodeClass) -> String {
    let look = class.look();
    let dashes = if look.is_dashed { ", style=\"filled,rounded,dashed\"" } else { "" };
    format!("fillcolor=\"{}\", color=\"{}\", fontcolor=\"{}\"{dashes}", look.fill, look.stroke, look.text)
}

fn render_edge(edge: &Edge) -> String {
    let Edge { from, to, kind } = edge;
    let look = match kind {
        EdgeKind::Plain => "",
        EdgeKind::Agent => ", color=\"#2b6cb0\", fontcolor=\"#2b6cb0\"",
        EdgeKind::Planner => ", color=\"#862e9c\", fontcolor=\"#862e9c\"",
        EdgeKind::Fallback => ", style=dashed",
        EdgeKind::BuildsOn => ", style=bold, color=\"#2e7d32\"",
        EdgeKind::RolledBack => ", style=dotted, color=\"#c05621\", fontcolor=\"#c05621\"",
        EdgeKind::Verified => ", style=dashed, color=\"#1b5e20\"",
    };
    let words = kind.words().map(|words| format!(", label=\"{words}\"")).unwrap_or_default();
    format!("{from} -> {to} [class={}{look}{words}]", kind.name())
}

fn quoted(text: &str, columns: usize) -> String {
    format!("\"{}\"", escape(&cut(&visible_line(text), columns)))
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '&' => out.push_str("&amp;"),
            _ => out.push(c),
        }
    }
    out
}
