//! What can be read from an agent's plain output, line by line, in bounded memory whatever is printed.
//!
//! Lines end with a newline; of a line that was drawn over itself with carriage returns only the last state counts.
//! What is not UTF-8 is read with replacement characters. This decides nothing: [`super::verdict`] does.

use std::borrow::Cow;

/// Most bytes of a line that are looked at.
const MAX_LINE: usize = 8 * 1024;
/// Most decisions, and most deferrals, that are kept.
const MAX_MARKED: usize = 200;
/// Most bytes of a summary.
const MAX_SUMMARY: usize = 4 * 1024;
/// What a decision begins with.
const DECISION: &str = "DECISION:";
/// What something begins with that was put off.
const DEFERRED: &str = "DEFERRED:";
/// What both begin with.
const MARK_START: &str = "DE";
/// The heading that a summary stands under.
const SUMMARY_HEADING: &str = "## Summary";

/// Bytes as text, with replacement characters where they are none. What is text is looked through at the speed of memory.
pub fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

/// What an agent's output said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TextFindings {
    /// The last line that is not blank, without blanks around it.
    pub last_line: String,
    /// Lines that begin with `DECISION:`, without the word.
    pub decisions: Vec<String>,
    /// Lines that begin with `DEFERRED:`, without the word.
    pub deferred: Vec<String>,
    /// The text after the last `## Summary` heading, if there is any.
    pub summary: Option<String>,
}

/// Reads output as it comes.
#[derive(Debug, Clone, Default)]
pub struct TextScan {
    line: Vec<u8>,
    last_line: Vec<u8>,
    findings: TextFindings,
}

impl TextScan {
    /// Takes the next bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        if !self.line.is_empty() {
            let Some(end) = memchr::memchr(b'\n', rest) else { return self.extend_line(rest) };
            self.extend_line(&rest[..end]);
            self.end_line();
            rest = &rest[end + 1..];
        }
        let whole = memchr::memrchr(b'\n', rest).map_or(0, |end| end + 1);
        self.take_lines(&rest[..whole]);
        self.extend_line(&rest[whole..]);
    }

    /// Takes a text that is whole: its last line has ended, whether it has an end or not.
    pub fn take_text(&mut self, text: &str) {
        if self.line.is_empty() && memchr::memchr2(b'\n', b'\r', text.as_bytes()).is_none() {
            return self.take_shown(&text.as_bytes()[..text.len().min(MAX_LINE)]);
        }
        self.feed(text.as_bytes());
        self.feed(b"\n");
    }

    /// Takes whole lines. Of most floods no line says anything to hew but the last.
    fn take_lines(&mut self, lines: &[u8]) {
        if self.findings.wants_summary() || may_be_marked(lines) {
            lines.split_inclusive(|byte| *byte == b'\n').for_each(|line| self.take_line(cut_end(line)));
            return;
        }
        let mut rest = lines;
        while let Some(before_end) = rest.strip_suffix(b"\n") {
            let start = memchr::memrchr(b'\n', before_end).map_or(0, |end| end + 1);
            if self.take_last(shown(cut_end(&rest[start..]))) {
                return;
            }
            rest = &rest[..start];
        }
    }

    /// Everything found; a last line without a newline counts.
    pub fn finish(mut self) -> TextFindings {
        self.end_line();
        self.findings.last_line = String::from_utf8_lossy(&self.last_line).trim().to_owned();
        self.findings.summary =
            self.findings.summary.map(|text| text.trim().to_owned()).filter(|t| !t.is_empty());
        self.findings
    }

    fn extend_line(&mut self, bytes: &[u8]) {
        let room = MAX_LINE.saturating_sub(self.line.len());
        self.line.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn end_line(&mut self) {
        let mut line = std::mem::take(&mut self.line);
        self.take_line(&line);
        line.clear();
        self.line = line;
    }

    fn take_line(&mut self, line: &[u8]) {
        self.take_shown(shown(line));
    }

    fn take_shown(&mut self, shown: &[u8]) {
        self.take_last(shown);
        // Text is made only of lines that might say something.
        if matches!(shown.trim_ascii().first(), Some(b'D' | b'#')) || self.findings.wants_summary() {
            self.findings.take_line(&String::from_utf8_lossy(shown));
        }
    }

    /// It is the last line so far; false if it is blank, and is not.
    fn take_last(&mut self, shown: &[u8]) -> bool {
        let trimmed = shown.trim_ascii();
        if !trimmed.is_empty() {
            self.last_line.clear();
            self.last_line.extend_from_slice(trimmed);
        }
        !trimmed.is_empty()
    }
}

/// As much of a line as is looked at, without its end.
fn cut_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    &line[..line.len().min(MAX_LINE)]
}

/// The last state of a line that was drawn over itself.
fn shown(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    memchr::memrchr(b'\r', line).map_or(line, |at| &line[at + 1..])
}

/// There may be lines with one of the words. Two of them begin alike, so that most texts are looked through twice only.
fn may_be_marked(lines: &[u8]) -> bool {
    let has = |word: &str| memchr::memmem::find(lines, word.as_bytes()).is_some();
    has(SUMMARY_HEADING) || (has(MARK_START) && (has(DECISION) || has(DEFERRED)))
}

impl TextFindings {
    fn wants_summary(&self) -> bool {
        self.summary.as_ref().is_some_and(|summary| summary.len() < MAX_SUMMARY)
    }

    fn take_line(&mut self, line: &str) {
        let trimmed = line.trim();
        keep_marked(&mut self.decisions, trimmed, DECISION);
        keep_marked(&mut self.deferred, trimmed, DEFERRED);
        if trimmed == SUMMARY_HEADING {
            self.summary = Some(String::new());
        } else if let Some(summary) = &mut self.summary {
            push_bounded(summary, line);
        }
    }
}

fn keep_marked(kept: &mut Vec<String>, line: &str, word: &str) {
    if let Some(rest) = line.strip_prefix(word).filter(|_| kept.len() < MAX_MARKED) {
        kept.push(rest.trim().to_owned());
    }
}

fn push_bounded(summary: &mut String, line: &str) {
    for c in line.chars().chain(['\n']) {
        if summary.len() + c.len_utf8() > MAX_SUMMARY {
            return;
        }
        summary.push(c);
    }
}

/// The last bytes of a stream, at most as many as it was made for.
#[derive(Debug, Clone)]
pub struct Tail {
    max: usize,
    bytes: Vec<u8>,
}

impl Tail {
    /// An empty tail.
    pub fn new(max: usize) -> Self {
        Self { max, bytes: Vec::new() }
    }

    /// Takes the next bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        if bytes.len() >= self.max {
            self.bytes.clear();
        }
        self.bytes.extend_from_slice(&bytes[bytes.len().saturating_sub(self.max)..]);
        // Cut at twice the size only, so that each byte is moved at most once.
        if self.bytes.len() >= self.max * 2 {
            self.cut();
        }
    }

    fn cut(&mut self) {
        let surplus = self.bytes.len().saturating_sub(self.max);
        self.bytes.drain(..surplus);
    }

    /// The tail as text, with replacement characters where it is none; a character cut in two is left out.
    pub fn into_text(mut self) -> String {
        self.cut();
        let torn = self.bytes.iter().take(3).take_while(|byte| (0x80..0xc0).contains(*byte)).count();
        String::from_utf8_lossy(&self.bytes[torn..]).into_owned()
    }

    /// The last `lines` lines of the tail.
    pub fn into_lines(self, lines: usize) -> String {
        let text = self.into_text();
        let body = text.strip_suffix('\n').unwrap_or(&text);
        let start = body.rmatch_indices('\n').nth(lines.saturating_sub(1)).map_or(0, |(at, _)| at + 1);
        text[start..].to_owned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(pieces: &[&[u8]]) -> TextFindings {
        let mut scan = TextScan::default();
        for piece in pieces {
            scan.feed(piece);
        }
        scan.finish()
    }

    #[test]
    fn a_whole_text_is_read_as_its_bytes_and_an_end_are() {
        let long = "x".repeat(MAX_LINE) + "y";
        let texts =
            ["", " ", "one", "DECISION: a", "## Summary", "10%\r20%", "a\nb", "a\n", "## Summary\nb", &long];
        for before in ["", "## Summary\n", "begun "] {
            for text in texts {
                let (mut whole, mut fed) = (TextScan::default(), TextScan::default());
                whole.feed(before.as_bytes());
                whole.take_text(text);
                fed.feed(format!("{before}{text}\n").as_bytes());
                assert_eq!(whole.finish(), fed.finish(), "{before:?} {text:?}");
            }
        }
    }

    #[test]
    fn the_last_line_is_the_last_that_is_not_blank() {
        let cases: [(&[&[u8]], &str); 9] = [
            (&[], ""),
            (&[b"one\ntwo\n\n  \n"], "two"),
            (&[b"clo", b"sed hew", b"-1\n"], "closed hew-1"),
            (&[b"no newline"], "no newline"),
            (&[b"windows\r\n"], "windows"),
            (&[b"10%\r20%\r30%"], "30%"),
            (&[b"10%\r20%\r\n"], "20%"),
            (&[b"bad \xff byte\n"], "bad \u{fffd} byte"),
            (&[b"nul \0 byte\n"], "nul \0 byte"),
        ];
        for (pieces, expected) in cases {
            assert_eq!(found(pieces).last_line, expected, "{pieces:?}");
        }
    }

    #[test]
    fn decisions_and_deferrals_are_kept_without_their_word_and_in_bounds() {
        let text = b"DECISION: use a map\n  DEFERRED:docs \nNo DECISION: here\nDECISION:\n";
        let findings = found(&[text]);
        assert_eq!(findings.decisions, ["use a map", ""]);
        assert_eq!(findings.deferred, ["docs"]);
        let many = "DECISION: x\n".repeat(MAX_MARKED + 5);
        assert_eq!(found(&[many.as_bytes()]).decisions.len(), MAX_MARKED);
    }

    #[test]
    fn the_summary_is_what_follows_the_last_heading() {
        assert_eq!(found(&[b"no heading\n"]).summary, None);
        assert_eq!(found(&[b"## Summary\n\n"]).summary, None);
        let text = b"## Summary\nold\n# Other\n## Summary\n\nNew one.\n\n- a\n";
        assert_eq!(found(&[text]).summary.as_deref(), Some("New one.\n\n- a"));
        let long = format!("## Summary\n{}", "word ".repeat(2000));
        assert!(found(&[long.as_bytes()]).summary.unwrap().len() <= MAX_SUMMARY);
    }

    proptest! {
        #[test]
        fn lines_that_come_together_say_what_they_say_one_by_one(
            lines in proptest::collection::vec(
                prop_oneof![
                    "[ \r\t]{0,3}",
                    "[a-zñ \r]{0,9}",
                    "[ ]?(DECISION:|DEFERRED:|## Summary|# x|D)[ \r]?[a-z]{0,3}",
                    Just("x".repeat(MAX_LINE + 1)),
                ],
                0..12,
            ),
            is_ended: bool,
        ) {
            let text = lines.join("\n") + if is_ended { "\n" } else { "" };
            let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
            let apart: Vec<&[u8]> = text.as_bytes().split_inclusive(|byte| *byte == b'\n').collect();
            prop_assert_eq!(found(&[text.as_bytes()]), found(&apart));
            prop_assert_eq!(found(&[text.as_bytes()]), found(&bytes));
        }
    }

    #[test]
    fn a_line_without_end_takes_bounded_memory() {
        let mut scan = TextScan::default();
        for _ in 0..1000 {
            scan.feed(&[b'x'; 4096]);
        }
        assert!(scan.line.capacity() <= 2 * MAX_LINE);
        assert_eq!(scan.finish().last_line.len(), MAX_LINE);
    }

    #[test]
    fn a_tail_keeps_the_end_in_whole_characters() {
        let tail_of = |pieces: &[&[u8]], max| {
            let mut tail = Tail::new(max);
            for piece in pieces {
                tail.feed(piece);
            }
            tail
        };
        assert_eq!(tail_of(&[b"abc", b"def"], 4).into_text(), "cdef");
        assert_eq!(tail_of(&[b"abcdefghijkl", b"m"], 4).into_text(), "jklm");
        assert_eq!(tail_of(&["añb".as_bytes()], 2).into_text(), "b");
        assert_eq!(tail_of(&[b"1\n2\n3\n"], 100).into_lines(2), "2\n3\n");
        assert_eq!(tail_of(&[b"1\n2\n3"], 100).into_lines(2), "2\n3");
        assert_eq!(tail_of(&[b"1\n2"], 100).into_lines(60), "1\n2");
    }
}
