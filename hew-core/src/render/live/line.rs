//! One line that never gets wider than the terminal.

use std::fmt::Write as _;

use anstyle::Style;
use unicode_width::UnicodeWidthStr;

use super::super::table::cut;
use super::super::text::visible_line;

/// Columns between two columns.
const GAP: usize = 2;

/// A line in the making. What finds no room is cut, with an ellipsis, and all that comes after it is left out.
#[derive(Debug)]
pub(in crate::render) struct Line {
    columns: usize,
    used: usize,
    text: String,
}

impl Line {
    pub(in crate::render) fn new(columns: usize) -> Self {
        Self { columns, used: 0, text: String::new() }
    }

    /// Columns that are left.
    pub(in crate::render) fn room(&self) -> usize {
        self.columns - self.used
    }

    /// Text from anywhere.
    pub(in crate::render) fn add(mut self, text: &str, style: Style) -> Self {
        let shown = cut(&visible_line(text), self.room());
        self.used += shown.width();
        if !shown.is_empty() {
            let _ = write!(self.text, "{style}{shown}{style:#}");
        }
        self
    }

    /// The same in a column of its own, with the gap to the next one.
    pub(in crate::render) fn cell(self, text: &str, width: usize, style: Style) -> Self {
        let shown = cut(&visible_line(text), width);
        let gap = width.saturating_sub(shown.width());
        self.add(&shown, style).blank(gap + GAP)
    }

    /// A figure at the right end of its column, with the gap to the next one.
    pub(in crate::render) fn number(self, figure: &str, width: usize) -> Self {
        let gap = width.saturating_sub(figure.width());
        self.blank(gap).add(figure, Style::new()).blank(GAP)
    }

    fn blank(mut self, columns: usize) -> Self {
        let columns = columns.min(self.room());
        self.used += columns;
        self.text.extend(std::iter::repeat_n(' ', columns));
        self
    }

    pub(in crate::render) fn text(self) -> String {
        self.text.trim_end().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_by_columns_whatever_is_in_it() {
        let plain = Style::new();
        let line = |columns| {
            Line::new(columns).cell("日本語", 5, plain).number("7", 3).add("a\tb\u{1b}[2J", plain).text()
        };
        assert_eq!(line(40), "日本…    7  a b\\u{1b}[2J");
        assert_eq!(line(16), "日本…    7  a b…");
        for columns in 0..40 {
            assert!(line(columns).width() <= columns, "{columns}: {:?}", line(columns));
        }
    }
}
