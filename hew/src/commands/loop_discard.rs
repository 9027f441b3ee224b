//! `hew loop prune-worktrees --discard`: refs that keep work which landed nowhere. They are the only thing of a run that never
//! goes by itself; without `--apply` they are only listed.

use hew_core::ids::{CommitId, RefName, RunId};
use hew_core::output::Output;
use hew_core::record::ledger::LedgerRun;
use hew_core::worktree::{GitClient, GitError, names};
use schemars::JsonSchema;
use serde::Serialize;

use crate::adapters::git::RepoGit;
use crate::failure::Failure;
use crate::ui::Ui;

/// A ref that keeps work which landed nowhere.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Anchor<'a> {
    /// The run.
    run_id: &'a RunId,
    /// The ref.
    name: &'a RefName,
    /// The commit that it keeps.
    sha: &'a CommitId,
    /// `unlanded`, or `discarded`.
    outcome: &'a str,
    /// A command to look at it.
    look: String,
}

impl Output for Anchor<'_> {
    const KIND: &'static str = "anchor";
}

/// Lists such refs of runs that are over and can't be gone on with; with `apply` deletes them.
pub(super) fn run(
    git: &RepoGit,
    ledger: &[LedgerRun],
    wanted: Option<&RunId>,
    apply: bool,
    ui: &Ui,
) -> Result<(), Failure> {
    let failed =
        |error: GitError| Failure::failed("refs of runs can't be looked at, or deleted").because(error);
    let is_meant = |run: &&LedgerRun| wanted.is_none_or(|wanted| *wanted == run.run_id);
    let is_over = |run: &&LedgerRun| run.ended.is_some() || run.is_given_up;
    let mut count = 0;
    for run in ledger.iter().filter(is_meant).filter(is_over) {
        let unlanded = unlanded(git, &run.run_id).map_err(failed)?;
        if apply && !unlanded.is_empty() {
            git.delete_refs(&unlanded).map_err(failed)?;
        }
        count += unlanded.len();
        let outcome = if apply { "discarded" } else { "unlanded" };
        for (name, sha) in &unlanded {
            print(ui, &run.run_id, (name, sha), outcome);
        }
    }
    let next = if apply || count == 0 { "" } else { "; to lose it for good: add --apply" };
    ui.say(&format!("{count} refs of work that landed nowhere{next}"));
    Ok(())
}

/// Anchors of a run that no branch contains.
fn unlanded(git: &RepoGit, run: &RunId) -> Result<Vec<(RefName, CommitId)>, GitError> {
    let mut found = Vec::new();
    for (name, commit) in git.refs_under(&names::anchor_prefix(run))? {
        if !git.is_on_a_branch(&commit)? {
            found.push((name, commit));
        }
    }
    Ok(found)
}

fn print(ui: &Ui, run_id: &RunId, (name, sha): (&RefName, &CommitId), outcome: &str) {
    // What is discarded has no name any more, but its commit is there for some time.
    let look = format!("git log -p -1 {sha}");
    if ui.is_json() {
        ui.print_output(&Anchor { run_id, name, sha, outcome, look });
    } else {
        ui.print(&format!("{outcome:<9} {name}\n          look: {look}\n"));
    }
}
