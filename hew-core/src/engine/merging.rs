//! `--merge end`: the workers' branches, merged in the workers' order once nothing runs any more.
//!
//! Invariants: a branch lands whole or not at all, but for what a person took back and what stands on that; where one
//! does not land, its tasks are given back, one bug task names them, and branch and worktree stay; the next one is tried
//! all the same.

use super::effect::{BranchPart, Effect, LaneJob};
use super::event::Problem;
use super::lane::{self, Unlanded};
use super::lane_queue;
use super::progress::Landing;
use super::settle::{self, FailedEnd, GivenUp};
use super::state::{Course, State};
use super::step::{notice, record};
use crate::agent::IterationOutcome;
use crate::ids::{BranchName, IterationId, TaskId};
use crate::land::conflict::{self, FailedBranch};
use crate::record::JournalEvent;
use crate::record::event::GivenBackRecord;
use crate::settings::MergeMode;
use crate::tracker::NewTask;
use crate::worktree::names;

/// Begins to merge what waits on workers' branches; false where nothing does.
pub(super) fn begin(state: &mut State, out: &mut Vec<Effect>) -> bool {
    let stacks = state.stacks.iter_mut().map(std::mem::take).filter(|stack| !stack.is_empty());
    let branches: Vec<Landing> = stacks.map(as_branch).collect();
    if branches.is_empty() {
        return false;
    }
    state.course = Course::Merging;
    state.lane.queue.extend(branches);
    lane_queue::advance(state, out);
    true
}

/// A worker's work as one landing: the last change, with the rest.
fn as_branch(mut stack: Vec<Landing>) -> Landing {
    let at = stack.iter().rposition(|part| part.is_change);
    let at = at.expect("work that changes nothing waits only on top of a change, after a resume too");
    let definition_changed = union(stack.iter().map(|part| part.definition_changed.as_slice()));
    let attributes_changed = stack.iter().any(|part| part.attributes_changed);
    let last = stack.remove(at);
    Landing { definition_changed, attributes_changed, with: stack, ..last }
}

fn union<'a>(lists: impl Iterator<Item = &'a [String]>) -> Vec<String> {
    let all: std::collections::BTreeSet<&String> = lists.flatten().collect();
    all.into_iter().cloned().collect()
}

/// All work of a branch, oldest first.
fn in_order(mut landing: Landing) -> Vec<Landing> {
    let mut parts = std::mem::take(&mut landing.with);
    parts.push(landing);
    parts.sort_by_key(|part| part.iteration.iter);
    parts
}

/// What the lane has to know of each task of a branch.
pub(super) fn parts(landing: &Landing) -> Vec<BranchPart> {
    let part = |one: Landing| BranchPart { iteration: one.iteration, task: one.task, actor: one.actor };
    in_order(landing.clone()).into_iter().map(part).collect()
}

/// The branch that a worker's work is on.
pub(super) fn branch_of(landing: &Landing, state: &State) -> BranchName {
    let config = &state.config;
    let usual =
        || names::worker_branch(&config.settings.branch_prefix.value, &config.run, landing.iteration.worker);
    landing.place.as_ref().map_or_else(usual, |place| place.branch.clone())
}

/// Somebody closed or took a task of the branch: its work does not land, nor does what stands on it.
pub(super) fn cut(state: &mut State, taken: IterationId, why: &str, out: &mut Vec<Effect>) {
    let Some((landing, _)) = state.lane.current.take() else { return };
    let branch = branch_of(&landing, state);
    let mut below = in_order(landing);
    let at = below.iter().position(|part| part.iteration == taken).unwrap_or(below.len());
    let above = below.split_off(at);
    if let Some(part) = above.first() {
        notice(out, Some(taken), lane::taken_words(why, part));
    }
    let reason_of = |part: &Landing| {
        let is_it = part.iteration == taken;
        if is_it { why.to_owned() } else { format!("it builds on work that does not land: {why}") }
    };
    let how =
        GivingBack { outcome: IterationOutcome::Cancelled, is_first_taken: true, is_kept: false, bug: None };
    give_back(state, &branch, with_reasons(above, reason_of), how, out);
    if !below.is_empty() {
        state.lane.queue.push_front(as_branch(below));
    }
}

/// What a person does with the work of a branch that did not land. Work that is red with what landed meanwhile is not committed
/// before it is mended; and its tasks are open, so that a run would do them again.
pub(super) fn remedy(work: &str, tasks: &str, why: &str, is_red: bool) -> String {
    let (flags, mend) = if is_red { ("--no-commit --no-ff ", "mend it and commit; ") } else { ("", "") };
    format!(
        "git merge {flags}{work}   # {tasks}: {why}; {mend}once it is on your branch, close them, or a run does them again: \
         hew task close ID --reason merged"
    )
}

/// A branch does not land.
pub(super) fn give_up(state: &mut State, unlanded: Unlanded, out: &mut Vec<Effect>) {
    let Unlanded { landing, outcome, reason, merge, .. } = unlanded;
    let branch = branch_of(&landing, state);
    let (place, work, anchor) = (landing.place.clone(), landing.work.clone(), landing.anchor.clone());
    let conflict_of_tip = merge.map(|merge| merge.files);
    let parts = in_order(landing);
    let ids: Vec<&TaskId> = parts.iter().map(|part| &part.task.id).collect();
    let named = ids.iter().map(|id| id.as_str()).collect::<Vec<_>>().join(", ");
    let is_cancelled = outcome == IterationOutcome::Cancelled;
    let why_not = if is_cancelled { "green on the worker's branch, not merged" } else { &reason };
    // Its branch may be at what an agent committed there that no gate has seen.
    let is_red = outcome == IterationOutcome::BackpressureFail;
    state.findings.remedies.push(remedy(anchor.as_str(), &named, why_not, is_red));
    state.findings.needs_person |= !is_cancelled;
    let is_judged = matches!(outcome, IterationOutcome::Conflict | IterationOutcome::BackpressureFail);
    let bug = is_judged
        .then(|| {
            let last = parts.last().expect("a branch has work on it");
            conflict::branch_bug_task(&FailedBranch {
                run: &state.config.run,
                worker: last.iteration.worker,
                actor: &last.actor,
                tasks: &parts.iter().map(|part| &*part.task).collect::<Vec<_>>(),
                branch: &branch,
                worktree: place.as_ref().map(|place| place.worktree.as_str()),
                tip: &state.lane.tip,
                work: &work,
                anchor: &anchor,
                files: conflict_of_tip.as_deref().unwrap_or_default(),
                reason: &reason,
            })
        })
        .flatten();
    let why = format!("{reason}; all of {branch} waits for a person");
    let why = if is_cancelled { reason } else { why };
    if !is_cancelled {
        // After a signal the branch goes; the anchor keeps its work.
        state.given_up.extend(parts.iter().map(|part| (part.task.id.clone(), branch.clone())));
    }
    let how = GivingBack { outcome, is_first_taken: false, is_kept: !is_cancelled, bug };
    give_back(state, &branch, with_reasons(parts, |_| why.clone()), how, out);
    if let (Some(place), false) = (place, is_cancelled) {
        out.push(Effect::Lane(LaneJob::KeepBranch { place, work, again: false }));
    }
}

/// How work that does not land is given back.
struct GivingBack {
    outcome: IterationOutcome,
    is_first_taken: bool,
    is_kept: bool,
    bug: Option<NewTask>,
}

fn with_reasons(parts: Vec<Landing>, reason_of: impl Fn(&Landing) -> String) -> Vec<(Landing, String)> {
    let with_reason = |part| {
        let reason = reason_of(&part);
        (part, reason)
    };
    parts.into_iter().map(with_reason).collect()
}

/// Gives work back, task by task. The journal has all of it first: of what is left after a crash nothing lands.
fn give_back(
    state: &mut State,
    branch: &BranchName,
    parts: Vec<(Landing, String)>,
    how: GivingBack,
    out: &mut Vec<Effect>,
) {
    let Some((last, _)) = parts.last() else { return };
    let GivingBack { outcome, is_first_taken, is_kept, mut bug } = how;
    let as_record = |(part, reason): &(Landing, String)| GivenBackRecord {
        iteration: part.iteration,
        task: part.task.id.clone(),
        reason: reason.clone(),
    };
    record(
        out,
        JournalEvent::GivenUp {
            iteration: last.iteration,
            branch: branch.clone(),
            sha: last.work.clone(),
            parts: parts.iter().map(as_record).collect(),
            outcome,
            is_first_taken,
            is_kept,
            bug: bug.clone().map(Box::new),
        },
    );
    let count = parts.len();
    for (at, (part, reason)) in parts.into_iter().enumerate() {
        let bug = if at + 1 == count { bug.take() } else { None };
        let unlanded = Unlanded::because(part, outcome, &reason);
        let end = FailedEnd::from(Unlanded { keep_closed: is_first_taken && at == 0, ..unlanded });
        settle::fail(state, FailedEnd { given_up: Some(GivenUp { bug }), ..end }, out);
    }
}

/// Why a task is ready that this run does not begin any more, where its branches are the reason.
pub(super) fn why_left(state: &State, task: &TaskId) -> Option<String> {
    if let Some(branch) = state.given_up.get(task) {
        return Some(format!("open again: its work on {branch} did not land"));
    }
    let is_freed = state.config.merge == MergeMode::End && state.lane.landed > 0 && state.stop.is_none();
    (is_freed && !state.tasks.contains_key(task) && !state.filed.contains(task))
        .then(|| "ready since the branches were merged".to_owned())
}

/// A worktree shows a branch that did not land, or could not be put there.
pub(super) fn kept(branch: &BranchName, result: Result<String, Problem>, out: &mut Vec<Effect>) {
    let text = match result {
        Ok(folder) => format!("{branch} did not land and is kept; it is checked out in {folder}"),
        Err(problem) => format!("{branch} did not land and is kept, but not in a worktree: {problem}"),
    };
    notice(out, None, text);
}
