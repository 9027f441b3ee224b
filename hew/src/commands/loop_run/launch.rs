//! Launching: lock, run folder, ledger, run branch; then the drive, and what is said at its end.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, unbounded};
use hew_core::engine::effect::RunEnd;
use hew_core::engine::{Event, State};
use hew_core::ids::{CommitId, RunId};
use hew_core::prompt::PromptPrefix;
use hew_core::record::ledger::{LedgerDelivery, LedgerEvent};
use hew_core::record::{JournalEntry, JournalEvent, RunView, StopReason, Store, StoreError};
use hew_core::worktree::{BranchCreation, GitClient, names};

use super::earlier;
use super::flags;
use super::frozen;
use super::narration::Narration;
use super::old_refs;
use super::preflight::Checked;
use crate::adapters::lock::{LockError, ProjectLock};
use crate::adapters::owner::{self, Owner};
use crate::adapters::recorder::Recorder;
use crate::adapters::run_log::RunLog;
use crate::adapters::store::RunFolder;
use crate::adapters::tracker::{Opened, TrackerWatch};
use crate::adapters::watch::FileWatch;
use crate::adapters::{control, ledger, proc_tree, signals};
use crate::cli::loop_args::RunArgs;
use crate::commands::context::Context;
use crate::commands::loop_summary;
use crate::commands::task::tracker_failure;
use crate::drive::rig::RunPlace;
use crate::drive::{self, Drive, Rig};
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
    let run = new_run_id()?;
    let lock = ProjectLock::acquire(&context.project.shared_dir, &run).map_err(held)?;
    let target = checked.target.as_ref();
    let runs = earlier::settle(&context.project, &checked.git, target, &*tracker.tasks, args, ui)?;
    if let Some(target) = target {
        let keep_days = context.settings.keep_refs_days.value;
        if let Err(error) = old_refs::remove(&checked.git, &runs, target, keep_days, chrono::Utc::now()) {
            ui.warn(&format!("refs of earlier runs could not be removed: {error}"));
        }
    }
    let memories = tracker.tasks.memories().map_err(|error| tracker_failure(&error))?;
    let prefix = PromptPrefix::new(
        skills::body(skills::EXECUTE),
        skills::PRIMER,
        &memories,
        context.settings.jobs.value > 1,
    );
    let (events_in, outside) = unbounded();
    // Heard before there is anything of the run: what comes from here on ends it as a run, with its record.
    signals::forward(events_in.clone())
        .map_err(|error| Failure::usage("signals can't be watched").because(error))?;
    let place = take_place(context, args, checked, run)?;
    let _watch = listen(context, args, &place, tracker, &events_in)?;
    let state = State::new(frozen::run_config(context, args, checked, &place));
    let first = frozen::run_started(context, args, checked, &place, tracker.in_use.clone());
    let rig = Rig {
        model: flags::model(args),
        beads_dir: tracker.beads_dir(),
        ..Rig::new(context, Arc::clone(&tracker.tasks), place.clone(), prefix)
    };
    let rig = Arc::new(rig);
    let log = RunLog::open(&place.folder).map_err(unwritable)?;
    let mut narration = Narration::start(ui, &place.folder, log)
        .map_err(|error| Failure::usage("what happens can't be told").because(error))?;
    // Signals are heard until the end is noted: before that none of them may end the process.
    let heard = outside.clone();
    let driven = record_and_drive(rig, state, outside, first, &mut narration);
    control::close(&place.folder);
    let noted = driven.and_then(|ended| note_end(context, &place, &ended, &checked.launch).map(|()| ended));
    drop(heard);
    // From here on only printing is left, and that may take as long as nobody reads.
    drop(lock);
    narration.finish();
    let ended = noted?;
    for error in &ended.unwritten {
        ui.warn(&format!("{error} (the journal has it all)"));
    }
    loop_summary::show_after_run(&place.folder, ui)?;
    Ok(ended.end.exit_code)
}

fn new_run_id() -> Result<RunId, Failure> {
    let random = getrandom::u32()
        .map_err(|error| Failure::usage("the system gives no random numbers").because(error))?;
    Ok(RunId::of_launch(chrono::Utc::now(), random))
}

fn held(error: LockError) -> Failure {
    let words = error.to_string();
    match error {
        LockError::Held { run_id, .. } => Failure::with_code(code::HELD, words).hint(format!(
            "hew loop status --run-id {run_id}\nor stop it: hew loop cancel --run-id {run_id}"
        )),
        LockError::File(error) => unwritable(error),
    }
}

fn unwritable(error: StoreError) -> Failure {
    let folder = error.path.parent().unwrap_or(&error.path).display().to_string();
    Failure::usage(format!("{} can't be written", error.path.display()))
        .because(error.reason)
        .hint(format!("check who may write to {folder}"))
}

/// Makes the run's place: folder, ledger line, owner of the worktrees, run branch.
fn take_place(context: &Context, args: &RunArgs, checked: &Checked, run: RunId) -> Result<RunPlace, Failure> {
    let project = &context.project;
    // The worktrees' root may be anywhere: it is tried first, so that a refusal leaves no run behind.
    let start_ticks = proc_tree::stat(std::process::id()).map_or(0, |stat| stat.start_ticks);
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
        keep_worktrees: args.keep_worktrees,
        run,
    };
    ledger::append(&project.shared_dir, launched(context, checked, &place, start_ticks))
        .map_err(unwritable)?;
    make_run_branch(checked, &place)?;
    Ok(place)
}

/// Says whose the run's worktrees are.
fn own_worktrees(context: &Context, folder: &Path, run: &RunId, start_ticks: u64) -> Result<(), Failure> {
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

/// Control socket, stop files and the tracker's folder, all as events.
fn listen(
    context: &Context,
    args: &RunArgs,
    place: &RunPlace,
    tracker: &Opened,
    events: &Sender<Event>,
) -> Result<TrackerWatch, Failure> {
    let failed =
        |what: &str, error: std::io::Error| Failure::usage(format!("{what} can't be watched")).because(error);
    control::listen(&place.folder, events.clone()).map_err(|error| failed("the control socket", error))?;
    let mut stop_files = vec![place.folder.join(".stop")];
    stop_files.extend(args.stop_file.as_deref().map(absolute));
    for file in &stop_files {
        if file.exists() {
            // It counts from the start; whoever listens takes it as the first event.
            let _ = events.send(stop_file_seen(file));
        }
    }
    let watch = FileWatch::new(&stop_files).map_err(|error| failed("the stop file", error))?;
    let seen = move |file: PathBuf| if file.exists() { stop_file_seen(&file) } else { Event::Woke };
    watch.forward(events.clone(), seen).map_err(|error| failed("the stop file", error))?;
    tracker.watch(&context.project, events.clone()).map_err(|error| failed("the tracker", error))
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

fn stop_file_seen(file: &Path) -> Event {
    let detail = file.display().to_string();
    Event::StopRequested { reason: StopReason::StopFile, detail, now: false, signal: None }
}

/// What is known of a run once it is over.
struct Ended {
    end: RunEnd,
    stop_reason: StopReason,
    tip: CommitId,
    delivery: LedgerDelivery,
    /// Files that could not be written; the journal has what is in them.
    unwritten: Vec<StoreError>,
}

fn record_and_drive(
    rig: Arc<Rig>,
    state: State,
    outside: Receiver<Event>,
    first: JournalEvent,
    narration: &mut Narration,
) -> Result<Ended, Failure> {
    let mut store = RunFolder::open(&rig.place.folder);
    let recorder = Recorder::start(Box::new(RunFolder::open(&rig.place.folder)), RunView::new());
    let wants_delivery = rig.settings.deliver.value && rig.place.target.is_some();
    let mut outcome = frozen::OutcomeWatch::new(state.tip().clone(), wants_delivery);
    let now = rig.clock.now();
    let first = [JournalEntry { seq: 1, at: now.wall, elapsed_ms: 0, event: first }];
    let mut on_record = |entries: &[JournalEntry]| {
        recorder.record(entries);
        narration.tell(entries);
        for entry in entries {
            outcome.see(&entry.event);
        }
    };
    store.append(&first).map_err(unwritable)?;
    on_record(&first);
    let folder = rig.place.folder.clone();
    let drive = Drive { rig, state, store: &mut store, seq: 1, outside, on_record: &mut on_record };
    let end = drive::drive(drive);
    let unwritten = recorder.finish();
    let end = end.map_err(|error| {
        unwritable(error)
            .hint(format!("free some space; what has landed is safe. The journal: {}", folder.display()))
    })?;
    let frozen::OutcomeWatch { tip, stop_reason, delivery, .. } = outcome;
    Ok(Ended { end, stop_reason, tip, delivery, unwritten })
}

fn note_end(context: &Context, place: &RunPlace, ended: &Ended, launch: &CommitId) -> Result<(), Failure> {
    let delivery = if ended.tip == *launch { LedgerDelivery::Nothing } else { ended.delivery };
    let line = LedgerEvent::Ended {
        run_id: place.run.clone(),
        at: chrono::Utc::now(),
        stop_reason: ended.stop_reason,
        exit_code: ended.end.exit_code,
        tip_sha: ended.tip.clone(),
        delivery,
    };
    ledger::append(&context.project.shared_dir, line).map_err(unwritable)
}
