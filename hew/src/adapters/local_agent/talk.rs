//! One answer of the model after another, until its word is there.

use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crossbeam_channel::never;
use hew_core::agent::text::TextScan;
use hew_core::agent::verdict::closing_line;
use hew_core::agent::{AgentSignal, FailureClass, SignalWord};
use hew_core::chat::{ChatAnswer, ChatError, ChatFailure, ChatRequest, Message, ToolSpec};
use hew_core::cut::beginning;
use hew_core::ids::{ModelName, TaskId};
use hew_core::prompt;

use super::args::LocalArgs;
use super::hands::{self, Deed, Hands};
use super::voice::Voice;
use crate::adapters::model_client::{Limits, ModelClient};
use crate::commands::agent_words;

/// Most bytes of an answer that become a note: an argument of a program holds no more than 128 KiB.
const LONGEST_NOTE: usize = 64 * 1024;

/// How it ended well.
pub(super) struct Ending {
    /// The model's last words.
    pub(super) text: String,
}

/// Why it did not.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The server gave no answer.
    Chat(ChatError),
    /// The model went on and on.
    TooManyTurns(u32),
    /// Something else.
    Words(String),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chat(error) => write!(f, "{error}"),
            Self::TooManyTurns(turns) => {
                write!(f, "no word of the model's after {turns} answers (loop.local.max_turns)")
            }
            Self::Words(words) => f.write_str(words),
        }
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Words(error.to_string())
    }
}

/// The task, and where the model's word about it goes.
struct Own {
    task: TaskId,
    outcome: PathBuf,
}

/// A conversation.
struct Talk<'a> {
    args: &'a LocalArgs,
    voice: &'a Voice,
    client: ModelClient,
    messages: Vec<Message>,
}

/// Asks, does what is called for, and asks again. Nothing is asked where there is no task, or no place for its outcome.
pub(super) fn converse(args: &LocalArgs, voice: &Voice) -> Result<Ending, Trouble> {
    let mut prompt = String::new();
    io::stdin().read_to_string(&mut prompt)?;
    if prompt.trim().is_empty() {
        return Err(Trouble::Words("the task is empty: the model server was asked nothing".to_owned()));
    }
    let own = own()?;
    let client = ModelClient::new(&args.endpoint, Some(ModelName::new(&args.model)), key(args)?);
    let parts = own.as_ref().and_then(|own| prompt::split(&prompt, &own.task));
    let messages = match parts {
        Some((prefix, tail)) => vec![Message::System(prefix.to_owned()), Message::User(tail.to_owned())],
        None => vec![Message::User(prompt)],
    };
    let mut talk = Talk { args, voice, client, messages };
    match own {
        Some(own) if args.offer_tools => talk.work(&own),
        own => {
            voice.begin(&[])?;
            talk.answer_only(own.as_ref())
        }
    }
}

/// Whoever is only asked something has no task.
fn own() -> Result<Option<Own>, Trouble> {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let Some(task) = set("HEW_TASK_ID") else { return Ok(None) };
    match set(agent_words::OUTCOME_FILE) {
        Some(outcome) => Ok(Some(Own { task: TaskId::new(task), outcome: PathBuf::from(outcome) })),
        None => Err(Trouble::Words(format!(
            "{} is not set: there is no folder for what comes of the task, and the model server was asked nothing",
            agent_words::OUTCOME_FILE
        ))),
    }
}

fn key(args: &LocalArgs) -> Result<Option<String>, Trouble> {
    let Some(name) = &args.bearer else { return Ok(None) };
    let key = std::env::var(name).ok().filter(|key| !key.trim().is_empty());
    let missing = || Trouble::Words(format!("the variable {name} (loop.local.api_key_env) is not set"));
    key.ok_or_else(missing).map(Some)
}

impl Talk<'_> {
    /// With tools: until the model says that it is done or blocked, or says no more.
    fn work(&mut self, own: &Own) -> Result<Ending, Trouble> {
        let hands = Hands::new(&std::env::current_dir()?, self.args.bearer.as_deref())?;
        let tools = hands::specs();
        self.voice.begin(&tools.iter().map(|tool| tool.name).collect::<Vec<_>>())?;
        for turn in 1..=self.args.turns {
            let answer = match self.ask(&tools) {
                Err(Trouble::Chat(error)) if turn == 1 && refuses_tools(&error) => {
                    self.voice
                        .remark(&format!("the server takes no tools, so nothing is edited: {error}"))?;
                    return self.answer_only(Some(own));
                }
                answer => answer?,
            };
            self.messages.push(Message::Assistant { text: answer.text.clone(), calls: answer.calls.clone() });
            if answer.calls.is_empty() {
                if turn == 1 && !self.args.exit_zero {
                    tell_no_tool(own, &answer)?;
                }
                self.tell_cut(&own.outcome, &answer)?;
                return Ok(Ending { text: answer.text });
            }
            if let Some(word) = self.do_calls(&hands, &answer)? {
                let said = word.reason.clone().unwrap_or_default();
                agent_words::record(&own.outcome, &word)?;
                let text = if answer.text.trim().is_empty() { said } else { answer.text };
                return Ok(Ending { text });
            }
        }
        Err(Trouble::TooManyTurns(self.args.turns))
    }

    /// Does what an answer calls for, one after another; the model's word about the task, if one of them says it.
    fn do_calls(&mut self, hands: &Hands, answer: &ChatAnswer) -> Result<Option<AgentSignal>, Trouble> {
        for call in &answer.calls {
            let (text, is_error, word) = match hands.call(call) {
                Ok(Deed::Answer(text)) => (text, false, None),
                Ok(Deed::Word(word)) => ("recorded".to_owned(), false, Some(word)),
                Err(why) => (format!("error: {why}"), true, None),
            };
            self.voice.tool(&call.id, &text, is_error)?;
            self.messages.push(Message::Tool { call: call.id.clone(), text });
            if word.is_some() {
                return Ok(word);
            }
        }
        Ok(None)
    }

    /// Without tools: one answer, which becomes a note on the task.
    fn answer_only(&mut self, own: Option<&Own>) -> Result<Ending, Trouble> {
        let answer = self.ask(&[])?;
        let is_whole = answer.finish.as_deref().is_none_or(|word| word == "stop");
        if let Some(own) = own.filter(|_| is_whole && !answer.text.trim().is_empty()) {
            note(&own.task, &answer.text)?;
            let reason = "answered without tools; the answer is a note on the task".to_owned();
            agent_words::record(
                &own.outcome,
                &AgentSignal { signal: SignalWord::Done, reason: Some(reason) },
            )?;
        }
        if let Some(own) = own {
            self.tell_cut(&own.outcome, &answer)?;
        }
        Ok(Ending { text: answer.text })
    }

    /// That the model said no word about the task has a reason, if its answer was cut.
    fn tell_cut(&self, outcome: &Path, answer: &ChatAnswer) -> Result<(), Trouble> {
        if answer.finish.as_deref() != Some("length") {
            return Ok(());
        }
        let limit = match self.args.answer_tokens {
            Some(most) => format!("{most} tokens (loop.local.max_tokens, or the task's hew.max_tokens)"),
            None => "the server's own, or its context's; loop.local.max_tokens asks for another".to_owned(),
        };
        let reason = format!("the model's answer was cut by the limit of its length: {limit}");
        agent_words::record(outcome, &AgentSignal { signal: SignalWord::Fail, reason: Some(reason) })?;
        Ok(())
    }

    fn ask(&self, tools: &[ToolSpec]) -> Result<ChatAnswer, Trouble> {
        let request = ChatRequest {
            messages: self.messages.clone(),
            temperature: self.args.temperature,
            max_tokens: self.args.answer_tokens,
            tools: tools.to_vec(),
            ..ChatRequest::default()
        };
        let mut unheard = None;
        // The whole has no limit here: hew ends an iteration that takes too long.
        let limits = Limits { timeout: self.args.wait, whole: None };
        let answer = self.client.chat_stream(&request, limits, &never(), |piece| {
            if unheard.is_none() {
                unheard = self.voice.piece(piece).err();
            }
        });
        if let Some(error) = unheard {
            return Err(error.into());
        }
        let answer = answer.map_err(Trouble::Chat)?;
        self.voice.answer(&answer)?;
        Ok(answer)
    }
}

/// Of a model that never calls a tool a person should know that it may know of none.
fn tell_no_tool(own: &Own, answer: &ChatAnswer) -> Result<(), Trouble> {
    let Some(reason) = why_no_tool(&answer.text, &own.task) else { return Ok(()) };
    let word = AgentSignal { signal: SignalWord::Fail, reason: Some(reason.to_owned()) };
    agent_words::record(&own.outcome, &word)?;
    Ok(())
}

/// What a first answer without a call comes from, most likely. The last line that closes its task is a word, too.
fn why_no_tool(text: &str, task: &TaskId) -> Option<&'static str> {
    let mut scan = TextScan::default();
    scan.take_text(text);
    let last = scan.finish().last_line;
    if last.is_empty() {
        return Some("the model's answer was empty: no word, and no tool called (docs/local-models.md)");
    }
    let talks = "the model only answered in words and called no tool: it, or how its server was started, may take none \
        (docs/local-models.md; for answers without tools: loop.local.tools = false)";
    (last != closing_line(task)).then_some(talks)
}

/// Some models take no tools, and their servers say so: most by a status of a bad request, llama.cpp by one of its own
/// failures.
fn refuses_tools(error: &ChatError) -> bool {
    let ChatError::Failed(ChatFailure { status: Some(_), failure, .. }) = error else { return false };
    let is_refusal = matches!(failure.class, FailureClass::BadRequest | FailureClass::Server);
    is_refusal && failure.message.to_lowercase().contains("tool")
}

/// Adds a note to a task, as an agent would.
fn note(task: &TaskId, text: &str) -> Result<(), Trouble> {
    let mut text: String = text.trim().chars().filter(|c| *c != '\0').collect();
    if text.len() > LONGEST_NOTE {
        text.truncate(beginning(&text, LONGEST_NOTE).len());
        text.push_str("\n… (cut)");
    }
    let noted = Command::new("/proc/self/exe")
        .args(["task", "note", task.as_str(), &text])
        .stdin(Stdio::null())
        .output()?;
    if noted.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&noted.stderr).trim().to_owned();
    Err(Trouble::Words(format!("the answer could not be noted on {task}: {said}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_last_line_of_its_own_closes_a_task_and_an_empty_answer_is_told_as_one() {
        let told = |text| why_no_tool(text, &TaskId::new("a-1"));
        assert_eq!((told("All there.\n\nclosed a-1 \n\n"), told("closed a-1")), (None, None));
        for text in ["I would.", "I have not closed a-1", "closed a-12", "closed a-1\nor not"] {
            assert!(told(text).unwrap().contains("only answered in words"), "{text}");
        }
        for text in ["", " \n\t\n"] {
            assert!(told(text).unwrap().contains("was empty"), "{text:?}");
        }
    }

    #[test]
    fn a_server_refuses_tools_in_words_of_its_own() {
        let answered = |status, body: &str| {
            refuses_tools(&ChatError::Failed(ChatFailure::of_status(status, None, body.as_bytes())))
        };
        let jinja = r#"{"error": {"code": 500, "message": "tools param requires --jinja flag", "type": "server_error"}}"#;
        assert!(answered(500, jinja) && answered(400, "small does not support Tools"));
        assert!(
            !answered(500, "out of memory") && !answered(401, "no tools for you") && !answered(429, "tools")
        );
        let cut = ChatFailure::new(None, FailureClass::Server, "the tool's answer broke off");
        assert!(!refuses_tools(&ChatError::Failed(cut)), "there was no answer");
        assert!(!refuses_tools(&ChatError::NoModel));
    }
}
