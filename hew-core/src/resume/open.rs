//! An iteration that had begun and not ended when its run's process died.

use crate::escape::{Escape, why_failed};
use crate::ids::{Actor, CommitId, IterationId, RefName, TaskId};
use crate::prompt::FailedMerge;
use crate::record::JournalEvent;
use crate::record::event::{IterationOutcome, VerdictRecord};
use crate::tracker::NewTask;
use crate::tracker::change::TaskChange;

/// Work that is anchored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectedBefore {
    /// The commit.
    pub head: CommitId,
    /// The ref that keeps it.
    pub anchor: RefName,
    /// Number of the journal's line that says so: results land in this order.
    pub seq: u64,
}

/// How an iteration ends whose work was given up with its worker's branch (`--merge end`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenBack {
    /// Its outcome.
    pub outcome: IterationOutcome,
    /// Why.
    pub reason: String,
    /// Somebody else has or closed its task, which is left to them.
    pub is_taken: bool,
    /// The task that is filed about the branch together with its end.
    pub bug: Option<Box<NewTask>>,
}

/// How far an iteration had come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenIteration {
    /// The iteration.
    pub id: IterationId,
    /// Its task.
    pub task: TaskId,
    /// The task's title, as it was claimed.
    pub title: String,
    /// Attempts at the task, this one included.
    pub attempt: u32,
    /// Who holds the claim.
    pub actor: Actor,
    /// Where it started.
    pub base: CommitId,
    /// Its worktree, once it stood at the base.
    pub worktree: Option<String>,
    /// What runs was settled: from then on its agent may have run, and the worktree holds work.
    pub has_begun: bool,
    /// What its agent's end means; none where it had not ended, or by a failure of its runtime.
    pub verdict: Option<VerdictRecord>,
    /// Its anchored work.
    pub collected: Option<CollectedBefore>,
    /// Its work, where that waited on its worker's branch for the end of the run (`--merge end`).
    pub stacked: Option<CommitId>,
    /// That work was given up: it does not land any more.
    pub given_back: Option<GivenBack>,
    /// Its result waited for the lane, or was in it.
    pub is_queued: bool,
    /// The latest merge of its work into the run branch.
    pub candidate: Option<CommitId>,
    /// The gate was green on that merge.
    pub is_proven: bool,
    /// The run branch moved to this, and that was written down.
    pub landed: Option<CommitId>,
    /// The latest merge that did not work.
    pub(super) conflict: Option<FailedMerge>,
    /// Command and log of the latest red gate.
    pub(super) red_gate: Option<(String, String)>,
    /// What the tracker was told of its own task.
    pub(super) change: Option<TaskChange>,
}

impl OpenIteration {
    pub(super) fn begun(event: &JournalEvent) -> Option<Self> {
        let JournalEvent::IterationStarted { iteration, task, title, attempt, actor, base_sha, .. } = event
        else {
            return None;
        };
        Some(Self {
            id: *iteration,
            task: task.clone(),
            title: title.clone(),
            attempt: *attempt,
            actor: actor.clone(),
            base: base_sha.clone(),
            worktree: None,
            has_begun: false,
            verdict: None,
            collected: None,
            stacked: None,
            given_back: None,
            is_queued: false,
            candidate: None,
            is_proven: false,
            landed: None,
            conflict: None,
            red_gate: None,
            change: None,
        })
    }

    pub(super) fn apply(&mut self, event: &JournalEvent, seq: u64) {
        match event {
            JournalEvent::Prepared { worktree, .. } => self.worktree = Some(worktree.clone()),
            JournalEvent::Plan { .. } => self.has_begun = true,
            JournalEvent::Exited { verdict, failure, .. } => {
                // What comes of a runtime's failure is written down after it, or never was.
                let is_settled = |verdict: &&VerdictRecord| {
                    failure.is_none() || verdict.outcome != Some(IterationOutcome::RuntimeError)
                };
                self.verdict = verdict.as_deref().filter(is_settled).cloned();
            }
            JournalEvent::Collected { head_sha, anchor, .. } => {
                let (head, anchor) = (head_sha.clone(), anchor.clone());
                // Collected once more after a crash, it keeps its place.
                let seq = self.collected.as_ref().map_or(seq, |before| before.seq);
                self.collected = Some(CollectedBefore { head, anchor, seq });
            }
            JournalEvent::Stacked { sha, .. } => self.stacked = Some(sha.clone()),
            JournalEvent::Queued { .. } => self.is_queued = true,
            JournalEvent::Candidate { candidate, .. } => {
                self.candidate = Some(candidate.clone());
                self.is_proven = false;
            }
            JournalEvent::Conflicted { tip, work, anchor, files, .. } => {
                self.conflict = Some(FailedMerge {
                    tip: tip.clone(),
                    work: work.clone(),
                    anchor: anchor.clone(),
                    files: files.clone(),
                });
            }
            JournalEvent::Gated { gate, .. } => {
                let is_red = !gate.is_green() || gate.tampered.is_some();
                self.is_proven = !is_red;
                self.red_gate = is_red.then(|| (gate.command.clone(), gate.log.clone()));
            }
            JournalEvent::Landed { sha, .. } => self.landed = Some(sha.clone()),
            JournalEvent::TaskChanged { task, change, .. } if *task == self.task => self.tell(change),
            _ => {}
        }
    }

    /// Giving a claim back is told before what makes more of it.
    fn tell(&mut self, change: &TaskChange) {
        if !matches!(change, TaskChange::Filed { .. }) {
            self.change = Some(change.clone());
        }
    }

    /// It changed what is not its own: whatever its agent said, its work is not landed.
    pub(super) fn escaped(&mut self, escapes: &[Escape]) {
        let is_stopped = |verdict: &VerdictRecord| verdict.outcome == Some(IterationOutcome::Cancelled);
        if let Some(verdict) = self.verdict.as_mut().filter(|verdict| !is_stopped(verdict)) {
            *verdict = VerdictRecord {
                outcome: Some(IterationOutcome::RuntimeError),
                reason: why_failed(escapes),
                explicit: false,
                taken: false,
            };
        }
    }

    /// The ref that keeps its work, where there is any.
    pub(super) fn anchor(&self) -> Option<RefName> {
        let work = self.collected.as_ref().filter(|work| work.head != self.base);
        work.map(|work| work.anchor.clone())
    }
}
