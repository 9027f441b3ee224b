//! What is next, in a line.

use std::fmt::Write as _;

use crate::record::event::{BatchSource, JournalEvent, SkipReason};
use crate::render::text::visible_line;

/// Tasks that a line names.
const NAMED: usize = 8;

/// Who said what is next; that the planner is off is not told again and again.
pub(super) fn line(event: &JournalEvent) -> Option<String> {
    let JournalEvent::BatchPlanned { number, iteration, source, task_ids, dropped, reason, detail, .. } =
        event
    else {
        return None;
    };
    let line = match (source, reason) {
        (BatchSource::Skipped, Some(SkipReason::PlannerDisabled)) => return None,
        (BatchSource::Skipped, reason) => {
            let reason = reason.map_or("no reason", SkipReason::as_str);
            let detail = detail.as_ref().map(|detail| format!(": {detail}")).unwrap_or_default();
            format!("plan {number} skipped, the graph decides ({reason}{detail})")
        }
        (BatchSource::Agent, _) if task_ids.is_empty() => {
            format!("plan {number} by the agent of {iteration}: nothing is narrowed{}", lost(dropped))
        }
        (BatchSource::Agent, _) => {
            format!("plan {number} by the agent of {iteration}: {}{}", named(task_ids), lost(dropped))
        }
        (BatchSource::Planner, _) if task_ids.is_empty() => {
            format!("plan {number} by the planner: nothing is narrowed{}", lost(dropped))
        }
        (BatchSource::Planner, _) => {
            format!("plan {number} by the planner: {}{}", named(task_ids), lost(dropped))
        }
    };
    Some(visible_line(&line))
}

fn named(tasks: &[crate::ids::TaskId]) -> String {
    let mut names = tasks.iter().take(NAMED).map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if tasks.len() > NAMED {
        let _ = write!(names, " and {} more", tasks.len() - NAMED);
    }
    names
}

fn lost(dropped: &[String]) -> String {
    if dropped.is_empty() { String::new() } else { format!(" ({} unknown dropped)", dropped.len()) }
}
