//! The files made from the journal, written beside the run: one thread folds what was journalled and writes what changed.
//!
//! Invariants: a file is written after the journal lines that it is made from, a fifth of a second later at most plus the
//! time that writing takes; however many lines wait, each file is written once for all of them; details of an iteration
//! are dropped once its file is written. A file that can't be written is tried again with the next lines and once more at
//! the end.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, unbounded};
use hew_core::ids::IterationId;
use hew_core::record::files::{batch_of_name, iteration_file_name, projections, render};
use hew_core::record::{JournalEntry, RunView, Store, StoreError};

/// How long lines are gathered before the files that they change are written: every file is synced twice (itself and its
/// folder's name for it), and a task has about ten lines.
const GATHERING: Duration = Duration::from_millis(200);

type Batch = Arc<[JournalEntry]>;

/// The thread that writes the files of a run.
#[derive(Debug)]
pub struct Recorder {
    batches: Sender<Batch>,
    thread: JoinHandle<Vec<StoreError>>,
}

impl Recorder {
    /// Starts it; `view` is the fold of what the journal holds already.
    ///
    /// # Panics
    /// If the system has no room for one more thread.
    pub fn start(store: Box<dyn Store>, view: RunView) -> Self {
        let (batches, incoming) = unbounded();
        let thread = thread::Builder::new()
            .name("recorder".to_owned())
            .spawn(move || {
                Writing { store, view, due: BTreeSet::new(), ended: BTreeSet::new() }.run(&incoming)
            })
            .expect("the system has room for a run's threads");
        Self { batches, thread }
    }

    /// Takes in entries that are on disk. Never blocks.
    pub fn record(&self, entries: &[JournalEntry]) {
        // The thread lives until this sender is dropped.
        let _ = self.batches.send(Arc::from(entries));
    }

    /// Waits until every file is written; the answer is those that could not be.
    pub fn finish(self) -> Vec<StoreError> {
        drop(self.batches);
        self.thread.join().unwrap_or_default()
    }
}

struct Writing {
    store: Box<dyn Store>,
    view: RunView,
    due: BTreeSet<String>,
    ended: BTreeSet<IterationId>,
}

impl Writing {
    fn run(mut self, incoming: &Receiver<Batch>) -> Vec<StoreError> {
        while let Ok(first) = incoming.recv() {
            self.fold(&first);
            // The end of the run ends the gathering too.
            let until = Instant::now() + GATHERING;
            while let Ok(batch) = incoming.recv_deadline(until) {
                self.fold(&batch);
            }
            // What fails is still due, and is told at the end if it never works out.
            let _ = self.write();
        }
        self.write()
    }

    fn fold(&mut self, batch: &[JournalEntry]) {
        for entry in batch {
            self.view.apply(entry);
            self.due.extend(projections(&self.view, &entry.event));
            self.ended.extend(self.view.completed_by(&entry.event));
        }
    }

    fn write(&mut self) -> Vec<StoreError> {
        let mut errors = Vec::new();
        for name in std::mem::take(&mut self.due) {
            let Some(content) = render(&self.view, &name) else { continue };
            if let Err(error) = self.store.write(&name, content.as_bytes()) {
                errors.push(error);
                self.due.insert(name);
            } else if let Some(number) = batch_of_name(&name) {
                self.view.forget_batch(number);
            }
        }
        for id in std::mem::take(&mut self.ended) {
            if self.due.contains(&iteration_file_name(self.view.jobs(), id)) {
                self.ended.insert(id);
            } else {
                self.view.forget_with_task(id);
            }
        }
        errors
    }
}
