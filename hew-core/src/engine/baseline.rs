//! The gate on the untouched launch commit, before anything is started.

use super::effect::{Effect, LaneJob};
use super::event::{GatedView, Problem};
use super::lane::gate_record;
use super::state::{Course, State};
use super::step::{notice_refused, record};
use super::stopping;
use crate::record::JournalEvent;

/// After a list: the gate on the launch commit if anything is ready and it is wanted, else straight on. A watcher that finds
/// nothing ready yet asks again, and runs the gate before its first task.
pub(super) fn open(state: &mut State, anything_ready: bool, out: &mut Vec<Effect>) {
    let wanted = state.config.gate.as_ref().is_some_and(|gate| gate.baseline);
    if anything_ready && wanted {
        state.course = Course::Baseline;
        let commit = state.config.launch.clone();
        record(out, JournalEvent::BaselineStarted { sha: commit.clone() });
        out.push(Effect::Lane(LaneJob::Baseline { commit }));
    } else if anything_ready || !wanted || !state.config.watch {
        state.course = Course::Draining;
    }
}

/// The gate has run on the launch commit: green, or nothing is started.
pub(super) fn ended(state: &mut State, result: Result<GatedView, Problem>, out: &mut Vec<Effect>) {
    state.course = Course::Draining;
    let view = match result {
        Ok(view) => view,
        Err(_) if state.stop.is_some() => return,
        Err(problem) => return refuse_to_start(state, &format!("the gate could not be run: {problem}"), out),
    };
    let gate = gate_record(&view);
    notice_refused(out, None, "the gate", &view.proof.report.refused);
    record(out, JournalEvent::Baseline { gate: gate.clone() });
    if state.stop.is_some() || view.is_green() {
        return;
    }
    let why = view.why_red();
    refuse_to_start(state, &format!("the gate is red on the untouched launch commit: {why}"), out);
}

fn refuse_to_start(state: &mut State, why: &str, out: &mut Vec<Effect>) {
    state.baseline_red = true;
    stopping::guard_tripped(state, why, out);
}
