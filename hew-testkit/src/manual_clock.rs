//! A clock that stands still until it is moved.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;
use hew_core::clock::{Clock, Now};

use crate::tracker_clock::ticking_start;

/// Begins at zero, and on the calendar where a [`crate::tracker_clock::TickingClock`] does.
#[derive(Debug, Default)]
pub struct ManualClock {
    elapsed: Mutex<Duration>,
    /// By how much somebody has set the calendar.
    set_by: Mutex<TimeDelta>,
}

impl ManualClock {
    /// Moves on to this moment; it never goes back.
    pub fn move_to(&self, moment: Duration) {
        let mut elapsed = self.elapsed.lock().unwrap_or_else(PoisonError::into_inner);
        *elapsed = moment.max(*elapsed);
    }

    /// Somebody sets the calendar, back or forth; no time passes.
    pub fn set_calendar(&self, by: TimeDelta) {
        *self.set_by.lock().unwrap_or_else(PoisonError::into_inner) += by;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Now {
        let elapsed = *self.elapsed.lock().unwrap_or_else(PoisonError::into_inner);
        let since = TimeDelta::from_std(elapsed).unwrap_or(TimeDelta::MAX);
        let set_by = *self.set_by.lock().unwrap_or_else(PoisonError::into_inner);
        Now { elapsed, wall: ticking_start() + since + set_by }
    }
}
