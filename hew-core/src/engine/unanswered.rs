//! A tracker that does not say what is ready: it is asked again, less and less often, before the run gives up.
//!
//! Invariants: a run that has begun nothing waits for nobody; what runs meanwhile goes on; the trouble is told once, and
//! its end.

use std::time::Duration;

use super::effect::Effect;
use super::state::{State, UnansweredLists};
use super::step::notice;
use super::{ending, stopping};
use crate::clock::Now;
use crate::schedule::backoff;

/// Longest that a run asks a tracker in vain.
const PATIENCE: Duration = Duration::from_secs(10 * 60);

/// A ready list was not answered.
pub(super) fn list_failed(state: &mut State, problem: &str, now: Now, out: &mut Vec<Effect>) {
    let before = state.queue.unanswered;
    let since = before.map_or(now.elapsed, |before| before.since);
    let times = before.map_or(1, |before| before.times.saturating_add(1));
    let has_begun = state.started > 0 || !ending::is_idle(state);
    if !has_begun || now.elapsed.saturating_sub(since) >= PATIENCE {
        state.findings.needs_person = true;
        state.findings.remedies.push("hew task ready   # once it answers: hew loop run".to_owned());
        state.queue.unanswered = None;
        return stopping::give_up(state, &format!("the tracker does not answer: {problem}"), out);
    }
    if before.is_none() {
        let minutes = PATIENCE.as_secs() / 60;
        notice(
            out,
            None,
            format!("the tracker does not answer: {problem}; it is asked again for {minutes} minutes"),
        );
    }
    let words = format!("{} list {times}", state.config.run);
    let ask_at = now.elapsed.saturating_add(backoff::wait(times, backoff::chance(&words)));
    state.queue.unanswered = Some(UnansweredLists { since, times, ask_at });
    state.queue.stale = true;
}

/// A ready list is asked for: time in which nobody could have been given a task was no time of asking in vain.
pub(super) fn asks(state: &mut State, now: Now) {
    if let Some(lists) = &mut state.queue.unanswered {
        lists.since += now.elapsed.saturating_sub(lists.ask_at);
    }
}

/// A ready list was answered.
pub(super) fn list_answered(state: &mut State, out: &mut Vec<Effect>) {
    if state.queue.unanswered.take().is_some() {
        notice(out, None, "the tracker answers again");
    }
}

/// When a tracker that did not answer is asked again.
pub(super) fn next_ask(state: &State) -> Option<Duration> {
    state.queue.unanswered.map(|lists| lists.ask_at)
}
