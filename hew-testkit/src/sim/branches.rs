//! Workers' branches on the lane's thread, as the binary's: merged whole at a run's end, or kept for a person.

use std::path::{Path, PathBuf};

use hew_core::engine::event::MergeView;
use hew_core::engine::{BranchPart, WorkPlace};
use hew_core::ids::{BranchName, CommitId};
use hew_core::land::merge_back;
use hew_core::worktree::{CleanDepth, GitClient, GitError, Inspection, WorktreeReset, WorktreeStart, names};

use super::world::World;

impl World {
    pub(super) fn merge_branch(
        &mut self,
        branch: &BranchName,
        parts: &[BranchPart],
        tip: &CommitId,
        work: &CommitId,
    ) -> Result<MergeView, String> {
        for part in parts {
            self.note_owner(part.iteration, &part.task.id, &part.actor);
        }
        for BranchPart { iteration, task, actor } in parts {
            if let Some(why) = self.taken(&task.id, actor)? {
                self.tally.count("branches cut");
                return Ok(MergeView::PartTaken { iteration: *iteration, why });
            }
        }
        let named = parts.iter().map(|part| (&part.task.id, part.task.title.as_str(), part.iteration));
        let message = merge_back::branch_message(branch, &self.plot.config.run, named);
        let candidate = self.candidate(tip, work, message)?;
        let mut resolves = Vec::new();
        for part in parts {
            resolves.extend(self.resolved(&candidate, part.iteration, &part.task)?);
        }
        Ok(MergeView::Candidate { candidate, resolves })
    }

    pub(super) fn keep_branch(
        &mut self,
        place: &WorkPlace,
        work: &CommitId,
        again: bool,
    ) -> Result<String, String> {
        self.tally.count("branches kept");
        let path = PathBuf::from(&place.worktree);
        let process = self.process_mut();
        process.kept_branches.insert(place.branch.clone());
        let is_left = !process.kept_folders.insert(path.clone());
        let words = |error: GitError| error.to_string();
        if is_left {
            self.git.create_branch(&place.branch, work).map_err(words)?;
            return Err(format!("{} is left as an agent left it", path.display()));
        }
        if !(again && self.has_own(place, &path).map_err(words)?) {
            let start = WorktreeStart { branch: Some(place.branch.clone()), commit: work.clone() };
            let reset = self.git.reset_worktree(&path, &start, CleanDepth::KeepIgnored);
            if let WorktreeReset::Broken(_) = reset.map_err(words)? {
                self.git.add_worktree(&path, &start).map_err(words)?;
            }
        }
        self.git.create_branch(&place.branch, work).map_err(words)?;
        self.rules.branch_is_kept(&place.branch, work);
        Ok(place.worktree.clone())
    }

    /// Branch or worktree hold what no ref of hew's keeps.
    fn has_own(&self, place: &WorkPlace, path: &Path) -> Result<bool, GitError> {
        let anchors = self.git.refs_under(&names::anchor_prefix(&self.plot.config.run))?;
        let is_anchored = |commit: &CommitId| {
            let holds = |anchor| self.git.contains_all(anchor, std::slice::from_ref(commit)).unwrap_or(false);
            anchors.iter().any(|(_, anchor)| anchor == commit || holds(anchor))
        };
        if self.git.resolve(&place.branch.to_ref())?.is_some_and(|tip| !is_anchored(&tip)) {
            return Ok(true);
        }
        Ok(match self.git.inspect_worktree(path)? {
            Inspection::Readable(seen) => seen.change_count > 0 || !is_anchored(&seen.head),
            Inspection::Broken(_) => false,
        })
    }
}
