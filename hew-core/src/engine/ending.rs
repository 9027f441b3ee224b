//! From the last iteration to the exit code: refused closes, leftovers, verification, delivery, clean-up.

use super::dispatch::{self, IDLE_PAUSE};
use super::effect::{Effect, LaneJob, RunEnd};
use super::escaped;
use super::event::{DeliveredView, Problem};
use super::helping;
use super::merging;
use super::planner;
use super::progress::{Slot, TaskState};
use super::settle;
use super::state::{Course, Listing, Moment, State, Stop, StopLevel};
use super::step::{notice, record};
use super::verifying;
use crate::record::JournalEvent;
use crate::record::event::{DeliveryRecord, LeftoverRecord, StopReason};
use crate::tracker::{Leftover, LeftoverReason, ReadyQuery};

/// Nothing runs, lands, is asked of the tracker or told to it.
pub(super) fn is_idle(state: &State) -> bool {
    state.slots.iter().all(|slot| matches!(slot, Slot::Free))
        && state.lane.current.is_none()
        && state.lane.queue.is_empty()
        && state.settling.is_empty()
        && state.queue.listing == Listing::No
}

/// Takes the run further once nothing is under way.
pub(super) fn advance_course(state: &mut State, out: &mut Vec<Effect>) {
    if !is_idle(state) || state.ahead.is_under_way() {
        return;
    }
    match state.course {
        Course::Opening | Course::Draining if state.stop.is_some() => begin_ending(state, out),
        Course::Draining if is_empty(state) => ran_dry(state, out),
        Course::Opening if is_empty(state) => out.push(Effect::WakeIn(IDLE_PAUSE)),
        Course::Merging => begin_ending(state, out),
        Course::Closing => list_leftovers(state, out),
        _ => {}
    }
}

/// Lists with nothing to start that an idle run asks for while others keep changing the tracker.
const ENOUGH_LISTS: u32 = 3;

/// The queue has been seen empty so often that further changes by others don't hold the run's end, or its delivery.
pub(super) fn has_seen_enough(state: &State) -> bool {
    let has_an_end = !state.config.watch || is_undelivered(state);
    state.course == Course::Draining
        && has_an_end
        && state.queue.nothing_ready
        && state.queue.idle_lists >= ENOUGH_LISTS
        && is_idle(state)
}

fn is_empty(state: &State) -> bool {
    state.queue.nothing_ready && (!state.queue.stale || has_seen_enough(state))
}

/// Nothing runs and nothing is ready: what was not closed is tried once more before anything else.
fn ran_dry(state: &mut State, out: &mut Vec<Effect>) {
    if state.closes_due && !state.unclosed.is_empty() {
        settle::retry_closes(state, out);
    } else if state.config.watch {
        watch(state, out);
    } else {
        begin_ending(state, out);
    }
}

/// Idle in `--watch`: deliver what landed, then wait for a change, or a while.
fn watch(state: &mut State, out: &mut Vec<Effect>) {
    if is_undelivered(state) {
        return verifying::open(state, Moment::Idle, out);
    }
    out.push(Effect::WakeIn(IDLE_PAUSE));
}

/// The result is verified, where that is wanted: it is delivered, or held.
pub(super) fn deliver_or_end(state: &mut State, moment: Moment, out: &mut Vec<Effect>) {
    let is_due = is_undelivered(state) || moment == Moment::End && is_refused_for_now(state);
    state.course = match moment {
        // A signal came meanwhile.
        Moment::Idle if !is_due => Course::Draining,
        Moment::Idle => Course::DeliveringIdle,
        Moment::End => Course::Delivering,
    };
    if is_due {
        let held = verifying::why_held(state).or_else(|| state.findings.target_escaped.clone());
        return match held {
            Some(reason) => delivered(state, Err(reason), out),
            None => deliver(state, out),
        };
    }
    if moment == Moment::End {
        end_without_delivery(state, out);
    }
}

fn wants_delivery(state: &State) -> bool {
    state.config.deliver && state.config.target.is_some() && state.lane.landed > 0 && !state.is_signalled()
}

/// Something landed that the target does not have, and nobody has refused it.
fn is_undelivered(state: &State) -> bool {
    wants_delivery(state) && state.lane.tip != state.delivered_tip
}

/// What was refused while the run went on may be possible now that it ends, unless a person wants it to end at once.
fn is_refused_for_now(state: &State) -> bool {
    wants_delivery(state)
        && matches!(state.delivery, Some(DeliveryRecord::Refused { .. }))
        && state.stop_level() <= Some(StopLevel::Draining)
}

fn begin_ending(state: &mut State, out: &mut Vec<Effect>) {
    dispatch::record_lost_claims(state, 0, out);
    if merging::begin(state, out) {
        return;
    }
    if state.closes_due && !state.unclosed.is_empty() {
        state.course = Course::Closing;
        return settle::retry_closes(state, out);
    }
    list_leftovers(state, out);
}

fn list_leftovers(state: &mut State, out: &mut Vec<Effect>) {
    state.course = Course::ListingLeftovers;
    for (_, close) in &state.unclosed {
        state.findings.needs_person = true;
        state.findings.remedies.push(format!("hew task close {} --reason landed", close.task));
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
        Ok(leftovers) => {
            state.findings.leftovers = leftovers.into_iter().map(|left| describe(state, left)).collect();
        }
        Err(problem) => {
            notice(out, None, format!("what is left over could not be listed: {problem}"));
            state.findings.needs_person = true;
        }
    }
    verifying::open(state, Moment::End, out);
}

fn end_without_delivery(state: &mut State, out: &mut Vec<Effect>) {
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
    } else if state.config.target.is_none() {
        "HEAD was detached at launch: the run branch is the result"
    } else if !state.config.deliver {
        "delivery is off: the run branch is the result"
    } else {
        "a signal ended the run"
    }
}

fn describe(state: &mut State, left: Leftover) -> LeftoverRecord {
    let Leftover { id, title, why } = left;
    // Where parked tasks are eligible the tracker calls what this very run parked ready, too.
    let parked_here =
        matches!(state.tasks.get(&id), Some(task) if matches!(task.state, TaskState::Parked { .. }));
    let why = if parked_here && why == LeftoverReason::Ready { LeftoverReason::Parked } else { why };
    if let Some((_, problem)) = state.unrunnable.get(&id) {
        let why = format!("can't run here: {problem}");
        return LeftoverRecord { task: id, title, why };
    }
    if let (Some(lost), LeftoverReason::Ready) = (state.lost.get(&id), &why) {
        let why = format!("ready, but it could not be claimed: {}", lost.why);
        state.findings.needs_person |= lost.unanswered;
        state.findings.has_failures = true;
        state.findings.work_left = true;
        return LeftoverRecord { task: id, title, why };
    }
    let is_work = matches!(why, LeftoverReason::Ready | LeftoverReason::BlockedBy(_));
    let own = format!("hew/{}/", state.config.run);
    if matches!(&why, LeftoverReason::AssignedTo(holder) if holder.as_str().starts_with(&own)) {
        // A claim whose answer never came: nobody works on it, and nobody else can take it.
        state.findings.needs_person = true;
        let remedy = format!("hew task reopen {id}");
        let is_told = state.findings.remedies.contains(&remedy);
        // What has landed and could not be closed is to be closed, and no more.
        if !is_told && state.unclosed.iter().all(|(_, close)| close.task != id) {
            state.findings.remedies.push(remedy);
        }
    }
    let (why, fails) = match why {
        LeftoverReason::Ready => (merging::why_left(state, &id).unwrap_or_else(|| "ready".to_owned()), true),
        LeftoverReason::BlockedBy(by) => {
            let by = by.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            (format!("waits for {by}"), true)
        }
        LeftoverReason::Parked => ("parked".to_owned(), true),
        LeftoverReason::AssignedTo(holder) => (format!("held by {holder}"), false),
        LeftoverReason::Status(status) => (format!("status {status}"), false),
        LeftoverReason::Deferred => ("put off until later".to_owned(), false),
    };
    let filed_here = state.filed.contains(&id);
    state.findings.work_left |= is_work && !filed_here;
    // With nothing started and nothing refused, nothing was ready: that is no failure.
    state.findings.has_failures |= fails && !filed_here && state.started > 0;
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
        Ok(DeliveredView { outcome, new_tip, meddled }) => {
            if let Some(change) = meddled {
                escaped::put_back(state, change, out);
            }
            if let Some(tip) = new_tip {
                state.lane.tip = tip;
            }
            outcome
        }
        Err(problem) => DeliveryRecord::Refused {
            target: state.config.target.clone().expect("a delivery is wanted only with a target"),
            reason: problem,
            remedy: format!("hew loop deliver --run-id {}", state.config.run),
            new_tip: None,
        },
    };
    record(out, JournalEvent::Delivery { outcome: outcome.clone() });
    // A refusal is tried again when something more has landed, not in a loop.
    state.delivered_tip = state.lane.tip.clone();
    state.delivery = Some(outcome);
    if state.course == Course::DeliveringIdle {
        state.course = Course::Draining;
        state.queue.stale = true;
        state.queue.idle_lists = 0;
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
    if !helping::holds_end(state) {
        end(state, out);
    }
}

/// Nothing is under way any more, and nothing is awaited.
pub(super) fn end(state: &mut State, out: &mut Vec<Effect>) {
    state.course = Course::Ended;
    state.helping.holds_end = false;
    planner::close_off(state, out);
    let exit_code = exit_code(state);
    let mut remedies = std::mem::take(&mut state.findings.remedies);
    remedies.extend(delivery_remedy(state));
    record(
        out,
        JournalEvent::RunEnded {
            stop_reason: effective_stop(state).map_or(StopReason::ReadyEmpty, |stop| stop.reason),
            exit_code,
            leftovers: std::mem::take(&mut state.findings.leftovers),
            remedies,
        },
    );
    out.push(Effect::Finish(RunEnd { exit_code }));
}

/// The one command that finishes a delivery that a person wanted and did not get.
fn delivery_remedy(state: &State) -> Option<String> {
    match &state.delivery {
        Some(DeliveryRecord::Refused { remedy, .. }) => Some(remedy.clone()),
        Some(DeliveryRecord::Delivered { .. }) if state.lane.tip == state.delivered_tip => None,
        _ => {
            let held_back = state.is_signalled() && state.lane.landed > 0 && state.config.target.is_some();
            held_back.then(|| format!("hew loop deliver --run-id {}", state.config.run))
        }
    }
}

/// What stopped the run; none if it ended by itself, whatever came after that.
fn effective_stop(state: &State) -> Option<&Stop> {
    state.stop.as_ref().filter(|stop| !stop.is_late)
}

/// If several apply: 128+n, 6, 3, 5, 1, in this order; a red baseline is 2, because nothing was started.
fn exit_code(state: &State) -> u8 {
    if let Some(signal) = state.stop.as_ref().and_then(|stop| stop.signal) {
        return u8::try_from(128 + signal).unwrap_or(u8::MAX);
    }
    if state.baseline_red {
        return 2;
    }
    if effective_stop(state).is_some_and(|stop| stop.reason == StopReason::Quota) {
        return 6;
    }
    let conflict_left = state.tasks.values().any(|task| task.state == TaskState::Parked { conflict: true });
    // What a red verification holds is told by its own code.
    let is_red = verifying::is_red(state);
    let undelivered = matches!(state.delivery, Some(DeliveryRecord::Refused { .. }))
        && verifying::why_held(state).is_none_or(|_| !is_red);
    if state.findings.needs_person || conflict_left || undelivered {
        return 3;
    }
    let broke_off = effective_stop(state)
        .is_some_and(|stop| matches!(stop.reason, StopReason::GuardTrip | StopReason::RuntimeError));
    if effective_stop(state).is_some() && !broke_off && state.findings.work_left {
        return 5;
    }
    u8::from(state.findings.has_failures || broke_off || is_red)
}
