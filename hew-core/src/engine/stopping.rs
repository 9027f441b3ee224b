//! Budgets, stop requests and signals: nothing starts any more, and what runs is given its time.

use std::time::Duration;

use super::dispatch;
use super::effect::Effect;
use super::state::{Course, LaneStage, Slot, Stage, State, Stop, StopLevel};
use super::step::record;
use crate::agent::StopRequest;
use crate::clock::Now;
use crate::record::JournalEvent;
use crate::record::event::StopReason;
use crate::schedule::budget::Exhausted;

/// A request to stop.
pub(super) struct Request {
    pub(super) reason: StopReason,
    pub(super) detail: String,
    /// Agents too.
    pub(super) at_once: bool,
    /// The signal's number, for a signal.
    pub(super) signal: Option<i32>,
}

/// The same spawn error on this many tasks in a row ends the run.
const SPAWN_ERRORS_IN_A_ROW: u32 = 3;

/// Begins a run: the wall budget is watched from here on.
pub(super) fn begin(state: &mut State, out: &mut Vec<Effect>) {
    state.stale = true;
    if let Some(wall) = state.config.limits.wall {
        out.push(Effect::WakeAt(wall));
    }
}

/// Stops the run if a budget leaves no room for another iteration; true if it did.
pub(super) fn stop_if_exhausted(
    state: &mut State,
    reserved: u64,
    elapsed: Duration,
    out: &mut Vec<Effect>,
) -> bool {
    let Some(exhausted) = dispatch::budget(state).exhausted(reserved, elapsed) else {
        return false;
    };
    if exhausted == Exhausted::MaxIter && state.slots.iter().any(|slot| matches!(slot, Slot::Claiming { .. }))
    {
        // A claim under way may still be lost, and its place be free again.
        return true;
    }
    let (reason, detail) = match exhausted {
        Exhausted::MaxIter => (StopReason::MaxIter, format!("{reserved} iterations begun")),
        Exhausted::Wall => (StopReason::BudgetWall, format!("{}s have passed", elapsed.as_secs())),
    };
    let agents_until = dispatch::budget(state).agents_until().filter(|_| exhausted == Exhausted::Wall);
    stop(state, reason, detail, None, agents_until, out);
    true
}

fn stop(
    state: &mut State,
    reason: StopReason,
    detail: String,
    signal: Option<i32>,
    agents_until: Option<Duration>,
    out: &mut Vec<Effect>,
) {
    record(out, JournalEvent::StopRequested { reason, detail, now: false });
    state.stop = Some(Stop { reason, signal, level: StopLevel::Draining, agents_until });
    state.spare.clear();
    if let Some(moment) = agents_until {
        out.push(Effect::WakeAt(moment));
    }
}

/// A request from outside: a signal, a stop file, `hew loop cancel`. A second one goes further.
pub(super) fn requested(state: &mut State, request: &Request, now: Now, out: &mut Vec<Effect>) {
    if matches!(state.course, Course::CleaningUp | Course::Ended) {
        return;
    }
    let first_signal = request.signal.is_some() && !state.is_signalled();
    let repeated = state.stop.is_some() && !first_signal;
    if state.stop.is_none() || first_signal {
        let until = request.signal.map(|_| now.elapsed + state.config.limits.stop_grace);
        stop(state, request.reason, request.detail.clone(), request.signal, until, out);
    }
    if request.at_once || (repeated && request.signal.is_some()) {
        let level = if repeated { StopLevel::KillingAgents } else { StopLevel::StoppingAgents };
        raise(state, level, out);
    }
}

/// The run can't go on.
pub(super) fn give_up(state: &mut State, why: &str, out: &mut Vec<Effect>) {
    if state.stop.is_none() {
        stop(state, StopReason::RuntimeError, why.to_owned(), None, None, out);
    }
}

/// The gate was red where that ends the run.
pub(super) fn guard_tripped(state: &mut State, why: &str, out: &mut Vec<Effect>) {
    if state.stop.is_none() {
        stop(state, StopReason::GuardTrip, why.to_owned(), None, None, out);
    }
}

/// Counts spawn errors in a row; the same one on three tasks ends the run.
pub(super) fn count_spawn_error(state: &mut State, error: Option<&str>, out: &mut Vec<Effect>) {
    let Some(error) = error else {
        state.spawn_error = None;
        return;
    };
    let count = match &state.spawn_error {
        Some((last, count)) if last == error => count + 1,
        _ => 1,
    };
    state.spawn_error = Some((error.to_owned(), count));
    if count >= SPAWN_ERRORS_IN_A_ROW {
        give_up(state, &format!("the same error {count} times in a row: {error}"), out);
    }
}

/// A moment that was asked for has come.
pub(super) fn woke(state: &mut State, now: Now, out: &mut Vec<Effect>) {
    if state.config.watch && state.stop.is_none() {
        state.stale = true;
    }
    if state.stop.is_none()
        && matches!(
            state.course,
            Course::Opening | Course::Baseline | Course::Draining | Course::DeliveringIdle
        )
    {
        // The wall budget ends a run that waits, too.
        if dispatch::budget(state).exhausted(0, now.elapsed) == Some(Exhausted::Wall) {
            stop_if_exhausted(state, 0, now.elapsed, out);
        }
        return;
    }
    let due =
        state.stop.as_ref().and_then(|stop| stop.agents_until).is_some_and(|moment| now.elapsed >= moment);
    if due {
        raise(state, StopLevel::StoppingAgents, out);
    }
}

/// Stops what runs. The level only rises.
fn raise(state: &mut State, level: StopLevel, out: &mut Vec<Effect>) {
    let Some(stop) = &mut state.stop else { return };
    if level <= stop.level {
        return;
    }
    stop.level = level;
    stop.agents_until = None;
    let (reason, how) = match level {
        StopLevel::KillingAgents => (stop.reason, StopRequest::Now),
        _ => (stop.reason, StopRequest::Graceful),
    };
    record(
        out,
        JournalEvent::StopRequested { reason, detail: "agents are being stopped".to_owned(), now: true },
    );
    for slot in &state.slots {
        if let Slot::Busy(iteration) = slot
            && matches!(iteration.stage, Stage::Running { .. } | Stage::Preparing)
        {
            out.push(Effect::StopAgent(iteration.id.worker, how));
        }
    }
    let gating = matches!(state.lane.current, Some((_, LaneStage::Gating { .. })));
    let judging = matches!(state.course, Course::Baseline | Course::Delivering | Course::DeliveringIdle);
    if judging || (gating && state.is_signalled()) {
        out.push(Effect::StopGate(how));
    }
}
