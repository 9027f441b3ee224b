//! Bringing a person's branch, or their checkout of it, forward. Nothing is touched unless all of it fits.

use std::path::Path;
use std::sync::PoisonError;

use hew_core::ids::{BranchName, CommitId};
use hew_core::worktree::{ForwardOutcome, GitError, Obstacle, Refusal};

use super::run::{GitCall, LONG};
use super::shared_step::SharedStep;
use super::{RepoGit, SYNCED, obstacle, refs};

/// What keeps settings of the branch or the person from turning a fast-forward into something else: squashing,
/// stashing with conflict markers left, overwriting an ignored `.env`.
const FAST_FORWARD: [&str; 6] = [
    "merge",
    "--ff-only",
    "--no-squash",
    "--no-autostash",
    "--no-verify-signatures",
    "--no-overwrite-ignore",
];

/// What keeps a person's settings out of a fetch from their own repository into one branch.
const FETCH_ONE: [&str; 8] = [
    "fetch",
    "--quiet",
    "--no-tags",
    "--no-prune",
    "--no-recurse-submodules",
    "--no-auto-maintenance",
    "--no-write-fetch-head",
    "--no-write-commit-graph",
];

/// Fast-forwards a checkout and the branch that it is on.
pub(super) fn checkout(
    git: &RepoGit,
    checkout: &Path,
    branch: &BranchName,
    to: &CommitId,
) -> Result<ForwardOutcome, GitError> {
    if let Some(refusal) = refuse_other_branch(git, checkout, branch)? {
        return Ok(refusal);
    }
    let call = in_checkout(git, checkout).args(FAST_FORWARD).arg(to.as_str()).timeout(LONG);
    let call = git.with_identity(call)?;
    let step = SharedStep::on_checkout(git, checkout, branch, to);
    let answer = step.run(git, call)?;
    if !answer.exit.is_success() {
        let obstacle = lock_of(&step).or_else(|| obstacle::files(git, checkout, to));
        return Ok(ForwardOutcome::Refused(Refusal { words: step.explained(answer.words()), obstacle }));
    }
    match read_head(git, checkout)? {
        Some((head, on)) if head == *to && on == *branch => Ok(ForwardOutcome::Forwarded),
        Some((head, on)) => {
            Ok(refused(format!("{} is at {} on {on} instead", checkout.display(), head.short())))
        }
        None => Ok(refused(format!("{} is on no branch any more", checkout.display()))),
    }
}

fn refuse_other_branch(
    git: &RepoGit,
    checkout: &Path,
    branch: &BranchName,
) -> Result<Option<ForwardOutcome>, GitError> {
    let shown = checkout.display();
    Ok(match read_head(git, checkout)? {
        Some((_, on)) if on == *branch => None,
        Some((_, on)) => Some(refused(format!("{shown} is on {on}, not on {branch}"))),
        None => Some(refused(format!("{shown} is on no branch"))),
    })
}

/// The commit and the branch of a checkout; `None` where HEAD is detached or unborn.
fn read_head(git: &RepoGit, checkout: &Path) -> Result<Option<(CommitId, BranchName)>, GitError> {
    let answer =
        in_checkout(git, checkout).args(["rev-parse", "HEAD", "--symbolic-full-name", "HEAD"]).run()?;
    let answer = answer.success()?;
    let mut lines = answer.line()?.lines();
    let head = lines.next().map(CommitId::new);
    let branch = lines.next().and_then(|name| name.strip_prefix("refs/heads/")).map(BranchName::new);
    Ok(head.zip(branch))
}

/// A person's checkout has settings of its own, which count there; only hooks and background work are kept out.
pub(super) fn in_checkout(git: &RepoGit, checkout: &Path) -> GitCall {
    git.call_in(checkout).env("GIT_CEILING_DIRECTORIES", checkout.parent().unwrap_or(checkout)).settings(&[
        ("core.hooksPath", "/dev/null"),
        ("gc.auto", "0"),
        ("maintenance.auto", "false"),
    ])
}

/// Fast-forwards a branch that is checked out nowhere: a fetch refuses one that is, or is being rebased.
pub(super) fn branch(git: &RepoGit, branch: &BranchName, to: &CommitId) -> Result<ForwardOutcome, GitError> {
    let name = branch.to_ref();
    if refs::resolve(git, &name)?.is_none() {
        // A fetch would make it.
        return Ok(refused(format!("{branch} is gone")));
    }
    let call = git
        .on_repository()
        .settings(&[("protocol.version", "2"), ("protocol.file.allow", "always")])
        .args(FETCH_ONE)
        .args([".".to_owned(), format!("{to}:{name}")]);
    let call = git.with_identity(call)?;
    // It reads the records of all worktrees.
    let turn = git.records.read().unwrap_or_else(PoisonError::into_inner);
    let step = SharedStep::on_branch(git, branch);
    let answer = step.run(git, call)?;
    drop(turn);
    if !answer.exit.is_success() {
        let obstacle = lock_of(&step);
        return Ok(ForwardOutcome::Refused(Refusal { words: step.explained(answer.words()), obstacle }));
    }
    match refs::resolve(git, &name)? {
        Some(there) if there == *to => Ok(ForwardOutcome::Forwarded),
        Some(there) => Ok(refused(format!("{branch} is at {} instead", there.short()))),
        None => Ok(refused(format!("{branch} is gone"))),
    }
}

/// Fetches commits from a git folder of this machine, without a ref for them.
pub(super) fn fetch(git: &RepoGit, from: &Path, commits: &[CommitId]) -> Result<(), GitError> {
    if commits.is_empty() {
        return Ok(());
    }
    let call = git
        .on_repository()
        .settings(&[("protocol.version", "2"), ("protocol.file.allow", "always")])
        .settings(&SYNCED)
        .args(FETCH_ONE)
        .arg(from)
        .args(commits.iter().map(CommitId::as_str))
        .timeout(LONG);
    // It reads the records of all worktrees.
    let _turn = git.records.read().unwrap_or_else(PoisonError::into_inner);
    call.run()?.success().map(drop)
}

fn refused(reason: String) -> ForwardOutcome {
    ForwardOutcome::Refused(reason.into())
}

fn lock_of(step: &SharedStep) -> Option<Obstacle> {
    step.lock().map(|lock| Obstacle::Lock(lock.to_owned()))
}
