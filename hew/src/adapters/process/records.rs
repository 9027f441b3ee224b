//! transcript.jsonl of a runtime that prints events: each line that it prints is one record already, or is made one.

use std::io::{self, BufRead, Write};

use hew_core::agent::AgentReading;
use hew_core::plan::SpawnPlan;
use serde_json::json;

use super::Ended;
use super::bounded_log::BoundedLog;
use super::kept_end::{KeptEnd, copy_all};
use super::transcript::{first_record, left_out_record, line_of, result_record, unstarted_record};

/// Records that are gathered before they are written.
const GATHERED: usize = 256 * 1024;

/// A transcript of records in writing. Of records that go beyond the limit the last ones are kept.
#[derive(Debug)]
pub struct RecordLog {
    log: BoundedLog,
    in_end: bool,
    /// Lines of the head that are not written yet.
    lines: Vec<u8>,
}

impl RecordLog {
    /// Begins a transcript with the record that names what runs.
    pub fn create(plan: &SpawnPlan) -> io::Result<Self> {
        let mut log = BoundedLog::create(&plan.files.transcript, plan.limits.transcript_max_bytes)?;
        log.write_head(&first_record(plan))?;
        log.flush()?;
        Ok(Self { log, in_end: false, lines: Vec::new() })
    }

    /// Adds a record, which is one line without its end.
    pub fn keep(&mut self, record: &str) -> io::Result<()> {
        if !self.in_end && !self.log.has_head_room(self.lines.len() + record.len() + 1) {
            self.write()?;
            self.in_end = true;
        }
        if self.in_end {
            self.log.write_end(record.as_bytes());
            self.log.write_end(b"\n");
            return Ok(());
        }
        self.lines.extend_from_slice(record.as_bytes());
        self.lines.push(b'\n');
        if self.lines.len() >= GATHERED { self.write() } else { Ok(()) }
    }

    /// Makes what was kept visible to readers.
    pub fn flush(&mut self) -> io::Result<()> {
        self.write()?;
        self.log.flush()
    }

    fn write(&mut self) -> io::Result<()> {
        if !self.lines.is_empty() {
            self.log.write_head(&self.lines)?;
            self.lines.clear();
        }
        Ok(())
    }

    /// Ends the transcript with the record that says how it went.
    pub fn finish(self, ended: &Ended, reading: &AgentReading) -> io::Result<()> {
        let mut last = result_record(ended, reading.final_text.as_deref().unwrap_or_default());
        if reading.ended_well == Some(false) {
            last["is_error"] = json!(true);
            last["subtype"] = json!("error");
        }
        let usage = reading.usage;
        last["usage"] = json!({
            "input_tokens": usage.input, "output_tokens": usage.output,
            "cache_read_input_tokens": usage.cache_read, "cache_creation_input_tokens": usage.cache_create,
        });
        last["total_cost_usd"] = json!(reading.cost_usd);
        self.close(&line_of(&last))
    }

    /// Ends the transcript of a program that never ran.
    pub fn finish_unstarted(self, reason: &str) -> io::Result<()> {
        self.close(&line_of(&unstarted_record(reason)))
    }

    fn close(mut self, last: &[u8]) -> io::Result<()> {
        self.write()?;
        self.log.finish(|kept, out| {
            join_end(kept, out)?;
            out.write_all(last)
        })
    }
}

/// An end of which the beginning was left out begins within a record, which is left out too.
fn join_end(kept: &KeptEnd, out: &mut dyn Write) -> io::Result<()> {
    let mut end = kept.open();
    if kept.left_out > 0 {
        let torn = skip_line(&mut end)?;
        out.write_all(&line_of(&left_out_record(kept.left_out + torn)))?;
    }
    copy_all(&mut end, out)
}

/// Reads past the next line's end without keeping it; answers how many bytes that were.
fn skip_line(records: &mut dyn BufRead) -> io::Result<u64> {
    let mut skipped = 0;
    loop {
        let bytes = records.fill_buf()?;
        let end = memchr::memchr(b'\n', bytes);
        let used = end.map_or(bytes.len(), |at| at + 1);
        let is_done = end.is_some() || bytes.is_empty();
        records.consume(used);
        skipped += used as u64;
        if is_done {
            return Ok(skipped);
        }
    }
}
