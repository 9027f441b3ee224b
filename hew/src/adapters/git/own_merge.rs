//! A target that had moved was merged into the run branch, and the process that did it is gone before it was delivered: only the
//! branch knows of that merge. It is taken off again, and made anew where it is wanted; nothing is on it but what both
//! sides have.

use hew_core::ids::{BranchName, CommitId, RunId};
use hew_core::land::deliver::merge_message;
use hew_core::worktree::{AdvanceOutcome, GitClient, GitError};

use super::RepoGit;

/// Puts the run branch back to its tip from such a merge, unless the target has it. Answers whether it did.
pub(super) fn take_back(
    git: &RepoGit,
    run: &RunId,
    run_branch: &BranchName,
    target: &BranchName,
    tip: &CommitId,
) -> Result<bool, GitError> {
    let Some(at) = git.resolve(&run_branch.to_ref())?.filter(|at| at != tip) else { return Ok(false) };
    let Some(theirs) = git.resolve(&target.to_ref())? else { return Ok(false) };
    if !is_merge_of(git, &at, tip, &theirs, &merge_message(target, run))?
        || git.contains_all(&theirs, std::slice::from_ref(&at))?
    {
        return Ok(false);
    }
    Ok(git.advance(run_branch, &at, tip)? == AdvanceOutcome::Advanced)
}

/// Its parents are the tip and what the target has, and its text is hew's own.
fn is_merge_of(
    git: &RepoGit,
    commit: &CommitId,
    tip: &CommitId,
    theirs: &CommitId,
    message: &str,
) -> Result<bool, GitError> {
    let answer = git.on_repository().args(["cat-file", "commit", commit.as_str()]).run()?.success()?;
    let text = String::from_utf8_lossy(&answer.stdout);
    let Some((head, told)) = text.split_once("\n\n") else { return Ok(false) };
    let parents: Vec<&str> = head.lines().filter_map(|line| line.strip_prefix("parent ")).collect();
    let [first, second] = parents[..] else { return Ok(false) };
    Ok(first == tip.as_str() && told == message && git.contains_all(theirs, &[CommitId::new(second)])?)
}
