//! The phases of an iteration, in their order.

/// How far an iteration has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Claimed; its worktree is being brought to the base.
    Preparing,
    /// Its runtime failed; it is tried again after a wait.
    Waiting,
    /// What will run is being settled.
    Planning,
    /// The plan stands, the agent is being started.
    Starting,
    /// The agent runs.
    Running,
    /// The agent ended; its work is being collected.
    Collecting,
    /// Its work is anchored; the gate runs on it in its worker's worktree.
    Proving,
    /// Its work is green and waits on its worker's branch for the end of the run.
    Stacked,
    /// Its work is anchored and waits for the lane.
    Queued,
    /// Merged; the gate is next.
    Gating,
    /// The gate has spoken, or the merge failed; it is being settled.
    Settling,
    /// It is over.
    Ended,
}

impl Phase {
    /// For people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Preparing => "preparing",
            Self::Waiting => "waiting to try again",
            Self::Planning => "planning",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Collecting => "collecting",
            Self::Stacked => "done, waiting for the merge",
            Self::Queued => "waiting to land",
            Self::Proving | Self::Gating => "gate",
            Self::Settling => "settling",
            Self::Ended => "ended",
        }
    }

    /// For people, in one word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Stacked => "done",
            Self::Queued => "queued",
            other => other.as_str(),
        }
    }

    /// The worker is free for the next task: what is left to do is the lane's.
    pub fn is_in_lane(self) -> bool {
        matches!(self, Self::Queued | Self::Gating | Self::Settling)
    }

    /// The worker is busy with it.
    pub fn is_with_worker(self) -> bool {
        self < Self::Stacked
    }
}
