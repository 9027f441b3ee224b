//! A run folder in memory.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use hew_core::record::{JournalEntry, Store, StoreError};

/// What a [`FakeStore`] holds.
#[derive(Debug, Default)]
pub struct StoreContent {
    /// The journal.
    pub journal: Vec<JournalEntry>,
    /// Files by name.
    pub files: BTreeMap<String, Vec<u8>>,
    /// How often a file was written, by name.
    pub writes: BTreeMap<String, usize>,
    /// Names that can't be written for now.
    pub broken: Vec<String>,
}

/// A run folder in memory; clones share it.
#[derive(Debug, Clone, Default)]
pub struct FakeStore {
    content: Arc<Mutex<StoreContent>>,
}

impl FakeStore {
    /// What it holds.
    ///
    /// # Panics
    /// If a test panicked while it held this.
    pub fn content(&self) -> MutexGuard<'_, StoreContent> {
        self.content.lock().expect("nobody panics while holding it")
    }
}

impl Store for FakeStore {
    fn append(&mut self, entries: &[JournalEntry]) -> Result<(), StoreError> {
        self.content().journal.extend_from_slice(entries);
        Ok(())
    }

    fn write(&mut self, name: &str, content: &[u8]) -> Result<(), StoreError> {
        let mut held = self.content();
        if held.broken.iter().any(|broken| broken == name) {
            return Err(StoreError { path: PathBuf::from(name), reason: "no space left".to_owned() });
        }
        *held.writes.entry(name.to_owned()).or_default() += 1;
        held.files.insert(name.to_owned(), content.to_vec());
        Ok(())
    }
}
