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

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::ir::{EdgeKind, Graph, Node};
use crate::render::markup::escape;
use crate::render::table::fitting;
use crate::render::text::shown_line;
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
    out.push_str("<title>");
    for (number, cluster) in graph.clusters.iter().enumerate() {
        out.push_str(if number == 0 { "" } else { ", " });
        write_text(&mut out, &cluster.title, DETAIL_COLUMNS);
    }
    out.push_str("</title>\n");
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
    let _ = write!(out, "<text class=\"{}\" x=\"{x}\" y=\"{y}\">", area.class);
    write_text(out, &area.text, area.columns);
    out.push_str("</text>\n");
}

fn render_box(placed: &Placed<'_>, out: &mut String) {
    let Placed { node, x, y, width, height, columns } = placed;
    let _ = write!(out, "<g class=\"node {}\" id=\"{}\"><title>", node.class.name(), node.key);
    for (number, line) in lines(node).chain(node.detail.iter().map(Cow::from)).enumerate() {
        out.push_str(if number == 0 { "" } else { "\n" });
        write_text(out, &line, DETAIL_COLUMNS);
    }
    out.push_str("</title>");
    let _ = write!(out, "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"6\"/>");
    for (number, line) in lines(node).enumerate() {
        let baseline = y + layout::PAD + layout::LINE * (u32::try_from(number).unwrap_or(0) + 1) - 4;
        let _ = write!(out, "<text x=\"{}\" y=\"{baseline}\">", x + layout::PAD);
        write_text(out, &line, *columns);
        out.push_str("</text>");
    }
    out.push_str("</g>\n");
}

/// Lines of a label, the sign before the first.
fn lines(node: &Node) -> impl Iterator<Item = Cow<'_, str>> {
    node.label.iter().enumerate().map(|(number, line)| match number {
        0 => format!("{} {line}", node.glyph).into(),
        _ => line.into(),
    })
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

/// Text from anywhere, safe in XML, in at most so many columns.
fn write_text(out: &mut String, text: &str, columns: usize) {
    let _ = escape(out, &fitting(shown_line(text), columns));
}
