//! One batch's file, told once more as the event that a journal would have.

use chrono::{DateTime, Utc};

use super::moment;
use crate::ids::{IterationId, WorkerId};
use crate::record::event::{JournalEntry, JournalEvent};
use crate::record::files::BatchFile;
use crate::record::view::RunView;

/// Counts a batch into the view of a run that began then.
pub(super) fn take(view: &mut RunView, number: u32, file: &BatchFile, started_at: DateTime<Utc>) {
    let event = JournalEvent::BatchPlanned {
        number,
        iteration: IterationId { worker: file.worker.unwrap_or(WorkerId(0)), iter: file.iter_number },
        source: file.source,
        task_ids: file.task_ids.clone(),
        dropped: file.dropped.clone(),
        reason: file.reason,
        detail: file.detail.clone(),
        planner_tokens: file.planner_tokens,
        cost_usd: file.cost_usd,
        cost_source: file.cost_source,
    };
    let elapsed_ms = moment(started_at, file.created_at).elapsed_ms;
    view.apply(&JournalEntry { seq: 0, at: file.created_at, elapsed_ms, event });
}
