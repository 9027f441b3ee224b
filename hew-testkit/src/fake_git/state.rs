//! What a repository in memory consists of.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use hew_core::ids::{BranchName, CommitId, RefName, TreeId};

/// Contents by path.
pub(super) type Files = BTreeMap<String, Vec<u8>>;

/// What stands in a commit for a repository inside it.
pub(super) const GITLINK: &[u8] = b"\0another repository's commit";

#[derive(Debug)]
pub(super) struct Commit {
    pub(super) parents: Vec<CommitId>,
    pub(super) tree: TreeId,
    pub(super) message: String,
}

/// Where a worktree is.
#[derive(Debug, Clone)]
pub(super) enum Head {
    On(BranchName),
    At(CommitId),
}

#[derive(Debug)]
pub(super) struct Tree {
    pub(super) head: Head,
    pub(super) files: Files,
    pub(super) unmerged: BTreeSet<String>,
    pub(super) nested: BTreeSet<String>,
    pub(super) is_unrecorded: bool,
    pub(super) is_gone: bool,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) commits: HashMap<CommitId, Commit>,
    contents: HashMap<TreeId, Files>,
    names: HashMap<Files, TreeId>,
    pub(super) refs: BTreeMap<RefName, CommitId>,
    pub(super) trees: BTreeMap<PathBuf, Tree>,
}

impl State {
    /// Ids grow: a commit's is always greater than its parents'.
    pub(super) fn add_commit(&mut self, parents: Vec<CommitId>, files: Files, message: &str) -> CommitId {
        let id = CommitId::new(format!("c0{:038x}", self.commits.len()));
        let tree = self.name_tree(files);
        self.commits.insert(id.clone(), Commit { parents, tree, message: message.trim().to_owned() });
        id
    }

    /// Equal files are one tree.
    pub(super) fn name_tree(&mut self, files: Files) -> TreeId {
        if let Some(known) = self.names.get(&files) {
            return known.clone();
        }
        let id = TreeId::new(format!("7e{:038x}", self.names.len()));
        self.names.insert(files.clone(), id.clone());
        self.contents.insert(id.clone(), files);
        id
    }

    pub(super) fn files_of(&self, commit: &CommitId) -> Option<&Files> {
        self.contents.get(&self.commits.get(commit)?.tree)
    }

    pub(super) fn tree_mut(&mut self, path: &Path) -> &mut Tree {
        self.trees.get_mut(path).unwrap_or_else(|| panic!("no worktree at {}", path.display()))
    }

    pub(super) fn head_of(&self, path: &Path) -> Option<CommitId> {
        match &self.trees.get(path)?.head {
            Head::On(branch) => self.refs.get(&branch.to_ref()).cloned(),
            Head::At(commit) => Some(commit.clone()),
        }
    }

    pub(super) fn move_head(&mut self, path: &Path, to: &CommitId) {
        match self.tree_mut(path).head.clone() {
            Head::On(branch) => drop(self.refs.insert(branch.to_ref(), to.clone())),
            Head::At(_) => self.tree_mut(path).head = Head::At(to.clone()),
        }
    }

    /// Makes a worktree anew. The commit must exist.
    pub(super) fn place(&mut self, path: &Path, head: Head, commit: &CommitId) {
        let files = self.files_of(commit).cloned().expect("a worktree starts from a commit that exists");
        if let Head::On(branch) = &head {
            self.refs.insert(branch.to_ref(), commit.clone());
        }
        let (unmerged, nested) = (BTreeSet::new(), BTreeSet::new());
        let tree = Tree { head, files, unmerged, nested, is_unrecorded: false, is_gone: false };
        self.trees.insert(path.to_owned(), tree);
    }

    /// Where a branch is checked out.
    pub(super) fn holder(&self, branch: &BranchName) -> Option<&PathBuf> {
        let holds = |tree: &Tree| !tree.is_unrecorded && matches!(&tree.head, Head::On(on) if on == branch);
        self.trees.iter().find(|(_, tree)| holds(tree)).map(|(path, _)| path)
    }

    /// What is wrong with a worktree, if anything is.
    pub(super) fn damage(&self, path: &Path) -> Option<&'static str> {
        match self.trees.get(path) {
            None => Some("its folder: not there"),
            Some(tree) if tree.is_gone => Some("its folder: not there"),
            Some(tree) if tree.is_unrecorded => Some("git has no record of it"),
            Some(_) => None,
        }
    }

    /// A worktree's files as a commit of all of them holds them.
    pub(super) fn files_to_commit(&self, path: &Path, leave_out: &[PathBuf]) -> Files {
        let head = self.head_of(path).and_then(|head| self.files_of(&head)).cloned().unwrap_or_default();
        let tree = &self.trees[path];
        let is_left_out = |name: &str| leave_out.iter().any(|out| Path::new(name).starts_with(out));
        let counts = |name: &str| head.contains_key(name) || !is_ignored(&tree.files, name);
        let mut files: Files = tree
            .files
            .iter()
            .filter(|(name, _)| counts(name) && !is_left_out(name))
            .map(|(name, bytes)| (name.clone(), bytes.clone()))
            .collect();
        files.extend(tree.nested.iter().map(|name| (name.clone(), GITLINK.to_vec())));
        files.extend(head.into_iter().filter(|(name, _)| is_left_out(name)));
        files
    }

    /// Every commit reachable from one, itself too.
    pub(super) fn ancestors(&self, of: &CommitId) -> BTreeSet<CommitId> {
        self.ancestors_of([of.clone()])
    }

    /// The same for several.
    pub(super) fn ancestors_of(&self, of: impl IntoIterator<Item = CommitId>) -> BTreeSet<CommitId> {
        let mut found = BTreeSet::new();
        let mut open: Vec<CommitId> = of.into_iter().collect();
        while let Some(commit) = open.pop() {
            if found.contains(&commit) {
                continue;
            }
            if let Some(known) = self.commits.get(&commit) {
                open.extend(known.parents.iter().cloned());
                found.insert(commit);
            }
        }
        found
    }

    /// The newest common ancestor.
    pub(super) fn merge_base(&self, one: &CommitId, other: &CommitId) -> Option<CommitId> {
        let others = self.ancestors(other);
        self.ancestors(one).into_iter().rev().find(|commit| others.contains(commit))
    }
}

/// Paths at which two sets of files differ, sorted.
pub(super) fn differing<'a>(one: &'a Files, other: &'a Files) -> Vec<&'a String> {
    let names: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    names.into_iter().filter(|name| one.get(*name) != other.get(*name)).collect()
}

/// `.gitignore` with lines `folder/` and `name` only.
pub(super) fn is_ignored(files: &Files, name: &str) -> bool {
    let rules = files.get(".gitignore").map(|bytes| String::from_utf8_lossy(bytes)).unwrap_or_default();
    rules.lines().any(|rule| if rule.ends_with('/') { name.starts_with(rule) } else { name == rule })
}
