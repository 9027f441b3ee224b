//! From a run that is ready to go to its exit code: who listens, the drive, and what is said at its end. A run that was
//! launched and one that is gone on with take the same way.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, unbounded};
use hew_core::engine::effect::RunEnd;
use hew_core::engine::{Event, State};
use hew_core::ids::CommitId;
use hew_core::record::ledger::{LedgerDelivery, LedgerEvent};
use hew_core::record::{JournalEntry, JournalEvent, RunView, StopReason, Store, StoreError};

use super::frozen::OutcomeWatch;
use super::narration::Narration;
use crate::adapters::lock::ProjectLock;
use crate::adapters::recorder::Recorder;
use crate::adapters::store::RunFolder;
use crate::adapters::tracker::{Opened, TrackerWatch};
use crate::adapters::watch::FileWatch;
use crate::adapters::{control, ledger, signals};
use crate::commands::context::Context;
use crate::commands::loop_summary;
use crate::drive::rig::RunPlace;
use crate::drive::{self, Drive, Rig};
use crate::failure::Failure;
use crate::ui::Ui;

/// A run that is ready to go.
pub(super) struct Ready {
    /// The project is this run's.
    pub(super) lock: ProjectLock,
    /// What it works with.
    pub(super) rig: Arc<Rig>,
    /// Its state.
    pub(super) state: State,
    /// The next line of its journal: that it begins, or goes on.
    pub(super) first: JournalEvent,
    /// The fold of what the journal holds already.
    pub(super) view: RunView,
    /// What the ledger is to be told, as far as it is known.
    pub(super) outcome: OutcomeWatch,
}

/// What a run hears from outside, as events.
pub(super) struct Ears {
    sender: Sender<Event>,
    events: Receiver<Event>,
    watch: Option<TrackerWatch>,
}

/// Signals.
pub(super) fn hear_signals() -> Result<Ears, Failure> {
    let (sender, events) = unbounded();
    signals::forward(sender.clone())
        .map_err(|error| Failure::usage("signals can't be watched").because(error))?;
    Ok(Ears { sender, events, watch: None })
}

/// Control socket, stop files and the tracker's folder, too.
pub(super) fn listen(
    ears: Ears,
    context: &Context,
    stop_file: Option<&Path>,
    run_folder: &Path,
    tracker: &Opened,
) -> Result<Ears, Failure> {
    let failed =
        |what: &str, error: std::io::Error| Failure::usage(format!("{what} can't be watched")).because(error);
    let events = &ears.sender;
    control::listen(run_folder, events.clone()).map_err(|error| failed("the control socket", error))?;
    let mut stop_files = vec![run_folder.join(".stop")];
    stop_files.extend(stop_file.map(absolute));
    for file in &stop_files {
        if file.exists() {
            // It counts from the start; whoever listens takes it as the first event.
            let _ = events.send(stop_file_seen(file));
        }
    }
    let watch = FileWatch::new(&stop_files).map_err(|error| failed("the stop file", error))?;
    let seen = move |file: PathBuf| if file.exists() { stop_file_seen(&file) } else { Event::Woke };
    watch.forward(events.clone(), seen).map_err(|error| failed("the stop file", error))?;
    let watch =
        tracker.watch(&context.project, events.clone()).map_err(|error| failed("the tracker", error))?;
    Ok(Ears { watch: Some(watch), ..ears })
}

pub(super) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

fn stop_file_seen(file: &Path) -> Event {
    let detail = file.display().to_string();
    Event::StopRequested { reason: StopReason::StopFile, detail, now: false, signal: None }
}

/// Drives a run to its end. Answers its exit code.
pub(super) fn conduct(context: &Context, ready: Ready, ears: Ears, ui: &Ui) -> Result<u8, Failure> {
    let Ready { lock, rig, state, first, view, outcome } = ready;
    let place = rig.place.clone();
    let mut narration = Narration::start(ui, &place.folder, view.clone())?;
    let Ears { sender, events, watch } = ears;
    drop(sender);
    // Signals are heard until the end is noted: before that none of them may end the process.
    let heard = events.clone();
    let driven = record_and_drive(rig, state, events, (first, view), outcome, &mut narration);
    control::close(&place.folder);
    let noted = driven.and_then(|ended| note_end(context, &place, &ended).map(|()| ended));
    drop((heard, watch));
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

/// What is known of a run once it is over.
struct Ended {
    end: RunEnd,
    outcome: OutcomeWatch,
    /// Files that could not be written; the journal has what is in them.
    unwritten: Vec<StoreError>,
}

fn record_and_drive(
    rig: Arc<Rig>,
    state: State,
    outside: Receiver<Event>,
    (first, view): (JournalEvent, RunView),
    mut outcome: OutcomeWatch,
    narration: &mut Narration,
) -> Result<Ended, Failure> {
    let mut store = RunFolder::open(&rig.place.folder);
    let seq = view.last_seq + 1;
    let recorder = Recorder::start(Box::new(RunFolder::open(&rig.place.folder)), view);
    let now = rig.clock.now();
    let elapsed_ms = u64::try_from(now.elapsed.as_millis()).unwrap_or(u64::MAX);
    let first = [JournalEntry { seq, at: now.wall, elapsed_ms, event: first }];
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
    let drive = Drive { rig, state, store: &mut store, seq, outside, on_record: &mut on_record };
    let end = drive::drive(drive);
    let unwritten = recorder.finish();
    let end = end.map_err(|error| {
        unwritable(error)
            .hint(format!("free some space; what has landed is safe. The journal: {}", folder.display()))
    })?;
    Ok(Ended { end, outcome, unwritten })
}

fn note_end(context: &Context, place: &RunPlace, ended: &Ended) -> Result<(), Failure> {
    let line = ended_line(place.run.clone(), &place.launch, &ended.outcome, ended.end.exit_code);
    ledger::append(&context.project.shared_dir, line).map_err(unwritable)
}

/// What the ledger says of a run that is over.
pub(super) fn ended_line(
    run_id: hew_core::ids::RunId,
    launch: &CommitId,
    outcome: &OutcomeWatch,
    exit_code: u8,
) -> LedgerEvent {
    let OutcomeWatch { tip, stop_reason, delivery, .. } = outcome;
    LedgerEvent::Ended {
        run_id,
        at: chrono::Utc::now(),
        stop_reason: *stop_reason,
        exit_code,
        tip_sha: tip.clone(),
        delivery: if tip == launch { LedgerDelivery::Nothing } else { *delivery },
    }
}

pub(super) fn unwritable(error: StoreError) -> Failure {
    let folder = error.path.parent().unwrap_or(&error.path).display().to_string();
    Failure::usage(format!("{} can't be written", error.path.display()))
        .because(error.reason)
        .hint(format!("check who may write to {folder}"))
}
