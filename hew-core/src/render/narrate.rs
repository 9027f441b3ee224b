//! One plain line an event, for a run that is being watched.

use crate::record::{JournalEvent, RunView};

/// The line for an event; none for events that only matter to programs.
pub fn narrate(event: &JournalEvent, _view: &RunView) -> Option<String> {
    serde_json::to_string(event).ok()
}
