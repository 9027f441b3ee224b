//! Iterations of a run, one line each.

use std::fmt::{self, Write};

use super::figures::{duration_ms, grouped};
use super::style::{self, FAINT};
use super::table::{self, Cell, LEAST, Widths};
use crate::ids::{IterationId, TaskId};
use crate::record::view::IterationRow;

/// Most columns of a title in the table.
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
        self.names(row.id, row.task.as_ref())
    }

    /// An iteration of this id at this task is wanted.
    pub fn names(&self, id: IterationId, task: Option<&TaskId>) -> bool {
        self.worker.is_none_or(|worker| id.worker.0 == worker)
            && self.iter.is_none_or(|iter| id.iter == iter)
            && self.task.as_ref().is_none_or(|wanted| task == Some(wanted))
    }
}

/// A table with a heading.
pub fn table(rows: &[IterationRow]) -> String {
    let mut out = String::new();
    // A text takes whatever is written to it.
    let _ = write_table(rows, usize::MAX, &mut out);
    out
}

/// The same line by line, with titles cut where a line would be wider than this many columns. Cells are made twice, for their widths and for their text: of a large run all of them are much.
pub fn write_table(rows: &[IterationRow], columns: usize, out: &mut dyn Write) -> fmt::Result {
    let has_tokens = rows.iter().any(|row| row.usage.total() > 0);
    let mut names = vec!["worker", "iter", "task", "outcome", "took", "attempt", "landed"];
    names.extend(has_tokens.then_some("tokens"));
    names.push("title");
    let heading: Vec<Cell> = names.into_iter().map(|name| Cell::text(name).styled(FAINT)).collect();
    let mut widths = Widths::default();
    widths.take_in(&heading);
    for row in rows {
        widths.take_in(&cells_of(row, has_tokens, TITLE_COLUMNS));
    }
    let room = room_for_title(&widths, columns);
    let mut line = String::new();
    widths.line_into(&mut line, &heading);
    out.write_str(&line)?;
    for row in rows {
        line.clear();
        widths.line_into(&mut line, &cells_of(row, has_tokens, room));
        out.write_str(&line)?;
    }
    Ok(())
}

/// One line of at most this many columns, if that can be, for whoever reads along.
pub fn line(row: &IterationRow, columns: usize) -> String {
    let cells = |room| cells_of(row, row.usage.total() > 0, room);
    let mut widths = Widths::default();
    widths.take_in(&cells(TITLE_COLUMNS));
    table::render(&[cells(room_for_title(&widths, columns))])
}

/// Columns that a title has in a line of this many.
fn room_for_title(widths: &Widths, columns: usize) -> usize {
    columns.saturating_sub(widths.before_last()).clamp(LEAST, TITLE_COLUMNS)
}

fn cells_of(row: &IterationRow, with_tokens: bool, title: usize) -> Vec<Cell> {
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
    cells.push(Cell::short(&row.title, title));
    cells
}
