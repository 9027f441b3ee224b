//! The graph of tasks, coloured by outcome.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::page::Page;
use super::{Report, frame};
use crate::ids::TaskId;
use crate::record::view::{RunView, TaskView};
use crate::render::figures::grouped;

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
    }
    frame::end_section(page)
}
