//! A command that can't do what was asked: one diagnostic with the exit code that belongs to it.

use std::fmt;

use hew_core::output::Output;
use schemars::JsonSchema;
use serde::Serialize;

/// Exit codes that a person may rely on; `docs/loop.md` has the whole table.
pub mod code {
    /// Everything asked for is done.
    pub const OK: u8 = 0;
    /// Absent, failed, or a run with tasks that failed.
    pub const FAILED: u8 = 1;
    /// Bad flags, settings or project state, found before anything was started.
    pub const USAGE: u8 = 2;
    /// A person is needed.
    pub const PERSON: u8 = 3;
    /// Another run holds this project.
    pub const HELD: u8 = 4;
    /// Stopped by a budget, a stop file or a request, with work left.
    pub const STOPPED: u8 = 5;
    /// No usable runtime.
    pub const QUOTA: u8 = 6;
    /// A bug in hew.
    pub const BUG: u8 = 70;
}

/// What failed (naming the object), the causes, and one command to run next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Failure {
    /// The process's exit code.
    pub code: u8,
    /// What failed.
    pub message: String,
    /// Why, outermost first. With several problems at once, one each.
    pub causes: Vec<String>,
    /// What to do next.
    pub hint: Option<String>,
}

impl Failure {
    /// Bad flags, settings or project state: exit 2.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::with_code(code::USAGE, message)
    }

    /// Absent or failed: exit 1.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::with_code(code::FAILED, message)
    }

    /// Any other exit code of [`code`].
    pub fn with_code(code: u8, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), causes: Vec::new(), hint: None }
    }

    /// Adds a cause.
    #[must_use]
    pub fn because(mut self, cause: impl fmt::Display) -> Self {
        self.causes.push(cause.to_string());
        self
    }

    /// Says what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl Output for Failure {
    const KIND: &'static str = "error";
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl miette::Diagnostic for Failure {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.hint.as_ref().map(|hint| Box::new(hint) as Box<dyn fmt::Display>)
    }
}
