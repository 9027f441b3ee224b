//! The real clock.

use std::time::Instant;

use chrono::Utc;
use hew_core::clock::{Clock, Now};

/// Both clocks of the system; `elapsed` counts from when this value was made.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// Starts counting now.
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Now {
        Now { elapsed: self.start.elapsed(), wall: Utc::now() }
    }
}
