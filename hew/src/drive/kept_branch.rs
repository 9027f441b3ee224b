//! A worker's branch that did not land, kept with its worktree for a person (`--merge end`).
//!
//! Invariant: what a person did there, between the end of one process and the next, stays, and so does what an agent left there
//! that could not be collected.

use std::path::Path;

use hew_core::engine::WorkPlace;
use hew_core::ids::CommitId;
use hew_core::worktree::{CleanDepth, GitError, Inspection, WorktreeReset, WorktreeStart, names};

use super::Rig;

/// Puts a worker's worktree at the last green commit of its branch and keeps both; where it is done `again`, only if
/// nobody has worked there since. The work is safe without it. Answers the worktree. A folder that its worker has left as it
/// was stays so: what a later task's agent left there may be nowhere else.
pub(super) fn keep(rig: &Rig, place: &WorkPlace, work: &CommitId, again: bool) -> Result<String, String> {
    let path = Path::new(&place.worktree);
    rig.kept_branches.lock().expect("no thread panics while it holds this").insert(place.branch.clone());
    let words = |error: GitError| error.to_string();
    if rig.is_kept(path) {
        rig.git.create_branch(&place.branch, work).map_err(words)?;
        return Err(format!("{} is left as an agent left it; {work} is the work", path.display()));
    }
    rig.keep_folder(path.to_owned());
    if !(again && has_own(rig, place, path).map_err(words)?) {
        let start = WorktreeStart { branch: Some(place.branch.clone()), commit: work.clone() };
        let reset = rig.git.reset_worktree(path, &start, CleanDepth::KeepIgnored);
        if let WorktreeReset::Broken(_) = reset.map_err(words)? {
            rig.git.add_worktree(path, &start).map_err(words)?;
        }
    } else if !path.exists() {
        return Err(format!("{} is gone, and the branch has work of somebody's", path.display()));
    }
    // A clone has the branch for itself.
    rig.git.create_branch(&place.branch, work).map_err(words)?;
    Ok(place.worktree.clone())
}

/// Branch or worktree hold what no ref of hew's keeps.
fn has_own(rig: &Rig, place: &WorkPlace, path: &Path) -> Result<bool, GitError> {
    let anchors = rig.git.refs_under(&names::anchor_prefix(&rig.place.run))?;
    let is_anchored = |commit: &CommitId| {
        // A clone's own commit is not found here: then nothing keeps it.
        let contains = |anchor| rig.git.contains_all(anchor, std::slice::from_ref(commit)).unwrap_or(false);
        anchors.iter().any(|(_, anchor)| anchor == commit || contains(anchor))
    };
    if rig.git.resolve(&place.branch.to_ref())?.is_some_and(|tip| !is_anchored(&tip)) {
        return Ok(true);
    }
    Ok(match rig.git.inspect_worktree(path)? {
        Inspection::Readable(seen) => seen.change_count > 0 || !is_anchored(&seen.head),
        Inspection::Broken(_) => false,
    })
}
