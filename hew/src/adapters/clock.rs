//! The real clock.

use std::time::{Duration, Instant};

use chrono::Utc;
use hew_core::clock::{Clock, Now};

/// Both clocks of the system; `elapsed` counts from when this value was made, on top of what had passed before.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    start: Instant,
    before: Duration,
}

impl SystemClock {
    /// Starts counting now.
    pub fn start() -> Self {
        Self::going_on(Duration::ZERO)
    }

    /// Starts counting now, where so much had been counted before.
    pub fn going_on(before: Duration) -> Self {
        Self { start: Instant::now(), before }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Now {
        Now { elapsed: self.before.saturating_add(self.start.elapsed()), wall: Utc::now() }
    }
}
