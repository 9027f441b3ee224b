//! What an earlier run still holds, and where the work of its attempts lies.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display};
use std::path::PathBuf;

use hew_core::ids::{Actor, CommitId, IterationId, RefName, RunId, TaskId};
use hew_core::record::JournalEvent;
use hew_core::record::ledger::LedgerRun;
use hew_core::resume::contains;
use hew_core::tracker::TaskEditor;
use hew_core::worktree::{GitClient, GitError};

use super::earlier::unreadable;
use super::resume::put_aside;
use crate::adapters::git::RepoGit;
use crate::adapters::project::Project;
use crate::adapters::store;
use crate::commands::task::tracker_failure;
use crate::failure::Failure;

/// A task that an earlier run holds still.
pub(super) struct Held {
    pub(super) task: TaskId,
    pub(super) holder: Actor,
    /// What it landed for the task, though it could not say so any more.
    pub(super) landed: Option<CommitId>,
    /// What the last attempt left.
    pub(super) work: Option<Work>,
}

/// Where the work of an attempt is.
#[derive(Clone)]
pub(super) enum Work {
    /// All of it is a commit that this ref keeps.
    Anchored(RefName),
    /// It lies in the worktree as the agent left it.
    Folder(PathBuf),
}

impl Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anchored(anchor) => write!(f, "its work is kept by {anchor}: git diff HEAD...{anchor}"),
            Self::Folder(folder) => {
                let folder = folder.display();
                write!(f, "its work, as far as it went, lies in {folder}: git -C '{folder}' status")
            }
        }
    }
}

/// A claim of any run.
pub(super) struct Claim {
    task: TaskId,
    holder: Actor,
}

/// Claims of all runs.
pub(super) fn claims(tracker: &dyn TaskEditor) -> Result<Vec<Claim>, Failure> {
    let failed = |error| tracker_failure(&error);
    let ids = tracker.held_by(RunId::ACTORS).map_err(failed)?;
    let tasks = tracker.tasks(&ids.iter().collect::<Vec<_>>()).map_err(failed)?;
    Ok(tasks.into_iter().filter_map(|task| Some(Claim { task: task.id, holder: task.assignee? })).collect())
}

/// Of these claims those of a run whose process is gone. One that has ended may hold some, too: its tracker did not take
/// them back.
pub(super) fn still_held(
    project: &Project,
    run: &LedgerRun,
    claims: &[Claim],
    git: &RepoGit,
) -> Result<Vec<Held>, Failure> {
    let prefix = run.run_id.actor_prefix();
    let own: Vec<&Claim> = claims.iter().filter(|claim| claim.holder.as_str().starts_with(&prefix)).collect();
    if own.is_empty() {
        return Ok(Vec::new());
    }
    let traces = Traces::of(project, run, git)?;
    let held = |Claim { task, holder }: &Claim| Held {
        task: task.clone(),
        holder: holder.clone(),
        landed: traces.landed.get(task).cloned(),
        work: traces.work.get(task).cloned(),
    };
    Ok(own.into_iter().map(held).collect())
}

/// What a run's journal says of its tasks, as far as it is there still.
#[derive(Default)]
struct Traces {
    landed: BTreeMap<TaskId, CommitId>,
    work: BTreeMap<TaskId, Work>,
}

impl Traces {
    fn of(project: &Project, run: &LedgerRun, git: &RepoGit) -> Result<Self, Failure> {
        let folder = store::run_dir(&project.state_dir, &run.run_id);
        if !folder.exists() {
            return Ok(Self::default());
        }
        let mut tasks: BTreeMap<IterationId, TaskId> = BTreeMap::new();
        let (mut landings, mut work) = (Landings::default(), BTreeMap::new());
        let read = store::for_each_entry(&folder, |entry| match &entry.event {
            JournalEvent::IterationStarted { iteration, task, .. } => {
                tasks.insert(*iteration, task.clone());
            }
            JournalEvent::Prepared { iteration, worktree, .. } => {
                let task = tasks.get(iteration).cloned();
                work.extend(task.map(|task| (task, Work::Folder(PathBuf::from(worktree)))));
            }
            JournalEvent::Collected { iteration, anchor, .. } => {
                let task = tasks.get(iteration).cloned();
                work.extend(task.map(|task| (task, Work::Anchored(anchor.clone()))));
            }
            event => landings.apply(event),
        });
        read.map_err(|error| unreadable(run, error).hint(put_aside(&folder)))?;
        work.retain(|_, work| is_there(work, git));
        let landed = landings.found(run, git).map_err(|error| unreadable(run, error))?;
        let landed = landed.into_iter().filter_map(|(id, commit)| Some((tasks.get(&id)?.clone(), commit)));
        Ok(Self { landed: landed.collect(), work })
    }
}

/// What may have landed, by what a journal says.
#[derive(Default)]
struct Landings {
    has_gate: bool,
    /// The latest merge of each iteration, and whether its gate was green.
    candidates: BTreeMap<IterationId, (CommitId, bool)>,
    /// Work that waited on its worker's branch (`--merge end`): it lands with the candidate of that branch's last work.
    stacked: BTreeMap<IterationId, CommitId>,
}

impl Landings {
    fn apply(&mut self, event: &JournalEvent) {
        match event {
            JournalEvent::RunStarted { gate, .. } => self.has_gate = gate.is_some(),
            JournalEvent::Candidate { iteration, candidate, .. } => {
                self.candidates.insert(*iteration, (candidate.clone(), false));
            }
            JournalEvent::Gated { iteration, gate, .. } => {
                if let Some((_, is_proven)) = self.candidates.get_mut(iteration) {
                    *is_proven = gate.is_green() && gate.tampered.is_none();
                }
            }
            JournalEvent::Stacked { iteration, sha, .. } => {
                self.stacked.insert(*iteration, sha.clone());
            }
            JournalEvent::GivenUp { parts, .. } => {
                self.stacked.retain(|id, _| parts.iter().all(|part| part.iteration != *id));
            }
            JournalEvent::Landed { iteration, sha, with, .. } => {
                let all = with.iter().chain([iteration]);
                self.candidates.extend(all.map(|id| (*id, (sha.clone(), true))));
            }
            _ => {}
        }
    }

    /// Those that the run branch has; the target, where that branch is gone.
    fn found(self, run: &LedgerRun, git: &RepoGit) -> Result<BTreeMap<IterationId, CommitId>, GitError> {
        let mut tip = git.resolve(&run.run_branch.to_ref())?;
        if let (None, Some(target)) = (&tip, &run.target_branch) {
            tip = git.resolve(&target.to_ref())?;
        }
        let mut landed = BTreeMap::new();
        let Some(tip) = tip else { return Ok(landed) };
        for (id, (commit, is_proven)) in self.candidates {
            // As for a resume: what no gate found good is there by somebody else's hand.
            if (is_proven || !self.has_gate) && contains(git, &tip, &commit)? {
                landed.insert(id, commit);
            }
        }
        for (id, work) in self.stacked {
            let of_worker = landed.iter().filter(|(other, _)| other.worker == id.worker);
            let candidates: BTreeSet<CommitId> = of_worker.map(|(_, commit)| commit.clone()).collect();
            for commit in candidates {
                if !landed.contains_key(&id) && contains(git, &commit, &work)? {
                    landed.insert(id, commit);
                }
            }
        }
        Ok(landed)
    }
}

fn is_there(work: &Work, git: &RepoGit) -> bool {
    match work {
        Work::Anchored(anchor) => matches!(git.resolve(anchor), Ok(Some(_))),
        Work::Folder(folder) => folder.is_dir(),
    }
}
