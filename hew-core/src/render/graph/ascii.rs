//! A picture for the terminal: one line a node in order, one column a lane.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::class::NodeClass;
use super::ir::{Cluster, EdgeKind, Graph, Node};
use crate::render::style::{FAINT, HEADING};
use crate::render::table::cut;
use crate::render::text::visible_line;

/// Columns of one part of a label.
const LABEL_COLUMNS: usize = 60;

/// The whole picture.
pub fn render(graph: &Graph) -> String {
    let remarks = remarks(graph);
    let mut out = String::new();
    for (number, cluster) in graph.clusters.iter().enumerate() {
        if number > 0 {
            out.push('\n');
        }
        render_cluster(cluster, &remarks, &mut out);
    }
    out
}

fn render_cluster(cluster: &Cluster, remarks: &HashMap<&str, Vec<String>>, out: &mut String) {
    let _ = writeln!(out, "{HEADING}{}{HEADING:#}", visible_line(&cluster.title));
    if cluster.lanes.is_empty() {
        for node in &cluster.loose {
            let _ = writeln!(out, "  {}", label(node));
        }
        return;
    }
    if cluster.lanes.len() > 1 {
        let names: Vec<&str> = cluster.lanes.iter().map(|lane| lane.title.as_str()).collect();
        let _ = writeln!(out, "  {FAINT}columns: {}{FAINT:#}", visible_line(&names.join(", ")));
    }
    let mut left: Vec<usize> = cluster.lanes.iter().map(|lane| lane.nodes.len()).collect();
    let mut begun = vec![false; cluster.lanes.len()];
    for (lane, place) in &cluster.order {
        let node = &cluster.lanes[*lane].nodes[*place];
        begun[*lane] = true;
        left[*lane] -= 1;
        let rails: String =
            (0..cluster.lanes.len()).map(|at| rail(at == *lane, begun[at], left[at], node)).collect();
        let remark =
            remarks.get(node.key.as_str()).map(|all| format!("  {FAINT}{}{FAINT:#}", all.join(", ")));
        let _ = writeln!(out, "  {rails} {}{}", label(node), remark.unwrap_or_default());
    }
    // Commits are named where a worker went back to them.
    for node in cluster.loose.iter().filter(|node| node.class != NodeClass::Commit) {
        let style = node.class.style();
        let gap = " ".repeat(2 * cluster.lanes.len() - 1);
        let _ = writeln!(out, "  {style}{}{style:#}{gap} {}", node.glyph, label(node));
    }
}

/// One lane's column in a node's line: the node itself, or the lane going by.
fn rail(is_own: bool, has_begun: bool, left: usize, node: &Node) -> String {
    if is_own {
        let style = node.class.style();
        return format!("{style}{}{style:#} ", node.glyph);
    }
    if has_begun && left > 0 { format!("{FAINT}│{FAINT:#} ") } else { "  ".to_owned() }
}

fn label(node: &Node) -> String {
    let parts: Vec<String> = node.label.iter().map(|part| cut(&visible_line(part), LABEL_COLUMNS)).collect();
    parts.join("  ")
}

/// What a column can't say: why a node was picked, where its work comes from, and where its worker went back to.
fn remarks(graph: &Graph) -> HashMap<&str, Vec<String>> {
    let names: HashMap<&str, String> =
        graph.nodes().map(|node| (node.key.as_str(), visible_line(&node.name))).collect();
    let mut remarks: HashMap<&str, Vec<String>> = HashMap::new();
    for node in graph.nodes() {
        if let Some(picked) = node.facts.batch {
            remarks.entry(&node.key).or_default().push(picked.words());
        }
    }
    for edge in &graph.edges {
        let name = |key: &String| names.get(key.as_str()).cloned().unwrap_or_default();
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
