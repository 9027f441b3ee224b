//! What is told about a conflict: to the agent that tries again, and in the bug task once attempts are used up.

use serde_json::{Map, Value};

use super::merge_back::one_line;
use crate::cut::shortened;
use crate::ids::{Actor, BranchName, CommitId, IterationId, RefName, RunId, TaskId, WorkerId};
use crate::prompt::FailedMerge;
use crate::tracker::{CONFLICT_OF, NewTask, Task};
use crate::worktree::{GitClient, GitError};

/// Metadata key: on a bug task, the ref that keeps the work that did not merge.
pub const CONFLICT_ANCHOR: &str = "hew.conflict_anchor";

/// The tasks whose conflict a candidate resolves: they are closed too once the work that did not merge is part of it.
pub fn resolves(git: &dyn GitClient, task: &Task, candidate: &CommitId) -> Result<Vec<TaskId>, GitError> {
    let originals = conflict_of(task);
    let Some(anchor) = task.metadata_text(CONFLICT_ANCHOR).filter(|_| !originals.is_empty()) else {
        return Ok(Vec::new());
    };
    let Some(work) = git.resolve(&RefName::new(anchor))? else {
        return Ok(Vec::new());
    };
    let contained = git.contains_all(candidate, &[work])?;
    Ok(if contained { originals } else { Vec::new() })
}

/// The tasks whose conflict a bug task is about: one, or all those of a worker's branch. None for any other task.
pub fn conflict_of(task: &Task) -> Vec<TaskId> {
    match task.metadata.get(CONFLICT_OF) {
        Some(Value::String(id)) if !id.is_empty() => vec![TaskId::new(id)],
        Some(Value::Array(ids)) => ids.iter().filter_map(Value::as_str).map(TaskId::new).collect(),
        _ => Vec::new(),
    }
}

/// The bug task `[merge-conflict] <task-id> <title>`; none for a task that is itself about a conflict.
pub fn bug_task(
    task: &Task,
    run: &RunId,
    iteration: IterationId,
    actor: &Actor,
    conflict: &FailedMerge,
) -> Option<NewTask> {
    if !conflict_of(task).is_empty() {
        return None;
    }
    let of = Value::String(task.id.to_string());
    let description = description(&task.id, run, iteration, conflict);
    Some(bug(title(&task.id, &task.title), description, of, &conflict.anchor, actor))
}

fn bug(title: String, description: String, of: Value, anchor: &RefName, actor: &Actor) -> NewTask {
    let mut metadata = Map::new();
    metadata.insert(CONFLICT_OF.to_owned(), of);
    metadata.insert(CONFLICT_ANCHOR.to_owned(), Value::String(anchor.to_string()));
    NewTask {
        description,
        issue_type: "bug".to_owned(),
        labels: vec!["merge-conflict".to_owned()],
        metadata,
        created_by: Some(actor.clone()),
        ..NewTask::titled(title)
    }
}

/// A worker's branch that did not land at the end of its run.
#[derive(Debug, Clone, Copy)]
pub struct FailedBranch<'a> {
    /// The run.
    pub run: &'a RunId,
    /// The worker.
    pub worker: WorkerId,
    /// Who files the bug task.
    pub actor: &'a Actor,
    /// Tasks that were done on the branch, oldest first.
    pub tasks: &'a [&'a Task],
    /// The branch.
    pub branch: &'a BranchName,
    /// The worktree that is kept, if there is one.
    pub worktree: Option<&'a str>,
    /// Where the run branch was.
    pub tip: &'a CommitId,
    /// The last green commit on the branch.
    pub work: &'a CommitId,
    /// The ref that keeps it.
    pub anchor: &'a RefName,
    /// Conflicting files; none where it merges and the gate is red.
    pub files: &'a [String],
    /// Why it did not land.
    pub reason: &'a str,
}

/// The bug task `[merge-conflict] <run-id> worker-<n>`, which names every task of the branch; none where all of them are
/// about conflicts themselves.
pub fn branch_bug_task(failed: &FailedBranch<'_>) -> Option<NewTask> {
    let of = failed.tasks.iter().filter(|task| conflict_of(task).is_empty());
    let of: Vec<Value> = of.map(|task| Value::String(task.id.to_string())).collect();
    if of.is_empty() {
        return None;
    }
    let title = format!("[merge-conflict] {} worker-{}", failed.run, failed.worker.0);
    Some(bug(title, branch_description(failed), Value::Array(of), failed.anchor, failed.actor))
}

fn branch_description(failed: &FailedBranch<'_>) -> String {
    let FailedBranch { run, worker, branch, worktree, tip, work, anchor, files, reason, .. } = failed;
    let tasks = failed.tasks.iter().map(|task| format!("- {}: {}", task.id, one_line(&task.title)));
    let tasks = tasks.collect::<Vec<_>>().join("\n");
    let files = files.iter().map(|file| format!("- `{file}`")).collect::<Vec<_>>().join("\n");
    let files = if files.is_empty() { files } else { format!("Conflicting files:\n{files}\n\n") };
    let worktree = worktree.map(|folder| format!("It is checked out in {folder}. ")).unwrap_or_default();
    format!(
        "The branch of a worker did not land at the end of its run: {reason}.\n\n\
         Tasks that were done on it, each green there:\n{tasks}\n\n\
         Run {run}, worker {worker}. The work is on the branch `{branch}`, and kept by the ref `{anchor}`. {worktree}\n\n\
         {files}Tip of the run branch: {tip}\nWork: {work}\n\n\
         To look at it:\n\n    git log --oneline {tip}..{work}\n    git diff {tip}...{work}\n    git merge-tree --write-tree {tip} {work}\n\n\
         To resolve it: merge {work} into your branch, mend what is in the way, commit. Once that has landed with {work} \
         as an ancestor, these tasks are closed too.\n"
    )
}

fn title(task: &TaskId, title: &str) -> String {
    shortened(&format!("[merge-conflict] {task} {title}"), 500)
}

fn description(task: &TaskId, run: &RunId, iteration: IterationId, conflict: &FailedMerge) -> String {
    let FailedMerge { tip, work, anchor, files } = conflict;
    let files = files.iter().map(|file| format!("- `{file}`")).collect::<Vec<_>>().join("\n");
    format!(
        "The work of task {task} does not merge with what landed meanwhile, and its attempts are used up.\n\n\
         Run {run}, iteration {iteration}. The work is kept by the ref `{anchor}`.\n\n\
         Conflicting files:\n{files}\n\n\
         Tip of the run branch: {tip}\nWork: {work}\n\n\
         To look at it:\n\n    git log --oneline {tip}..{work}\n    git diff {tip}...{work}\n    git merge-tree --write-tree {tip} {work}\n\n\
         To resolve it: merge {work} into your branch, mend the files, commit. Once that has landed with {work} as an \
         ancestor, {task} is closed too.\n"
    )
}
