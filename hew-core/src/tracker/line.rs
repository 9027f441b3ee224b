//! A task as one line shows it: what a long list needs, and no more.

use super::task::{Status, Task};
use crate::ids::{Actor, TaskId};

/// A task as one line shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskLine {
    /// The id.
    pub id: TaskId,
    /// The title.
    pub title: String,
    /// The status.
    pub status: Status,
    /// From 0, the most urgent.
    pub priority: u8,
    /// The type.
    pub issue_type: String,
    /// Who holds it.
    pub assignee: Option<Actor>,
    /// Its labels.
    pub labels: Vec<String>,
}

impl From<&Task> for TaskLine {
    fn from(task: &Task) -> Self {
        Self {
            id: task.id.clone(),
            title: task.title.clone(),
            status: task.status.clone(),
            priority: task.priority,
            issue_type: task.issue_type.clone(),
            assignee: task.assignee.clone(),
            labels: task.labels.clone(),
        }
    }
}
