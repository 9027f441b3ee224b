//! A picture for the terminal: one line a node in order, one column a lane.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt::{self, Write};

use super::class::NodeClass;
use super::ir::{Cluster, Edge, EdgeKind, Graph, Node};
use crate::render::style::{FAINT, HEADING};
use crate::render::table::{LEAST, fitting, width};
use crate::render::text::{shown_line, visible_line};

/// Most columns of one part of a label.
const LABEL_COLUMNS: usize = 60;

/// The whole picture.
pub fn render(graph: &Graph) -> String {
    let mut out = String::new();
    // A text takes whatever is written to it.
    let _ = write(graph, usize::MAX, &mut out);
    out
}

/// The same, line by line, with labels cut where a line would be wider than this many columns.
pub fn write(graph: &Graph, columns: usize, out: &mut dyn Write) -> fmt::Result {
    let remarks = remarks(graph);
    for (number, cluster) in graph.clusters.iter().enumerate() {
        if number > 0 {
            out.write_char('\n')?;
        }
        write_cluster(cluster, &remarks, columns, out)?;
    }
    Ok(())
}

fn write_cluster(
    cluster: &Cluster,
    remarks: &HashMap<&str, Vec<String>>,
    columns: usize,
    out: &mut dyn Write,
) -> fmt::Result {
    writeln!(out, "{HEADING}{}{HEADING:#}", visible_line(&cluster.title))?;
    if cluster.lanes.is_empty() {
        for node in &cluster.loose {
            writeln!(out, "  {}", label(node, columns.saturating_sub(2)))?;
        }
        return Ok(());
    }
    if cluster.lanes.len() > 1 {
        let names: Vec<&str> = cluster.lanes.iter().map(|lane| lane.title.as_str()).collect();
        writeln!(out, "  {FAINT}columns: {}{FAINT:#}", visible_line(&names.join(", ")))?;
    }
    let passing = format!("{FAINT}│{FAINT:#} ");
    let mut left: Vec<usize> = cluster.lanes.iter().map(|lane| lane.nodes.len()).collect();
    let room = columns.saturating_sub(2 + 2 * cluster.lanes.len());
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
        let remark = if remarks.is_empty() { None } else { remarks.get(node.key.as_str()) };
        let remark = remark.map(|all| all.join(", "));
        let beside = remark.as_ref().map_or(0, |remark| width(remark) + 2);
        write!(out, " {}", label(node, room.saturating_sub(beside + 1)))?;
        if let Some(remark) = remark {
            write!(out, "  {FAINT}{remark}{FAINT:#}")?;
        }
        out.write_char('\n')?;
    }
    // Commits are named where a worker went back to them.
    for node in cluster.loose.iter().filter(|node| node.class != NodeClass::Commit) {
        out.write_str("  ")?;
        write_sign(node, out)?;
        writeln!(out, "{} {}", "  ".repeat(cluster.lanes.len() - 1), label(node, room.saturating_sub(1)))?;
    }
    Ok(())
}

fn write_sign(node: &Node, out: &mut dyn Write) -> fmt::Result {
    let style = node.class.style();
    write!(out, "{style}{}{style:#} ", node.glyph)
}

/// The parts of a label in one line. Where they are wider than the room that there is, the widest of them is cut.
fn label(node: &Node, room: usize) -> String {
    let mut parts: Vec<Cow<'_, str>> =
        node.label.iter().map(|part| fitting(shown_line(part), LABEL_COLUMNS)).collect();
    let columns: usize = parts.iter().map(|part| width(part) + 2).sum();
    let excess = columns.saturating_sub(2).saturating_sub(room);
    if excess > 0
        && let Some(widest) = parts.iter_mut().max_by_key(|part| width(part))
    {
        let kept = width(widest).saturating_sub(excess).max(LEAST);
        *widest = fitting(std::mem::take(widest), kept);
    }
    parts.join("  ")
}

/// What a column can't say: why a node was picked, where its work comes from, and where its worker went back to.
fn remarks(graph: &Graph) -> HashMap<&str, Vec<String>> {
    let mut remarks: HashMap<&str, Vec<String>> = HashMap::new();
    for node in graph.nodes() {
        if let Some(picked) = node.facts.batch {
            remarks.entry(&node.key).or_default().push(picked.words());
        }
    }
    let told: Vec<Told<'_>> = graph.edges.iter().filter_map(told).collect();
    // Few nodes of a large run are named by another.
    let others: HashSet<&str> = told.iter().map(|told| told.other).collect();
    let names = graph.nodes().filter(|node| !others.is_empty() && others.contains(node.key.as_str()));
    let names: HashMap<&str, &str> = names.map(|node| (node.key.as_str(), node.name.as_str())).collect();
    for Told { at, words, other } in told {
        let name = names.get(other).map(|name| shown_line(name)).unwrap_or_default();
        remarks.entry(at).or_default().push(format!("{words} {name}"));
    }
    remarks
}

/// An edge that is told in words: at which node, and which other one it names.
struct Told<'a> {
    at: &'a str,
    words: &'static str,
    other: &'a str,
}

fn told(edge: &Edge) -> Option<Told<'_>> {
    match edge.kind {
        EdgeKind::Plain | EdgeKind::Agent | EdgeKind::Planner | EdgeKind::Fallback | EdgeKind::Verified => {
            None
        }
        EdgeKind::BuildsOn => Some(Told { at: &edge.to, words: "after", other: &edge.from }),
        EdgeKind::RolledBack => Some(Told { at: &edge.from, words: "rolled back to", other: &edge.to }),
    }
}
