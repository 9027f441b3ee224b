//! The end of a run's worktrees: removed where all that lies in them is anchored, kept and named otherwise.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use hew_core::ids::{BranchName, CommitId};
use hew_core::worktree::{GitError, names};

use super::Rig;
use crate::adapters::git::{clone, cut_off};
use crate::adapters::owner;

/// Removes worktrees and temporary folders, but for those that a seat or a conflict put aside. Answers what was kept.
pub(super) fn clean_up(rig: &Rig) -> Vec<String> {
    if rig.place.keep_worktrees {
        return vec![format!("worktrees are kept in {} (--keep-worktrees)", rig.place.worktrees().display())];
    }
    let kept = rig.kept_folders.lock().expect("no thread panics while it holds this").clone();
    let place = rig.place.worktrees();
    let entries = match std::fs::read_dir(&place) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            return vec![format!("what lies in {} could not be looked at: {error}", place.display())];
        }
    };
    let folders = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir());
    let (put_aside, doomed) = sorted_out(worktrees_of(folders), &kept, records_below(rig, &place));
    let mut notes: Vec<String> = put_aside.iter().map(|path| format!("{} is kept", path.display())).collect();
    notes.extend(remove_all(rig, &doomed));
    if notes.is_empty() {
        owner::forget(&rig.place.worktrees());
    }
    // A branch that can't be looked at or deleted now stays; nothing is lost by that.
    let _ = delete_branches(rig);
    notes
}

/// What is kept, and what is removed: each once, for two that remove the same are in each other's way. One whose removal
/// was cut off by a kill may have both a folder set aside and git's record.
fn sorted_out(
    worktrees: BTreeSet<PathBuf>,
    kept: &BTreeSet<PathBuf>,
    records: Vec<PathBuf>,
) -> (BTreeSet<PathBuf>, BTreeSet<PathBuf>) {
    let (put_aside, mut doomed): (BTreeSet<_>, BTreeSet<_>) =
        worktrees.into_iter().partition(|path| kept.contains(path));
    // Of a folder that its agent removed git's record is left.
    doomed.extend(kept.iter().cloned().chain(records).filter(|path| !path.exists()));
    (put_aside, doomed)
}

/// The worktrees that folders belong to, each once: removing one takes all of its folders.
fn worktrees_of(folders: impl Iterator<Item = PathBuf>) -> BTreeSet<PathBuf> {
    // What a removal that a kill cut off left aside goes with what it was.
    let folders = folders.map(|path| cut_off(&path).unwrap_or(path));
    // The git folder of a clone goes with it, or stays with it.
    folders.map(|path| clone::folder_of(&path).unwrap_or(path)).collect()
}

/// Worktrees in a folder of which git has a record. Where git can't tell, those that are there are removed all the same.
fn records_below(rig: &Rig, folder: &Path) -> Vec<PathBuf> {
    let known = rig.git.list_worktrees().unwrap_or_default();
    known.into_iter().map(|entry| entry.path).filter(|path| path.starts_with(folder)).collect()
}

/// Removes worktrees and temporary folders side by side: deleting a large tree takes a while. Answers what went wrong.
fn remove_all(rig: &Rig, folders: &BTreeSet<PathBuf>) -> Vec<String> {
    let remove = |path: &PathBuf| {
        let removed = rig.git.remove_worktree(path);
        removed.err().map(|why| format!("{} could not be removed: {why}", path.display()))
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = folders.iter().map(|path| scope.spawn(move || remove(path))).collect();
        threads.into_iter().filter_map(|thread| thread.join().expect("removing does not panic")).collect()
    })
}

/// Workers' branches go where their commits are kept by an anchor or the run branch, unless a folder that is kept is on
/// one; the run branch goes where nothing landed on it.
fn delete_branches(rig: &Rig) -> Result<(), GitError> {
    let place = &rig.place;
    let anchors = rig.git.refs_under(&names::anchor_prefix(&place.run))?;
    let mut kept: BTreeSet<CommitId> = anchors.into_iter().map(|(_, commit)| commit).collect();
    kept.insert(place.launch.clone());
    let folder = place.run_branch.to_ref();
    let folder = folder.as_str().trim_end_matches("main");
    let tip = rig.git.resolve(&place.run_branch.to_ref())?;
    let checked_out: Vec<BranchName> =
        rig.git.list_worktrees()?.into_iter().filter_map(|entry| entry.branch).collect();
    let shown = rig.kept_branches.lock().expect("no thread panics while it holds this").clone();
    let in_use = |branch: &str| checked_out.iter().chain(&shown).any(|used| used.as_str() == branch);
    for (name, commit) in rig.git.refs_under(folder)? {
        let is_run_branch = name == place.run_branch.to_ref();
        let landed = || {
            tip.as_ref()
                .is_some_and(|tip| rig.git.contains_all(tip, std::slice::from_ref(&commit)).unwrap_or(false))
        };
        let is_safe = if is_run_branch { commit == place.launch } else { kept.contains(&commit) || landed() };
        if let (true, Some(branch)) = (is_safe, name.as_str().strip_prefix("refs/heads/"))
            && !in_use(branch)
        {
            rig.git.delete_branch(&BranchName::new(branch), &commit)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worktree_whose_removal_was_cut_off_before_its_record_went_is_removed_by_one_alone() {
        let paths = |names: &[&str]| names.iter().map(PathBuf::from).collect::<BTreeSet<_>>();
        let found = worktrees_of(paths(&["/no-wt/.1.discarded-0"]).into_iter());
        let records = vec![PathBuf::from("/no-wt/1"), PathBuf::from("/no-wt/3")];
        let (put_aside, doomed) = sorted_out(found, &BTreeSet::new(), records);
        assert_eq!((put_aside, doomed), (BTreeSet::new(), paths(&["/no-wt/1", "/no-wt/3"])));
    }

    #[test]
    fn what_a_removal_left_aside_and_a_clones_git_folder_are_removed_with_their_worktree() {
        let names = [
            "0",
            "0.git",
            ".0.discarded-0",
            ".1.git.discarded-3",
            "land",
            ".land.discarded-x",
            ".discarded-0",
        ];
        let found = worktrees_of(names.iter().map(|name| Path::new("/wt").join(name)));
        let expected = ["/wt/.discarded-0", "/wt/.land.discarded-x", "/wt/0", "/wt/1", "/wt/land"];
        assert_eq!(found, expected.iter().map(PathBuf::from).collect());
    }
}
