//! Who does what next: one tracker thread, one lane, N workers, as queues that are served one job at a time.
//!
//! What a thread has done waits in one inbox until the engine takes it, as it does in a real run, so that answers of
//! different threads can cross in every order.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use hew_core::agent::{RuntimeFailure, StopRequest, Usage};
use hew_core::clock::Clock;
use hew_core::engine::effect::{HelperJob, RunEnd};
use hew_core::engine::event::HelperAnswer;
use hew_core::engine::{Effect, Event, LaneJob, State, WorkerJob, step};
use hew_core::helper::Helper;
use hew_core::ids::{IterationId, RunId, RuntimeName, TaskId, WorkerId};
use hew_core::record::{JournalEvent, StopReason};
use hew_core::settings::Settings;

use super::attempt::{Attempt, GateGoes, PlannerCall};
use super::commits::Commits;
use super::rules::Rules;
use super::{BranchMerges, Delivers, Scenario, TrackerFaults, Verifies};
use crate::fake_tracker::FakeTracker;
use crate::manual_clock::ManualClock;

/// Where a run can be held.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// The tracker's thread.
    Tracker,
    /// The lane's thread.
    Lane,
    /// A task's agent.
    Agent(TaskId),
    /// The set-up of a task's worktree.
    SetUp(TaskId),
    /// The gate on a task's work in its worker's worktree (`--merge end`).
    Proof(TaskId),
    /// Worktrees that are made ahead.
    Ahead,
    /// The planner.
    Planner,
    /// The model server that helpers ask.
    Helpers,
}

/// A task's agent.
pub fn agent_of(task: &str) -> Place {
    Place::Agent(TaskId::new(task))
}

/// One thread of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Thread {
    Tracker,
    Worker(usize),
    Ahead(usize),
    Lane,
    Planner,
    Helpers,
}

/// A run that is under way.
pub struct World {
    pub(crate) state: State,
    pub(crate) clock: Arc<ManualClock>,
    /// The tracker, for looking and for meddling.
    pub tracker: FakeTracker,
    pub(crate) faults: TrackerFaults,
    pub(crate) script: BTreeMap<TaskId, VecDeque<Attempt>>,
    pub(crate) attempts: BTreeMap<IterationId, (TaskId, Attempt)>,
    pub(crate) baseline: GateGoes,
    pub(crate) verifications: VecDeque<Verifies>,
    pub(crate) remembers: bool,
    pub(crate) deliveries: VecDeque<Delivers>,
    pub(crate) merges: VecDeque<BranchMerges>,
    pub(crate) is_gated: bool,
    pub(crate) runtime_failures: BTreeMap<RuntimeName, VecDeque<Option<RuntimeFailure>>>,
    pub(crate) commits: Commits,
    pub(crate) settings: Arc<Settings>,
    pub(crate) run: RunId,
    /// The iteration that the lane merged last.
    pub(crate) landing: Option<IterationId>,
    pub(crate) tracker_queue: VecDeque<Effect>,
    pub(crate) workers: Vec<VecDeque<(IterationId, WorkerJob)>>,
    /// Worktrees that are being made ahead, by worker.
    pub(crate) ahead: BTreeSet<usize>,
    pub(crate) lane: VecDeque<LaneJob>,
    pub(crate) agent_stops: BTreeMap<WorkerId, StopRequest>,
    pub(crate) gate_stop: Option<StopRequest>,
    pub(crate) planner_queue: VecDeque<Effect>,
    pub(crate) planner_script: VecDeque<PlannerCall>,
    pub(crate) planner_stop: Option<StopRequest>,
    helpers: VecDeque<(IterationId, HelperJob)>,
    inbox: VecDeque<Event>,
    held: BTreeSet<Place>,
    wake_at: Option<Duration>,
    wake_idle: Option<Duration>,
    pub(crate) rules: Rules,
    /// Every effect, in order.
    pub effects: Vec<Effect>,
    /// What went into the journal.
    pub journal: Vec<JournalEvent>,
    pub(crate) end: Option<RunEnd>,
    steps: usize,
    /// The virtual minute, and the steps in it.
    minute: (u64, usize),
}

/// Jobs of the lane that run a command.
fn may_be_stopped(job: &LaneJob) -> bool {
    matches!(
        job,
        LaneJob::Baseline { .. } | LaneJob::Gate { .. } | LaneJob::Verify { .. } | LaneJob::Deliver { .. }
    )
}

fn made_ahead(index: usize) -> Event {
    let worker = WorkerId(u16::try_from(index).expect("a run has few workers"));
    Event::MadeAhead { worker, result: Ok(format!("wt/{worker}")) }
}

/// What a model server answers, with ten tokens.
fn help(iteration: IterationId, job: &HelperJob) -> Event {
    let (helper, text) = match job {
        HelperJob::Classify { .. } => (Helper::Classifier, r#"{"model": "small", "reason": "it is easy"}"#),
        HelperJob::Summarize => (Helper::Summary, "It is done."),
    };
    let usage = Usage { input: 10, ..Usage::default() };
    let answer = HelperAnswer { text: text.to_owned(), model: None, usage };
    Event::Helped { iteration, helper, result: Ok(answer) }
}

/// More steps than any scenario needs.
const MAX_STEPS: usize = 20_000;

/// More steps than any scenario needs without time passing.
const MAX_STEPS_A_MINUTE: usize = 3_000;

impl World {
    pub(crate) fn new(scenario: Scenario, tracker: FakeTracker, clock: Arc<ManualClock>) -> Self {
        let Scenario {
            config,
            more: _,
            tasks: _,
            attempts,
            faults,
            baseline,
            verifications,
            remembers,
            deliveries,
            merges,
            runtime_failures,
            planner_calls,
            held,
        } = scenario;
        let mut world = Self {
            clock,
            faults,
            script: attempts,
            attempts: BTreeMap::new(),
            baseline,
            verifications,
            remembers,
            deliveries,
            merges,
            is_gated: config.gate.is_some(),
            runtime_failures,
            commits: Commits::new(config.launch.clone()),
            settings: Arc::clone(&config.settings),
            run: config.run.clone(),
            landing: None,
            tracker_queue: VecDeque::new(),
            workers: vec![VecDeque::new(); usize::from(config.jobs)],
            ahead: BTreeSet::new(),
            lane: VecDeque::new(),
            agent_stops: BTreeMap::new(),
            gate_stop: None,
            planner_queue: VecDeque::new(),
            planner_script: planner_calls,
            planner_stop: None,
            helpers: VecDeque::new(),
            inbox: VecDeque::new(),
            held,
            wake_at: None,
            wake_idle: None,
            rules: Rules::new(&config, &tracker),
            effects: Vec::new(),
            journal: Vec::new(),
            end: None,
            steps: 0,
            minute: (0, 0),
            state: State::new(config),
            tracker,
        };
        world.tell(Event::Launched);
        world
    }

    /// Tells the engine something and performs what it answers.
    ///
    /// # Panics
    /// If a rule is broken, or the run goes on without end.
    pub fn tell(&mut self, event: Event) {
        self.steps += 1;
        let minute = self.clock.now().elapsed.as_secs() / 60;
        self.minute = if self.minute.0 == minute { (minute, self.minute.1 + 1) } else { (minute, 1) };
        let result = if self.steps > MAX_STEPS {
            Err("the run does not end".to_owned())
        } else if self.minute.1 > MAX_STEPS_A_MINUTE {
            Err("the run goes round in a circle".to_owned())
        } else {
            self.rules.before(&event);
            let effects = step(&mut self.state, event, self.clock.now());
            effects.into_iter().try_for_each(|effect| self.perform(effect))
        };
        if let Err(broken) = result {
            panic!("{broken}\n{}", self.transcript());
        }
    }

    fn perform(&mut self, effect: Effect) -> Result<(), String> {
        self.effects.push(effect.clone());
        self.rules.check(&effect, &self.commits)?;
        match effect {
            Effect::Record(event) => self.journal.push(*event),
            Effect::Work { iteration, job } => {
                self.agent_stops.remove(&iteration.worker);
                self.workers[usize::from(iteration.worker.0)].push_back((iteration, job));
            }
            Effect::Lane(job) => {
                if may_be_stopped(&job) {
                    self.gate_stop = None;
                }
                self.lane.push_back(job);
            }
            Effect::MakeAhead { worker, .. } => drop(self.ahead.insert(usize::from(worker.0))),
            Effect::StopAgent(worker, how) => drop(self.agent_stops.insert(worker, how)),
            Effect::StopGate(how) => self.gate_stop = Some(how),
            Effect::DraftPlanner(_) => self.planner_queue.push_back(effect),
            Effect::RunPlanner { .. } => {
                self.planner_stop = None;
                self.planner_queue.push_back(effect);
            }
            Effect::Help { iteration, job } => self.helpers.push_back((iteration, job)),
            Effect::StopPlanner => self.planner_stop = Some(StopRequest::Now),
            Effect::WakeAt(moment) => self.wake_at = Some(moment),
            Effect::WakeIn(pause) => self.wake_idle = Some(self.clock.now().elapsed + pause),
            Effect::Finish(end) => {
                Rules::at_end(&self.tracker, &self.faults)?;
                self.end = Some(end);
            }
            other => self.tracker_queue.push_back(other),
        }
        Ok(())
    }

    /// Everything goes on there again.
    pub fn release(&mut self, place: &Place) {
        self.held.remove(place);
    }

    /// The running agent of a task tells that it has used so many tokens so far.
    ///
    /// # Panics
    /// If it has none.
    pub fn agent_uses(&mut self, task: &str, tokens: u64) -> &mut Self {
        self.agent_tells(task, tokens, None)
    }

    /// The same, with what that cost in US dollars where the agent says so.
    ///
    /// # Panics
    /// If no agent of that task runs.
    pub fn agent_tells(&mut self, task: &str, tokens: u64, cost_usd: Option<f64>) -> &mut Self {
        let running = |(id, job): &(IterationId, WorkerJob)| {
            matches!(job, WorkerJob::Run { task: running, .. } if running.as_str() == task).then_some(*id)
        };
        let iteration = self.workers.iter().flatten().find_map(running).expect("its agent runs");
        let usage = Usage { input: tokens, ..Usage::default() };
        self.tell(Event::Used { iteration, usage, cost_usd, model: None });
        self
    }

    /// Nothing more is done there.
    pub fn hold(&mut self, place: Place) {
        self.held.insert(place);
    }

    /// Threads that have a job that is not held.
    pub(crate) fn servable(&self) -> Vec<Thread> {
        let workers = (0..self.workers.len()).map(Thread::Worker);
        let ahead = self.ahead.iter().copied().map(Thread::Ahead);
        let threads = [Thread::Tracker].into_iter().chain(workers).chain([Thread::Lane]).chain(ahead);
        let threads = threads.chain([Thread::Planner, Thread::Helpers]);
        threads.filter(|thread| self.is_servable(*thread)).collect()
    }

    fn is_servable(&self, thread: Thread) -> bool {
        match thread {
            Thread::Tracker => !self.tracker_queue.is_empty() && !self.held.contains(&Place::Tracker),
            Thread::Lane => match self.lane.front() {
                Some(_) if !self.held.contains(&Place::Lane) => true,
                Some(job) => may_be_stopped(job) && self.gate_stop.is_some(),
                None => false,
            },
            Thread::Planner => match self.planner_queue.front() {
                Some(Effect::RunPlanner { .. }) => {
                    !self.held.contains(&Place::Planner) || self.planner_stop.is_some()
                }
                Some(_) => true,
                None => false,
            },
            Thread::Helpers => !self.helpers.is_empty() && !self.held.contains(&Place::Helpers),
            Thread::Ahead(_) => !self.held.contains(&Place::Ahead),
            // A worker does one thing after another.
            Thread::Worker(index) if self.ahead.contains(&index) => false,
            Thread::Worker(index) => match self.workers[index].front() {
                Some((id, job)) => self.may_go_on(*id, job),
                None => false,
            },
        }
    }

    fn may_go_on(&self, id: IterationId, job: &WorkerJob) -> bool {
        let Some((task, _)) = self.attempts.get(&id) else { return true };
        let place = match job {
            WorkerJob::Prepare { .. } => Place::SetUp(task.clone()),
            WorkerJob::Run { .. } => Place::Agent(task.clone()),
            WorkerJob::Prove { .. } => Place::Proof(task.clone()),
            WorkerJob::Plan { .. } | WorkerJob::Collect { .. } => return true,
        };
        !self.held.contains(&place) || self.agent_stops.contains_key(&id.worker)
    }

    /// Does one job of a thread; its answer goes to the inbox.
    pub(crate) fn serve(&mut self, thread: Thread) {
        let events = match thread {
            Thread::Tracker => self.tracker_queue.pop_front().map(|call| vec![self.ask_tracker(call)]),
            Thread::Lane => self.lane.pop_front().map(|job| vec![self.do_lane(job)]),
            Thread::Planner => self.planner_queue.pop_front().map(|effect| match effect {
                Effect::DraftPlanner(job) => vec![self.draft_planner(&job)],
                Effect::RunPlanner { number, plan } => self.run_planner(number, &plan),
                other => panic!("not for the planner: {other:?}"),
            }),
            Thread::Helpers => self.helpers.pop_front().map(|(id, job)| vec![help(id, &job)]),
            Thread::Ahead(index) => self.ahead.take(&index).map(|index| vec![made_ahead(index)]),
            Thread::Worker(index) => self.workers[index].pop_front().map(|(id, job)| self.do_work(id, job)),
        };
        self.inbox.extend(events.into_iter().flatten());
    }

    /// Lets the engine take what is oldest in the inbox; false if there is nothing.
    pub(crate) fn take_one(&mut self) -> bool {
        let Some(event) = self.inbox.pop_front() else { return false };
        self.tell(event);
        true
    }

    /// Works until all that is left is held, or waits for time to pass.
    pub fn settle(&mut self) -> &mut Self {
        while self.step() {}
        self
    }

    /// Works until this is so.
    ///
    /// # Panics
    /// If nothing is left to do before it is.
    pub fn settle_until(&mut self, is_so: impl Fn(&Self) -> bool) -> &mut Self {
        while !is_so(self) {
            assert!(self.step(), "nothing is left to do:\n{}", self.transcript());
        }
        self
    }

    /// Lets the engine take one answer, or, where there is none, does one job; false if there is nothing to do.
    pub fn step(&mut self) -> bool {
        if self.end.is_some() {
            return false;
        }
        if self.take_one() {
            return true;
        }
        let thread = self.servable().first().copied();
        thread.map(|thread| self.serve(thread)).is_some()
    }

    /// Does one job of every thread while somebody changes the tracker again and again, so many times.
    pub fn storm(&mut self, times: usize) -> &mut Self {
        for _ in 0..times {
            for thread in self.servable() {
                self.serve(thread);
            }
            while self.end.is_none() && self.take_one() {}
            if self.end.is_none() {
                self.tracker_changed();
            }
        }
        self
    }

    /// Does what the tracker was asked, without its answer being taken yet.
    pub fn serve_tracker(&mut self) {
        while self.servable().contains(&Thread::Tracker) {
            self.serve(Thread::Tracker);
        }
    }

    /// Works to the run's end, letting time pass where nothing else is left to do.
    ///
    /// # Panics
    /// If the run waits for something that never comes.
    pub fn to_end(&mut self) -> &mut Self {
        while self.settle().end.is_none() {
            let Some(moment) = self.next_wake() else {
                panic!("the run waits for nothing:\n{}", self.transcript());
            };
            self.wake(moment);
        }
        self
    }

    pub(crate) fn next_wake(&self) -> Option<Duration> {
        self.wake_at.into_iter().chain(self.wake_idle).min()
    }

    /// The clock comes to this moment, and the engine is told; nothing that comes of it is done yet.
    pub fn wake(&mut self, moment: Duration) {
        self.clock.move_to(moment);
        let now = self.clock.now().elapsed;
        self.wake_at.take_if(|at| *at <= now);
        self.wake_idle.take_if(|at| *at <= now);
        self.tell(Event::Woke);
    }

    /// Lets so many seconds pass, with every wake on the way, working meanwhile.
    pub fn pass(&mut self, seconds: u64) -> &mut Self {
        let until = self.clock.now().elapsed + Duration::from_secs(seconds);
        while let Some(moment) = self.next_wake().filter(|at| *at <= until && self.end.is_none()) {
            self.wake(moment);
            self.settle();
        }
        self.clock.move_to(until);
        self
    }

    fn stop(&mut self, reason: StopReason, at_once: bool, signal: Option<i32>) -> &mut Self {
        let detail = reason.as_str().to_owned();
        self.tell(Event::StopRequested { reason, detail, now: at_once, signal });
        self
    }

    /// `hew loop cancel`.
    pub fn cancel(&mut self) -> &mut Self {
        self.stop(StopReason::Cancelled, false, None)
    }

    /// `hew loop cancel --now`.
    pub fn cancel_now(&mut self) -> &mut Self {
        self.stop(StopReason::Cancelled, true, None)
    }

    /// A stop file.
    pub fn stop_file(&mut self) -> &mut Self {
        self.stop(StopReason::StopFile, false, None)
    }

    /// INT.
    pub fn interrupt(&mut self) -> &mut Self {
        self.stop(StopReason::Signal, false, Some(2))
    }

    /// The tracker does not answer the next lists of what is ready.
    pub fn leave_lists_unanswered(&mut self, times: u32) -> &mut Self {
        self.faults.unanswered_lists = times;
        self
    }

    /// The tracker says that something in it changed.
    pub fn tracker_changed(&mut self) -> &mut Self {
        self.tell(Event::TrackerChanged);
        self
    }
}
