//! The state of a run that is gone on with: what its journal says, and what git and the tracker say of it now.
//!
//! What a person asked the dead process to do (to stop, for one) ended with it; what it knew of runtimes that rest or are out
//! is found out anew. Budgets, numbers and attempts go on where they were.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::json;

use super::collected;
use super::config::RunConfig;
use super::effect::WorkPlace;
use super::escaped;
use super::merging;
use super::pickup::{Inherited, Landed, Pickup};
use super::progress::{Iteration, PendingEnd, Refusals, TaskProgress, TaskState};
use super::state::{Course, State, Verdict, Verified};
use super::verifying;
use crate::agent::IterationOutcome;
use crate::ids::{CommitId, TaskId};
use crate::land::close::CloseRequest;
use crate::prompt::FailedAttempt;
use crate::record::event::VerdictRecord;
use crate::resume::{
    Evidence, FailureBefore, GivenUpBefore, IterationEvidence, OpenIteration, Priced, Stands, TaskBefore,
    Unfinished, VerifiedBefore,
};
use crate::schedule::spending::{Amount, Spending};
use crate::tracker::Task;
use crate::tracker::record::task_from_record;
use crate::worktree::names;

impl State {
    /// The state of a run without an end, whose process is gone. Its clock has to go on from `before.lived`; `config` is what
    /// was frozen at launch.
    pub fn resumed(config: RunConfig, before: Unfinished, evidence: Evidence) -> Self {
        let mut state = Self::new(config);
        let Evidence { iterations, unclosed, strays: _, merged_tip, gate_tails, lost_conflicts } = evidence;
        for (worker, iter) in &before.iters {
            // A journal that names more workers than were frozen is not of hew's making.
            if let Some(last) = state.iters.get_mut(usize::from(worker.0)) {
                *last = *iter;
            }
        }
        state.started = before.started;
        state.lane.tip = merged_tip.unwrap_or_else(|| before.tip.clone());
        state.lane.landed = before.landed;
        for worker in before.seats.keys().filter(|worker| worker.0 < state.config.jobs) {
            state.ahead.begins(*worker);
        }
        if before.started > 0 || before.is_baseline_green {
            state.course = Course::Draining;
        }
        take_tasks(&mut state, &before, &gate_tails);
        for bug in &before.filed {
            state.filed.insert(bug.clone());
            state.excluded.insert(bug.clone());
            state.unsettled.insert(bug.clone());
        }
        for other in &before.unclosed_others {
            state.findings.needs_person = true;
            state.findings.remedies.push(format!("hew task close {other} --reason landed"));
        }
        let escapes = before.escapes.iter().map(|(about, escape)| (*about, escape));
        escaped::tell_person(&mut state, escapes);
        for task in &before.unclosed {
            let found = unclosed.iter().find(|found| found.task == task.task);
            let close = CloseRequest {
                task: task.task.clone(),
                actor: state.config.run.actor(task.iteration),
                landed: task.landed.clone(),
                reason: task.reason.clone(),
                also: found.map(|found| found.resolves.clone()).unwrap_or_default(),
            };
            state.unclosed.push((task.iteration, Box::new(close)));
            state.closes_due = true;
        }
        take_spending(&mut state, &before);
        state.planning.take_before(&before.batches);
        state.delivery.clone_from(&before.delivery);
        state.delivered_tip = before.delivered_tip.clone();
        let verify_note = take_verification(&mut state, before.verified.as_ref());
        let given_up = given_up(&mut state, before.given_up.into_values());
        state.inherited = Inherited {
            given_up,
            iterations: before.open.keys().copied().collect(),
            pickups: pickups(&state, before.open.into_values().collect(), iterations),
            planner: before.batches.asked,
            guard: before.guard,
            verify_note,
            lost_conflicts,
            is_merging: before.is_merging,
        };
        state
    }
}

fn take_tasks(state: &mut State, before: &Unfinished, gate_tails: &BTreeMap<TaskId, String>) {
    for (id, task) in &before.tasks {
        let TaskBefore { title, attempts, stands, last_failure } = task;
        let tail = gate_tails.get(id).map(String::as_str).unwrap_or_default();
        let progress = TaskProgress {
            title: title.clone().into_boxed_str(),
            attempts: *attempts,
            state: TaskState::Held,
            refusals: Refusals::default(),
            last_failure: last_failure.as_deref().map(|failure| Box::new(failed_attempt(failure, tail))),
        };
        state.tasks.insert(id.clone(), progress);
        // What was held once counts as open for its dependents until it is settled.
        state.set_task(id, TaskState::Held);
        state.set_task(id, if is_used_up(state, task) { TaskState::LeftAlone } else { task_state(stands) });
        state.findings.has_failures |= matches!(stands, Stands::Parked { .. });
    }
}

/// Its attempts failed as often as they may, or it is blocked, and the tracker could not be told to park it: it is not tried again.
fn is_used_up(state: &State, task: &TaskBefore) -> bool {
    let failed = task.last_failure.as_ref().is_some_and(|last| last.outcome != IterationOutcome::Cancelled);
    let was_blocked =
        task.last_failure.as_ref().is_some_and(|last| last.outcome == IterationOutcome::Blocked);
    let is_last = task.attempts >= state.config.limits.max_attempts || was_blocked;
    task.stands == Stands::Released && failed && is_last
}

fn task_state(stands: &Stands) -> TaskState {
    match stands {
        Stands::Held => TaskState::Held,
        Stands::Settled { landed } => TaskState::Settled { landed: landed.clone() },
        Stands::Unclosed => TaskState::Unclosed,
        Stands::Released => TaskState::Released,
        Stands::Parked { conflict } => TaskState::Parked { conflict: *conflict },
        Stands::LeftAlone => TaskState::LeftAlone,
    }
}

fn failed_attempt(failure: &FailureBefore, gate_tail: &str) -> FailedAttempt {
    FailedAttempt {
        outcome: failure.outcome.as_str(),
        reason: failure.reason.clone(),
        gate: failure.gate.as_ref().map(|(command, _)| (command.clone(), gate_tail.to_owned())),
        merge: failure.merge.clone(),
        anchor: failure.anchor.clone(),
    }
}

fn take_spending(state: &mut State, before: &Unfinished) {
    let ended = amount(&state.spending, before.spent.total());
    let shown = (before.spent.shown, amount(&state.spending, before.spent.shown_sum));
    state.spending.carry(ended, shown);
    state.told_passed = before.spent.told_passed;
}

/// Tokens whose price nobody knows are taken to cost what the first guess says.
fn amount(spending: &Spending, spent: Priced) -> Amount {
    let usd = spent.usd.saturating_add(spending.guessed(spent.unpriced));
    Amount { tokens: spent.tokens, usd }
}

/// The tracker may not have been told how it ended; telling it twice changes nothing.
fn take_verification(
    state: &mut State,
    before: Option<&VerifiedBefore>,
) -> Option<crate::land::verify::VerifyNote> {
    let VerifiedBefore { sha, outcome, failed_tests } = before?;
    let red = outcome.why_red(failed_tests);
    let verdict = red.clone().map_or(Verdict::Clear, Verdict::Red);
    state.verified = Some(Verified { tip: sha.clone(), verdict });
    Some(verifying::note_of(&state.config.run, red))
}

/// What becomes of each open iteration: those that landed first, then those whose work is anchored, first come first.
fn pickups(
    state: &State,
    mut open: Vec<OpenIteration>,
    mut found: BTreeMap<crate::ids::IterationId, IterationEvidence>,
) -> Vec<Pickup> {
    open.sort_by_key(|open| open.collected.as_ref().map_or(u64::MAX, |work| work.seq));
    let mut pickups: Vec<Pickup> = open
        .into_iter()
        .filter_map(|open| {
            let found = found.remove(&open.id)?;
            Some(pickup(state, open, found))
        })
        .collect();
    pickups.sort_by_key(|pickup| match pickup {
        // A landing is written down before others that landed with it are closed.
        Pickup::Landed { landed, .. } => u8::from(landed.is_recorded),
        Pickup::Stacked { .. } => 2,
        _ => 3,
    });
    pickups
}

/// Branches that were given up stay so, and are kept once more.
fn given_up(state: &mut State, branches: impl Iterator<Item = GivenUpBefore>) -> Vec<(WorkPlace, CommitId)> {
    let mut kept = Vec::new();
    for GivenUpBefore { worktree, work, tasks, .. } in branches {
        let Some(place) = place_at(state, worktree) else { continue };
        state.findings.needs_person = true;
        let named = tasks.iter().map(TaskId::as_str).collect::<Vec<_>>().join(", ");
        state.findings.remedies.push(merging::remedy(work.as_str(), &named, "it did not land", false));
        state.excluded.extend(tasks.iter().cloned());
        state.given_up.extend(tasks.into_iter().map(|task| (task, place.branch.clone())));
        kept.push((place, work));
    }
    kept
}

/// Where its worker works.
fn place(state: &State, open: &OpenIteration) -> Option<WorkPlace> {
    place_at(state, open.worktree.clone()?)
}

fn place_at(state: &State, worktree: String) -> Option<WorkPlace> {
    let prefix = &state.config.settings.branch_prefix.value;
    let branch = names::branch_of_dir(prefix, &state.config.run, Path::new(&worktree))?;
    Some(WorkPlace { worktree, branch })
}

fn pickup(state: &State, open: OpenIteration, found: IterationEvidence) -> Pickup {
    let IterationEvidence { task, taken, work, broken, landed, resolves } = found;
    let mut iteration = Box::new(iteration(&open, task));
    iteration.place = place(state, &open);
    if let Some(given_back) = open.given_back {
        iteration.taken = taken.or_else(|| given_back.is_taken.then(|| given_back.reason.clone()));
        let anchor = open.collected.map(|work| work.anchor);
        return Pickup::GivenBack { iteration, given_back, anchor };
    }
    if let Some(sha) = landed {
        let reason = open.verdict.map(|verdict| verdict.reason);
        // The landing of a worker's branch is its last iteration's.
        let is_recorded = open.landed.is_some() || open.candidate.is_none();
        let is_change = work.as_ref().is_none_or(|work| !work.changes.is_empty());
        let landed = Landed { sha, is_recorded, reason, is_change, resolves };
        return Pickup::Landed { iteration, landed };
    }
    if let (true, Some(work), Some(before)) = (open.stacked.is_some(), &work, &open.collected) {
        // Whether somebody took its task is asked again when its branch is merged.
        let reason = open.verdict.map(|verdict| verdict.reason).unwrap_or_default();
        let landing = collected::landing(&iteration, work, before.anchor.clone(), reason);
        return Pickup::Stacked { landing: Box::new(landing) };
    }
    let is_taken = taken.is_some();
    iteration.taken.clone_from(&taken);
    let ending = match (taken, open.verdict) {
        (Some(reason), _) => cut_off(reason),
        (None, Some(verdict)) if broken.is_none() => ending_of(&mut iteration, verdict),
        _ if open.has_begun => cut_off("the run crashed before its agent had ended".to_owned()),
        _ => cut_off("the run crashed before its agent began".to_owned()),
    };
    match (open.collected, work) {
        (Some(before), Some(work)) => Pickup::Collected { iteration, ending, work, anchor: before.anchor },
        (Some(before), None) => {
            let reason =
                format!("the run crashed, and git does not find its work ({}) any more", before.head);
            Pickup::Claimed { iteration, ending: if is_taken { ending } else { cut_off(reason) } }
        }
        (None, _) if open.has_begun => Pickup::InWorktree { iteration, ending },
        (None, _) => Pickup::Claimed { iteration, ending },
    }
}

/// It was not the task's fault: the attempt does not count.
fn cut_off(reason: String) -> PendingEnd {
    PendingEnd { outcome: Some(IterationOutcome::Cancelled), reason, explicit: false, spares_attempt: true }
}

fn ending_of(iteration: &mut Iteration, verdict: VerdictRecord) -> PendingEnd {
    let VerdictRecord { outcome, reason, explicit, taken } = verdict;
    iteration.taken = taken.then(|| reason.clone());
    PendingEnd { outcome, reason, explicit, spares_attempt: false }
}

fn iteration(open: &OpenIteration, task: Option<Box<Task>>) -> Iteration {
    let task = task.unwrap_or_else(|| Box::new(deleted(&open.task, &open.title)));
    // Its agent does not run again: it needs nothing of what its dependencies landed.
    Iteration::new(open.id, task, open.actor.clone(), open.attempt, open.base.clone())
}

/// What is known of a task that is not in the tracker any more.
fn deleted(id: &TaskId, title: &str) -> Task {
    let at = "1970-01-01T00:00:00Z";
    let title = if title.is_empty() { id.as_str() } else { title };
    let record = json!({
        "id": id, "title": title, "status": "tombstone", "priority": 2, "issue_type": "task",
        "created_at": at, "updated_at": at,
    });
    let record = record.as_object().cloned().unwrap_or_default();
    task_from_record(record).expect("a record of a task's own fields is one")
}
