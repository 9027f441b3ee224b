//! One task, as its run saw it.

use crate::agent::IterationOutcome;
use crate::exit::Exit;
use crate::ids::{CommitId, IterationId, TaskId, TreeId};
use crate::record::event::{GateRecord, JournalEvent};
use crate::tracker::change::TaskChange;

/// How stands what was under way when the process that ran it was gone.
pub const CUT_OFF: &str = "cut off";

/// The proof that a gate gave, without its command and log.
#[derive(Debug, Clone, PartialEq)]
pub struct GateProofView {
    /// How it ended.
    pub exit: Exit,
    /// Seconds that it took.
    pub duration_secs: f64,
    /// The tree that it ran on.
    pub tree_sha: TreeId,
    /// `timeout` or `requested`, if it was stopped.
    pub stopped: Option<String>,
    /// Red first, green when run again.
    pub flaky: bool,
}

impl GateProofView {
    /// The proof of a record.
    pub fn of(gate: &GateRecord) -> Self {
        Self {
            exit: gate.exit,
            duration_secs: gate.duration_secs,
            tree_sha: gate.tree_sha.clone(),
            stopped: gate.stopped.clone(),
            flaky: gate.flaky,
        }
    }

    /// It ended by itself, with 0.
    pub fn is_green(&self) -> bool {
        self.stopped.is_none() && self.exit.is_success()
    }
}

/// Where a task was counted in the sums of its run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Counted {
    begun: bool,
    landed: bool,
}

/// One task, as its run saw it.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskView {
    /// The task.
    pub id: TaskId,
    /// Its title; empty if no iteration of it began.
    pub title: String,
    /// Attempts so far that count, a running one included.
    pub attempts: u32,
    /// Its latest iteration.
    pub last: Option<IterationId>,
    /// An iteration of it runs, as far as the journal says.
    pub is_running: bool,
    /// The process that ran it is gone.
    pub is_cut_off: bool,
    /// How its latest ended iteration ended.
    pub outcome: Option<IterationOutcome>,
    /// Why.
    pub reason: Option<String>,
    /// What landed.
    pub landed_sha: Option<CommitId>,
    /// The latest gate on its work.
    pub gate: Option<GateProofView>,
    /// hew's own close phase settled it.
    pub is_closed: bool,
    /// The tracker refused the close.
    pub close_failed: Option<String>,
    /// Why it was parked.
    pub parked: Option<String>,
    /// Why it was left alone.
    pub left_alone: Option<String>,
    /// The bug task that was filed for it.
    pub bug: Option<TaskId>,
    /// Dependencies landed in this run that its latest base contains.
    pub builds_on: Vec<TaskId>,
    /// Where its run counted it already.
    pub(super) counted: Counted,
}

impl TaskView {
    pub(super) fn new(id: TaskId, counted: Counted) -> Self {
        Self {
            id,
            title: String::new(),
            attempts: 0,
            last: None,
            is_running: false,
            is_cut_off: false,
            outcome: None,
            reason: None,
            landed_sha: None,
            gate: None,
            is_closed: false,
            close_failed: None,
            parked: None,
            left_alone: None,
            bug: None,
            builds_on: Vec::new(),
            counted,
        }
    }

    /// How it stands while an iteration of it has not ended, in a word.
    pub fn word_under_way(&self) -> &'static str {
        if self.is_cut_off { CUT_OFF } else { "running" }
    }

    /// Marks it as begun; true the first time, when its run counts it.
    pub(super) fn mark_begun(&mut self) -> bool {
        !std::mem::replace(&mut self.counted.begun, true)
    }

    /// Marks it as landed if something of it has; true the first time, when its run counts it.
    pub(super) fn mark_landed(&mut self) -> bool {
        self.landed_sha.is_some() && !std::mem::replace(&mut self.counted.landed, true)
    }

    pub(super) fn apply(&mut self, event: &JournalEvent) {
        match event {
            JournalEvent::IterationStarted { iteration, title, attempt, builds_on, .. } => {
                self.title.clone_from(title);
                self.attempts = *attempt;
                self.last = Some(*iteration);
                self.is_running = true;
                self.builds_on.clone_from(builds_on);
            }
            JournalEvent::Landed { sha, .. } => self.landed_sha = Some(sha.clone()),
            JournalEvent::IterationEnded { outcome, reason, landed_sha, spares_attempt, .. } => {
                self.is_running = false;
                self.attempts = self.attempts.saturating_sub(u32::from(*spares_attempt));
                self.outcome = Some(*outcome);
                self.reason.clone_from(reason);
                if landed_sha.is_some() {
                    self.landed_sha.clone_from(landed_sha);
                }
            }
            _ => {}
        }
    }

    pub(super) fn change(&mut self, change: &TaskChange) {
        match change {
            TaskChange::Closed { landed_sha } => {
                self.is_closed = true;
                self.close_failed = None;
                if landed_sha.is_some() {
                    self.landed_sha.clone_from(landed_sha);
                }
            }
            TaskChange::CloseFailed { reason } => self.close_failed = Some(reason.clone()),
            TaskChange::Released => {}
            TaskChange::Reopened => self.is_closed = false,
            TaskChange::LeftAlone { reason } => self.left_alone = Some(reason.clone()),
            TaskChange::Parked { reason } => self.parked = Some(reason.clone()),
            TaskChange::Filed { bug } => self.bug = Some(bug.clone()),
        }
    }
}
