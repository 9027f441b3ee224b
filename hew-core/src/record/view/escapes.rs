//! What changed that agents share with the user: by agents, and by whomever else.

use chrono::{DateTime, Utc};

use super::super::event::JournalEvent;
use crate::escape::{Change, Escape};
use crate::ids::IterationId;

/// Most of each that a view keeps; the rest is only counted.
const MAX_KEPT: usize = 1000;

/// What agents changed, and what somebody else did.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EscapesView {
    /// The first escapes.
    pub escapes: Vec<OfIteration>,
    /// Number of all escapes.
    pub escape_count: u64,
    /// The first foreign changes.
    pub foreign: Vec<ForeignView>,
    /// Number of all foreign changes.
    pub foreign_count: u64,
}

/// An escape, and whose it is.
#[derive(Debug, Clone, PartialEq)]
pub struct OfIteration {
    /// When it was found.
    pub at: DateTime<Utc>,
    /// The iteration; none where it is only known that it was an agent.
    pub iteration: Option<IterationId>,
    /// What it did.
    pub escape: Escape,
}

/// A change that nothing shows to be an agent's.
#[derive(Debug, Clone, PartialEq)]
pub struct ForeignView {
    /// When it was found.
    pub at: DateTime<Utc>,
    /// What changed.
    pub change: Change,
}

impl EscapesView {
    /// What a person should look at: what agents left, each once.
    pub fn left(&self) -> Vec<&OfIteration> {
        let mut left: Vec<&OfIteration> = Vec::new();
        for found in self.escapes.iter().filter(|found| !found.escape.put_back) {
            if left.iter().all(|known| known.escape.change.look() != found.escape.change.look()) {
                left.push(found);
            }
        }
        left
    }

    pub(super) fn take(&mut self, event: &JournalEvent, at: DateTime<Utc>) {
        match event {
            JournalEvent::Escaped { about, escapes, more } => {
                self.escape_count += (escapes.len() + more) as u64;
                let room = MAX_KEPT.saturating_sub(self.escapes.len());
                let kept = escapes.iter().take(room).cloned();
                self.escapes.extend(kept.map(|escape| OfIteration { at, iteration: *about, escape }));
            }
            JournalEvent::ForeignChange { changes, more } => {
                self.foreign_count += (changes.len() + more) as u64;
                let room = MAX_KEPT.saturating_sub(self.foreign.len());
                self.foreign
                    .extend(changes.iter().take(room).cloned().map(|change| ForeignView { at, change }));
            }
            _ => {}
        }
    }
}
