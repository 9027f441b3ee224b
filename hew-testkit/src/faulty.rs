//! Adapters of which one call fails: the n-th one that any of them gets, before it has done anything, or after it has done
//! it, when only the answer is lost.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crossbeam_channel::Receiver;
use hew_core::agent::{SpawnError, SpawnProgress, SpawnReport, Spawner, StopRequest};
use hew_core::ids::{Actor, BranchName, CommitId, RefName, TaskId, TreeId};
use hew_core::land::gate::{GateError, GateJob, GateReport, GateRunner};
use hew_core::plan::SpawnPlan;
use hew_core::record::{JournalEntry, Store, StoreError};
use hew_core::tracker::{
    BdClient, ClaimOutcome, CloseOutcome, DependencyKind, ImportReport, Leftover, NewTask, ReadyQuery,
    ReleaseOutcome, Scope, Task, TaskEditor, TaskFilter, TaskLine, TaskPatch, TrackerError,
};
use hew_core::worktree::{
    AdvanceOutcome, Alteration, BranchCreation, CleanDepth, FileChange, ForwardOutcome, GitClient, GitError,
    Inspection, MergeOutcome, MergeRequest, WorktreeEntry, WorktreeReset, WorktreeStart,
};

/// The words of every injected failure.
pub const WORDS: &str = "injected failure";

/// Which call fails, and how.
#[derive(Debug)]
pub struct Fault {
    calls: AtomicUsize,
    at: usize,
    is_done: bool,
}

impl Fault {
    /// The `at`-th call fails, counted from 1, and nothing is done.
    pub fn before(at: usize) -> Arc<Self> {
        Arc::new(Self { calls: AtomicUsize::new(0), at, is_done: false })
    }

    /// The `at`-th call is done, and its answer is lost.
    pub fn after(at: usize) -> Arc<Self> {
        Arc::new(Self { calls: AtomicUsize::new(0), at, is_done: true })
    }

    /// No call fails.
    pub fn never() -> Arc<Self> {
        Self::before(0)
    }

    /// Calls so far.
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    fn strike<T, E: Injected>(&self, call: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let number = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        if number != self.at {
            return call();
        }
        if self.is_done {
            call()?;
        }
        Err(E::injected())
    }
}

/// An error of an adapter that nothing but the injection causes.
trait Injected {
    fn injected() -> Self;
}

impl Injected for GitError {
    fn injected() -> Self {
        Self::Spawn { cwd: PathBuf::from("/"), reason: WORDS.to_owned() }
    }
}

impl Injected for TrackerError {
    fn injected() -> Self {
        Self::Store { store: "tasks".to_owned(), reason: WORDS.to_owned() }
    }
}

impl Injected for SpawnError {
    fn injected() -> Self {
        Self::Failed { program: "agent".to_owned(), reason: WORDS.to_owned() }
    }
}

impl Injected for GateError {
    fn injected() -> Self {
        Self { command: "gate".to_owned(), reason: WORDS.to_owned() }
    }
}

impl Injected for StoreError {
    fn injected() -> Self {
        Self { path: PathBuf::from("events.jsonl"), reason: WORDS.to_owned() }
    }
}

/// An adapter with a fault in it.
#[derive(Debug)]
pub struct Faulty<A: ?Sized> {
    fault: Arc<Fault>,
    inner: Arc<A>,
}

impl<A: ?Sized> Faulty<A> {
    /// Puts the fault into an adapter.
    pub fn new(inner: Arc<A>, fault: &Arc<Fault>) -> Self {
        Self { fault: Arc::clone(fault), inner }
    }
}

/// Every method is a call of the inner one, which may be struck.
macro_rules! struck {
    ($(fn $name:ident(&self $(, $arg:ident: $type:ty)* $(,)?) -> $answer:ty;)*) => {
        $(fn $name(&self $(, $arg: $type)*) -> $answer {
            self.fault.strike(|| self.inner.$name($($arg),*))
        })*
    };
}

impl<A: GitClient + ?Sized> GitClient for Faulty<A> {
    struck! {
        fn resolve(&self, name: &RefName) -> Result<Option<CommitId>, GitError>;
        fn tree_of(&self, commit: &CommitId) -> Result<TreeId, GitError>;
        fn contains_all(&self, descendant: &CommitId, ancestors: &[CommitId]) -> Result<bool, GitError>;
        fn create_branch(&self, branch: &BranchName, at: &CommitId) -> Result<BranchCreation, GitError>;
        fn delete_branch(&self, branch: &BranchName, at: &CommitId) -> Result<bool, GitError>;
        fn add_worktree(&self, path: &Path, start: &WorktreeStart) -> Result<(), GitError>;
        fn add_clone(&self, path: &Path, start: &WorktreeStart) -> Result<(), GitError>;
        fn own_refs(&self, path: &Path) -> Result<Vec<(RefName, CommitId)>, GitError>;
        fn take_over(&self, path: &Path, commits: &[CommitId]) -> Result<(), GitError>;
        fn add_merge_place(&self, path: &Path, commit: &CommitId) -> Result<(), GitError>;
        fn reset_worktree(
            &self, path: &Path, start: &WorktreeStart, depth: CleanDepth,
        ) -> Result<WorktreeReset, GitError>;
        fn inspect_worktree(&self, path: &Path) -> Result<Inspection, GitError>;
        fn commit_leftovers(
            &self, path: &Path, head: &CommitId, message: &str, leave_out: &[PathBuf],
        ) -> Result<CommitId, GitError>;
        fn anchor(&self, name: &RefName, commit: &CommitId) -> Result<(), GitError>;
        fn refs_under(&self, prefix: &str) -> Result<Vec<(RefName, CommitId)>, GitError>;
        fn changes(&self, from: &CommitId, to: &CommitId) -> Result<Vec<FileChange>, GitError>;
        fn symbols(&self, from: &CommitId, to: &CommitId) -> Result<Vec<String>, GitError>;
        fn read_file(&self, commit: &CommitId, path: &str) -> Result<Option<Vec<u8>>, GitError>;
        fn merge(&self, request: &MergeRequest) -> Result<MergeOutcome, GitError>;
        fn checkout(&self, path: &Path, commit: &CommitId, depth: CleanDepth) -> Result<(), GitError>;
        fn hold(&self, path: &Path, commit: &CommitId) -> Result<(), GitError>;
        fn alteration(&self, path: &Path, commit: &CommitId) -> Result<Alteration, GitError>;
        fn advance(
            &self, branch: &BranchName, from: &CommitId, to: &CommitId,
        ) -> Result<AdvanceOutcome, GitError>;
        fn forward_checkout(
            &self, checkout: &Path, branch: &BranchName, to: &CommitId,
        ) -> Result<ForwardOutcome, GitError>;
        fn forward_branch(&self, branch: &BranchName, to: &CommitId) -> Result<ForwardOutcome, GitError>;
        fn mend_cut_off(&self) -> Result<Vec<String>, GitError>;
        fn list_worktrees(&self) -> Result<Vec<WorktreeEntry>, GitError>;
        fn git_dir_of(&self, path: &Path) -> Result<PathBuf, GitError>;
        fn remove_worktree(&self, path: &Path) -> Result<(), GitError>;
    }
}

impl<A: BdClient + ?Sized> BdClient for Faulty<A> {
    struck! {
        fn ready(&self, query: &ReadyQuery) -> Result<Vec<Task>, TrackerError>;
        fn ready_lines(&self, query: &ReadyQuery) -> Result<Vec<TaskLine>, TrackerError>;
        fn task(&self, id: &TaskId) -> Result<Option<Task>, TrackerError>;
        fn tasks(&self, ids: &[&TaskId]) -> Result<Vec<Task>, TrackerError>;
        fn claim(&self, id: &TaskId, actor: &Actor) -> Result<ClaimOutcome, TrackerError>;
        fn release(&self, id: &TaskId, actor: &Actor) -> Result<ReleaseOutcome, TrackerError>;
        fn close(&self, id: &TaskId, reason: &str, actor: &Actor) -> Result<CloseOutcome, TrackerError>;
        fn reopen(&self, id: &TaskId) -> Result<(), TrackerError>;
        fn note(&self, id: &TaskId, text: &str) -> Result<(), TrackerError>;
        fn add_labels(&self, id: &TaskId, labels: &[&str]) -> Result<(), TrackerError>;
        fn create(&self, task: &NewTask) -> Result<TaskId, TrackerError>;
        fn held_by(&self, actor_prefix: &str) -> Result<Vec<TaskId>, TrackerError>;
        fn leftovers(&self, query: &ReadyQuery, limit: usize) -> Result<Vec<Leftover>, TrackerError>;
        fn look_ahead(&self, query: &ReadyQuery, limit: usize) -> Result<Vec<Leftover>, TrackerError>;
        fn count_open(&self, scope: &Scope) -> Result<usize, TrackerError>;
        fn memories(&self) -> Result<Vec<(String, String)>, TrackerError>;
        fn remember(&self, key: &str, text: &str) -> Result<(), TrackerError>;
        fn forget(&self, key: &str) -> Result<(), TrackerError>;
    }
}

impl<A: TaskEditor + ?Sized> TaskEditor for Faulty<A> {
    struck! {
        fn list(&self, filter: &TaskFilter) -> Result<Vec<Task>, TrackerError>;
        fn update(&self, id: &TaskId, patch: &TaskPatch) -> Result<Task, TrackerError>;
        fn add_dependency(
            &self, task: &TaskId, prerequisite: &TaskId, kind: &DependencyKind,
        ) -> Result<(), TrackerError>;
        fn remove_dependency(&self, task: &TaskId, prerequisite: &TaskId) -> Result<bool, TrackerError>;
        fn create_all(&self, tasks: &[NewTask]) -> Result<Vec<TaskId>, TrackerError>;
        fn import(&self, jsonl: &str, skip_bad: bool) -> Result<ImportReport, TrackerError>;
        fn export(&self) -> Result<String, TrackerError>;
    }
}

impl<A: Spawner + ?Sized> Spawner for Faulty<A> {
    fn run(
        &self,
        plan: &SpawnPlan,
        stops: &Receiver<StopRequest>,
        progress: &dyn Fn(SpawnProgress),
    ) -> Result<SpawnReport, SpawnError> {
        self.fault.strike(|| self.inner.run(plan, stops, progress))
    }
}

impl<A: GateRunner + ?Sized> GateRunner for Faulty<A> {
    fn run(&self, job: &GateJob, stops: &Receiver<StopRequest>) -> Result<GateReport, GateError> {
        self.fault.strike(|| self.inner.run(job, stops))
    }
}

/// A store with a fault in it.
#[derive(Debug)]
pub struct FaultyStore<S> {
    fault: Arc<Fault>,
    inner: S,
}

impl<S> FaultyStore<S> {
    /// Puts the fault into a store.
    pub fn new(inner: S, fault: &Arc<Fault>) -> Self {
        Self { fault: Arc::clone(fault), inner }
    }
}

impl<S: Store> Store for FaultyStore<S> {
    fn append(&mut self, entries: &[JournalEntry]) -> Result<(), StoreError> {
        self.fault.strike(|| self.inner.append(entries))
    }

    fn write(&mut self, name: &str, content: &[u8]) -> Result<(), StoreError> {
        self.fault.strike(|| self.inner.write(name, content))
    }
}
