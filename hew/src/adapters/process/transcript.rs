//! transcript.jsonl of a runtime that prints text: each line of output becomes one record of the common envelope.
//!
//! The first record names what runs, the last how it ended. A long line is cut into several records, all but the last of
//! which carry `"partial":true`. Lines that come faster than anybody reads share records: each line of such a text has its
//! end. What is not UTF-8 is written with replacement characters.

use std::borrow::Cow;
use std::io::{self, BufRead, Write};

use hew_core::agent::text::lossy;
use hew_core::plan::SpawnPlan;
use hew_core::settings::secret::shown_args;
use serde_json::{Value, json};

use super::Ended;
use super::bounded_log::BoundedLog;
use super::json_text::{push_string, string_len};
use super::kept_end::KeptEnd;

/// Most bytes of output in one record.
const MAX_TEXT: usize = 8 * 1024;
/// So many bytes at once are a flood, whose lines share records.
const FLOOD: usize = 16 * 1024;
const RECORD_START: &[u8] = br#"{"type":"assistant","message":{"content":[{"type":"text","text":"#;
const RECORD_END: &[u8] = b"}]}}\n";
const PARTIAL_END: &[u8] = b"}]},\"partial\":true}\n";

/// A transcript in writing. Its end is kept as it was printed and made into records when it is over, so that a flood costs
/// no more than its copying.
#[derive(Debug)]
pub struct Transcript {
    log: BoundedLog,
    max_end: u64,
    maker: RecordMaker,
    /// Records of the head that are not written yet.
    records: Vec<u8>,
    in_end: bool,
}

impl Transcript {
    /// Begins a transcript with the record that names what runs.
    pub fn create(plan: &SpawnPlan) -> io::Result<Self> {
        let max = plan.limits.transcript_max_bytes;
        let mut log = BoundedLog::create(&plan.files.transcript, max)?;
        log.write_head(&first_record(plan))?;
        log.flush()?;
        let (max_end, maker) = (log.max_end(), RecordMaker::default());
        Ok(Self { log, max_end, maker, records: Vec::new(), in_end: false })
    }

    /// Takes the next bytes of standard output.
    pub fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        let lines = if bytes.len() < FLOOD { Lines::Apart } else { Lines::Together };
        let mut rest = bytes;
        while !rest.is_empty() && !self.in_end {
            let fed = self.maker.feed(rest, lines);
            let (taken, left) = rest.split_at(fed.used);
            if let Some(end) = fed.end {
                self.keep(taken, end)?;
            }
            rest = left;
        }
        write_records(&mut self.log, &mut self.records)?;
        self.log.write_end(rest);
        Ok(())
    }

    /// Makes whole lines visible to readers.
    pub fn flush(&mut self) -> io::Result<()> {
        self.log.flush()
    }

    /// Keeps the record that was made; `taken` are the bytes that completed it.
    fn keep(&mut self, taken: &[u8], end: TextEnd) -> io::Result<()> {
        let printed = self.maker.printed(taken);
        let start = self.records.len();
        push_record(&mut self.records, printed, end);
        if !self.log.has_head_room(self.records.len()) {
            self.records.truncate(start);
            write_records(&mut self.log, &mut self.records)?;
            self.in_end = true;
            self.log.write_end(printed);
        }
        self.maker.clear();
        Ok(())
    }

    /// Ends the transcript with the record that says how it went.
    pub fn finish(mut self, ended: &Ended, last_line: &str) -> io::Result<()> {
        if self.maker.has_text() {
            self.keep(&[], TextEnd::Line)?;
            write_records(&mut self.log, &mut self.records)?;
        }
        self.close(&result_record(ended, last_line))
    }

    /// Ends the transcript of a program that never ran.
    pub fn finish_unstarted(self, reason: &str) -> io::Result<()> {
        self.close(&unstarted_record(reason))
    }

    fn close(self, last: &Value) -> io::Result<()> {
        let max_end = self.max_end;
        self.log.finish(|kept, out| {
            write_end(kept, max_end, out)?;
            out.write_all(&line_of(last))
        })
    }
}

/// Writes to the head what there is room for.
fn write_records(log: &mut BoundedLog, records: &mut Vec<u8>) -> io::Result<()> {
    if !records.is_empty() {
        log.write_head(records)?;
        records.clear();
    }
    Ok(())
}

/// Records can be many times as long as the lines that they hold, so those at the beginning that would pass the limit are
/// left out too.
fn write_end(kept: &KeptEnd, max: u64, out: &mut dyn Write) -> io::Result<()> {
    let mut surplus = 0_u64;
    each_record(kept, &mut |printed, end| {
        surplus += record_len(printed, end) as u64;
        Ok(())
    })?;
    surplus = surplus.saturating_sub(max);
    let mut left_out = Some(kept.left_out);
    let mut record = Vec::new();
    each_record(kept, &mut |printed, end| {
        if surplus > 0 {
            surplus = surplus.saturating_sub(record_len(printed, end) as u64);
            left_out = left_out.map(|bytes| bytes + printed.len() as u64);
            return Ok(());
        }
        if let Some(bytes) = left_out.take().filter(|bytes| *bytes > 0) {
            out.write_all(&line_of(&left_out_record(bytes)))?;
        }
        record.clear();
        push_record(&mut record, printed, end);
        out.write_all(&record)
    })
}

/// Stands where bytes were left out.
pub(super) fn left_out_record(bytes: u64) -> Value {
    json!({"type": "system", "subtype": "left_out", "bytes": bytes})
}

/// Calls `use_record` with what was printed for each record of the kept end.
fn each_record(
    kept: &KeptEnd,
    use_record: &mut dyn FnMut(&[u8], TextEnd) -> io::Result<()>,
) -> io::Result<()> {
    let mut printed = kept.open();
    let mut maker = RecordMaker::default();
    loop {
        let mut rest = printed.fill_buf()?;
        let length = rest.len();
        if rest.is_empty() {
            return if maker.has_text() { use_record(maker.printed(&[]), TextEnd::Line) } else { Ok(()) };
        }
        while !rest.is_empty() {
            let fed = maker.feed(rest, Lines::Together);
            let (taken, left) = rest.split_at(fed.used);
            if let Some(end) = fed.end {
                use_record(maker.printed(taken), end)?;
                maker.clear();
            }
            rest = left;
        }
        printed.consume(length);
    }
}

/// Cuts printed bytes into what belongs to one record each.
#[derive(Debug, Default)]
struct RecordMaker {
    /// What is there of a record that is not complete; of one that is, all of it, unless it came at once.
    text: Vec<u8>,
}

/// Whether whole lines share a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lines {
    Apart,
    Together,
}

/// What became of bytes.
#[derive(Debug, Clone, Copy)]
struct Fed {
    /// How many were taken.
    used: usize,
    /// How the record ends that they complete, if they do.
    end: Option<TextEnd>,
}

/// Where a record's text ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TextEnd {
    /// At a line's end, or that of all output.
    Line,
    /// At the end of a line that is not its first.
    Lines,
    /// Within a line.
    TooLong,
}

impl RecordMaker {
    /// Takes bytes up to the end of one record.
    fn feed(&mut self, bytes: &[u8], lines: Lines) -> Fed {
        let room = MAX_TEXT - self.text.len();
        let window = &bytes[..bytes.len().min(room)];
        let first = memchr::memchr(b'\n', window);
        let shares = lines == Lines::Together && self.text.is_empty();
        let last = first.filter(|_| shares).and_then(|_| memchr::memrchr(b'\n', window));
        let (used, end) = match (first, last) {
            (Some(first), Some(last)) if last > first => (last + 1, TextEnd::Lines),
            (Some(first), _) => (first + 1, TextEnd::Line),
            (None, _) if bytes.len() > room => (whole_characters(bytes, room), TextEnd::TooLong),
            (None, _) => {
                self.text.extend_from_slice(window);
                return Fed { used: window.len(), end: None };
            }
        };
        if !self.text.is_empty() {
            self.text.extend_from_slice(&bytes[..used]);
        }
        Fed { used, end: Some(end) }
    }

    /// There is the beginning of a record.
    fn has_text(&self) -> bool {
        !self.text.is_empty()
    }

    /// What was printed for the complete record, given the bytes that completed it.
    fn printed<'a>(&'a self, taken: &'a [u8]) -> &'a [u8] {
        if self.text.is_empty() { taken } else { &self.text }
    }

    fn clear(&mut self) {
        self.text.clear();
    }
}

fn push_record(records: &mut Vec<u8>, printed: &[u8], end: TextEnd) {
    records.extend_from_slice(RECORD_START);
    push_string(records, &text_of(printed, end));
    records.extend_from_slice(end_of(end));
}

/// The length of what [`push_record`] appends.
fn record_len(printed: &[u8], end: TextEnd) -> usize {
    RECORD_START.len() + string_len(&text_of(printed, end)) + end_of(end).len()
}

/// A record's text: without the end of its only line, and with plain ends where it has several.
fn text_of(printed: &[u8], end: TextEnd) -> Cow<'_, str> {
    if end != TextEnd::Lines {
        let line = printed.strip_suffix(b"\n").unwrap_or(printed);
        return lossy(line.strip_suffix(b"\r").unwrap_or(line));
    }
    let text = lossy(printed);
    if memchr::memchr(b'\r', printed).is_some() { text.replace("\r\n", "\n").into() } else { text }
}

fn end_of(end: TextEnd) -> &'static [u8] {
    if end == TextEnd::TooLong { PARTIAL_END } else { RECORD_END }
}

/// The record that names what runs.
pub(super) fn first_record(plan: &SpawnPlan) -> Vec<u8> {
    line_of(&json!({
        "type": "system", "subtype": "init", "runtime": plan.runtime.as_str(),
        "argv": shown_args(&plan.argv), "cwd": plan.cwd.to_string_lossy(),
    }))
}

/// The last record of a program that never ran.
pub(super) fn unstarted_record(reason: &str) -> Value {
    json!({"type": "result", "subtype": "error", "is_error": true, "result": reason})
}

/// The record that says how it went.
pub(super) fn result_record(ended: &Ended, last_line: &str) -> Value {
    let is_error = ended.stopped.is_some() || !ended.exit.is_success();
    json!({
        "type": "result", "subtype": if is_error { "error" } else { "success" }, "is_error": is_error,
        "duration_ms": u64::try_from(ended.ran.as_millis()).unwrap_or(u64::MAX),
        "exit": ended.exit, "leaked": ended.leaked, "result": last_line,
    })
}

pub(super) fn line_of(record: &Value) -> Vec<u8> {
    let mut line = record.to_string().into_bytes();
    line.push(b'\n');
    line
}

/// The largest cut up to `max` that splits no character, where what lies there is UTF-8.
fn whole_characters(text: &[u8], max: usize) -> usize {
    let torn = (0..4.min(max)).find(|back| !(0x80..0xc0).contains(&text[max - back]));
    torn.map_or(max, |back| max - back)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_splits_no_character_and_never_reaches_beyond_the_limit() {
        let cases: [(&[u8], usize, usize); 5] = [
            (b"abcdef", 4, 4),
            ("aññ".as_bytes(), 2, 1),
            ("aññ".as_bytes(), 3, 3),
            (&[0x80; 8], 6, 6),
            (b"ab", 0, 0),
        ];
        for (text, max, expected) in cases {
            assert_eq!(whole_characters(text, max), expected, "{text:?} {max}");
        }
    }
}
