//! A plan in one line, for whoever looks through a log.

use super::Provenance;
use crate::ids::{IterationId, TaskId};

/// Fields that the line names.
const FIELDS: [&str; 3] = ["runtime", "model", "endpoint"];

/// E.g. `w1 iter 3 hew-a1b2: runtime=claude (project .hew.toml:3 loop.runtime) model=opus (label model:opus)
/// endpoint=none (claude handles its own)`.
pub fn provenance_line(iteration: IterationId, task: &TaskId, provenance: &[Provenance]) -> String {
    format!("{} iter {} {task}: {}", iteration.worker, iteration.iter, choices(provenance))
}

/// The same without whose it is.
pub fn choices(provenance: &[Provenance]) -> String {
    let named = FIELDS.into_iter().filter_map(|field| provenance.iter().find(|entry| entry.field == field));
    let words = named.map(|entry| format!("{}={} ({})", entry.field, entry.value, entry.origin));
    words.collect::<Vec<_>>().join(" ")
}
