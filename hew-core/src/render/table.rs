//! Rows of cells in columns.

use std::borrow::Cow;
use std::fmt::Write as _;

use anstyle::Style;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::text::{is_plain, visible_line};

/// One cell: text that is safe to show, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    text: String,
    style: Style,
    is_number: bool,
}

impl Cell {
    /// Text from anywhere, made safe.
    pub fn text(text: impl AsRef<str>) -> Self {
        Self { text: visible_line(text.as_ref()), style: Style::new(), is_number: false }
    }

    /// The same, cut to this many columns.
    pub fn short(text: impl AsRef<str>, columns: usize) -> Self {
        let cell = Self::text(text);
        Self { text: fitting(cell.text.into(), columns).into_owned(), ..cell }
    }

    /// A figure, at the right end of its column.
    pub fn number(number: impl std::fmt::Display) -> Self {
        Self { text: number.to_string(), style: Style::new(), is_number: true }
    }

    /// The same cell in a style.
    #[must_use]
    pub fn styled(self, style: Style) -> Self {
        Self { style, ..self }
    }

    fn pad_into(&self, out: &mut String, columns: usize, is_last: bool) {
        let Self { text, style, is_number } = self;
        let gap = columns.saturating_sub(width(text));
        if *is_number {
            out.extend(std::iter::repeat_n(' ', gap));
        }
        if style.is_plain() {
            out.push_str(text);
        } else {
            let _ = write!(out, "{style}{text}{style:#}");
        }
        if !is_number && !is_last {
            out.extend(std::iter::repeat_n(' ', gap));
        }
    }
}

/// Columns of text that is safe to show.
pub(super) fn width(text: &str) -> usize {
    if is_plain(text) { text.len() } else { text.width() }
}

/// Cuts text that is safe to show to at most this many columns, with an ellipsis where something is missing.
pub fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    shortened(text, columns)
}

/// The same of a text that most often fits.
pub(super) fn fitting(text: Cow<'_, str>, columns: usize) -> Cow<'_, str> {
    if width(&text) <= columns { text } else { shortened(&text, columns).into() }
}

fn shortened(text: &str, columns: usize) -> String {
    if columns == 0 {
        return String::new();
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        let width = c.width().unwrap_or(0);
        if used + width + 1 > columns {
            break;
        }
        used += width;
        out.push(c);
    }
    out.push('…');
    out
}

/// Columns that a page for people has.
pub const PAGE: usize = 80;

/// Fewest columns that the last column is cut to.
pub(super) const LEAST: usize = 8;

/// The same as [`render`], with the last column cut so that no line is wider than the page.
pub fn fitted(rows: &[Vec<Cell>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let before: usize = (0..columns.saturating_sub(1)).map(|column| widest(rows, column) + 2).sum();
    let room = PAGE.saturating_sub(before + 2).max(LEAST);
    let mut rows = rows.to_vec();
    for cell in rows.iter_mut().filter_map(|row| row.get_mut(columns - 1)) {
        cell.text = cut(&cell.text, room);
    }
    render(&rows)
}

/// Rows in columns, each line indented by two spaces. Rows may differ in length.
pub fn render(rows: &[Vec<Cell>]) -> String {
    let mut widths = Widths::default();
    for row in rows {
        widths.take_in(row);
    }
    let mut out = String::new();
    for row in rows {
        widths.line_into(&mut out, row);
    }
    out
}

/// How wide the columns of a table are, whose rows need not be there all at once.
#[derive(Debug, Default)]
pub(super) struct Widths(Vec<usize>);

impl Widths {
    /// One more row has to fit.
    pub(super) fn take_in(&mut self, row: &[Cell]) {
        self.0.resize(self.0.len().max(row.len()), 0);
        for (widest, cell) in self.0.iter_mut().zip(row) {
            *widest = width(&cell.text).max(*widest);
        }
    }

    /// Columns of a line up to its last cell.
    pub(super) fn before_last(&self) -> usize {
        self.0.iter().rev().skip(1).map(|columns| columns + 2).sum::<usize>() + 2
    }

    /// One line of the table, of a row that was taken in.
    pub(super) fn line_into(&self, out: &mut String, row: &[Cell]) {
        out.push_str("  ");
        let start = out.len();
        for (at, (cell, columns)) in row.iter().zip(&self.0).enumerate() {
            out.push_str(if at > 0 { "  " } else { "" });
            cell.pad_into(out, *columns, at + 1 == row.len());
        }
        let length = out[start..].trim_end().len();
        out.truncate(start + length);
        out.push('\n');
    }
}

fn widest(rows: &[Vec<Cell>], column: usize) -> usize {
    rows.iter().filter_map(|row| row.get(column)).map(|cell| width(&cell.text)).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_by_width_and_not_by_bytes() {
        let rows = [
            vec![Cell::text("日本"), Cell::number(7), Cell::text("x")],
            vec![Cell::text("a\nb"), Cell::number(1234), Cell::text("y")],
        ];
        assert_eq!(render(&rows), "  日本     7  x\n  a\\nb  1234  y\n");
    }

    #[test]
    fn the_last_column_is_cut_to_the_page() {
        let rows = [vec![Cell::text("app-1"), Cell::text("x".repeat(300))], vec![Cell::text("app-22")]];
        let text = fitted(&rows);
        assert_eq!(text.lines().map(UnicodeWidthStr::width).max(), Some(PAGE), "{text}");
        assert!(text.starts_with("  app-1   xxx") && text.ends_with("…\n  app-22\n"), "{text}");
        assert_eq!(fitted(&[]), "");
    }

    #[test]
    fn a_long_text_is_cut_at_a_column_and_never_through_a_character() {
        let cases = [
            ("short", 8, "short"),
            ("longer text", 8, "longer …"),
            ("日本語", 4, "日…"),
            ("日本語", 6, "日本語"),
            ("日本語", 1, "…"),
            ("日本語", 0, ""),
        ];
        for (text, columns, expected) in cases {
            assert_eq!(cut(text, columns), expected);
        }
    }
}
