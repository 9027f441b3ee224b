//! A picture for the terminal: one line a node in order, one column a lane.

use std::borrow::Cow;
use std::fmt::{self, Write};

use anstyle::Style;
use foldhash::{HashMap, HashSet};

use super::class::NodeClass;
use super::ir::{Cluster, Edge, EdgeKind, Graph, Node};
use super::key::NodeKey;
use crate::render::style;
use crate::render::table::{LEAST, fitting, width};
use crate::render::text::{shown_line, visible_line};

/// Most columns of one part of a label.
const LABEL_COLUMNS: usize = 60;
/// What stands between them.
const BETWEEN: &str = "  ";

/// How it is written.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// Labels are cut where a line would be wider.
    pub columns: usize,
    /// With styles for a terminal. To leave them out here is cheaper than to find them later.
    pub has_styles: bool,
}

impl Look {
    /// As wide as it is, without styles.
    pub const PLAIN: Self = Self { columns: usize::MAX, has_styles: false };

    fn style(self, style: Style) -> Style {
        if self.has_styles { style } else { Style::new() }
    }

    fn heading(self) -> Style {
        self.style(style::HEADING)
    }

    fn faint(self) -> Style {
        self.style(style::FAINT)
    }
}

/// The whole picture.
pub fn render(graph: &Graph, look: Look) -> String {
    let mut out = String::new();
    // A text takes whatever is written to it.
    let _ = write(graph, look, &mut out);
    out
}

/// The same, line by line.
pub fn write(graph: &Graph, look: Look, out: &mut dyn Write) -> fmt::Result {
    let remarks = remarks(graph);
    for (number, cluster) in graph.clusters.iter().enumerate() {
        if number > 0 {
            out.write_char('\n')?;
        }
        write_cluster(cluster, &remarks, look, out)?;
    }
    Ok(())
}

fn write_cluster(
    cluster: &Cluster,
    remarks: &HashMap<NodeKey, Vec<String>>,
    look: Look,
    out: &mut dyn Write,
) -> fmt::Result {
    let (heading, faint) = (look.heading(), look.faint());
    writeln!(out, "{heading}{}{heading:#}", visible_line(&cluster.title))?;
    if cluster.lanes.is_empty() {
        for node in &cluster.loose {
            out.write_str("  ")?;
            write_label(node, look.columns.saturating_sub(2), out)?;
            out.write_char('\n')?;
        }
        return Ok(());
    }
    if cluster.lanes.len() > 1 {
        let names: Vec<&str> = cluster.lanes.iter().map(|lane| lane.title.as_str()).collect();
        writeln!(out, "  {faint}columns: {}{faint:#}", visible_line(&names.join(", ")))?;
    }
    let passing = format!("{faint}│{faint:#} ");
    let mut left: Vec<usize> = cluster.lanes.iter().map(|lane| lane.nodes.len()).collect();
    let room = look.columns.saturating_sub(2 + 2 * cluster.lanes.len());
    let mut begun = vec![false; cluster.lanes.len()];
    for (lane, place) in &cluster.order {
        let node = &cluster.lanes[*lane].nodes[*place];
        begun[*lane] = true;
        left[*lane] -= 1;
        out.write_str("  ")?;
        // One lane's column in a node's line: the node itself, or the lane going by.
        for at in 0..cluster.lanes.len() {
            if at == *lane {
                write_sign(node, look, out)?;
            } else {
                out.write_str(if begun[at] && left[at] > 0 { &passing } else { "  " })?;
            }
        }
        let remark = if remarks.is_empty() { None } else { remarks.get(&node.key) };
        let remark = remark.map(|all| all.join(", "));
        let beside = remark.as_ref().map_or(0, |remark| width(remark) + 2);
        out.write_char(' ')?;
        write_label(node, room.saturating_sub(beside + 1), out)?;
        if let Some(remark) = remark {
            write!(out, "  {faint}{remark}{faint:#}")?;
        }
        out.write_char('\n')?;
    }
    // Commits are named where a worker went back to them.
    for node in cluster.loose.iter().filter(|node| node.class != NodeClass::Commit) {
        out.write_str("  ")?;
        write_sign(node, look, out)?;
        write!(out, "{} ", "  ".repeat(cluster.lanes.len() - 1))?;
        write_label(node, room.saturating_sub(1), out)?;
        out.write_char('\n')?;
    }
    Ok(())
}

fn write_sign(node: &Node, look: Look, out: &mut dyn Write) -> fmt::Result {
    let style = look.style(node.class.style());
    write!(out, "{style}{}{style:#} ", node.glyph)
}

/// The parts of a label in one line. Where they are wider than the room that there is, the widest of them is cut.
fn write_label(node: &Node, room: usize, out: &mut dyn Write) -> fmt::Result {
    let part = |part| fitting(shown_line(part), LABEL_COLUMNS);
    if room >= node.label.len().saturating_mul(LABEL_COLUMNS + BETWEEN.len()) {
        return write_parts(node.label.iter().map(|text| part(text)), out);
    }
    let mut parts: Vec<Cow<'_, str>> = node.label.iter().map(|text| part(text)).collect();
    let columns: usize = parts.iter().map(|part| width(part) + BETWEEN.len()).sum();
    let excess = columns.saturating_sub(BETWEEN.len()).saturating_sub(room);
    if excess > 0
        && let Some(widest) = parts.iter_mut().max_by_key(|part| width(part))
    {
        let kept = width(widest).saturating_sub(excess).max(LEAST);
        *widest = fitting(std::mem::take(widest), kept);
    }
    write_parts(parts.into_iter(), out)
}

fn write_parts<'a>(parts: impl Iterator<Item = Cow<'a, str>>, out: &mut dyn Write) -> fmt::Result {
    for (number, part) in parts.enumerate() {
        if number > 0 {
            out.write_str(BETWEEN)?;
        }
        out.write_str(&part)?;
    }
    Ok(())
}

/// What a column can't say: why a node was picked, where its work comes from, and where its worker went back to.
fn remarks(graph: &Graph) -> HashMap<NodeKey, Vec<String>> {
    let mut remarks: HashMap<NodeKey, Vec<String>> = HashMap::default();
    for node in graph.nodes() {
        if let Some(picked) = node.facts.batch {
            remarks.entry(node.key).or_default().push(picked.words());
        }
    }
    let told: Vec<Told> = graph.edges.iter().filter_map(told).collect();
    // Few nodes of a large run are named by another.
    let others: HashSet<NodeKey> = told.iter().map(|told| told.other).collect();
    let names = graph.nodes().filter(|node| !others.is_empty() && others.contains(&node.key));
    let names: HashMap<NodeKey, &str> = names.map(|node| (node.key, node.name.as_str())).collect();
    for Told { at, words, other } in told {
        let name = names.get(&other).map(|name| shown_line(name)).unwrap_or_default();
        remarks.entry(at).or_default().push(format!("{words} {name}"));
    }
    remarks
}

/// An edge that is told in words: at which node, and which other one it names.
struct Told {
    at: NodeKey,
    words: &'static str,
    other: NodeKey,
}

fn told(edge: &Edge) -> Option<Told> {
    match edge.kind {
        EdgeKind::Plain | EdgeKind::Agent | EdgeKind::Planner | EdgeKind::Fallback | EdgeKind::Verified => {
            None
        }
        EdgeKind::BuildsOn => Some(Told { at: edge.to, words: "after", other: edge.from }),
        EdgeKind::RolledBack => Some(Told { at: edge.from, words: "rolled back to", other: edge.to }),
    }
}
