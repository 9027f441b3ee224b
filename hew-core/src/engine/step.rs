//! One event to its handler.

use super::effect::Effect;
use super::event::Event;
use super::state::State;
use super::{
    ahead, baseline, collected, dispatch, ending, escaped, failing, helping, iteration, lane, lane_queue,
    merging, pickup, planner, retry, settle, spent, stack, stopping, verifying,
};
use crate::clock::Now;
use crate::record::JournalEvent;

/// Takes one event in and answers what is to be done, in order.
#[must_use]
pub fn step(state: &mut State, event: Event, now: Now) -> Vec<Effect> {
    let mut out = Vec::new();
    match event {
        Event::Launched => {
            state.queue.stale = true;
            pickup::begin(state, &mut out);
        }
        Event::ReadyListed(result) => dispatch::ready_listed(state, result, now, &mut out),
        Event::Claimed { iteration, result } => dispatch::claimed(state, iteration, result, now, &mut out),
        Event::Prepared { iteration, result } => iteration::prepared(state, iteration, result, now, &mut out),
        Event::Planned { iteration, result } => iteration::planned(state, iteration, result, &mut out),
        Event::Spawned { iteration, pid, start_ticks } => {
            record(&mut out, JournalEvent::Spawned { iteration, pid, start_ticks });
        }
        Event::Used { iteration, usage, cost_usd, model } => {
            spent::used(state, iteration, usage, (cost_usd, model), &mut out);
        }
        Event::Exited { iteration, result } => iteration::exited(state, iteration, result, now, &mut out),
        Event::Escaped { about, escapes } => escaped::escaped(state, about, escapes, &mut out),
        Event::ForeignChanged(changes) => escaped::foreign(changes, &mut out),
        Event::Collected { iteration, result } => collected::taken_in(state, iteration, result, &mut out),
        Event::Proved { iteration, result } => stack::proved(state, iteration, result, &mut out),
        Event::BaselineEnded(result) => baseline::ended(state, result, &mut out),
        Event::Merged(result) => lane::merged(state, result, &mut out),
        Event::Gated(result) => lane::gated(state, result, &mut out),
        Event::Advanced(result) => lane::advanced(state, result, &mut out),
        Event::ConflictKept { task, result } => {
            let text = match result {
                Ok(folder) => format!("the work of {task} that did not merge lies in {folder}"),
                Err(problem) => format!("no worktree could be made for the work of {task}: {problem}"),
            };
            notice(&mut out, None, text);
        }
        Event::BranchKept { branch, result } => merging::kept(&branch, result, &mut out),
        Event::Settled { iteration, result } => settle::settled(state, iteration, result, &mut out),
        Event::TrackerChanged => dispatch::tracker_changed(state, &mut out),
        Event::RunningRead(tasks) => iteration::running_read(state, tasks, &mut out),
        Event::LookedAhead(result) => ahead::looked(state, result, &mut out),
        Event::MadeAhead { worker, result } => ahead::made(state, worker, result, &mut out),
        Event::PlannerDrafted { number, result } => planner::drafted(state, number, result, &mut out),
        Event::PlannerUsed { number, usage, cost_usd, model } => {
            planner::used(state, number, usage, cost_usd, model.as_deref(), &mut out);
        }
        Event::PlannerEnded { number, result } => planner::ended(state, number, result, now, &mut out),
        Event::Helped { iteration, helper, result } => {
            helping::helped(state, iteration, helper, result, now, &mut out);
        }
        Event::StopRequested { reason, detail, now: at_once, signal } => {
            stopping::requested(state, &stopping::Request { reason, detail, at_once, signal }, now, &mut out);
        }
        Event::Woke => stopping::woke(state, now, &mut out),
        Event::LeftoversListed(result) => ending::leftovers_listed(state, result, &mut out),
        Event::Verified(result) => verifying::ended(state, result, &mut out),
        Event::VerifyNoted(result) => verifying::noted(state, result, &mut out),
        Event::Mended(done) => done.into_iter().for_each(|words| notice(&mut out, None, words)),
        Event::Delivered(result) => ending::delivered(state, result, &mut out),
        Event::CleanedUp(kept) => ending::cleaned_up(state, kept, &mut out),
    }
    retry::resume_due(state, now, &mut out);
    failing::end_rests(state, now);
    stopping::keep_budgets(state, &mut out);
    helping::let_go(state, now, &mut out);
    lane_queue::advance(state, &mut out);
    dispatch::fill_slots(state, now, &mut out);
    planner::consider(state, now, &mut out);
    failing::wait_or_give_up(state, now, &mut out);
    ending::advance_course(state, &mut out);
    planner::end_if_over(state, &mut out);
    stopping::keep_time(state, now, &mut out);
    out
}

/// Adds a journal event.
pub(super) fn record(out: &mut Vec<Effect>, event: JournalEvent) {
    out.push(Effect::Record(Box::new(event)));
}

/// Adds a notice for people.
pub(super) fn notice(out: &mut Vec<Effect>, about: Option<crate::ids::IterationId>, text: impl Into<String>) {
    record(out, JournalEvent::Noticed { about, text: text.into() });
}

/// Told once for a program: what it asked for of the network and was not let through to.
pub(super) fn notice_refused(
    out: &mut Vec<Effect>,
    about: Option<crate::ids::IterationId>,
    who: &str,
    refused: &[String],
) {
    if !refused.is_empty() {
        let places = refused.join(", ");
        notice(
            out,
            about,
            format!("{who} asked for {places}, which loop.sandbox = \"strict\" does not let through"),
        );
    }
}
