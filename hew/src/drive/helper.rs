//! Questions to a model server, each on a thread of its own: no worker, not the lane and not the loop waits for one.
//!
//! Invariant: each question is answered by an event, within its limit and in any case.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crossbeam_channel::Sender;
use hew_core::chat::ChatAnswer;
use hew_core::engine::event::HelperAnswer;
use hew_core::engine::{Event, HelperJob};
use hew_core::helper::{Helper, summary};
use hew_core::ids::IterationId;
use hew_core::settings::LocalSettings;

use super::Rig;
use super::worker::folder;
use crate::adapters::helper::{Question, ask};
use crate::skills;

/// Longest wait for the classifier.
const CLASSIFIER_LIMIT: Duration = Duration::from_secs(10);

/// Longest wait for a summary.
const SUMMARY_LIMIT: Duration = Duration::from_secs(6);

/// As much of a transcript's end is looked through for what the agent said last.
const MAX_LOOKED_AT: u64 = 4 << 20;

/// Asks; the answer comes as an event.
pub(super) fn start(rig: &Arc<Rig>, iteration: IterationId, job: HelperJob, events: &Sender<Event>) {
    let helper = match job {
        HelperJob::Classify { .. } => Helper::Classifier,
        HelperJob::Summarize => Helper::Summary,
    };
    let (own_rig, own_events) = (Arc::clone(rig), events.clone());
    let body = move || {
        let result = match job {
            HelperJob::Classify { question } => classify(&own_rig.settings.local, question),
            HelperJob::Summarize => sum_up(&own_rig, iteration),
        };
        super::send(&own_events, Event::Helped { iteration, helper, result: result.map(answer_of) });
    };
    if let Err(error) = thread::Builder::new().name("helper".to_owned()).spawn(body) {
        super::send(events, Event::Helped { iteration, helper, result: Err(error.to_string()) });
    }
}

/// What the classifier says of a task.
pub(crate) fn classify(local: &LocalSettings, question: String) -> Result<ChatAnswer, String> {
    let system = skills::body(skills::CLASSIFIER);
    let question = Question { system, user: question, limit: CLASSIFIER_LIMIT, wants_json: true };
    ask(local, question).unwrap_or_else(|| Err("no model server is set".to_owned()))
}

fn sum_up(rig: &Rig, iteration: IterationId) -> Result<ChatAnswer, String> {
    let transcript = folder(rig, iteration).join("transcript.jsonl");
    let (text, is_whole) =
        end_of(&transcript).map_err(|error| format!("{}: {error}", transcript.display()))?;
    let user =
        summary::last_words(&text, is_whole).ok_or("the agent said nothing that could be summed up")?;
    let system = skills::body(skills::SUMMARY);
    let question = Question { system, user, limit: SUMMARY_LIMIT, wants_json: false };
    ask(&rig.settings.local, question).unwrap_or_else(|| Err("no model server is set".to_owned()))
}

/// The end of a transcript, and whether that is all of it.
fn end_of(path: &Path) -> io::Result<(String, bool)> {
    let mut file = File::open(path)?;
    let start = file.metadata()?.len().saturating_sub(MAX_LOOKED_AT);
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(MAX_LOOKED_AT).read_to_end(&mut bytes)?;
    Ok((String::from_utf8_lossy(&bytes).into_owned(), start == 0))
}

fn answer_of(answer: ChatAnswer) -> HelperAnswer {
    let ChatAnswer { text, model, usage, .. } = answer;
    HelperAnswer { text, model, usage: usage.unwrap_or_default() }
}
