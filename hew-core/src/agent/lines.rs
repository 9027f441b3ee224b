//! Lines of JSON from a stream, in bounded memory however long one is.
//!
//! A line up to 64 KiB is handed on as it came. In a longer one each string is cut at 256 KiB, so that a line that is
//! long because of one long text still says everything else; what is then still longer than 2 MiB is no JSON any more.

/// Longest line that is handed on as it came.
const MAX_PLAIN: usize = 64 * 1024;
/// Longest string of a longer line, in bytes as they are printed.
const MAX_STRING: usize = 256 * 1024;
/// Longest line in the end.
const MAX_LINE: usize = 2 * 1024 * 1024;
/// What stands where a string was cut.
const CUT_MARK: &[u8] = "…".as_bytes();

/// Cuts a stream into lines.
#[derive(Debug, Clone, Default)]
pub(super) struct LineFeed {
    line: Vec<u8>,
    cutter: Option<Cutter>,
}

impl LineFeed {
    /// Takes the next bytes; calls `on_line` with each line that they complete, without its end.
    pub(super) fn feed(&mut self, bytes: &[u8], on_line: &mut dyn FnMut(&[u8])) {
        let mut rest = bytes;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            if self.line.is_empty() && self.cutter.is_none() && end <= MAX_PLAIN {
                on_line(&rest[..end]);
            } else {
                self.extend(&rest[..end]);
                self.end_line(on_line);
            }
            rest = &rest[end + 1..];
        }
        self.extend(rest);
    }

    /// A last line without its end is one too.
    pub(super) fn finish(&mut self, on_line: &mut dyn FnMut(&[u8])) {
        if !self.line.is_empty() {
            self.end_line(on_line);
        }
    }

    /// A line has begun that is so long that it is no short notice.
    pub(super) fn is_in_long_line(&self) -> bool {
        self.cutter.is_some()
    }

    fn extend(&mut self, bytes: &[u8]) {
        if self.cutter.is_none() && self.line.len() + bytes.len() <= MAX_PLAIN {
            return self.line.extend_from_slice(bytes);
        }
        let cutter = self.cutter.get_or_insert_with(|| {
            let plain = std::mem::take(&mut self.line);
            let mut cutter = Cutter::default();
            cutter.take(&plain, &mut self.line);
            cutter
        });
        cutter.take(bytes, &mut self.line);
    }

    fn end_line(&mut self, on_line: &mut dyn FnMut(&[u8])) {
        on_line(&self.line);
        self.line.clear();
        if self.cutter.take().is_some() {
            self.line.shrink_to(MAX_PLAIN);
        }
    }
}

/// Copies JSON with long strings cut.
#[derive(Debug, Clone, Default)]
struct Cutter {
    place: Place,
}

/// Where in the JSON the next byte stands.
#[derive(Debug, Clone, Copy, Default)]
enum Place {
    #[default]
    Outside,
    /// In a string of which so many bytes were copied.
    Copying { copied: usize, escape: Escape },
    /// In the part of a string that is left out; the flag: right after a backslash.
    Dropping { escaped: bool },
}

/// Where in an escape the next byte stands: a cut there would leave text that is no JSON.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Escape {
    #[default]
    No,
    Backslash,
    /// So many digits were seen; the value so far.
    Digits(u8, u16),
    /// After the first half of a pair.
    HalfPair,
}

impl Escape {
    fn next(self, byte: u8) -> Self {
        match (self, byte) {
            (Self::No | Self::HalfPair, b'\\') => Self::Backslash,
            (Self::Backslash, b'u') => Self::Digits(0, 0),
            (Self::Digits(seen, value), _) => {
                let digit = char::from(byte).to_digit(16).unwrap_or(0);
                let value = (value << 4) | u16::try_from(digit).unwrap_or(0);
                match seen {
                    3 if (0xd800..0xdc00).contains(&value) => Self::HalfPair,
                    3 => Self::No,
                    _ => Self::Digits(seen + 1, value),
                }
            }
            _ => Self::No,
        }
    }
}

impl Cutter {
    fn take(&mut self, bytes: &[u8], line: &mut Vec<u8>) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let used = match &mut self.place {
                Place::Outside => {
                    let string = memchr::memchr(b'"', rest);
                    let used = string.map_or(rest.len(), |at| at + 1);
                    push(line, &rest[..used]);
                    if string.is_some() {
                        self.place = Place::Copying { copied: 0, escape: Escape::No };
                    }
                    used
                }
                Place::Copying { .. } => self.copy(rest, line),
                Place::Dropping { escaped } => match memchr::memchr2(b'"', b'\\', rest) {
                    _ if *escaped => {
                        *escaped = false;
                        1
                    }
                    Some(at) if rest[at] == b'"' => {
                        push(line, b"\"");
                        self.place = Place::Outside;
                        at + 1
                    }
                    Some(at) => {
                        *escaped = true;
                        at + 1
                    }
                    None => rest.len(),
                },
            };
            rest = &rest[used..];
        }
    }

    /// Copies a string to its end or to where it is cut; answers how many bytes were taken.
    fn copy(&mut self, bytes: &[u8], line: &mut Vec<u8>) -> usize {
        let Place::Copying { copied, escape } = &mut self.place else { return 0 };
        for (at, byte) in bytes.iter().enumerate() {
            let is_whole = *escape == Escape::No && !(0x80..0xc0).contains(byte);
            if is_whole && *byte == b'"' {
                push(line, &bytes[..=at]);
                self.place = Place::Outside;
                return at + 1;
            }
            if is_whole && *copied >= MAX_STRING {
                push(line, &bytes[..at]);
                push(line, CUT_MARK);
                self.place = Place::Dropping { escaped: false };
                return at;
            }
            // A half of a pair that is followed by no escape ends at the quote all the same.
            if *escape == Escape::HalfPair && *byte == b'"' {
                push(line, &bytes[..=at]);
                self.place = Place::Outside;
                return at + 1;
            }
            *escape = escape.next(*byte);
            *copied += 1;
        }
        push(line, bytes);
        bytes.len()
    }
}

fn push(line: &mut Vec<u8>, bytes: &[u8]) {
    let room = MAX_LINE.saturating_sub(line.len());
    line.extend_from_slice(&bytes[..bytes.len().min(room)]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn lines_of(pieces: &[&[u8]]) -> Vec<Vec<u8>> {
        let mut feed = LineFeed::default();
        let mut found = Vec::new();
        for piece in pieces {
            feed.feed(piece, &mut |line| found.push(line.to_vec()));
        }
        feed.finish(&mut |line| found.push(line.to_vec()));
        found
    }

    #[test]
    fn lines_come_whole_however_the_stream_is_cut() {
        let text = b"{\"a\":1}\n\nnot json\r\n{\"b\":\"x\"}";
        let expected: Vec<&[u8]> = vec![b"{\"a\":1}", b"", b"not json\r", b"{\"b\":\"x\"}"];
        for cut in 0..=text.len() {
            assert_eq!(lines_of(&[&text[..cut], &text[cut..]]), expected, "{cut}");
        }
    }

    #[test]
    fn a_long_line_stays_json_and_says_everything_but_its_long_strings() {
        for unit in ["x", "ñ", "\\n", "\\u00f1", "\\ud83d\\ude00", "😀", "\\\\", "\\\""] {
            let long = unit.repeat(MAX_STRING);
            let line = format!(r#"{{"before":1,"long":"{long}","list":["a"],"after":2}}"#) + "\n";
            let pieces: Vec<&[u8]> = line.as_bytes().chunks(60_001).collect();
            let found = lines_of(&pieces);
            let value: Value = serde_json::from_slice(&found[0]).unwrap_or_else(|e| panic!("{unit}: {e}"));
            assert_eq!((&value["before"], &value["after"]), (&1.into(), &2.into()), "{unit}");
            assert!(found[0].len() < MAX_STRING + 200, "{unit}: {}", found[0].len());
        }
    }

    #[test]
    fn memory_is_bounded_for_a_line_without_end_and_for_one_of_countless_parts() {
        for block in [&[b'x'; 4096][..], &b"[\"ab\",".repeat(700), &b"\"".repeat(4096)] {
            let mut feed = LineFeed::default();
            for _ in 0..2000 {
                feed.feed(block, &mut |_| panic!("no line ends here"));
            }
            assert!(feed.line.capacity() <= 2 * MAX_LINE, "{}", feed.line.capacity());
            feed.finish(&mut |line| assert!(line.len() <= MAX_LINE));
            assert!(feed.line.capacity() <= 2 * MAX_PLAIN);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_pieces_give_the_same_lines(
            bytes in proptest::collection::vec(prop_oneof![any::<u8>(), Just(b'\n'), Just(b'"'), Just(b'\\')], 0..400),
            cut in 0_usize..400,
        ) {
            let cut = cut.min(bytes.len());
            prop_assert_eq!(lines_of(&[&bytes]), lines_of(&[&bytes[..cut], &bytes[cut..]]));
        }
    }
}
