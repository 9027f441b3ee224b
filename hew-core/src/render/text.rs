//! Text from outside, made safe to show.

/// The text with every control character (escapes, bells, newlines, bidirectional overrides) shown as `\u{..}`, so that
/// no title or output can move the cursor, colour the screen or forge a line.
pub fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() && c != '\t' || is_invisible_format(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

/// Bidirectional controls, zero-width and line separators: they change how other text reads.
fn is_invisible_format(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_shown_and_plain_text_is_kept() {
        assert_eq!(visible("naïve ✓ text"), "naïve ✓ text");
        assert_eq!(visible("a\x1b[31mb\nc\x07"), r"a\u{1b}[31mb\nc\u{7}");
        assert_eq!(visible("a\u{202e}b"), r"a\u{202e}b");
    }
}
