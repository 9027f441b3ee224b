//! Named facts, one below the other, and text that is broken into lines.

use std::fmt::Write as _;

use anstyle::Style;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::style::FAINT;
use super::table::PAGE;
use super::text::visible_line;

/// Columns of a name.
const NAME: usize = 10;

/// A name, what is to be said, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact {
    name: &'static str,
    text: String,
    style: Style,
}

impl Fact {
    /// Text from anywhere.
    pub fn new(name: &'static str, text: impl AsRef<str>) -> Self {
        Self { name, text: visible_line(text.as_ref()), style: Style::new() }
    }

    /// The same in a style.
    #[must_use]
    pub fn styled(self, style: Style) -> Self {
        Self { style, ..self }
    }
}

/// Facts below one another, none wider than the page.
pub fn render(facts: &[Fact]) -> String {
    let mut out = String::new();
    for Fact { name, text, style } in facts {
        let mut name = *name;
        for line in wrap(text, PAGE - NAME - 4) {
            let _ = writeln!(out, "  {FAINT}{name:<NAME$}{FAINT:#}  {style}{line}{style:#}");
            name = "";
        }
    }
    out
}

/// Text that is safe to show, broken between words into lines of at most this many columns; a word that is too long for
/// one is broken anywhere. There is always a line.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        if !line.is_empty() && line.width() + 1 + word.width() > columns {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        for c in word.chars() {
            if line.width() + c.width().unwrap_or(0) > columns && !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            line.push(c);
        }
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_broken_between_words_and_long_words_anywhere() {
        let cases: [(&str, &[&str]); 6] = [
            ("", &[""]),
            ("one two", &["one two"]),
            ("one two three", &["one two", "three"]),
            ("  one   two", &["one two"]),
            ("abcdefghijkl", &["abcdefgh", "ijkl"]),
            ("a 日本語日本語", &["a", "日本語日", "本語"]),
        ];
        for (text, lines) in cases {
            assert_eq!(wrap(text, 8), lines, "{text}");
        }
    }

    #[test]
    fn a_fact_goes_on_below_itself() {
        let text = render(&[Fact::new("gate", "x".repeat(80)), Fact::new("b", "y")]);
        let text = text.replace(&FAINT.to_string(), "").replace(&format!("{FAINT:#}"), "");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], format!("  gate        {}", "x".repeat(66)));
        assert_eq!(lines[1], format!("              {}", "x".repeat(14)));
        assert_eq!(lines[2], "  b           y");
    }
}
