//! What a run has to have done: a run that did less is void, however fast it was.

use std::collections::BTreeSet;

use crate::Problem;
use crate::agent::files_of;
use crate::git::Environment;
use crate::repository::{Repository, TARGET};
use crate::workload::Workload;

/// Work that was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Work {
    /// Merges on the first-parent line of the delivered branch.
    pub(crate) landed: usize,
    /// Files that differ from the launch commit.
    pub(crate) files: usize,
    /// Gates run.
    pub(crate) gates: usize,
    /// Tasks closed (for the floor: records written).
    pub(crate) closed: usize,
}

impl Work {
    /// What a workload asks for.
    pub(crate) fn expected(workload: &Workload, files: usize) -> Self {
        let changed: BTreeSet<usize> = (0..workload.len()).flat_map(|task| files_of(task, files)).collect();
        Self { landed: workload.len(), files: changed.len(), gates: 0, closed: workload.len() }
    }

    /// What git shows in the user's checkout, with gates and closed tasks as the side itself counted them.
    pub(crate) fn of(
        environment: &Environment,
        repository: &Repository,
        gates: usize,
        closed: usize,
    ) -> Result<Self, Problem> {
        let range = format!("{}..{TARGET}", repository.launch);
        let count = ["rev-list", "--count", "--first-parent", "--merges", range.as_str()];
        let landed = environment.git(&repository.path, &count)?;
        let landed = landed.parse().map_err(|error| format!("count {landed:?}: {error}"))?;
        let files = environment.git(&repository.path, &["diff", "--name-only", &repository.launch])?;
        Ok(Self { landed, files: files.lines().count(), gates, closed })
    }

    /// An error that names the difference, if there is one.
    pub(crate) fn check(&self, expected: &Self, side: &str) -> Result<(), Problem> {
        if self == expected {
            return Ok(());
        }
        Err(format!("void run of {side}: it did {self:?}, and {expected:?} was asked for"))
    }
}
