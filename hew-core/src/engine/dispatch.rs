//! Ready tasks to free workers: ask, choose, claim, begin.

use std::collections::BTreeSet;
use std::time::Duration;

use super::effect::{Effect, WorkerJob};
use super::event::Problem;
use super::progress::{Iteration, Refusals, Slot, TaskProgress, TaskState};
use super::state::{Course, HeldBack, Listing, LostClaims, Reading, State};
use super::step::{notice, record};
use super::{ahead, ending, failing, helping, iteration, planning, stack, stopping, unanswered};
use crate::clock::Now;
use crate::ids::{CommitId, IterationId, TaskId, WorkerId};
use crate::land::conflict::conflict_of;
use crate::plan::model::{self, Wishes};
use crate::plan::priced::priced;
use crate::plan::runtime::{self, Choice};
use crate::plan::{RuntimeChoice, RuntimeHealth, RuntimeProblem};
use crate::prompt::DependencyLanding;
use crate::record::JournalEvent;
use crate::record::event::AssignmentRecord;
use crate::schedule::budget::Budget;
use crate::schedule::dispatcher::{self, Fitness};
use crate::tracker::{ClaimOutcome, ReadyQuery, Scope, Task};

/// What a tick decided.
type Chosen = dispatcher::Choice<RuntimeProblem, HeldBack>;

/// Claims of one task that may be lost before it is left alone.
const CLAIMS_OF_ONE_TASK: u32 = 3;

/// What a run may use.
pub(super) fn budget(state: &State) -> Budget {
    let grace = state.config.settings.budget_grace.value;
    Budget { max_iter: state.config.limits.max_iter, wall: state.config.limits.wall, grace }
}

/// Iterations begun, and claims that may become one.
pub(super) fn reserved(state: &State) -> u64 {
    let claiming = state.slots.iter().filter(|slot| matches!(slot, Slot::Claiming { .. })).count();
    state.started + u64::try_from(claiming).expect("a run has at most 16 workers")
}

/// How many more iterations may begin.
fn room(state: &State) -> usize {
    budget(state).room(reserved(state)).min(state.spending.room())
}

/// Asks for ready tasks if there is a free worker, room in every budget, and reason to think that the answer is new.
pub(super) fn fill_slots(state: &mut State, now: Now, out: &mut Vec<Effect>) {
    if state.queue.listing != Listing::No || !state.queue.stale || state.stop.is_some() {
        return;
    }
    if unanswered::next_ask(state).is_some_and(|at| now.elapsed < at) {
        return;
    }
    if ending::has_seen_enough(state) {
        return;
    }
    if !matches!(state.course, Course::Opening | Course::Draining) || state.free_slots().next().is_none() {
        return;
    }
    if stopping::stop_if_exhausted(state, reserved(state), now.elapsed, out) {
        return;
    }
    if state.inherited.is_merging {
        // As without the crash: what is ready since the branches were merged is left to the next run.
        (state.queue.nothing_ready, state.queue.stale) = (true, false);
        return;
    }
    if state.spending.room() == 0 || planning::holds(state) {
        // What runs may yet take less than was set aside for it, or end and let the plan go on.
        return;
    }
    state.queue.listing = if ending::is_idle(state) { Listing::Idle } else { Listing::Busy };
    state.queue.stale = false;
    unanswered::asks(state, now);
    let free = state.free_slots().count();
    // A few more than there are free workers: a claim that is lost is made good in the same tick.
    let limit = free.min(room(state)) + usize::from(state.config.jobs);
    let only = planning::ask_under(state);
    let query = ready_query(state, (!state.queue.whole).then_some(limit));
    out.push(Effect::ListReady(ReadyQuery { only, ..query }));
}

/// The run's question to the queue.
pub(super) fn ready_query(state: &State, limit: Option<usize>) -> ReadyQuery {
    // A claim under way may be won, and its task be closed by its agent, before this question is answered.
    let claiming = state.slots.iter().filter_map(|slot| match slot {
        Slot::Claiming { task, .. } => Some(task.id.clone()),
        Slot::Free | Slot::Busy(_) => None,
    });
    ReadyQuery {
        scope: state.config.scope.clone(),
        only: None,
        exclude: state.excluded.clone(),
        hold_open: state.unsettled.iter().cloned().chain(claiming).collect(),
        with_parked: state.config.retry_parked || matches!(state.config.scope, Scope::Tasks(_)),
        limit,
    }
}

/// Something changed that may have made a task ready, or a running one somebody else's.
pub(super) fn tracker_changed(state: &mut State, out: &mut Vec<Effect>) {
    state.queue.stale = true;
    for (task, lost) in &mut state.lost {
        // A tracker that lists a task again and again without ever giving it is not believed for ever.
        if lost.waits && lost.times < CLAIMS_OF_ONE_TASK {
            lost.waits = false;
            state.excluded.remove(task);
        }
    }
    read_running(state, out);
}

/// Reads the tasks of agents that run, or are about to.
pub(super) fn read_running(state: &mut State, out: &mut Vec<Effect>) {
    if state.reading != Reading::No {
        state.reading = Reading::OnceMore;
        return;
    }
    let running: Vec<(IterationId, TaskId)> = state
        .slots
        .iter()
        .filter_map(|slot| match slot {
            Slot::Busy(iteration) if iteration.may_be_stopped() => {
                Some((iteration.id, iteration.task.id.clone()))
            }
            _ => None,
        })
        .collect();
    if !running.is_empty() {
        state.reading = Reading::UnderWay;
        out.push(Effect::ReadRunning(running));
    }
}

/// The queue has answered.
pub(super) fn ready_listed(
    state: &mut State,
    result: Result<Vec<Task>, Problem>,
    now: Now,
    out: &mut Vec<Effect>,
) {
    let asked = std::mem::replace(&mut state.queue.listing, Listing::No);
    let ready = match result {
        Ok(ready) => ready,
        Err(problem) => return unanswered::list_failed(state, &problem, now, out),
    };
    unanswered::list_answered(state, out);
    leave_own_bugs(state, &ready);
    let ready: Vec<Task> = ready.into_iter().filter(|task| !state.excluded.contains(&task.id)).collect();
    if state.stop.is_none() && planning::asks_again(state, ready.is_empty()) {
        return;
    }
    state.queue.nothing_ready = ready.is_empty();
    let idle_and_empty = asked == Listing::Idle && ready.is_empty();
    state.queue.idle_lists = if idle_and_empty { state.queue.idle_lists + 1 } else { 0 };
    if state.stop.is_some() {
        return;
    }
    if state.course == Course::Opening {
        state.queue.stale |= !ready.is_empty();
        return super::baseline::open(state, !ready.is_empty(), out);
    }
    assign(state, ready, asked, now, out);
}

/// A bug about a conflict of this run is for the next one, even where the tracker filed it and its answer was lost.
fn leave_own_bugs(state: &mut State, ready: &[Task]) {
    let prefix = state.config.run.actor_prefix();
    let is_own = |task: &Task| {
        let by = task.record.get("created_by").and_then(|by| by.as_str());
        !conflict_of(task).is_empty() && by.is_some_and(|by| by.starts_with(&prefix))
    };
    for bug in ready.iter().filter(|task| is_own(task)).map(|task| &task.id) {
        state.filed.insert(bug.clone());
        state.unsettled.insert(bug.clone());
        // What was asked for may have been all that the limit let through.
        state.queue.stale |= state.excluded.insert(bug.clone());
    }
}

fn assign(state: &mut State, mut ready: Vec<Task>, asked: Listing, now: Now, out: &mut Vec<Effect>) {
    let ready_seen = ready.len();
    // A runtime that is tried again with a task that it never serves would serve nobody else either.
    ready.sort_by_key(|task| failing::is_refused_again_and_again(state, &task.id));
    let mut free = ahead::free_by_readiness(state);
    free.truncate(room(state));
    let choice = choose(state, ready, &free, now);
    hold_back(state, &choice, free.len());
    for (Task { id: task, title, .. }, problem) in choice.unrunnable {
        let problem = problem.with_remedy();
        notice(out, None, format!("{task} can't run here: {problem}"));
        state.findings.has_failures = true;
        state.excluded.insert(task.clone());
        state.unsettled.insert(task.clone());
        state.unrunnable.insert(task, (title, problem));
        // What was asked for may have been all that the limit let through.
        state.queue.stale = true;
    }
    if choice.assignments.is_empty() && asked == Listing::Idle && planning::ignore(state, out) {
        return;
    }
    state.queue.spare = choice.spare;
    let held_by_plan = planning::held(state, free.len() - choice.assignments.len());
    let has_held_back = !choice.held_back.is_empty();
    if choice.assignments.is_empty() && !planning::is_news(state, held_by_plan) {
        record_lost_claims(state, ready_seen, out);
        return ahead::look(state, out);
    }
    let assignments = choice
        .assignments
        .iter()
        .map(|(worker, task)| AssignmentRecord { iteration: next_id(state, *worker), task: task.id.clone() })
        .collect();
    let claim_failures = std::mem::take(&mut state.claim_failures);
    let (batch_source, batch) = planning::picked_under(state);
    record(
        out,
        JournalEvent::Tick { ready_seen, batch_source, batch, held_by_plan, assignments, claim_failures },
    );
    for (worker, task) in choice.assignments {
        claim(state, worker, task, batch, out);
    }
    if held_by_plan > 0 && !has_held_back {
        planning::hold(state);
    }
    ahead::look(state, out);
}

/// Ready tasks to free workers, as far as there are runtimes for them now. A runtime that rested is given to one of them.
fn choose(state: &mut State, ready: Vec<Task>, free: &[WorkerId], now: Now) -> Chosen {
    let settings = std::sync::Arc::clone(&state.config.settings);
    dispatcher::choose(ready, free, |task, worker| {
        let health = state.runtime_health(now.elapsed, worker);
        let model = state.config.model.as_ref();
        let wishes = Wishes { settings: &settings, run: model, suggested: None };
        match runtime::choose(task, &wishes, &health) {
            Choice::Use(choice) => {
                if state.config.limits.spending.usd.is_some()
                    && let Err(problem) = priced(task, &choice, &settings, model, None)
                {
                    return unfit(&choice, &health, problem);
                }
                if let Some(worker) = worker
                    && state.runtimes.is_due_for_probe(&choice.name, now.elapsed)
                {
                    state.runtimes.probe(&choice.name, worker);
                }
                Fitness::Fit
            }
            Choice::Wait { until, why } => Fitness::HeldBack(HeldBack { until, why, lacks_model: false }),
            Choice::Unusable(problem) if is_everybodys(task, &problem) => {
                let lacks_model = matches!(problem, RuntimeProblem::UnknownModel { .. });
                Fitness::HeldBack(HeldBack { until: None, why: problem.to_string(), lacks_model })
            }
            Choice::Unusable(problem) => Fitness::Unfit(problem),
        }
    })
}

/// No other task would fare better: the runtime is out, or lacks a model that the task did not ask for itself.
fn is_everybodys(task: &Task, problem: &RuntimeProblem) -> bool {
    let asked_for_it = match problem {
        RuntimeProblem::UnknownModel { .. } => model::is_tasks_own(task),
        _ => false,
    };
    problem.is_of_the_runtime() && !asked_for_it && !runtime::has_own_word(task)
}

/// A stand-in whose cost nobody knows is no reason to give a task up: it waits for the runtime that it stands in for.
fn unfit(
    choice: &RuntimeChoice,
    health: &RuntimeHealth,
    problem: RuntimeProblem,
) -> Fitness<RuntimeProblem, HeldBack> {
    match choice.instead_of.as_ref().and_then(|main| health.resting.get(main)) {
        Some(rest) => {
            Fitness::HeldBack(HeldBack { until: rest.until, why: problem.to_string(), lacks_model: false })
        }
        None => Fitness::Unfit(problem),
    }
}

/// Notes what waits for a runtime. Where such tasks fill a list that was cut, all of it is asked for.
fn hold_back(state: &mut State, choice: &Chosen, free: usize) {
    let earliest = choice.held_back.iter().min_by_key(|held| (held.until.is_none(), held.until));
    let lacks_model = choice.held_back.iter().any(|held| held.lacks_model);
    state.queue.held_back = earliest.map(|held| HeldBack { lacks_model, ..held.clone() });
    let was_whole = std::mem::replace(&mut state.queue.whole, earliest.is_some());
    let is_short = choice.assignments.len() < free;
    state.queue.stale |= earliest.is_some() && !was_whole && is_short;
    if earliest.is_none() {
        state.queue.waiting_until = None;
    }
}

/// Writes down claims that no later tick would tell of.
pub(super) fn record_lost_claims(state: &mut State, ready_seen: usize, out: &mut Vec<Effect>) {
    let claim_failures = std::mem::take(&mut state.claim_failures);
    if claim_failures.is_empty() {
        return;
    }
    let ((batch_source, batch), assignments) = (planning::picked_under(state), Vec::new());
    record(
        out,
        JournalEvent::Tick { ready_seen, batch_source, batch, held_by_plan: 0, assignments, claim_failures },
    );
}

fn next_id(state: &State, worker: WorkerId) -> IterationId {
    IterationId { worker, iter: state.iters[usize::from(worker.0)] + 1 }
}

fn claim(state: &mut State, worker: WorkerId, task: Task, batch: Option<u32>, out: &mut Vec<Effect>) {
    let iteration = next_id(state, worker);
    state.excluded.insert(task.id.clone());
    state.spending.set_aside(iteration);
    out.push(Effect::Claim { iteration, task: task.id.clone(), actor: state.config.run.actor(iteration) });
    state.slots[usize::from(worker.0)] = Slot::Claiming { task: Box::new(task), batch };
}

/// A claim is won, or the next task is tried in the same tick.
pub(super) fn claimed(
    state: &mut State,
    id: IterationId,
    result: Result<ClaimOutcome, Problem>,
    now: Now,
    out: &mut Vec<Effect>,
) {
    let slot = std::mem::replace(&mut state.slots[usize::from(id.worker.0)], Slot::Free);
    let Slot::Claiming { task, batch } = slot else {
        return;
    };
    let (why, unanswered) = match result {
        Ok(ClaimOutcome::Won(fresh)) => return begin(state, id, fresh, batch, now, out),
        Ok(ClaimOutcome::HeldBy(holder)) => (format!("held by {holder}"), false),
        Ok(ClaimOutcome::NotOpen(status)) => (format!("no longer open: {status}"), false),
        Ok(ClaimOutcome::Missing) => ("no longer in the tracker".to_owned(), false),
        Err(problem) => (problem, true),
    };
    // It stays excluded until the tracker changes: a list that lags behind must not make a busy loop.
    let times = state.lost.get(&task.id).map_or(0, |lost| lost.times) + 1;
    state.lost.insert(task.id.clone(), LostClaims { times, why: why.clone(), waits: true, unanswered });
    state.claim_failures.push((task.id.clone(), why));
    state.queue.stale = true;
    if state.stop.is_none()
        && let Some(next) = state.queue.spare.pop_front()
    {
        return claim(state, id.worker, next, batch, out);
    }
    state.spending.end(id, false);
    state.runtimes.give_up_probe(id.worker);
}

fn begin(
    state: &mut State,
    id: IterationId,
    task: Box<Task>,
    batch: Option<u32>,
    now: Now,
    out: &mut Vec<Effect>,
) {
    state.iters[usize::from(id.worker.0)] = id.iter;
    state.started += 1;
    // Whoever looks on takes the wait for over.
    state.queue.waiting_until = None;
    state.lost.remove(&task.id);
    let progress = state.tasks.entry(task.id.clone()).or_insert_with(|| TaskProgress {
        title: task.title.clone().into_boxed_str(),
        attempts: 0,
        state: TaskState::Held,
        refusals: Refusals::default(),
        last_failure: None,
    });
    progress.attempts += 1;
    let attempt = progress.attempts;
    state.set_task(&task.id, TaskState::Held);
    let (dependencies, must_contain) = landed_dependencies(state, &task);
    let actor = state.config.run.actor(id);
    let base = stack::base(state, id.worker);
    record(
        out,
        JournalEvent::IterationStarted {
            iteration: id,
            number: state.started,
            task: task.id.clone(),
            title: task.title.clone(),
            attempt,
            actor: actor.clone(),
            base_sha: base.clone(),
            builds_on: dependencies.iter().map(|landing| landing.task.clone()).collect(),
            batch,
        },
    );
    let iteration = Iteration { dependencies, ..Iteration::new(id, task, actor, attempt, base.clone()) };
    state.slots[usize::from(id.worker.0)] = Slot::Busy(Box::new(iteration));
    if state.stop_level().is_some() {
        return iteration::abandon(state, id, "the run was stopped", out);
    }
    state.ahead.begins(id.worker);
    out.push(Effect::Work { iteration: id, job: WorkerJob::Prepare { base, must_contain } });
    helping::classify(state, id, now, out);
}

/// What the task's dependencies landed in this run, and the commits that its base has to contain.
fn landed_dependencies(state: &State, task: &Task) -> (Vec<DependencyLanding>, Vec<CommitId>) {
    let ids: BTreeSet<&TaskId> = task.dependencies.iter().map(|edge| &edge.on).collect();
    let mut landings = Vec::new();
    for id in ids {
        let Some(TaskProgress { title, state: TaskState::Settled { landed }, .. }) = state.tasks.get(id)
        else {
            continue;
        };
        landings.push(DependencyLanding {
            task: id.clone(),
            title: title.to_string(),
            commit: landed.clone(),
        });
    }
    let commits = landings.iter().filter_map(|landing| landing.commit.clone()).collect();
    (landings, commits)
}

/// How long an idle watcher waits before it asks again for tasks whose `defer_until` has passed.
pub(super) const IDLE_PAUSE: Duration = Duration::from_secs(15);
