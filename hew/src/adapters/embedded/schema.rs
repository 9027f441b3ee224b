//! Opening the file: WAL, versions, migrations.
//!
//! Invariants: a file that is not ours, or is newer than we are, is never changed. `application_id` says that the file is
//! hew's, `user_version` which schema it has; both change in the transaction that changes the schema.

use std::path::Path;
use std::time::{Duration, Instant};

use hew_core::tracker::TrackerError;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::trouble::Trouble;

/// How long a call waits for other processes' transactions. Long, because waiting writers are served in no order: on a slow
/// disk one may be passed by many times.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// `hewt` as a number.
const APPLICATION_ID: i64 = 0x6865_7774;

/// One script a version, the first makes version 1. A released script never changes.
const MIGRATIONS: [&str; 1] = [VERSION_1];

/// `record` is the truth. All other columns of `task`, and `edge` and `label`, are derived from it by `row.rs`; `direct`
/// and `blocked` are kept by `blocked.rs`. An edge may lead to a task that does not exist.
const VERSION_1: &str = "
CREATE TABLE task (
  id TEXT PRIMARY KEY NOT NULL,
  status TEXT NOT NULL,
  issue_type TEXT NOT NULL,
  priority INTEGER NOT NULL,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  assignee TEXT,
  defer_until TEXT,
  live INTEGER NOT NULL,
  work INTEGER NOT NULL,
  startable INTEGER NOT NULL,
  parked INTEGER NOT NULL,
  direct INTEGER NOT NULL DEFAULT 0,
  blocked INTEGER NOT NULL DEFAULT 0,
  record TEXT NOT NULL
) STRICT;
CREATE INDEX task_ready ON task (priority, created_at, id) WHERE startable = 1 AND blocked = 0;
CREATE INDEX task_work ON task (priority, created_at, id) WHERE work = 1;
CREATE INDEX task_held ON task (assignee) WHERE status = 'in_progress';
CREATE TABLE edge (
  task TEXT NOT NULL REFERENCES task (id),
  on_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  task_live INTEGER NOT NULL,
  PRIMARY KEY (task, on_id, kind)
) STRICT, WITHOUT ROWID;
CREATE INDEX edge_back ON edge (on_id, kind, task);
CREATE INDEX edge_live_child ON edge (on_id) WHERE kind = 'parent-child' AND task_live = 1;
CREATE TABLE label (
  task TEXT NOT NULL REFERENCES task (id),
  label TEXT NOT NULL,
  PRIMARY KEY (task, label)
) STRICT, WITHOUT ROWID;
CREATE TABLE memory (key TEXT PRIMARY KEY NOT NULL, record TEXT NOT NULL) STRICT;
";

/// The newest schema that this hew knows.
fn known_version() -> i64 {
    i64::try_from(MIGRATIONS.len()).expect("there are few migrations")
}

/// Opens the store, made where there is none, brought to the newest schema.
pub(super) fn open(path: &Path) -> Result<Connection, Trouble> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .map_err(|error| Trouble::Store(format!("its folder can't be made: {error}")))?;
    }
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(BUSY_TIMEOUT)?;
    let version = version_at_once(&mut db, path)?;
    use_wal(&db)?;
    db.execute_batch("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;")?;
    db.set_prepared_statement_cache_capacity(64);
    if version < known_version() {
        migrate(&mut db, path)?;
    }
    Ok(db)
}

/// An empty store that no file holds; `path` stands for it in errors.
pub(super) fn in_memory(path: &Path) -> Result<Connection, Trouble> {
    let mut db = Connection::open_in_memory()?;
    db.execute_batch("PRAGMA foreign_keys = ON;")?;
    migrate(&mut db, path)?;
    Ok(db)
}

/// The version as it is at one moment: between single questions another process may make the schema.
fn version_at_once(db: &mut Connection, path: &Path) -> Result<i64, Trouble> {
    let tx = db.transaction_with_behavior(TransactionBehavior::Deferred)?;
    checked_version(&tx, path)
}

/// The file's schema version, 0 for an empty file; an error for a file of somebody else's or of a newer hew.
fn checked_version(db: &Connection, path: &Path) -> Result<i64, Trouble> {
    let number = |pragma: &str| db.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let (version, application) = (number("user_version")?, number("application_id")?);
    let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))?;
    if application != APPLICATION_ID && (tables > 0 || version > 0) {
        return Err(Trouble::Store("an SQLite file of another program; it was left as it is".to_owned()));
    }
    if version > known_version() {
        let store = path.display().to_string();
        return Err(TrackerError::NewerSchema { store, found: version, known: known_version() }.into());
    }
    Ok(version)
}

/// Going over to WAL needs the file for a moment alone, and `SQLite` does not always wait for that by itself.
fn use_wal(db: &Connection) -> Result<(), Trouble> {
    let start = Instant::now();
    loop {
        let mode = db.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get::<_, String>(0));
        match mode {
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(mode) => return Err(Trouble::Store(format!("journal mode stays {mode:?}, WAL is needed"))),
            Err(error) if is_busy(&error) && start.elapsed() < BUSY_TIMEOUT => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked};
    matches!(error.sqlite_error_code(), Some(DatabaseBusy | DatabaseLocked))
}

fn migrate(db: &mut Connection, path: &Path) -> Result<(), Trouble> {
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Read again under the lock: another process may have been first.
    let version = checked_version(&tx, path)?;
    let done = usize::try_from(version).map_err(|_| Trouble::Store(format!("schema version {version}")))?;
    for script in &MIGRATIONS[done..] {
        tx.execute_batch(script)?;
    }
    tx.pragma_update(None, "application_id", APPLICATION_ID)?;
    tx.pragma_update(None, "user_version", known_version())?;
    Ok(tx.commit()?)
}
