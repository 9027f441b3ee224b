//! Refs of earlier runs that have served: what the target holds is kept by the target.
//!
//! Invariant: a ref goes only if the target reaches its commit and its run ended `loop.keep_refs_days` ago; anchors of
//! work that did not land are never touched here.

use chrono::{DateTime, TimeDelta, Utc};
use hew_core::ids::BranchName;
use hew_core::record::ledger::LedgerRun;
use hew_core::worktree::{GitClient, GitError, names};

use crate::adapters::git::RepoGit;

/// Removes them. What can't be removed now can be the next time.
pub(super) fn remove(
    git: &RepoGit,
    runs: &[LedgerRun],
    target: &BranchName,
    keep_days: u32,
    now: DateTime<Utc>,
) -> Result<(), GitError> {
    let is_old = |run: &&LedgerRun| {
        run.ended.as_ref().is_some_and(|end| now - end.at >= TimeDelta::days(i64::from(keep_days)))
    };
    let prefixes: Vec<String> = runs.iter().filter(is_old).flat_map(prefixes_of).collect();
    let Some(target) = git.resolve(&target.to_ref())?.filter(|_| !prefixes.is_empty()) else {
        return Ok(());
    };
    let mut served = git.refs_merged_into(&target)?;
    served.retain(|(name, _)| prefixes.iter().any(|prefix| name.as_str().starts_with(prefix)));
    if served.is_empty() { Ok(()) } else { git.delete_refs(&served) }
}

/// What the names of a run's refs begin with: its anchors, and the folder of its branches.
fn prefixes_of(run: &LedgerRun) -> Vec<String> {
    let branches = run.run_branch.to_ref();
    let folder = branches.as_str().strip_suffix("main").filter(|folder| folder.contains(run.run_id.as_str()));
    folder.map(str::to_owned).into_iter().chain([names::anchor_prefix(&run.run_id)]).collect()
}
