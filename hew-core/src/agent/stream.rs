//! Reading what an agent prints in a form made for programs, while it runs.
//!
//! Invariants: memory is bounded whatever is printed; what can't be read is kept for the transcript and changes nothing;
//! any cut of the stream into pieces gives the same reading.

use std::borrow::Cow;

use super::claude::ClaudeStream;
use super::codex::CodexStream;
use super::lines::LineFeed;
use super::text::{TextFindings, lossy};
use super::{AgentReading, FailureClass, RuntimeFailure, StopCause, Usage, envelope};
use crate::exit::Exit;
use crate::plan::ResumedSession;
use crate::settings::OutputForm;

/// What a line was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// An event of the form.
    Event,
    /// Word that the program waits to ask again: no sign of life.
    RetryNotice,
    /// No event.
    Noise,
}

/// Why hew stopped a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WhyStopped {
    /// It was asked to: no fault of the program's.
    Requested,
    /// It took too long, or showed no sign of life.
    TooLong,
    /// It could only fail.
    Hopeless,
}

/// How the program that printed a stream ended.
#[derive(Debug, Clone, Copy)]
pub struct StreamEnd<'a> {
    exit: Exit,
    pub(super) stopped: Option<WhyStopped>,
    stderr_tail: &'a str,
}

impl<'a> StreamEnd<'a> {
    /// How it ended, why hew stopped it if it did, and the end of its standard error.
    pub fn new(exit: Exit, stopped: Option<&StopCause>, stderr_tail: &'a str) -> Self {
        let stopped = stopped.map(|cause| match cause {
            StopCause::Requested => WhyStopped::Requested,
            StopCause::Timeout | StopCause::Stalled(_) => WhyStopped::TooLong,
            StopCause::Hopeless(_) => WhyStopped::Hopeless,
        });
        Self { exit, stopped, stderr_tail }
    }

    /// A program that printed no event and ended by itself with an error did not get as far as its work.
    pub(super) fn startup_failure(&self) -> Option<RuntimeFailure> {
        let Exit::Code(code) = self.exit else { return None };
        if code == 0 || self.stopped.is_some() {
            return None;
        }
        // Its last words may be hints on how to use it; the first line with the word is the error.
        let said = self.stderr_tail.trim();
        let lines = || said.lines().map(str::trim).filter(|line| !line.is_empty());
        let is_error = |line: &&str| line.to_ascii_lowercase().contains("error");
        let line = lines().find(is_error).or(lines().next_back())?;
        Some(RuntimeFailure::new(FailureClass::Spawn, line, None))
    }

    /// The failure of a program that ended without a word why.
    pub(super) fn unexplained(&self, program: &str) -> Option<RuntimeFailure> {
        let words = match (self.stopped, self.exit) {
            (Some(WhyStopped::TooLong), _) => {
                let words = format!("{program} was waiting for an answer when its time was up");
                return Some(RuntimeFailure::new(FailureClass::Timeout, &words, None));
            }
            (Some(_), _) => return None,
            (None, Exit::Code(0)) => format!("{program} ended without a result"),
            (None, Exit::Code(code)) => format!("{program} ended with exit code {code} and without a result"),
            (None, Exit::Signal(signal)) => format!("{program} was ended by signal {signal}"),
        };
        Some(RuntimeFailure::new(FailureClass::Unknown, &words, None))
    }
}

/// Reads one stream.
#[derive(Debug)]
pub struct StreamReader {
    output: LineFeed,
    session: LineFeed,
    form: Form,
}

#[derive(Debug)]
enum Form {
    Claude(Box<ClaudeStream>),
    Codex(Box<CodexStream>),
}

impl Form {
    fn take_line(&mut self, line: &str) -> Heard {
        match self {
            Self::Claude(stream) => stream.take_line(line),
            Self::Codex(stream) => stream.take_line(line),
        }
    }

    fn take_session_line(&mut self, line: &str) {
        match self {
            Self::Claude(stream) => stream.take_session_line(line),
            Self::Codex(stream) => stream.take_session_line(line),
        }
    }

    /// The record in the transcript of a line, which is given as it came and without blanks around it.
    fn record<'a>(&self, line: &'a str, trimmed: &'a str, heard: Heard) -> Cow<'a, str> {
        match self {
            _ if heard == Heard::Noise => envelope::noise(line).into(),
            Self::Claude(_) => trimmed.into(),
            Self::Codex(_) => envelope::of_codex(trimmed).into(),
        }
    }
}

impl StreamReader {
    /// A reader for this form; none for text, which says nothing of this.
    pub fn new(form: OutputForm, resumes: Option<&ResumedSession>) -> Option<Self> {
        let form = match form {
            OutputForm::Text => return None,
            OutputForm::ClaudeStream => Form::Claude(Box::default()),
            OutputForm::CodexJsonl => Form::Codex(Box::new(CodexStream::new(resumes.cloned()))),
        };
        Some(Self { output: LineFeed::default(), session: LineFeed::default(), form })
    }

    /// Takes the next bytes of standard output; calls `keep` with the transcript's record of each whole line. Answers
    /// whether there was a sign of life: anything but notices of waiting.
    pub fn feed(&mut self, bytes: &[u8], keep: &mut dyn FnMut(&str)) -> bool {
        let form = &mut self.form;
        let mut is_life = false;
        self.output.feed(bytes, &mut |line| is_life |= take_output(form, line, keep) != Heard::RetryNotice);
        is_life || self.output.is_in_long_line()
    }

    /// Takes the next bytes of the runtime's own session file.
    pub fn feed_session(&mut self, bytes: &[u8]) {
        let form = &mut self.form;
        self.session.feed(bytes, &mut |line| form.take_session_line(&String::from_utf8_lossy(line)));
    }

    /// What was used so far, and its price where the runtime says one. A lower bound while the program runs.
    pub fn used(&self) -> (Usage, Option<f64>) {
        match &self.form {
            Form::Claude(stream) => stream.used(),
            Form::Codex(stream) => (stream.used(), None),
        }
    }

    /// The model that answers, once it is known.
    pub fn model(&self) -> Option<&str> {
        match &self.form {
            Form::Claude(stream) => stream.model(),
            Form::Codex(stream) => stream.model(),
        }
    }

    /// The runtime's name of the session, once it is known.
    pub fn session_id(&self) -> Option<&str> {
        match &self.form {
            Form::Claude(stream) => stream.session_id(),
            Form::Codex(stream) => stream.session_id(),
        }
    }

    /// Why the program can only fail although it goes on trying.
    pub fn hopeless(&self) -> Option<&RuntimeFailure> {
        match &self.form {
            Form::Claude(stream) => stream.hopeless(),
            Form::Codex(_) => None,
        }
    }

    /// Takes what is left of both as a last line, if it is one.
    pub fn finish_lines(&mut self, keep: &mut dyn FnMut(&str)) {
        let form = &mut self.form;
        self.output.finish(&mut |line| {
            take_output(form, line, keep);
        });
        self.session.finish(&mut |line| form.take_session_line(&String::from_utf8_lossy(line)));
    }

    /// The whole reading, and what the agent's own words hold.
    pub fn finish(mut self, end: &StreamEnd<'_>) -> (AgentReading, TextFindings) {
        self.finish_lines(&mut |_| {});
        match self.form {
            Form::Claude(stream) => stream.finish(end),
            Form::Codex(stream) => stream.finish(end),
        }
    }
}

fn take_output(form: &mut Form, line: &[u8], keep: &mut dyn FnMut(&str)) -> Heard {
    let line = lossy(line);
    let trimmed = line.trim();
    if trimmed.is_empty() {
        return Heard::Noise;
    }
    let heard = form.take_line(&line);
    keep(&form.record(&line, trimmed, heard));
    heard
}
