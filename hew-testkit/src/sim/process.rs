//! A process of hew: the engine's state, what waits for it, and its threads.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use hew_core::engine::{Effect, Event, LaneJob, State, WorkerJob};
use hew_core::ids::{BranchName, CommitId, IterationId, WorkerId};

use super::agent::Agent;
use super::hand::Hand;
use super::lane::LanePlace;
use super::seat::SimSeat;

/// A job of a worker's thread.
#[derive(Debug)]
pub(super) enum Labour {
    Phase(IterationId, WorkerJob),
    MakeAhead(WorkerId, CommitId),
}

/// A process of hew.
pub(super) struct Process {
    pub(super) state: State,
    pub(super) inbox: Vec<Event>,
    pub(super) round_is_due: bool,
    pub(super) wake_at: Option<Duration>,
    pub(super) wake_idle: Option<Duration>,
    pub(super) workers: Vec<Hand<Labour>>,
    pub(super) agents: Vec<Option<Agent>>,
    pub(super) tracker: Hand<Effect>,
    pub(super) lane: Hand<LaneJob>,
    pub(super) planner: Hand<Effect>,
    /// What a model server is going to answer, by the moment's token.
    pub(super) questions: BTreeMap<u64, Event>,
    pub(super) seats: Vec<SimSeat>,
    pub(super) lane_place: LanePlace,
    pub(super) kept_folders: BTreeSet<PathBuf>,
    pub(super) kept_branches: BTreeSet<BranchName>,
}

impl Process {
    pub(super) fn new(state: State, jobs: u16) -> Self {
        Self {
            state,
            inbox: Vec::new(),
            round_is_due: false,
            wake_at: None,
            wake_idle: None,
            workers: (0..jobs).map(|_| Hand::default()).collect(),
            agents: (0..jobs).map(|_| None).collect(),
            tracker: Hand::default(),
            lane: Hand::default(),
            planner: Hand::default(),
            questions: BTreeMap::new(),
            seats: (0..jobs).map(|worker| SimSeat::new(WorkerId(worker))).collect(),
            lane_place: LanePlace::default(),
            kept_folders: BTreeSet::new(),
            kept_branches: BTreeSet::new(),
        }
    }

    /// Threads that do something.
    pub(super) fn busy(&self) -> usize {
        let workers = self.workers.iter().filter(|hand| !hand.is_idle()).count();
        workers + usize::from(!self.lane.is_idle())
    }

    /// Agents that run.
    pub(super) fn agents(&self) -> usize {
        self.agents.iter().flatten().count()
    }

    /// Nothing is asked of the tracker, told to it, or waits for the engine.
    pub(super) fn is_quiet(&self) -> bool {
        self.inbox.is_empty() && !self.round_is_due && self.tracker.is_idle()
    }
}
