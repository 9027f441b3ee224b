//! What outcomes and states look like, everywhere.

use anstyle::{AnsiColor, Style};

use crate::agent::IterationOutcome;
use crate::record::RunState;

/// Headings.
pub const HEADING: Style = Style::new().bold();
/// What matters less.
pub const FAINT: Style = Style::new().dimmed();

const fn colour(colour: AnsiColor) -> Style {
    Style::new().fg_color(Some(anstyle::Color::Ansi(colour)))
}

/// What went well.
pub const GOOD: Style = colour(AnsiColor::Green);
/// What went wrong.
pub const BAD: Style = colour(AnsiColor::Red);
/// What needs a look.
pub const WARN: Style = colour(AnsiColor::Yellow);

/// The style of an outcome.
pub fn of_outcome(outcome: IterationOutcome) -> Style {
    match outcome {
        IterationOutcome::Closed => GOOD,
        IterationOutcome::BackpressureFail
        | IterationOutcome::RuntimeError
        | IterationOutcome::TimedOut
        | IterationOutcome::Stalled => BAD,
        IterationOutcome::NoClose
        | IterationOutcome::Conflict
        | IterationOutcome::Blocked
        | IterationOutcome::RateLimited => WARN,
        IterationOutcome::Cancelled => FAINT,
    }
}

/// The style of a run's state.
pub fn of_state(state: RunState) -> Style {
    match state {
        RunState::Running | RunState::Completed => GOOD,
        RunState::Cancelled => FAINT,
        RunState::Crashed | RunState::Failed => BAD,
    }
}

/// The sign of an outcome; none for an iteration that has not ended.
pub fn glyph(outcome: Option<IterationOutcome>) -> &'static str {
    match outcome {
        None => "⋯",
        Some(IterationOutcome::Closed) => "✓",
        Some(IterationOutcome::NoClose) => "◐",
        Some(IterationOutcome::BackpressureFail) => "↺",
        Some(IterationOutcome::RuntimeError) => "✗",
        Some(IterationOutcome::TimedOut | IterationOutcome::Stalled) => "⏱",
        Some(IterationOutcome::RateLimited) => "⏸",
        Some(IterationOutcome::Conflict) => "⚡",
        Some(IterationOutcome::Blocked) => "⛔",
        Some(IterationOutcome::Cancelled) => "⊘",
    }
}
