//! What agents tell of their tokens, in money too, against the run's budgets.

use super::effect::Effect;
use super::failing;
use super::progress::Stage;
use super::state::State;
use super::step::{notice, record};
use crate::agent::SpawnReport;
use crate::ids::{IterationId, ModelName};
use crate::record::JournalEvent;
use crate::record::event::BudgetMark;
use crate::schedule::cost::{self, CostSource};
use crate::schedule::spending::Amount;
use crate::settings::Usd;
use crate::usage::Usage;

/// A running agent told what it has used so far.
pub(super) fn used(
    state: &mut State,
    id: IterationId,
    usage: Usage,
    (reported, observed): (Option<f64>, Option<String>),
    out: &mut Vec<Effect>,
) {
    let is_running =
        state.iteration_mut(id).is_some_and(|iteration| matches!(iteration.stage, Stage::Running { .. }));
    if !is_running || usage.total() == 0 {
        return;
    }
    let observed = observed.map(ModelName::new);
    let (usd, source) = cost_by_model(state, id, &usage, reported, observed.as_ref());
    let (cost_usd, cost_source) = (usd.map(Usd::as_f64), Some(source));
    record(out, JournalEvent::Used { iteration: id, usage, cost_usd, cost_source });
    let told_before = state.spending.told(id);
    // A new turn tells no price for a while; what the turns before cost is spent all the same.
    let usd = usd.unwrap_or_else(|| state.spending.told_usd(id));
    state.spending.tell(id, Amount { tokens: usage.total(), usd });
    tell_if_passed(state, id, (told_before, usage.total()), out);
    // A provider that counts tokens has answered.
    failing::answered(state, id, out);
}

/// What an agent's tokens cost, and where that came from.
pub(super) fn cost_of(state: &mut State, id: IterationId, report: &SpawnReport) -> (Option<Usd>, CostSource) {
    let observed = report.reading.model_observed.as_deref().map(ModelName::new);
    cost_by_model(state, id, &report.reading.usage, report.reading.cost_usd, observed.as_ref())
}

fn cost_by_model(
    state: &mut State,
    id: IterationId,
    usage: &Usage,
    reported: Option<f64>,
    observed: Option<&ModelName>,
) -> (Option<Usd>, CostSource) {
    let asked = state.iteration_mut(id).map(|iteration| iteration.models.clone()).unwrap_or_default();
    let models: Vec<Option<&ModelName>> = std::iter::once(observed).chain(asked.iter().map(Some)).collect();
    cost::cost(usage, reported, cost::listed(&state.config.settings.prices, &models))
}

/// An agent has ended: what it used is known as well as it will ever be.
pub(super) fn agent_ended(
    state: &mut State,
    id: IterationId,
    report: &SpawnReport,
    usd: Option<Usd>,
    out: &mut Vec<Effect>,
) {
    let tokens = report.reading.usage.total();
    if usd.is_none() && tokens > 0 && state.config.limits.spending.usd.is_some() {
        let guessed = state.spending.guessed(tokens).max(state.spending.told_usd(id));
        let text = format!(
            "nobody knows what its {tokens} tokens cost: {guessed} USD is counted; loop.prices can say it"
        );
        notice(out, Some(id), text);
    }
    let (told_before, told_usd) = (state.spending.told(id), state.spending.told_usd(id));
    let usd = usd.unwrap_or_else(|| told_usd.max(state.spending.guessed(tokens)));
    state.spending.agent_ended(id, Amount { tokens, usd });
    let is_of_money = matches!(passed_mark(state), Some(BudgetMark::Usd { .. }));
    // Of what its tokens cost it has told nothing before.
    let told_before = if is_of_money && told_usd == Usd::default() { 0 } else { told_before };
    tell_if_passed(state, id, (told_before, tokens), out);
}

/// Tells once that more was spent than a budget allows, and whose tokens those were.
fn tell_if_passed(
    state: &mut State,
    id: IterationId,
    (told_before, told): (u64, u64),
    out: &mut Vec<Effect>,
) {
    if state.told_passed {
        return;
    }
    let Some(mark) = passed_mark(state) else { return };
    state.told_passed = true;
    record(out, JournalEvent::BudgetPassed { iteration: id, mark, told_before, told });
}

/// The limit that more was spent than.
fn passed_mark(state: &State) -> Option<BudgetMark> {
    let (limits, spent) = (state.config.limits.spending, state.spending.spent());
    let by_tokens = limits.tokens.filter(|limit| spent.tokens > *limit);
    let by_usd = limits.usd.filter(|limit| spent.usd > *limit);
    match (by_tokens, by_usd) {
        (Some(limit), _) => Some(BudgetMark::Tokens { limit, spent: spent.tokens }),
        (None, Some(limit)) => Some(BudgetMark::Usd { limit: limit.as_f64(), spent: spent.usd.as_f64() }),
        (None, None) => None,
    }
}
