//! Iterations of a run, one line each.

use super::figures::duration_ms;
use super::style::{self, FAINT};
use super::table::{self, Cell};
use crate::ids::TaskId;
use crate::record::view::IterationRow;

/// Columns of a title in the table.
const TITLE_COLUMNS: usize = 48;

/// Which iterations are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowFilter {
    /// Only this worker.
    pub worker: Option<u16>,
    /// Only iterations of this number.
    pub iter: Option<u32>,
    /// Only this task.
    pub task: Option<TaskId>,
}

impl RowFilter {
    /// It is wanted.
    pub fn matches(&self, row: &IterationRow) -> bool {
        self.worker.is_none_or(|worker| row.id.worker.0 == worker)
            && self.iter.is_none_or(|iter| row.id.iter == iter)
            && self.task.as_ref().is_none_or(|task| row.task.as_ref() == Some(task))
    }
}

/// A table with a heading.
pub fn table(rows: &[IterationRow]) -> String {
    let names = ["worker", "iter", "task", "outcome", "took", "attempt", "landed", "title"];
    let mut cells = vec![names.map(|name| Cell::text(name).styled(FAINT)).to_vec()];
    cells.extend(rows.iter().map(cells_of));
    table::render(&cells)
}

/// One line, for whoever reads along.
pub fn line(row: &IterationRow) -> String {
    table::render(&[cells_of(row)])
}

fn cells_of(row: &IterationRow) -> Vec<Cell> {
    let (what, style) = match row.outcome {
        Some(outcome) => (outcome.as_str(), style::of_outcome(outcome)),
        None => (row.phase, FAINT),
    };
    let took = if row.outcome.is_some() { duration_ms(row.duration_ms) } else { "-".to_owned() };
    vec![
        Cell::text(row.id.worker.to_string()),
        Cell::text(row.id.stem()),
        Cell::text(row.task.as_ref().map_or("?", |task| task.as_str())),
        Cell::text(what).styled(style),
        Cell::number(took),
        Cell::number(row.attempt),
        Cell::text(row.landed_sha.as_ref().map_or("-", |sha| sha.short())),
        Cell::short(&row.title, TITLE_COLUMNS),
    ]
}
