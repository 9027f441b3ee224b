//! When and why a program that runs is to end.

use std::io;
use std::time::{Duration, Instant};

use hew_core::agent::StopCause;
use hew_core::exit::Exit;

use super::supervised::Ended;

/// When and why a program is to end.
#[derive(Debug)]
pub(super) struct EndPlan {
    deadline: Instant,
    pub(super) stopping: Option<Stopping>,
    pub(super) unkept: Option<io::Error>,
    pub(super) refused: Vec<String>,
}

/// Why it is being ended, and when its shim is late.
#[derive(Debug)]
pub(super) struct Stopping {
    pub(super) cause: StopCause,
    pub(super) shim_until: Instant,
}

impl EndPlan {
    pub(super) fn new(deadline: Instant) -> Self {
        Self { deadline, stopping: None, unkept: None, refused: Vec::new() }
    }

    /// This process stood still for so long: nothing is due before it would have been.
    pub(super) fn postpone(&mut self, by: Duration) {
        self.deadline += by;
        if let Some(stopping) = &mut self.stopping {
            stopping.shim_until += by;
        }
    }

    /// When to look next; `look` is when the stall watch wants to.
    pub(super) fn due(&self, look: Option<Instant>) -> Instant {
        match &self.stopping {
            Some(stopping) => stopping.shim_until,
            None => look.map_or(self.deadline, |look| look.min(self.deadline)),
        }
    }

    pub(super) fn is_time_up(&self, now: Instant) -> bool {
        self.stopping.is_none() && now >= self.deadline
    }

    pub(super) fn is_shim_late(&self, now: Instant) -> bool {
        self.stopping.as_ref().is_some_and(|stopping| now >= stopping.shim_until)
    }

    pub(super) fn ended(self, exit: Exit, ran: Duration, leaked: u32) -> Ended {
        let stopped = self.stopping.map(|stopping| stopping.cause);
        Ended { exit, ran, leaked, refused: self.refused, stopped, unkept: self.unkept }
    }
}
