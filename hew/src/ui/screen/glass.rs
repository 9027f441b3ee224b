//! What is to be written to a terminal, gathered until all of it can be written at once.
//!
//! `indicatif` fills each row with blanks to its end and trusts the terminal to go on in the next one. Here a row that is
//! full ends with a newline, and the blanks are left out: so lines that have scrolled away are lines of their own, which a
//! terminal may wrap anew and a person may copy.

use std::fmt::Write as _;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hew_core::render::live::Size;
use indicatif::TermLike;
use unicode_width::UnicodeWidthChar;

/// From the cursor's row to the first of so many rows above it, and away with all below.
pub(super) fn wipe(rows: usize) -> String {
    if rows == 0 { "\r\u{1b}[J".to_owned() } else { format!("\r\u{1b}[{rows}A\u{1b}[J") }
}

/// What is gathered.
#[derive(Debug)]
pub(super) struct Glass {
    page: Mutex<Page>,
}

#[derive(Debug)]
struct Page {
    size: Size,
    text: String,
    /// Columns written to in the row, blanks that were left out too.
    at: usize,
    is_row_full: bool,
}

impl Glass {
    pub(super) fn new(size: Size) -> Self {
        Self { page: Mutex::new(Page { size, text: String::new(), at: 0, is_row_full: false }) }
    }

    fn page(&self) -> MutexGuard<'_, Page> {
        self.page.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The terminal has this size, and the cursor is at the beginning of an empty row.
    pub(super) fn resize(&self, size: Size) {
        let mut page = self.page();
        page.size = size;
        page.forget_row();
    }

    /// Adds bytes as they are.
    pub(super) fn put(&self, text: &str) {
        self.page().text.push_str(text);
    }

    /// All that was gathered.
    pub(super) fn take(&self) -> String {
        std::mem::take(&mut self.page().text)
    }
}

impl Page {
    fn forget_row(&mut self) {
        (self.at, self.is_row_full) = (0, false);
    }

    fn write(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        if std::mem::take(&mut self.is_row_full) {
            self.text.push('\n');
            self.at = 0;
        }
        let plain = anstream::adapter::strip_str(text).to_string();
        let columns = self.size.columns.max(1);
        for width in plain.chars().filter_map(UnicodeWidthChar::width) {
            self.at += width;
            // As `indicatif` counts and terminals do: a wide character for which there is no room begins the next row.
            if self.at > columns {
                self.at = width;
            }
        }
        if !plain.trim().is_empty() {
            self.text.push_str(text);
        }
        self.is_row_full = self.at == columns;
    }

    fn move_by(&mut self, rows: usize, direction: char) {
        self.forget_row();
        if rows > 0 {
            let _ = write!(self.text, "\u{1b}[{rows}{direction}");
        }
    }
}

/// The glass, as `indicatif` sees it.
#[derive(Debug)]
pub(super) struct Pane(pub(super) Arc<Glass>);

impl TermLike for Pane {
    fn width(&self) -> u16 {
        u16::try_from(self.0.page().size.columns).unwrap_or(u16::MAX)
    }

    fn height(&self) -> u16 {
        u16::try_from(self.0.page().size.rows).unwrap_or(u16::MAX)
    }

    fn move_cursor_up(&self, rows: usize) -> io::Result<()> {
        self.0.page().move_by(rows, 'A');
        Ok(())
    }

    fn move_cursor_down(&self, rows: usize) -> io::Result<()> {
        self.0.page().move_by(rows, 'B');
        Ok(())
    }

    fn move_cursor_right(&self, columns: usize) -> io::Result<()> {
        self.0.page().move_by(columns, 'C');
        Ok(())
    }

    fn move_cursor_left(&self, columns: usize) -> io::Result<()> {
        self.0.page().move_by(columns, 'D');
        Ok(())
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        let mut page = self.0.page();
        page.write(text);
        page.text.push('\n');
        page.forget_row();
        Ok(())
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.0.page().write(text);
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        let mut page = self.0.page();
        page.forget_row();
        page.text.push_str("\r\u{1b}[2K");
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of a text that is filled up to the end of its last row, as `indicatif` does, and one behind it.
    fn filled(text: &str, filler: usize) -> String {
        let pane = Pane(Arc::new(Glass::new(Size { columns: 10, rows: 5 })));
        pane.write_str(text).unwrap();
        pane.write_str(&" ".repeat(filler)).unwrap();
        pane.write_str("next").unwrap();
        pane.0.take()
    }

    #[test]
    fn a_row_that_is_filled_ends_with_a_newline_also_where_a_wide_character_left_a_column_free() {
        assert_eq!(filled("123", 7), "123\nnext");
        assert_eq!(filled("1234567890", 0), "1234567890\nnext");
        assert_eq!(filled("1234567890123", 7), "1234567890123\nnext");
        assert_eq!(filled("12345678国", 0), "12345678国\nnext");
        // It begins a row of its own: a terminal breaks none in two.
        assert_eq!(filled("123456789国", 8), "123456789国\nnext");
        assert_eq!(
            filled("\u{1b}[1m国国国国国国\u{1b}[0me\u{301}", 7),
            "\u{1b}[1m国国国国国国\u{1b}[0me\u{301}\nnext"
        );
        assert_eq!(filled("123", 6), "123next");
    }
}
