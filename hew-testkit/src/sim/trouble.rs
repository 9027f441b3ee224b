//! Kinds of trouble, and the fate of single calls.

use std::fmt;
use std::str::FromStr;

use super::chance::Chance;

/// A kind of trouble that a case may be played without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// Agents that fail by their own fault.
    Agents,
    /// Work that does not merge, or is red together.
    Conflicts,
    /// Runtimes that fail, rest, are out.
    Runtimes,
    /// Agents and a planner that say what is next.
    Plans,
    /// A model server that is asked on the side, and fails.
    Helpers,
    /// Agents that move what is not theirs.
    Misdeeds,
    /// Gates that are flaky, time out, can't be run, alter their tree.
    Gates,
    /// A tracker that fails, and loses answers.
    Tracker,
    /// Git that fails.
    Git,
    /// A journal that can't be written.
    Store,
    /// People who close, take, edit, file tasks and move the target.
    People,
    /// Budgets.
    Budgets,
    /// Stop files, cancels and signals.
    Stops,
    /// A verification at the end.
    Verify,
    /// A calendar that jumps.
    Clock,
    /// Runs that wait for new tasks.
    Watch,
    /// Ends of the process at any step.
    Crashes,
}

impl Trouble {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::Agents,
        Self::Conflicts,
        Self::Runtimes,
        Self::Plans,
        Self::Helpers,
        Self::Misdeeds,
        Self::Gates,
        Self::Tracker,
        Self::Git,
        Self::Store,
        Self::People,
        Self::Budgets,
        Self::Stops,
        Self::Verify,
        Self::Clock,
        Self::Watch,
        Self::Crashes,
    ];

    fn word(self) -> &'static str {
        match self {
            Self::Agents => "agents",
            Self::Conflicts => "conflicts",
            Self::Runtimes => "runtimes",
            Self::Plans => "plans",
            Self::Helpers => "helpers",
            Self::Misdeeds => "misdeeds",
            Self::Gates => "gates",
            Self::Tracker => "tracker",
            Self::Git => "git",
            Self::Store => "store",
            Self::People => "people",
            Self::Budgets => "budgets",
            Self::Stops => "stops",
            Self::Verify => "verify",
            Self::Clock => "clock",
            Self::Watch => "watch",
            Self::Crashes => "crashes",
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl FromStr for Trouble {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|trouble| trouble.word() == text);
        found.ok_or_else(|| format!("`{text}` is no kind of trouble"))
    }
}

/// What becomes of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Goes,
    FailsBefore,
    /// It is done, and its caller never learns it.
    FailsAfter,
}

/// What may become of calls.
#[derive(Debug)]
pub(super) struct Faults {
    chance: Chance,
    /// Of a thousand calls, how many fail.
    rate: u32,
    /// The process ends after so many more calls.
    ends_after: Option<u32>,
    /// The process has ended: nothing is done any more.
    pub(super) is_over: bool,
    /// Calls that go well after one that failed.
    calm: u32,
}

impl Faults {
    pub(super) fn new(chance: Chance, rate: u32) -> Self {
        Self { chance, rate, ends_after: None, is_over: false, calm: 0 }
    }

    /// The process ends after so many more calls.
    pub(super) fn end_after(&mut self, calls: u32) {
        self.ends_after = Some(calls);
    }

    /// A new process: its calls are done again.
    pub(super) fn begin(&mut self) {
        (self.ends_after, self.is_over) = (None, false);
    }

    pub(super) fn next(&mut self) -> Fate {
        if self.is_over {
            return Fate::FailsBefore;
        }
        match &mut self.ends_after {
            Some(0) => {
                self.is_over = true;
                return Fate::FailsBefore;
            }
            Some(left) => *left -= 1,
            None => {}
        }
        self.calm = self.calm.saturating_sub(1);
        if self.rate == 0 || self.calm > 0 || !self.chance.per_mille(self.rate) {
            return Fate::Goes;
        }
        // Whoever looks right after a failure is answered.
        self.calm = 4;
        if self.chance.percent(50) { Fate::FailsBefore } else { Fate::FailsAfter }
    }
}
