//! Leaves secrets out of what a program prints while it prints it.
//!
//! Invariant: whatever the pieces in which the bytes come, what is passed on is the same. A secret that has only begun is
//! held back until the next bytes, or the end, tell what it is.

use aho_corasick::{AhoCorasick, MatchKind};

use super::secret::{LEFT_OUT, SecretValues};

/// Bytes on their way from a program to where they are kept.
#[derive(Debug)]
pub struct SecretStream {
    /// Each value as it is, and as it stands in JSON.
    values: Vec<Vec<u8>>,
    /// None where there are no secrets.
    finder: Option<AhoCorasick>,
    /// What may be the beginning of a secret.
    held: Vec<u8>,
    /// What the last call passed on, where that differs from what it was given.
    passed: Vec<u8>,
}

impl SecretStream {
    /// A stream without these values. They are found as they are and as JSON writes them, also in JSON that is a text of
    /// JSON.
    ///
    /// # Panics
    /// Where the values are larger than an index can count, which no environment is.
    pub fn new(secrets: &SecretValues) -> Self {
        let mut values: Vec<Vec<u8>> = secrets.iter().flat_map(spellings).map(String::into_bytes).collect();
        values.sort();
        values.dedup();
        let finder = (!values.is_empty()).then(|| {
            let mut builder = AhoCorasick::builder();
            builder.match_kind(MatchKind::LeftmostLongest);
            builder.build(&values).expect("an environment is far smaller than what can be searched for")
        });
        Self { values, finder, held: Vec::new(), passed: Vec::new() }
    }

    /// Takes the next bytes; answers what may be passed on now.
    pub fn pass<'b>(&'b mut self, bytes: &'b [u8]) -> &'b [u8] {
        let Some(finder) = &self.finder else { return bytes };
        if self.held.is_empty() && finder.find(bytes).is_none() {
            let end = begun_at(&self.values, bytes);
            self.held.extend_from_slice(&bytes[end..]);
            return &bytes[..end];
        }
        let mut text = std::mem::take(&mut self.held);
        text.extend_from_slice(bytes);
        self.passed.clear();
        let mut rest = &text[..];
        let held = loop {
            let end = begun_at(&self.values, rest);
            // A secret that ends with what is there may be the beginning of a longer one.
            let Some(found) = finder.find(rest).filter(|found| found.start() < end) else { break end };
            self.passed.extend_from_slice(&rest[..found.start()]);
            self.passed.extend_from_slice(LEFT_OUT.as_bytes());
            rest = &rest[found.end()..];
        };
        self.passed.extend_from_slice(&rest[..held]);
        self.held.extend_from_slice(&rest[held..]);
        &self.passed
    }

    /// Nothing more comes: what was held back.
    pub fn rest(self) -> Vec<u8> {
        let Some(finder) = self.finder else { return self.held };
        let mut rest = Vec::with_capacity(self.held.len());
        finder.replace_all_with_bytes(&self.held, &mut rest, |_, _, rest| {
            rest.extend_from_slice(LEFT_OUT.as_bytes());
            true
        });
        rest
    }
}

/// A text of JSON without these values.
pub fn left_out_of_json(secrets: &SecretValues, text: &str) -> String {
    let mut stream = SecretStream::new(secrets);
    let mut shown = stream.pass(text.as_bytes()).to_vec();
    shown.extend(stream.rest());
    // Secrets are text, and what is left between them is too.
    String::from_utf8_lossy(&shown).into_owned()
}

/// A value as it is, as JSON writes it, and as JSON writes a text of JSON.
fn spellings(value: &str) -> [String; 3] {
    let once = escaped(value);
    let twice = escaped(&once);
    [value.to_owned(), once, twice]
}

fn escaped(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// Where the earliest end of the text begins that may be the beginning of a value; the text's length where none is.
fn begun_at(values: &[Vec<u8>], text: &[u8]) -> usize {
    let longest = values.iter().map(Vec::len).max().unwrap_or_default();
    let first = (text.len() + 1).saturating_sub(longest);
    let begins = |at: &usize| {
        let end = &text[*at..];
        values.iter().any(|value| value.len() > end.len() && value.starts_with(end))
    };
    (first..text.len()).find(begins).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn secrets(values: &[&str]) -> SecretValues {
        SecretValues::of(values.iter().map(|value| ("API_KEY".to_owned(), (*value).to_owned())))
    }

    /// What comes through in pieces of this size.
    fn passed(secrets: &SecretValues, text: &[u8], size: usize) -> String {
        let mut stream = SecretStream::new(secrets);
        let mut passed = Vec::new();
        for piece in text.chunks(size) {
            passed.extend_from_slice(stream.pass(piece));
        }
        passed.extend(stream.rest());
        String::from_utf8(passed).expect("the texts here are UTF-8")
    }

    #[test]
    fn a_secret_is_left_out_however_it_is_cut() {
        let secrets = secrets(&["12345678", "1234567890", "4567890abc", "say \"aloud\""]);
        let text =
            b"a 12345678 b 1234567890 c 1234567890abc d 1234567 {\"say \\\"aloud\\\"\"} say \"aloud\" 1234";
        let expected = "a (left out) b (left out) c (left out)abc d 1234567 {\"(left out)\"} (left out) 1234";
        for size in 1..=text.len() {
            assert_eq!(passed(&secrets, text, size), expected, "in pieces of {size}");
        }
    }

    #[test]
    fn what_holds_no_secret_is_passed_as_it_came() {
        let mut stream = SecretStream::new(&SecretValues::default());
        let text = b"12345678".to_vec();
        assert!(std::ptr::eq(stream.pass(&text), text.as_slice()));
        assert_eq!(stream.rest(), b"");
    }

    proptest! {
        /// Against the plain way: the whole text at once.
        #[test]
        fn pieces_make_no_difference(
            values in prop::collection::vec("[ab\"]{8,10}", 1..4),
            text in "[ab\"c]{0,80}",
            size in 1_usize..20,
        ) {
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            let secrets = secrets(&values);
            let whole = passed(&secrets, text.as_bytes(), text.len().max(1));
            prop_assert_eq!(passed(&secrets, text.as_bytes(), size), whole.clone());
            prop_assert!(values.iter().all(|value| !whole.contains(value)));
        }
    }
}
