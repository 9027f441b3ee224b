//! Where a run's record goes.

use std::path::PathBuf;

use super::JournalEntry;

/// A record that can't be written or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {reason}")]
pub struct StoreError {
    /// The file.
    pub path: PathBuf,
    /// What went wrong.
    pub reason: String,
}

/// One run's folder.
pub trait Store: Send {
    /// Appends lines to the journal. When it returns, the death of this process can't take them away; if one of them has
    /// to outlive a loss of power ([`JournalEvent::must_outlive_power`](super::JournalEvent::must_outlive_power)), they
    /// and all before them are on disk.
    fn append(&mut self, entries: &[JournalEntry]) -> Result<(), StoreError>;
    /// Writes a file of the run folder (name relative to it) whole: temporary sibling, sync, rename. Makes folders.
    fn write(&mut self, name: &str, content: &[u8]) -> Result<(), StoreError>;
}
