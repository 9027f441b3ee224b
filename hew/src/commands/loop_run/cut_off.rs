//! What a hew that is gone left undone of what it shares with people: mended, and told.

use hew_core::ids::{BranchName, CommitId, RunId};
use hew_core::record::ledger::LedgerRun;

use crate::adapters::git::RepoGit;
use crate::adapters::lock::{self, LockError, ProjectLock};
use crate::commands::context::Context;
use crate::failure::Failure;
use crate::ui::Ui;

/// What is told where nothing is mended yet.
pub(in crate::commands) const KILLED: &str =
    "git was cut off while it worked for hew on what is yours: locks and files may be left of that";

/// Mends the checkout and the branches that a killed git was changing. The project's lock is ours. Answers the locks that were
/// removed.
pub(in crate::commands) fn mend(git: &RepoGit, ui: &Ui) -> Result<Vec<String>, Failure> {
    let failed =
        |error| Failure::usage("what a killed git left can't be mended").because(error).hint("hew doctor");
    let mended = git.mend_cut_off_step().map_err(failed)?;
    for done in mended.done() {
        ui.say(&done);
    }
    for doubt in mended.not_done() {
        ui.warn(&doubt);
    }
    Ok(mended.removed.iter().map(|lock| lock.display().to_string()).collect())
}

/// The same where the project's lock is not ours yet: nothing is done where somebody else has it. Without `apply` it is only told.
pub(in crate::commands) fn mend_if_free(
    context: &Context,
    runs: &[LedgerRun],
    apply: bool,
    ui: &Ui,
) -> Result<(), Failure> {
    let shared_dir = &context.project.shared_dir;
    let git = RepoGit::new(&context.project.common_dir);
    let Some(last) = runs.last().filter(|_| git.has_cut_off_step() && lock::holder(shared_dir).is_none())
    else {
        return Ok(());
    };
    if !apply {
        ui.warn(&format!("{KILLED}: hew loop prune-worktrees --apply mends that, as hew doctor --fix does"));
        return Ok(());
    }
    match ProjectLock::acquire(shared_dir, &last.run_id) {
        Ok(_lock) => mend(&git, ui).map(drop),
        Err(LockError::Held { .. }) => Ok(()),
        Err(LockError::File(error)) => Err(Failure::usage("the project can't be locked").because(error)),
    }
}

/// Takes a merge of the target off the run branch again that was made and not delivered.
pub(in crate::commands) fn take_back_merge(
    git: &RepoGit,
    run: &RunId,
    run_branch: &BranchName,
    target: &BranchName,
    tip: &CommitId,
    ui: &Ui,
) -> Result<(), Failure> {
    let failed = |error| Failure::usage(format!("{run_branch} can't be looked at")).because(error);
    if git.take_back_merge(run, run_branch, target, tip).map_err(failed)? {
        ui.say(&format!(
            "{target} had been merged into {run_branch} and was not delivered; it is merged anew"
        ));
    }
    Ok(())
}
