//! Virtual time: what has passed in the world, in this process, and on the calendar, which may jump.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;
use hew_core::clock::{Clock, Now};

use crate::tracker_clock::ticking_start;

/// A clock that stands still until it is moved.
#[derive(Debug, Default)]
pub(super) struct SimClock {
    times: Mutex<Times>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Times {
    world: Duration,
    process: ProcessBegan,
    jump: i64,
}

/// When a process began, and how long its run had lived by then.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct ProcessBegan {
    pub(super) at: Duration,
    pub(super) lived: Duration,
}

impl SimClock {
    fn lock(&self) -> MutexGuard<'_, Times> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Since the world began.
    pub(super) fn world(&self) -> Duration {
        self.lock().world
    }

    /// Moves on; it never goes back.
    pub(super) fn move_to(&self, moment: Duration) {
        let mut times = self.lock();
        times.world = times.world.max(moment);
    }

    /// A process begins: its clock goes on from what its run has lived.
    pub(super) fn begin_process(&self, lived: Duration) {
        let mut times = self.lock();
        times.process = ProcessBegan { at: times.world, lived };
    }

    /// When this process began.
    pub(super) fn process_began(&self) -> ProcessBegan {
        self.lock().process
    }

    /// The calendar jumps by so many seconds.
    pub(super) fn jump(&self, seconds: i64) {
        self.lock().jump += seconds;
    }
}

impl Clock for SimClock {
    fn now(&self) -> Now {
        let Times { world, process, jump } = *self.lock();
        let since = TimeDelta::from_std(world).unwrap_or(TimeDelta::MAX) + TimeDelta::seconds(jump);
        Now { elapsed: process.lived + world.saturating_sub(process.at), wall: ticking_start() + since }
    }
}
