//! transcript.jsonl of a runtime that prints text: each line of output becomes one record of the common envelope.
//!
//! The first record names what runs, the last how it ended. A long line is cut into several records, all but the last of
//! which carry `"partial":true`. What is not UTF-8 is written with replacement characters.

use std::io;

use hew_core::plan::SpawnPlan;
use serde_json::{Value, json};

use super::Ended;
use super::bounded_log::BoundedLog;

/// Most bytes of output in one record.
const MAX_TEXT: usize = 8 * 1024;
const RECORD_START: &[u8] = br#"{"type":"assistant","message":{"content":[{"type":"text","text":"#;
const RECORD_END: &[u8] = b"}]}}\n";
const PARTIAL_END: &[u8] = b"}]},\"partial\":true}\n";

/// A transcript in writing.
#[derive(Debug)]
pub struct Transcript {
    log: BoundedLog,
    line: Vec<u8>,
    record: Vec<u8>,
}

impl Transcript {
    /// Begins a transcript with the record that names what runs.
    pub fn create(plan: &SpawnPlan) -> io::Result<Self> {
        let mut log = BoundedLog::create(&plan.files.transcript, plan.limits.transcript_max_bytes)?;
        let first = json!({
            "type": "system", "subtype": "init", "runtime": plan.runtime.as_str(),
            "argv": plan.argv, "cwd": plan.cwd.to_string_lossy(),
        });
        log.write(&line_of(&first))?;
        log.flush()?;
        Ok(Self { log, line: Vec::new(), record: Vec::new() })
    }

    /// Takes the next bytes of standard output and makes the whole lines visible.
    pub fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, ended) = piece.strip_suffix(b"\n").map_or((piece, false), |text| (text, true));
            self.add(text)?;
            if ended {
                self.end_line(RECORD_END)?;
            }
        }
        self.log.flush()
    }

    fn add(&mut self, mut text: &[u8]) -> io::Result<()> {
        while self.line.len() + text.len() > MAX_TEXT {
            let cut = whole_characters(text, MAX_TEXT - self.line.len());
            self.line.extend_from_slice(&text[..cut]);
            text = &text[cut..];
            self.end_line(PARTIAL_END)?;
        }
        self.line.extend_from_slice(text);
        Ok(())
    }

    fn end_line(&mut self, end: &[u8]) -> io::Result<()> {
        let text = self.line.strip_suffix(b"\r").unwrap_or(&self.line);
        self.record.clear();
        self.record.extend_from_slice(RECORD_START);
        serde_json::to_writer(&mut self.record, &String::from_utf8_lossy(text))?;
        self.record.extend_from_slice(end);
        self.line.clear();
        self.log.write(&self.record)
    }

    /// Ends the transcript with the record that says how it went.
    pub fn finish(mut self, ended: &Ended, last_line: &str) -> io::Result<()> {
        if !self.line.is_empty() {
            self.end_line(RECORD_END)?;
        }
        self.close(&result_record(ended, last_line))
    }

    /// Ends the transcript of a program that never ran.
    pub fn finish_unstarted(self, reason: &str) -> io::Result<()> {
        self.close(&json!({"type": "result", "subtype": "error", "is_error": true, "result": reason}))
    }

    fn close(mut self, last: &Value) -> io::Result<()> {
        self.log.write(&line_of(last))?;
        self.log.finish(|bytes| line_of(&json!({"type": "system", "subtype": "left_out", "bytes": bytes})))
    }
}

fn result_record(ended: &Ended, last_line: &str) -> Value {
    let is_error = ended.stopped.is_some() || !ended.exit.is_success();
    json!({
        "type": "result", "subtype": if is_error { "error" } else { "success" }, "is_error": is_error,
        "duration_ms": u64::try_from(ended.ran.as_millis()).unwrap_or(u64::MAX),
        "exit": ended.exit, "leaked": ended.leaked, "result": last_line,
    })
}

fn line_of(record: &Value) -> Vec<u8> {
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
