//! A picture for the terminal: one line a node in order, one column a lane.

use std::collections::HashMap;
use std::fmt::{self, Write};

use super::class::NodeClass;
use super::ir::{Cluster, EdgeKind, Graph, Node};
use crate::render::style::{FAINT, HEADING};
use crate::render::table::fitting;
use crate::render::text::{shown_line, visible_line};

/// Columns of one part of a label.
const LABEL_COLUMNS: usize = 60;

/// The whole picture.
pub fn render(graph: &Graph) -> String {
    let mut out = String::new();
    write(graph, &mut out).expect("a text takes what is written to it");
    out
}

/// The same, line by line.
pub fn write(graph: &Graph, out: &mut dyn Write) -> fmt::Result {
    let remarks = remarks(graph);
    for (number, cluster) in graph.clusters.iter().enumerate() {
        if number > 0 {
            out.write_char('\n')?;
        }
        write_cluster(cluster, &remarks, out)?;
    }
    Ok(())
}

fn write_cluster(
    cluster: &Cluster,
    remarks: &HashMap<&str, Vec<String>>,
    out: &mut dyn Write,
) -> fmt::Result {
    writeln!(out, "{HEADING}{}{HEADING:#}", visible_line(&cluster.title))?;
    if cluster.lanes.is_empty() {
        for node in &cluster.loose {
            writeln!(out, "  {}", label(node))?;
        }
        return Ok(());
    }
    if cluster.lanes.len() > 1 {
        let names: Vec<&str> = cluster.lanes.iter().map(|lane| lane.title.as_str()).collect();
        writeln!(out, "  {FAINT}columns: {}{FAINT:#}", visible_line(&names.join(", ")))?;
    }
    let passing = format!("{FAINT}│{FAINT:#} ");
    let mut left: Vec<usize> = cluster.lanes.iter().map(|lane| lane.nodes.len()).collect();
    let mut begun = vec![false; cluster.lanes.len()];
    for (lane, place) in &cluster.order {
        let node = &cluster.lanes[*lane].nodes[*place];
        begun[*lane] = true;
        left[*lane] -= 1;
        out.write_str("  ")?;
        // One lane's column in a node's line: the node itself, or the lane going by.
        for at in 0..cluster.lanes.len() {
            if at == *lane {
                write_sign(node, out)?;
            } else {
                out.write_str(if begun[at] && left[at] > 0 { &passing } else { "  " })?;
            }
        }
        write!(out, " {}", label(node))?;
        if let Some(all) = remarks.get(node.key.as_str()) {
            write!(out, "  {FAINT}{}{FAINT:#}", all.join(", "))?;
        }
        out.write_char('\n')?;
    }
    // Commits are named where a worker went back to them.
    for node in cluster.loose.iter().filter(|node| node.class != NodeClass::Commit) {
        out.write_str("  ")?;
        write_sign(node, out)?;
        writeln!(out, "{} {}", "  ".repeat(cluster.lanes.len() - 1), label(node))?;
    }
    Ok(())
}

fn write_sign(node: &Node, out: &mut dyn Write) -> fmt::Result {
    let style = node.class.style();
    write!(out, "{style}{}{style:#} ", node.glyph)
}

fn label(node: &Node) -> String {
    let mut label = String::with_capacity(node.label.iter().map(|part| part.len() + 2).sum());
    for part in &node.label {
        label.push_str(if label.is_empty() { "" } else { "  " });
        label.push_str(&fitting(shown_line(part), LABEL_COLUMNS));
    }
    label
}

/// What a column can't say: why a node was picked, where its work comes from, and where its worker went back to.
fn remarks(graph: &Graph) -> HashMap<&str, Vec<String>> {
    let names: HashMap<&str, &str> =
        graph.nodes().map(|node| (node.key.as_str(), node.name.as_str())).collect();
    let mut remarks: HashMap<&str, Vec<String>> = HashMap::new();
    for node in graph.nodes() {
        if let Some(picked) = node.facts.batch {
            remarks.entry(&node.key).or_default().push(picked.words());
        }
    }
    for edge in &graph.edges {
        let name = |key: &String| names.get(key.as_str()).map(|name| shown_line(name)).unwrap_or_default();
        match edge.kind {
            EdgeKind::Plain
            | EdgeKind::Agent
            | EdgeKind::Planner
            | EdgeKind::Fallback
            | EdgeKind::Verified => {}
            EdgeKind::BuildsOn => {
                remarks.entry(&edge.to).or_default().push(format!("after {}", name(&edge.from)));
            }
            EdgeKind::RolledBack => {
                remarks.entry(&edge.from).or_default().push(format!("rolled back to {}", name(&edge.to)));
            }
        }
    }
    remarks
}
