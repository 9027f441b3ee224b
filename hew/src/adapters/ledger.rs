//! The ledger of runs on disk: `<common dir>/hew/runs.jsonl`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use hew_core::record::StoreError;
use hew_core::record::ledger::{LedgerEntry, LedgerEvent, LedgerRun, fold};

use super::fail_point;
use super::files::{create_private_dir, open_append, store_error, sync_dir};
use super::jsonl;
use crate::failure::Failure;

/// Where the ledger of a project is.
pub fn path(shared_dir: &Path) -> PathBuf {
    shared_dir.join("runs.jsonl")
}

/// Adds a line, on disk when it returns. Writers of several processes take turns.
pub fn append(shared_dir: &Path, event: LedgerEvent) -> Result<(), StoreError> {
    let path = path(shared_dir);
    let line = serde_json::to_string(&LedgerEntry::new(event)).map_err(|error| store_error(&path, error))?;
    append_line(&path, &line).map_err(|error| store_error(&path, error))?;
    fail_point::reach("ledger", "");
    Ok(())
}

fn append_line(path: &Path, line: &str) -> io::Result<()> {
    let folder = path.parent().ok_or_else(|| io::Error::other("it has no folder"))?;
    create_private_dir(folder)?;
    let mut ledger = open_append(path)?;
    ledger.lock()?;
    jsonl::cut_torn_line(path, &ledger)?;
    ledger.write_all(format!("{line}\n").as_bytes())?;
    ledger.sync_all()?;
    sync_dir(folder)
}

/// That it can't be read, with the way out: what it says of other runs stays.
pub fn unreadable(error: StoreError) -> Failure {
    let hint = way_out(&error);
    Failure::usage("the ledger of runs can't be read").because(error).hint(hint)
}

/// What a person can do about a ledger that can't be read.
pub fn way_out(error: &StoreError) -> String {
    format!("take that line out of {}, or mend it: it tells of one run", error.path.display())
}

/// All runs of the project that the ledger knows, oldest first, with a warning if its last line is torn.
pub fn read(shared_dir: &Path) -> Result<(Vec<LedgerRun>, Option<String>), StoreError> {
    let (entries, warning) = jsonl::read_all::<LedgerEntry>(&path(shared_dir))?;
    Ok((fold(&entries), warning))
}
