//! Text from outside, made safe to show.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The text with every control character (escapes, bells, newlines, bidirectional overrides) shown as `\u{..}`, so that
/// no title or output can move the cursor, colour the screen or forge a line.
pub fn visible(text: &str) -> String {
    shown(text).into_owned()
}

/// The same, which most texts are already.
pub(super) fn shown(text: &str) -> Cow<'_, str> {
    if is_plain(text) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() && c != '\t' || is_invisible_format(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out.into()
}

/// The same for a place of one line whose columns count: a tab is as wide as the terminal makes it, so there is none.
pub fn visible_line(text: &str) -> String {
    shown_line(text).into_owned()
}

/// The same, which most lines are already.
pub(super) fn shown_line(text: &str) -> Cow<'_, str> {
    match shown(text) {
        // What is borrowed is plain.
        Cow::Owned(shown) if shown.contains('\t') => shown.replace('\t', " ").into(),
        shown => shown,
    }
}

/// Printable ASCII: nothing of it has to be made visible, and each byte is one column wide.
pub(super) fn is_plain(text: &str) -> bool {
    // Several bytes at a time: what lies below the first of them comes out above the last.
    text.bytes().fold(0, |most: u8, byte| most.max(byte.wrapping_sub(b' '))) <= b'~' - b' '
}

/// One line of JSON with every such character written as `\uXXXX`: the same value for a program, harmless on a terminal.
pub fn visible_json(line: String) -> String {
    // JSON itself is plain ASCII; whatever is not stands inside a string.
    let is_odd = |c: char| c.is_control() || is_invisible_format(c);
    if is_plain(&line) || !line.contains(is_odd) {
        return line;
    }
    let mut out = String::with_capacity(line.len());
    for c in line.chars() {
        if is_odd(c) {
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

/// Bidirectional controls, zero-width and line separators, which change how other text reads, and what is no character,
/// which XML has no form for.
fn is_invisible_format(c: char) -> bool {
    matches!(
        c,
        '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
            | '\u{fffe}' | '\u{ffff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_shown_and_plain_text_is_kept() {
        assert_eq!(visible("naïve ✓ text"), "naïve ✓ text");
        assert_eq!(visible("a\x1b[31mb\nc\x07"), r"a\u{1b}[31mb\nc\u{7}");
        assert_eq!(visible("a\u{202e}b\u{61c}\u{ffff}"), r"a\u{202e}b\u{61c}\u{ffff}");
    }

    #[test]
    fn a_tab_moves_no_column_of_a_line() {
        assert_eq!((visible("a\tb"), visible_line("a\tb\n")), ("a\tb".to_owned(), r"a b\n".to_owned()));
    }

    #[test]
    fn json_is_the_same_value_and_shows_no_control_character() {
        let value = serde_json::json!({ "t": "a\u{9b}31m\u{7f}\u{202e}\u{feff}\n\u{1b}é" });
        let line = visible_json(value.to_string());
        assert_eq!(line, r#"{"t":"a\u009b31m\u007f\u202e\ufeff\n\u001bé"}"#);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&line).unwrap(), value);
    }
}
