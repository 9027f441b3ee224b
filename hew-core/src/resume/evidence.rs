//! What git and the tracker say now of what a journal leaves open.
//!
//! Whether a candidate has landed is told by the run branch alone: it moves only to a candidate that was written down
//! before, and only by hew.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::open::OpenIteration;
use super::unfinished::Unfinished;
use crate::agent::verdict::{Owner, owner_after};
use crate::ids::{Actor, CommitId, IterationId, TaskId};
use crate::land::conflict::resolves;
use crate::tracker::{BdClient, ReleaseOutcome, Status, Task, TrackerError};
use crate::worktree::collect::{CollectedWork, describe};
use crate::worktree::{GitClient, GitError, Inspection};

/// Git or a tracker that does not answer: nothing may be decided, and nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// Git.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The tracker.
    #[error(transparent)]
    Tracker(#[from] TrackerError),
}

/// What is so now of one open iteration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IterationEvidence {
    /// Its task; none if it was deleted.
    pub task: Option<Box<Task>>,
    /// Somebody else closed, took or deleted the task.
    pub taken: Option<String>,
    /// Its anchored work as git has it; none where nothing is anchored, or git does not find it.
    pub work: Option<CollectedWork>,
    /// Why its worktree can't be looked into, where work that is not anchored should lie in it.
    pub broken: Option<String>,
    /// What the run branch has of it.
    pub landed: Option<CommitId>,
    /// The tasks whose conflict that resolves.
    pub resolves: Vec<TaskId>,
}

/// What is so now of a task that landed and was not closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnclosedEvidence {
    /// The task.
    pub task: TaskId,
    /// The tasks whose conflict it resolves.
    pub resolves: Vec<TaskId>,
}

/// A claim of the dead run that no open iteration knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stray {
    /// The task.
    pub task: TaskId,
    /// Who holds it.
    pub actor: Actor,
}

/// Work that did not merge, for a person to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptConflict {
    /// The task.
    pub task: TaskId,
    /// The work.
    pub work: CommitId,
}

/// What is so now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Evidence {
    /// Of each open iteration.
    pub iterations: BTreeMap<IterationId, IterationEvidence>,
    /// Of each task that landed and was not closed.
    pub unclosed: Vec<UnclosedEvidence>,
    /// Claims to be given back.
    pub strays: Vec<Stray>,
    /// Where a delivery that was under way has brought run branch and target: a target that had moved is merged into it.
    pub merged_tip: Option<CommitId>,
    /// The end of what a task's red gate printed, by task: for the next attempt. The caller adds it from the gates' logs.
    pub gate_tails: BTreeMap<TaskId, String>,
    /// Conflicts of which no worktree is there any more. The caller adds them.
    pub lost_conflicts: Vec<KeptConflict>,
}

/// Asks git and the tracker. Nothing is changed.
pub fn gather(
    git: &dyn GitClient,
    tracker: &dyn BdClient,
    before: &Unfinished,
) -> Result<Evidence, EvidenceError> {
    let branch = git.resolve(&before.run_branch.to_ref())?;
    let mut evidence = Evidence::default();
    for open in before.open.values() {
        // hew moves the branch only to what its gate found good: what is there without that, somebody else put there.
        let may_have_landed = open.is_proven || before.header.gate.is_none();
        let found = look_at(git, tracker, open, branch.as_ref().filter(|_| may_have_landed))?;
        evidence.iterations.insert(open.id, found);
    }
    find_branches(git, tracker, before, &mut evidence)?;
    for unclosed in &before.unclosed {
        let task = tracker.task(&unclosed.task)?;
        let resolves = resolved(git, task.as_ref(), unclosed.landed.as_ref())?;
        evidence.unclosed.push(UnclosedEvidence { task: unclosed.task.clone(), resolves });
    }
    evidence.strays = strays(tracker, before)?;
    if let (Some(branch), Some(sent)) = (branch, &before.delivering)
        && branch != before.tip
        && *sent == before.tip
        && git.contains_all(&branch, std::slice::from_ref(sent))?
        && target_holds(git, before, &branch)?
    {
        evidence.merged_tip = Some(branch);
    }
    Ok(evidence)
}

/// What a delivery merges goes to the target at once. Where the target does not have it, it is merged anew: the branch may
/// as well have been moved by somebody else.
fn target_holds(git: &dyn GitClient, before: &Unfinished, branch: &CommitId) -> Result<bool, GitError> {
    let Some(target) = &before.header.target_branch else { return Ok(false) };
    match git.resolve(&target.to_ref())? {
        Some(at) => git.contains_all(&at, std::slice::from_ref(branch)),
        None => Ok(false),
    }
}

/// A worker's branch lands with one candidate, that of its last iteration: what else waited on it has landed with that,
/// even where that iteration is over.
fn find_branches(
    git: &dyn GitClient,
    tracker: &dyn BdClient,
    before: &Unfinished,
    evidence: &mut Evidence,
) -> Result<(), EvidenceError> {
    for open in before.open.values().filter(|open| open.stacked.is_some()) {
        let is_known = evidence.iterations.get(&open.id).is_none_or(|found| found.landed.is_some());
        let Some(work) = open.collected.as_ref().filter(|_| !is_known) else { continue };
        let of_worker = evidence.iterations.iter().filter(|(id, _)| id.worker == open.id.worker);
        let mut candidates: BTreeSet<CommitId> =
            of_worker.filter_map(|(_, found)| found.landed.clone()).collect();
        let earlier = before.branch_landings.iter().filter(|(worker, _)| *worker == open.id.worker);
        candidates.extend(earlier.map(|(_, landed)| landed.clone()));
        for landed in candidates {
            if git.contains_all(&landed, std::slice::from_ref(&work.head))? {
                let task = tracker.task(&open.task)?;
                let resolves = resolved(git, task.as_ref(), Some(&landed))?;
                if let Some(found) = evidence.iterations.get_mut(&open.id) {
                    found.landed = Some(landed);
                    found.resolves = resolves;
                }
                break;
            }
        }
    }
    Ok(())
}

fn look_at(
    git: &dyn GitClient,
    tracker: &dyn BdClient,
    open: &OpenIteration,
    branch: Option<&CommitId>,
) -> Result<IterationEvidence, EvidenceError> {
    let task = tracker.task(&open.task)?.map(Box::new);
    let taken = taken(task.as_deref(), open);
    let landed = match (&open.landed, &open.candidate, branch) {
        (Some(landed), ..) => Some(landed.clone()),
        (None, Some(candidate), Some(branch)) => contains(git, branch, candidate)?.then(|| candidate.clone()),
        _ => None,
    };
    let work = match &open.collected {
        Some(work) => anchored_work(git, &work.head, &open.base)?,
        None => None,
    };
    let broken = match &open.worktree {
        Some(folder) if open.has_begun && open.collected.is_none() => {
            match git.inspect_worktree(Path::new(folder))? {
                Inspection::Readable(_) => None,
                Inspection::Broken(why) => Some(why),
            }
        }
        _ => None,
    };
    let resolves = resolved(git, task.as_deref(), landed.as_ref())?;
    Ok(IterationEvidence { task, taken, work, broken, landed, resolves })
}

/// Whether a branch holds a candidate. One that git does not find never landed; git that fails says nothing of it.
pub fn contains(git: &dyn GitClient, branch: &CommitId, candidate: &CommitId) -> Result<bool, GitError> {
    let ask = || git.contains_all(branch, std::slice::from_ref(candidate));
    if let Ok(answer) = ask() {
        return Ok(answer);
    }
    git.contains_all(branch, std::slice::from_ref(branch))?;
    // Git answers: then it is the candidate that is not there.
    Ok(ask().unwrap_or(false))
}

/// Work that is anchored; none where git does not find it any more, so that it can't be landed.
fn anchored_work(
    git: &dyn GitClient,
    head: &CommitId,
    base: &CommitId,
) -> Result<Option<CollectedWork>, GitError> {
    let look = || describe(git, head.clone(), false, false, base);
    if let Ok(work) = look() {
        return Ok(Some(work));
    }
    git.contains_all(base, std::slice::from_ref(base))?;
    Ok(look().ok())
}

/// Whose the task is now.
fn taken(task: Option<&Task>, open: &OpenIteration) -> Option<String> {
    let Some(task) = task else { return Some(format!("{} was deleted", open.task)) };
    match owner_after(task, &open.actor) {
        Owner::Ours => None,
        Owner::Person(who) => {
            let did = if task.status == Status::Closed { "closed" } else { "took" };
            Some(format!("{who} {did} {}", task.id))
        }
    }
}

fn resolved(
    git: &dyn GitClient,
    task: Option<&Task>,
    landed: Option<&CommitId>,
) -> Result<Vec<TaskId>, GitError> {
    match (task, landed) {
        (Some(task), Some(landed)) => resolves(git, task, landed),
        _ => Ok(Vec::new()),
    }
}

/// Claims that were won and not written down, and those that a tracker did not take back.
fn strays(tracker: &dyn BdClient, before: &Unfinished) -> Result<Vec<Stray>, TrackerError> {
    let open = before.open.values().map(|open| (open.task.clone(), open.actor.clone()));
    // What landed and was not closed stays held until it is: open, it would be done again.
    let unclosed = before.unclosed.iter().map(|task| (task.task.clone(), before.run().actor(task.iteration)));
    let known: BTreeSet<(TaskId, Actor)> = open.chain(unclosed).collect();
    let mut strays = Vec::new();
    for id in tracker.held_by(&before.run().actor_prefix())? {
        let holder = tracker.task(&id)?.and_then(|task| task.assignee);
        let Some(actor) = holder else { continue };
        let stray = (id, actor);
        if !known.contains(&stray) {
            let (task, actor) = stray;
            strays.push(Stray { task, actor });
        }
    }
    Ok(strays)
}

/// Gives stray claims back. Answers the tasks that are open again; doing it twice changes nothing more.
pub fn give_back(tracker: &dyn BdClient, strays: &[Stray]) -> Result<Vec<TaskId>, TrackerError> {
    let mut open = Vec::new();
    for Stray { task, actor } in strays {
        if tracker.release(task, actor)? == ReleaseOutcome::Released {
            open.push(task.clone());
        }
    }
    Ok(open)
}
