//! `hew loop deliver`: brings an undelivered run's branch to its target. Safe to call again.

use std::path::Path;

use chrono::Utc;
use hew_core::ids::{BranchName, CommitId, RunId};
use hew_core::land::gate_detect::GateCommand;
use hew_core::output::Output;
use hew_core::prompt::PromptPrefix;
use hew_core::record::event::{DeliveryRecord, VerifyOutcome};
use hew_core::record::files::JOURNAL;
use hew_core::record::ledger::{LedgerEvent, LedgerRun};
use hew_core::record::view::{RunHeader, RunView, VerifyView};
use hew_core::render::text::visible;
use hew_core::worktree::{GitClient, GitError};
use schemars::JsonSchema;
use serde::Serialize;

use super::context::Context;
use super::loop_run::{cut_off, find_gate};
use super::trust;
use crate::adapters::git::RepoGit;
use crate::adapters::lock::{LockError, ProjectLock};
use crate::adapters::project::Project;
use crate::adapters::{ledger, settings_files, store};
use crate::cli::loop_args::RunSelection;
use crate::drive::rig::RunPlace;
use crate::drive::{self, Rig};
use crate::failure::{Failure, code};
use crate::ui::Ui;

/// A run whose result its target has now.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Delivered<'a> {
    /// The run.
    run_id: &'a RunId,
    /// The branch.
    target: &'a str,
    /// Where it is now.
    sha: &'a CommitId,
    /// It had it before, and nothing was changed.
    already: bool,
    /// What all tests showed at the run's end; null where they were not wanted.
    verify_outcome: Option<&'a VerifyOutcome>,
}

impl Output for Delivered<'_> {
    const KIND: &'static str = "delivery";
}

/// Delivers one run.
pub fn run(args: &RunSelection, ui: &Ui) -> Result<u8, Failure> {
    let context = Context::open()?;
    trust::require(&context, ui)?;
    let run = select(&context, args.run_id.as_deref())?;
    let _lock =
        ProjectLock::acquire(&context.project.shared_dir, &run.run_id).map_err(|error| held(&error))?;
    let git = RepoGit::new(&context.project.common_dir);
    cut_off::mend(&git, ui)?;
    let tip = tip_of(&context, &run)?;
    if tip == run.launch_sha {
        return Err(Failure::failed(format!(
            "run {} landed nothing: there is nothing to deliver",
            run.run_id
        ))
        .hint(format!("hew loop summary --run-id {}", run.run_id)));
    }
    let record = record(&context.project, &run)?;
    let header = record.as_ref().and_then(|view| view.header.as_ref());
    let verify = record.as_ref().and_then(|view| view.verify.clone());
    if let Some((target, at)) = has_it(&context, &run, &tip)? {
        // Whoever brought it there, nobody waits for it any more: what looks at runs asks the ledger, not git.
        if !run.is_delivered() {
            note(&context, &run, &target, &at)?;
        }
        tell(ui, &run.run_id, &Told { target: target.as_str(), sha: &at, already: true }, verify.as_ref());
        return Ok(code::OK);
    }
    if let (Some(target), Some(_)) = (&run.target_branch, &run.ended) {
        cut_off::take_back_merge(&git, &run.run_id, &run.run_branch, target, &tip, ui)?;
    }
    let rig = Rig::new(
        &context,
        context.open_tracker()?,
        place(&context, &run, header),
        PromptPrefix::new("", "", &[], false),
    );
    if let Some(red) = verify.as_ref().and_then(|seen| seen.outcome.why_red(&seen.failed_tests)) {
        ui.warn(&format!("the verification of run {} failed: {red}", run.run_id));
    }
    if let Some(VerifyOutcome::Skipped { reason }) = verify.as_ref().map(|seen| &seen.outcome) {
        ui.warn(&format!("the result of run {} is not verified: {reason}", run.run_id));
    }
    let kept = |path: &Path, why: &str| ui.warn(&format!("{} is kept: {why}", path.display()));
    let delivered = drive::deliver_once(&rig, &tip, kept).map_err(|error| {
        Failure::with_code(code::PERSON, format!("run {} could not be delivered", run.run_id)).because(error)
    })?;
    if let Some(change) = &delivered.meddled {
        ui.warn(&format!(
            "{}: it was put back, and what it held is kept ({})",
            change.words(),
            change.look()
        ));
    }
    let shared = &context.project.shared_dir;
    match delivered.outcome {
        DeliveryRecord::Delivered { target, sha } => {
            note(&context, &run, &target, &sha)?;
            let told = Told { target: target.as_str(), sha: &sha, already: false };
            tell(ui, &run.run_id, &told, verify.as_ref());
            Ok(code::OK)
        }
        DeliveryRecord::NotWanted { reason } => Err(Failure::failed(reason)),
        DeliveryRecord::Refused { reason, remedy, new_tip, .. } => {
            if let Some(tip_sha) = new_tip {
                let event = LedgerEvent::TargetMerged { run_id: run.run_id.clone(), tip_sha };
                if let Err(error) = ledger::append(shared, event) {
                    ui.warn(&format!(
                        "the ledger could not be written, so the merge will be made again: {error}"
                    ));
                }
            }
            Err(Failure::with_code(
                code::PERSON,
                format!("run {} is not delivered; nothing of yours was touched", run.run_id),
            )
            .because(reason)
            .hint(remedy))
        }
    }
}

/// What the run's journal says: its gate, and what all tests showed at its end, on which whoever delivers now has decided.
/// None where its folder is gone. By a journal that can't be read nothing is delivered.
fn record(project: &Project, run: &LedgerRun) -> Result<Option<RunView>, Failure> {
    let folder = store::run_dir(&project.state_dir, &run.run_id);
    if !folder.join(JOURNAL).exists() {
        return Ok(None);
    }
    let (mut view, _) = store::fold(&folder, false).map_err(|error| {
        Failure::usage(format!("run {} can't be delivered: its journal can't be read", run.run_id))
            .because(error)
            .hint(format!("mend it, or merge it yourself: git merge {}", run.run_branch))
    })?;
    // The project's lock is held here, so that the run is over.
    view.cut_off();
    Ok(Some(view))
}

/// Where the target is that has this already.
fn has_it(
    context: &Context,
    run: &LedgerRun,
    tip: &CommitId,
) -> Result<Option<(BranchName, CommitId)>, Failure> {
    let Some(target) = &run.target_branch else { return Ok(None) };
    let git = RepoGit::new(&context.project.common_dir);
    let look = || -> Result<Option<CommitId>, GitError> {
        let Some(at) = git.resolve(&target.to_ref())? else { return Ok(None) };
        Ok(git.contains_all(&at, std::slice::from_ref(tip))?.then_some(at))
    };
    let found =
        look().map_err(|error| Failure::failed(format!("{target} can't be looked at")).because(error))?;
    Ok(found.map(|at| (target.clone(), at)))
}

fn note(context: &Context, run: &LedgerRun, target: &BranchName, sha: &CommitId) -> Result<(), Failure> {
    let event = LedgerEvent::Delivered {
        run_id: run.run_id.clone(),
        at: Utc::now(),
        target: target.clone(),
        sha: sha.clone(),
    };
    ledger::append(&context.project.shared_dir, event).map_err(|error| {
        Failure::failed(format!("{target} is at {sha}, but the ledger could not be written")).because(error)
    })
}

/// What is said of a target that has the result.
struct Told<'a> {
    target: &'a str,
    sha: &'a CommitId,
    already: bool,
}

fn tell(ui: &Ui, run: &RunId, told: &Told<'_>, verify: Option<&VerifyView>) {
    let Told { target, sha, already } = *told;
    let shown = visible(target);
    if ui.is_json() {
        let verify_outcome = verify.map(|seen| &seen.outcome);
        ui.print_output(&Delivered { run_id: run, target, sha, already, verify_outcome });
    } else if already {
        ui.print(&format!("run {run} is already delivered: {shown}, at {}, has it\n", sha.short()));
    } else {
        ui.print(&format!("{shown} is at {} now: run {run} is delivered\n", sha.short()));
    }
}

fn held(error: &LockError) -> Failure {
    Failure::with_code(code::HELD, error.to_string()).hint("wait for it, or stop it: hew loop cancel")
}

/// The run that is meant: by id, else the newest undelivered one, else the newest.
fn select(context: &Context, wanted: Option<&str>) -> Result<LedgerRun, Failure> {
    let (runs, _) = ledger::read(&context.project.shared_dir).map_err(ledger::unreadable)?;
    let found = match wanted {
        Some(id) => runs.iter().find(|run| run.run_id.as_str() == id),
        None => runs.iter().rev().find(|run| run.is_undelivered()).or(runs.last()),
    };
    found.cloned().ok_or_else(|| match wanted {
        Some(id) => Failure::failed(format!("no run {id} in this project")).hint("hew loop list"),
        None => Failure::failed("no run in this project yet").hint("hew loop run --scope ready"),
    })
}

fn tip_of(context: &Context, run: &LedgerRun) -> Result<CommitId, Failure> {
    // The ledger knows where the branch was when the run ended; a crashed run's branch is asked.
    if let Some(end) = &run.ended {
        return Ok(end.tip_sha.clone());
    }
    let git = RepoGit::new(&context.project.common_dir);
    let found = git.resolve(&run.run_branch.to_ref());
    found.ok().flatten().ok_or_else(|| {
        Failure::failed(format!("branch {} is gone", run.run_branch)).hint("git for-each-ref refs/hew")
    })
}

fn place(context: &Context, run: &LedgerRun, header: Option<&RunHeader>) -> RunPlace {
    RunPlace {
        run: run.run_id.clone(),
        jobs: 0,
        folder: store::run_dir(&context.project.state_dir, &run.run_id),
        worktree_root: settings_files::worktree_root(&context.settings),
        launch: run.launch_sha.clone(),
        run_branch: run.run_branch.clone(),
        target: run.target_branch.clone(),
        gate: frozen_gate(context, run, header),
        keep_worktrees: false,
    }
}

/// The gate that the run had; where its folder is gone, the one that would be found now.
fn frozen_gate(context: &Context, run: &LedgerRun, header: Option<&RunHeader>) -> Option<GateCommand> {
    match header {
        Some(header) => header.gate.as_ref().map(|command| GateCommand {
            command: command.clone(),
            definition_files: Vec::new(),
            why: format!("as in run {}", run.run_id),
        }),
        None => find_gate(false, &context.settings, &context.project.root),
    }
}
