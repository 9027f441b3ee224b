//! Delivering: the run branch comes to its target, or nothing of the user's is touched.
//!
//! Invariants: the target only ever moves forward, by git's own fast-forward in the checkout that has it, or by a fetch
//! where none has; a target that somebody moved is first merged into the run branch, under the gate; every refusal
//! names the one command that finishes the job.

use std::path::{Path, PathBuf};

use super::blocked;
use super::merge_back::{Candidate, CandidateRequest, Keep, make_candidate};
use crate::ids::{BranchName, CommitId, RunId, TreeId};
use crate::worktree::{CleanDepth, ForwardOutcome, GitClient, GitError, Refusal, WorktreeEntry};

/// Where a delivery stands, from what git says now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryPlan {
    /// The target contains the tip already.
    Nothing,
    /// The tip contains the target: forward it.
    Forward,
    /// The target moved: merge this commit of it into the run branch first.
    MergeFirst(CommitId),
    /// The target is gone.
    TargetGone,
}

/// Looks at target and tip and decides.
pub fn plan_delivery(
    git: &dyn GitClient,
    target: &BranchName,
    tip: &CommitId,
) -> Result<DeliveryPlan, GitError> {
    let Some(at) = git.resolve(&target.to_ref())? else {
        return Ok(DeliveryPlan::TargetGone);
    };
    if at == *tip || git.contains_all(&at, std::slice::from_ref(tip))? {
        return Ok(DeliveryPlan::Nothing);
    }
    if git.contains_all(tip, std::slice::from_ref(&at))? {
        return Ok(DeliveryPlan::Forward);
    }
    Ok(DeliveryPlan::MergeFirst(at))
}

/// What came of forwarding the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Forwarded {
    /// It is at the tip, read back.
    Done,
    /// Git refused; nothing was touched.
    Refused {
        /// Why.
        refusal: Refusal,
        /// The checkout that has the target, if one has.
        checkout: Option<PathBuf>,
    },
}

/// Forwards the target to the tip, in the checkout that has it, else without one. `launched_from` is tried first.
pub fn forward(
    git: &dyn GitClient,
    target: &BranchName,
    tip: &CommitId,
    launched_from: &Path,
) -> Result<Forwarded, GitError> {
    let checkout = checkout_of(&git.list_worktrees()?, target, launched_from);
    let outcome = match &checkout {
        Some(folder) => git.forward_checkout(folder, target, tip)?,
        None => git.forward_branch(target, tip)?,
    };
    Ok(match outcome {
        ForwardOutcome::Forwarded => Forwarded::Done,
        ForwardOutcome::Refused(refusal) => Forwarded::Refused { refusal, checkout },
    })
}

fn checkout_of(worktrees: &[WorktreeEntry], target: &BranchName, launched_from: &Path) -> Option<PathBuf> {
    let has_target = |entry: &&WorktreeEntry| entry.branch.as_ref() == Some(target);
    let here = worktrees.iter().filter(has_target).find(|entry| entry.path == launched_from);
    here.or_else(|| worktrees.iter().find(has_target)).map(|entry| entry.path.clone())
}

/// The lane, as far as a delivery needs it.
pub trait DeliveryLane {
    /// Puts the lane's worktree at a commit and answers its folder.
    fn stand_at(&mut self, commit: &CommitId) -> Result<PathBuf, String>;
    /// Runs the gate on a candidate that the worktree is at.
    fn judge(&mut self, commit: &CommitId, tree: &TreeId) -> Result<Judgement, String>;
    /// Moves the run branch from the tip to the merge.
    fn advance(&mut self, to: &CommitId) -> Result<(), String>;
}

/// What a gate said of the result merged with a target that had moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// Green, or there is no gate.
    Passed,
    /// Red, and why.
    Failed(String),
}

/// What is to be delivered.
#[derive(Debug, Clone, Copy)]
pub struct DeliverRequest<'a> {
    /// The run.
    pub run: &'a RunId,
    /// The run branch.
    pub run_branch: &'a BranchName,
    /// Its tip.
    pub tip: &'a CommitId,
    /// Where it goes.
    pub target: &'a BranchName,
    /// The working tree that hew was started in.
    pub launched_from: &'a Path,
}

impl DeliverRequest<'_> {
    /// The command that delivers it, or says and writes down that the target has it.
    fn deliver(&self) -> String {
        format!("hew loop deliver --run-id {}", self.run)
    }

    /// The same behind what has to be done first. Given once more after a stop in the middle, it goes on from there.
    fn then_deliver(&self, first: &str) -> String {
        format!("{first} && {}", self.deliver())
    }
}

/// What came of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivered {
    /// The target is here now, read back.
    At(CommitId),
    /// A person is needed; nothing of theirs was touched.
    Refused {
        /// Why.
        reason: String,
        /// The one command that finishes it.
        remedy: String,
        /// Where the run branch is, if the target was merged into it.
        new_tip: Option<CommitId>,
    },
}

/// Brings the run branch to its target; safe to call again.
pub fn deliver(
    git: &dyn GitClient,
    request: &DeliverRequest<'_>,
    lane: &mut dyn DeliveryLane,
) -> Result<Delivered, String> {
    let words = |error: GitError| error.to_string();
    match plan_delivery(git, request.target, request.tip).map_err(words)? {
        DeliveryPlan::Nothing => Ok(Delivered::At(request.tip.clone())),
        DeliveryPlan::Forward => forward_or_refuse(git, request, request.tip, None),
        DeliveryPlan::TargetGone => Ok(refused(
            format!("branch {} is gone", request.target),
            request.then_deliver(&format!("git branch {} {}", request.target, request.tip)),
        )),
        DeliveryPlan::MergeFirst(at) => match merge_target(git, request, &at, lane)? {
            Ok(candidate) => forward_or_refuse(git, request, &candidate, Some(candidate.clone())),
            Err(reason) => {
                let merge = format!("git switch {} && git merge {}", request.target, request.run_branch);
                Ok(refused(reason, request.then_deliver(&merge)))
            }
        },
    }
}

fn refused(reason: String, remedy: String) -> Delivered {
    Delivered::Refused { reason, remedy, new_tip: None }
}

fn forward_or_refuse(
    git: &dyn GitClient,
    request: &DeliverRequest<'_>,
    to: &CommitId,
    new_tip: Option<CommitId>,
) -> Result<Delivered, String> {
    let (refusal, checkout) = match forward(git, request.target, to, request.launched_from) {
        Ok(Forwarded::Done) => return Ok(Delivered::At(to.clone())),
        Ok(Forwarded::Refused { refusal, checkout }) => (refusal, checkout),
        // Where the run branch has moved, whoever relies on its tip has to know.
        Err(error) if new_tip.is_some() => (Refusal::from(error.to_string()), None),
        Err(error) => return Err(error.to_string()),
    };
    let first = blocked::first(&refusal, checkout.as_ref(), request.launched_from);
    Ok(Delivered::Refused {
        reason: blocked::reason(&refusal, request.target.as_str(), checkout.as_ref()),
        remedy: first.map_or_else(|| request.deliver(), |first| request.then_deliver(&first)),
        new_tip,
    })
}

/// Merges a target that moved into the run branch, under the gate. The inner error is for a person.
fn merge_target(
    git: &dyn GitClient,
    request: &DeliverRequest<'_>,
    at: &CommitId,
    lane: &mut dyn DeliveryLane,
) -> Result<Result<CommitId, String>, String> {
    let words = |error: GitError| error.to_string();
    let DeliverRequest { target, tip, .. } = *request;
    let candidate = CandidateRequest {
        lane: lane.stand_at(tip)?,
        tip: tip.clone(),
        work: at.clone(),
        message: merge_message(target, request.run),
        folders_of_tip: Vec::new(),
        keep: Keep::CheckedOut(CleanDepth::KeepIgnored),
    };
    let (commit, tree) = match make_candidate(git, &candidate).map_err(words)? {
        Candidate::Made { commit, tree } => (commit, tree),
        Candidate::Conflict(files) => {
            return Ok(Err(format!(
                "{target} moved to {} and conflicts with the result in {}",
                at.short(),
                files.join(", ")
            )));
        }
    };
    if let Judgement::Failed(why) = lane.judge(&commit, &tree)? {
        return Ok(Err(format!(
            "{target} moved to {}, and merged with the result the gate is red: {why}",
            at.short()
        )));
    }
    lane.advance(&commit)?;
    Ok(Ok(commit))
}

/// The text of the commit that merges a target into the run branch.
pub fn merge_message(target: &BranchName, run: &RunId) -> String {
    format!("Merge {target} into the run\n\nHew-Run: {run}\n")
}
