//! What the threads of a process begin, finish and are asked to stop, in virtual time.

use std::time::Duration;

use hew_core::agent::{StopCause, StopRequest};
use hew_core::engine::{Event, LaneJob, WorkerJob};
use hew_core::exit::Exit;
use hew_core::ids::WorkerId;

use super::agent::{Agent, time_to_end};
use super::hand::Doing;
use super::process::Labour;
use super::script::Ends;
use super::world::{Due, World};

impl World {
    pub(super) fn stop_agent(&mut self, worker: WorkerId, how: StopRequest) {
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

    pub(super) fn stop_gate(&mut self, how: StopRequest) {
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

    pub(super) fn stop_planner(&mut self) {
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

    pub(super) fn begin_worker(&mut self, worker: u16) {
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
