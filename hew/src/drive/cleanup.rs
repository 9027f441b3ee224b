//! The end of a run's worktrees: removed where all that lies in them is anchored, kept and named otherwise.

use super::Rig;
use crate::adapters::owner;

/// Removes worktrees and temporary folders, but for those that a seat or a conflict put aside. Answers what was kept.
pub(super) fn clean_up(rig: &Rig) -> Vec<String> {
    if rig.place.keep_worktrees {
        return vec![format!("worktrees are kept in {} (--keep-worktrees)", rig.place.worktrees().display())];
    }
    let kept = rig.kept_folders.lock().expect("no thread panics while it holds this").clone();
    let Ok(entries) = std::fs::read_dir(&rig.place.worktrees()) else {
        return Vec::new();
    };
    let mut notes: Vec<String> = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()) {
        if kept.contains(&path) {
            notes.push(format!("{} is kept", path.display()));
        } else if let Err(why) = rig.git.remove_worktree(&path) {
            notes.push(format!("{} could not be removed: {why}", path.display()));
        }
    }
    if notes.is_empty() {
        owner::forget(&rig.place.worktrees());
    }
    notes
}
