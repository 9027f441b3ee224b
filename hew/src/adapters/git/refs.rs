//! Refs and branches. A branch is made only where none is, and moved or deleted only from where it was said to be.

use hew_core::ids::{BranchName, CommitId, RefName};
use hew_core::worktree::{AdvanceOutcome, BranchCreation, GitError};

use super::run::{GitCall, LONG};
use super::shared_step::SharedStep;
use super::{RepoGit, SYNCED};

/// The commit that a ref names.
pub(super) fn resolve(git: &RepoGit, name: &RefName) -> Result<Option<CommitId>, GitError> {
    let answer = git.on_repository().args(["rev-parse", "--verify", "--quiet"]).arg(name.as_str()).run()?;
    match answer.exit.is_success() {
        true => Ok(Some(CommitId::new(answer.line()?))),
        false if answer.words().is_empty() => Ok(None),
        false => Err(answer.failure()),
    }
}

/// Makes a branch where none is.
pub(super) fn create_branch(
    git: &RepoGit,
    branch: &BranchName,
    at: &CommitId,
) -> Result<BranchCreation, GitError> {
    let name = branch.to_ref();
    // An empty old value: it must not exist.
    let answer = update(git)?.arg(name.as_str()).arg(at.as_str()).arg("").run()?;
    if answer.exit.is_success() {
        return Ok(BranchCreation::Created);
    }
    if let Some(there) = resolve(git, &name)? {
        return Ok(BranchCreation::Exists(there));
    }
    match obstruction(git, branch)? {
        Some(other) => Ok(BranchCreation::Obstructed(other)),
        None => Err(answer.failure()),
    }
}

/// The branch whose name is a folder of the wanted one's, or the other way round.
fn obstruction(git: &RepoGit, branch: &BranchName) -> Result<Option<BranchName>, GitError> {
    let above = branch.as_str().match_indices('/').map(|(at, _)| BranchName::new(&branch.as_str()[..at]));
    for candidate in above {
        if resolve(git, &candidate.to_ref())?.is_some() {
            return Ok(Some(candidate));
        }
    }
    let below = refs_under(git, &format!("{}/", branch.to_ref()))?.into_iter().next();
    Ok(below.map(|(name, _)| BranchName::new(name.as_str().trim_start_matches("refs/heads/"))))
}

/// Deletes a branch that is still where it was said to be.
pub(super) fn delete_branch(git: &RepoGit, branch: &BranchName, at: &CommitId) -> Result<bool, GitError> {
    let name = branch.to_ref();
    let call = update(git)?.arg("-d").arg(name.as_str()).arg(at.as_str());
    let answer = SharedStep::on_branch(git, branch).run(git, call)?;
    if answer.exit.is_success() {
        return Ok(true);
    }
    match resolve(git, &name)? {
        Some(there) if there == *at => Err(answer.failure()),
        _ => Ok(false),
    }
}

/// Points a ref of hew's at a commit.
pub(super) fn anchor(git: &RepoGit, name: &RefName, commit: &CommitId) -> Result<(), GitError> {
    if ask_to_move(git, name, commit, None) {
        return Ok(());
    }
    update(git)?.arg(name.as_str()).arg(commit.as_str()).run()?.success().map(drop)
}

/// Points a ref of hew's at a commit; one that is there already stays, and is an error.
pub(super) fn anchor_new(git: &RepoGit, name: &RefName, commit: &CommitId) -> Result<(), GitError> {
    // An empty old value: it must not exist.
    update(git)?.arg(name.as_str()).arg(commit.as_str()).arg("").run()?.success().map(drop)
}

/// Moves a ref through a servant, in a transaction of its own: by compare-and-swap where `from` is given. False where
/// that was not answered, whatever became of it.
fn ask_to_move(git: &RepoGit, name: &RefName, to: &CommitId, from: Option<&CommitId>) -> bool {
    let from = from.map_or("", CommitId::as_str);
    let question = format!("start\nupdate {name} {to} {from}\ncommit\n");
    let expected = "start: ok\ncommit: ok\n";
    // What comes from elsewhere has no place in a line.
    let is_plain = question.lines().count() == 3 && question.split_whitespace().count() <= 6;
    let servant = || Ok(update(git)?.arg("--stdin"));
    let is_whole = |answer: &[u8]| answer.len() >= expected.len();
    let read = |answer: &[u8]| (answer == expected.as_bytes()).then_some(());
    is_plain && git.servants.updates.ask(servant, &question, is_whole, read).is_some()
}

/// Refs that begin with a prefix, sorted by name.
pub(super) fn refs_under(git: &RepoGit, prefix: &str) -> Result<Vec<(RefName, CommitId)>, GitError> {
    // Git matches whole parts of a name; the rest of the prefix is matched here.
    let folder = prefix.rfind('/').map_or("", |at| &prefix[..=at]);
    let answer = git
        .on_repository()
        .args(["for-each-ref", "--sort=refname", "--format=%(objectname) %(refname)"])
        .arg(folder)
        .run()?
        .success()?;
    let text = String::from_utf8_lossy(&answer.stdout);
    let pairs = text.lines().filter_map(|line| line.split_once(' '));
    Ok(pairs
        .filter(|(_, name)| name.starts_with(prefix))
        .map(|(commit, name)| (RefName::new(name), CommitId::new(commit)))
        .collect())
}

/// Refs of hew's and branches, none that a worktree is on, whose commit is reachable from this one.
pub(super) fn merged_into(git: &RepoGit, commit: &CommitId) -> Result<Vec<(RefName, CommitId)>, GitError> {
    let answer = git
        .on_repository()
        .args(["for-each-ref", "--format=%(objectname) %(refname) %(worktreepath)"])
        .arg(format!("--merged={commit}"))
        .args(["refs/hew", "refs/heads"])
        .timeout(LONG)
        .run()?
        .success()?;
    let text = String::from_utf8_lossy(&answer.stdout);
    let free = text.lines().filter_map(|line| match line.splitn(3, ' ').collect::<Vec<_>>()[..] {
        [commit, name, ""] => Some((RefName::new(name), CommitId::new(commit))),
        _ => None,
    });
    Ok(free.collect())
}

/// Deletes refs that are still where they were said to be, all or none.
pub(super) fn delete(git: &RepoGit, refs: &[(RefName, CommitId)]) -> Result<(), GitError> {
    let orders: Vec<String> = refs.iter().map(|(name, commit)| format!("delete {name} {commit}")).collect();
    let orders = format!("{}\n", orders.join("\n"));
    update(git)?.arg("--stdin").input(orders).timeout(LONG).run()?.success().map(drop)
}

/// A commit is reachable from a branch, that one left out, or from one of hew's own refs.
pub(super) fn is_kept(
    git: &RepoGit,
    commit: &CommitId,
    except: Option<&BranchName>,
) -> Result<bool, GitError> {
    is_kept_by(git.on_repository(), commit, except)
}

/// A branch contains a commit.
pub(super) fn is_on_a_branch(git: &RepoGit, commit: &CommitId) -> Result<bool, GitError> {
    let call =
        git.on_repository().args(["rev-list", "--max-count=1", commit.as_str(), "--not", "--branches"]);
    Ok(call.run()?.success()?.stdout.is_empty())
}

/// The same asked by a call on a git folder.
pub(super) fn is_kept_by(
    call: GitCall,
    commit: &CommitId,
    except: Option<&BranchName>,
) -> Result<bool, GitError> {
    let call = call.args(["rev-list", "--max-count=1", commit.as_str(), "--not"]);
    let call = match except {
        Some(branch) => call.arg(format!("--exclude={branch}")),
        None => call,
    };
    Ok(call.args(["--branches", "--glob=refs/hew"]).run()?.success()?.stdout.is_empty())
}

/// Moves a branch by compare-and-swap and reads it back.
pub(super) fn advance(
    git: &RepoGit,
    branch: &BranchName,
    from: &CommitId,
    to: &CommitId,
) -> Result<AdvanceOutcome, GitError> {
    let name = branch.to_ref();
    let stood_right = read_back(git, &name)?.as_ref() == Some(from);
    let is_moved = ask_to_move(git, &name, to, Some(from));
    // An answer may be lost after the branch was moved: then where it was and where it is tell.
    if read_back(git, &name)?.as_ref() == Some(to) && (is_moved || stood_right) {
        return Ok(AdvanceOutcome::Advanced);
    }
    advance_once(git, &name, from, to)
}

/// The same by a call of its own, whose words say what stands in the way.
fn advance_once(
    git: &RepoGit,
    name: &RefName,
    from: &CommitId,
    to: &CommitId,
) -> Result<AdvanceOutcome, GitError> {
    let answer = update(git)?.args([name.as_str(), to.as_str(), from.as_str()]).run()?;
    let there = read_back(git, name)?;
    match there {
        Some(there) if answer.exit.is_success() && there == *to => Ok(AdvanceOutcome::Advanced),
        // It did not move and nobody moved it: a lock, a full disk.
        Some(there) if !answer.exit.is_success() && there == *from => Err(answer.failure()),
        other => Ok(AdvanceOutcome::Moved(other)),
    }
}

/// Where a ref is, from its own file where it has one: what was just written there is read without a process.
fn read_back(git: &RepoGit, name: &RefName) -> Result<Option<CommitId>, GitError> {
    let text = std::fs::read_to_string(git.common_dir.join(name.as_str())).unwrap_or_default();
    let commit = text.trim_end();
    let is_name = commit.len() >= 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_name { Ok(Some(CommitId::new(commit))) } else { resolve(git, name) }
}

fn update(git: &RepoGit) -> Result<GitCall, GitError> {
    let call = git.on_repository().settings(&SYNCED).args(["update-ref", "--no-deref", "-m", "hew"]);
    git.with_identity(call)
}
