//! The embedded tracker: one `SQLite` file that every process of the project opens.
//!
//! Invariants: a task's record is the truth and every other column is derived from it; each change is one transaction that
//! takes the write lock at its beginning and is on disk when the call returns; what a change means is decided by
//! `hew_core::tracker::edit`, so that this store and every other agree.
//!
//! | file | holds |
//! | --- | --- |
//! | `schema` | opening, versions, migrations |
//! | `row` | from a task to its row, edges and labels |
//! | `blocked` | who is held up, kept up to date by each change |
//! | `queries` | questions |
//! | `new_id` | names for new tasks |
//! | `client`, `editor` | the two traits |

mod blocked;
mod client;
mod editor;
mod new_id;
mod queries;
mod row;
mod schema;
mod trouble;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use hew_core::clock::Clock;
use hew_core::ids::TaskId;
use hew_core::tracker::{Task, TrackerError};
use rusqlite::{Connection, Transaction, TransactionBehavior};

use self::blocked::Touched;
use self::new_id::LastChild;
use self::trouble::Trouble;

/// A handle on the store. Calls from several threads take turns.
pub struct EmbeddedTracker {
    path: PathBuf,
    id_prefix: String,
    clock: Arc<dyn Clock>,
    db: Mutex<Connection>,
}

impl fmt::Debug for EmbeddedTracker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedTracker").field("path", &self.path).finish_non_exhaustive()
    }
}

impl EmbeddedTracker {
    /// Opens the store at `path`, made with its folder where there is none. New tasks are named `<id_prefix>-…`.
    ///
    /// # Errors
    /// [`TrackerError::Store`] for a file that can't be opened, is damaged, locked or not hew's (it is left as it is);
    /// [`TrackerError::NewerSchema`] for one that a newer hew wrote.
    pub fn open(path: &Path, id_prefix: &str, clock: Arc<dyn Clock>) -> Result<Self, TrackerError> {
        let db = schema::open(path).map_err(|trouble| trouble.told(path))?;
        Ok(Self { path: path.to_owned(), id_prefix: id_prefix.to_owned(), clock, db: Mutex::new(db) })
    }

    /// An empty store in memory, in place of the one that is not at `path`.
    ///
    /// # Errors
    /// [`TrackerError::Store`] where there is no memory for it.
    pub fn empty(path: &Path, id_prefix: &str, clock: Arc<dyn Clock>) -> Result<Self, TrackerError> {
        let db = schema::in_memory(path).map_err(|trouble| trouble.told(path))?;
        Ok(Self { path: path.to_owned(), id_prefix: id_prefix.to_owned(), clock, db: Mutex::new(db) })
    }

    /// The folder in which files change whenever a task does.
    pub fn watch_dir(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("."))
    }

    fn now(&self) -> DateTime<Utc> {
        self.clock.now().wall
    }

    /// A panic of another thread can't leave a change half done: the transaction is rolled back when it is dropped.
    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.db.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks; sees what was written last, by whomever.
    fn read<T>(&self, ask: impl FnOnce(&Connection) -> Result<T, Trouble>) -> Result<T, TrackerError> {
        let mut db = self.lock();
        let answer = || {
            let tx = db.transaction_with_behavior(TransactionBehavior::Deferred)?;
            ask(&tx)
        };
        answer().map_err(|trouble| trouble.told(&self.path))
    }

    /// Changes; all of it or nothing.
    fn write<T>(
        &self,
        change: impl FnOnce(&mut Change<'_>) -> Result<T, Trouble>,
    ) -> Result<T, TrackerError> {
        let mut db = self.lock();
        let answer = || {
            let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let mut open =
                Change { tx, now: self.now(), touched: Touched::default(), last_child: LastChild::new() };
            let answer = change(&mut open)?;
            open.touched.settle(&open.tx)?;
            open.tx.commit()?;
            Ok(answer)
        };
        answer().map_err(|trouble: Trouble| trouble.told(&self.path))
    }
}

/// An open transaction.
struct Change<'db> {
    tx: Transaction<'db>,
    now: DateTime<Utc>,
    touched: Touched,
    last_child: LastChild,
}

impl Change<'_> {
    fn load(&self, id: &TaskId) -> Result<Option<Task>, Trouble> {
        row::load(&self.tx, id)
    }

    fn load_existing(&self, id: &TaskId) -> Result<Task, Trouble> {
        self.load(id)?.ok_or_else(|| TrackerError::Missing(id.clone()).into())
    }

    fn free_id(&mut self, prefix: &str, parent: Option<&TaskId>) -> Result<TaskId, Trouble> {
        new_id::free_id(&self.tx, prefix, parent, &mut self.last_child)
    }

    fn save(&mut self, before: Option<&Task>, task: &Task) -> Result<(), Trouble> {
        row::save(&self.tx, before, task)?;
        self.touched.note(&self.tx, before, task)
    }

    /// Changes one task that must exist; answers it as it is then.
    fn edit(
        &mut self,
        id: &TaskId,
        edit: impl FnOnce(&Task, DateTime<Utc>) -> Result<Task, TrackerError>,
    ) -> Result<Task, Trouble> {
        let before = self.load_existing(id)?;
        let after = edit(&before, self.now)?;
        self.save(Some(&before), &after)?;
        Ok(after)
    }
}
