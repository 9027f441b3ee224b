//! Where a project is: its repository, its working trees, its state.

use std::path::PathBuf;

use crate::failure::Failure;

/// A git repository as hew was started in it. All paths are absolute and free of symbolic links.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Root of the working tree that hew was started in: target, launch commit and `.hew.toml` are this tree's.
    pub root: PathBuf,
    /// Root of the main working tree; none for a bare repository.
    pub main_root: Option<PathBuf>,
    /// The git folder that all worktrees share.
    pub common_dir: PathBuf,
    /// `.hew` in the main working tree; `<common dir>/hew/state` for a bare repository.
    pub state_dir: PathBuf,
    /// `<common dir>/hew`: what must survive `git clean -fdx` (tracker, lock, ledger).
    pub shared_dir: PathBuf,
}

impl Project {
    /// Finds the project from the current folder, from inside any of its worktrees too.
    pub fn discover() -> Result<Self, Failure> {
        Err(Failure::usage("being built"))
    }
}
