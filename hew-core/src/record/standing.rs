//! How a run stands: what its journal says, with what only the project's lock knows.

use schemars::JsonSchema;
use serde::Serialize;

use super::StopReason;
use super::view::RunEnding;

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// It goes on.
    Running,
    /// It ended by itself or by a limit that was set.
    Completed,
    /// A person or a signal ended it.
    Cancelled,
    /// Its process is gone, and its journal has no end.
    Crashed,
    /// It ended with tasks that failed, or could not go on.
    Failed,
}

impl RunState {
    /// How a run stands that ended with this reason and exit code, or did not end; `is_held`: a living process of it holds
    /// the project's lock.
    pub fn of(end: Option<(StopReason, u8)>, is_held: bool) -> Self {
        let Some((reason, exit_code)) = end else {
            return if is_held { Self::Running } else { Self::Crashed };
        };
        match (reason, exit_code) {
            (StopReason::Cancelled | StopReason::StopFile | StopReason::Signal, _) => Self::Cancelled,
            (StopReason::GuardTrip | StopReason::RuntimeError | StopReason::Quota, _) => Self::Failed,
            // 1: it went to its end, though some task did not; 3: a person is needed for what it left; 5: a limit was
            // reached with work left.
            (_, 0 | 1 | 3 | 5) => Self::Completed,
            _ => Self::Failed,
        }
    }

    /// The same from a view's ending.
    pub fn of_ending(ending: Option<&RunEnding>, is_held: bool) -> Self {
        Self::of(ending.map(|ending| (ending.stop_reason, ending.exit_code.unwrap_or(0))), is_held)
    }

    /// The wire form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
            Self::Crashed => "crashed",
            Self::Failed => "failed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_tells_running_from_crashed_and_the_end_tells_the_rest() {
        let cases = [
            (None, true, RunState::Running),
            (None, false, RunState::Crashed),
            (Some((StopReason::ReadyEmpty, 0)), false, RunState::Completed),
            (Some((StopReason::ReadyEmpty, 1)), false, RunState::Completed),
            (Some((StopReason::ReadyEmpty, 70)), false, RunState::Failed),
            (Some((StopReason::ReadyEmpty, 3)), false, RunState::Completed),
            (Some((StopReason::MaxIter, 5)), false, RunState::Completed),
            (Some((StopReason::Signal, 130)), false, RunState::Cancelled),
            (Some((StopReason::Cancelled, 5)), true, RunState::Cancelled),
            (Some((StopReason::GuardTrip, 2)), false, RunState::Failed),
            (Some((StopReason::Quota, 6)), false, RunState::Failed),
        ];
        for (end, is_held, expected) in cases {
            assert_eq!(RunState::of(end, is_held), expected, "{end:?} {is_held}");
        }
    }
}
