//! Lines between nodes, drawn below them.

use std::collections::HashSet;
use std::fmt::Write as _;

use super::super::ir::{Edge, EdgeKind};
use super::layout::{BOX_WIDTH, GAP_Y, Layout, Placed};

/// Points of arrows.
const MARKER: &str = "<defs><marker id=\"hew-graph-arrow\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto-start-reverse\"><path class=\"arrow\" d=\"M0 0L8 4L0 8z\"/></marker></defs>\n";

/// What a kind says, in the legend and where a line is pointed at.
pub(super) fn meaning(kind: EdgeKind) -> &'static str {
    match kind {
        EdgeKind::Plain => "next of its worker",
        EdgeKind::Agent => "picked by an agent's plan",
        EdgeKind::Planner => "picked by the planner",
        EdgeKind::Fallback => "planner silent",
        EdgeKind::BuildsOn => "builds on",
        EdgeKind::RolledBack => "rolled back",
        EdgeKind::Verified => "verified",
    }
}

pub(super) fn render(edges: &[Edge], layout: &Layout<'_>, out: &mut String) {
    if edges.is_empty() {
        return;
    }
    out.push_str(MARKER);
    let mut worded = HashSet::new();
    for edge in edges {
        let (Some(from), Some(to)) = (layout.of_key(edge.from), layout.of_key(edge.to)) else { continue };
        let (path, word_at) = match edge.kind {
            EdgeKind::RolledBack => beside(from, to),
            kind => below(from, to, kind),
        };
        let name = edge.kind.name();
        let _ = writeln!(
            out,
            "<path class=\"edge {name}\" d=\"{path}\" marker-end=\"url(#hew-graph-arrow)\"><title>{}</title></path>",
            meaning(edge.kind)
        );
        if let Some(words) = edge.kind.words()
            && worded.insert((edge.to, words))
        {
            let _ =
                writeln!(out, "<text class=\"note\" x=\"{}\" y=\"{}\">{words}</text>", word_at.0, word_at.1);
        }
    }
}

/// From the lower end of one to the upper end of the other. What a task builds on leaves and enters at a place of its own,
/// and goes beside its lane, where others of the lane stand between.
fn below(from: &Placed<'_>, to: &Placed<'_>, kind: EdgeKind) -> (String, (u32, u32)) {
    let start = from.y + from.height;
    let is_dependency = kind == EdgeKind::BuildsOn;
    if is_dependency && from.x == to.x && start + GAP_Y < to.y {
        let (x, from_y, to_y) = (from.x, start - 16, to.y + 12);
        let bow = x - 14;
        return (format!("M{x} {from_y}C{bow} {from_y} {bow} {to_y} {x} {to_y}"), (x + 8, to.y - 8));
    }
    let place = if is_dependency { 3 } else { 2 };
    let at = |placed: &Placed<'_>| placed.x + placed.width.min(BOX_WIDTH) * place / 4;
    let (x1, x2) = (at(from), at(to));
    let word_at = (x2 + 8, to.y - 8);
    if x1 == x2 {
        return (format!("M{x1} {start}V{}", to.y), word_at);
    }
    let (leave, enter) = (start + GAP_Y, i64::from(to.y) - i64::from(GAP_Y));
    (format!("M{x1} {start}C{x1} {leave} {x2} {enter} {x2} {}", to.y), word_at)
}

/// Down into the gap below one, along it, and into the other.
fn beside(from: &Placed<'_>, to: &Placed<'_>) -> (String, (u32, u32)) {
    let (x, start) = (from.x + from.width - 20, from.y + from.height);
    let gap = start + GAP_Y / 2;
    let middle = to.x + to.width / 2;
    let end = if to.y < gap { to.y + to.height } else { to.y };
    (format!("M{x} {start}V{gap}H{middle}V{end}"), (x + 10, gap - 4))
}
