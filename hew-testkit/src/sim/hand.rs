//! One thread of a run: jobs one after another, each taking its time.

use std::collections::VecDeque;

use hew_core::agent::StopRequest;
use hew_core::engine::Event;

/// A thread with its queue.
#[derive(Debug)]
pub(super) struct Hand<J> {
    pub(super) waiting: VecDeque<J>,
    pub(super) doing: Option<Doing<J>>,
    /// The moment that was set for the job that it does now; earlier ones are void.
    pub(super) token: u64,
}

/// A job that is under way.
#[derive(Debug)]
pub(super) struct Doing<J> {
    /// Not done yet.
    pub(super) job: Option<J>,
    /// Done, and not told yet.
    pub(super) answers: Vec<Event>,
    /// It was asked to end.
    pub(super) stop: Option<StopRequest>,
}

impl<J> Default for Hand<J> {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), doing: None, token: 0 }
    }
}

impl<J> Hand<J> {
    /// Nothing is done or waits.
    pub(super) fn is_idle(&self) -> bool {
        self.doing.is_none() && self.waiting.is_empty()
    }
}
