//! What a model server is asked beside an iteration: the classifier before its plan, a summary after its agent's end.
//!
//! Invariants: nothing is asked where no server is set; an iteration's own way to the run branch waits for no summary, and
//! no other iteration waits for anything here; every answer, and every failure, leaves the iteration with a plan; what a
//! model used counts.

use std::collections::BTreeSet;

use super::effect::{Effect, HelperJob};
use super::ending;
use super::event::{ExitView, HelperAnswer, Problem};
use super::iteration;
use super::state::{State, StopLevel};
use super::step::record;
use crate::clock::Now;
use crate::helper::{Helper, classifier, summary};
use crate::ids::IterationId;
use crate::plan::Suggestion;
use crate::record::JournalEvent;
use crate::schedule::cost::{self, CostSource};
use crate::schedule::spending::Amount;
use crate::settings::Usd;

/// What is under way.
#[derive(Debug, Clone, Default)]
pub(crate) struct Helping {
    /// Iterations whose summary is asked for.
    summaries: BTreeSet<IterationId>,
    /// Iterations whose classifier is asked.
    classified: BTreeSet<IterationId>,
    /// Of these, those whose worktree is ready: they are planned with the answer.
    planned_next: BTreeSet<IterationId>,
    /// The run is over but for answers.
    pub(super) holds_end: bool,
    /// A person waits for the run's end, which no answer holds any more.
    hurries: bool,
}

/// The classifier is asked about a task that begins, while its worktree is prepared.
pub(super) fn classify(state: &mut State, id: IterationId, now: Now, out: &mut Vec<Effect>) {
    let health = state.runtime_health(now.elapsed, Some(id.worker));
    let (settings, run) = (state.config.settings.clone(), state.config.model.clone());
    let Some(iteration) = state.iteration_mut(id) else { return };
    if !classifier::is_wanted(&iteration.task, &settings, run.as_ref()) {
        return;
    }
    let question = classifier::question(&iteration.task, &settings, &health);
    state.helping.classified.insert(id);
    out.push(Effect::Help { iteration: id, job: HelperJob::Classify { question } });
}

/// The worktree is ready. Whether the plan has to wait for the classifier's answer, which is then made with it.
pub(super) fn holds_plan(state: &mut State, id: IterationId) -> bool {
    let holds = state.helping.classified.contains(&id);
    if holds {
        state.helping.planned_next.insert(id);
    }
    holds
}

/// An iteration that waits for the classifier is given up where the run was stopped or its task was taken. The answer
/// still counts when it comes.
pub(super) fn let_go(state: &mut State, now: Now, out: &mut Vec<Effect>) {
    let waiting: Vec<IterationId> = state.helping.planned_next.iter().copied().collect();
    for id in waiting {
        if iteration::why_abandon(state, id).is_some() {
            state.helping.planned_next.remove(&id);
            iteration::go_on(state, id, now, out);
        }
    }
}

/// A model is to be asked for a summary: the agent gave none, and nobody waits for the run to end.
pub(super) fn wants_summary(state: &State, view: &ExitView) -> bool {
    let is_wanted = !state.is_signalled() && state.stop_level() <= Some(StopLevel::Draining);
    state.config.settings.local.endpoint.value.is_some() && view.report.summary.is_none() && is_wanted
}

/// Asks for it.
pub(super) fn sum_up(state: &mut State, id: IterationId, out: &mut Vec<Effect>) {
    state.helping.summaries.insert(id);
    out.push(Effect::Help { iteration: id, job: HelperJob::Summarize });
}

/// The run's end waits for answers that are on their way, a few seconds at most; not where a person waits for it.
pub(super) fn holds_end(state: &mut State) -> bool {
    state.helping.holds_end = is_awaited(state) && !state.helping.hurries && !state.is_signalled();
    state.helping.holds_end
}

fn is_awaited(state: &State) -> bool {
    !(state.helping.summaries.is_empty() && state.helping.classified.is_empty())
}

/// A signal, or a request to stop, came while the run cleaned up or waited for answers: it waits for none.
pub(super) fn hurry(state: &mut State, out: &mut Vec<Effect>) {
    state.helping.hurries = true;
    if state.helping.holds_end {
        ending::end(state, out);
    }
}

/// The server has answered, or has not.
pub(super) fn helped(
    state: &mut State,
    id: IterationId,
    helper: Helper,
    result: Result<HelperAnswer, Problem>,
    now: Now,
    out: &mut Vec<Effect>,
) {
    match helper {
        Helper::Classifier => classified(state, id, result, now, out),
        Helper::Summary => summed_up(state, id, result, out),
    }
    if state.helping.holds_end && !is_awaited(state) {
        ending::end(state, out);
    }
}

fn summed_up(
    state: &mut State,
    id: IterationId,
    result: Result<HelperAnswer, Problem>,
    out: &mut Vec<Effect>,
) {
    if !state.helping.summaries.remove(&id) {
        return;
    }
    let said = result
        .as_ref()
        .map_err(Clone::clone)
        .and_then(|answer| summary::read(&answer.text).ok_or_else(|| "it said nothing".to_owned()));
    tell(state, id, Helper::Summary, said, result.ok(), out);
}

fn classified(
    state: &mut State,
    id: IterationId,
    result: Result<HelperAnswer, Problem>,
    now: Now,
    out: &mut Vec<Effect>,
) {
    if !state.helping.classified.remove(&id) {
        return;
    }
    let settings = state.config.settings.clone();
    let is_ready = state.helping.planned_next.remove(&id);
    let said = match (&result, state.iteration_mut(id)) {
        (Err(problem), _) => Err(problem.clone()),
        (Ok(_), None) => Err("its iteration is over".to_owned()),
        (Ok(answer), Some(iteration)) => {
            let said = classifier::read(&answer.text, &iteration.task, &settings);
            iteration.suggested = said.as_ref().ok().cloned().map(Box::new);
            said
        }
    };
    tell(state, id, Helper::Classifier, said.map(|said| words(&said)), result.ok(), out);
    if is_ready {
        iteration::go_on(state, id, now, out);
    }
}

/// A choice, for people.
fn words(suggestion: &Suggestion) -> String {
    let Suggestion { runtime, model, reason } = suggestion;
    let part = |name: &str, value: Option<String>| value.map(|value| format!("{name}={value}"));
    let parts = [
        part("runtime", runtime.as_ref().map(ToString::to_string)),
        part("model", model.as_ref().map(ToString::to_string)),
        Some(reason.clone()).filter(|reason| !reason.is_empty()),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// Writes down what came of it, and counts what it used.
fn tell(
    state: &mut State,
    id: IterationId,
    helper: Helper,
    said: Result<String, String>,
    answered: Option<HelperAnswer>,
    out: &mut Vec<Effect>,
) {
    let HelperAnswer { model, usage, .. } = answered.unwrap_or_default();
    let price = cost::listed(&state.config.settings.prices, &[model.as_ref()]);
    // A server of one's own asks for nothing.
    let (usd, source): (Option<Usd>, CostSource) = cost::cost(&usage, Some(0.0), price);
    state.spending.helper_ended(Amount { tokens: usage.total(), usd: usd.unwrap_or_default() });
    let is_used = usage.total() > 0;
    let (answer, failure) = match said {
        Ok(answer) => (Some(answer), None),
        Err(failure) => (None, Some(failure)),
    };
    record(
        out,
        JournalEvent::Helped {
            iteration: id,
            helper,
            answer,
            failure,
            model,
            usage,
            cost_usd: usd.filter(|_| is_used).map(Usd::as_f64),
            cost_source: is_used.then_some(source),
        },
    );
}
