//! What is told about a conflict: to the agent that tries again, and in the bug task once attempts are used up.

use serde_json::{Map, Value};

use crate::ids::{Actor, CommitId, IterationId, RefName, RunId, TaskId};
use crate::prompt::FailedMerge;
use crate::tracker::{CONFLICT_OF, NewTask, Task};
use crate::worktree::{GitClient, GitError};

/// Metadata key: on a bug task, the ref that keeps the work that did not merge.
pub const CONFLICT_ANCHOR: &str = "hew.conflict_anchor";

/// The task whose conflict a candidate resolves: it is closed too once the work that did not merge is part of it.
pub fn resolves(git: &dyn GitClient, task: &Task, candidate: &CommitId) -> Result<Option<TaskId>, GitError> {
    let (Some(original), Some(anchor)) =
        (task.metadata_text(CONFLICT_OF), task.metadata_text(CONFLICT_ANCHOR))
    else {
        return Ok(None);
    };
    let Some(work) = git.resolve(&RefName::new(anchor))? else {
        return Ok(None);
    };
    let contained = git.contains_all(candidate, &[work])?;
    Ok(contained.then(|| TaskId::new(original)))
}

/// The bug task `[merge-conflict] <task-id> <title>`; none for a task that is itself about a conflict.
pub fn bug_task(
    task: &Task,
    run: &RunId,
    iteration: IterationId,
    actor: &Actor,
    conflict: &FailedMerge,
) -> Option<NewTask> {
    if task.metadata_text(CONFLICT_OF).is_some() {
        return None;
    }
    let mut metadata = Map::new();
    metadata.insert(CONFLICT_OF.to_owned(), Value::String(task.id.to_string()));
    metadata.insert(CONFLICT_ANCHOR.to_owned(), Value::String(conflict.anchor.to_string()));
    Some(NewTask {
        description: description(&task.id, run, iteration, conflict),
        issue_type: "bug".to_owned(),
        labels: vec!["merge-conflict".to_owned()],
        metadata,
        created_by: Some(actor.clone()),
        ..NewTask::titled(title(&task.id, &task.title))
    })
}

fn title(task: &TaskId, title: &str) -> String {
    let mut text = format!("[merge-conflict] {task} {title}");
    if text.len() > 500 {
        let end = (0..=497).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    text
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
