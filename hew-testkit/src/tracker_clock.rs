//! A calendar that moves on by a second with each look at it.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use hew_core::clock::{Clock, Now};

/// Begins at 2026-11-20T00:00:00Z.
#[derive(Debug, Default)]
pub struct TickingClock {
    looks: AtomicI64,
}

/// Where a [`TickingClock`] begins.
pub fn ticking_start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_132_800, 0).unwrap_or_default()
}

impl Clock for TickingClock {
    fn now(&self) -> Now {
        let seconds = self.looks.fetch_add(1, Ordering::Relaxed);
        let elapsed = Duration::from_secs(seconds.unsigned_abs());
        Now { elapsed, wall: ticking_start() + TimeDelta::seconds(seconds) }
    }
}
