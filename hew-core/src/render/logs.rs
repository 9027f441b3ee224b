//! Iterations of a run, one line each.

use super::figures::{duration_ms, grouped};
use super::style::{self, FAINT};
use super::table::{self, Cell};
use crate::ids::{IterationId, TaskId};
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
    /// It is this iteration that is wanted, and no other can be.
    pub fn is_only(&self, id: IterationId, jobs: u16) -> bool {
        let worker = self.worker.or((jobs == 1).then_some(0));
        worker == Some(id.worker.0) && self.iter == Some(id.iter)
    }

    /// It is wanted.
    pub fn matches(&self, row: &IterationRow) -> bool {
        self.worker.is_none_or(|worker| row.id.worker.0 == worker)
            && self.iter.is_none_or(|iter| row.id.iter == iter)
            && self.task.as_ref().is_none_or(|task| row.task.as_ref() == Some(task))
    }
}

/// A table with a heading.
pub fn table(rows: &[IterationRow]) -> String {
    let has_tokens = rows.iter().any(|row| row.usage.total() > 0);
    let mut names = vec!["worker", "iter", "task", "outcome", "took", "attempt", "landed"];
    names.extend(has_tokens.then_some("tokens"));
    names.push("title");
    let mut cells = vec![names.into_iter().map(|name| Cell::text(name).styled(FAINT)).collect()];
    cells.extend(rows.iter().map(|row| cells_of(row, has_tokens)));
    table::render(&cells)
}

/// One line, for whoever reads along.
pub fn line(row: &IterationRow) -> String {
    table::render(&[cells_of(row, row.usage.total() > 0)])
}

fn cells_of(row: &IterationRow, with_tokens: bool) -> Vec<Cell> {
    let (what, style) = match row.outcome {
        Some(outcome) => (outcome.as_str(), style::of_outcome(outcome)),
        None => (row.phase, FAINT),
    };
    let what = if row.escapes > 0 { format!("{what} (escape)") } else { what.to_owned() };
    let took = if row.outcome.is_some() { duration_ms(row.duration_ms) } else { "-".to_owned() };
    let mut cells = vec![
        Cell::text(row.id.worker.to_string()),
        Cell::text(row.id.stem()),
        Cell::text(row.task.as_ref().map_or("?", |task| task.as_str())),
        Cell::text(what).styled(style),
        Cell::number(took),
        Cell::number(row.attempt),
        Cell::text(row.landed_sha.as_ref().map_or("-", |sha| sha.short())),
    ];
    cells.extend(with_tokens.then(|| Cell::number(grouped(row.usage.total()))));
    cells.push(Cell::short(&row.title, TITLE_COLUMNS));
    cells
}
