//! Commits and the run branch, as far as an engine can tell.

use std::collections::{BTreeMap, BTreeSet};

use hew_core::ids::{CommitId, RefName, TreeId};
use hew_core::land::merge_back::Advance;

use super::attempt::Advancing;

/// Who descends from whom, and where the run branch is.
#[derive(Debug)]
pub(crate) struct Commits {
    parents: BTreeMap<CommitId, Vec<CommitId>>,
    pub(crate) branch: CommitId,
    made: usize,
}

impl Commits {
    pub(crate) fn new(launch: CommitId) -> Self {
        Self { parents: BTreeMap::from([(launch.clone(), Vec::new())]), branch: launch, made: 0 }
    }

    pub(crate) fn commit(&mut self, name: &str, parents: Vec<CommitId>) -> CommitId {
        self.made += 1;
        let id = CommitId::new(format!("{name}-{}", self.made));
        self.parents.insert(id.clone(), parents);
        id
    }

    pub(crate) fn merge(&mut self, tip: &CommitId, work: &CommitId) -> (CommitId, TreeId) {
        let commit = self.commit("merge", vec![tip.clone(), work.clone()]);
        let tree = TreeId::new(format!("tree-of-{commit}"));
        (commit, tree)
    }

    pub(crate) fn contains(&self, commit: &CommitId, wanted: &CommitId) -> bool {
        let mut line = vec![commit];
        let mut seen = BTreeSet::new();
        while let Some(next) = line.pop() {
            if next == wanted {
                return true;
            }
            if seen.insert(next) {
                line.extend(self.parents.get(next).into_iter().flatten());
            }
        }
        false
    }

    /// Moves the run branch, or says why not.
    pub(crate) fn advance(&mut self, to: &CommitId, how: Advancing) -> Result<Advance, String> {
        let meddled = match how {
            Advancing::Fails => return Err("the ref is locked".to_owned()),
            Advancing::Meddled => Some((CommitId::new("foreign"), RefName::new("refs/hew/run/foreign/1"))),
            Advancing::AtTip | Advancing::Deleted => None,
        };
        self.branch = to.clone();
        Ok(Advance { meddled, restored: how == Advancing::Deleted })
    }
}
