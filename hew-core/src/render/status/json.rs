//! Where a run stands just now, for programs.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use super::{Left, Seen, held, next, since_ms};
use crate::ids::{RunId, TaskId, WorkerId};
use crate::output::Output;
use crate::record::event::DeliveryRecord;
use crate::record::view::{IterationView, RunView};
use crate::record::{RunState, StopReason};
use crate::render::live::Signs;

/// Where a run stands, for programs.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct StatusJson<'a> {
    /// The run.
    run_id: Option<&'a RunId>,
    state: RunState,
    /// When it was launched.
    started_at: Option<DateTime<Utc>>,
    /// The journal's latest entry.
    last_sign_of_life: Option<DateTime<Utc>>,
    /// How often another process went on with it after a crash.
    resumes: u32,
    /// Workers.
    jobs: u16,
    /// Tasks in scope that were open at launch.
    in_scope: Option<usize>,
    /// Ready tasks that the dispatcher saw last; at least this many. Null where it has not looked yet.
    ready_seen: Option<usize>,
    /// Tasks landed so far.
    landed: usize,
    /// Tasks that are done on their worker's branch, which is merged at the end of the run.
    waiting_for_merge: usize,
    /// Tasks parked so far.
    parked: u64,
    /// Iterations that began.
    iterations: u64,
    /// Tokens of all kinds so far.
    tokens: u64,
    /// US dollars so far; null where nobody told.
    cost_usd: Option<f64>,
    /// The gate's command; null where none was found.
    gate: Option<&'a str>,
    budget_left: BudgetLeft,
    /// Things that agents changed and that are not theirs.
    escapes: u64,
    /// Things that somebody else changed, as far as anybody can tell.
    foreign_changes: u64,
    /// Why a worker that is free is given nothing, for people.
    held: Vec<String>,
    /// Nothing can begin before a runtime has rested until then.
    awaiting_runtime: Option<DateTime<Utc>>,
    stop: Option<Stop<'a>>,
    /// Why it ended; null while it goes on.
    stop_reason: Option<StopReason>,
    /// The process's exit code; null while it goes on.
    exit_code: Option<u8>,
    /// What came of the delivery; null before it.
    delivery: Option<&'a DeliveryRecord>,
    /// What a person should do once it is over, one command each.
    next: Vec<String>,
    /// Iterations under way.
    workers: Vec<Busy<'a>>,
}

impl Output for StatusJson<'_> {
    const KIND: &'static str = "status";
}

/// What is left of each budget; null where there is none.
#[derive(Debug, Clone, Serialize, JsonSchema)]
struct BudgetLeft {
    /// Milliseconds.
    wall_ms: Option<u64>,
    iterations: Option<u64>,
    tokens: Option<u64>,
    /// US dollars.
    usd: Option<f64>,
}

/// It was asked to stop.
#[derive(Debug, Clone, Serialize, JsonSchema)]
struct Stop<'a> {
    reason: StopReason,
    /// Which signal, which file.
    detail: &'a str,
    /// Agents are stopped too.
    now: bool,
}

/// An iteration under way.
#[derive(Debug, Clone, Serialize, JsonSchema)]
struct Busy<'a> {
    /// The worker.
    worker: WorkerId,
    /// The iteration's number in it.
    iter: u32,
    /// Its task.
    task: Option<&'a TaskId>,
    /// The task's title.
    title: &'a str,
    /// Attempts at the task in this run, this one included.
    attempt: u32,
    /// How far it has come.
    phase: &'a str,
    /// Milliseconds since it began.
    age_ms: Option<u64>,
    /// Tokens of all kinds so far.
    tokens: u64,
    /// US dollars so far; null where nobody told.
    cost_usd: Option<f64>,
    /// The latest entry of the journal or of its transcript.
    last_sign_of_life: Option<DateTime<Utc>>,
    /// What its agent said last, in a line.
    said: Option<&'a str>,
    /// Process id of its agent.
    agent_pid: Option<u32>,
}

/// What it looks like.
pub fn object<'a>(view: &'a RunView, seen: Seen<'a>) -> StatusJson<'a> {
    let header = view.header.as_ref();
    let until = seen.until(view);
    let Left { wall_ms, iterations, tokens, usd } = Left::of(view, until);
    let spent = view.spent_so_far();
    let is_live = seen.state == RunState::Running;
    StatusJson {
        run_id: view.run_id(),
        state: seen.state,
        started_at: header.map(|header| header.started.at),
        last_sign_of_life: view.last.map(|moment| moment.at),
        resumes: view.resumes,
        jobs: view.jobs(),
        in_scope: header.and_then(|header| header.in_scope),
        ready_seen: view.ready_seen,
        landed: view.landed_tasks(),
        waiting_for_merge: view.stacked().count(),
        parked: view.totals.parked,
        iterations: view.totals.iterations,
        tokens: spent.usage.total(),
        cost_usd: spent.cost_usd,
        gate: header.and_then(|header| header.gate.as_deref()),
        budget_left: BudgetLeft { wall_ms, iterations, tokens, usd },
        escapes: view.escapes.escape_count,
        foreign_changes: view.escapes.foreign_count,
        held: if is_live { held::words(view, seen.now) } else { Vec::new() },
        awaiting_runtime: view.awaiting_runtime,
        stop: view.stop.as_ref().map(|stop| Stop {
            reason: stop.reason,
            detail: &stop.detail,
            now: stop.now,
        }),
        stop_reason: view.ending.as_ref().map(|ending| ending.stop_reason),
        exit_code: view.ending.as_ref().and_then(|ending| ending.exit_code),
        delivery: view.delivery.as_ref(),
        next: next(view),
        workers: view.in_flight().map(|iteration| worker(iteration, seen.signs, until)).collect(),
    }
}

fn worker<'a>(iteration: &'a IterationView, signs: &'a Signs, until: DateTime<Utc>) -> Busy<'a> {
    let sign = signs.get(&iteration.id);
    let spent = iteration.spent_so_far();
    let journalled = iteration.last.map(|last| last.at);
    Busy {
        worker: iteration.id.worker,
        iter: iteration.id.iter,
        task: iteration.task.as_ref(),
        title: &iteration.title,
        attempt: iteration.attempt,
        phase: iteration.phase.as_str(),
        age_ms: iteration.started.map(|started| since_ms(started.at, until)),
        tokens: spent.usage.total(),
        cost_usd: spent.cost_usd,
        last_sign_of_life: journalled.max(sign.map(|sign| sign.at)),
        said: sign.and_then(|sign| sign.said.as_deref()),
        agent_pid: iteration.agent.map(|agent| agent.pid),
    }
}
