//! The graph of tasks, coloured by outcome.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use super::page::Page;
use super::{Report, frame};
use crate::ids::TaskId;
use crate::record::view::{RunView, TaskView};
use crate::render::figures::{count, grouped};
use crate::render::graph::{Graph, svg};
use crate::settings::secret::SecretValues;

/// Most tasks that are drawn: beyond, a picture says nothing any more.
pub const MAX_DRAWN: usize = 120;

/// What of a run is drawn: everything, or, where that is too much, what did not simply close and what it builds on. A view
/// of these tasks alone.
pub fn drawn(view: &RunView) -> RunView {
    let left = view.leftovers.iter().map(|left| &left.task);
    let all: BTreeSet<&TaskId> = view.tasks.keys().chain(left.clone()).collect();
    let wanted = if all.len() <= MAX_DRAWN {
        all
    } else {
        let open: Vec<&TaskView> = view.tasks.values().filter(|task| !has_simply_closed(task)).collect();
        let under = open.iter().flat_map(|task| &task.builds_on);
        open.iter().map(|task| &task.id).chain(left).chain(under).take(MAX_DRAWN).collect()
    };
    let tasks: BTreeMap<TaskId, TaskView> = wanted.iter().filter_map(|id| part(view, id, &wanted)).collect();
    let leftovers = view.leftovers.iter().filter(|left| wanted.contains(&left.task)).cloned().collect();
    let mut drawn = RunView::new();
    (drawn.tasks, drawn.leftovers) = (tasks, leftovers);
    drawn
}

fn has_simply_closed(task: &TaskView) -> bool {
    task.is_closed && task.attempts <= 1 && task.bug.is_none()
}

/// A task with its edges to others that are drawn.
fn part(view: &RunView, id: &TaskId, wanted: &BTreeSet<&TaskId>) -> Option<(TaskId, TaskView)> {
    let mut task = view.tasks.get(id)?.clone();
    task.builds_on.retain(|on| wanted.contains(on));
    Some((id.clone(), task))
}

pub(super) fn write(page: &mut Page<'_>, report: &Report<'_>) -> fmt::Result {
    frame::section(page, "graph", "What needed what")?;
    let (drawn, all) = (report.tasks.node_count(), report.view.tasks.len());
    if drawn < all {
        page.raw("<p class=\"soft\">")?;
        page.show(format_args!("{} of {} tasks: ", grouped(drawn as u64), grouped(all as u64)))?;
        page.raw("those that did not close at their first attempt, and what they build on. <code>hew loop graph --tasks</code> draws all of them.</p>\n")?;
    }
    if drawn == 0 {
        page.raw("<p class=\"none\">There is nothing to draw.</p>\n")?;
        return frame::end_section(page);
    }
    page.raw("<div class=\"graph scroll\" role=\"region\" tabindex=\"0\" aria-label=\"Graph of tasks, scrollable\">\n")?;
    page.picture(&svg::render(&without_secrets(report.tasks, report.secrets)))?;
    page.raw("</div>\n")?;
    needs(page, report)?;
    frame::end_section(page)
}

/// A picture makes its own text safe, but knows of no secrets.
fn without_secrets(graph: &Graph, secrets: &SecretValues) -> Graph {
    let mut graph = graph.clone();
    let clusters = graph.clusters.iter_mut();
    let nodes = clusters.flat_map(|part| {
        part.lanes.iter_mut().flat_map(|lane| lane.nodes.iter_mut()).chain(part.loose.iter_mut())
    });
    for node in nodes {
        for text in node.label.iter_mut().chain(node.detail.iter_mut()) {
            *text = secrets.left_out_of(text).into_owned();
        }
    }
    graph
}

/// The same in words, for those who can't see it.
fn needs(page: &mut Page<'_>, report: &Report<'_>) -> fmt::Result {
    let edges = &report.tasks.edges;
    if edges.is_empty() {
        return Ok(());
    }
    let names = report.tasks.nodes().map(|node| (node.key, node.name.as_str())).collect::<HashMap<_, _>>();
    let name = |key| names.get(&key).copied().unwrap_or("?");
    page.raw("<details>\n<summary>The same in words: ")?;
    page.show(count(edges.len() as u64, "dependency", "dependencies"))?;
    page.raw("</summary>\n<ul class=\"notices\">\n")?;
    for edge in edges {
        page.around("<li><code>", name(edge.to), "</code> needs <code>")?;
        page.around("", name(edge.from), "</code></li>\n")?;
    }
    page.raw("</ul>\n</details>\n")
}
