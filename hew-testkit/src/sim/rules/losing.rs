//! Nothing is lost: every commit that an agent or a person made is kept by a ref or a worktree, every file that was left
//! uncommitted lies in a worktree or in a commit that is kept.

use std::collections::BTreeSet;
use std::path::Path;

use hew_core::ids::{CommitId, IterationId};

use super::{Rules, Uncommitted, Verdict, ensure};
use crate::fake_git::FakeGit;

impl Rules {
    pub(in super::super) fn agent_committed(&mut self, id: IterationId, commit: CommitId) {
        self.precious.insert(commit.clone());
        self.made_by.push((id, commit));
    }

    /// An agent has thrown away what its iteration had committed: that is its own loss.
    pub(in super::super) fn threw_away(&mut self, id: IterationId) {
        for (_, commit) in self.made_by.iter().filter(|(by, _)| *by == id) {
            self.precious.remove(commit);
        }
    }

    pub(in super::super) fn person_committed(&mut self, commit: &CommitId) {
        self.precious.insert(commit.clone());
    }

    /// What was kept before an agent's deed and is not kept any more is gone by that deed.
    pub(in super::super) fn gave_up(&mut self, before: &BTreeSet<CommitId>, repo: &FakeGit) {
        let kept = repo.kept_commits();
        self.precious.retain(|commit| kept.contains(commit) || !before.contains(commit));
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
        self.uncommitted.push(Uncommitted { tree: tree.to_owned(), name: name.to_owned(), within: None });
    }

    /// Its agent destroyed a folder: what lay there uncommitted is its own loss.
    pub(in super::super) fn broke_folder(&mut self, tree: &Path) {
        self.uncommitted.retain(|left| left.tree != tree || left.within.is_some());
    }

    pub(in super::super) fn nothing_is_lost(&mut self, repo: &FakeGit) -> Verdict {
        let kept = repo.kept_commits();
        let lost = self.precious.iter().find(|commit| !kept.contains(*commit));
        ensure(lost.is_none(), || format!("lost: commit {lost:?} is kept by no ref and no worktree"))?;
        for Uncommitted { tree, name, within } in &mut self.uncommitted {
            if within.as_ref().is_some_and(|commit| kept.contains(commit))
                || repo.names_present(tree).contains(name)
            {
                continue;
            }
            let has = |commit: &&CommitId| repo.names_in(commit).is_some_and(|names| names.contains(name));
            *within = kept.iter().find(has).cloned();
            ensure(within.is_some(), || format!("lost: {name}, left uncommitted in {}", tree.display()))?;
        }
        Ok(())
    }
}
