//! Beads as the tracker: the program `bd`, or one with its interface, run for every question and every change.
//!
//! Invariants: the program's word counts only once it is read back; writes of all hew processes of a project go one after
//! another, so that of two claims exactly one wins; ids are passed whole and compared whole; what bd knows of a task comes
//! out again, and what is ready is decided by bd and by hew's own rule together.
//!
//! | file | holds |
//! | --- | --- |
//! | `call` | one run of the program: environment, time limit |
//! | `answer` | what it answered, or what it says is wrong |
//! | `version` | which program it is, and whether it is new enough |
//! | `view` | the whole list at one moment |
//! | `known` | what was read last, and what others have changed since |
//! | `flags` | tasks and changes as flags |
//! | `many` | several tasks in one transaction |
//! | `client`, `editor` | the two traits |

mod answer;
mod call;
mod client;
mod editor;
mod flags;
mod known;
mod many;
mod version;
mod view;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use hew_core::clock::Clock;
use hew_core::ids::{Actor, TaskId};
use hew_core::tracker::{Task, TrackerError};
use serde_json::Value;

use self::answer::Answer;
use self::call::Call;
pub use self::call::{LIMIT, Program, agent_env};
use self::known::Known;
pub use self::version::{OLDEST, Version};
use self::view::View;
use super::lock::take_turn;

/// Pauses before a question that failed is asked again: bd's engine may be busy with somebody else.
const PAUSES: [Duration; 2] = [Duration::from_millis(300), Duration::from_millis(1500)];

/// Lists hide these kinds of records unless told otherwise.
const ALL_KINDS: [&str; 5] =
    ["--all", "--limit=0", "--include-gates", "--include-templates", "--include-infra"];

/// Event that says who closed a task.
const CLOSED: &str = "closed";

/// A project's beads.
pub struct BdTracker {
    program: Program,
    clock: Arc<dyn Clock>,
    /// One lock for all hew processes of the project.
    lock_file: PathBuf,
    writing: Mutex<()>,
    known: Mutex<Known>,
    /// As whom this process claimed what: its later changes of a task are this actor's.
    claimed: Mutex<BTreeMap<TaskId, Actor>>,
    version: Version,
}

impl std::fmt::Debug for BdTracker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BdTracker").field("program", &self.program).finish_non_exhaustive()
    }
}

impl BdTracker {
    /// Asks the program for its version. `shared_dir` is the folder that all worktrees of the repository share.
    ///
    /// # Errors
    /// [`TrackerError::Store`] for a program that can't be run, does not answer, or is older than [`OLDEST`].
    pub fn open(program: Program, shared_dir: &Path, clock: Arc<dyn Clock>) -> Result<Self, TrackerError> {
        let version = version::ask(&program)?;
        Ok(Self {
            program,
            clock,
            lock_file: shared_dir.join("tracker").join("bd.lock"),
            writing: Mutex::new(()),
            known: Mutex::default(),
            claimed: Mutex::default(),
            version,
        })
    }

    /// The version of the program.
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// The folder `.beads`.
    pub fn beads_dir(&self) -> &Path {
        &self.program.beads_dir
    }

    /// Whether somebody else has changed something since this was asked last; the list is read for this.
    ///
    /// # Errors
    /// Those of reading.
    pub fn has_changed(&self) -> Result<bool, TrackerError> {
        let comparison = self.known().begin_comparison();
        let now = self.read_and_keep()?;
        Ok(self.known().compare(&comparison, &now))
    }

    fn read_and_keep(&self) -> Result<Arc<View>, TrackerError> {
        let writes = self.known().writes;
        let view = self.read_view()?;
        Ok(self.keep(view, writes))
    }

    fn keep(&self, view: View, writes: u64) -> Arc<View> {
        let view = Arc::new(view);
        self.known().keep(&view, writes);
        view
    }

    /// All records as they are, no older than the last own write; kept for the next list if that has to be read anew.
    fn records_now(&self) -> Result<Vec<Task>, TrackerError> {
        let (records, writes) = {
            let known = self.known();
            (known.records.clone(), known.writes)
        };
        if let Some(records) = records {
            return Ok(records);
        }
        let (tasks, _) = self.read_records()?;
        let mut known = self.known();
        if known.writes == writes && known.view.is_none() {
            known.records = Some(tasks.clone());
        }
        Ok(tasks)
    }

    /// A task as an own write has left it. All records are read for this: whoever asks what is held, or ready, next has
    /// them then.
    fn read_back(&self, id: &TaskId) -> Result<Option<Task>, TrackerError> {
        let (tasks, _) = self.read_records()?;
        let task = tasks.iter().find(|task| task.id == *id).cloned();
        let mut known = self.known();
        known.changed(id, task.as_ref());
        known.read_back = Some(tasks);
        Ok(task)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The whole list as it was read last, however long ago.
    fn view_of_some_age(&self) -> Result<Arc<View>, TrackerError> {
        let listed = self.known().listed.clone();
        listed.map_or_else(|| self.view(), Ok)
    }

    /// The whole list; as much of it is read as is not known.
    fn view(&self) -> Result<Arc<View>, TrackerError> {
        let (view, records, writes) = {
            let mut known = self.known();
            (known.view.clone(), known.records.take(), known.writes)
        };
        match (view, records) {
            (Some(view), _) => Ok(view),
            (None, Some(records)) => Ok(self.keep(self.view_of(records)?, writes)),
            (None, None) => self.read_and_keep(),
        }
    }

    /// Changes something, alone among all hew processes of the project.
    fn write<T>(&self, change: impl FnOnce() -> Result<T, TrackerError>) -> Result<T, TrackerError> {
        let _turn = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let _lock = self.lock()?;
        let result = change();
        self.known().written();
        result
    }

    /// Waits for the other hew processes of the project, no longer than for a call: one that is suspended may hold the
    /// lock for ever.
    fn lock(&self) -> Result<File, TrackerError> {
        take_turn(&self.lock_file, self.program.limit)
            .map_err(|error| self.trouble(format!("{}: {error}", self.lock_file.display())))
    }

    fn claimed(&self) -> MutexGuard<'_, BTreeMap<TaskId, Actor>> {
        self.claimed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The call, made as whoever claimed the task here, or else as the person that the program finds itself.
    fn by_claimer<'a>(&self, call: Call<'a>, id: &TaskId) -> Call<'a> {
        match self.claimed().get(id) {
            Some(actor) => call.by(actor),
            None => call,
        }
    }

    fn trouble(&self, reason: String) -> TrackerError {
        TrackerError::Store { store: self.program.beads_dir.display().to_string(), reason }
    }

    /// These tasks as they are now, those that exist.
    fn read_tasks(&self, ids: &[&TaskId]) -> Result<Vec<Task>, TrackerError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let list = ids.iter().map(|id| flags::csv(id.as_str())).collect::<Vec<_>>().join(",");
        let call =
            self.program.call(&["list", "--json"]).flags(ALL_KINDS.map(str::to_owned)).flag("id", &list);
        let mut tasks = ask(&call, Answer::tasks)?;
        tasks.retain(|task| ids.contains(&&task.id));
        Ok(tasks)
    }

    /// One task as it is now.
    fn read_task(&self, id: &TaskId) -> Result<Option<Task>, TrackerError> {
        Ok(self.read_tasks(&[id])?.into_iter().next())
    }

    fn read_existing(&self, id: &TaskId) -> Result<Task, TrackerError> {
        self.read_task(id)?.ok_or_else(|| TrackerError::Missing(id.clone()))
    }

    /// Tasks that must be there.
    fn check_existing(&self, ids: &[&TaskId]) -> Result<(), TrackerError> {
        let found = self.read_tasks(ids)?;
        match ids.iter().find(|id| !found.iter().any(|task| task.id == ***id)) {
            Some(missing) => Err(TrackerError::Missing((*missing).clone())),
            None => Ok(()),
        }
    }

    /// Who closed a task; nobody where the program is older than its record of this.
    ///
    /// A question that fails is an error: who stopped a task by closing it must not be taken for nobody.
    fn closer(&self, id: &TaskId) -> Result<Option<Actor>, TrackerError> {
        let call = self.program.call(&["history", "--json", "--events", "--", id.as_str()]);
        let events = ask(&call, |answer| match answer.items() {
            Err(error) if is_unknown(&error) => Ok(Vec::new()),
            other => other,
        })?;
        let text = |event: &Value, field: &str| event.get(field).and_then(Value::as_str).map(str::to_owned);
        let closes = events.iter().filter(|event| text(event, "event_type").as_deref() == Some(CLOSED));
        let last = closes.max_by_key(|event| text(event, "created_at"));
        let who = last.and_then(|event| text(event, "actor"));
        Ok(who.filter(|actor| !actor.is_empty()).map(Actor::new))
    }
}

/// Whether the program is older than what it was asked.
fn is_unknown(error: &TrackerError) -> bool {
    let TrackerError::Command(failure) = error else { return false };
    let words = failure.output_tail.to_lowercase();
    words.contains("unknown command") || words.contains("unknown flag")
}

/// Asks; asked again if it fails, for nothing is changed by it.
fn ask<T>(call: &Call<'_>, read: impl Fn(&Answer) -> Result<T, TrackerError>) -> Result<T, TrackerError> {
    for pause in PAUSES {
        match call.run().and_then(|answer| read(&answer)) {
            Ok(answer) => return Ok(answer),
            // Its time is up already, or its answer will be no other.
            Err(error @ (TrackerError::Store { .. } | TrackerError::Invalid(_))) => return Err(error),
            Err(_) => thread::sleep(pause),
        }
    }
    call.run().and_then(|answer| read(&answer))
}

/// A refusal of the program's, as an error about what it was given.
fn refused(error: TrackerError) -> TrackerError {
    match error {
        TrackerError::Command(failure) if !failure.output_tail.is_empty() => {
            TrackerError::Invalid(failure.output_tail)
        }
        other => other,
    }
}
