//! Worktrees that runs of this project left on disk. It only looks; what may be removed is decided in the core.
//!
//! A folder is this project's if its owner file says so, or git has a record of a worktree in it. All others are passed
//! over in silence: they are other projects'.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use hew_core::ids::{BranchName, CommitId, RunId};
use hew_core::worktree::prune::{Leftover, LeftoverState};
use hew_core::worktree::{GitClient, GitError, Inspection, WorktreeEntry};

use super::git::{RepoGit, clone};
use super::owner::{self, Owner};

/// The folder of a run's worktrees, of which something is left.
#[derive(Debug)]
pub struct RunLeftovers {
    /// The run.
    pub run: RunId,
    /// `<root>/<run>`.
    pub folder: PathBuf,
    /// Who made it, if that can be read.
    pub owner: Option<Owner>,
    /// Its worktrees, sorted by path.
    pub trees: Vec<LeftTree>,
}

/// One worktree that is left.
#[derive(Debug)]
pub struct LeftTree {
    /// Its folder; it may be gone.
    pub path: PathBuf,
    /// Git's record of it.
    pub entry: Option<WorktreeEntry>,
}

impl LeftTree {
    /// Its HEAD, as git has it on record.
    pub fn head(&self) -> Option<&CommitId> {
        self.entry.as_ref()?.head.as_ref()
    }

    /// The branch it is on, as git has it on record.
    pub fn branch(&self) -> Option<&BranchName> {
        self.entry.as_ref()?.branch.as_ref()
    }
}

/// Finds what runs of a repository left, below `root` and wherever git has a record of a run's worktree.
pub fn find(git: &RepoGit, common_dir: &Path, root: &Path) -> Result<Vec<RunLeftovers>, GitError> {
    let mut recorded: BTreeMap<PathBuf, Vec<WorktreeEntry>> = BTreeMap::new();
    for entry in git.list_worktrees()? {
        if let Some(folder) = entry.path.parent().filter(|folder| run_of(folder).is_some()) {
            recorded.entry(folder.to_owned()).or_default().push(entry);
        }
    }
    for folder in folders_in(&real(root)) {
        if run_of(&folder).is_some() {
            recorded.entry(folder).or_default();
        }
    }
    let mut found = Vec::new();
    for (folder, entries) in recorded {
        let mut left = describe(folder, entries, common_dir);
        for tree in left.iter_mut().flat_map(|left| &mut left.trees).filter(|tree| tree.entry.is_none()) {
            tree.entry = git.clone_entry(&tree.path)?;
        }
        found.extend(left);
    }
    Ok(found)
}

fn describe(folder: PathBuf, entries: Vec<WorktreeEntry>, common_dir: &Path) -> Option<RunLeftovers> {
    let run = run_of(&folder)?;
    let owner = owner::load(&folder);
    let is_ours = match &owner {
        Some(owner) => Path::new(&owner.common_dir) == common_dir,
        None => !entries.is_empty(),
    };
    if !is_ours {
        return None;
    }
    let mut trees: BTreeMap<PathBuf, Option<WorktreeEntry>> = BTreeMap::new();
    // The git folder of a clone stands for it, even where the clone's own folder is gone.
    let folders = folders_in(&folder).into_iter().filter(|path| !is_passing(path));
    trees.extend(folders.map(|path| (clone::folder_of(&path).unwrap_or(path), None)));
    trees.extend(entries.into_iter().map(|entry| (entry.path.clone(), Some(entry))));
    let trees = trees.into_iter().map(|(path, entry)| LeftTree { path, entry }).collect();
    Some(RunLeftovers { run, folder, owner, trees })
}

/// Looks into one of them, so that it can be decided upon.
pub fn look(git: &RepoGit, run: &RunId, tree: &LeftTree, run_is_over: bool) -> Result<Leftover, GitError> {
    let is_kept = |head: &CommitId| git.is_kept_at(&tree.path, head);
    let state = if fs::symlink_metadata(&tree.path).is_err() {
        let head = tree.head().cloned();
        let is_kept = head.as_ref().map_or(Ok(false), is_kept)?;
        LeftoverState::FolderGone { head, is_kept }
    } else {
        let inspection = git.inspect_worktree(&tree.path)?;
        let (is_kept, repository_links) = match &inspection {
            Inspection::Readable(found) => (is_kept(&found.head)?, git.repository_links(&tree.path)?),
            Inspection::Broken(_) => (false, Vec::new()),
        };
        LeftoverState::Seen { inspection, is_kept, repository_links }
    };
    Ok(Leftover { run: run.clone(), path: tree.path.clone(), run_is_over, state })
}

/// Folders of a run that hold nothing to keep: temporary ones, and what a removal had set aside.
pub fn passing_folders(run_folder: &Path) -> Vec<PathBuf> {
    folders_in(run_folder).into_iter().filter(|path| is_passing(path)).collect()
}

fn is_passing(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    name.starts_with("tmp-") || (name.starts_with('.') && name.contains(".discarded-"))
}

fn run_of(folder: &Path) -> Option<RunId> {
    RunId::parse(folder.file_name()?.to_str()?)
}

fn folders_in(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let folders = entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    folders.map(|entry| entry.path()).collect()
}

fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}
