//! Locks that a killed git left behind. Git refuses to work past them, and nobody else takes them away.
//!
//! Invariant: only locks of a dead run's own worktrees and refs go; those that all worktrees share may be somebody's.

use std::fs;
use std::io;
use std::path::Path;

use super::{admin, clone};

/// Removes the locks in git's records of a worktree.
pub(super) fn clear_worktree(common_dir: &Path, worktree: &Path) -> io::Result<()> {
    let clone = clone::find(common_dir, worktree).map(|found| found.admin);
    for record in admin::records_of(common_dir, worktree)?.into_iter().chain(clone) {
        clear_below(&record)?;
    }
    Ok(())
}

/// Removes the locks of loose refs below a folder of refs, e.g. `refs/hew/<run>`.
pub(super) fn clear_refs(common_dir: &Path, below: &str) -> io::Result<()> {
    clear_below(&common_dir.join(below.trim_end_matches('/')))
}

fn clear_below(folder: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let (entry, path) = entry.map(|entry| (entry.file_type(), entry.path()))?;
        let is_folder = entry?.is_dir();
        // A ref's own name never ends like this.
        let is_lock = path.extension().is_some_and(|extension| extension == "lock");
        match (is_folder, is_lock) {
            (true, _) => clear_below(&path)?,
            (false, true) => fs::remove_file(&path)?,
            (false, false) => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_go_and_refs_stay() {
        let common = tempfile::tempdir().unwrap();
        let run = common.path().join("refs/heads/loop/r");
        fs::create_dir_all(run.join("deep")).unwrap();
        for name in ["main", "main.lock", "deep/w0", "deep/w0.lock"] {
            fs::write(run.join(name), "x").unwrap();
        }
        clear_refs(common.path(), "refs/heads/loop/r/").unwrap();
        clear_refs(common.path(), "refs/hew/r").unwrap();
        let is_there = |name: &str| run.join(name).exists();
        assert_eq!(["main", "deep/w0"].map(is_there), [true, true]);
        assert_eq!(["main.lock", "deep/w0.lock"].map(is_there), [false, false]);
    }
}
