//! The files of a run made anew from its journal, where a process that is gone did not come to write them.

use std::fs;
use std::path::Path;

use hew_core::ids::IterationId;
use hew_core::record::files::{MANIFEST, RUN, batch_file_name, iteration_file_name, render};
use hew_core::record::{JournalEntry, JournalEvent, RunView, Store, StoreError};

use super::files::{store_error, sweep_partial};
use super::store::{RunFolder, for_each_entry};

/// Folds a run's journal, hands every entry on, writes each file that is not as the journal has it, and removes what was
/// half-written. The answer is the
/// fold, without the details of what ended, and a warning if the journal's last line is torn.
pub fn rebuild(
    folder: &Path,
    mut take: impl FnMut(&JournalEntry),
) -> Result<(RunView, Option<String>), StoreError> {
    sweep_partial(folder, true).map_err(|error| store_error(folder, error))?;
    let mut files = Files { store: RunFolder::open(folder), view: RunView::new() };
    let mut written = Ok(());
    let warning = for_each_entry(folder, |entry| {
        take(entry);
        if written.is_ok() {
            written = files.apply(entry);
        }
    })?;
    written?;
    files.store.cut_torn_line()?;
    let kept: Vec<IterationId> = files.view.iterations.keys().copied().collect();
    for id in kept {
        files.write(&iteration_file_name(files.view.jobs(), id))?;
    }
    files.write(RUN)?;
    files.write(MANIFEST)?;
    Ok((files.view, warning))
}

struct Files {
    store: RunFolder,
    view: RunView,
}

impl Files {
    fn apply(&mut self, entry: &JournalEntry) -> Result<(), StoreError> {
        self.view.apply(entry);
        // Not before nothing more is to come: a summary that is on disk stays there.
        if let Some(id) = self.view.completed_by(&entry.event) {
            self.write(&iteration_file_name(self.view.jobs(), id))?;
            self.view.forget_with_task(id);
        }
        if let JournalEvent::BatchPlanned { number, .. } = &entry.event {
            self.write(&batch_file_name(*number))?;
            self.view.forget_batch(*number);
        }
        Ok(())
    }

    /// Writes a file, unless it is as it should be.
    fn write(&mut self, name: &str) -> Result<(), StoreError> {
        let Some(content) = render(&self.view, name) else { return Ok(()) };
        let is_right = fs::read(self.store.path().join(name)).is_ok_and(|there| there == content.as_bytes());
        if is_right { Ok(()) } else { self.store.write(name, content.as_bytes()) }
    }
}
