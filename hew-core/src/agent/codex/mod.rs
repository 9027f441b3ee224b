//! What `codex exec --json` prints, and its session file (the rollout).
//!
//! Invariants: its counts go on over a resumed session, so what was counted before is taken away; a turn that failed or
//! was killed is counted from the session file, for its output says nothing of it.

mod events;
mod failure;
mod session;

use self::events::Counts;
pub(super) use self::events::{Event, Item};

use self::failure::Evidence;
use self::session::Session;
use super::calls::Calls;
use super::stream::{Heard, StreamEnd};
use super::text::{TextFindings, TextScan};
use super::{AgentReading, Usage};
use crate::plan::ResumedSession;

/// A stream of codex's being read.
#[derive(Debug, Default)]
pub(super) struct CodexStream {
    resumes: Option<ResumedSession>,
    thread_id: Option<String>,
    /// The session's count as the last finished turn said it.
    total: Option<Usage>,
    /// A turn has begun since.
    is_open: bool,
    session: Session,
    calls: Calls,
    text: TextScan,
    last_text: Option<String>,
    evidence: Evidence,
}

impl CodexStream {
    pub(super) fn new(resumes: Option<ResumedSession>) -> Self {
        Self { resumes, ..Self::default() }
    }

    pub(super) fn take_line(&mut self, line: &str) -> Heard {
        let Ok(event) = serde_json::from_str::<Event>(line) else { return Heard::Noise };
        self.evidence.saw_event = true;
        match event.kind.as_deref().unwrap_or_default() {
            "thread.started" => self.thread_id = event.thread_id,
            "turn.started" => {
                self.is_open = true;
                self.evidence.begin_turn();
            }
            "turn.completed" => {
                self.is_open = false;
                self.total = event.usage.map(Counts::usage).or(self.total);
                self.evidence.complete_turn();
            }
            "turn.failed" => self.evidence.fail_turn(event.error.and_then(|error| error.message)),
            "error" => {
                let message = event.message.unwrap_or_default();
                if is_retry_notice(&message) {
                    self.evidence.take_retry(message);
                    return Heard::RetryNotice;
                }
                self.evidence.take_error(message);
            }
            "item.started" | "item.updated" | "item.completed" => {
                self.evidence.end_retry();
                self.take_item(
                    event.item.unwrap_or_default(),
                    event.kind.as_deref() == Some("item.completed"),
                );
            }
            _ => {}
        }
        Heard::Event
    }

    fn take_item(&mut self, item: Item, is_completed: bool) {
        if item.kind.as_deref() == Some("agent_message") {
            if let Some(text) = item.text.filter(|text| is_completed && !text.trim().is_empty()) {
                self.text.feed(text.as_bytes());
                self.text.feed(b"\n");
                self.last_text = Some(text);
            }
            return;
        }
        let Some(detail) = item.tool_detail() else { return };
        let id = item.id.as_deref();
        self.calls.begin(id, item.kind.as_deref().unwrap_or("tool"), &detail);
        if is_completed && item.has_failed() {
            self.calls.fail(id);
        }
    }

    /// Takes a line of the session file, of what was written since the program began.
    pub(super) fn take_session_line(&mut self, line: &str) {
        self.session.take_line(line);
    }

    pub(super) fn used(&self) -> Usage {
        let recorded = self.session.used();
        let Some(total) = self.total else { return recorded };
        let counted = self.resumes.as_ref().map(|session| session.counted);
        if counted == Some(None) && recorded != Usage::default() {
            return recorded;
        }
        // Where it is not known what was counted before, all of it is an upper bound.
        let finished = total.minus(counted.flatten().unwrap_or_default());
        if self.is_open && recorded.total() > finished.total() { recorded } else { finished }
    }

    pub(super) fn model(&self) -> Option<&str> {
        self.session.model()
    }

    pub(super) fn session_id(&self) -> Option<&str> {
        self.thread_id.as_deref().or(self.resumes.as_ref().map(|session| session.id.as_str()))
    }

    pub(super) fn finish(self, end: &StreamEnd<'_>) -> (AgentReading, TextFindings) {
        let usage = self.used();
        let ended_well = self.evidence.is_well();
        let failure = failure::classify(&self.evidence, &self.session, end);
        let session_id = self.session_id().map(str::to_owned);
        let (tool_calls, reaches) = self.calls.finish();
        let reading = AgentReading {
            usage,
            cost_usd: None,
            session_total: self.total.or(self.session.total()),
            session_id,
            model_observed: self.session.model().map(str::to_owned),
            tool_calls,
            reaches,
            final_text: self.last_text,
            ended_well: Some(ended_well),
            failure,
        };
        (reading, self.text.finish())
    }
}

/// codex says so before it asks again; every other `error` is its last word.
pub(super) fn is_retry_notice(message: &str) -> bool {
    message.starts_with("Reconnecting... ")
}
