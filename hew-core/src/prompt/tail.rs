//! The part of the prompt that is about one task and one attempt.

use std::fmt::Write as _;

use crate::ids::{CommitId, RefName, TaskId};
use crate::tracker::Task;

/// What a dependency landed in this run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DependencyLanding {
    /// The dependency.
    pub task: TaskId,
    /// Its title.
    pub title: String,
    /// What it landed; none where nothing had to.
    pub commit: Option<CommitId>,
}

/// A merge that did not work, with all that is needed to look at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedMerge {
    /// Where the run branch was.
    pub tip: CommitId,
    /// The work.
    pub work: CommitId,
    /// The ref that keeps the work.
    pub anchor: RefName,
    /// Conflicting files.
    pub files: Vec<String>,
}

/// What failed before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedAttempt {
    /// How it ended: the wire form of an outcome.
    pub outcome: &'static str,
    /// Why, for people.
    pub reason: String,
    /// The gate's command and the last lines of its output, if the gate was red.
    pub gate: Option<(String, String)>,
    /// The merge, if it conflicted.
    pub merge: Option<FailedMerge>,
    /// The ref that keeps the work of that attempt, if there was any.
    pub anchor: Option<RefName>,
}

/// Everything that a tail says.
#[derive(Debug, Clone, Copy)]
pub struct TailRequest<'a> {
    /// The task.
    pub task: &'a Task,
    /// Attempts at it in this run, this one included.
    pub attempt: u32,
    /// What failed before.
    pub previous: Option<&'a FailedAttempt>,
    /// What its dependencies landed.
    pub dependencies: &'a [DependencyLanding],
    /// The gate's command.
    pub gate: Option<&'a str>,
    /// What is ready and not running, best first; none where nobody asks what is next.
    pub ready: Option<&'a ReadyNow>,
}

/// Tasks that could be next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadyNow {
    /// Their ids and titles.
    pub tasks: Vec<(TaskId, String)>,
    /// There are more.
    pub has_more: bool,
}

/// The tail of one iteration's prompt.
pub fn render_tail(request: &TailRequest<'_>) -> String {
    let task = request.task;
    let mut out = format!("{}\n{}\n", heading(&task.id), task.title);
    section(&mut out, "Description", &task.description);
    section(&mut out, "Acceptance criteria", &task.acceptance_criteria);
    section(&mut out, "Design", &task.design);
    section(&mut out, "Notes", &task.notes);
    push_facts(&mut out, task);
    push_dependencies(&mut out, request.dependencies);
    if let Some(previous) = request.previous {
        push_previous(&mut out, previous, request.attempt);
    }
    if let Some(ready) = request.ready {
        push_ready(&mut out, ready);
    }
    push_how_to_end(&mut out, &task.id, request.gate);
    out
}

/// What a tail begins with.
fn heading(task: &TaskId) -> String {
    format!("# Your task: {task}\n")
}

/// Prefix and tail of a whole prompt; none where it is not about this task.
pub fn split<'a>(prompt: &'a str, task: &TaskId) -> Option<(&'a str, &'a str)> {
    let at = prompt.find(&format!("\n{}", heading(task)))?;
    Some((&prompt[..at], &prompt[at + 1..]))
}

fn section(out: &mut String, heading: &str, text: &str) {
    if !text.trim().is_empty() {
        let _ = write!(out, "\n## {heading}\n\n{}\n", text.trim_end());
    }
}

fn push_facts(out: &mut String, task: &Task) {
    let mut facts = vec![format!("type {}", task.issue_type), format!("priority {}", task.priority)];
    if !task.labels.is_empty() {
        facts.push(format!("labels {}", task.labels.join(", ")));
    }
    if let Some(parent) = &task.parent {
        facts.push(format!("parent {parent}"));
    }
    let _ = write!(out, "\n({})\n", facts.join("; "));
}

fn push_dependencies(out: &mut String, dependencies: &[DependencyLanding]) {
    if dependencies.is_empty() {
        return;
    }
    out.push_str("\n## What this builds on\n\nLanded in this run and part of your worktree:\n\n");
    for DependencyLanding { task, title, commit } in dependencies {
        let what = commit
            .as_ref()
            .map_or("nothing to land".to_owned(), |commit| format!("commit {}", commit.short()));
        let _ = writeln!(out, "- {task} {title} ({what})");
    }
}

fn push_previous(out: &mut String, previous: &FailedAttempt, attempt: u32) {
    let _ = write!(
        out,
        "\n## What failed before\n\nThis is attempt {attempt}. The one before ended as `{}`: {}\n",
        previous.outcome, previous.reason
    );
    if let Some(anchor) = &previous.anchor {
        let _ = writeln!(out, "Its work is kept by the ref `{anchor}` (`git show {anchor}`).");
    }
    if let Some((command, output)) = &previous.gate {
        let _ = write!(out, "\nThe gate `{command}` printed at its end:\n\n{}\n", fenced(output));
    }
    if let Some(merge) = &previous.merge {
        push_merge(out, merge);
    }
}

fn push_merge(out: &mut String, merge: &FailedMerge) {
    let FailedMerge { tip, work, anchor, files } = merge;
    let _ = write!(
        out,
        "\nIts work ({work}, kept by `{anchor}`) did not merge with {tip}, which is part of your worktree now. \
         Do the task anew on what is here, keeping what landed. Conflicting files:\n\n"
    );
    for file in files {
        let _ = writeln!(out, "- {file}");
    }
}

fn push_ready(out: &mut String, ready: &ReadyNow) {
    if ready.tasks.is_empty() {
        return;
    }
    out.push_str("\n## Ready now\n\nNobody works on these yet (see \"What is next\"):\n\n");
    for (task, title) in &ready.tasks {
        let _ = writeln!(out, "- {task} {title}");
    }
    if ready.has_more {
        out.push_str("- and more, which are less urgent\n");
    }
}

fn push_how_to_end(out: &mut String, task: &TaskId, gate: Option<&str>) {
    out.push_str("\n## How to end\n\n");
    if let Some(gate) = gate {
        let _ = writeln!(out, "- Your work lands only if `{gate}` passes on it: run it before you end.");
    }
    let _ = write!(
        out,
        "- Done: `hew done --reason \"<what you did>\"`, or the words `closed {task}` as your last line.\n\
         - It can't be done now: `hew blocked --reason \"<why>\"`.\n\
         - You tried and it did not work out: `hew fail --reason \"<why>\"`.\n"
    );
}

/// A fence that the text itself can't close.
fn fenced(text: &str) -> String {
    let mut longest = 2;
    let mut run = 0;
    for c in text.chars() {
        run = if c == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    let fence = "`".repeat(longest + 1);
    format!("{fence}text\n{}\n{fence}", text.trim_end())
}
