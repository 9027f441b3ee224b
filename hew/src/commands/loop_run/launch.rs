//! Launching: lock, run folder, ledger, run branch; then the drive, and what is said at its end.

use std::path::Path;
use std::sync::Arc;

use hew_core::engine::State;
use hew_core::ids::RunId;
use hew_core::prompt::PromptPrefix;
use hew_core::record::ledger::LedgerEvent;
use hew_core::record::{RunView, StoreError};
use hew_core::settings::Settings;
use hew_core::tracker::TaskEditor;
use hew_core::worktree::{BranchCreation, GitClient, names};

use super::conduct::{Ready, conduct, hear_signals, listen, unwritable};
use super::cut_off;
use super::earlier;
use super::flags::{self, OwnFlags};
use super::frozen;
use super::old_refs;
use super::preflight::Checked;
use crate::adapters::lock::{LockError, ProjectLock};
use crate::adapters::owner::{self, Owner};
use crate::adapters::store::RunFolder;
use crate::adapters::tracker::Opened;
use crate::adapters::{ledger, proc_tree};
use crate::cli::loop_args::RunArgs;
use crate::commands::context::Context;
use crate::commands::task::tracker_failure;
use crate::drive::Rig;
use crate::drive::rig::RunPlace;
use crate::failure::{Failure, code};
use crate::skills;
use crate::ui::Ui;

/// Launches a run and drives it to its end. Answers its exit code.
pub(super) fn launch(
    context: &Context,
    args: &RunArgs,
    tracker: &Opened,
    checked: &Checked,
    ui: &Ui,
) -> Result<u8, Failure> {
    if flags::has_idle_verify_command(args, &context.settings) {
        ui.warn("--verify-command is of no use without --verify-tests");
    }
    for warning in &checked.warnings {
        ui.warn(warning);
    }
    let run = new_run_id()?;
    let lock = ProjectLock::acquire(&context.project.shared_dir, &run).map_err(held)?;
    cut_off::mend(&checked.git, ui)?;
    let target = checked.target.as_ref();
    let runs = earlier::settle(&context.project, &checked.git, target, &*tracker.tasks, args, ui)?;
    if let Some(target) = target {
        let keep_days = context.settings.keep_refs_days.value;
        if let Err(error) = old_refs::remove(&checked.git, &runs, target, keep_days, chrono::Utc::now()) {
            ui.warn(&format!("refs of earlier runs could not be removed: {error}"));
        }
    }
    let prefix = prefix(&*tracker.tasks, &context.settings)?;
    let flags = OwnFlags::of(args);
    // Heard before there is anything of the run: what comes from here on ends it as a run, with its record.
    let ears = hear_signals()?;
    let place = take_place(context, &flags, checked, run)?;
    let ears = listen(ears, context, flags.stop_file.as_deref(), &place.folder, tracker)?;
    let state = State::new(frozen::run_config(&context.settings, &flags, &checked.scope, &place));
    let first = frozen::run_started(context, &flags, checked, &place, tracker.in_use.clone());
    let wants_delivery = context.settings.deliver.value && place.target.is_some();
    let outcome = frozen::OutcomeWatch::new(place.launch.clone(), wants_delivery);
    let rig = Rig {
        model: flags.model.clone(),
        beads_dir: tracker.beads_dir(),
        ..Rig::new(context, Arc::clone(&tracker.tasks), place, prefix)
    };
    let ready = Ready { lock, rig: Arc::new(rig), state, first, view: RunView::new(), outcome };
    conduct(context, ready, ears, ui)
}

/// What every prompt of the run begins with.
pub(super) fn prefix(tracker: &dyn TaskEditor, settings: &Settings) -> Result<PromptPrefix, Failure> {
    let memories = tracker.memories().map_err(|error| tracker_failure(&error))?;
    let is_parallel = settings.jobs.value > 1;
    Ok(PromptPrefix::new(skills::body(skills::EXECUTE), skills::body(skills::PRIMER), &memories, is_parallel))
}

fn new_run_id() -> Result<RunId, Failure> {
    let random = getrandom::u32()
        .map_err(|error| Failure::usage("the system gives no random numbers").because(error))?;
    Ok(RunId::of_launch(chrono::Utc::now(), random))
}

/// Somebody holds the project.
pub(super) fn held(error: LockError) -> Failure {
    let words = error.to_string();
    match error {
        LockError::Held { run_id, .. } => Failure::with_code(code::HELD, words).hint(format!(
            "hew loop status --run-id {run_id}\nor stop it: hew loop cancel --run-id {run_id}"
        )),
        LockError::File(error) => unwritable(error),
    }
}

/// When this process began, in clock ticks since boot.
pub(super) fn own_start() -> u64 {
    proc_tree::stat(std::process::id()).map_or(0, |stat| stat.start_ticks)
}

/// Makes the run's place: folder, ledger line, owner of the worktrees, run branch.
fn take_place(
    context: &Context,
    flags: &OwnFlags,
    checked: &Checked,
    run: RunId,
) -> Result<RunPlace, Failure> {
    let project = &context.project;
    // The worktrees' root may be anywhere: it is tried first, so that a refusal leaves no run behind.
    let start_ticks = own_start();
    let worktrees = checked.worktree_root.join(run.as_str());
    own_worktrees(context, &worktrees, &run, start_ticks)?;
    let folder = RunFolder::create(&project.state_dir, &run).map_err(|error| {
        owner::forget(&worktrees);
        unwritable(error)
    })?;
    let place = RunPlace {
        jobs: context.settings.jobs.value,
        folder: folder.path().to_owned(),
        worktree_root: checked.worktree_root.clone(),
        launch: checked.launch.clone(),
        run_branch: names::run_branch(&context.settings.branch_prefix.value, &run),
        target: checked.target.clone(),
        gate: checked.gate.clone(),
        keep_worktrees: flags.keep_worktrees,
        run,
    };
    ledger::append(&project.shared_dir, launched(context, checked, &place, start_ticks))
        .map_err(unwritable)?;
    make_run_branch(checked, &place)?;
    Ok(place)
}

/// Says whose the run's worktrees are.
pub(super) fn own_worktrees(
    context: &Context,
    folder: &Path,
    run: &RunId,
    start_ticks: u64,
) -> Result<(), Failure> {
    let project = &context.project;
    let owner = Owner {
        schema_version: 1,
        run_id: run.clone(),
        project: project.root.display().to_string(),
        common_dir: project.common_dir.display().to_string(),
        pid: std::process::id(),
        start_ticks,
    };
    owner::write(folder, &owner)
        .map_err(|error| unwritable(StoreError { path: folder.to_owned(), reason: error.to_string() }))
}

fn launched(context: &Context, checked: &Checked, place: &RunPlace, start_ticks: u64) -> LedgerEvent {
    LedgerEvent::Launched {
        run_id: place.run.clone(),
        at: chrono::Utc::now(),
        project: context.project.root.display().to_string(),
        state_dir: context.project.state_dir.display().to_string(),
        target_branch: place.target.clone(),
        launch_sha: checked.launch.clone(),
        run_branch: place.run_branch.clone(),
        pid: std::process::id(),
        start_ticks,
    }
}

fn make_run_branch(checked: &Checked, place: &RunPlace) -> Result<(), Failure> {
    let branch = &place.run_branch;
    let made = checked.git.create_branch(branch, &checked.launch);
    match made.map_err(|error| Failure::usage(format!("branch {branch} can't be made")).because(error))? {
        BranchCreation::Created => Ok(()),
        BranchCreation::Exists(_) => {
            Err(Failure::usage(format!("branch {branch} exists already"))
                .hint(format!("git branch -D {branch}")))
        }
        BranchCreation::Obstructed(other) => {
            Err(Failure::usage(format!("branch {other} stands in the way of {branch}"))
                .hint(format!("git branch -m {other} {other}-old")))
        }
    }
}
