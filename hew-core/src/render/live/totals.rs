//! The line of totals: how much has landed, what it cost, what budgets leave.

use anstyle::Style;
use chrono::{DateTime, Utc};
use unicode_width::UnicodeWidthStr;

use super::super::figures::{age_ms, compact};
use super::super::left::Left;
use super::super::style::HEADING;
use super::super::summary::spent::money;
use super::line::Line;
use crate::record::view::RunView;

/// From this width on there is room for a bar.
const BAR_COLUMNS: usize = 100;
const BAR_CELLS: usize = 20;
const GAP: &str = "  ";

/// One part, and how much it matters: 0 most.
type Part = (u8, String);

/// The line: parts that find no room are left out, the least important first.
pub(super) fn line(view: &RunView, now: DateTime<Utc>, columns: usize) -> String {
    let landed = view.landed_tasks();
    let total = view.in_scope().unwrap_or(landed);
    let head = match columns {
        BAR_COLUMNS.. => format!("{} {landed}/{total} landed", bar(landed, total)),
        _ => format!("{landed}/{total} landed"),
    };
    let mut parts = parts(view, now);
    let width = |parts: &[Part]| parts.iter().map(|(_, text)| GAP.len() + text.width()).sum::<usize>();
    while head.width() + width(&parts) > columns {
        let Some(least) = (0..parts.len()).max_by_key(|at| parts[*at].0) else { break };
        parts.remove(least);
    }
    let line = Line::new(columns).add(&head, HEADING);
    let add = |line: Line, (_, text): &Part| line.add(GAP, Style::new()).add(text, Style::new());
    parts.iter().fold(line, add).text()
}

fn parts(view: &RunView, now: DateTime<Utc>) -> Vec<Part> {
    let spent = view.spent_so_far();
    let wall = view.header.as_ref().map_or(0, |_| view.lived_ms(now));
    let left = Left::of(view, now).words();
    let mut parts = Vec::new();
    let waiting = view.stacked().count();
    if waiting > 0 {
        parts.push((1, format!("{waiting} wait for the merge")));
    }
    if view.totals.parked > 0 {
        parts.push((2, format!("{} parked", view.totals.parked)));
    }
    if spent.usage.total() > 0 {
        parts.push((3, format!("{} tokens", compact(spent.usage.total()))));
    }
    parts.extend(money(&spent).map(|money| (1, money)));
    parts.push((4, format!("after {}", age_ms(wall))));
    if !left.is_empty() {
        parts.push((0, format!("left: {}", left.join(", "))));
    }
    parts
}

fn bar(done: usize, total: usize) -> String {
    let cells = (done * BAR_CELLS).checked_div(total).unwrap_or(0);
    format!("{}{}", "━".repeat(cells), "╌".repeat(BAR_CELLS - cells))
}
