//! Time comes in as an argument: durations from a monotonic reading, stamps from the calendar.

use std::time::Duration;

use chrono::{DateTime, Utc};

/// One moment, read on both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Time since the run began, all its processes together, from the monotonic clock: the only source of durations and
    /// deadlines.
    pub elapsed: Duration,
    /// Calendar time, for stamps that people read; it may jump.
    pub wall: DateTime<Utc>,
}

/// Where the time comes from.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Now;
}
