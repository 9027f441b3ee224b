//! What `hew init` did, for people and programs.

use std::path::PathBuf;

use hew_core::output::Output;
use hew_core::record::event::TrackerRecord;
use hew_core::render::text::visible;
use schemars::JsonSchema;
use serde::Serialize;

use crate::adapters::agent_texts::{AgentText, Installed};
use crate::ui::Ui;

/// What was done with one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Done {
    /// It was not there before.
    Made,
    /// It was there, and holds something else now.
    Changed,
    /// A text of hew's was brought up to date, or added to what was there.
    Refreshed,
    /// Nothing.
    WasThere,
    /// Nothing, although something should have been done.
    LeftAlone,
}

impl Done {
    fn word(self) -> &'static str {
        match self {
            Self::Made => "made",
            Self::Changed => "changed",
            Self::Refreshed => "refreshed",
            Self::WasThere => "was there",
            Self::LeftAlone => "left alone",
        }
    }
}

/// What there is to work with now.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::commands) struct Initialised<'a> {
    /// Settings, state folder, tracker, texts for agents.
    things: &'a [Thing],
    /// The tracker in use.
    tracker: &'a TrackerRecord,
    /// A command to go on with.
    next: &'a str,
}

/// One of them.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Thing {
    /// `settings`, `state`, `tracker` or `text` (for agents).
    what: &'static str,
    /// Where it is.
    path: PathBuf,
    /// What was done with it.
    pub(super) done: Done,
    /// Where the file as it was before is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    copy: Option<PathBuf>,
    /// Why it was left alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

impl Output for Initialised<'_> {
    const KIND: &'static str = "init";
}

impl Thing {
    pub(super) fn new(what: &'static str, path: PathBuf, done: Done) -> Self {
        Self { what, path, done, copy: None, why: None }
    }

    pub(super) fn left_alone(what: &'static str, path: PathBuf, why: String) -> Self {
        Self { why: Some(why), ..Self::new(what, path, Done::LeftAlone) }
    }

    pub(super) fn of_text(text: AgentText) -> Self {
        let done = match text.done {
            Installed::Made => Done::Made,
            Installed::Refreshed => Done::Refreshed,
            Installed::WasThere => Done::WasThere,
            Installed::LeftAlone => Done::LeftAlone,
        };
        Self { copy: text.copy, why: text.why, ..Self::new("text", text.path, done) }
    }

    fn to_text(&self) -> String {
        let path = self.path.display();
        let why = self.why.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
        let copy = self.copy.as_ref().map(|copy| format!(" (as it was: {})", copy.display()));
        let line =
            format!("{:<9} {:<10} {path}{why}{}", self.what, self.done.word(), copy.unwrap_or_default());
        visible(&line) + "\n"
    }
}

/// Tells all of it.
pub(super) fn tell(things: &[Thing], tracker: &TrackerRecord, next: &str, ui: &Ui) {
    if ui.is_json() {
        ui.print_output(&Initialised { things, tracker, next });
        return;
    }
    for thing in things {
        ui.print(&thing.to_text());
    }
    ui.print(&format!("tasks live in {}\n", visible(&tracker.words())));
    if things.iter().all(|thing| matches!(thing.done, Done::WasThere | Done::LeftAlone)) {
        ui.print("nothing was changed\n");
    } else if things.iter().any(|thing| thing.what == "text") {
        ui.say(
            "Agents work in worktrees: what they are to find there, texts and settings, has to be committed.",
        );
    }
    ui.print(&format!("next: {next}\n"));
}
