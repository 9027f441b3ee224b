//! The only loop: select over channels, step, perform effects.
//!
//! Invariants: only this thread changes the run's state and prints; threads talk through channels; all records of one
//! round are on disk before any other effect of that round is performed; no tick is polled, the loop sleeps until an
//! event or a deadline.
//!
//! | file | holds |
//! | --- | --- |
//! | `rig` | what a run works with: adapters, folders, frozen settings |
//! | `worker` | one thread a worker: prepare, plan, run, collect |
//! | `seat` | a worker's worktree, ports and temporary folder |
//! | `set_up` | `loop.worktree.setup` in one worktree |
//! | `kept_branch` | a branch that did not land, and its worktree |
//! | `lane` | one thread: merge, gate, advance, deliver, clean up |
//! | `next_batch` | what an agent or the planner says is next |
//! | `planner` | one thread: the planner's prompt and its call |
//! | `helper` | a thread a question: what a model server is asked beside an iteration |
//! | `queue` | one thread: everything that the tracker is asked or told |
//! | `proving` | the gate on work that stays on its worker's branch |
//! | `gating` | one run of the gate on one tree |
//! | `verifying` | the verification at the end |
//! | `deeds` | what a worker's iteration reached for outside its worktree |
//! | `watch`, `watcher` | one thread: what agents share with the user, and whose doing a change is |
//! | `cleanup` | the end of the run's worktrees |

mod cleanup;
mod deeds;
mod gating;
pub(crate) mod helper;
mod kept_branch;
mod lane;
mod next_batch;
mod planner;
mod proving;
mod queue;
pub mod rig;
mod seat;
mod set_up;
mod verifying;
mod watch;
mod watcher;
mod worker;

use std::collections::HashMap;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, unbounded};
use hew_core::agent::StopRequest;
use hew_core::engine::effect::RunEnd;
use hew_core::engine::{Effect, Event, LaneJob, State, WorkerJob, step};
use hew_core::ids::{CommitId, IterationId, WorkerId};
use hew_core::plan::SpawnPlan;
use hew_core::record::{JournalEntry, JournalEvent, Store, StoreError};

pub(crate) use lane::deliver_once;
pub use rig::Rig;
pub(crate) use seat::SHARED_TEMP;
pub(crate) use worker::new_session;

/// Who is told what was written to the journal: the screen, the files made from it.
pub type OnRecord<'a> = &'a mut dyn FnMut(&[JournalEntry]);

/// A run that is about to begin.
pub struct Drive<'a> {
    /// What it works with.
    pub rig: Arc<Rig>,
    /// Its state.
    pub state: State,
    /// Its journal, with this many entries in it already.
    pub store: &'a mut dyn Store,
    /// Number of the last entry.
    pub seq: u64,
    /// Events from outside: signals, stop file, control socket, tracker.
    pub outside: Receiver<Event>,
    /// Who is told.
    pub on_record: OnRecord<'a>,
}

/// Runs to the end. An error means that the journal can't be written: nothing more was begun after that, and what ran was
/// stopped, for nobody would have known what came of it. Folders and claims stay as they are.
pub fn drive(mut run: Drive<'_>) -> Result<RunEnd, StoreError> {
    let (events_in, events) = unbounded();
    let mut threads = Threads::start(&run.rig, run.state.first_tips(), &events_in);
    let result = run.go(&mut threads, &events);
    if result.is_err() {
        threads.stop_all();
    }
    threads.join();
    result
}

impl Drive<'_> {
    fn go(&mut self, threads: &mut Threads, events: &Receiver<Event>) -> Result<RunEnd, StoreError> {
        let mut timers = Timers::default();
        let mut round = vec![Event::Launched];
        loop {
            let effects = self.take(round.drain(..));
            if let Some(end) = self.perform(effects, threads, &mut timers)? {
                return Ok(end);
            }
            let now = self.rig.clock.now().elapsed;
            round.extend(wait(events, &self.outside, timers.next(now)));
            round.extend(events.try_iter());
            round.extend(self.outside.try_iter());
            if timers.is_due(self.rig.clock.now().elapsed) {
                round.push(Event::Woke);
            }
        }
    }

    fn take(&mut self, events: impl Iterator<Item = Event>) -> Vec<Effect> {
        let mut effects = Vec::new();
        for event in events {
            effects.extend(step(&mut self.state, event, self.rig.clock.now()));
        }
        effects
    }

    /// Writes all records of the round with one sync, then does the rest in order.
    fn perform(
        &mut self,
        effects: Vec<Effect>,
        threads: &mut Threads,
        timers: &mut Timers,
    ) -> Result<Option<RunEnd>, StoreError> {
        let mut entries = Vec::new();
        let mut rest = Vec::new();
        for effect in effects {
            match effect {
                Effect::Record(event) => entries.push(self.entry(*event)),
                other => rest.push(other),
            }
        }
        if !entries.is_empty() {
            self.store.append(&entries)?;
            (self.on_record)(&entries);
        }
        let mut end = None;
        for effect in rest {
            match effect {
                Effect::Record(_) => {}
                Effect::Finish(finish) => end = Some(finish),
                Effect::WakeAt(moment) => timers.at = Some(moment),
                Effect::WakeIn(pause) => timers.idle = Some(self.rig.clock.now().elapsed + pause),
                Effect::StopAgent(worker, how) => threads.stop_agent(worker, how),
                Effect::StopGate(how) => threads.stop_gate(how),
                Effect::Work { iteration, job } => threads.work(iteration, job),
                Effect::MakeAhead { worker, base } => threads.make_ahead(worker, base),
                Effect::Lane(job) => threads.lane(job),
                Effect::DraftPlanner(job) => send(&threads.planner, planner::Order::Draft(job)),
                Effect::RunPlanner { number, plan } => threads.run_planner(number, plan),
                Effect::Help { iteration, job } => helper::start(&self.rig, iteration, job, &threads.events),
                Effect::StopPlanner => threads.stop_planner(),
                other => threads.ask_tracker(other),
            }
        }
        Ok(end)
    }

    fn entry(&mut self, event: JournalEvent) -> JournalEntry {
        self.seq += 1;
        let now = self.rig.clock.now();
        let elapsed_ms = u64::try_from(now.elapsed.as_millis()).unwrap_or(u64::MAX);
        JournalEntry { seq: self.seq, at: now.wall, elapsed_ms, event }
    }
}

/// Waits for an event from either side, or for the deadline.
fn wait(events: &Receiver<Event>, outside: &Receiver<Event>, timeout: Option<Duration>) -> Option<Event> {
    let mut select = crossbeam_channel::Select::new();
    select.recv(events);
    select.recv(outside);
    let ready = match timeout {
        Some(timeout) => select.ready_timeout(timeout).ok()?,
        None => select.ready(),
    };
    let channel = if ready == 0 { events } else { outside };
    channel.recv_timeout(Duration::ZERO).ok()
}

/// When the engine wants to be woken, on the monotonic clock.
#[derive(Debug, Default)]
struct Timers {
    at: Option<Duration>,
    idle: Option<Duration>,
}

impl Timers {
    fn next(&self, now: Duration) -> Option<Duration> {
        self.at.into_iter().chain(self.idle).min().map(|moment| moment.saturating_sub(now))
    }

    /// A moment has come; it is forgotten.
    fn is_due(&mut self, now: Duration) -> bool {
        let at = self.at.take_if(|moment| *moment <= now).is_some();
        let idle = self.idle.take_if(|moment| *moment <= now).is_some();
        at || idle
    }
}

/// The threads that do things, each with its own queue of jobs.
struct Threads {
    workers: Vec<Sender<worker::Order>>,
    lane: Sender<lane::Order>,
    tracker: Sender<queue::Order>,
    planner: Sender<planner::Order>,
    agent_stops: HashMap<WorkerId, Sender<StopRequest>>,
    gate_stops: Option<Sender<StopRequest>>,
    planner_stops: Option<Sender<StopRequest>>,
    desk: Arc<planner::Desk>,
    planning: Vec<JoinHandle<()>>,
    handles: Vec<JoinHandle<()>>,
    /// For threads that are started on the way.
    events: Sender<Event>,
}

impl Threads {
    fn start(rig: &Arc<Rig>, tips: Vec<CommitId>, events: &Sender<Event>) -> Self {
        let mut handles = Vec::new();
        let watch = start_watch(rig, tips, events, &mut handles);
        let workers = (0..rig.place.jobs)
            .map(|number| {
                let (rig, events, watch) = (Arc::clone(rig), events.clone(), watch.clone());
                spawn(&mut handles, &format!("w{number}"), move |orders| {
                    worker::run(WorkerId(number), &rig, &watch, &orders, &events);
                })
            })
            .collect();
        let (lane_rig, lane_events) = (Arc::clone(rig), events.clone());
        let lane =
            spawn(&mut handles, "lane", move |orders| lane::run(&lane_rig, &watch, &orders, &lane_events));
        let (queue_rig, queue_events) = (Arc::clone(rig), events.clone());
        let tracker = spawn(&mut handles, "tracker", move |orders| {
            queue::run(&*queue_rig.tracker, &orders, &queue_events);
        });
        let (planner_rig, planner_events) = (Arc::clone(rig), events.clone());
        let desk = Arc::<planner::Desk>::default();
        let planner_desk = Arc::clone(&desk);
        let mut planning = Vec::new();
        let planner = spawn(&mut planning, "planner", move |orders| {
            planner::run(&planner_rig, &planner_desk, &orders, &planner_events);
        });
        let (agent_stops, gate_stops, planner_stops) = (HashMap::new(), None, None);
        Self {
            workers,
            lane,
            tracker,
            planner,
            agent_stops,
            gate_stops,
            planner_stops,
            desk,
            planning,
            handles,
            events: events.clone(),
        }
    }

    fn work(&mut self, iteration: IterationId, job: WorkerJob) {
        // Each spawn has a channel of its own, so that a stop can't reach the next agent of the same worker.
        let (stop, stops) = unbounded();
        if matches!(job, WorkerJob::Prepare { .. } | WorkerJob::Run { .. } | WorkerJob::Prove { .. }) {
            self.agent_stops.insert(iteration.worker, stop);
        }
        send(
            &self.workers[usize::from(iteration.worker.0)],
            worker::Order::Phase(worker::Phase { iteration, job, stops }),
        );
    }

    fn make_ahead(&self, worker: WorkerId, base: CommitId) {
        send(&self.workers[usize::from(worker.0)], worker::Order::MakeAhead(base));
    }

    fn lane(&mut self, job: LaneJob) {
        let (stop, stops) = unbounded();
        if matches!(
            job,
            LaneJob::Baseline { .. }
                | LaneJob::Gate { .. }
                | LaneJob::Verify { .. }
                | LaneJob::Deliver { .. }
        ) {
            self.gate_stops = Some(stop);
        }
        if matches!(job, LaneJob::CleanUp) {
            // Nothing may be made in a folder that is being removed.
            self.desk.close();
        }
        send(&self.lane, lane::Order { job, stops });
    }

    fn run_planner(&mut self, number: u32, plan: Box<SpawnPlan>) {
        let (stop, stops) = unbounded();
        self.planner_stops = Some(stop);
        send(&self.planner, planner::Order::Run { number, plan, stops });
    }

    /// Nobody waits for it, and nothing of it is worth saving.
    fn stop_planner(&self) {
        if let Some(stop) = &self.planner_stops {
            send(stop, StopRequest::Now);
        }
    }

    fn ask_tracker(&self, effect: Effect) {
        if let Some(order) = queue::Order::from_effect(effect) {
            send(&self.tracker, order);
        }
    }

    fn stop_agent(&self, worker: WorkerId, how: StopRequest) {
        if let Some(stop) = self.agent_stops.get(&worker) {
            send(stop, how);
        }
    }

    fn stop_gate(&self, how: StopRequest) {
        if let Some(stop) = &self.gate_stops {
            send(stop, how);
        }
    }

    fn stop_all(&self) {
        self.agent_stops.values().chain(&self.gate_stops).for_each(|stop| send(stop, StopRequest::Graceful));
        self.stop_planner();
    }

    fn join(self) {
        let Self { workers, lane, tracker, planner, agent_stops, desk, planning, mut handles, .. } = self;
        drop((workers, lane, tracker, planner, agent_stops));
        // The tracker may let a draft wait for long, and nothing comes of it any more.
        if !desk.close() {
            handles.extend(planning);
        }
        for handle in handles {
            // A panic has ended the process already (see `ui::panic`).
            let _ = handle.join();
        }
    }
}

/// Starts the watch, which goes on until workers and lane have let go of it.
fn start_watch(
    rig: &Arc<Rig>,
    tips: Vec<CommitId>,
    events: &Sender<Event>,
    handles: &mut Vec<JoinHandle<()>>,
) -> watch::Watch {
    let (watch, heard, tips) = watch::Watch::new(tips);
    let (rig, events) = (Arc::clone(rig), events.clone());
    let thread = thread::Builder::new().name("watch".to_owned());
    let body = move || watch::run(&rig, &tips, &heard, &events);
    handles.push(thread.spawn(body).expect("the system has room for a run's threads"));
    watch
}

fn spawn<T: Send + 'static>(
    handles: &mut Vec<JoinHandle<()>>,
    name: &str,
    body: impl FnOnce(Receiver<T>) + Send + 'static,
) -> Sender<T> {
    let (orders_in, orders) = unbounded();
    let thread = thread::Builder::new().name(name.to_owned());
    handles.push(thread.spawn(move || body(orders)).expect("the system has room for a run's threads"));
    orders_in
}

/// Sends to a thread that lives as long as the run; one that is gone has nothing more to do.
fn send<T>(to: &Sender<T>, order: T) {
    let _ = to.send(order);
}
