//! What `claude -p --output-format stream-json` prints, and its session file.
//!
//! Invariants: nothing that it prints is fatal; an event of an unknown form is left alone; a run has ended well only where
//! the last turn that began has a `result` without error.

mod compact;
mod events;
mod failure;
mod spent;

use self::events::{Block, Event, Message, RateLimit};
use self::failure::{Evidence, RetryNotice};
use self::spent::Spent;
use super::calls::{Calls, detail_of};
use super::stream::{Heard, StreamEnd};
use super::text::{TextFindings, TextScan};
use super::{AgentReading, FailureClass, RuntimeFailure, Usage};
use crate::cut::ending;

/// The model that claude names where it made a message itself.
const SYNTHETIC: &str = "<synthetic>";

/// Bytes of an unfinished text that are kept.
const MOST_PIECES: usize = 64 * 1024;

/// A stream of claude's being read.
#[derive(Debug, Default)]
pub(super) struct ClaudeStream {
    spent: Spent,
    calls: Calls,
    text: TextScan,
    evidence: Evidence,
    session_id: Option<String>,
    model: Option<String>,
    last_text: Option<String>,
    /// Pieces of a text that has not come whole.
    pieces: String,
    hopeless: Option<RuntimeFailure>,
    is_login: bool,
}

impl ClaudeStream {
    /// Takes a line. A form that prints one list of all events has them all in one line.
    pub(super) fn take_line(&mut self, line: &str) -> Heard {
        if line.trim_start().starts_with('[') {
            let Ok(all) = serde_json::from_str::<Vec<&serde_json::value::RawValue>>(line) else {
                return Heard::Noise;
            };
            for raw in all {
                self.take_event(raw.get());
            }
            return Heard::Event;
        }
        self.take_event(line)
    }

    fn take_event(&mut self, line: &str) -> Heard {
        let mut event = Event::default();
        if compact::read(line, &mut event).is_none() {
            let Ok(any) = serde_json::from_str(line) else { return Heard::Noise };
            event = any;
        }
        self.evidence.saw_event = true;
        if let Some(id) = event.session_id.as_deref() {
            keep(&mut self.session_id, id);
        }
        let subtype = event.subtype.as_deref().unwrap_or_default();
        match event.kind.as_deref().unwrap_or_default() {
            "system" => return self.take_system(subtype, &event),
            "assistant" => self.take_assistant(&event),
            "user" => self.take_user(event.message.as_ref()),
            "rate_limit_event" => self.take_rate_limit(event.rate_limit_info),
            "result" => self.take_result(&event),
            _ => {}
        }
        Heard::Event
    }

    fn take_system(&mut self, subtype: &str, event: &Event<'_>) -> Heard {
        match subtype {
            "init" => {
                self.is_login = event.api_key_source.as_deref() == Some("none");
                self.evidence.begin_turn();
            }
            "api_retry" => {
                self.take_retry(event);
                return Heard::RetryNotice;
            }
            "permission_denied" => self.calls.fail(event.tool_use_id.as_deref()),
            _ => {}
        }
        Heard::Event
    }

    fn take_retry(&mut self, event: &Event<'_>) {
        let notice = RetryNotice::of(event);
        // With a login it gives up by itself in seconds; with a key it would go on for minutes.
        if notice.status == Some(401) && !self.is_login {
            let words = "the provider refuses the key (status 401)";
            self.hopeless.get_or_insert_with(|| RuntimeFailure::new(FailureClass::Auth, words, None));
        }
        self.evidence.take_retry(notice);
    }

    fn take_assistant(&mut self, event: &Event<'_>) {
        // An error is told in a message, too.
        if event.error.is_none() {
            self.evidence.recovered();
        }
        self.evidence.retry = None;
        let Some(message) = &event.message else { return };
        if event.delta == Some(true) {
            self.take_pieces(message);
            return;
        }
        let is_whole = event.consolidated == Some(true);
        if is_whole {
            self.pieces.clear();
        }
        if let Some(error) = &event.error {
            keep(&mut self.evidence.error, error);
            self.take_rate_limit(event.api_error_params.and_then(RateLimit::within));
        }
        if message.model.as_deref() == Some(SYNTHETIC) {
            return;
        }
        if let (Some(id), Some(counts)) = (&message.id, &message.usage) {
            // Else the output that stands here is that of the answer's beginning.
            let used = counts.usage();
            self.spent.saw_message(id, if is_whole { used } else { Usage { output: 0, ..used } });
        }
        let is_main = event.parent_tool_use_id.is_none();
        if let Some(model) = message.model.as_deref().filter(|_| is_main) {
            keep(&mut self.model, model);
        }
        for block in &message.content {
            self.take_block(block, is_main);
        }
    }

    /// Kept until the whole text comes, in bounded memory: of one that never does, its end is read.
    fn take_pieces(&mut self, message: &Message<'_>) {
        let texts = message.content.iter().filter_map(|block| block.text.as_deref());
        texts.for_each(|text| self.pieces.push_str(text));
        if self.pieces.len() > 2 * MOST_PIECES {
            let kept = ending(&self.pieces, MOST_PIECES).len();
            self.pieces.drain(..self.pieces.len() - kept);
        }
    }

    fn take_block(&mut self, block: &Block<'_>, is_main: bool) {
        match (block.kind.as_deref(), &block.text) {
            (Some("text"), Some(text)) if is_main => self.take_text(text),
            (Some("tool_use"), _) => {
                let name = block.name.as_deref().unwrap_or("tool");
                let detail = block.input.map(|input| detail_of(input.get())).unwrap_or_default();
                self.calls.begin(block.id.as_deref(), name, &detail);
            }
            _ => {}
        }
    }

    fn take_text(&mut self, text: &str) {
        self.text.take_text(text);
        if !is_blank(text) {
            keep(&mut self.last_text, text);
        }
    }

    fn take_user(&mut self, message: Option<&Message<'_>>) {
        self.evidence.recovered();
        for block in message.into_iter().flat_map(|message| &message.content) {
            if block.kind.as_deref() == Some("tool_result") && block.is_error == Some(true) {
                self.calls.fail(block.tool_use_id.as_deref());
            }
        }
    }

    fn take_rate_limit(&mut self, info: Option<RateLimit>) {
        if let Some(info) = info {
            self.evidence.limit = Some(info);
        }
    }

    fn take_result(&mut self, event: &Event<'_>) {
        self.spent.take_result(event);
        for denial in &event.permission_denials {
            self.calls.fail(denial.tool_use_id.as_deref());
        }
        if self.model.is_none() {
            self.model = self.spent.only_model().map(str::to_owned);
        }
        let is_well = event.is_error == Some(false);
        let words = event.result.as_deref().filter(|text| !is_blank(text));
        if let Some(text) = words.filter(|_| is_well) {
            if self.last_text.is_none() {
                self.take_text(text);
            }
            keep(&mut self.last_text, text);
        }
        self.evidence.take_result(event);
    }

    /// Takes a line of the session file: what each message really used.
    pub(super) fn take_session_line(&mut self, line: &str) {
        let Ok(event) = serde_json::from_str::<Event<'_>>(line) else { return };
        let Some(message) = event.message.filter(|_| event.kind.as_deref() == Some("assistant")) else {
            return;
        };
        if let (Some(id), Some(counts)) = (&message.id, &message.usage) {
            self.spent.saw_in_session(id, counts.usage());
        }
    }

    pub(super) fn used(&self) -> (Usage, Option<f64>) {
        (self.spent.usage(), self.spent.cost_usd())
    }

    pub(super) fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    pub(super) fn session_id(&self) -> Option<&str> {
        self.session_id.as_deref()
    }

    pub(super) fn hopeless(&self) -> Option<&RuntimeFailure> {
        self.hopeless.as_ref()
    }

    pub(super) fn finish(mut self, end: &StreamEnd<'_>) -> (AgentReading, TextFindings) {
        let unfinished = std::mem::take(&mut self.pieces);
        if !unfinished.is_empty() {
            self.take_text(&unfinished);
        }
        let (usage, cost_usd) = self.used();
        let ended_well = self.evidence.is_well();
        let why = || self.hopeless.or_else(|| failure::classify(&self.evidence, end));
        let failure = if ended_well { None } else { why() };
        let (tool_calls, reaches) = self.calls.finish();
        let reading = AgentReading {
            usage,
            cost_usd,
            session_total: None,
            session_id: self.session_id,
            model_observed: self.model,
            tool_calls,
            reaches,
            final_text: self.last_text,
            ended_well: Some(ended_well),
            failure,
        };
        (reading, self.text.finish())
    }
}

fn is_blank(text: &str) -> bool {
    text.chars().all(char::is_whitespace)
}

/// Puts a text in the place of another, whose memory is used again: every event may bring one.
fn keep(kept: &mut Option<String>, text: &str) {
    let kept = kept.get_or_insert_default();
    kept.clear();
    kept.push_str(text);
}
