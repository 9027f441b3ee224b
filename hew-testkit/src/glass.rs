//! What a terminal shows of the bytes that it is sent: as much of one as hew may ask for, and nothing else.
//!
//! A sequence that is not known here ends the test: so hew hides no cursor, takes no alternate screen and changes no mode.

#![expect(clippy::missing_panics_doc, reason = "an odd sequence ends the test")]

/// A terminal's rows, without an end: what scrolls away is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glass {
    columns: usize,
    rows: Vec<Row>,
    row: usize,
    column: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Row {
    text: String,
    /// It goes on in the next one, because it was too long.
    is_wrapped: bool,
}

impl Glass {
    /// What a terminal of so many columns shows. Characters count one column each: tests of wide ones are elsewhere.
    pub fn of(bytes: &[u8], columns: usize) -> Self {
        let mut glass = Self { columns, rows: vec![Row::default()], row: 0, column: 0 };
        let text = String::from_utf8_lossy(bytes);
        let mut rest = text.chars();
        while let Some(c) = rest.next() {
            match c {
                '\u{1b}' => glass.obey(&mut rest),
                '\r' => glass.column = 0,
                '\n' => glass.down(),
                c => glass.put(c),
            }
        }
        glass
    }

    fn obey(&mut self, rest: &mut std::str::Chars<'_>) {
        let Some('[') = rest.next() else { panic!("an escape that hew has no need of") };
        let mut numbers = String::new();
        let end = loop {
            match rest.next() {
                Some(c) if c.is_ascii_digit() || c == ';' => numbers.push(c),
                // It is not complete yet.
                None => return,
                Some(end) => break end,
            }
        };
        let count = numbers.parse().unwrap_or(1);
        match (end, numbers.as_str()) {
            ('m', _) => {}
            ('A', _) => self.row = self.row.saturating_sub(count),
            ('B', _) => (0..count).for_each(|_| self.next_row()),
            ('J', "") => {
                self.cut();
                self.rows.truncate(self.row + 1);
            }
            ('K', "2") => self.rows[self.row] = Row::default(),
            odd => panic!("a sequence that hew has no need of: {odd:?}"),
        }
    }

    fn cut(&mut self) {
        let row = &mut self.rows[self.row];
        row.text = row.text.chars().take(self.column).collect();
        row.is_wrapped = false;
    }

    fn next_row(&mut self) {
        self.row += 1;
        if self.row == self.rows.len() {
            self.rows.push(Row::default());
        }
    }

    fn down(&mut self) {
        self.next_row();
        self.column = 0;
    }

    fn put(&mut self, c: char) {
        if self.column == self.columns {
            self.rows[self.row].is_wrapped = true;
            self.down();
        }
        let row = &mut self.rows[self.row].text;
        let mut cells: Vec<char> = row.chars().collect();
        cells.resize(cells.len().max(self.column + 1), ' ');
        cells[self.column] = c;
        *row = cells.into_iter().collect();
        self.column += 1;
    }

    /// All rows from the first to the last one, without blanks at their ends.
    pub fn rows(&self) -> Vec<&str> {
        self.rows.iter().map(|row| row.text.trim_end()).collect()
    }

    /// All that is shown.
    pub fn text(&self) -> String {
        self.rows().join("\n")
    }

    /// The rows in which there is no part of a line that was too long, from the first one that begins like this.
    pub fn frame(&self, beginning: &str) -> Option<Vec<&str>> {
        let first = self.rows.iter().rposition(|row| row.text.starts_with(beginning))?;
        assert!(self.rows[first..].iter().all(|row| !row.is_wrapped), "a line is too long: {self:#?}");
        Some(self.rows()[first..].to_vec())
    }

    /// The cursor is at the beginning of an empty row below all that is shown.
    pub fn is_cursor_at_rest(&self) -> bool {
        self.column == 0 && self.row + 1 == self.rows.len() && self.rows[self.row].text.trim().is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_drawn_over_wrapped_and_wiped() {
        let glass = Glass::of(b"one\r\ntwo\r\n\x1b[2A\x1b[2Knew\x1b[1Bx", 20);
        assert_eq!(glass.rows(), ["new", "twox", ""]);
        let glass = Glass::of(b"kept\r\nabcdef\r\n", 4);
        assert_eq!(glass.rows(), ["kept", "abcd", "ef", ""]);
        assert!(glass.is_cursor_at_rest());
        assert_eq!(Glass::of(b"a\r\nb\r\n\r\x1b[2A\x1b[J", 9).rows(), [""]);
    }

    #[test]
    #[should_panic(expected = "no need of")]
    fn a_hidden_cursor_is_noticed() {
        Glass::of(b"\x1b[?25l", 80);
    }
}
