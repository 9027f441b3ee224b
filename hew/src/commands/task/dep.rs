//! `hew task dep`.

use std::collections::BTreeSet;

use hew_core::ids::TaskId;
use hew_core::output::Output;
use hew_core::render::task::headline;
use hew_core::render::text::visible;
use hew_core::tracker::{DependencyKind, Task, TaskLine};
use schemars::JsonSchema;
use serde::Serialize;

use super::Desk;
use crate::cli::task_args::{DepAddArgs, DepCommand, EdgeArgs, IdArg};
use crate::failure::{Failure, code};

pub(super) fn run(desk: &Desk<'_>, command: DepCommand) -> Result<u8, Failure> {
    match command {
        DepCommand::Add(args) => add(desk, &args),
        DepCommand::Remove(args) => remove(desk, &args),
        DepCommand::Tree(args) => tree(desk, &args),
    }
}

fn ends(edge: &EdgeArgs) -> (TaskId, TaskId) {
    (TaskId::new(&edge.task), TaskId::new(&edge.prerequisite))
}

fn add(desk: &Desk<'_>, args: &DepAddArgs) -> Result<u8, Failure> {
    let (task, prerequisite) = ends(&args.edge);
    let kind = DependencyKind::parse(&args.kind);
    let added = desk.tracker.add_dependency(&task, &prerequisite, &kind);
    added.map_err(|error| desk.refused(error))?;
    desk.tell(&desk.existing(&task)?, &format!("{task} {} {prerequisite}", verb(&kind)));
    Ok(code::OK)
}

fn verb(kind: &DependencyKind) -> &str {
    match kind {
        DependencyKind::Blocks | DependencyKind::ConditionalBlocks => "waits for",
        DependencyKind::ParentChild => "is part of",
        DependencyKind::WaitsFor => "waits for the children of",
        DependencyKind::Other(word) => word,
    }
}

fn remove(desk: &Desk<'_>, args: &EdgeArgs) -> Result<u8, Failure> {
    let (task, prerequisite) = ends(args);
    let removed = desk.tracker.remove_dependency(&task, &prerequisite);
    if !removed.map_err(|error| desk.refused(error))? {
        return Err(Failure::failed(format!("{task} does not depend on {prerequisite}"))
            .hint(format!("hew task dep tree {task}")));
    }
    desk.tell(&desk.existing(&task)?, &format!("{task} no longer depends on {prerequisite}"));
    Ok(code::OK)
}

/// A place in the tree of what a task waits for, depth first.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::commands) struct TreeNode<'a> {
    /// Edges from the task that was asked for.
    depth: usize,
    /// The kind of the edge that leads here; null for that task.
    edge: Option<&'a str>,
    /// The task.
    id: &'a TaskId,
    /// Its title; null where the tracker has no such task.
    title: Option<&'a str>,
    /// Its status; null where the tracker has no such task.
    status: Option<&'a str>,
    /// It came before, and what it depends on is not told again.
    repeated: bool,
}

impl Output for TreeNode<'_> {
    const KIND: &'static str = "task_tree_node";
}

/// A place in the tree, still to be printed.
struct Branch {
    id: TaskId,
    depth: usize,
    kind: Option<DependencyKind>,
}

/// Depth first, each task's own edges once: a task that comes again is shown, but not what it depends on.
fn tree(desk: &Desk<'_>, args: &IdArg) -> Result<u8, Failure> {
    let root = desk.existing(&TaskId::new(&args.id))?;
    let mut seen = BTreeSet::new();
    let mut line = vec![Branch { id: root.id, depth: 0, kind: None }];
    while let Some(branch) = line.pop() {
        let task = desk.tracker.task(&branch.id).map_err(|error| desk.refused(error))?;
        let is_new = seen.insert(branch.id.clone());
        print(desk, &branch, task.as_ref(), is_new);
        let edges = task.filter(|_| is_new).map(|task| task.dependencies).unwrap_or_default();
        line.extend(edges.into_iter().rev().map(|edge| Branch {
            id: edge.on,
            depth: branch.depth + 1,
            kind: Some(edge.kind),
        }));
    }
    Ok(code::OK)
}

fn print(desk: &Desk<'_>, branch: &Branch, task: Option<&Task>, is_new: bool) {
    let kind = branch.kind.as_ref().map(DependencyKind::as_str);
    if desk.ui.is_json() {
        desk.ui.print_output(&TreeNode {
            depth: branch.depth,
            edge: kind,
            id: &branch.id,
            title: task.map(|task| task.title.as_str()),
            status: task.map(|task| task.status.as_str()),
            repeated: !is_new,
        });
        return;
    }
    let kind = kind.filter(|kind| *kind != "blocks").map(|kind| format!("({kind}) ")).unwrap_or_default();
    let again = if is_new { "" } else { " (see above)" };
    let text = task.map_or_else(|| "not in this tracker".to_owned(), |task| headline(&TaskLine::from(task)));
    let indent = "  ".repeat(branch.depth);
    desk.ui.print(&format!("{indent}{}{}  {text}{again}\n", visible(&kind), visible(branch.id.as_str())));
}
