//! Where tasks live. [`BdClient`] is what a run needs of a tracker, [`TaskEditor`] what a person needs besides.
//!
//! Invariants: ids are opaque and passed whole; a claim is won by exactly one actor; nothing in a record is dropped,
//! known or not. Every operation answers with what it found, so that the caller never guesses from an error text.

pub mod change;
pub mod cycle;
pub mod edit;
mod fields;
pub mod jsonl;
pub mod line;
pub mod many;
pub mod nearest;
pub mod ready;
pub mod record;
pub mod task;

use std::collections::BTreeSet;

use crate::exit::CommandFailure;
use crate::ids::{Actor, TaskId};
pub use line::TaskLine;
pub use task::{Dependency, DependencyKind, NewTask, Status, Task, TaskPatch};

/// Which slice of the queue a run may take from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Everything that is ready.
    Ready,
    /// Descendants, at any depth, of these epics.
    Epics(BTreeSet<TaskId>),
    /// Just these tasks.
    Tasks(BTreeSet<TaskId>),
}

/// A question for tasks that could start now, best first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadyQuery {
    /// The slice of the queue.
    pub scope: Scope,
    /// Answer only these; none is all.
    pub only: Option<BTreeSet<TaskId>>,
    /// Never answer these (running, waiting for a retry time, filed by this run).
    pub exclude: BTreeSet<TaskId>,
    /// Count these as open whatever the tracker says: touched by this run and not yet settled by its own close.
    pub hold_open: BTreeSet<TaskId>,
    /// Answer tasks labelled `hew:parked` too.
    pub with_parked: bool,
    /// Answer at most this many; `None` is all of them.
    pub limit: Option<usize>,
}

impl ReadyQuery {
    /// The scope with `only` taken into it where that can be: so few tasks are found without looking at all.
    pub fn narrowed_scope(&self) -> Scope {
        match (&self.scope, &self.only) {
            (Scope::Ready, Some(only)) => Scope::Tasks(only.clone()),
            (Scope::Tasks(tasks), Some(only)) => Scope::Tasks(tasks.intersection(only).cloned().collect()),
            (scope, _) => scope.clone(),
        }
    }
}

/// The label of a task that has used up its attempts.
pub const PARKED_LABEL: &str = "hew:parked";

/// Metadata key: on a bug task, the task or run whose conflict it describes.
pub const CONFLICT_OF: &str = "hew.conflict_of";

/// What came of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimOutcome {
    /// The claim is ours, read back: the task as it is now.
    Won(Box<Task>),
    /// Somebody else holds it.
    HeldBy(Actor),
    /// It is no longer open.
    NotOpen(Status),
    /// No such task.
    Missing,
}

/// What came of giving a claim back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReleaseOutcome {
    /// The task is open and unassigned.
    Released,
    /// Somebody else holds the task now; it was left alone.
    HeldBy(Actor),
    /// The task is closed; it was left alone.
    Closed,
    /// No such task.
    Missing,
}

/// What came of a close.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CloseOutcome {
    /// Closed, read back.
    Closed,
    /// It was closed before; reason and time are unchanged.
    AlreadyClosed,
    /// The tracker will not close it, for this reason.
    Refused(String),
    /// No such task.
    Missing,
}

/// A task that is left over in a scope, and why it can't start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// The task.
    pub id: TaskId,
    /// Its title.
    pub title: String,
    /// Why it can't start.
    pub why: LeftoverReason,
}

/// Why a task in scope can't start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeftoverReason {
    /// It could start.
    Ready,
    /// It waits for these.
    BlockedBy(Vec<TaskId>),
    /// Label `hew:parked`.
    Parked,
    /// Somebody holds it.
    AssignedTo(Actor),
    /// It is put off until later, or has a status other than open.
    Status(Status),
    /// Its `defer_until` lies ahead.
    Deferred,
}

/// A tracker that can't answer. What a tracker does answer is never an error.
#[derive(Debug, thiserror::Error)]
pub enum TrackerError {
    /// The store can't be opened or read.
    #[error("tracker {store}: {reason}")]
    Store {
        /// The file or folder.
        store: String,
        /// What went wrong.
        reason: String,
    },
    /// The store was written by a newer version.
    #[error("tracker {store} has schema version {found}; this hew knows up to {known}")]
    NewerSchema {
        /// The file.
        store: String,
        /// The version in the file.
        found: i64,
        /// The newest version that is known.
        known: i64,
    },
    /// Input that can't be stored, e.g. an empty title or a cycle.
    #[error("{0}")]
    Invalid(String),
    /// No such task.
    #[error("no task {0}")]
    Missing(TaskId),
    /// A tracker program failed.
    #[error(transparent)]
    Command(#[from] CommandFailure),
}

/// What a run needs of a tracker. Calls may come from several threads; writes go one after another.
pub trait BdClient: Send + Sync {
    /// Tasks that could start now by the rule of [`ready`], epics and assigned ones left out, best first.
    fn ready(&self, query: &ReadyQuery) -> Result<Vec<Task>, TrackerError>;
    /// The same, as lines of a list show them.
    fn ready_lines(&self, query: &ReadyQuery) -> Result<Vec<TaskLine>, TrackerError> {
        Ok(self.ready(query)?.iter().map(TaskLine::from).collect())
    }
    /// One task, read afresh.
    fn task(&self, id: &TaskId) -> Result<Option<Task>, TrackerError>;
    /// These tasks, those that are there, in any order; no older than the last change that was told of.
    fn tasks(&self, ids: &[&TaskId]) -> Result<Vec<Task>, TrackerError> {
        ids.iter().filter_map(|id| self.task(id).transpose()).collect()
    }
    /// Takes a task for `actor` (status `in_progress`) if it is open and unassigned, or already `actor`'s.
    fn claim(&self, id: &TaskId, actor: &Actor) -> Result<ClaimOutcome, TrackerError>;
    /// Gives `actor`'s claim back: open and unassigned.
    fn release(&self, id: &TaskId, actor: &Actor) -> Result<ReleaseOutcome, TrackerError>;
    /// Closes a task and reads it back.
    fn close(&self, id: &TaskId, reason: &str, actor: &Actor) -> Result<CloseOutcome, TrackerError>;
    /// Makes a closed task open and unassigned again; an open one is left as it is.
    fn reopen(&self, id: &TaskId) -> Result<(), TrackerError>;
    /// Adds a paragraph to the task's notes.
    fn note(&self, id: &TaskId, text: &str) -> Result<(), TrackerError>;
    /// Adds labels.
    fn add_labels(&self, id: &TaskId, labels: &[&str]) -> Result<(), TrackerError>;
    /// Files a new task.
    fn create(&self, task: &NewTask) -> Result<TaskId, TrackerError>;
    /// Tasks that are held (in progress) by an actor with this prefix.
    fn held_by(&self, actor_prefix: &str) -> Result<Vec<TaskId>, TrackerError>;
    /// Open tasks of a scope, epics left out, each with what keeps it from starting. At most `limit`.
    fn leftovers(&self, query: &ReadyQuery, limit: usize) -> Result<Vec<Leftover>, TrackerError>;
    /// The same for a guess of what is to come: it may be somewhat old where a new answer is dear.
    fn look_ahead(&self, query: &ReadyQuery, limit: usize) -> Result<Vec<Leftover>, TrackerError> {
        self.leftovers(query, limit)
    }
    /// Tasks of a scope that are neither closed nor epics: what is still to be done.
    fn count_open(&self, scope: &Scope) -> Result<usize, TrackerError>;
    /// Memories: short texts that every agent is told. Key and value, sorted by key.
    fn memories(&self) -> Result<Vec<(String, String)>, TrackerError>;
    /// Keeps a memory; one with this key is replaced.
    fn remember(&self, key: &str, text: &str) -> Result<(), TrackerError>;
    /// Drops a memory; one that is not there is no error.
    fn forget(&self, key: &str) -> Result<(), TrackerError>;
}

/// Filters of `hew task list`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TaskFilter {
    /// Any of these statuses; empty is every status but closed ones.
    pub statuses: Vec<Status>,
    /// Any of these types.
    pub types: Vec<String>,
    /// All of these labels.
    pub labels: Vec<String>,
    /// Closed tasks too.
    pub all: bool,
}

/// What an import did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImportReport {
    /// New records.
    pub created: usize,
    /// Records that replaced an older one.
    pub updated: usize,
    /// Records older than, or equal to, what is stored.
    pub unchanged: usize,
    /// Memories stored.
    pub memories: usize,
    /// Lines that were left out, with their number and what is wrong (only with `skip_bad`).
    pub skipped: Vec<(usize, String)>,
    /// Ids that came twice; the newer record won.
    pub duplicates: Vec<TaskId>,
}

/// What a person does with tasks, over whichever tracker is in use.
pub trait TaskEditor: BdClient {
    /// Tasks by filter: priority, oldest first, id.
    fn list(&self, filter: &TaskFilter) -> Result<Vec<Task>, TrackerError>;
    /// Changes fields, all or none.
    fn update(&self, id: &TaskId, patch: &TaskPatch) -> Result<Task, TrackerError>;
    /// `task` waits for `prerequisite` (`blocks`), or another kind of edge. A cycle is refused.
    fn add_dependency(
        &self,
        task: &TaskId,
        prerequisite: &TaskId,
        kind: &DependencyKind,
    ) -> Result<(), TrackerError>;
    /// Removes every edge from `task` to `prerequisite`; false if there was none.
    fn remove_dependency(&self, task: &TaskId, prerequisite: &TaskId) -> Result<bool, TrackerError>;
    /// Files many tasks in one transaction. Dependencies and parents may name tasks of the same list by `NewTask::local_name`.
    fn create_all(&self, tasks: &[NewTask]) -> Result<Vec<TaskId>, TrackerError>;
    /// Reads beads JSONL, all lines or none unless `skip_bad`.
    fn import(&self, jsonl: &str, skip_bad: bool) -> Result<ImportReport, TrackerError>;
    /// Writes beads JSONL: one record an id, sorted by id, then memories.
    fn export(&self) -> Result<String, TrackerError>;
}
