//! How nodes look, in every format that has colours of its own.

use anstyle::Style;

use crate::agent::IterationOutcome;
use crate::render::style::{self, BAD, FAINT, GOOD};

/// What the verification at the end showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum VerifyLook {
    /// It was green.
    Passed,
    /// It was red.
    Failed,
    /// Its time was up.
    TimedOut,
    /// It did not run.
    Skipped,
}

/// How a node looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NodeClass {
    /// An iteration or task with this outcome.
    Outcome(IterationOutcome),
    /// It has not ended.
    Incomplete,
    /// Not started.
    Waiting,
    /// A commit.
    Commit,
    /// The verification at the end.
    Verify(VerifyLook),
}

/// Colours of a node on a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Of its area.
    pub fill: &'static str,
    /// Of its border.
    pub stroke: &'static str,
    /// Of its text.
    pub text: &'static str,
    /// Its border is dashed.
    pub is_dashed: bool,
}

impl NodeClass {
    /// Every class.
    pub fn all() -> impl Iterator<Item = Self> {
        use VerifyLook::{Failed, Passed, Skipped, TimedOut};
        let outcomes = IterationOutcome::ALL.into_iter().map(Self::Outcome);
        let verify = [Passed, Failed, TimedOut, Skipped].map(Self::Verify);
        outcomes.chain([Self::Incomplete, Self::Waiting, Self::Commit]).chain(verify)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Outcome(outcome) => outcome.as_str(),
            Self::Incomplete => "incomplete",
            Self::Waiting => "waiting",
            Self::Commit => "commit",
            Self::Verify(VerifyLook::Passed) => "verify_passed",
            Self::Verify(VerifyLook::Failed) => "verify_failed",
            Self::Verify(VerifyLook::TimedOut) => "verify_timed_out",
            Self::Verify(VerifyLook::Skipped) => "verify_skipped",
        }
    }

    /// Its colour in the terminal.
    pub fn style(self) -> Style {
        match self {
            Self::Outcome(outcome) => style::of_outcome(outcome),
            Self::Verify(VerifyLook::Passed) => GOOD,
            Self::Verify(VerifyLook::Failed | VerifyLook::TimedOut) => BAD,
            Self::Incomplete | Self::Waiting | Self::Commit | Self::Verify(VerifyLook::Skipped) => FAINT,
        }
    }

    /// Its colours on a page: an area light enough for dark text on pages of either kind.
    pub fn look(self) -> Look {
        let solid = |fill, stroke| Look { fill, stroke, text: "#1b1b1b", is_dashed: false };
        let grey = |fill, stroke| Look { text: "#4a4a4a", ..solid(fill, stroke) };
        match self {
            Self::Outcome(outcome) => of_outcome(outcome),
            Self::Incomplete => Look { is_dashed: true, ..solid("#ffffff", "#505050") },
            Self::Waiting => grey("#f5f5f5", "#a0a0a0"),
            Self::Commit => solid("#e6e9ef", "#4a5568"),
            Self::Verify(VerifyLook::Passed) => solid("#b7e4b7", "#1b5e20"),
            Self::Verify(VerifyLook::Failed | VerifyLook::TimedOut) => solid("#f7b9b9", "#9b1c1c"),
            Self::Verify(VerifyLook::Skipped) => grey("#e2e2e2", "#707070"),
        }
    }
}

fn of_outcome(outcome: IterationOutcome) -> Look {
    let (fill, stroke) = match outcome {
        IterationOutcome::Closed => ("#d9f2d9", "#2e7d32"),
        IterationOutcome::NoClose => ("#fff4d6", "#b7860b"),
        IterationOutcome::BackpressureFail => ("#ffe3d3", "#c05621"),
        IterationOutcome::RuntimeError => ("#fbd5d5", "#c53030"),
        IterationOutcome::TimedOut => ("#f9d0e4", "#b83280"),
        IterationOutcome::Stalled => ("#f3d9fa", "#862e9c"),
        IterationOutcome::RateLimited => ("#d7e8fd", "#2b6cb0"),
        IterationOutcome::Conflict => ("#fdf0b4", "#975a16"),
        IterationOutcome::Blocked => ("#f2d2c4", "#7b341e"),
        IterationOutcome::Cancelled => ("#e2e2e2", "#707070"),
    };
    let text = if outcome == IterationOutcome::Cancelled { "#4a4a4a" } else { "#1b1b1b" };
    Look { fill, stroke, text, is_dashed: false }
}
