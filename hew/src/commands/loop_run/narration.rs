//! What is told while a run goes: a line an event in hew.log, and whatever [`Telling`] prints.

use std::path::Path;

use hew_core::record::{JournalEntry, JournalEvent, RunView};
use hew_core::render::narrate::narrate;
use hew_core::render::text::visible;

use super::conduct::unwritable;
use crate::adapters::run_log::RunLog;
use crate::commands::telling::Telling;
use crate::failure::Failure;
use crate::ui::Ui;

/// Tells of entries as they are written.
pub(super) struct Narration {
    view: RunView,
    log: RunLog,
    telling: Telling,
}

impl Narration {
    /// `view` is the fold of what the journal holds already, which is not told again.
    pub(super) fn start(ui: &Ui, run: &Path, view: RunView) -> Result<Self, Failure> {
        let log = RunLog::open(run).map_err(unwritable)?;
        let telling = Telling::start(ui, run, view.last_seq)
            .map_err(|error| Failure::usage("what happens can't be told").because(error))?;
        Ok(Self { view, log, telling })
    }

    /// Takes in entries that are on disk. Never waits for who reads what is printed.
    pub(super) fn tell(&mut self, entries: &[JournalEntry]) {
        self.telling.more();
        for entry in entries {
            self.view.apply(entry);
            if let Some(line) = narrate(&entry.event, &self.view) {
                self.log.add(entry.at, &line);
            }
            if let JournalEvent::Plan { line, .. } = &entry.event {
                self.log.add(entry.at, &visible(line));
            }
            if let Some(id) = self.view.completed_by(&entry.event) {
                self.view.forget_with_task(id);
            }
        }
    }

    /// Waits until all is told.
    pub(super) fn finish(self) {
        self.telling.finish();
    }
}
