//! The pure choice: ready tasks to free workers.
//!
//! Invariant: a task that can't run here is never claimed.

use std::collections::VecDeque;

use crate::ids::{TaskId, WorkerId};
use crate::plan::RuntimeProblem;
use crate::plan::runtime;
use crate::settings::Settings;
use crate::tracker::Task;

/// What a tick decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// A task for each of as many workers as there are tasks.
    pub assignments: Vec<(WorkerId, Task)>,
    /// Tasks beyond the free workers, best first, for claims that are lost.
    pub spare: VecDeque<Task>,
    /// Tasks that can't run here.
    pub unrunnable: Vec<(TaskId, String, RuntimeProblem)>,
}

/// Gives ready tasks, in their order, to free workers, in theirs.
pub fn choose(ready: Vec<Task>, free: &[WorkerId], settings: &Settings) -> Choice {
    let mut choice = Choice { assignments: Vec::new(), spare: VecDeque::new(), unrunnable: Vec::new() };
    let mut free = free.iter();
    for task in ready {
        if let Err(problem) = runnable(&task, settings) {
            choice.unrunnable.push((task.id, task.title, problem));
        } else if let Some(&worker) = free.next() {
            choice.assignments.push((worker, task));
        } else {
            choice.spare.push_back(task);
        }
    }
    choice
}

/// The task's runtime is defined and has something to run.
pub fn runnable(task: &Task, settings: &Settings) -> Result<(), RuntimeProblem> {
    let choice = runtime::choose(task, settings);
    let def = runtime::definition(&choice, settings)?;
    if choice.name.as_str() == runtime::SHELL {
        return runtime::shell_command(Some(task), def, &settings.shell_allow_task_commands, &choice)
            .map(drop);
    }
    if def.command.value.is_none() {
        return Err(runtime::no_command(&choice));
    }
    Ok(())
}
