//! A picture in mermaid's flowchart language.
//!
//! Labels are quoted, and in them every ASCII character but letters, digits, blanks and a few harmless marks is written as
//! a numeric entity, so that no title can end a label, begin a comment, a directive or markdown, or look like an edge. Four
//! things mermaid reads even so, and they are taken apart: the word `direction` in any line (it is a statement), `\n` (a
//! line's end), `$$` (mathematics) and `fa:fa-` (an icon).

use std::fmt::{self, Write};

use super::class::NodeClass;
use super::ir::{Cluster, Edge, EdgeKind, Graph, Lane, Node};
use crate::render::table::fitting;
use crate::render::text::shown_line;

/// Columns of one line of a label.
const LABEL_COLUMNS: usize = 60;

/// Mermaid draws at most this many edges, and this many characters, unless its page allows more.
pub const MAX_EDGES: usize = 500;
/// See [`MAX_EDGES`].
pub const MAX_CHARS: usize = 50_000;

/// The whole picture.
pub fn render(graph: &Graph) -> String {
    let mut out = String::new();
    // A text takes whatever is written to it.
    let _ = write(graph, &mut out);
    out
}

/// The same, line by line.
pub fn write(graph: &Graph, out: &mut dyn Write) -> fmt::Result {
    out.write_str("flowchart TB\n")?;
    for cluster in &graph.clusters {
        write_cluster(cluster, out)?;
    }
    for edge in &graph.edges {
        write_edge(edge, out)?;
    }
    for class in NodeClass::all() {
        writeln!(out, "  classDef {} {}", class.name(), look(class))?;
    }
    Ok(())
}

fn write_cluster(cluster: &Cluster, out: &mut dyn Write) -> fmt::Result {
    writeln!(out, "  subgraph {}[\"{}\"]", cluster.key, escape(&cluster.title))?;
    for lane in &cluster.lanes {
        write_lane(lane, cluster.lanes.len() > 1, out)?;
    }
    for node in &cluster.loose {
        write_node("    ", node, out)?;
    }
    out.write_str("  end\n")
}

fn write_lane(lane: &Lane, is_framed: bool, out: &mut dyn Write) -> fmt::Result {
    if is_framed {
        writeln!(out, "    subgraph {}[\"{}\"]", lane.key, escape(&lane.title))?;
    }
    for node in &lane.nodes {
        write_node(if is_framed { "      " } else { "    " }, node, out)?;
    }
    if is_framed { out.write_str("    end\n") } else { Ok(()) }
}

fn write_node(indent: &str, node: &Node, out: &mut dyn Write) -> fmt::Result {
    write!(out, "{indent}{}[\"{} ", node.key, node.glyph)?;
    for (number, line) in node.label.iter().enumerate() {
        out.write_str(if number > 0 { "<br/>" } else { "" })?;
        out.write_str(&escape(line))?;
    }
    for part in ["\"]:::", node.class.name(), "\n"] {
        out.write_str(part)?;
    }
    Ok(())
}

fn write_edge(edge: &Edge, out: &mut dyn Write) -> fmt::Result {
    let Edge { from, to, kind } = edge;
    let arrow = match kind {
        EdgeKind::Plain | EdgeKind::Agent | EdgeKind::Planner => " -->",
        EdgeKind::Fallback | EdgeKind::RolledBack | EdgeKind::Verified => " -.->",
        EdgeKind::BuildsOn => " ==>",
    };
    write!(out, "  {from}{arrow}")?;
    if let Some(words) = kind.words() {
        write!(out, "|{words}|")?;
    }
    writeln!(out, " {to}")
}

fn escape(text: &str) -> String {
    let apart = [("\\n", "\\\u{200b}n"), ("$$", "$\u{200b}$\u{200b}"), (":fa-", ":\u{200b}fa-")];
    let mut text = fitting(shown_line(text), LABEL_COLUMNS);
    if text.bytes().any(|byte| matches!(byte, b'\\' | b'$' | b':')) {
        text =
            apart.iter().fold(text.into_owned(), |text, (whole, parts)| replaced(text, whole, parts)).into();
    }
    let mut out = String::with_capacity(2 * text.len());
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
