//! The planner: when it is asked what is next, what comes of it, and what it costs.
//!
//! Invariants: it is asked once at a time and at most once a landing; nothing waits for it, while it thinks slots are filled
//! by the newest plan in force, else by the graph; it ends with the run, or at its stop; what it has used counts, however
//! it ended.

use std::time::Duration;

use super::dispatch;
use super::effect::{Effect, PlannerJob};
use super::event::{PlannerDraft, PlannerEnd, Problem};
use super::retry::given_wait;
use super::stack;
use super::state::{Course, Listing, Moment, State};
use super::step::{notice, notice_refused, record};
use crate::agent::{RuntimeFailure, SpawnError, SpawnReport, StopCause};
use crate::clock::Now;
use crate::ids::{IterationId, ModelName};
use crate::plan::priced::priced_call;
use crate::plan::runtime::{self, Choice};
use crate::plan::{RuntimeChoice, RuntimeProblem, SpawnPlan, choices};
use crate::prompt::planner::most_tasks;
use crate::record::JournalEvent;
use crate::schedule::backoff;
use crate::schedule::batch_plan::{BatchSource, NextBatch, SkipReason};
use crate::schedule::cost::{self, CostSource};
use crate::schedule::spending::Amount;
use crate::settings::Usd;
use crate::settings::secret::shown_args;
use crate::usage::Usage;

/// The planner being asked.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    number: u32,
    after: IterationId,
    is_running: bool,
    is_stopping: bool,
    /// What it has told of.
    told: (Usage, Option<Usd>, CostSource),
}

/// Asks the planner where that is due: something landed without a word of its agent, more is ready than workers are free,
/// and it is not being asked already.
pub(super) fn consider(state: &mut State, now: Now, out: &mut Vec<Effect>) {
    let is_time = state.course == Course::Draining && state.stop.is_none() && state.planning.call.is_none();
    if !is_time || state.queue.listing != Listing::No {
        return;
    }
    let Some(after) = state.planning.due else { return };
    if state.queue.spare.len() <= state.free_slots().count() {
        return;
    }
    state.planning.due = None;
    if let Err((reason, detail)) = begin(state, after, now, out) {
        not_asked(state, after, reason, detail, out);
    }
}

fn begin(
    state: &mut State,
    after: IterationId,
    now: Now,
    out: &mut Vec<Effect>,
) -> Result<(), (SkipReason, String)> {
    let budget_tokens = state.config.settings.planner_budget_tokens.value;
    if !state.config.settings.planner_enabled.value || budget_tokens == 0 {
        return Err((SkipReason::PlannerDisabled, String::new()));
    }
    let is_paused = state.planning.pause.is_some_and(|(_, until)| now.elapsed < until);
    if is_paused || stack::finished(state) < state.planning.not_before {
        return Ok(());
    }
    let choice = choose(state, now).map_err(|why| (SkipReason::RuntimeError, why))?;
    let usd = state.spending.guessed(budget_tokens);
    if !state.spending.set_aside_for_planner(Amount { tokens: budget_tokens, usd }) {
        return Err((SkipReason::BudgetExceeded, "the run's own budget has no room for it".to_owned()));
    }
    let number = state.planning.next_number();
    let told = (Usage::default(), None, CostSource::Unknown);
    state.planning.call = Some(Call { number, after, is_running: false, is_stopping: false, told });
    let query = dispatch::ready_query(state, Some(most_tasks(budget_tokens)));
    let touched = state.planning.touched.iter().cloned().collect();
    let job = PlannerJob { number, after, query, touched, budget_tokens, choice };
    out.push(Effect::DraftPlanner(Box::new(job)));
    Ok(())
}

fn choose(state: &State, now: Now) -> Result<RuntimeChoice, String> {
    let settings = &state.config.settings;
    let health = state.runtime_health(now.elapsed, None);
    let choice = match runtime::choose_for_planner(settings, &health) {
        Choice::Use(choice) => choice,
        Choice::Wait { why, .. } => return Err(why),
        Choice::Unusable(problem) => return Err(problem.to_string()),
    };
    if state.config.limits.spending.usd.is_some() {
        priced_call(&choice, settings).map_err(|problem| problem.to_string())?;
    }
    Ok(choice)
}

/// The planner is not asked. The same again is not written down again: its first time stands for all.
fn not_asked(
    state: &mut State,
    after: IterationId,
    reason: SkipReason,
    detail: String,
    out: &mut Vec<Effect>,
) {
    let skip = (reason, detail);
    let is_known = state.planning.silent.is_some() && state.planning.last_skip.as_ref() == Some(&skip);
    if !is_known {
        let number = state.planning.next_number();
        let (_, detail) = skip.clone();
        silence(state, Silence { number, after, reason, detail, spent: None }, out);
        state.planning.last_skip = Some(skip);
    }
}

/// What the planner used, and what that cost.
type Spent = (Usage, Option<Usd>, CostSource);

/// A batch that nobody planned.
struct Silence {
    number: u32,
    after: IterationId,
    reason: SkipReason,
    detail: String,
    /// None where the planner was not run.
    spent: Option<Spent>,
}

/// A batch that nobody plans: the graph is trusted, unless a plan is in force.
fn silence(state: &mut State, silence: Silence, out: &mut Vec<Effect>) {
    let Silence { number, after, reason, detail, spent } = silence;
    state.planning.last_skip = None;
    if number > state.planning.last_spoken {
        state.planning.silent = Some(number);
    }
    let detail = (!detail.is_empty()).then_some(detail);
    record(
        out,
        planned(number, after, BatchSource::Skipped, NextBatch::default(), spent, Some((reason, detail))),
    );
}

fn planned(
    number: u32,
    after: IterationId,
    source: BatchSource,
    next: NextBatch,
    spent: Option<Spent>,
    skip: Option<(SkipReason, Option<String>)>,
) -> JournalEvent {
    let (reason, detail) = skip.map_or((None, None), |(reason, detail)| (Some(reason), detail));
    let NextBatch { task_ids, dropped } = next;
    JournalEvent::BatchPlanned {
        number,
        iteration: after,
        source,
        task_ids,
        dropped,
        reason,
        detail,
        planner_tokens: spent.map(|(usage, ..)| usage),
        cost_usd: spent.and_then(|(_, usd, _)| usd).map(Usd::as_f64),
        cost_source: spent.filter(|(usage, ..)| usage.total() > 0).map(|(.., source)| source),
    }
}

/// The planner's prompt is written: it is asked, unless the run is being stopped.
pub(super) fn drafted(
    state: &mut State,
    number: u32,
    result: Result<Result<PlannerDraft, RuntimeProblem>, Problem>,
    out: &mut Vec<Effect>,
) {
    if state.planning.call.as_ref().is_none_or(|call| call.number != number) {
        return;
    }
    if is_over(state) {
        return give_up(state);
    }
    match result {
        Ok(Ok(PlannerDraft::Planned(plan))) => run(state, plan, out),
        Ok(Ok(PlannerDraft::NothingReady)) => give_up(state),
        Ok(Ok(PlannerDraft::TooLong(tokens))) => {
            let budget = state.config.settings.planner_budget_tokens.value;
            // What is ready has to get fewer first: that takes landings.
            state.planning.not_before = stack::finished(state) + u64::from(state.config.jobs) * 2;
            let detail = format!("its prompt would take more than {budget} tokens, {tokens} at least");
            fail(state, SkipReason::BudgetExceeded, detail, None, out);
        }
        Ok(Err(problem)) => fail(state, SkipReason::RuntimeError, problem.to_string(), None, out),
        Err(problem) => {
            let detail = format!("what it is asked could not be written: {problem}");
            fail(state, SkipReason::RuntimeError, detail, None, out);
        }
    }
}

fn run(state: &mut State, plan: Box<SpawnPlan>, out: &mut Vec<Effect>) {
    let Some(call) = &mut state.planning.call else { return };
    call.is_running = true;
    let number = call.number;
    record(
        out,
        JournalEvent::PlannerStarted {
            number,
            iteration: call.after,
            runtime: plan.runtime.clone(),
            model: plan.model.clone(),
            line: format!("planner {number}: {}", choices(&plan.provenance)),
            argv: shown_args(&plan.argv),
            provenance: plan.provenance.clone(),
        },
    );
    out.push(Effect::RunPlanner { number, plan });
}

/// Nothing comes of a call that never ran; its number is given again if nobody has taken a later one.
fn give_up(state: &mut State) {
    state.spending.planner_ended(Amount::default());
    if let Some(call) = state.planning.call.take()
        && call.number == state.planning.last
    {
        state.planning.last -= 1;
    }
}

fn fail(state: &mut State, reason: SkipReason, detail: String, spent: Option<Spent>, out: &mut Vec<Effect>) {
    let (usage, usd) = spent.map_or((Usage::default(), None), |(usage, usd, _)| (usage, usd));
    settle_spending(state, &usage, usd);
    if let Some(Call { number, after, .. }) = state.planning.call.take() {
        silence(state, Silence { number, after, reason, detail, spent }, out);
    }
}

/// What the planner has used is spent. Where nobody knows what that cost, the first guess counts.
fn settle_spending(state: &mut State, usage: &Usage, usd: Option<Usd>) {
    let tokens = usage.total();
    let told = state.spending.planner_told().usd;
    let usd = usd.unwrap_or_else(|| told.max(state.spending.guessed(tokens)));
    state.spending.planner_ended(Amount { tokens, usd });
}

fn priced(
    state: &State,
    usage: &Usage,
    reported: Option<f64>,
    model: Option<&str>,
) -> (Option<Usd>, CostSource) {
    let model = model.map(ModelName::new);
    cost::cost(usage, reported, cost::listed(&state.config.settings.prices, &[model.as_ref()]))
}

/// The planner told what it has used so far.
pub(super) fn used(
    state: &mut State,
    number: u32,
    usage: Usage,
    reported: Option<f64>,
    model: Option<&str>,
    out: &mut Vec<Effect>,
) {
    let (usd, source) = priced(state, &usage, reported, model);
    let Some(call) = state.planning.call.as_mut().filter(|call| call.number == number) else { return };
    call.told = (usage, usd, source);
    let usd = usd.unwrap_or_else(|| state.spending.planner_told().usd);
    state.spending.planner_tells(Amount { tokens: usage.total(), usd });
    tell_if_passed(state, out);
}

/// Tells once that a budget is passed where it was the planner that passed it.
fn tell_if_passed(state: &mut State, out: &mut Vec<Effect>) {
    let (limits, spent) = (state.config.limits.spending, state.spending.spent());
    let by_tokens = limits.tokens.is_some_and(|limit| spent.tokens > limit);
    let by_usd = limits.usd.is_some_and(|limit| spent.usd > limit);
    if (by_tokens || by_usd) && !state.told_passed {
        state.told_passed = true;
        notice(out, None, "the run's budget is passed by what the planner used");
    }
}

/// The planner has ended: its answer is in force from the next tick on, unless an agent has spoken since it was asked.
pub(super) fn ended(
    state: &mut State,
    number: u32,
    result: Result<Box<PlannerEnd>, SpawnError>,
    now: Now,
    out: &mut Vec<Effect>,
) {
    let Some(call) = state.planning.call.clone().filter(|call| call.number == number) else { return };
    let PlannerEnd { report, next } = match result {
        Ok(end) => *end,
        Err(error) => {
            let spent = (call.told.0.total() > 0).then_some(call.told);
            return fail(state, SkipReason::RuntimeError, error.to_string(), spent, out);
        }
    };
    notice_refused(out, None, "the planner", &report.refused);
    let reading = &report.reading;
    state.planning.pause = report.failure().map(|failure| pause(state, failure, now));
    let (usd, source) = priced(state, &reading.usage, reading.cost_usd, reading.model_observed.as_deref());
    let spent = Some((reading.usage, usd, source));
    match (why_failed(state, &report), next) {
        (Some(why), _) => fail(state, SkipReason::RuntimeError, why, spent, out),
        (None, None) => {
            let detail = "its answer holds no list of tasks in the form that it was asked for".to_owned();
            fail(state, SkipReason::ParseError, detail, spent, out);
        }
        (None, Some(next)) => {
            settle_spending(state, &reading.usage, usd);
            state.planning.call = None;
            state.planning.last_skip = None;
            state.planning.take(number, BatchSource::Planner, &next.task_ids);
            record(out, planned(number, call.after, BatchSource::Planner, next, spent, None));
        }
    }
    tell_if_passed(state, out);
}

/// The pause after a call that its runtime failed: as long as the provider says, else longer with each one in a row.
fn pause(state: &State, failure: &RuntimeFailure, now: Now) -> (u32, Duration) {
    let in_a_row = state.planning.pause.map_or(1, |(before, _)| before.saturating_add(1));
    let wait = given_wait(failure, now).unwrap_or_default().max(backoff::rest(in_a_row));
    (in_a_row, now.elapsed.saturating_add(wait))
}

/// Why a planner that ran did not end well, if it did not.
fn why_failed(state: &State, report: &SpawnReport) -> Option<String> {
    match &report.stopped {
        Some(StopCause::Requested) if report.failure().is_none() => {
            let why =
                if state.stop.is_some() { "the run was stopped" } else { "the run came to its end first" };
            Some(why.to_owned())
        }
        _ => report.why_no_answer(),
    }
}

/// Nothing is going to be started any more. A run that verifies or delivers while it waits for new tasks goes on after that.
fn is_over(state: &State) -> bool {
    let goes_on = matches!(
        state.course,
        Course::Opening
            | Course::Baseline
            | Course::Draining
            | Course::Verifying(Moment::Idle)
            | Course::NotingVerify(Moment::Idle)
            | Course::DeliveringIdle
    );
    state.stop.is_some() || !goes_on
}

/// Ends the planner with the run.
pub(super) fn end_if_over(state: &mut State, out: &mut Vec<Effect>) {
    let over = is_over(state);
    if let Some(call) = &mut state.planning.call
        && over
        && call.is_running
        && !call.is_stopping
    {
        call.is_stopping = true;
        out.push(Effect::StopPlanner);
    }
}

/// The process that asked it is gone: nobody knows what it said, or used.
pub(super) fn was_cut_off(number: u32, after: IterationId, state: &mut State, out: &mut Vec<Effect>) {
    let detail = "the run crashed before it had answered".to_owned();
    let silence = Silence { number, after, reason: SkipReason::RuntimeError, detail, spent: None };
    self::silence(state, silence, out);
}

/// The run's record is closed, whether the planner's end has been seen or not.
pub(super) fn close_off(state: &mut State, out: &mut Vec<Effect>) {
    let Some(call) = state.planning.call.clone() else { return };
    if call.is_running {
        fail(state, SkipReason::RuntimeError, "the run has ended".to_owned(), Some(call.told), out);
    } else {
        give_up(state);
    }
}
