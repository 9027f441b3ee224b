//! What somebody says is next, held against the tracker.

use std::collections::BTreeSet;

use hew_core::ids::TaskId;
use hew_core::schedule::batch_plan::NextBatch;
use hew_core::schedule::batch_plan_parse::parse_next_batch;
use hew_core::tracker::{ReadyQuery, Scope};

use super::Rig;

/// What these words say is next: names that are no open task's are dropped. None where they say nothing of it.
pub(super) fn said_next(rig: &Rig, words: &str) -> Option<NextBatch> {
    let said = parse_next_batch(words)?;
    if said.task_ids.is_empty() {
        return Some(said);
    }
    let named: BTreeSet<TaskId> = said.task_ids.iter().cloned().collect();
    let count = named.len();
    let query = ReadyQuery {
        scope: Scope::Tasks(named),
        only: None,
        exclude: BTreeSet::new(),
        hold_open: BTreeSet::new(),
        with_parked: true,
        limit: None,
    };
    // A tracker that does not answer drops nothing: what is not ready is not picked anyway.
    let Ok(open) = rig.tracker.leftovers(&query, count) else { return Some(said) };
    let open: BTreeSet<TaskId> = open.into_iter().map(|task| task.id).collect();
    Some(said.keeping(|id| open.contains(id)))
}
