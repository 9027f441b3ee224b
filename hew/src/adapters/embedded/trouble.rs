//! What can go wrong with the store, and how it is told.

use std::path::Path;

use hew_core::tracker::TrackerError;
use rusqlite::ErrorCode;

/// Any failure inside the store, before it is told to a caller.
#[derive(Debug)]
pub(super) enum Trouble {
    /// From `SQLite`.
    Sql(rusqlite::Error),
    /// An answer that callers get as it is.
    Tracker(TrackerError),
    /// Anything else about the store.
    Store(String),
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<TrackerError> for Trouble {
    fn from(error: TrackerError) -> Self {
        Self::Tracker(error)
    }
}

impl Trouble {
    /// The error for callers, naming the file.
    pub(super) fn told(self, path: &Path) -> TrackerError {
        let reason = match self {
            Self::Tracker(error) => return error,
            Self::Store(reason) => reason,
            Self::Sql(error) => sql_reason(&error),
        };
        TrackerError::Store { store: path.display().to_string(), reason }
    }
}

fn sql_reason(error: &rusqlite::Error) -> String {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            format!("locked by another process for more than {} s", super::schema::BUSY_TIMEOUT.as_secs())
        }
        Some(ErrorCode::NotADatabase) => "not an SQLite file; it was left as it is".to_owned(),
        Some(ErrorCode::DatabaseCorrupt) => format!("damaged: {error}"),
        Some(ErrorCode::DiskFull) => "the disk is full; nothing was changed".to_owned(),
        Some(ErrorCode::ReadOnly) => "can't be written".to_owned(),
        Some(ErrorCode::CannotOpen) => "can't be opened".to_owned(),
        _ => error.to_string(),
    }
}
