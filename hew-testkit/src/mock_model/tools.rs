//! The tool of an agent that does what a script's call asks for.

use serde_json::{Value, json};

use super::script::Call;

/// A call in an agent's own words.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ToolUse {
    pub(super) name: String,
    /// An object, or plain text for a tool that takes such.
    pub(super) input: Value,
}

type Wording = fn(&Call) -> Option<Value>;

/// Tools that are known, and how each wants to be called for what.
const KNOWN: [(&str, Wording); 8] = [
    ("Bash", |call| Some(json!({"command": shell(call)?, "description": "Do it"}))),
    ("Write", |call| file(call).map(|(path, content)| json!({"file_path": path, "content": content}))),
    ("exec_command", |call| Some(json!({"cmd": shell(call)?}))),
    ("shell_command", |call| Some(json!({"command": shell(call)?}))),
    ("shell", |call| Some(json!({"command": ["bash", "-lc", shell(call)?]}))),
    ("apply_patch", |call| file(call).map(|(path, content)| patch(path, content).into())),
    ("run", |call| Some(json!({"command": shell(call)?}))),
    ("write_file", |call| file(call).map(|(path, content)| json!({"path": path, "content": content}))),
];

/// The call in the words of the first known tool among those that the agent offers; a file is written by its shell where
/// it offers no other way. An error says that the script does not fit the agent.
pub(super) fn fit(call: &Call, offered: &[String]) -> Result<ToolUse, String> {
    if let Call::Tool { name, input } = call {
        return Ok(ToolUse { name: name.clone(), input: input.clone() });
    }
    let by_shell = file(call).map(|(path, content)| Call::Shell(write_by_shell(path, content)));
    let found = known_tool(call, offered).or_else(|| known_tool(&by_shell?, offered));
    found.ok_or_else(|| {
        format!("the script calls for {call:?}, and no tool that is known can do it: {offered:?}")
    })
}

fn known_tool(call: &Call, offered: &[String]) -> Option<ToolUse> {
    let is_offered = |name: &str| offered.iter().any(|known| known == name);
    let mut fitting = KNOWN.iter().filter(|(name, _)| is_offered(name));
    let (name, input) = fitting.find_map(|(name, wording)| Some((name, wording(call)?)))?;
    Some(ToolUse { name: (*name).to_owned(), input })
}

fn write_by_shell(path: &str, content: &str) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
    format!("mkdir -p \"$(dirname {path})\" && printf %s {} > {path}", quoted(content), path = quoted(path))
}

fn shell(call: &Call) -> Option<&str> {
    if let Call::Shell(command) = call { Some(command) } else { None }
}

fn file(call: &Call) -> Option<(&str, &str)> {
    if let Call::Write { path, content } = call { Some((path, content)) } else { None }
}

fn patch(path: &str, content: &str) -> String {
    let lines: Vec<String> = content.lines().map(|line| format!("+{line}\n")).collect();
    format!("*** Begin Patch\n*** Add File: {path}\n{}*** End Patch\n", lines.concat())
}
