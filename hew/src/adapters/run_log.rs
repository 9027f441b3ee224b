//! hew.log of a run: what was told, line by line, with stamps. For people; the journal is what counts.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use chrono::{DateTime, SecondsFormat, Utc};
use hew_core::record::StoreError;

use super::files::{open_append, store_error};

/// The log's name in the run folder.
const NAME: &str = "hew.log";

/// A run's log.
#[derive(Debug)]
pub struct RunLog {
    file: File,
}

impl RunLog {
    /// Opens it, and makes it if need be, for this user only.
    pub fn open(run_folder: &Path) -> Result<Self, StoreError> {
        let path = run_folder.join(NAME);
        open_append(&path).map(|file| Self { file }).map_err(|error| store_error(&path, error))
    }

    /// Adds a line that holds no control characters. A line that can't be written is lost: the journal has what it says.
    pub fn add(&mut self, at: DateTime<Utc>, line: &str) {
        let stamp = at.to_rfc3339_opts(SecondsFormat::Millis, true);
        let _ = self.file.write_all(format!("{stamp} {line}\n").as_bytes());
    }
}
