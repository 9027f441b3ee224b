//! A task as hew sees it: the whole beads record, with names for the fields that decide something.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::ids::{Actor, TaskId};

/// Where a task stands. Custom statuses are kept as they are.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Status {
    /// Waiting to be done.
    Open,
    /// Claimed.
    InProgress,
    /// Set aside by hand; separate from waiting for a dependency.
    Blocked,
    /// Put off.
    Deferred,
    /// Done.
    Closed,
    /// Kept in view, never dispatched and never in the way.
    Pinned,
    /// Deleted, kept for other copies of the list.
    Tombstone,
    /// Any other word.
    Other(String),
}

impl Status {
    /// Reads the wire form; never fails.
    pub fn parse(text: &str) -> Self {
        match text {
            "open" => Self::Open,
            "in_progress" => Self::InProgress,
            "blocked" => Self::Blocked,
            "deferred" => Self::Deferred,
            "closed" => Self::Closed,
            "pinned" => Self::Pinned,
            "tombstone" => Self::Tombstone,
            other => Self::Other(other.to_owned()),
        }
    }

    /// The wire form.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Open => "open",
            Self::InProgress => "in_progress",
            Self::Blocked => "blocked",
            Self::Deferred => "deferred",
            Self::Closed => "closed",
            Self::Pinned => "pinned",
            Self::Tombstone => "tombstone",
            Self::Other(word) => word,
        }
    }

    /// Such a task blocks nobody: closed, pinned or deleted.
    pub fn is_settled(&self) -> bool {
        matches!(self, Self::Closed | Self::Pinned | Self::Tombstone)
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// What an edge between two tasks means. Unknown kinds are kept as they are.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DependencyKind {
    /// The task waits until the other is settled.
    Blocks,
    /// The same, where a condition belongs to it.
    ConditionalBlocks,
    /// The other is the task's parent.
    ParentChild,
    /// The task waits while a child of the other is live.
    WaitsFor,
    /// Any other word: related, discovered-from and so on; they never block.
    Other(String),
}

impl DependencyKind {
    /// Reads the wire form; never fails.
    pub fn parse(text: &str) -> Self {
        match text {
            "blocks" => Self::Blocks,
            "conditional-blocks" => Self::ConditionalBlocks,
            "parent-child" => Self::ParentChild,
            "waits-for" => Self::WaitsFor,
            other => Self::Other(other.to_owned()),
        }
    }

    /// The wire form.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Blocks => "blocks",
            Self::ConditionalBlocks => "conditional-blocks",
            Self::ParentChild => "parent-child",
            Self::WaitsFor => "waits-for",
            Self::Other(word) => word,
        }
    }
}

/// An edge from a task to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// What the task depends on.
    pub on: TaskId,
    /// What the edge means.
    pub kind: DependencyKind,
}

/// One task. `record` is the whole beads record, known fields and unknown; the other fields are read from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Its id.
    pub id: TaskId,
    /// Its title, 1 to 500 bytes.
    pub title: String,
    /// Where it stands.
    pub status: Status,
    /// 0 (most urgent) to 4.
    pub priority: u8,
    /// task, bug, feature, epic, chore or any other word.
    pub issue_type: String,
    /// What is to be done.
    pub description: String,
    /// How to tell that it is done.
    pub acceptance_criteria: String,
    /// Design notes.
    pub design: String,
    /// Notes added on the way.
    pub notes: String,
    /// Who holds it.
    pub assignee: Option<Actor>,
    /// Labels, in their order.
    pub labels: Vec<String>,
    /// Its parent, from its parent-child edge.
    pub parent: Option<TaskId>,
    /// All edges from this task.
    pub dependencies: Vec<Dependency>,
    /// Free fields; hew's own begin with `hew.`.
    pub metadata: Map<String, Value>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// The whole record as it would be exported.
    pub record: Map<String, Value>,
}

impl Task {
    /// A metadata value as text, if it is a non-empty string.
    pub fn metadata_text(&self, key: &str) -> Option<&str> {
        self.metadata.get(key).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    /// What it stands for elsewhere.
    pub fn external_ref(&self) -> Option<&str> {
        self.record.get("external_ref").and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    /// Has this label.
    pub fn has_label(&self, label: &str) -> bool {
        self.labels.iter().any(|l| l == label)
    }
}

/// A task to be filed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NewTask {
    /// A name by which other tasks of the same list refer to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local_name: Option<String>,
    /// 1 to 500 bytes.
    pub title: String,
    /// What is to be done.
    pub description: String,
    /// How to tell that it is done.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub acceptance_criteria: String,
    /// Any word; `task` where nothing was said.
    pub issue_type: String,
    /// 0 to 4; 2 where nothing was said.
    pub priority: u8,
    /// Labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// Id or local name of the parent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// Ids or local names of tasks that must be settled first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<String>,
    /// Free fields.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
    /// What it stands for elsewhere, e.g. a failing check; none where it stands for itself.
    pub external_ref: Option<String>,
    /// Who files it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<Actor>,
}

impl NewTask {
    /// A task of type `task`, priority 2, with nothing but a title.
    pub fn titled(title: impl Into<String>) -> Self {
        Self {
            local_name: None,
            title: title.into(),
            description: String::new(),
            acceptance_criteria: String::new(),
            issue_type: "task".to_owned(),
            priority: 2,
            labels: Vec::new(),
            parent: None,
            depends_on: Vec::new(),
            metadata: Map::new(),
            external_ref: None,
            created_by: None,
        }
    }
}

/// Changes to a task; `None` leaves a field as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TaskPatch {
    /// New title.
    pub title: Option<String>,
    /// New description.
    pub description: Option<String>,
    /// New acceptance criteria.
    pub acceptance_criteria: Option<String>,
    /// New design notes.
    pub design: Option<String>,
    /// New notes, replacing the old.
    pub notes: Option<String>,
    /// New status.
    pub status: Option<Status>,
    /// New priority.
    pub priority: Option<u8>,
    /// New type.
    pub issue_type: Option<String>,
    /// New holder; `Some(None)` takes it away.
    pub assignee: Option<Option<Actor>>,
    /// New parent; `Some(None)` takes it away.
    pub parent: Option<Option<TaskId>>,
    /// Labels to add.
    pub add_labels: Vec<String>,
    /// Labels to take away.
    pub remove_labels: Vec<String>,
    /// Metadata to set; `None` removes the key.
    pub metadata: Vec<(String, Option<Value>)>,
}
