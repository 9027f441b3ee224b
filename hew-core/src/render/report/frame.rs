//! What is around the content: head, style, script, navigation, sections.

use std::fmt;

use sha2::{Digest as _, Sha256};

use super::page::Page;
use super::{Report, headline};
use crate::render::figures::stamp;

/// How it looks.
const STYLE: &str = include_str!("style.css");
/// Sorting, filtering, jumping; nothing is missing without it.
const SCRIPT: &str = include_str!("script.js");

/// Up to the beginning of the content.
pub(super) fn begin(page: &mut Page<'_>, report: &Report<'_>) -> fmt::Result {
    page.raw("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n")?;
    page.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n")?;
    page.raw("<meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"referrer\" content=\"no-referrer\">\n")?;
    // Whatever got into the page, nothing is loaded and no script but its own runs.
    page.raw("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'unsafe-inline'; script-src 'sha256-")?;
    page.show(base64(&Sha256::digest(SCRIPT.as_bytes())))?;
    page.raw("'\">\n<title>")?;
    page.text(headline::title(report))?;
    page.raw("</title>\n<style>\n")?;
    page.raw(STYLE)?;
    page.raw("</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#main\">Skip to the content</a>\n")
}

/// From the end of the content on.
pub(super) fn end(page: &mut Page<'_>, report: &Report<'_>) -> fmt::Result {
    page.raw("</main>\n<footer>\n<p>Made by hew at ")?;
    page.show(stamp(report.made_at))?;
    page.raw(". This page is one file: it loads nothing and sends nothing.</p>\n</footer>\n<script>")?;
    page.raw(SCRIPT)?;
    page.raw("</script>\n</body>\n</html>\n")
}

/// The beginning of a section with a heading.
pub(super) fn section(page: &mut Page<'_>, id: &'static str, title: &'static str) -> fmt::Result {
    page.raw("<section id=\"")?;
    page.raw(id)?;
    page.raw("\" aria-labelledby=\"h-")?;
    page.raw(id)?;
    page.raw("\">\n<h2 id=\"h-")?;
    page.raw(id)?;
    page.raw("\">")?;
    page.raw(title)?;
    page.raw("</h2>\n")
}

/// Its end.
pub(super) fn end_section(page: &mut Page<'_>) -> fmt::Result {
    page.raw("</section>\n")
}

/// A sign that says what the word beside it says: nothing for those who hear the page.
pub(super) fn mark(page: &mut Page<'_>, glyph: &'static str) -> fmt::Result {
    page.raw("<span class=\"mark\" aria-hidden=\"true\">")?;
    mark_text(page, glyph)?;
    page.raw("</span>")
}

/// A sign as text: never as a picture in colours of its own.
pub(super) fn mark_text(page: &mut Page<'_>, glyph: &'static str) -> fmt::Result {
    page.raw(glyph)?;
    page.raw("\u{fe0e}")
}

/// A wire form for people.
pub(super) fn words(wire: &str) -> String {
    wire.replace('_', " ")
}

/// A cell with a figure that programs read, and sort by, and its form for people.
pub(super) fn figure_cell(
    page: &mut Page<'_>,
    figure: impl fmt::Display,
    shown: impl fmt::Display,
) -> fmt::Result {
    page.raw("<td class=\"n\" data-v=\"")?;
    page.show(figure)?;
    page.raw("\">")?;
    page.show(shown)?;
    page.raw("</td>")
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let three = [chunk[0], *chunk.get(1).unwrap_or(&0), *chunk.get(2).unwrap_or(&0)];
        let bits = u32::from_be_bytes([0, three[0], three[1], three[2]]);
        for place in 0..4 {
            let digit = (bits >> (18 - 6 * place)) & 63;
            let is_there = place <= chunk.len();
            out.push(if is_there { char::from(DIGITS[digit as usize]) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_everybody() {
        let cases = [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")];
        for (text, expected) in cases {
            assert_eq!(base64(text.as_bytes()), expected);
        }
    }

    #[test]
    fn style_and_script_end_nothing_and_load_nothing() {
        for text in [STYLE, SCRIPT] {
            for word in ["</", "<!--", "http:", "https:", "@import", "url(\"", "fetch(", "XMLHttpRequest"] {
                assert!(!text.contains(word), "{word}");
            }
        }
    }
}
