//! One attempt from its claim to the end of its agent.

use std::sync::Arc;

use super::effect::{Effect, WorkPlace, WorkerJob};
use super::event::{ExitView, PlannedView, PreparedView, Problem};
use super::progress::{Iteration, PendingEnd, Stage};
use super::settle::{self, FailedEnd};
use super::state::{Reading, State, StopLevel};
use super::step::{notice, notice_refused, record};
use super::stopping;
use super::{dispatch, failing, helping, planning, retry, spent};
use crate::agent::verdict::{self, Verdict, VerdictInput};
use crate::agent::{IterationOutcome, SpawnError, StopCause, StopRequest};
use crate::clock::Now;
use crate::ids::{IterationId, RefName};
use crate::plan::model::Wishes;
use crate::plan::priced::priced;
use crate::plan::runtime::{self, Choice};
use crate::plan::{RuntimeProblem, provenance_line};
use crate::record::JournalEvent;
use crate::record::event::VerdictRecord;
use crate::schedule::cost::CostSource;
use crate::settings::Usd;
use crate::settings::secret::shown_args;
use crate::tracker::{Status, Task};

/// Ends an iteration whose agent does not run.
pub(super) fn abandon(state: &mut State, id: IterationId, reason: &str, out: &mut Vec<Effect>) {
    end_without_work(state, id, IterationOutcome::Cancelled, reason, out);
}

fn end_without_work(
    state: &mut State,
    id: IterationId,
    outcome: IterationOutcome,
    reason: &str,
    out: &mut Vec<Effect>,
) {
    // A runtime that rests is nobody's fault.
    let spares_attempt = outcome == IterationOutcome::RateLimited;
    if state.iteration_mut(id).is_some_and(|iteration| iteration.retries > 0) {
        // An earlier try ran here: what it did lies in the folder, which is never reset before it is collected.
        let ending =
            PendingEnd { outcome: Some(outcome), reason: reason.to_owned(), explicit: false, spares_attempt };
        return retry::end_untried(state, id, ending, out);
    }
    if let Some(iteration) = state.take_iteration(id) {
        let end = FailedEnd { spares_attempt, ..failed_end(*iteration, outcome, reason.to_owned(), None) };
        settle::fail(state, end, out);
    }
}

/// An iteration that does not end closed.
pub(super) fn failed_end(
    iteration: Iteration,
    outcome: IterationOutcome,
    reason: String,
    anchor: Option<RefName>,
) -> FailedEnd {
    FailedEnd {
        iteration: iteration.id,
        task: iteration.task,
        actor: iteration.actor,
        outcome,
        reason,
        gate: None,
        merge: None,
        anchor,
        keep_closed: iteration.taken.is_some(),
        spares_attempt: false,
        given_up: None,
    }
}

/// Why an iteration whose agent does not run yet is not to go on, if it isn't.
pub(super) fn why_abandon(state: &mut State, id: IterationId) -> Option<String> {
    if let Some(taken) = state.iteration_mut(id).and_then(|iteration| iteration.taken.clone()) {
        return Some(taken);
    }
    let stops_agents = state.stop_level() >= Some(StopLevel::StoppingAgents);
    let is_spent = state.stop.is_some() && state.spending.exhausted().is_some();
    (stops_agents || state.is_signalled() || is_spent).then(|| "the run was stopped".to_owned())
}

/// Ends an iteration whose agent could not be started: its own failure, unless it was stopped meanwhile.
fn not_begun(state: &mut State, id: IterationId, reason: &str, error: &str, out: &mut Vec<Effect>) {
    if let Some(why) = why_abandon(state, id) {
        return abandon(state, id, &why, out);
    }
    let Some(task) = state.iteration_mut(id).map(|iteration| iteration.task.id.clone()) else { return };
    end_without_work(state, id, IterationOutcome::RuntimeError, reason, out);
    stopping::count_spawn_error(state, &task, error, out);
}

/// The worktree stands at its base, or can't.
pub(super) fn prepared(
    state: &mut State,
    id: IterationId,
    result: Result<PreparedView, Problem>,
    now: Now,
    out: &mut Vec<Effect>,
) {
    let PreparedView { worktree, branch, fresh } = match result {
        Ok(view) => view,
        Err(problem) => {
            let reason = format!("the worktree could not be prepared: {problem}");
            return not_begun(state, id, &reason, &problem, out);
        }
    };
    if let Some(iteration) = state.iteration_mut(id) {
        iteration.place = Some(WorkPlace { worktree: worktree.clone(), branch });
    }
    record(out, JournalEvent::Prepared { iteration: id, worktree, fresh });
    if why_abandon(state, id).is_some() || !helping::holds_plan(state, id) {
        go_on(state, id, now, out);
    }
}

/// On to the plan, unless the run was stopped or the task was taken.
pub(super) fn go_on(state: &mut State, id: IterationId, now: Now, out: &mut Vec<Effect>) {
    match why_abandon(state, id) {
        Some(why) => abandon(state, id, &why, out),
        None => plan(state, id, now, out),
    }
}

/// The runtime is chosen only now, when it is certain that the iteration goes on: so that those that run are counted.
fn plan(state: &mut State, id: IterationId, now: Now, out: &mut Vec<Effect>) {
    let health = state.runtime_health(now.elapsed, Some(id.worker));
    let (settings, run) = (Arc::clone(&state.config.settings), state.config.model.clone());
    let Some(iteration) = state.iteration_mut(id) else { return };
    let suggested = iteration.suggested.clone();
    let wishes = Wishes { settings: &settings, run: run.as_ref(), suggested: suggested.as_deref() };
    let choice = match runtime::choose(&iteration.task, &wishes, &health) {
        Choice::Use(choice) => choice,
        Choice::Wait { why, .. } => {
            return end_without_work(state, id, IterationOutcome::RateLimited, &why, out);
        }
        Choice::Unusable(RuntimeProblem::UnknownModel { .. }) if suggested.is_some() => {
            // A suggestion of what is not there is none.
            iteration.suggested = None;
            return plan(state, id, now, out);
        }
        // It went out of use while the worktree was prepared.
        Choice::Unusable(problem) if problem.is_of_the_runtime() => {
            return end_without_work(state, id, IterationOutcome::RateLimited, &problem.to_string(), out);
        }
        Choice::Unusable(problem) => {
            return end_without_work(state, id, IterationOutcome::RuntimeError, &problem.to_string(), out);
        }
    };
    let task = iteration.task.clone();
    if state.config.limits.spending.usd.is_some()
        && let Err(problem) =
            priced(&task, &choice, &settings, state.config.model.as_ref(), suggested.as_deref())
    {
        if suggested.is_some()
            && let Some(iteration) = state.iteration_mut(id)
        {
            // A suggestion that a budget does not allow is none.
            iteration.suggested = None;
            return plan(state, id, now, out);
        }
        // The main runtime came to rest while the worktree was prepared.
        return end_without_work(state, id, IterationOutcome::RateLimited, &problem.to_string(), out);
    }
    let Some(iteration) = state.iteration_mut(id) else { return };
    iteration.stage = Stage::Planning;
    iteration.choice = Some(choice.clone());
    let (task, attempt, dependencies) =
        (iteration.task.clone(), iteration.attempt, iteration.dependencies.clone());
    if state.runtimes.is_due_for_probe(&choice.name, now.elapsed) {
        // Its rest ended while the worktree was prepared: no more than one goes on it now.
        state.runtimes.probe(&choice.name, id.worker);
    }
    let previous = state.tasks.get(&task.id).and_then(|progress| progress.last_failure.clone());
    let (ready, resumes) = (planning::question_for_prompt(state), None);
    let job = WorkerJob::Plan {
        task,
        attempt,
        retry: 0,
        previous,
        dependencies,
        choice,
        suggested,
        resumes,
        ready,
    };
    failing::tell_choice(state, id, out);
    out.push(Effect::Work { iteration: id, job });
}

/// What runs is settled and written down.
pub(super) fn planned(
    state: &mut State,
    id: IterationId,
    result: Result<Result<PlannedView, RuntimeProblem>, Problem>,
    out: &mut Vec<Effect>,
) {
    let PlannedView { plan, prompt_prefix_hash } = match result {
        Ok(Ok(view)) => view,
        Ok(Err(problem)) => {
            return end_without_work(state, id, IterationOutcome::RuntimeError, &problem.to_string(), out);
        }
        Err(problem) => {
            let reason = format!("the plan could not be written: {problem}");
            return not_begun(state, id, &reason, &problem, out);
        }
    };
    if let Some(why) = why_abandon(state, id) {
        return abandon(state, id, &why, out);
    }
    let Some(iteration) = state.iteration_mut(id) else { return };
    let task = iteration.task.id.clone();
    iteration.stage = Stage::Running { done_on_exit_zero: plan.done_on_exit_zero };
    iteration.resumed = plan.resumes.is_some();
    iteration.models = plan.model_told.iter().chain(&plan.model).cloned().collect();
    record(
        out,
        JournalEvent::Plan {
            iteration: id,
            runtime: plan.runtime.clone(),
            model: plan.model.clone(),
            model_told: plan.model_told.clone(),
            line: provenance_line(id, &task, &plan.provenance),
            argv: shown_args(&plan.argv),
            prompt_prefix_hash,
            provenance: plan.provenance.clone(),
        },
    );
    out.push(Effect::Work { iteration: id, job: WorkerJob::Run { task, plan } });
}

/// Running tasks were read afresh: an agent whose task somebody else closed or took is stopped.
pub(super) fn running_read(
    state: &mut State,
    tasks: Vec<(IterationId, Option<Box<Task>>)>,
    out: &mut Vec<Effect>,
) {
    let reading = std::mem::replace(&mut state.reading, Reading::No);
    for (id, task) in tasks {
        let Some(iteration) = state.iteration_mut(id) else { continue };
        if iteration.taken.is_some() || !iteration.may_be_stopped() {
            continue;
        }
        if let Some(why) = taken_by_somebody(iteration, task.as_deref()) {
            iteration.taken = Some(why.clone());
            notice(out, Some(id), format!("{why}; its agent is stopped"));
            if !retry::end_wait_of_taken(state, id, out) {
                out.push(Effect::StopAgent(id.worker, StopRequest::Graceful));
            }
        }
    }
    if reading == Reading::OnceMore {
        dispatch::read_running(state, out);
    }
}

fn taken_by_somebody(iteration: &Iteration, task: Option<&Task>) -> Option<String> {
    let Some(task) = task else {
        return Some(format!("{} was deleted", iteration.task.id));
    };
    match verdict::owner_after(task, &iteration.actor) {
        verdict::Owner::Ours => None,
        verdict::Owner::Person(who) => Some(match task.status {
            Status::Closed => format!("{who} closed {}", task.id),
            _ => format!("{who} took {}", task.id),
        }),
    }
}

/// The agent has ended: what that means, and on to its work.
pub(super) fn exited(
    state: &mut State,
    id: IterationId,
    result: Result<Box<ExitView>, SpawnError>,
    now: Now,
    out: &mut Vec<Effect>,
) {
    let view = match result {
        Ok(view) => view,
        Err(error) => return exited_unseen(state, id, &error, out),
    };
    let cost @ (usd, _) = spent::cost_of(state, id, &view.report);
    spent::agent_ended(state, id, &view.report, usd, out);
    let running = state.iteration_mut(id).and_then(|iteration| match iteration.stage {
        Stage::Running { done_on_exit_zero } => Some((iteration, done_on_exit_zero)),
        _ => None,
    });
    let Some((iteration, done_on_exit_zero)) = running else {
        return record_exit(id, &view, cost, None, false, out);
    };
    let ending = pending_end(iteration, &view, done_on_exit_zero);
    let taken = iteration.taken.is_some();
    let failure = view.report.failure().filter(|_| ending.outcome == Some(IterationOutcome::RuntimeError));
    let asks = failure.is_none() && helping::wants_summary(state, &view);
    record_exit(id, &view, cost, Some(verdict_record(&ending, taken)), asks, out);
    if asks {
        helping::sum_up(state, id, out);
    }
    if let Some(failure) = failure {
        let Some(iteration) = state.iteration_mut(id) else { return };
        failing::keep_session(iteration, &view.report.reading);
        return failing::failed(state, id, failure, ending, now, out);
    }
    state.spawn_errors.end();
    let has_answered = !matches!(
        ending.outcome,
        Some(IterationOutcome::Cancelled | IterationOutcome::TimedOut | IterationOutcome::Stalled)
    );
    if has_answered {
        failing::answered(state, id, out);
        planning::agent_said(state, id, view.next, out);
    } else {
        state.runtimes.give_up_probe(id.worker);
    }
    state.spending.end(id, has_answered);
    failing::note_stand_in(state, id);
    if let Some(iteration) = state.iteration_mut(id) {
        begin_collecting(iteration, ending, out);
    }
}

/// An agent that never ran, or of which nothing could be kept, because a disk was full for one. What it may have done
/// lies in its folder, which is never reset before it is collected.
fn exited_unseen(state: &mut State, id: IterationId, error: &SpawnError, out: &mut Vec<Effect>) {
    let is_missing = matches!(error, SpawnError::Missing { .. });
    let error = &error.to_string();
    let stopped = why_abandon(state, id);
    let Some(iteration) = state.iteration_mut(id) else { return };
    let task = iteration.task.id.clone();
    let outcome =
        if stopped.is_some() { IterationOutcome::Cancelled } else { IterationOutcome::RuntimeError };
    let is_its_own = stopped.is_none();
    let reason = stopped.unwrap_or_else(|| error.clone());
    let ending = PendingEnd { outcome: Some(outcome), reason, explicit: false, spares_attempt: is_missing };
    begin_collecting(iteration, ending, out);
    state.spending.end(id, false);
    state.runtimes.give_up_probe(id.worker);
    if is_missing {
        failing::missing(state, id, error, out);
    } else if is_its_own {
        stopping::count_spawn_error(state, &task, error, out);
    }
}

pub(super) fn begin_collecting(iteration: &mut Iteration, ending: PendingEnd, out: &mut Vec<Effect>) {
    iteration.stage = Stage::Collecting { ending: Box::new(ending) };
    let job = WorkerJob::Collect {
        task: iteration.task.id.clone(),
        title: iteration.task.title.clone(),
        base: iteration.base.clone(),
    };
    out.push(Effect::Work { iteration: iteration.id, job });
}

fn record_exit(
    id: IterationId,
    view: &ExitView,
    (usd, source): (Option<Usd>, CostSource),
    verdict: Option<VerdictRecord>,
    summary_asked: bool,
    out: &mut Vec<Effect>,
) {
    let report = &view.report;
    let stopped = report.stopped.as_ref().map(|cause| match cause {
        StopCause::Requested => "requested".to_owned(),
        StopCause::Timeout => "timeout".to_owned(),
        StopCause::Stalled(evidence) => format!("stalled: {evidence}"),
        StopCause::Hopeless(failure) => format!("hopeless: {}", failure.message),
    });
    record(
        out,
        JournalEvent::Exited {
            iteration: id,
            exit: report.exit,
            duration_secs: report.duration.as_secs_f64(),
            stopped,
            leaked: report.leaked,
            signal: report.signal.clone(),
            output_bytes: report.output_bytes,
            decisions: report.decisions.clone(),
            deferred: report.deferred.clone(),
            summary: report.summary.clone(),
            summary_asked,
            stderr_tail: report.stderr_tail.clone(),
            usage: report.reading.usage,
            cost_usd: usd.map(Usd::as_f64),
            cost_source: (report.reading.usage.total() > 0).then_some(source),
            session_id: report.reading.session_id.clone(),
            model_observed: report.reading.model_observed.clone(),
            tool_calls: report.reading.tool_calls.clone(),
            failure: report.failure().cloned(),
            verdict: verdict.map(Box::new),
        },
    );
    if report.leaked > 0 {
        notice(out, Some(id), format!("the agent left {} processes behind; they were ended", report.leaked));
    }
    notice_refused(out, Some(id), "the agent", &report.refused);
    if let Err(problem) = &view.task_after {
        notice(out, Some(id), format!("the task could not be read after the agent's end: {problem}"));
    }
}

/// So that a run that is gone on with after a crash need not run the agent again to know what its end meant.
fn verdict_record(ending: &PendingEnd, taken: bool) -> VerdictRecord {
    let PendingEnd { outcome, reason, explicit, spares_attempt: _ } = ending;
    VerdictRecord { outcome: *outcome, reason: reason.clone(), explicit: *explicit, taken }
}

fn pending_end(iteration: &mut Iteration, view: &ExitView, done_on_exit_zero: bool) -> PendingEnd {
    let task_after = match &view.task_after {
        Ok(task) => task.as_deref(),
        // As far as is known the claim is still ours; whose the task is, is asked again before anything lands.
        Err(_) => Some(&*iteration.task),
    };
    let input = VerdictInput {
        report: &view.report,
        task_id: &iteration.task.id,
        actor: &iteration.actor,
        task_after,
        done_on_exit_zero,
    };
    let verdict = match iteration.taken.take() {
        Some(why) => Verdict::TakenByPerson { reason: why },
        None => verdict::decide(&input),
    };
    let (outcome, reason, explicit) = match verdict {
        Verdict::Done { reason, explicit } => (None, reason, explicit),
        Verdict::NoClose { reason } => (Some(IterationOutcome::NoClose), reason, false),
        Verdict::Blocked { reason } => (Some(IterationOutcome::Blocked), reason, false),
        Verdict::Failed { outcome, reason } => (Some(outcome), reason, false),
        Verdict::TakenByPerson { reason } => {
            iteration.taken = Some(reason.clone());
            (Some(IterationOutcome::Cancelled), reason, false)
        }
    };
    PendingEnd { outcome, reason, explicit, spares_attempt: false }
}
