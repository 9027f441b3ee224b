//! The world of one case: git, a tracker, a clock, a journal, and a process that comes and goes.
//!
//! Everything that the binary does in threads is done here in virtual time: jobs wait in the queue of their thread, take
//! a while, and answer; answers wait until the engine looks at them, several at a time where it is slow. All records of a
//! round are in the journal before anything else of that round is done.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hew_core::agent::{StopCause, StopRequest};
use hew_core::clock::Clock;
use hew_core::engine::{Effect, Event, LaneJob, State, WorkerJob, step};
use hew_core::exit::Exit;
use hew_core::ids::{BranchName, CommitId, IterationId, TaskId, WorkerId};
use hew_core::record::{JournalEntry, JournalEvent};
use hew_core::tracker::TaskEditor;

use super::case::{Case, Plot, plot};
use super::chance::Chance;
use super::clock::SimClock;
use super::git::WatchedGit;
use super::hand::{Doing, Hand};
use super::lane::LanePlace;
use super::rules::Rules;
use super::script::Ends;
use super::story::Story;
use super::tally::Tally;
use super::tracker::WatchedTracker;
use super::trouble::{Faults, Trouble};
use super::worker::{Agent, SimSeat, time_to_end};
use crate::fake_git::FakeGit;

/// What can be seen of a world from outside.
macro_rules! evidence {
    ($world:expr) => {
        super::rules::Evidence {
            plot: &$world.plot,
            now: $world.clock.world(),
            repo: &$world.git.repo,
            tracker: &$world.tracker.store,
            journal: &$world.journal,
            is_quiet: $world.process.as_ref().is_some_and(Process::is_quiet),
            busy: $world.process.as_ref().map_or(0, Process::busy),
            agents: $world.process.as_ref().map_or(0, Process::agents),
            exit: $world.end,
        }
    };
}

/// Where worktrees are.
pub(super) const ROOT: &str = "/fake/wt";

/// A rule that was broken.
pub(super) type Broken = String;

/// A job of a worker's thread.
#[derive(Debug)]
pub(super) enum Labour {
    Phase(IterationId, WorkerJob),
    MakeAhead(WorkerId, CommitId),
}

/// Whose moment has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    Round,
    Tracker,
    Lane,
    Planner,
    Helper,
    Worker(u16),
    Half(u16),
}

/// Streams of chance for what happens on the way.
#[derive(Debug)]
pub(super) struct Chances {
    pub(super) pace: Chance,
    pub(super) gate: Chance,
    pub(super) lane: Chance,
    pub(super) people: Chance,
    pub(super) stops: Chance,
    pub(super) crash: Chance,
    pub(super) store: Chance,
    pub(super) helpers: Chance,
}

/// A process of hew.
pub(super) struct Process {
    pub(super) state: State,
    pub(super) inbox: Vec<Event>,
    round_is_due: bool,
    wake_at: Option<Duration>,
    wake_idle: Option<Duration>,
    pub(super) workers: Vec<Hand<Labour>>,
    pub(super) agents: Vec<Option<Agent>>,
    /// Stops that were asked for while a worker did something else than to run an agent.
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
    fn busy(&self) -> usize {
        let workers = self.workers.iter().filter(|hand| !hand.is_idle()).count();
        workers + usize::from(!self.lane.is_idle())
    }

    /// Agents that run.
    fn agents(&self) -> usize {
        self.agents.iter().flatten().count()
    }

    /// Nothing is asked of the tracker, told to it, or waits for the engine.
    pub(super) fn is_quiet(&self) -> bool {
        self.inbox.is_empty() && !self.round_is_due && self.tracker.is_idle()
    }
}

/// One case that is being played.
pub(super) struct World {
    pub(super) plot: Plot,
    pub(super) clock: Arc<SimClock>,
    pub(super) git: Arc<WatchedGit>,
    pub(super) tracker: Arc<WatchedTracker>,
    /// What is in the journal's file, and how much of it outlives a loss of power.
    pub(super) journal: Vec<JournalEntry>,
    pub(super) synced: usize,
    pub(super) process: Option<Process>,
    due: BinaryHeap<Reverse<(Duration, u64, Due, u64)>>,
    order: u64,
    /// Numbers processes: what was due in an earlier one is void.
    pub(super) incarnation: u64,
    pub(super) chances: Chances,
    pub(super) agents_begun: BTreeMap<TaskId, usize>,
    pub(super) rules: Rules,
    pub(super) tally: Tally,
    pub(super) story: Story,
    pub(super) steps: u64,
    /// The exit code, once the run has ended.
    pub(super) end: Option<u8>,
    pub(super) plan_of_people: super::people::Plan,
    pub(super) plan_of_crashes: super::crash::Plan,
}

/// More steps than any case needs.
const MAX_STEPS: u64 = 60_000;

impl World {
    pub(super) fn new(case: &Case, story: Story) -> Self {
        let seed = case.seed;
        let repo = FakeGit::new(&[("README", "A project.\n")]);
        let plot = plot(case, &repo.base());
        let clock = Arc::new(SimClock::default());
        let rate = |trouble, rate| if plot.has(trouble) { rate } else { 0 };
        let git_faults = Faults::new(Chance::of(seed, "git faults"), rate(Trouble::Git, 12));
        let tracker_faults = Faults::new(Chance::of(seed, "tracker faults"), rate(Trouble::Tracker, 25));
        let git = WatchedGit::new(repo, git_faults);
        let tracker = WatchedTracker::new(Arc::clone(&clock), tracker_faults, plot.refusals.clone());
        let lines = plot.tasks.iter().map(|task| task.to_string() + "\n");
        tracker.store.import(&lines.collect::<String>(), false).expect("the tasks of a case can be stored");
        git.repo.set_ref(&plot.config.run_branch.to_ref(), &plot.config.launch);
        let of = |kind| Chance::of(seed, kind);
        let chances = Chances {
            pace: of("pace"),
            gate: of("gate"),
            lane: of("lane"),
            people: of("people"),
            stops: of("stops"),
            crash: of("crash"),
            store: of("store"),
            helpers: of("helpers"),
        };
        let rules = Rules::new(&plot, &tracker.store);
        let state = State::new(plot.config.clone());
        let jobs = plot.config.jobs;
        let mut world = Self {
            plan_of_people: super::people::Plan::of(seed, &plot),
            plan_of_crashes: super::crash::Plan::of(seed, &plot),
            clock,
            git: Arc::new(git),
            tracker: Arc::new(tracker),
            journal: Vec::new(),
            synced: 0,
            process: Some(Process::new(state, jobs)),
            due: BinaryHeap::new(),
            order: 0,
            incarnation: 0,
            chances,
            agents_begun: BTreeMap::new(),
            rules,
            tally: Tally::default(),
            story,
            steps: 0,
            end: None,
            plot,
        };
        world.launch();
        world
    }

    fn launch(&mut self) {
        let header = super::header::run_started(&self.plot);
        self.write(vec![header]);
        self.arrive([Event::Launched]);
    }

    pub(super) fn process_mut(&mut self) -> &mut Process {
        self.process.as_mut().expect("a process is there")
    }

    /// Plays it to its end.
    pub(super) fn play(&mut self) -> Result<(), Broken> {
        while self.end.is_none() {
            self.steps += 1;
            if self.steps > MAX_STEPS {
                return Err("liveness: the run does not end".to_owned());
            }
            if self.process.is_none() {
                self.lie_dead()?;
                continue;
            }
            if self.crash_if_due()? {
                continue;
            }
            self.meddle();
            self.go_on()?;
        }
        self.rules.finish(&evidence!(self))
    }

    /// Lets the next thing happen.
    fn go_on(&mut self) -> Result<(), Broken> {
        let next = self.next_due();
        let wake = self.next_wake();
        let Some(moment) = next.into_iter().chain(wake).min() else {
            return Err("liveness: the run waits for nothing".to_owned());
        };
        if moment > self.clock.world() {
            self.rules.before_time_passes(&evidence!(self))?;
        }
        self.clock.move_to(moment);
        self.rules.at(moment, &self.plot)?;
        if wake.is_some_and(|wake| wake <= moment) && next.is_none_or(|next| next > moment) {
            self.wake();
            return Ok(());
        }
        let Some(Reverse((_, _, due, token))) = self.due.pop() else { return Ok(()) };
        self.come(due, token)
    }

    fn next_due(&mut self) -> Option<Duration> {
        while let Some(Reverse((moment, _, due, token))) = self.due.peek().copied() {
            if self.is_valid(due, token) {
                return Some(moment);
            }
            self.due.pop();
        }
        None
    }

    fn is_valid(&self, due: Due, token: u64) -> bool {
        let Some(process) = &self.process else { return false };
        match due {
            Due::Round => token == self.incarnation,
            Due::Tracker => process.tracker.token == token,
            Due::Lane => process.lane.token == token,
            Due::Planner => process.planner.token == token,
            Due::Helper => process.questions.contains_key(&token),
            Due::Worker(worker) | Due::Half(worker) => process.workers[usize::from(worker)].token == token,
        }
    }

    fn next_wake(&self) -> Option<Duration> {
        let process = self.process.as_ref()?;
        let began = self.clock.process_began();
        process
            .wake_at
            .into_iter()
            .chain(process.wake_idle)
            .min()
            .map(|at| at.saturating_sub(began.lived) + began.at)
    }

    fn wake(&mut self) {
        let now = self.clock.now().elapsed;
        let process = self.process_mut();
        process.wake_at.take_if(|at| *at <= now);
        process.wake_idle.take_if(|at| *at <= now);
        self.arrive([Event::Woke]);
    }

    pub(super) fn plan_due(&mut self, after: Duration, due: Due, token: u64) {
        self.order += 1;
        self.due.push(Reverse((self.clock.world() + after, self.order, due, token)));
    }

    /// A new token for a thread's next moment, void in every other process.
    pub(super) fn token(&mut self) -> u64 {
        self.order += 1;
        self.order
    }

    /// Events wait for the engine.
    pub(super) fn arrive(&mut self, events: impl IntoIterator<Item = Event>) {
        let Some(process) = &mut self.process else { return };
        process.inbox.extend(events);
        if !process.round_is_due {
            process.round_is_due = true;
            let after = self.chances.pace.duration(self.plot.tempo.engine, 0.7);
            self.plan_due(after, Due::Round, self.incarnation);
        }
    }

    /// The tracker's content changed: the run is told.
    pub(super) fn changed(&mut self) {
        self.arrive([Event::TrackerChanged]);
    }

    fn come(&mut self, due: Due, token: u64) -> Result<(), Broken> {
        match due {
            Due::Round => self.round(),
            Due::Tracker => {
                let events = self.finish_tracker();
                self.after_job(events)
            }
            Due::Lane => {
                let events = self.finish_lane();
                self.after_job(events)
            }
            Due::Planner => {
                let events = self.finish_planner();
                self.after_job(events)
            }
            Due::Helper => {
                let answer = self.process_mut().questions.remove(&token);
                self.after_job(answer.into_iter().collect())
            }
            Due::Half(worker) => {
                let Some(mut agent) = self.process_mut().agents[usize::from(worker)].take() else {
                    return Ok(());
                };
                let events = self.go_half_way(&mut agent);
                self.process_mut().agents[usize::from(worker)] = Some(agent);
                self.after_job(events)
            }
            Due::Worker(worker) => {
                let events = self.finish_worker(worker);
                self.after_job(events)
            }
        }
    }

    /// What a job did is looked at, its answer waits for the engine, its thread goes on.
    pub(super) fn after_job(&mut self, events: Vec<Event>) -> Result<(), Broken> {
        self.look()?;
        if self.git.faults().is_over || self.tracker.faults().is_over {
            return self.crash_now();
        }
        self.arrive(events);
        self.begin_jobs();
        self.look()
    }

    /// What was done to git and the tracker is judged.
    pub(super) fn look(&mut self) -> Result<(), Broken> {
        let (moves, is_rough) = self.git.take_notes();
        for one in &moves {
            self.story.line(|| format!("    git: {} {:?} -> {:?} by {}", one.name, one.from, one.to, one.by));
            let synced = &self.journal[..self.synced];
            self.rules.ref_moved(one, &self.git.repo, synced, self.plot.config.gate.is_some())?;
        }
        if is_rough {
            self.rules.nothing_is_lost(&self.git.repo)?;
        }
        for (task, deed) in self.tracker.take_deeds() {
            self.story.line(|| format!("    tracker: {task} {deed:?}"));
            let max_attempts = self.plot.config.limits.max_attempts;
            self.rules.task_changed(&task, &deed, &self.git.repo, &self.tracker.store, max_attempts)?;
        }
        self.rules.noted()
    }

    /// The engine looks at all that has come, and what it says is done.
    fn round(&mut self) -> Result<(), Broken> {
        let process = self.process_mut();
        process.round_is_due = false;
        let events = std::mem::take(&mut process.inbox);
        let now = self.clock.now();
        let mut records = Vec::new();
        let mut rest = Vec::new();
        for event in events {
            self.story
                .line(|| format!("{:>12.3}s {}", now.elapsed.as_secs_f64(), super::story::event(&event)));
            self.rules.engine_is_told(&event, self.clock.world());
            let known = self.rules.known_stop();
            let process = self.process.as_mut().expect("a process is there");
            for effect in step(&mut process.state, event, now) {
                match effect {
                    Effect::Record(record) => records.push(*record),
                    other => {
                        if matches!(other, Effect::Lane(LaneJob::CleanUp)) {
                            self.rules.cleans_up();
                        }
                        rest.push((known, other));
                    }
                }
            }
        }
        if !records.is_empty() && self.store_fails() {
            return self.store_is_full(records);
        }
        self.write(records);
        self.rules.answers_are_told()?;
        self.rules.noted()?;
        for (known, effect) in rest {
            self.story.line(|| format!("    > {}", super::story::effect(&effect)));
            self.rules.effect(&effect, known, &evidence!(self))?;
            self.perform(effect);
        }
        self.rules.all_are_stopped(&self.plot)?;
        self.begin_jobs();
        self.look()
    }

    /// Appends to the journal.
    pub(super) fn write(&mut self, records: Vec<JournalEvent>) {
        let now = self.clock.now();
        let must_sync = records.iter().any(JournalEvent::must_outlive_power);
        for event in records {
            self.story.line(|| format!("    {}", super::story::record(&event)));
            self.rules.recorded(&event, &self.plot, &self.git.repo);
            self.tally.count_record(&event);
            let seq = self.journal.len() as u64 + 1;
            let elapsed_ms = u64::try_from(now.elapsed.as_millis()).unwrap_or(u64::MAX);
            self.journal.push(JournalEntry { seq, at: now.wall, elapsed_ms, event });
        }
        if must_sync {
            self.synced = self.journal.len();
        }
    }

    fn perform(&mut self, effect: Effect) {
        let now = self.clock.now().elapsed;
        let process = self.process.as_mut().expect("a process is there");
        match effect {
            Effect::Record(_) => {}
            Effect::Work { iteration, job } => {
                process.workers[usize::from(iteration.worker.0)]
                    .waiting
                    .push_back(Labour::Phase(iteration, job));
                // A stop that follows at once finds it begun.
                self.begin_worker(iteration.worker.0);
            }
            Effect::MakeAhead { worker, base } => {
                process.workers[usize::from(worker.0)].waiting.push_back(Labour::MakeAhead(worker, base));
            }
            Effect::Lane(job) => process.lane.waiting.push_back(job),
            Effect::DraftPlanner(_) | Effect::RunPlanner { .. } => process.planner.waiting.push_back(effect),
            Effect::Help { iteration, job } => self.ask_helper(iteration, &job),
            Effect::StopAgent(worker, how) => self.stop_agent(worker, how),
            Effect::StopGate(how) => self.stop_gate(how),
            Effect::StopPlanner => self.stop_planner(),
            Effect::WakeAt(moment) => process.wake_at = Some(moment),
            Effect::WakeIn(pause) => process.wake_idle = Some(now + pause),
            Effect::Finish(end) => self.end = Some(end.exit_code),
            other => process.tracker.waiting.push_back(other),
        }
    }

    fn stop_agent(&mut self, worker: WorkerId, how: StopRequest) {
        let index = usize::from(worker.0);
        let hand = &mut self.process_mut().workers[index];
        let Some(doing) = &mut hand.doing else { return };
        doing.stop = Some(how);
        let is_gate = matches!(doing.job, Some(Labour::Phase(_, WorkerJob::Prove { .. })));
        let is_agent = self.process_mut().agents[index].is_some();
        let after = self.chances.pace.duration(time_to_end(how), 0.5);
        if is_agent {
            self.rules.agent_is_stopped(worker);
        }
        if is_agent || is_gate {
            let token = self.token();
            self.process_mut().workers[index].token = token;
            self.plan_due(after, Due::Worker(worker.0), token);
        }
    }

    fn stop_gate(&mut self, how: StopRequest) {
        let may_stop = |job: &LaneJob| {
            matches!(
                job,
                LaneJob::Baseline { .. }
                    | LaneJob::Gate { .. }
                    | LaneJob::Verify { .. }
                    | LaneJob::Deliver { .. }
            )
        };
        let Some(doing) = &mut self.process_mut().lane.doing else { return };
        if !doing.job.as_ref().is_some_and(may_stop) {
            return;
        }
        doing.stop = Some(how);
        let after = self.chances.pace.duration(time_to_end(how), 0.5);
        let token = self.token();
        self.process_mut().lane.token = token;
        self.plan_due(after, Due::Lane, token);
    }

    fn stop_planner(&mut self) {
        let Some(doing) = &mut self.process_mut().planner.doing else { return };
        doing.stop = Some(StopRequest::Now);
        let token = self.token();
        self.process_mut().planner.token = token;
        self.plan_due(Duration::from_millis(3), Due::Planner, token);
    }

    /// Threads that have nothing to do take their next job.
    pub(super) fn begin_jobs(&mut self) {
        if self.process.is_none() {
            return;
        }
        self.begin_tracker();
        self.begin_lane();
        self.begin_planner();
        for worker in 0..self.plot.config.jobs {
            self.begin_worker(worker);
        }
    }

    fn begin_tracker(&mut self) {
        let hand = &mut self.process_mut().tracker;
        if hand.doing.is_some() {
            return;
        }
        let Some(job) = hand.waiting.pop_front() else { return };
        let takes = self.chances.pace.duration(self.plot.tempo.tracker, 0.8);
        // Done at once and answered late, or the other way round: what it says may be old, or newer than the question.
        let doing = if self.chances.pace.percent(50) {
            let answer = self.ask_tracker(job);
            Doing { job: None, answers: vec![answer], stop: None }
        } else {
            Doing { job: Some(job), answers: Vec::new(), stop: None }
        };
        let token = self.token();
        let hand = &mut self.process_mut().tracker;
        (hand.doing, hand.token) = (Some(doing), token);
        self.plan_due(takes, Due::Tracker, token);
    }

    pub(super) fn finish_tracker(&mut self) -> Vec<Event> {
        let Some(mut doing) = self.process_mut().tracker.doing.take() else { return Vec::new() };
        if let Some(job) = doing.job.take() {
            doing.answers.push(self.ask_tracker(job));
        }
        doing.answers
    }

    fn begin_lane(&mut self) {
        let hand = &mut self.process_mut().lane;
        if hand.doing.is_some() {
            return;
        }
        let Some(job) = hand.waiting.pop_front() else { return };
        let median = match job {
            LaneJob::Baseline { .. } | LaneJob::Gate { .. } | LaneJob::Verify { .. } => self.plot.tempo.gate,
            _ => self.plot.tempo.lane,
        };
        let takes = self.chances.pace.duration(median, 0.8);
        let token = self.token();
        let hand = &mut self.process_mut().lane;
        hand.doing = Some(Doing { job: Some(job), answers: Vec::new(), stop: None });
        hand.token = token;
        self.plan_due(takes, Due::Lane, token);
    }

    pub(super) fn finish_lane(&mut self) -> Vec<Event> {
        let Some(doing) = self.process_mut().lane.doing.take() else { return Vec::new() };
        doing.job.map(|job| self.do_lane(job, doing.stop)).into_iter().collect()
    }

    fn begin_planner(&mut self) {
        let hand = &mut self.process_mut().planner;
        if hand.doing.is_some() {
            return;
        }
        let Some(job) = hand.waiting.pop_front() else { return };
        let takes = self.chances.pace.duration(self.plot.tempo.agent / 10, 0.8).min(Duration::from_secs(60));
        let token = self.token();
        let hand = &mut self.process_mut().planner;
        hand.doing = Some(Doing { job: Some(job), answers: Vec::new(), stop: None });
        hand.token = token;
        self.plan_due(takes, Due::Planner, token);
    }

    pub(super) fn finish_planner(&mut self) -> Vec<Event> {
        let Some(doing) = self.process_mut().planner.doing.take() else { return Vec::new() };
        doing.job.map(|job| self.do_planning(job, doing.stop)).unwrap_or_default()
    }

    fn begin_worker(&mut self, worker: u16) {
        let index = usize::from(worker);
        let hand = &mut self.process_mut().workers[index];
        if hand.doing.is_some() {
            return;
        }
        let Some(labour) = hand.waiting.pop_front() else { return };
        let token = self.token();
        let mut doing = Doing { job: None, answers: Vec::new(), stop: None };
        let takes = match labour {
            Labour::Phase(iteration, WorkerJob::Run { task, plan }) => {
                match self.begin_agent(iteration, task, &plan) {
                    Ok(agent) => {
                        self.rules.agent_began(&agent, &self.git.repo, &self.tracker.store, &self.plot);
                        self.arrive([Event::Spawned { iteration, pid: 1, start_ticks: self.order }]);
                        let takes = takes(&agent);
                        if takes / 2 > Duration::ZERO {
                            self.plan_due(takes / 2, Due::Half(worker), token);
                        }
                        self.process_mut().agents[index] = Some(agent);
                        takes
                    }
                    Err(error) => {
                        doing.answers.push(Event::Exited { iteration, result: Err(error) });
                        Duration::from_millis(2)
                    }
                }
            }
            other => {
                let tempo = self.plot.tempo;
                let is_gate = matches!(other, Labour::Phase(_, WorkerJob::Prove { .. }));
                doing.job = Some(other);
                self.chances.pace.duration(if is_gate { tempo.gate } else { tempo.lane }, 0.8)
            }
        };
        let hand = &mut self.process_mut().workers[index];
        (hand.doing, hand.token) = (Some(doing), token);
        self.plan_due(takes, Due::Worker(worker), token);
    }

    pub(super) fn finish_worker(&mut self, worker: u16) -> Vec<Event> {
        let index = usize::from(worker);
        let process = self.process_mut();
        let Some(mut doing) = process.workers[index].doing.take() else { return Vec::new() };
        if let Some(agent) = process.agents[index].take() {
            let (cause, exit) = why_it_ends(&agent, doing.stop);
            doing.answers.extend(self.end_agent(agent, cause.as_ref(), exit));
        }
        match doing.job.take() {
            Some(Labour::Phase(id, WorkerJob::Prepare { .. })) if doing.stop.is_some() => {
                let result = Err("the set-up was stopped".to_owned());
                doing.answers.push(Event::Prepared { iteration: id, result });
            }
            Some(Labour::Phase(id, job)) => {
                let stop = doing.stop;
                doing.answers.extend(self.do_work(id, job, stop));
            }
            Some(Labour::MakeAhead(worker, base)) => doing.answers.push(self.make_ahead(worker, base)),
            None => {}
        }
        doing.answers
    }

    fn store_fails(&mut self) -> bool {
        self.plot.has(Trouble::Store) && self.chances.store.per_mille(6)
    }
}

/// When an agent ends, if nobody stops it.
fn takes(agent: &Agent) -> Duration {
    match agent.script.ends {
        Ends::Hangs => agent.limit,
        Ends::Stalls => agent.stall.min(agent.limit),
        _ => agent.script.takes.min(agent.limit),
    }
}

fn why_it_ends(agent: &Agent, stop: Option<StopRequest>) -> (Option<StopCause>, Option<Exit>) {
    let killed = |signal| Some(Exit::Signal(signal));
    match (stop, agent.script.ends) {
        (Some(StopRequest::Graceful), _) => (Some(StopCause::Requested), killed(15)),
        (Some(StopRequest::Now), _) => (Some(StopCause::Requested), killed(9)),
        (None, Ends::Stalls) if agent.stall < agent.limit => {
            (Some(StopCause::Stalled("no sign of life".to_owned())), killed(15))
        }
        (None, Ends::Hangs | Ends::Stalls) => (Some(StopCause::Timeout), killed(15)),
        (None, _) if agent.script.takes >= agent.limit => (Some(StopCause::Timeout), killed(15)),
        (None, _) => (None, None),
    }
}
