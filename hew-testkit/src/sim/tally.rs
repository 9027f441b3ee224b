//! How often each kind of thing happened, so that nobody takes for tested what was never played.

use std::collections::BTreeMap;
use std::fmt;

use hew_core::agent::StopCause;
use hew_core::record::JournalEvent;
use hew_core::record::event::{DeliveryRecord, RuntimeChange};
use hew_core::tracker::change::TaskChange;

use super::script::Ends;

/// Counts by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    counts: BTreeMap<&'static str, u64>,
}

impl Tally {
    pub(super) fn count(&mut self, what: &'static str) {
        self.add(what, 1);
    }

    pub(super) fn add(&mut self, what: &'static str, count: u64) {
        if count > 0 {
            *self.counts.entry(what).or_default() += count;
        }
    }

    /// How often something happened.
    pub fn of(&self, what: &str) -> u64 {
        self.counts.get(what).copied().unwrap_or(0)
    }

    /// Takes another's counts in.
    pub fn merge(&mut self, other: &Self) {
        for (what, count) in &other.counts {
            self.add(what, *count);
        }
    }

    pub(super) fn count_end(&mut self, ends: Ends, stopped: Option<&StopCause>) {
        self.count(match (stopped, ends) {
            (Some(StopCause::Requested), _) => "agents stopped",
            (Some(StopCause::Timeout), _) => "agents timed out",
            (Some(StopCause::Stalled(_)), _) => "agents stalled",
            (Some(StopCause::Hopeless(_)), _) => "agents hopeless",
            (None, Ends::Failure(..)) => "runtime failures",
            (None, Ends::Blocked) => "agents blocked",
            (None, Ends::Fails) => "agents that gave up",
            (None, Ends::Exit(_)) => "agents with a bad exit code",
            (None, _) => "agents that ended well",
        });
    }

    pub(super) fn count_record(&mut self, event: &JournalEvent) {
        let what = match event {
            JournalEvent::IterationStarted { .. } => "iterations",
            JournalEvent::Landed { .. } => "landings",
            JournalEvent::Conflicted { .. } => "conflicts",
            JournalEvent::IterationEnded { outcome, .. } => outcome_word(*outcome),
            JournalEvent::TaskChanged { change, .. } => match change {
                TaskChange::Parked { .. } => "tasks parked",
                TaskChange::CloseFailed { .. } => "closes refused",
                TaskChange::LeftAlone { .. } => "tasks left alone",
                TaskChange::Filed { .. } => "bugs filed",
                TaskChange::Reopened => "tasks reopened",
                TaskChange::Closed { .. } => "tasks closed",
                TaskChange::Released => "claims given back",
            },
            JournalEvent::RetryPlanned { .. } => "retries",
            JournalEvent::RuntimeChanged { change, .. } => match change {
                RuntimeChange::Rests { .. } => "rests",
                RuntimeChange::Out { .. } => "runtimes out",
                RuntimeChange::Tried => "runtimes tried again",
                RuntimeChange::Fit => "runtimes fit again",
                RuntimeChange::StandsIn { .. } => "stand-ins",
            },
            JournalEvent::AwaitingRuntime { .. } => "waits for a runtime",
            JournalEvent::BudgetPassed { .. } => "budgets passed",
            JournalEvent::BatchPlanned { .. } => "batches",
            JournalEvent::MadeAhead { .. } => "worktrees made ahead",
            JournalEvent::Verified { .. } => "verified records",
            JournalEvent::Delivery { outcome } => match outcome {
                DeliveryRecord::Delivered { .. } => "deliveries",
                DeliveryRecord::NotWanted { .. } => "deliveries not wanted",
                DeliveryRecord::Refused { .. } => "deliveries refused",
            },
            JournalEvent::Escaped { .. } => "escapes",
            JournalEvent::RunEnded { stop_reason, .. } => reason_word(*stop_reason),
            _ => return,
        };
        self.count(what);
    }
}

fn outcome_word(outcome: hew_core::agent::IterationOutcome) -> &'static str {
    use hew_core::agent::IterationOutcome as Outcome;
    match outcome {
        Outcome::Closed => "ended closed",
        Outcome::NoClose => "ended no_close",
        Outcome::BackpressureFail => "ended backpressure_fail",
        Outcome::RuntimeError => "ended runtime_error",
        Outcome::TimedOut => "ended timed_out",
        Outcome::Stalled => "ended stalled",
        Outcome::RateLimited => "ended rate_limited",
        Outcome::Conflict => "ended conflict",
        Outcome::Blocked => "ended blocked",
        Outcome::Cancelled => "ended cancelled",
    }
}

fn reason_word(reason: hew_core::record::StopReason) -> &'static str {
    use hew_core::record::StopReason as Reason;
    match reason {
        Reason::Cancelled => "runs cancelled",
        Reason::StopFile => "runs stopped by file",
        Reason::BudgetTokens => "runs out of tokens",
        Reason::BudgetWall => "runs out of time",
        Reason::BudgetUsd => "runs out of money",
        Reason::MaxIter => "runs out of iterations",
        Reason::ReadyEmpty => "runs that ran dry",
        Reason::GuardTrip => "runs stopped by the gate",
        Reason::RuntimeError => "runs given up",
        Reason::Quota => "runs without a runtime",
        Reason::Signal => "runs ended by a signal",
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.counts.keys().map(|what| what.len()).max().unwrap_or(0);
        for (what, count) in &self.counts {
            writeln!(f, "  {what:width$}  {count:>10}")?;
        }
        Ok(())
    }
}
