//! The pure choice: ready tasks to free workers.
//!
//! Invariant: a task that can't run here is never claimed. Whether it can is asked of the caller, who knows the runtimes.

use std::collections::VecDeque;

use crate::ids::WorkerId;
use crate::tracker::Task;

/// Whether a task can run here now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fitness<P, H> {
    /// It can.
    Fit,
    /// Not now.
    HeldBack(H),
    /// Never.
    Unfit(P),
}

/// What a tick decided; `P` says why a task can't run here, `H` why it can't now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice<P, H> {
    /// A task for each of as many workers as there are tasks.
    pub assignments: Vec<(WorkerId, Task)>,
    /// Tasks beyond the free workers, best first, for claims that are lost.
    pub spare: VecDeque<Task>,
    /// Tasks that can't run here.
    pub unrunnable: Vec<(Task, P)>,
    /// Why tasks that could run here can't now.
    pub held_back: Vec<H>,
}

/// Gives ready tasks, in their order, to free workers, in theirs. `fitness` is asked once for each, with the worker that
/// it would go to.
pub fn choose<P, H>(
    ready: Vec<Task>,
    free: &[WorkerId],
    mut fitness: impl FnMut(&Task, Option<WorkerId>) -> Fitness<P, H>,
) -> Choice<P, H> {
    let (spare, held_back) = (VecDeque::new(), Vec::new());
    let mut choice = Choice { assignments: Vec::new(), spare, unrunnable: Vec::new(), held_back };
    let mut free = free.iter().copied().peekable();
    for task in ready {
        match (fitness(&task, free.peek().copied()), free.peek().copied()) {
            (Fitness::Unfit(problem), _) => choice.unrunnable.push((task, problem)),
            (Fitness::HeldBack(why), _) => choice.held_back.push(why),
            (Fitness::Fit, Some(worker)) => {
                free.next();
                choice.assignments.push((worker, task));
            }
            (Fitness::Fit, None) => choice.spare.push_back(task),
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
        let ready = ["a", "never", "later", "b", "c"].map(task).to_vec();
        let mut asked = Vec::new();
        let choice = choose(ready, &[WorkerId(1), WorkerId(3)], |task, worker| {
            asked.push(worker.map(|worker| worker.0));
            match task.id.as_str() {
                "never" => Fitness::Unfit("no program"),
                "later" => Fitness::HeldBack("it rests"),
                _ => Fitness::Fit,
            }
        });
        let assigned: Vec<_> =
            choice.assignments.iter().map(|(worker, task)| (worker.0, task.id.as_str())).collect();
        assert_eq!(assigned, [(1, "a"), (3, "b")]);
        assert_eq!(asked, [Some(1), Some(3), Some(3), Some(3), None]);
        assert_eq!(choice.spare.iter().map(|task| task.id.as_str()).collect::<Vec<_>>(), ["c"]);
        assert_eq!(choice.unrunnable.len(), 1);
        assert_eq!(choice.unrunnable[0].1, "no program");
        assert_eq!(choice.held_back, ["it rests"]);
    }
}
