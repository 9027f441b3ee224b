//! Nothing is lost: every commit that an agent or a person made is kept by a ref or a worktree, every file that was left
//! uncommitted lies in a worktree or in a commit that is kept.

use std::path::Path;

use hew_core::ids::{CommitId, IterationId};

use super::{Rules, Verdict, ensure};
use crate::fake_git::FakeGit;

impl Rules {
    pub(in super::super) fn agent_committed(&mut self, _: IterationId, commit: CommitId) {
        self.precious.insert(commit);
    }

    pub(in super::super) fn person_committed(&mut self, commit: &CommitId) {
        self.precious.insert(commit.clone());
    }

    /// Somebody put this commit on the run branch.
    pub(in super::super) fn meddled(&mut self, commit: &CommitId) {
        self.precious.insert(commit.clone());
        self.is_meddled = true;
    }

    pub(in super::super) fn meddling(&mut self) {
        self.is_meddled = true;
    }

    pub(in super::super) fn left_uncommitted(&mut self, tree: &Path, name: &str) {
        self.uncommitted.push((tree.to_owned(), name.to_owned()));
    }

    /// Its agent destroyed a folder: what lay there uncommitted is its own loss.
    pub(in super::super) fn broke_folder(&mut self, tree: &Path) {
        self.uncommitted.retain(|(at, _)| at != tree);
    }

    pub(in super::super) fn nothing_is_lost(&mut self, repo: &FakeGit) -> Verdict {
        let kept = repo.kept_commits();
        let lost = self.precious.iter().find(|commit| !kept.contains(*commit));
        ensure(lost.is_none(), || format!("lost: commit {lost:?} is kept by no ref and no worktree"))?;
        let mut found = Vec::new();
        for (tree, name) in &self.uncommitted {
            if repo.names_present(tree).contains(name) {
                continue;
            }
            let has = |commit: &&CommitId| repo.names_in(commit).is_some_and(|names| names.contains(name));
            // The first that has it: later ones may be hew's own merges, which nobody misses.
            let commit = kept.iter().find(has);
            ensure(commit.is_some(), || format!("lost: {name}, left uncommitted in {}", tree.display()))?;
            found.extend(commit.cloned().map(|commit| (name.clone(), commit)));
        }
        for (name, commit) in found {
            self.uncommitted.retain(|(_, uncommitted)| *uncommitted != name);
            self.precious.insert(commit);
        }
        Ok(())
    }
}
