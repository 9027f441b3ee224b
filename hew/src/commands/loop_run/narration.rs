//! What is told while a run goes: a line an event on stderr, or the events themselves as JSON on stdout.

use hew_core::plan::provenance_line;
use hew_core::record::{JournalEntry, JournalEvent, RunView};
use hew_core::render::narrate::narrate;
use serde_json::{Value, json};

use crate::ui::Ui;

/// Tells of entries as they are written.
pub(super) struct Narration<'a> {
    ui: &'a Ui,
    view: RunView,
}

impl<'a> Narration<'a> {
    pub(super) fn new(ui: &'a Ui) -> Self {
        Self { ui, view: RunView::new() }
    }

    pub(super) fn tell(&mut self, entries: &[JournalEntry]) {
        for entry in entries {
            self.view.apply(entry);
            if self.ui.is_json() {
                self.ui.print_json(&as_json(entry));
            } else if let Some(line) = narrate(&entry.event, &self.view) {
                self.ui.say(&line);
            }
            if let (JournalEvent::Plan { iteration, provenance, .. }, true) =
                (&entry.event, self.ui.is_verbose())
                && let Some(task) = self.view.iterations.get(iteration).and_then(|seen| seen.task.as_ref())
            {
                self.ui.say(&provenance_line(*iteration, task, provenance));
            }
            if let JournalEvent::IterationEnded { iteration, .. } = &entry.event {
                self.view.forget_with_task(*iteration);
            }
        }
    }
}

/// A journal entry with the schema's number; `kind` is the event's own.
fn as_json(entry: &JournalEntry) -> Value {
    let mut value = serde_json::to_value(entry).expect("a journal entry has string keys");
    if let Some(object) = value.as_object_mut() {
        object.insert("schema".to_owned(), json!(1));
    }
    value
}
