//! A task that a run touched, as its journal leaves it.

use super::open::OpenIteration;
use crate::ids::{CommitId, RefName};
use crate::prompt::FailedMerge;
use crate::record::event::IterationOutcome;
use crate::tracker::change::TaskChange;

/// Where a touched task stands in hew's own view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stands {
    /// An iteration of it had not ended.
    Held,
    /// Settled by hew's own close.
    Settled {
        /// What landed; none where nothing had to.
        landed: Option<CommitId>,
    },
    /// Landed, but the tracker would not close it.
    Unclosed,
    /// Given back; it may be tried again.
    Released,
    /// Attempts used up, or blocked.
    Parked {
        /// Its last attempt did not merge.
        conflict: bool,
    },
    /// Somebody else has it.
    LeftAlone,
}

/// What failed before, as far as the journal has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureBefore {
    /// How it ended.
    pub outcome: IterationOutcome,
    /// Why, for people.
    pub reason: String,
    /// The gate's command and its log, relative to the run folder, if the gate was red.
    pub gate: Option<(String, String)>,
    /// The merge, if it conflicted.
    pub merge: Option<FailedMerge>,
    /// The ref that keeps the work of that attempt, if there was any.
    pub anchor: Option<RefName>,
}

/// A task that a run touched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskBefore {
    /// Its title.
    pub title: String,
    /// Attempts that count.
    pub attempts: u32,
    /// Where it stands.
    pub stands: Stands,
    /// What the next attempt is to be told.
    pub last_failure: Option<Box<FailureBefore>>,
}

/// How an iteration ended.
pub(super) struct End<'a> {
    pub(super) outcome: IterationOutcome,
    pub(super) reason: Option<&'a str>,
    pub(super) landed: Option<&'a CommitId>,
    pub(super) spares_attempt: bool,
}

impl TaskBefore {
    pub(super) fn begun(&mut self, attempt: u32) {
        self.attempts = attempt;
        self.stands = Stands::Held;
    }

    pub(super) fn ended(&mut self, iteration: &OpenIteration, end: &End<'_>) {
        self.attempts = self.attempts.saturating_sub(u32::from(end.spares_attempt));
        self.stands = match &iteration.change {
            Some(TaskChange::Closed { .. }) => Stands::Settled { landed: end.landed.cloned() },
            Some(TaskChange::CloseFailed { .. }) => Stands::Unclosed,
            Some(TaskChange::LeftAlone { .. }) => Stands::LeftAlone,
            Some(TaskChange::Parked { .. }) => {
                Stands::Parked { conflict: end.outcome == IterationOutcome::Conflict }
            }
            // A tracker that could not be told of it is told when the claim is found.
            Some(TaskChange::Released | TaskChange::Reopened | TaskChange::Filed { .. }) | None => {
                Stands::Released
            }
        };
        if self.stands != Stands::Released {
            self.last_failure = None;
            return;
        }
        let anchor = iteration.anchor();
        if end.spares_attempt && anchor.is_none() {
            // The next agent has nothing to learn from it.
            return;
        }
        let is_red = end.outcome == IterationOutcome::BackpressureFail;
        let conflicts = end.outcome == IterationOutcome::Conflict;
        self.last_failure = Some(Box::new(FailureBefore {
            outcome: end.outcome,
            reason: end.reason.unwrap_or_default().to_owned(),
            gate: iteration.red_gate.clone().filter(|_| is_red),
            merge: iteration.conflict.clone().filter(|_| conflicts),
            anchor,
        }));
    }
}
