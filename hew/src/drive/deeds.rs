//! What a worker's iteration reached for outside its worktree, gathered over its tries.

use std::path::{Path, PathBuf};

use hew_core::agent::{SpawnReport, ToolReach};
use hew_core::escape::{Place, claims_of_tools};
use hew_core::ids::IterationId;
use hew_core::plan::git_events_file;

use super::Rig;
use super::watch::Watch;
use super::worker::folder;
use crate::adapters::git_events;

/// Gathers until the iteration's work is collected.
pub(super) struct Deeds<'a> {
    watch: &'a Watch,
    calls: Vec<ToolReach>,
}

impl<'a> Deeds<'a> {
    pub(super) fn new(watch: &'a Watch) -> Self {
        Self { watch, calls: Vec::new() }
    }

    /// An agent is about to start.
    pub(super) fn begin(&self, iteration: IterationId) {
        self.watch.begin(iteration);
    }

    /// An agent has ended; there may be another try.
    pub(super) fn keep(&mut self, report: &SpawnReport) {
        self.calls.extend(report.reading.reaches.iter().cloned());
    }

    /// No agent of the iteration runs any more. Answers whether it changed what is not its own.
    pub(super) fn end(&mut self, rig: &Rig, iteration: IterationId, worktree: &Path) -> bool {
        let place = Place {
            worktree: real(worktree),
            checkout: real(&rig.project),
            common_dir: real(&rig.common_dir),
            is_cloned: rig.settings.is_cloned(),
        };
        let mut claims = claims_of_tools(&std::mem::take(&mut self.calls), &place);
        let events = git_events_file(&folder(rig, iteration), &rig.settings);
        claims.extend(git_events::take_claims(&events, place, &rig.secrets));
        self.watch.end(iteration, claims)
    }
}

/// A path without symbolic links; one that is gone, or damaged, as it is.
fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}
