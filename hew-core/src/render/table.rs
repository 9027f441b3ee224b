//! Rows of cells in columns.

use anstyle::Style;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::text::visible_line;

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
        Self { text: cut(&cell.text, columns), ..cell }
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

    fn padded(&self, width: usize, is_last: bool) -> String {
        let gap = " ".repeat(width.saturating_sub(self.text.width()));
        let Self { text, style, is_number } = self;
        match (is_number, is_last) {
            (true, _) => format!("{gap}{style}{text}{style:#}"),
            (false, true) => format!("{style}{text}{style:#}"),
            (false, false) => format!("{style}{text}{style:#}{gap}"),
        }
    }
}

/// Cuts text that is safe to show to at most this many columns, with an ellipsis where something is missing.
pub fn cut(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
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
const LEAST: usize = 8;

/// The same as [`render`], with the last column cut so that no line is wider than the page.
pub fn fitted(rows: &[Vec<Cell>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.text.width()).max().unwrap_or(0)
    };
    let before: usize = (0..columns.saturating_sub(1)).map(|column| width(column) + 2).sum();
    let room = PAGE.saturating_sub(before + 2).max(LEAST);
    let mut rows = rows.to_vec();
    for cell in rows.iter_mut().filter_map(|row| row.get_mut(columns - 1)) {
        cell.text = cut(&cell.text, room);
    }
    render(&rows)
}

/// Rows in columns, each line indented by two spaces. Rows may differ in length.
pub fn render(rows: &[Vec<Cell>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.text.width()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut out = String::new();
    for row in rows {
        let cells = row.iter().enumerate().map(|(at, cell)| cell.padded(widths[at], at + 1 == row.len()));
        let line = cells.collect::<Vec<_>>().join("  ");
        out.push_str("  ");
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
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
