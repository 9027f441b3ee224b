//! The tools, as the model knows them, and what a call of each comes to.

use std::io;
use std::path::Path;
use std::time::Duration;

use hew_core::agent::{AgentSignal, SignalWord};
use hew_core::chat::{ToolCall, ToolSpec};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::files;
use super::folder::Folder;
use super::shell::{self, RUN_LIMIT};

/// What came of a call.
#[derive(Debug)]
pub(super) enum Deed {
    /// An answer for the model.
    Answer(String),
    /// The model's word about the task.
    Word(AgentSignal),
}

/// The tools, in one folder.
pub(super) struct Hands {
    folder: Folder,
    /// The variable that holds the server's key, which no command sees.
    bearer: Option<String>,
}

#[derive(Deserialize)]
struct ReadInput {
    path: String,
    first_line: Option<usize>,
    lines: Option<usize>,
}

#[derive(Deserialize)]
struct WriteInput {
    path: String,
    content: String,
}

#[derive(Deserialize)]
struct EditInput {
    path: String,
    old: String,
    new: String,
}

#[derive(Deserialize)]
struct ListInput {
    path: Option<String>,
}

#[derive(Deserialize)]
struct SearchInput {
    text: String,
    path: Option<String>,
}

#[derive(Deserialize)]
struct RunInput {
    command: String,
    seconds: Option<u64>,
}

#[derive(Deserialize)]
struct WordInput {
    reason: String,
}

/// What the model is told of the tools.
pub(super) fn specs() -> Vec<ToolSpec> {
    let path = || ("path", text("relative to the working folder"));
    vec![
        tool(
            "read_file",
            "Read a text file, or some lines of it.",
            &["path"],
            vec![
                path(),
                ("first_line", number("the first line to read, from 1")),
                ("lines", number("how many lines to read")),
            ],
        ),
        tool(
            "write_file",
            "Write a whole text file; folders are made as needed.",
            &["path", "content"],
            vec![path(), ("content", text("all of the file"))],
        ),
        tool(
            "edit_file",
            "Replace a piece of a text file. The old text must stand in it exactly once.",
            &["path", "old", "new"],
            vec![
                path(),
                ("old", text("the text to replace, with enough around it to stand there once")),
                ("new", text("what to put there")),
            ],
        ),
        tool("list_files", "List a folder; names of folders end with a slash.", &[], vec![path()]),
        tool(
            "search",
            "Find a text in the files of a folder that git does not ignore.",
            &["text"],
            vec![("text", text("what to look for, as it stands there")), path()],
        ),
        tool(
            "run",
            "Run a command by `sh -c` in the working folder.",
            &["command"],
            vec![("command", text("the command")), ("seconds", number("how long it may take"))],
        ),
        tool(
            "done",
            "Say that the task is done, and end. The same as `hew done`.",
            &["reason"],
            vec![("reason", text("what was done, in a sentence"))],
        ),
        tool(
            "blocked",
            "Say that the task is impossible now, and end. The same as `hew blocked`.",
            &["reason"],
            vec![("reason", text("what is missing, and who can supply it"))],
        ),
    ]
}

impl Hands {
    /// Tools that reach no further than this folder.
    pub(super) fn new(folder: &Path, bearer: Option<&str>) -> io::Result<Self> {
        Ok(Self { folder: Folder::new(folder)?, bearer: bearer.map(str::to_owned) })
    }

    /// Does what a call asks for. An error is told to the model, who may do better.
    pub(super) fn call(&self, call: &ToolCall) -> Result<Deed, String> {
        let folder = &self.folder;
        let answer = match call.name.as_str() {
            "read_file" => {
                let ReadInput { path, first_line, lines } = input(call)?;
                files::read(folder, &path, first_line, lines)
            }
            "write_file" => {
                let WriteInput { path, content } = input(call)?;
                files::write(folder, &path, &content)
            }
            "edit_file" => {
                let EditInput { path, old, new } = input(call)?;
                files::edit(folder, &path, &old, &new)
            }
            "list_files" => {
                let ListInput { path } = input(call)?;
                files::list(folder, path.as_deref().unwrap_or("."))
            }
            "search" => {
                let SearchInput { text, path } = input(call)?;
                shell::search(folder, &text, path.as_deref().unwrap_or("."))
            }
            "run" => {
                let RunInput { command, seconds } = input(call)?;
                let limit = seconds.map_or(RUN_LIMIT, |seconds| Duration::from_secs(seconds).min(RUN_LIMIT));
                shell::run(folder, &command, limit, self.bearer.as_deref())
            }
            "done" => return word(SignalWord::Done, call),
            "blocked" => return word(SignalWord::Blocked, call),
            other => {
                let names: Vec<&str> = specs().iter().map(|tool| tool.name).collect();
                Err(format!("there is no tool `{other}`; there are: {}", names.join(", ")))
            }
        };
        answer.map(Deed::Answer)
    }
}

fn word(signal: SignalWord, call: &ToolCall) -> Result<Deed, String> {
    let WordInput { reason } = input(call)?;
    Ok(Deed::Word(AgentSignal { signal, reason: Some(reason) }))
}

/// The arguments of a call; a model that calls without any wrote none.
fn input<T: DeserializeOwned>(call: &ToolCall) -> Result<T, String> {
    let text = if call.arguments.trim().is_empty() { "{}" } else { &call.arguments };
    serde_json::from_str(text)
        .map_err(|error| format!("the arguments of {} are not right: {error}", call.name))
}

fn tool(
    name: &'static str,
    description: &'static str,
    required: &[&str],
    fields: Vec<(&str, Value)>,
) -> ToolSpec {
    let properties: serde_json::Map<String, Value> =
        fields.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect();
    let parameters = json!({"type": "object", "properties": properties, "required": required});
    ToolSpec { name, description, parameters }
}

fn text(description: &str) -> Value {
    json!({"type": "string", "description": description})
}

fn number(description: &str) -> Value {
    json!({"type": "integer", "minimum": 1, "description": description})
}
