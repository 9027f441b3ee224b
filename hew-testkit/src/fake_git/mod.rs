//! Git in memory: commits, refs and worktrees as maps, with what agents and people do in them.
//!
//! It keeps the same contract as the real adapter (`contract::git`). Files merge whole: one that both sides changed
//! differently is a conflict. `.gitignore` knows two forms only, `folder/` and a file's name.

#![expect(clippy::missing_panics_doc, reason = "a stage that can not be set ends the test")]

mod answers;
mod client;
mod state;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hew_core::ids::{BranchName, CommitId, RefName};

use self::state::{Head, State};

/// A repository in memory, with a person's checkout of `main`.
#[derive(Debug)]
pub struct FakeGit {
    root: PathBuf,
    base: CommitId,
    state: Mutex<State>,
}

impl FakeGit {
    /// A repository whose first commit holds these files.
    pub fn new(files: &[(&str, &str)]) -> Self {
        let root = PathBuf::from("/fake/project");
        let files = files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect();
        let mut state = State::default();
        let base = state.add_commit(Vec::new(), files, "Start");
        let main = BranchName::from("main");
        state.refs.insert(main.to_ref(), base.clone());
        state.place(&root, Head::On(main), &base);
        Self { root, base, state: Mutex::new(state) }
    }

    /// The person's checkout.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The first commit.
    pub fn base(&self) -> CommitId {
        self.base.clone()
    }

    /// Writes a file in a worktree. Panics if there is no such worktree.
    pub fn write(&self, tree: &Path, name: &str, text: &str) {
        self.lock().tree_mut(tree).files.insert(name.to_owned(), text.as_bytes().to_vec());
    }

    /// Deletes a file in a worktree.
    pub fn remove_file(&self, tree: &Path, name: &str) {
        self.lock().tree_mut(tree).files.remove(name);
    }

    /// Reads a file of a worktree; `None` if the file or the worktree is not there.
    pub fn read(&self, tree: &Path, name: &str) -> Option<String> {
        let state = self.lock();
        let bytes = state.trees.get(tree).filter(|found| !found.is_gone)?.files.get(name)?;
        Some(String::from_utf8_lossy(bytes).into_owned())
    }

    /// Commits all that is not ignored, as an agent or a person does.
    pub fn commit_all(&self, tree: &Path, message: &str) -> CommitId {
        let mut state = self.lock();
        let head = state.head_of(tree).expect("a worktree in use has a HEAD");
        let files = state.files_to_commit(tree, &[]);
        let commit = state.add_commit(vec![head], files, message);
        state.move_head(tree, &commit);
        state.tree_mut(tree).unmerged.clear();
        commit
    }

    /// Makes a commit that is in no worktree.
    pub fn add_commit(&self, parents: Vec<CommitId>, files: &[(&str, &str)], message: &str) -> CommitId {
        let files = files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect();
        self.lock().add_commit(parents, files, message)
    }

    /// Goes to a new branch, or detaches, as an agent or a person does. Files stay.
    pub fn switch(&self, tree: &Path, new_branch: Option<&str>) {
        let mut state = self.lock();
        let head = state.head_of(tree).expect("a worktree in use has a HEAD");
        let next = match new_branch {
            Some(name) => {
                let branch = BranchName::from(name);
                state.refs.insert(branch.to_ref(), head);
                Head::On(branch)
            }
            None => Head::At(head),
        };
        state.tree_mut(tree).head = next;
    }

    /// Moves or makes any ref, as somebody who meddles does.
    pub fn set_ref(&self, name: &RefName, commit: &CommitId) {
        self.lock().refs.insert(name.clone(), commit.clone());
    }

    /// Every ref with its commit.
    pub fn refs(&self) -> BTreeMap<RefName, CommitId> {
        self.lock().refs.clone()
    }

    /// Leaves a worktree with conflicts in the files that differ from a commit's.
    pub fn merge_and_leave_conflict(&self, tree: &Path, commit: &CommitId) {
        let mut state = self.lock();
        let theirs = state.files_of(commit).cloned().expect("the commit exists");
        let found = state.tree_mut(tree);
        let ours = found.files.clone();
        let differing = theirs.into_iter().filter(|(name, bytes)| ours.get(name).is_some_and(|o| o != bytes));
        for (name, bytes) in differing {
            found.files.insert(name.clone(), [b"<<<<<<<\n", bytes.as_slice()].concat());
            found.unmerged.insert(name);
        }
    }

    /// Makes a repository inside a worktree.
    pub fn nest_repository(&self, tree: &Path, name: &str) {
        self.lock().tree_mut(tree).nested.insert(name.to_owned());
    }

    /// Deletes a worktree's `.git` file, which changes nothing: git's record of it is enough.
    pub fn cut_off(&self, tree: &Path) {
        self.lock().tree_mut(tree);
    }

    /// Deletes git's record of a worktree.
    pub fn lose_record(&self, tree: &Path) {
        self.lock().tree_mut(tree).is_unrecorded = true;
    }

    /// Deletes a worktree's folder; git's record of it stays.
    pub fn delete_folder(&self, tree: &Path) {
        let mut state = self.lock();
        let found = state.tree_mut(tree);
        found.files.clear();
        found.is_gone = true;
    }

    /// A file as a commit holds it.
    pub fn show(&self, commit: &CommitId, name: &str) -> Option<String> {
        let state = self.lock();
        let bytes = state.files_of(commit)?.get(name)?;
        Some(String::from_utf8_lossy(bytes).into_owned())
    }

    /// The parents of a commit.
    pub fn parents(&self, commit: &CommitId) -> Vec<CommitId> {
        self.lock().commits.get(commit).map(|found| found.parents.clone()).unwrap_or_default()
    }

    /// The message of a commit.
    pub fn message(&self, commit: &CommitId) -> String {
        self.lock().commits.get(commit).map(|found| found.message.clone()).unwrap_or_default()
    }

    /// Every commit that a ref or the HEAD of a worktree keeps.
    pub fn kept_commits(&self) -> BTreeSet<CommitId> {
        let state = self.lock();
        let heads = state.trees.keys().filter_map(|path| state.head_of(path));
        state.ancestors_of(state.refs.values().cloned().chain(heads))
    }

    /// Names of the files of a commit; none if there is no such commit.
    pub fn names_in(&self, commit: &CommitId) -> Option<Vec<String>> {
        Some(self.lock().files_of(commit)?.keys().cloned().collect())
    }

    /// Names of the files that lie in a worktree.
    pub fn names_present(&self, tree: &Path) -> Vec<String> {
        let state = self.lock();
        state.trees.get(tree).map(|found| found.files.keys().cloned().collect()).unwrap_or_default()
    }

    /// Where a worktree's HEAD is.
    pub fn head(&self, tree: &Path) -> Option<CommitId> {
        self.lock().head_of(tree)
    }

    /// The folders of all worktrees.
    pub fn trees(&self) -> Vec<PathBuf> {
        self.lock().trees.keys().cloned().collect()
    }

    /// Goes to a commit with all files, as an agent does by `reset --hard`.
    pub fn reset_hard(&self, tree: &Path, commit: &CommitId) {
        let mut state = self.lock();
        let files = state.files_of(commit).cloned().expect("the commit exists");
        state.move_head(tree, commit);
        state.tree_mut(tree).files = files;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A test that failed while it held the lock is reported by itself.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
