//! What is told while a run goes: a line an event on stderr and in hew.log, or the events themselves
//! as JSON on stdout.

use hew_core::record::{JournalEntry, JournalEvent, RunView};
use hew_core::render::narrate::narrate;
use hew_core::render::text::visible;
use serde_json::{Value, json};

use crate::adapters::run_log::RunLog;
use crate::ui::Ui;

/// Tells of entries as they are written.
pub(super) struct Narration<'a> {
    ui: &'a Ui,
    view: RunView,
    log: RunLog,
}

impl<'a> Narration<'a> {
    pub(super) fn new(ui: &'a Ui, log: RunLog) -> Self {
        Self { ui, view: RunView::new(), log }
    }

    pub(super) fn tell(&mut self, entries: &[JournalEntry]) {
        for entry in entries {
            self.view.apply(entry);
            let line = narrate(&entry.event, &self.view);
            if let Some(line) = &line {
                self.log.add(entry.at, line);
            }
            if self.ui.is_json() {
                self.ui.print_json(&as_json(entry));
            } else if let Some(line) = &line {
                self.ui.say(line);
            }
            if let JournalEvent::Plan { line, .. } = &entry.event {
                self.log.add(entry.at, &visible(line));
                if self.ui.is_verbose() {
                    self.ui.say(line);
                }
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
