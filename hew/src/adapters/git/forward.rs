//! Bringing a target forward, or touching nothing.

use std::path::Path;

use hew_core::ids::{BranchName, CommitId};
use hew_core::worktree::{ForwardOutcome, GitError};

use super::RepoGit;
use super::refs;
use super::run::GitCall;

/// Flags that keep a user's own merge options from squashing, stashing, or overwriting an ignored file.
const FORWARD: [&str; 6] =
    ["merge", "--ff-only", "--no-squash", "--no-autostash", "--no-verify-signatures", "--no-overwrite-ignore"];

/// Fast-forwards a checkout and the branch it is on.
pub(super) fn checkout(checkout: &Path, branch: &BranchName, to: &CommitId) -> Result<ForwardOutcome, GitError> {
    let on = GitCall::plain(checkout).args(["symbolic-ref", "--quiet", "HEAD"]).answer()?;
    if String::from_utf8_lossy(&on.stdout).trim_end() != branch.to_ref().as_str() {
        return Ok(ForwardOutcome::Refused(format!("{} is no longer on {branch}", checkout.display())));
    }
    let own = ["-c", "core.hooksPath=/dev/null", "-c", "gc.auto=0", "-c", "maintenance.auto=false"];
    let answer = GitCall::plain(checkout).args(own).args(FORWARD).arg(to.as_str()).answer()?;
    let head = GitCall::plain(checkout).args(["rev-parse", "--verify", "--quiet", "HEAD"]).line()?;
    if head == to.as_str() { Ok(ForwardOutcome::Forwarded) } else { Ok(ForwardOutcome::Refused(answer.words())) }
}

/// Fast-forwards a branch that is checked out nowhere; a fetch also refuses one that is being rebased.
pub(super) fn branch(git: &RepoGit, branch: &BranchName, to: &CommitId) -> Result<ForwardOutcome, GitError> {
    let refspec = format!("{to}:{}", branch.to_ref());
    let flags = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-gc", "--no-recurse-submodules", "."];
    let answer = git.repo().args(flags).arg(refspec).answer()?;
    if refs::resolve(git, &branch.to_ref())?.as_ref() == Some(to) {
        return Ok(ForwardOutcome::Forwarded);
    }
    Ok(ForwardOutcome::Refused(answer.words()))
}
