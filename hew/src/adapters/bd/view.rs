//! The whole list at one moment: every record, and what bd says is ready.

use hew_core::ids::{Actor, TaskId};
use hew_core::tracker::jsonl::{Line, Memory, parse_line};
use hew_core::tracker::ready::Graph;
use hew_core::tracker::{Leftover, LeftoverReason, ReadyQuery, Scope, Status, Task, TrackerError};
use serde_json::Value;

use super::answer::Answer;
use super::{BdTracker, ask};
use chrono::{DateTime, Utc};

/// Records of kinds that hew does not know are no tasks.
const KNOWN_KINDS: [&str; 3] = ["", "issue", "memory"];

/// Every record, and the ids of what bd says is ready, in bd's order.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct View {
    pub(super) tasks: Vec<Task>,
    ready: Vec<TaskId>,
}

impl BdTracker {
    /// Reads everything afresh.
    pub(super) fn read_view(&self) -> Result<View, TrackerError> {
        let ready = self.read_ready()?;
        let (tasks, _) = self.read_records()?;
        Ok(View { tasks, ready })
    }

    /// The list of records that were read just now.
    pub(super) fn view_of(&self, tasks: Vec<Task>) -> Result<View, TrackerError> {
        Ok(View { tasks, ready: self.read_ready()? })
    }

    fn read_ready(&self) -> Result<Vec<TaskId>, TrackerError> {
        let call =
            self.program.call(&["ready", "--json", "--limit=0", "--sort=priority", "--exclude-type=epic"]);
        let ready = ask(&call.arg("--unassigned"), Answer::tasks)?;
        Ok(ready.into_iter().map(|task| task.id).collect())
    }

    /// All records, hidden kinds too.
    pub(super) fn read_records(&self) -> Result<(Vec<Task>, Vec<Memory>), TrackerError> {
        ask(&self.program.call(&["export", "--all"]), |answer| {
            if !answer.exit.is_success() {
                return Err(answer.failure());
            }
            let text = std::str::from_utf8(&answer.stdout).map_err(|_| answer.failure())?;
            records(text).map_err(|reason| self.trouble(format!("`{}`: {reason}", answer.command())))
        })
    }
}

fn records(text: &str) -> Result<(Vec<Task>, Vec<Memory>), String> {
    let (mut tasks, mut memories) = (Vec::new(), Vec::new());
    let lines = text.lines().enumerate().filter(|(_, line)| line.starts_with('{') && is_known(line));
    for (number, line) in lines {
        match parse_line(line).map_err(|reason| format!("line {}: {reason}", number + 1))? {
            Line::Task(mut task) => {
                task.record.shift_remove("_type");
                tasks.push(*task);
            }
            Line::Memory(memory) => memories.push(memory),
        }
    }
    Ok((tasks, memories))
}

fn is_known(line: &str) -> bool {
    let kind = serde_json::from_str::<Value>(line).ok().and_then(|record| {
        let kind = record.get("_type")?;
        Some(kind.as_str().unwrap_or("?").to_owned())
    });
    kind.is_none_or(|kind| KNOWN_KINDS.contains(&kind.as_str()))
}

impl View {
    /// What bd and hew's own rule both call ready, in bd's order.
    pub(super) fn ready(&self, query: &ReadyQuery, now: DateTime<Utc>) -> Vec<Task> {
        let unlimited = ReadyQuery { limit: None, ..query.clone() };
        let by_rule = Graph::new(&self.tasks).ready(&unlimited, now);
        let found = self.ready.iter().filter_map(|id| by_rule.iter().find(|task| task.id == *id));
        found.take(query.limit.unwrap_or(usize::MAX)).map(|task| (*task).clone()).collect()
    }

    /// What is left to be done, and why it can't start.
    pub(super) fn leftovers(&self, query: &ReadyQuery, now: DateTime<Utc>, limit: usize) -> Vec<Leftover> {
        let mut left = Graph::new(&self.tasks).leftovers(query, now, limit);
        for task in left.iter_mut().filter(|task| task.why == LeftoverReason::Ready) {
            let blockers = self.outside_blockers(&task.id);
            if !blockers.is_empty() && !self.ready.contains(&task.id) {
                task.why = LeftoverReason::BlockedBy(blockers);
            }
        }
        left
    }

    /// What a task waits for in other projects: only bd knows whether it is there.
    fn outside_blockers(&self, id: &TaskId) -> Vec<TaskId> {
        let task = self.tasks.iter().find(|task| task.id == *id);
        let edges = task.map_or(&[][..], |task| &task.dependencies);
        edges.iter().map(|edge| &edge.on).filter(|on| on.as_str().starts_with("external:")).cloned().collect()
    }

    pub(super) fn count_open(&self, scope: &Scope) -> usize {
        Graph::new(&self.tasks).count_open(scope)
    }
}

/// What an actor holds, by the beginning of its name.
pub(super) fn held_by(tasks: &[Task], actor_prefix: &str) -> Vec<TaskId> {
    let holds = |actor: &Actor| actor.as_str().starts_with(actor_prefix);
    let held = tasks.iter().filter(|task| task.status == Status::InProgress);
    held.filter(|task| task.assignee.as_ref().is_some_and(holds)).map(|task| task.id.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_that_are_no_tasks_and_lines_that_are_no_records_are_passed_by() {
        let task = r#"{"_type":"issue","id":"a","title":"A","created_at":"2026-01-01T00:00:00Z","updated_at":"2026-01-01T00:00:00Z"}"#;
        let memory = r#"{"_type":"memory","key":"k","value":"v"}"#;
        let text = format!("warning: something\n{task}\n{{\"_type\":\"event\",\"id\":7}}\n\n{memory}\n");
        let (tasks, memories) = records(&text).unwrap();
        assert_eq!((tasks.len(), memories.len()), (1, 1));
        assert!(!tasks[0].record.contains_key("_type"));
        let broken = text.replace("\"title\":\"A\"", "\"title\":7");
        assert!(records(&broken).unwrap_err().starts_with("line 2: title"));
        assert!(records("{\"id\":\"a\"\n").unwrap_err().starts_with("line 1: not JSON"));
    }
}
