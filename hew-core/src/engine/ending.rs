//! From the last iteration to the exit code: refused closes, leftovers, delivery, clean-up.

use super::dispatch::{self, IDLE_PAUSE};
use super::effect::{Effect, LaneJob, RunEnd, SettleJob};
use super::event::{DeliveredView, Problem};
use super::state::{Course, Settling, Slot, State, TaskState};
use super::step::{notice, record};
use crate::agent::IterationOutcome;
use crate::record::JournalEvent;
use crate::record::event::{DeliveryRecord, LeftoverRecord, StopReason};
use crate::tracker::{Leftover, LeftoverReason, ReadyQuery};

/// Nothing runs, lands or is being told to the tracker.
fn is_idle(state: &State) -> bool {
    state.slots.iter().all(|slot| matches!(slot, Slot::Free))
        && state.lane.current.is_none()
        && state.lane.queue.is_empty()
        && state.settling.is_empty()
        && !state.listing
}

/// Takes the run further once nothing is under way.
pub(super) fn advance_course(state: &mut State, out: &mut Vec<Effect>) {
    if !is_idle(state) {
        return;
    }
    match state.course {
        Course::Opening | Course::Draining if state.stop.is_some() => begin_ending(state, out),
        Course::Draining if state.nothing_ready && !state.stale && state.config.watch => watch(state, out),
        Course::Draining if state.nothing_ready && !state.stale => begin_ending(state, out),
        Course::Closing => list_leftovers(state, out),
        _ => {}
    }
}

/// Idle in `--watch`: deliver what landed, then wait for a change, or a while.
fn watch(state: &mut State, out: &mut Vec<Effect>) {
    if wants_delivery(state) && state.lane.tip != state.delivered_tip {
        state.course = Course::DeliveringIdle;
        return deliver(state, out);
    }
    out.push(Effect::WakeIn(IDLE_PAUSE));
}

fn wants_delivery(state: &State) -> bool {
    state.config.deliver && state.config.target.is_some() && state.lane.landed > 0 && !state.is_signalled()
}

fn begin_ending(state: &mut State, out: &mut Vec<Effect>) {
    if state.unclosed.is_empty() {
        return list_leftovers(state, out);
    }
    state.course = Course::Closing;
    for (id, close) in std::mem::take(&mut state.unclosed) {
        let settling = Settling {
            task: close.task.clone(),
            outcome: IterationOutcome::Closed,
            reason: close.reason.clone(),
            landed: close.landed.clone(),
            then: TaskState::Settled { landed: close.landed.clone() },
            close: Some(close.clone()),
            in_lane: false,
            keep_conflict: None,
        };
        state.settling.insert(id, settling);
        out.push(Effect::Settle { iteration: id, job: SettleJob::Close(close) });
    }
}

fn list_leftovers(state: &mut State, out: &mut Vec<Effect>) {
    state.course = Course::ListingLeftovers;
    for (_, close) in &state.unclosed {
        state.needs_person = true;
        state.remedies.push(format!("hew task close {} --reason landed", close.task));
    }
    let query =
        ReadyQuery { exclude: std::collections::BTreeSet::new(), ..dispatch::ready_query(state, None) };
    out.push(Effect::ListLeftovers(query));
}

/// What is left over in scope is known: on to the delivery.
pub(super) fn leftovers_listed(
    state: &mut State,
    result: Result<Vec<Leftover>, Problem>,
    out: &mut Vec<Effect>,
) {
    match result {
        Ok(leftovers) => state.leftovers = leftovers.into_iter().map(|left| describe(state, left)).collect(),
        Err(problem) => {
            notice(out, None, format!("what is left over could not be listed: {problem}"));
            state.needs_person = true;
        }
    }
    state.course = Course::Delivering;
    if wants_delivery(state) && state.lane.tip != state.delivered_tip {
        return deliver(state, out);
    }
    if state.delivery.is_none() {
        let outcome = DeliveryRecord::NotWanted { reason: why_not_delivered(state).to_owned() };
        record(out, JournalEvent::Delivery { outcome: outcome.clone() });
        state.delivery = Some(outcome);
    }
    clean_up(state, out);
}

fn why_not_delivered(state: &State) -> &'static str {
    if state.lane.landed == 0 {
        "nothing landed"
    } else if state.is_signalled() {
        "a signal ended the run"
    } else if state.config.target.is_none() {
        "HEAD was detached at launch: the run branch is the result"
    } else {
        "delivery is off: the run branch is the result"
    }
}

fn describe(state: &mut State, left: Leftover) -> LeftoverRecord {
    let Leftover { id, title, why } = left;
    if let Some((_, problem)) = state.unrunnable.get(&id) {
        let why = format!("can't run here: {problem}");
        return LeftoverRecord { task: id, title, why };
    }
    let is_work = matches!(why, LeftoverReason::Ready | LeftoverReason::BlockedBy(_));
    let (why, fails) = match why {
        LeftoverReason::Ready => ("ready".to_owned(), true),
        LeftoverReason::BlockedBy(by) => {
            let by = by.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            (format!("waits for {by}"), true)
        }
        LeftoverReason::Parked => ("parked".to_owned(), true),
        LeftoverReason::AssignedTo(holder) => (format!("held by {holder}"), false),
        LeftoverReason::Status(status) => (format!("status {status}"), false),
        LeftoverReason::Deferred => ("put off until later".to_owned(), false),
    };
    let filed_here = state.excluded.contains(&id) && !state.tasks.contains_key(&id);
    state.work_left |= is_work && !filed_here;
    // With nothing started and nothing refused, nothing was ready: that is no failure.
    state.has_failures |= fails && !filed_here && state.started > 0;
    let why = if filed_here { format!("filed by this run; {why}") } else { why };
    LeftoverRecord { task: id, title, why }
}

fn deliver(state: &State, out: &mut Vec<Effect>) {
    let target = state.config.target.clone().expect("a delivery is wanted only with a target");
    record(out, JournalEvent::Delivering { target, sha: state.lane.tip.clone() });
    out.push(Effect::Lane(LaneJob::Deliver { tip: state.lane.tip.clone() }));
}

/// The delivery has ended.
pub(super) fn delivered(state: &mut State, result: Result<DeliveredView, Problem>, out: &mut Vec<Effect>) {
    let outcome = match result {
        Ok(DeliveredView { outcome, new_tip }) => {
            if let Some(tip) = new_tip {
                state.lane.tip = tip;
            }
            outcome
        }
        Err(problem) => DeliveryRecord::Refused {
            target: state.config.target.clone().expect("a delivery is wanted only with a target"),
            reason: problem,
            remedy: format!("hew loop deliver --run-id {}", state.config.run),
        },
    };
    record(out, JournalEvent::Delivery { outcome: outcome.clone() });
    // A refusal is tried again when something more has landed, not in a loop.
    state.delivered_tip = state.lane.tip.clone();
    state.delivery = Some(outcome);
    if state.course == Course::DeliveringIdle {
        state.course = Course::Draining;
        state.stale = true;
        return;
    }
    clean_up(state, out);
}

fn clean_up(state: &mut State, out: &mut Vec<Effect>) {
    state.course = Course::CleaningUp;
    out.push(Effect::Lane(LaneJob::CleanUp));
}

/// The run's worktrees are gone, but for those that are kept: the run is over.
pub(super) fn cleaned_up(state: &mut State, kept: Vec<String>, out: &mut Vec<Effect>) {
    for line in kept {
        notice(out, None, line);
    }
    state.course = Course::Ended;
    let exit_code = exit_code(state);
    let mut remedies = std::mem::take(&mut state.remedies);
    if let Some(DeliveryRecord::Refused { remedy, .. }) = &state.delivery {
        remedies.push(remedy.clone());
    } else if state.is_signalled() && state.lane.landed > 0 && state.config.target.is_some() {
        remedies.push(format!("hew loop deliver --run-id {}", state.config.run));
    }
    record(
        out,
        JournalEvent::RunEnded {
            stop_reason: state.stop.as_ref().map_or(StopReason::ReadyEmpty, |stop| stop.reason),
            exit_code,
            leftovers: std::mem::take(&mut state.leftovers),
            remedies,
        },
    );
    out.push(Effect::Finish(RunEnd { exit_code }));
}

/// If several apply: 128+n, 3, 5, 1, in this order; a red baseline is 2, because nothing was started.
fn exit_code(state: &State) -> u8 {
    if let Some(signal) = state.stop.as_ref().and_then(|stop| stop.signal) {
        return u8::try_from(128 + signal).unwrap_or(u8::MAX);
    }
    if state.baseline_red {
        return 2;
    }
    let conflict_left = state.tasks.values().any(|task| task.state == TaskState::Parked { conflict: true });
    let undelivered = matches!(state.delivery, Some(DeliveryRecord::Refused { .. }));
    if state.needs_person || conflict_left || undelivered {
        return 3;
    }
    let asked_to_stop = state
        .stop
        .as_ref()
        .is_some_and(|stop| !matches!(stop.reason, StopReason::GuardTrip | StopReason::RuntimeError));
    if asked_to_stop && state.work_left {
        return 5;
    }
    let broke_off = state.stop.is_some() && !asked_to_stop;
    u8::from(state.has_failures || broke_off)
}
