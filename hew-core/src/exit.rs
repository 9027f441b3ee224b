//! How a program ended. An exit code and a signal are different values, and neither means "done".

use std::fmt;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a process ended. On disk `{"code": 1}` or `{"signal": 9}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    /// It ended by itself with this code.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
}

impl Exit {
    /// Exit code 0.
    pub fn is_success(self) -> bool {
        self == Exit::Code(0)
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Exit::Code(code) => write!(f, "exit code {code}"),
            Exit::Signal(signal) => write!(f, "signal {signal}"),
        }
    }
}

/// A program that did not do what was asked: all that a person needs to run it again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` failed with {exit} in {}{}", argv.join(" "), cwd.display(), tail(output_tail))]
pub struct CommandFailure {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// The folder it ran in.
    pub cwd: PathBuf,
    /// How it ended.
    pub exit: Exit,
    /// The last lines that it printed.
    pub output_tail: String,
}

fn tail(output: &str) -> String {
    let output = output.trim();
    if output.is_empty() { String::new() } else { format!(": {output}") }
}
