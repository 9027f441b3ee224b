//! What a view holds of a run's runtimes and budgets.

use chrono::{DateTime, Utc};

use crate::ids::IterationId;
use crate::record::event::{BudgetMark, RuntimeChange};

/// How a runtime fared.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RuntimeView {
    /// How often it came to rest.
    pub rests: u64,
    /// When its rest ends, while it rests.
    pub resting_until: Option<DateTime<Utc>>,
    /// Why it rested last.
    pub why: Option<String>,
    /// Why it can't be used in this run any more.
    pub out: Option<String>,
    /// What a person does to use it again.
    pub remedy: Option<String>,
    /// Iterations that it ran in place of another.
    pub stood_in: u64,
}

impl RuntimeView {
    /// Another process goes on with the run, and asks every runtime anew.
    pub(super) fn asked_afresh(&mut self) {
        (self.resting_until, self.out, self.remedy) = (None, None, None);
    }

    pub(super) fn apply(&mut self, change: &RuntimeChange) {
        match change {
            RuntimeChange::Rests { message, until, .. } => {
                // A pause that is made longer is still the same one.
                self.rests += u64::from(self.resting_until.is_none());
                self.resting_until = Some(*until);
                self.why = Some(message.clone());
            }
            RuntimeChange::Tried | RuntimeChange::Fit => self.resting_until = None,
            RuntimeChange::Out { message, remedy } => {
                self.out = Some(message.clone());
                self.remedy.clone_from(remedy);
            }
            RuntimeChange::StandsIn { .. } => self.stood_in += 1,
        }
    }
}

/// A budget that was passed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PassedView {
    /// The limit, and what was spent when it was seen.
    pub mark: BudgetMark,
    /// The iteration whose tokens passed it.
    pub iteration: IterationId,
    /// Tokens that its agent had told of before it told of those, and then, in all.
    pub told: (u64, u64),
    /// Its agent told of them only at its end.
    pub at_end: bool,
}

impl PassedView {
    /// The agent has ended, having used so many tokens: if it told of all of them in one go, it did so at its end.
    pub(super) fn agent_ended(&mut self, iteration: IterationId, tokens: u64) {
        self.at_end |= self.iteration == iteration && self.told == (0, tokens);
    }
}
