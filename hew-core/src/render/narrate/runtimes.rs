//! What happens to runtimes and budgets, one line each.

use super::super::figures::{duration_ms, stamp};
use super::about;
use crate::ids::IterationId;
use crate::record::event::{BudgetMark, JournalEvent, RuntimeChange};
use crate::record::view::RunView;

/// The line; none for other events.
pub(super) fn line(event: &JournalEvent, view: &RunView) -> Option<String> {
    Some(match event {
        JournalEvent::RetryPlanned { iteration, runtime, class, message, retry, wait_ms } => format!(
            "{} {runtime}: {message} ({}); try {} in {}",
            about(view, *iteration),
            class.as_str(),
            retry + 1,
            duration_ms(*wait_ms)
        ),
        JournalEvent::RuntimeChanged { iteration, runtime, change } => {
            format!("{} {runtime} {}", about(view, *iteration), change_words(change))
        }
        JournalEvent::AwaitingRuntime { until, why } => {
            format!("nothing can run before {}: {why}", stamp(*until))
        }
        JournalEvent::BudgetPassed { iteration, mark, .. } => passed(view, *iteration, mark),
        _ => return None,
    })
}

fn change_words(change: &RuntimeChange) -> String {
    match change {
        RuntimeChange::Rests { class, message, until, named } => {
            let until = if *named { format!("until {}", stamp(*until)) } else { at_latest(*until) };
            format!("rests for every worker {until}: {message} ({})", class.as_str())
        }
        RuntimeChange::Out { message, remedy } => {
            let remedy = remedy.as_ref().map(|remedy| format!("; to use it again: {remedy}"));
            format!("is out for this run: {message}{}", remedy.unwrap_or_default())
        }
        RuntimeChange::Tried => "is tried again after its rest".to_owned(),
        RuntimeChange::Fit => "answers again: its rest is over".to_owned(),
        RuntimeChange::StandsIn { instead_of, why } => format!("runs this instead of {instead_of} ({why})"),
    }
}

fn at_latest(until: chrono::DateTime<chrono::Utc>) -> String {
    format!("until {} at the latest", stamp(until))
}

fn passed(view: &RunView, iteration: IterationId, mark: &BudgetMark) -> String {
    let spent = match mark {
        BudgetMark::Tokens { limit, spent } => format!("{spent} of {limit} tokens are used"),
        BudgetMark::Usd { limit, spent } => format!("{spent} of {limit} USD are spent"),
    };
    format!("{} budget passed: {spent}", about(view, iteration))
}
