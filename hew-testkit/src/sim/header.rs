//! The first line of a case's journal.

use hew_core::record::JournalEvent;
use hew_core::record::event::{SCHEMA_VERSION, ScopeRecord};
use hew_core::tracker::Scope;

use super::case::Plot;
use super::world::ROOT;

pub(super) fn run_started(plot: &Plot) -> JournalEvent {
    let config = &plot.config;
    let scope = match &config.scope {
        Scope::Ready => ScopeRecord::Ready,
        Scope::Epics(epics) => ScopeRecord::Epics { epic_ids: epics.iter().cloned().collect() },
        Scope::Tasks(tasks) => ScopeRecord::Tasks { task_ids: tasks.iter().cloned().collect() },
    };
    JournalEvent::RunStarted {
        schema_version: SCHEMA_VERSION,
        run_id: config.run.clone(),
        hew_version: "0.0.0".to_owned(),
        pid: 1,
        project: "/fake/project".to_owned(),
        target_branch: config.target.clone(),
        launch_sha: config.launch.clone(),
        run_branch: config.run_branch.clone(),
        jobs: config.jobs,
        scope,
        gate: config.gate.as_ref().map(|gate| gate.command.clone()),
        tracker: None,
        max_iter: config.limits.max_iter,
        budget_wall_secs: config.limits.wall.map(|wall| wall.as_secs()),
        worktrees: ROOT.to_owned(),
        settings: Vec::new(),
        in_scope: plot.scripts.len(),
    }
}
