//! Delivering: the run branch comes to its target, or nothing of the user's is touched.
//!
//! Invariants: the target only ever moves forward, by git's own fast-forward in the checkout that has it, or by a fetch
//! where none has; a target that somebody moved is first merged into the run branch, under the gate; every refusal
//! names the one command that finishes the job.

use std::path::{Path, PathBuf};

use crate::ids::{BranchName, CommitId};
use crate::worktree::{ForwardOutcome, GitClient, GitError, WorktreeEntry};

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
        /// Git's words.
        reason: String,
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
        ForwardOutcome::Refused(reason) => Forwarded::Refused { reason, checkout },
    })
}

fn checkout_of(worktrees: &[WorktreeEntry], target: &BranchName, launched_from: &Path) -> Option<PathBuf> {
    let has_target = |entry: &&WorktreeEntry| entry.branch.as_ref() == Some(target);
    let here = worktrees.iter().filter(has_target).find(|entry| entry.path == launched_from);
    here.or_else(|| worktrees.iter().find(has_target)).map(|entry| entry.path.clone())
}

/// The message of the commit that brings a moved target into the run branch.
pub fn merge_message(target: &BranchName, run: &str) -> String {
    format!("Merge {target} into the run\n\nHew-Run: {run}\n")
}
