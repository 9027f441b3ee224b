//! All tests on the result, before it is delivered: once for each tip that is to be delivered.
//!
//! Invariants: nothing is delivered that a verification was wanted for and that has none, unless there was nothing to run;
//! how it ended is in the journal before the tracker is told, and a tracker that can't be told changes nothing of it.

use super::effect::{Effect, LaneJob};
use super::ending;
use super::event::Problem;
use super::state::{Course, Moment, State, StopLevel, Verdict, Verified};
use super::step::{notice, notice_refused, record};
use crate::ids::RunId;
use crate::land::verify::{LOG, MEMORY_PREFIX, VerifyNote, VerifyOutcome, VerifyRun, outcome_of};
use crate::record::JournalEvent;
use crate::settings::OnRed;

/// A result is to be delivered, or the run to end: it is verified first, where that is wanted and was not done.
pub(super) fn open(state: &mut State, moment: Moment, out: &mut Vec<Effect>) {
    let is_known = state.verified.as_ref().is_some_and(|known| known.tip == state.lane.tip);
    if is_known && let Some(note) = state.inherited.verify_note.take() {
        state.course = Course::NotingVerify(moment);
        return out.push(Effect::NoteVerify(note));
    }
    if state.config.verify.is_none() || is_known {
        return ending::deliver_or_end(state, moment, out);
    }
    if state.lane.landed == 0 {
        return pass_by(state, moment, "nothing landed", Verdict::Clear, out);
    }
    if let Some(why) = why_not_begun(state) {
        return pass_by(state, moment, why, Verdict::Unproven(why.to_owned()), out);
    }
    state.course = Course::Verifying(moment);
    let commit = state.lane.tip.clone();
    record(out, JournalEvent::Verifying { sha: commit.clone() });
    out.push(Effect::Lane(LaneJob::Verify { commit }));
}

/// Whoever waits for the run to end at once does not wait for all tests.
fn why_not_begun(state: &State) -> Option<&'static str> {
    let stop = state.stop.as_ref()?;
    if stop.signal.is_some() {
        return Some("a signal ended the run");
    }
    (stop.by_person && stop.level > StopLevel::Draining).then_some("the run was to end at once")
}

fn pass_by(state: &mut State, moment: Moment, why: &str, verdict: Verdict, out: &mut Vec<Effect>) {
    let outcome = VerifyOutcome::Skipped { reason: why.to_owned() };
    settle(state, outcome, None, Vec::new(), verdict, out);
    ending::deliver_or_end(state, moment, out);
}

/// It has run, or could not be run.
pub(super) fn ended(state: &mut State, result: Result<VerifyRun, Problem>, out: &mut Vec<Effect>) {
    let (Course::Verifying(moment), Some(plan)) = (state.course, state.config.verify) else { return };
    let log = Some(LOG.to_owned());
    let (command, report, failed_tests) = match result {
        Ok(VerifyRun::Ran { command, report, failed_tests }) => (command, report, failed_tests),
        Ok(VerifyRun::NoCommand) => {
            let why = "no command was found that runs the project's tests";
            return pass_by(state, moment, why, Verdict::Clear, out);
        }
        Err(problem) => {
            let why = match why_not_begun(state) {
                Some(why) => why.to_owned(),
                None => format!("it could not be run: {problem}"),
            };
            return pass_by(state, moment, &why, Verdict::Unproven(why.clone()), out);
        }
    };
    notice_refused(out, None, "the verification", &report.refused);
    let Some(outcome) = outcome_of(&command, &report, plan.budget) else {
        let why = format!("`{command}` was stopped: {}", why_not_begun(state).unwrap_or("hew was asked to"));
        let outcome = VerifyOutcome::Skipped { reason: why.clone() };
        settle(state, outcome, log, Vec::new(), Verdict::Unproven(why), out);
        return ending::deliver_or_end(state, moment, out);
    };
    let red = outcome.why_red(&failed_tests);
    let failed_tests = if red.is_some() { failed_tests } else { Vec::new() };
    let verdict = red.clone().map_or(Verdict::Clear, Verdict::Red);
    settle(state, outcome, log, failed_tests, verdict, out);
    state.course = Course::NotingVerify(moment);
    out.push(Effect::NoteVerify(note_of(&state.config.run, red)));
}

/// What the tracker is told of a verification that ran to its end.
pub(super) fn note_of(run: &RunId, red: Option<String>) -> VerifyNote {
    match red {
        Some(text) => VerifyNote::Failed { key: format!("{MEMORY_PREFIX}{run}"), text },
        None => VerifyNote::Passed,
    }
}

fn settle(
    state: &mut State,
    outcome: VerifyOutcome,
    log: Option<String>,
    failed_tests: Vec<String>,
    verdict: Verdict,
    out: &mut Vec<Effect>,
) {
    let tip = state.lane.tip.clone();
    record(out, JournalEvent::Verified { sha: tip.clone(), outcome, log, failed_tests });
    state.verified = Some(Verified { tip, verdict });
}

/// The tracker has been told, or could not be.
pub(super) fn noted(state: &mut State, result: Result<(), Problem>, out: &mut Vec<Effect>) {
    let Course::NotingVerify(moment) = state.course else { return };
    if let Err(problem) = result {
        notice(out, None, format!("the tracker could not be told how the verification ended: {problem}"));
    }
    ending::deliver_or_end(state, moment, out);
}

/// Why the verification keeps the result from its target; none where it does not.
pub(super) fn why_held(state: &State) -> Option<String> {
    state.config.verify.filter(|plan| plan.on_red == OnRed::Hold)?;
    let known = state.verified.as_ref().filter(|known| known.tip == state.lane.tip)?;
    match &known.verdict {
        Verdict::Clear => None,
        Verdict::Red(why) => Some(format!("the verification failed: {why}")),
        Verdict::Unproven(why) => Some(format!("the result is not verified: {why}")),
    }
}

/// The latest verification failed, or did not end in its time.
pub(super) fn is_red(state: &State) -> bool {
    state.verified.as_ref().is_some_and(|known| matches!(known.verdict, Verdict::Red(_)))
}
