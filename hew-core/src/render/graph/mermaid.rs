//! A picture in mermaid's flowchart language.
//!
//! Labels are quoted, and in them every ASCII character but letters, digits, blanks and a few harmless marks is written as
//! a numeric entity, so that no title can end a label, begin a comment, a directive or markdown, or look like an edge. Four
//! things mermaid reads even so, and they are taken apart: the word `direction` in any line (it is a statement), `\n` (a
//! line's end), `$$` (mathematics) and `fa:fa-` (an icon).

use std::fmt::Write as _;

use super::class::NodeClass;
use super::ir::{Cluster, Edge, EdgeKind, Graph, Lane, Node};
use crate::render::table::cut;
use crate::render::text::visible_line;

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
    let arrow = match kind {
        EdgeKind::Plain | EdgeKind::Agent | EdgeKind::Planner => "-->",
        EdgeKind::Fallback | EdgeKind::RolledBack | EdgeKind::Verified => "-.->",
        EdgeKind::BuildsOn => "==>",
    };
    let words = kind.words().map(|words| format!("|{words}|")).unwrap_or_default();
    format!("{from} {arrow}{words} {to}")
}

fn escape(text: &str) -> String {
    let apart = [("\\n", "\\\u{200b}n"), ("$$", "$\u{200b}$\u{200b}"), (":fa-", ":\u{200b}fa-")];
    let text = cut(&visible_line(text), LABEL_COLUMNS);
    let text = apart.iter().fold(text, |text, (whole, parts)| replaced(text, whole, parts));
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii() && !c.is_ascii_alphanumeric() && !matches!(c, ' ' | '-' | '.' | ',' | '/') {
            let _ = write!(out, "#{};", u32::from(c));
        } else {
            out.push(c);
        }
    }
    replaced(out, "direction", "directio#110;")
}

/// Most labels hold nothing of it.
fn replaced(text: String, whole: &str, parts: &str) -> String {
    if text.contains(whole) { text.replace(whole, parts) } else { text }
}

fn look(class: NodeClass) -> String {
    let look = class.look();
    let dashes = if look.is_dashed { ",stroke-dasharray: 5 5" } else { "" };
    format!("fill:{},stroke:{},color:{}{dashes}", look.fill, look.stroke, look.text)
}
