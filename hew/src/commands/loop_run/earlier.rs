//! Earlier runs of this project that a new one has to know of: undelivered, or crashed.

use std::fmt::Display;
use std::path::Path;

use chrono::Utc;
use hew_core::ids::BranchName;
use hew_core::record::ledger::{self, LedgerEvent, LedgerRun};
use hew_core::tracker::{CloseOutcome, ReleaseOutcome, TaskEditor};
use hew_core::worktree::GitClient;

use super::crashed::{self, Claim, Held};
use crate::adapters::git::RepoGit;
use crate::adapters::ledger as ledger_file;
use crate::adapters::project::Project;
use crate::cli::loop_args::RunArgs;
use crate::commands::task::tracker_failure;
use crate::failure::{Failure, code};
use crate::ui::Ui;

/// Refuses while an earlier run of this target is undelivered, and gives back what earlier runs still hold. The project's
/// lock is ours: none of them lives, and one without an end is a crashed one. Answers all of them.
pub(super) fn settle(
    project: &Project,
    git: &RepoGit,
    target: Option<&BranchName>,
    tracker: &dyn TaskEditor,
    args: &RunArgs,
    ui: &Ui,
) -> Result<Vec<LedgerRun>, Failure> {
    let (runs, warning) = ledger_file::read(&project.shared_dir).map_err(ledger_file::unreadable)?;
    if let Some(warning) = warning {
        ui.warn(&warning);
    }
    if let Some(target) = target {
        let waiting = undelivered(&runs, git, target)?;
        if args.ignore_undelivered {
            waive(project, &waiting, ui)?;
        } else if let Some(run) = waiting.first() {
            return Err(refusal(run, target));
        }
    }
    let claims = crashed::claims(tracker)?;
    for run in &runs {
        settle_claims(project, run, &claims, git, tracker, ui)?;
        if run.ended.is_none() && !run.is_given_up {
            let event = LedgerEvent::GivenUp { run_id: run.run_id.clone(), at: Utc::now() };
            ledger_file::append(&project.shared_dir, event)
                .map_err(|error| Failure::failed("the ledger of runs could not be written").because(error))?;
        }
    }
    Ok(runs)
}

/// All runs, oldest first.
pub(super) fn all(shared_dir: &Path) -> Result<Vec<LedgerRun>, Failure> {
    Ok(ledger_file::read(shared_dir).map_err(ledger_file::unreadable)?.0)
}

/// Runs whose result the target lacks and that a person did not go on without, oldest first.
fn undelivered<'a>(
    runs: &'a [LedgerRun],
    git: &RepoGit,
    target: &BranchName,
) -> Result<Vec<&'a LedgerRun>, Failure> {
    let mut waiting: Vec<&LedgerRun> = ledger::undelivered(runs, target);
    let crashed = runs.iter().filter(|run| run.ended.is_none() && run.target_branch.as_ref() == Some(target));
    waiting.extend(crashed.filter(|run| !run.is_waived && run.delivered.is_none()));
    let mut missing = Vec::new();
    for run in waiting {
        if is_missing(run, git, target)? {
            missing.push(run);
        }
    }
    Ok(missing)
}

/// Runs that have ended with a result that their target lacks, whichever that is.
pub(in crate::commands) fn undelivered_everywhere<'a>(
    runs: &'a [LedgerRun],
    git: &RepoGit,
) -> Result<Vec<&'a LedgerRun>, Failure> {
    let mut missing = Vec::new();
    for run in runs.iter().filter(|run| run.is_undelivered()) {
        if let Some(target) = &run.target_branch
            && is_missing(run, git, target)?
        {
            missing.push(run);
        }
    }
    Ok(missing)
}

fn refusal(run: &LedgerRun, target: &BranchName) -> Failure {
    let id = &run.run_id;
    Failure::with_code(code::PERSON, format!("run {id} landed work that is not on {target} yet"))
        .because(format!("its result is on branch {}", run.run_branch))
        .hint(format!(
            "hew loop deliver --run-id {id}\nor go on without it: hew loop run --ignore-undelivered …"
        ))
}

/// Goes on without these deliveries, now and later; their branches stay.
fn waive(project: &Project, waiting: &[&LedgerRun], ui: &Ui) -> Result<(), Failure> {
    for run in waiting {
        let id = &run.run_id;
        ledger_file::append(&project.shared_dir, LedgerEvent::Waived { run_id: id.clone() })
            .map_err(|error| Failure::failed("the ledger of runs could not be written").because(error))?;
        ui.say(&format!(
            "going on without run {id}; its result stays on branch {} (hew loop deliver --run-id {id})",
            run.run_branch
        ));
    }
    Ok(())
}

/// It landed something that the target lacks, a merge by hand included. A crashed run's branch tells what it landed.
fn is_missing(run: &LedgerRun, git: &RepoGit, target: &BranchName) -> Result<bool, Failure> {
    let resolve = |branch: &BranchName| git.resolve(&branch.to_ref()).map_err(|error| unreadable(run, error));
    let tip = match &run.ended {
        Some(end) => Some(end.tip_sha.clone()),
        None => resolve(&run.run_branch)?,
    };
    let (Some(tip), Some(target)) = (tip, resolve(target)?) else {
        return Ok(false);
    };
    // A commit that git does not find can't be on the target.
    Ok(tip != run.launch_sha && !git.contains_all(&target, &[tip]).unwrap_or(false))
}

/// What an earlier run did can't be told, so nothing may be decided about it.
pub(super) fn unreadable(run: &LedgerRun, error: impl Display) -> Failure {
    Failure::usage(format!("what run {} landed can't be read", run.run_id)).because(error)
}

/// How a run came to hold still what it holds: for people.
pub(super) fn end_word(run: &LedgerRun) -> &'static str {
    if run.ended.is_some() { "could not give it back" } else { "crashed" }
}

/// Gives back what an earlier run still holds; what it had landed is closed, and not done again.
fn settle_claims(
    project: &Project,
    run: &LedgerRun,
    claims: &[Claim],
    git: &RepoGit,
    tracker: &dyn TaskEditor,
    ui: &Ui,
) -> Result<(), Failure> {
    let failed = |error| tracker_failure(&error);
    let (id, did) = (&run.run_id, end_word(run));
    for Held { task, holder, landed, work } in crashed::still_held(project, run, claims, git)? {
        if let Some(commit) = landed {
            let reason = format!("landed {commit}: run {id} could not say so");
            match tracker.close(&task, &reason, &holder).map_err(failed)? {
                CloseOutcome::Closed => {
                    ui.say(&format!(
                        "{task} had been landed by run {id}, which could not say so; it is closed"
                    ));
                }
                CloseOutcome::Refused(why) => {
                    ui.warn(&format!("{task} had been landed as {commit} and can't be closed: {why}"));
                }
                CloseOutcome::AlreadyClosed | CloseOutcome::Missing => {}
            }
            continue;
        }
        if tracker.release(&task, &holder).map_err(failed)? == ReleaseOutcome::Released {
            let work = work.map(|work| format!("; {work}")).unwrap_or_default();
            let note = format!("hew {holder}: the run {did}; the claim was given back{work}");
            tracker.note(&task, &note).map_err(failed)?;
            ui.say(&format!("{task} was still held by run {id}, which {did}; it is open again{work}"));
        }
    }
    Ok(())
}
