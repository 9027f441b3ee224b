//! What a hew that is gone left undone of what it shares with people: mended, and told.

use hew_core::ids::{BranchName, CommitId, RunId};

use crate::adapters::git::{Mended, RepoGit};
use crate::failure::Failure;
use crate::ui::Ui;

/// Mends the checkout and the branches that a killed git was changing. The project's lock is ours. Answers the locks that were
/// removed.
pub(in crate::commands) fn mend(git: &RepoGit, ui: &Ui) -> Result<Vec<String>, Failure> {
    let failed =
        |error| Failure::usage("what a killed git left can't be mended").because(error).hint("hew doctor");
    let Mended { removed, left, taken_in, not_taken_in } = git.mend_cut_off_step().map_err(failed)?;
    let removed: Vec<String> = removed.iter().map(|lock| lock.display().to_string()).collect();
    for lock in &removed {
        ui.say(&format!("{lock} was left by a git of hew's that was killed; it is removed"));
    }
    for (lock, whose) in left {
        ui.warn(&format!(
            "{} is a lock of git's, which may be held by {whose}: git refuses to work while it is there (hew doctor)",
            lock.display()
        ));
    }
    if taken_in > 0 {
        ui.say(&format!(
            "a delivery that was cut off had written {taken_in} files already; it goes on from there"
        ));
    }
    if let Some(why) = not_taken_in {
        ui.warn(&format!(
            "files that a delivery had written before it was cut off may be taken for yours: {why}"
        ));
    }
    Ok(removed)
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
