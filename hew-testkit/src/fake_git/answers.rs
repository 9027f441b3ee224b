//! What the fake answers about files and branches, from its state.

use std::path::{Path, PathBuf};

use hew_core::ids::{BranchName, CommitId};
use hew_core::worktree::{WorktreeInspection, WorktreeStart};

use super::state::{Files, Head, State, differing};

/// What lies in a worktree.
pub(super) fn look(state: &State, path: &Path, head: CommitId) -> WorktreeInspection {
    let tree = &state.trees[path];
    let committed = state.files_of(&head).cloned().unwrap_or_default();
    let present = state.files_to_commit(path, &[]);
    let changes: Vec<PathBuf> = differing(&committed, &present).into_iter().map(PathBuf::from).collect();
    let size = |change: &PathBuf| tree.files.get(&change.to_string_lossy().into_owned()).map_or(0, Vec::len);
    let branch = match &tree.head {
        Head::On(branch) => Some(branch.clone()),
        Head::At(_) => None,
    };
    WorktreeInspection {
        head,
        branch,
        change_count: changes.len(),
        change_bytes: changes.iter().map(|change| size(change) as u64).sum(),
        changes,
        unmerged: tree.unmerged.iter().map(PathBuf::from).collect(),
        nested_repositories: tree.nested.iter().map(PathBuf::from).collect(),
    }
}

/// Three-way, whole files: the side that changed one wins; both, differently, is a conflict.
pub(super) fn merge_files(base: &Files, ours: &Files, theirs: &Files) -> Result<Files, Vec<String>> {
    let mut merged = ours.clone();
    let mut conflicts = Vec::new();
    for name in differing(base, theirs) {
        match (ours.get(name) == base.get(name), ours.get(name) == theirs.get(name)) {
            (_, true) => {}
            (false, false) => conflicts.push(name.clone()),
            (true, false) => match theirs.get(name) {
                Some(bytes) => drop(merged.insert(name.clone(), bytes.clone())),
                None => drop(merged.remove(name)),
            },
        }
    }
    if conflicts.is_empty() { Ok(merged) } else { Err(conflicts) }
}

/// A branch whose name does not go with this one.
pub(super) fn obstruction(state: &State, branch: &BranchName) -> Option<BranchName> {
    let is_within = |inner: &str, outer: &str| inner.strip_prefix(outer).is_some_and(|r| r.starts_with('/'));
    let branches = state.refs.keys().filter_map(|name| name.as_str().strip_prefix("refs/heads/"));
    let mut branches =
        branches.filter(|other| is_within(branch.as_str(), other) || is_within(other, branch.as_str()));
    branches.next().map(BranchName::new)
}

/// What HEAD is in a new worktree.
pub(super) fn head_of(start: &WorktreeStart) -> Head {
    start.branch.clone().map_or_else(|| Head::At(start.commit.clone()), Head::On)
}

/// The lines of a file; none where it is missing.
pub(super) fn lines_of(files: &Files, path: &str) -> Vec<String> {
    let text = files.get(path).map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    text.unwrap_or_default().lines().map(str::to_owned).collect()
}

/// The last line before the first difference that begins with a letter: what git takes for a function's.
pub(super) fn symbol_above(old: &[String], new: &[String]) -> Option<String> {
    let same = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let is_name = |line: &&String| line.starts_with(|c: char| c.is_alphabetic() || c == '_' || c == '$');
    old[..same].iter().rev().find(is_name).map(|line| line.trim_end().to_owned())
}
