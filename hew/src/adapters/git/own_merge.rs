//! A target that had moved was merged into the run branch, and the process that did it is gone before it was delivered: only the
//! branch knows of that merge. It is taken off again, and made anew where it is wanted.
//!
//! Invariant: one that has anything else than what git makes of both sides is kept by a ref.

use hew_core::ids::{BranchName, CommitId, RunId};
use hew_core::land::deliver::merge_message;
use hew_core::worktree::{AdvanceOutcome, GitClient, GitError, names};

use super::run::LONG;
use super::{RepoGit, refs};

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
    let message = merge_message(target, run);
    let Some(merge) = read(git, &at, &message)?.filter(|merge| merge.tip == *tip) else { return Ok(false) };
    if !git.contains_all(&theirs, std::slice::from_ref(&merge.theirs))?
        || git.contains_all(&theirs, std::slice::from_ref(&at))?
    {
        return Ok(false);
    }
    if !is_gits(git, &merge)? {
        refs::anchor(git, &names::foreign_anchor(run, &at), &at)?;
    }
    Ok(git.advance(run_branch, &at, tip)? == AdvanceOutcome::Advanced)
}

/// A merge in hew's words.
struct Merge {
    tree: String,
    tip: CommitId,
    theirs: CommitId,
}

/// Reads a commit, if it has two parents and this text.
fn read(git: &RepoGit, commit: &CommitId, message: &str) -> Result<Option<Merge>, GitError> {
    let answer = git.on_repository().args(["cat-file", "commit", commit.as_str()]).run()?.success()?;
    let text = String::from_utf8_lossy(&answer.stdout);
    let Some((head, _)) = text.split_once("\n\n").filter(|(_, told)| *told == message) else {
        return Ok(None);
    };
    let tree = head.lines().find_map(|line| line.strip_prefix("tree ")).unwrap_or_default().to_owned();
    let parents: Vec<&str> = head.lines().filter_map(|line| line.strip_prefix("parent ")).collect();
    let [tip, theirs] = parents[..] else { return Ok(None) };
    Ok(Some(Merge { tree, tip: CommitId::new(tip), theirs: CommitId::new(theirs) }))
}

/// Nothing is in it but what git makes of both sides. One that hew made in another way, e.g. by attributes of its folder, may not be.
fn is_gits(git: &RepoGit, merge: &Merge) -> Result<bool, GitError> {
    let call = git.on_repository().args(["merge-tree", "--write-tree", "--no-messages"]);
    let anew = call.args([merge.tip.as_str(), merge.theirs.as_str()]).timeout(LONG).run()?;
    Ok(anew.exit.is_success() && anew.line()? == merge.tree)
}
