//! Writing the page: markup that stands in the source, and text that comes from anywhere.
//!
//! Invariants: markup is `&'static str`; everything else goes through [`Page::text`], which leaves secrets out, makes
//! control characters visible and escapes what HTML gives a meaning. So no title, reason or log can become markup.

use std::fmt::{self, Write};

use crate::render::markup::escape;
use crate::render::text::shown;
use crate::settings::secret::SecretValues;

/// A place or a size in a picture, to a tenth of its units; it is finite. Whole numbers are written, several times as fast
/// as a float is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Tenths(pub(super) f64);

impl fmt::Display for Tenths {
    #[expect(clippy::cast_possible_truncation, reason = "a picture is small")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = (self.0 * 10.0).round() as i64;
        let (sign, tenths) = (if tenths < 0 { "-" } else { "" }, tenths.unsigned_abs());
        write!(f, "{sign}{}.{}", tenths / 10, tenths % 10)
    }
}

/// A page in the making.
pub(super) struct Page<'a> {
    out: &'a mut dyn Write,
    secrets: &'a SecretValues,
}

impl<'a> Page<'a> {
    pub(super) fn new(out: &'a mut dyn Write, secrets: &'a SecretValues) -> Self {
        Self { out, secrets }
    }

    /// Markup.
    pub(super) fn raw(&mut self, markup: &'static str) -> fmt::Result {
        self.out.write_str(markup)
    }

    /// Text from anywhere, in an element or between the quotes of an attribute.
    pub(super) fn text(&mut self, text: impl AsRef<str>) -> fmt::Result {
        let text = self.secrets.left_out_of(text.as_ref());
        self.escaped(&shown(&text))
    }

    /// Several lines of it.
    pub(super) fn lines(&mut self, text: &str) -> fmt::Result {
        let text = self.secrets.left_out_of(text);
        for line in text.lines() {
            self.escaped(&shown(line))?;
            self.out.write_char('\n')?;
        }
        Ok(())
    }

    /// A figure or a word of hew's own.
    pub(super) fn show(&mut self, what: impl fmt::Display) -> fmt::Result {
        struct Escaping<'p>(&'p mut dyn Write);
        impl Write for Escaping<'_> {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                escape(self.0, text)
            }
        }
        write!(Escaping(self.out), "{what}")
    }

    /// Attributes that are places and sizes in a picture: ` x="1.0" y="2.5"`.
    pub(super) fn places(&mut self, places: &[(&'static str, f64)]) -> fmt::Result {
        places.iter().try_for_each(|(name, place)| write!(self.out, " {name}=\"{}\"", Tenths(*place)))
    }

    /// A picture that another module made safe.
    pub(super) fn picture(&mut self, svg: &str) -> fmt::Result {
        self.out.write_str(svg)
    }

    /// Markup around text: `<p>`, text, `</p>`.
    pub(super) fn around(
        &mut self,
        before: &'static str,
        text: impl AsRef<str>,
        after: &'static str,
    ) -> fmt::Result {
        self.raw(before)?;
        self.text(text)?;
        self.raw(after)
    }

    fn escaped(&mut self, text: &str) -> fmt::Result {
        escape(self.out, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Page<'_>) -> fmt::Result) -> String {
        let secret = ("API_KEY".to_owned(), "s3cr&t-value".to_owned());
        let (mut out, secrets) = (String::new(), SecretValues::of([secret]));
        write(&mut Page::new(&mut out, &secrets)).expect("a text takes what is written to it");
        out
    }

    #[test]
    fn a_place_is_written_to_a_tenth() {
        let written = |place: f64| Tenths(place).to_string();
        assert_eq!(
            [written(0.0), written(64.04), written(64.06), written(1107.96)],
            ["0.0", "64.0", "64.1", "1108.0"]
        );
        assert_eq!([written(-0.04), written(-0.26), written(-12.0)], ["0.0", "-0.3", "-12.0"]);
    }

    #[test]
    fn text_can_be_no_markup_no_escape_and_no_secret() {
        let odd = "<b a='1' b=\"2\">&amp;\u{1b}[31m\u{202e}s3cr&t-value\n";
        let safe = "&lt;b a=&#39;1&#39; b=&quot;2&quot;&gt;&amp;amp;\\u{1b}[31m\\u{202e}(left out)\\n";
        assert_eq!(written(|page| page.text(odd)), safe);
        assert_eq!(written(|page| page.lines("a<\r\n\u{1b}b\nc")), "a&lt;\n\\u{1b}b\nc\n");
        assert_eq!(written(|page| page.show("<")), "&lt;");
        assert_eq!(written(|page| page.around("<p>", "é<", "</p>")), "<p>é&lt;</p>");
    }
}
