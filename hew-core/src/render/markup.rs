//! Text in HTML and XML.

use std::fmt::{self, Write};

/// Writes text that is no markup, whatever it says, in an element or between the quotes of an attribute.
pub(super) fn escape(out: &mut dyn Write, text: &str) -> fmt::Result {
    let mut from = 0;
    // None of these bytes stands within a character.
    for (at, byte) in text.bytes().enumerate() {
        let entity = match byte {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'"' => "&quot;",
            b'\'' => "&#39;",
            _ => continue,
        };
        out.write_str(&text[from..at])?;
        out.write_str(entity)?;
        from = at + 1;
    }
    out.write_str(&text[from..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_meaning_in_markup_is_written_as_an_entity() {
        let mut out = String::new();
        escape(&mut out, "<b a='1' b=\"2\">é&amp;</b>").unwrap();
        assert_eq!(out, "&lt;b a=&#39;1&#39; b=&quot;2&quot;&gt;é&amp;amp;&lt;/b&gt;");
    }
}
