//! Results that are printed as they are made: of a large run the whole text would be much.

use std::fmt;
use std::io;

use hew_core::render::text::visible_json;

use super::Ui;

/// Bytes that are printed at once.
pub(super) const PIECE: usize = 64 * 1024;

/// Text for people.
pub(super) struct InPieces<'a> {
    ui: &'a Ui,
    has_styles: bool,
    waiting: String,
}

impl<'a> InPieces<'a> {
    pub(super) fn new(ui: &'a Ui, has_styles: bool) -> Self {
        Self { ui, has_styles, waiting: String::new() }
    }

    /// What is left.
    pub(super) fn end(mut self) {
        self.print();
    }

    fn print(&mut self) {
        if self.has_styles {
            self.ui.print(&self.waiting);
        } else {
            self.ui.print_unstyled(&self.waiting);
        }
        self.waiting.clear();
    }
}

impl fmt::Write for InPieces<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.waiting.push_str(text);
        if self.waiting.len() < PIECE {
            return Ok(());
        }
        self.print();
        if self.ui.is_stdout_open() { Ok(()) } else { Err(fmt::Error) }
    }
}

/// One line of JSON.
pub(super) struct JsonInPieces<'a> {
    ui: &'a Ui,
    waiting: Vec<u8>,
}

impl<'a> JsonInPieces<'a> {
    pub(super) fn new(ui: &'a Ui) -> Self {
        Self { ui, waiting: Vec::new() }
    }

    /// What is left, and the line's end.
    pub(super) fn end(mut self) {
        self.print_whole();
        self.ui.print_unstyled("\n");
    }

    /// All of it but a character that is not whole yet.
    fn print_whole(&mut self) {
        let whole = match std::str::from_utf8(&self.waiting) {
            Ok(text) => text.len(),
            Err(error) => error.valid_up_to(),
        };
        let rest = self.waiting.split_off(whole);
        let whole = std::mem::replace(&mut self.waiting, rest);
        let text = String::from_utf8(whole).expect("up to there it is UTF-8");
        self.ui.print_unstyled(&visible_json(text));
    }
}

impl io::Write for JsonInPieces<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.waiting.extend_from_slice(bytes);
        if self.waiting.len() >= PIECE {
            self.print_whole();
            if !self.ui.is_stdout_open() {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
