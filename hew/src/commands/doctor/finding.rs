//! What the doctor found, one thing at a time.

use hew_core::output::Output;
use hew_core::render::text::visible;
use schemars::JsonSchema;
use serde::Serialize;

use crate::failure::Failure;

/// How something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::commands) enum Standing {
    /// As it should be.
    Ok,
    /// Worth knowing; nothing has to be done.
    Note,
    /// Something has to be done.
    Problem,
    /// It was a problem, and `--fix` has mended it.
    Fixed,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(in crate::commands) struct Finding {
    /// What was looked at: `git`, `kernel`, `program`, `sign-in`, `endpoint`, `settings`, `trust`, `tracker`, `lock`,
    /// `process`, `run`, `worktree`, `space`, `project`.
    pub(super) check: &'static str,
    /// How it stands.
    pub(super) standing: Standing,
    /// What was found.
    pub(super) what: String,
    /// Why that matters.
    pub(super) why: Option<String>,
    /// One command that helps.
    pub(super) command: Option<String>,
}

impl Output for Finding {
    const KIND: &'static str = "finding";
}

impl Finding {
    fn new(check: &'static str, standing: Standing, what: impl Into<String>) -> Self {
        Self { check, standing, what: what.into(), why: None, command: None }
    }

    pub(super) fn ok(check: &'static str, what: impl Into<String>) -> Self {
        Self::new(check, Standing::Ok, what)
    }

    pub(super) fn note(check: &'static str, what: impl Into<String>, why: &str) -> Self {
        Self { why: Some(why.to_owned()), ..Self::new(check, Standing::Note, what) }
    }

    pub(super) fn with_command(self, command: impl Into<String>) -> Self {
        Self { command: Some(command.into()), ..self }
    }

    pub(super) fn fixed(check: &'static str, what: impl Into<String>) -> Self {
        Self::new(check, Standing::Fixed, what)
    }

    pub(super) fn problem(
        check: &'static str,
        what: impl Into<String>,
        why: &str,
        command: impl Into<String>,
    ) -> Self {
        let (why, command) = (Some(why.to_owned()), Some(command.into()));
        Self { why, command, ..Self::new(check, Standing::Problem, what) }
    }

    /// Whatever a command would have failed with.
    pub(super) fn of_failure(check: &'static str, failure: &Failure) -> Self {
        let why = (!failure.causes.is_empty()).then(|| failure.causes.join("; "));
        let command = failure.hint.clone();
        Self { why, command, ..Self::new(check, Standing::Problem, &failure.message) }
    }

    /// For people.
    pub(super) fn to_text(&self) -> String {
        let word = match self.standing {
            Standing::Ok => "ok",
            Standing::Note => "note",
            Standing::Problem => "PROBLEM",
            Standing::Fixed => "fixed",
        };
        let mut lines = vec![format!("{word:<8} {:<9} {}", self.check, visible(&self.what))];
        let below = |label: &str, text: &str| {
            text.lines().map(|line| format!("{:<19}{label} {}", "", visible(line))).collect::<Vec<_>>()
        };
        lines.extend(self.why.iter().flat_map(|why| below("why: ", why)));
        lines.extend(self.command.iter().flat_map(|command| below("next:", command)));
        lines.join("\n") + "\n"
    }
}
