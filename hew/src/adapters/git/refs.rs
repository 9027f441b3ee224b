//! Branches, anchors, ancestry.

use hew_core::exit::Exit;
use hew_core::ids::{BranchName, CommitId, RefName};
use hew_core::worktree::{AdvanceOutcome, BranchCreation, GitError};

use super::{RepoGit, unreadable};

/// `update-ref` takes this for "must not exist yet".
const NOTHING: &str = "0000000000000000000000000000000000000000";

/// The commit a ref names.
pub(super) fn resolve(git: &RepoGit, name: &RefName) -> Result<Option<CommitId>, GitError> {
    let commit = format!("{name}^{{commit}}");
    let answer = git.repo().args(["rev-parse", "--verify", "--quiet", &commit]).answer()?;
    match answer.exit {
        Exit::Code(0) => Ok(Some(CommitId::new(String::from_utf8_lossy(&answer.stdout).trim_end()))),
        Exit::Code(1) => Ok(None),
        _ => Err(answer.failure().into()),
    }
}

/// All of `ancestors` are reachable, in one process: nothing may be left when what `descendant` reaches is taken away.
pub(super) fn contains_all(
    git: &RepoGit,
    descendant: &CommitId,
    ancestors: &[CommitId],
) -> Result<bool, GitError> {
    if ancestors.iter().all(|ancestor| ancestor == descendant) {
        return Ok(true);
    }
    let call = git.repo().args(["rev-list", "--max-count=1"]).args(ancestors.iter().map(CommitId::as_str));
    Ok(call.arg(format!("^{descendant}")).output()?.is_empty())
}

/// Makes a branch that must not exist yet.
pub(super) fn create_branch(git: &RepoGit, branch: &BranchName, at: &CommitId) -> Result<BranchCreation, GitError> {
    let name = branch.to_ref();
    let answer = git.repo().args(["update-ref", name.as_str(), at.as_str(), NOTHING]).answer()?;
    if answer.exit.is_success() {
        return Ok(BranchCreation::Created);
    }
    if let Some(there) = resolve(git, &name)? {
        return Ok(BranchCreation::Exists(there));
    }
    match obstacle(git, branch)? {
        Some(other) => Ok(BranchCreation::Obstructed(other)),
        None => Err(answer.failure().into()),
    }
}

/// A branch where this one needs a folder: `loop` for `loop/x/main`; or one below it: `loop/x/main/y`.
fn obstacle(git: &RepoGit, branch: &BranchName) -> Result<Option<BranchName>, GitError> {
    let name = branch.as_str();
    for (end, _) in name.match_indices('/') {
        let parent = BranchName::new(&name[..end]);
        if resolve(git, &parent.to_ref())?.is_some() {
            return Ok(Some(parent));
        }
    }
    let below = under(git, &format!("refs/heads/{name}/"))?;
    Ok(below.first().and_then(|(name, _)| name.as_str().strip_prefix("refs/heads/")).map(BranchName::new))
}

/// Deletes a ref if it is still at `at`.
pub(super) fn delete(git: &RepoGit, name: &RefName, at: &CommitId) -> Result<bool, GitError> {
    let answer = git.repo().args(["update-ref", "-d", name.as_str(), at.as_str()]).answer()?;
    if answer.exit.is_success() {
        return Ok(true);
    }
    if resolve(git, name)?.as_ref() == Some(at) { Err(answer.failure().into()) } else { Ok(false) }
}

/// Refs that begin with `prefix`, sorted by name.
pub(super) fn under(git: &RepoGit, prefix: &str) -> Result<Vec<(RefName, CommitId)>, GitError> {
    let output = git.repo().args(["for-each-ref", "--format=%(refname) %(objectname)", prefix]).output()?;
    let text = String::from_utf8(output).map_err(|error| unreadable("for-each-ref", error.as_bytes()))?;
    text.lines()
        .map(|line| {
            let (name, commit) = line.rsplit_once(' ').ok_or_else(|| unreadable("for-each-ref", line.as_bytes()))?;
            Ok((RefName::new(name), CommitId::new(commit)))
        })
        .collect()
}

/// Moves a branch by compare-and-swap and reads it back.
pub(super) fn advance(
    git: &RepoGit,
    branch: &BranchName,
    from: &CommitId,
    to: &CommitId,
) -> Result<AdvanceOutcome, GitError> {
    let name = branch.to_ref();
    let message = "hew: landed";
    let swap = ["update-ref", "-m", message, name.as_str(), to.as_str(), from.as_str()];
    let answer = git.repo().args(swap).answer()?;
    let there = resolve(git, &name)?;
    if there.as_ref() == Some(to) {
        return Ok(AdvanceOutcome::Advanced);
    }
    if there.as_ref() == Some(from) {
        return Err(answer.failure().into());
    }
    Ok(AdvanceOutcome::Moved(there))
}
