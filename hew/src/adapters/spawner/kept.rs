//! What is kept of an agent's standard output: its transcript, and what it says.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hew_core::agent::text::{Tail, TextFindings, TextScan};
use hew_core::agent::{AgentReading, StreamEnd, StreamReader, hints};
use hew_core::plan::{SpawnPlan, runtime};

use crate::adapters::process::Ended;
use crate::adapters::process::output::Sign;
use crate::adapters::process::records::RecordLog;
use crate::adapters::process::transcript::Transcript;

/// Bytes at the end of a text that count as an agent's last words.
const LAST_WORDS: usize = 16 * 1024;

/// A reader that is fed on one thread and asked on another.
pub(super) type SharedReader = Arc<Mutex<StreamReader>>;

pub(super) fn lock(reader: &SharedReader) -> MutexGuard<'_, StreamReader> {
    reader.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is kept, by the form of the output.
#[derive(Debug)]
pub(super) enum Kept {
    /// Text is not looked into beyond its lines, and its end where a provider may have been asked.
    Text { transcript: Transcript, scan: Box<TextScan>, last_words: Tail, has_provider: bool },
    /// Events are read as they come.
    Events { log: RecordLog, reader: SharedReader, told_hopeless: bool },
}

impl Kept {
    pub(super) fn create(plan: &SpawnPlan) -> io::Result<Self> {
        Ok(match StreamReader::new(plan.output, plan.resumes.as_ref()) {
            None => Self::Text {
                transcript: Transcript::create(plan)?,
                scan: Box::default(),
                last_words: Tail::new(LAST_WORDS),
                // A command of one's own is no runtime that could be rate limited, whatever a failing build prints.
                has_provider: plan.runtime.as_str() != runtime::SHELL,
            },
            Some(reader) => Self::Events {
                log: RecordLog::create(plan)?,
                reader: Arc::new(Mutex::new(reader)),
                told_hopeless: false,
            },
        })
    }

    pub(super) fn take(&mut self, bytes: &[u8]) -> io::Result<Sign> {
        match self {
            Self::Text { transcript, scan, last_words, .. } => {
                scan.feed(bytes);
                last_words.feed(bytes);
                transcript.take(bytes)?;
                Ok(Sign::Life)
            }
            Self::Events { log, reader, told_hopeless } => {
                let mut kept = Ok(());
                let mut reader = lock(reader);
                let is_life = reader.feed(bytes, &mut |record| {
                    if kept.is_ok() {
                        kept = log.keep(record);
                    }
                });
                kept?;
                match reader.hopeless().filter(|_| !*told_hopeless) {
                    Some(failure) => {
                        *told_hopeless = true;
                        Ok(Sign::Hopeless(failure.clone()))
                    }
                    None if is_life => Ok(Sign::Life),
                    None => Ok(Sign::Waiting),
                }
            }
        }
    }

    /// Makes what was taken visible to readers.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Text { transcript, .. } => transcript.flush(),
            Self::Events { log, .. } => log.flush(),
        }
    }

    /// Ends the transcript; answers what the output said. Nothing else may hold the reader any more.
    pub(super) fn finish(
        self,
        ended: &Ended,
        stdout_tail: &str,
        stderr_tail: &str,
    ) -> io::Result<(AgentReading, TextFindings)> {
        match self {
            Self::Text { transcript, scan, last_words, has_provider } => {
                let findings = scan.finish();
                transcript.finish(ended, &findings.last_line)?;
                let is_its_own = ended.stopped.is_none();
                let failure = (is_its_own && has_provider)
                    .then(|| hints::failure_in_text(ended.exit, stdout_tail, stderr_tail))
                    .flatten();
                let final_text = Some(last_words.into_text());
                Ok((AgentReading { final_text, failure, ..AgentReading::default() }, findings))
            }
            Self::Events { mut log, reader, .. } => {
                let reader = Arc::into_inner(reader).expect("whoever watched it has let go of it");
                let mut reader = reader.into_inner().unwrap_or_else(PoisonError::into_inner);
                let mut kept = Ok(());
                reader.finish_lines(&mut |record| {
                    if kept.is_ok() {
                        kept = log.keep(record);
                    }
                });
                kept?;
                let end = StreamEnd::new(ended.exit, ended.stopped.as_ref(), stderr_tail);
                let (reading, findings) = reader.finish(&end);
                log.finish(ended, &reading)?;
                Ok((reading, findings))
            }
        }
    }
}
