//! The world of one case: git, a tracker, a clock, a journal, and a process that comes and goes.
//!
//! Everything that the binary does in threads is done in virtual time: jobs wait in the queue of their thread, take
//! a while, and answer; answers wait until the engine looks at them, several at a time where it is slow. All records of a
//! round are in the journal before anything else of that round is done.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;
use std::time::Duration;

use hew_core::clock::Clock;
use hew_core::engine::{Effect, Event, LaneJob, State, step};
use hew_core::ids::TaskId;
use hew_core::record::{JournalEntry, JournalEvent};
use hew_core::tracker::TaskEditor;

use super::case::{Case, Plot, plot};
use super::chance::Chance;
use super::clock::SimClock;
use super::git::WatchedGit;
use super::process::{Labour, Process};
use super::rules::Rules;
use super::story::Story;
use super::tally::Tally;
use super::tracker::WatchedTracker;
use super::trouble::{Faults, Trouble};
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
    pub(super) order: u64,
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

    fn store_fails(&mut self) -> bool {
        self.plot.has(Trouble::Store) && self.chances.store.per_mille(6)
    }
}
