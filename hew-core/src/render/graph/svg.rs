//! A picture that stands by itself: an SVG file with its own colours for light and dark pages, text as text, and no script.
//!
//! | file | holds |
//! | --- | --- |
//! | `layout` | where everything stands |
//! | `edges` | lines between nodes |
//! | `colours` | the style sheet |

mod colours;
mod edges;
mod layout;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::ir::{EdgeKind, Graph, Node};
use crate::render::table::cut;
use crate::render::text::visible_line;
use layout::{Area, Layout, Placed};

/// Columns of text that is shown when a node is pointed at.
const DETAIL_COLUMNS: usize = 1000;

/// The whole picture.
pub fn render(graph: &Graph) -> String {
    let layout = Layout::of(graph);
    let kinds = legend_kinds(graph);
    let bottom = layout.height;
    let height = bottom + if kinds.is_empty() { 0 } else { layout::LEGEND };
    let (width, mut out) = (layout.width, String::new());
    let _ = writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"hew-graph\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\">"
    );
    let titles: Vec<String> =
        graph.clusters.iter().map(|cluster| escape(&cluster.title, DETAIL_COLUMNS)).collect();
    let _ = writeln!(out, "<title>{}</title>", titles.join(", "));
    out.push_str(&colours::sheet());
    let _ = writeln!(out, "<rect class=\"page\" width=\"{width}\" height=\"{height}\"/>");
    layout.areas.iter().for_each(|area| render_area(area, &mut out));
    edges::render(&graph.edges, &layout, &mut out);
    layout.boxes.iter().for_each(|placed| render_box(placed, &mut out));
    render_legend(&kinds, bottom, &mut out);
    out.push_str("</svg>\n");
    out
}

fn render_area(area: &Area<'_>, out: &mut String) {
    if let Some((x, y, width, height)) = area.frame {
        let _ = writeln!(
            out,
            "<rect class=\"lane\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"6\"/>"
        );
    }
    let (x, y) = area.text_at;
    let _ = writeln!(
        out,
        "<text class=\"{}\" x=\"{x}\" y=\"{y}\">{}</text>",
        area.class,
        escape(&area.text, area.columns)
    );
}

fn render_box(placed: &Placed<'_>, out: &mut String) {
    let Placed { node, x, y, width, height, columns } = placed;
    let _ = write!(
        out,
        "<g class=\"node {}\" id=\"{}\"><title>{}</title>",
        node.class.name(),
        node.key,
        whole(node)
    );
    let _ = write!(out, "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"6\"/>");
    for (number, line) in lines(node).enumerate() {
        let baseline = y + layout::PAD + layout::LINE * (u32::try_from(number).unwrap_or(0) + 1) - 4;
        let _ = write!(
            out,
            "<text x=\"{}\" y=\"{baseline}\">{}</text>",
            x + layout::PAD,
            escape(&line, *columns)
        );
    }
    out.push_str("</g>\n");
}

/// Lines of a label, the sign before the first.
fn lines(node: &Node) -> impl Iterator<Item = String> {
    node.label
        .iter()
        .enumerate()
        .map(|(number, line)| if number == 0 { format!("{} {line}", node.glyph) } else { line.clone() })
}

fn whole(node: &Node) -> String {
    let all = lines(node).chain(node.detail.iter().cloned());
    all.map(|line| escape(&line, DETAIL_COLUMNS)).collect::<Vec<_>>().join("\n")
}

/// Kinds of edges that a person may not guess, in use here.
fn legend_kinds(graph: &Graph) -> Vec<EdgeKind> {
    let used: BTreeSet<&str> = graph.edges.iter().map(|edge| edge.kind.name()).collect();
    EdgeKind::ALL.into_iter().filter(|kind| used.contains(kind.name())).collect()
}

fn render_legend(kinds: &[EdgeKind], top: u32, out: &mut String) {
    let (mut x, y) = (layout::MARGIN, top + layout::LEGEND / 2);
    for kind in kinds {
        let words = edges::meaning(*kind);
        let _ = writeln!(
            out,
            "<path class=\"edge {}\" d=\"M{x} {}h28\"/><text class=\"note\" x=\"{}\" y=\"{y}\">{words}</text>",
            kind.name(),
            y - 4,
            x + 36
        );
        x += 60 + 7 * u32::try_from(words.len()).unwrap_or(0);
    }
}

/// Text from anywhere, safe in XML.
fn escape(text: &str, columns: usize) -> String {
    let mut out = String::with_capacity(text.len());
    for c in cut(&visible_line(text), columns).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            _ => out.push(c),
        }
    }
    out
}
