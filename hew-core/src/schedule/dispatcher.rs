//! The pure choice: ready tasks to free workers.
//!
//! Invariant: a task that can't run here is never claimed. Whether it can is asked of the caller, who knows the runtimes.

use std::collections::VecDeque;

use crate::ids::WorkerId;
use crate::tracker::Task;

/// What a tick decided; `P` says why a task can't run here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice<P> {
    /// A task for each of as many workers as there are tasks.
    pub assignments: Vec<(WorkerId, Task)>,
    /// Tasks beyond the free workers, best first, for claims that are lost.
    pub spare: VecDeque<Task>,
    /// Tasks that can't run here.
    pub unrunnable: Vec<(Task, P)>,
}

/// Gives ready tasks, in their order, to free workers, in theirs.
pub fn choose<P>(
    ready: Vec<Task>,
    free: &[WorkerId],
    runnable: impl Fn(&Task) -> Result<(), P>,
) -> Choice<P> {
    let mut choice = Choice { assignments: Vec::new(), spare: VecDeque::new(), unrunnable: Vec::new() };
    let mut free = free.iter();
    for task in ready {
        if let Err(problem) = runnable(&task) {
            choice.unrunnable.push((task, problem));
        } else if let Some(&worker) = free.next() {
            choice.assignments.push((worker, task));
        } else {
            choice.spare.push_back(task);
        }
    }
    choice
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tracker::record::task_from_record;

    fn task(id: &str) -> Task {
        let line = format!(
            r#"{{"id":"{id}","title":"T","created_at":"2026-01-01T00:00:00Z","updated_at":"2026-01-01T00:00:00Z"}}"#
        );
        task_from_record(serde_json::from_str(&line).unwrap()).unwrap()
    }

    #[test]
    fn tasks_go_to_workers_in_order_and_what_cannot_run_takes_nobodys_place() {
        let ready = ["a", "never", "b", "c"].map(task).to_vec();
        let can_run = |task: &Task| if task.id.as_str() == "never" { Err("no program") } else { Ok(()) };
        let choice = choose(ready, &[WorkerId(1), WorkerId(3)], can_run);
        let assigned: Vec<_> =
            choice.assignments.iter().map(|(worker, task)| (worker.0, task.id.as_str())).collect();
        assert_eq!(assigned, [(1, "a"), (3, "b")]);
        assert_eq!(choice.spare.iter().map(|task| task.id.as_str()).collect::<Vec<_>>(), ["c"]);
        assert_eq!(choice.unrunnable.len(), 1);
        assert_eq!(choice.unrunnable[0].1, "no program");
    }
}
