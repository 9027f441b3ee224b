//! Limits hold: workers, attempts, iterations, time, tokens and money, what is set aside included; stops are kept.

use std::time::Duration;

use hew_core::engine::{Effect, Event, LaneJob, WorkerJob};
use hew_core::ids::{BranchName, IterationId, TaskId, WorkerId};
use hew_core::record::event::{IterationOutcome, StopReason};
use hew_core::record::{JournalEntry, JournalEvent};
use hew_core::tracker::change::TaskChange;

use super::super::agent::Agent;
use super::super::case::{MICROS_A_TOKEN, Plot};
use super::super::trouble::Trouble;
use super::{AgentSeen, Evidence, Rules, StopSeen, Verdict, ensure, readiness};
use crate::fake_git::FakeGit;
use crate::fake_tracker::FakeTracker;

/// Longest from a stop to the end of what it stops, the engine's own slowness included.
const SLACK: Duration = Duration::from_secs(120);

/// The tracker was told to park this task.
fn parks(event: &JournalEvent, wanted: &TaskId) -> bool {
    match event {
        JournalEvent::TaskChanged { task, change: TaskChange::Parked { .. }, .. } => task == wanted,
        JournalEvent::IterationEnded { task, outcome, .. } => {
            task == wanted && *outcome == IterationOutcome::Blocked
        }
        _ => false,
    }
}

impl Rules {
    pub(in super::super) fn agent_began(
        &mut self,
        agent: &Agent,
        repo: &FakeGit,
        tracker: &FakeTracker,
        plot: &Plot,
    ) {
        self.agents.insert(agent.iteration, AgentSeen { stop_sent: false, began: agent.began });
        let (running, jobs) = (self.agents.len(), usize::from(plot.config.jobs));
        self.note(ensure(running <= jobs, || format!("jobs: {running} agents run, {jobs} may")));
        let known = self.iters.get(&agent.iteration).is_some_and(|iter| !iter.is_over);
        self.note(ensure(known, || {
            format!("journal: an agent of {} runs that is not in it", agent.iteration)
        }));
        let is_judged = self.inherited.contains(&agent.iteration);
        self.note(ensure(!is_judged, || {
            format!(
                "resume: {} began in a process that is gone, and an agent runs for it again",
                agent.iteration
            )
        }));
        let prerequisites = tracker.look(|tasks| readiness::prerequisites(tasks, &agent.task));
        if let Some(head) = repo.head(&agent.worktree) {
            let verdict = self.holds_landings(agent.iteration, &head, &prerequisites, repo);
            if !self.has_retried(agent.iteration) {
                self.note(verdict);
            }
        }
    }

    /// Its worktree holds an earlier try's work by now.
    fn has_retried(&self, id: IterationId) -> bool {
        self.told.contains_key(&id)
    }

    pub(in super::super) fn agent_is_stopped(&mut self, worker: WorkerId) {
        for (id, agent) in &mut self.agents {
            agent.stop_sent |= id.worker == worker;
        }
    }

    pub(in super::super) fn agent_ended(&mut self, id: IterationId, ran_out: bool) {
        self.agents.remove(&id);
        if let Some(iter) = self.iteration_mut(id) {
            iter.ran_out = ran_out;
        }
    }

    /// Every agent of a process that is gone is gone with it.
    pub(in super::super) fn process_ended(&mut self, now: Duration) {
        self.agents.clear();
        (self.answers_heard, self.answers_told) = (0, 0);
        self.is_baseline_over = false;
        self.spend_what_is_live();
        self.claiming.clear();
        self.in_flight.clear();
        self.merging.clear();
        self.merging_branch = None;
        self.owes_escape = false;
        // Another process keeps them again.
        self.kept_branches.clear();
        self.tries.clear();
        self.brought.clear();
        self.stop = None;
        (self.is_cleaning, self.is_ending) = (false, false);
        self.has_crashed = true;
        self.lived = self.lifetime(now);
        self.process_began = now;
    }

    /// What agents had told of that are gone is spent.
    pub(super) fn spend_what_is_live(&mut self) {
        self.spent += std::mem::take(&mut self.live).values().sum::<u64>();
    }

    /// Another process goes on with what the journal says.
    pub(in super::super) fn process_begins(
        &mut self,
        now: Duration,
        lived: Duration,
        journal: &[JournalEntry],
    ) {
        // What the tracker was told and the journal was not may be tried once more.
        let is_written = |task: &TaskId| journal.iter().any(|entry| parks(&entry.event, task));
        self.parked.retain(is_written);
        self.inherited = self.iters.keys().copied().collect();
        (self.process_began, self.lived) = (now, lived);
    }

    /// The clock comes to this moment.
    pub(in super::super) fn at(&mut self, now: Duration, plot: &Plot) -> Verdict {
        if self.agents.is_empty() {
            return Ok(());
        }
        let timeout = plot.config.settings.timeout.value;
        let late =
            self.agents.iter().find(|(_, agent)| now > agent.began + timeout + SLACK).map(|(id, _)| id);
        ensure(late.is_none(), || format!("timeout: the agent of {late:?} runs longer than {timeout:?}"))?;
        if let Some(wall) = plot.config.limits.wall {
            let until = wall + wall / 10 + SLACK;
            let lived = self.lifetime(now);
            ensure(lived <= until, || format!("wall: agents run after {lived:?} of {wall:?}"))?;
        }
        if let Some(StopSeen { at, signal: Some(_) }) = self.stop {
            let until = at + plot.config.limits.stop_grace + SLACK;
            ensure(now <= until, || "stop: agents run long after a signal".to_owned())?;
        }
        Ok(())
    }

    /// The engine is told.
    pub(in super::super) fn engine_is_told(&mut self, event: &Event, now: Duration) {
        match event {
            // All is done by then.
            Event::StopRequested { .. } if self.is_cleaning => {}
            Event::StopRequested { reason, signal, .. } => {
                self.reasons.insert(reason.as_str());
                let before = self.stop.and_then(|stop| stop.signal.map(|_| stop));
                self.stop = before.or(Some(StopSeen { at: now, signal: *signal }));
            }
            Event::Exited { iteration, result } => {
                self.in_flight.remove(iteration);
                if let Ok(view) = result {
                    let used = view.report.reading.usage.total();
                    self.runtime_failed |= view.report.failure().is_some();
                    self.told.insert(*iteration, used);
                    self.brought.insert(*iteration, used);
                } else {
                    self.brought.remove(iteration);
                    self.runtime_failed = true;
                }
            }
            Event::Claimed { iteration, result } => {
                self.claiming.remove(iteration);
                if !matches!(result, Ok(hew_core::tracker::ClaimOutcome::Won(_))) {
                    self.in_flight.remove(iteration);
                }
                self.tracker_failed |= result.is_err();
            }
            Event::Settled { result, .. } => self.tracker_failed |= result.is_err(),
            Event::Advanced(Ok(moved)) => {
                let branch = BranchName::new(self.run_branch.as_str());
                self.owes_escape |= moved.foreign_change(&branch, &self.tip).is_some();
            }
            Event::Delivered(Ok(delivered)) => self.owes_escape |= delivered.meddled.is_some(),
            Event::Helped { .. } => self.answers_heard += 1,
            Event::BaselineEnded(_) => self.is_baseline_over = true,
            _ => {}
        }
    }

    /// Worktrees are to be removed: whatever comes now comes too late.
    pub(in super::super) fn cleans_up(&mut self) {
        self.is_cleaning = true;
    }

    /// Whatever a model server answered, it is written down in the same step, for what it used counts.
    pub(in super::super) fn answers_are_told(&mut self) -> Verdict {
        let (heard, told) = (std::mem::take(&mut self.answers_heard), std::mem::take(&mut self.answers_told));
        ensure(heard == told, || format!("helpers: {heard} answers came, {told} are in the journal"))
    }

    /// The stop that the engine knows of.
    pub(in super::super) fn known_stop(&self) -> Option<StopSeen> {
        self.stop
    }

    /// The engine wants this; it knew of this stop.
    pub(in super::super) fn effect(
        &mut self,
        effect: &Effect,
        known: Option<StopSeen>,
        evidence: &Evidence<'_>,
    ) -> Verdict {
        let is_signalled = known.is_some_and(|stop| stop.signal.is_some());
        match effect {
            Effect::Claim { iteration, task, .. } => {
                ensure(known.is_none(), || format!("stop: {task} is claimed after a stop"))?;
                let twice = self.claiming.values().any(|claimed| claimed == task);
                ensure(!twice, || format!("claims: {task} is claimed twice"))?;
                self.has_room(*iteration, evidence)?;
                self.claiming.insert(*iteration, task.clone());
                self.in_flight.insert(*iteration);
                let lived = self.lifetime(evidence.now);
                // A list that comes with the end of the time is the step in flight.
                let most = |wall| wall + Duration::from_secs(5);
                let is_late = evidence.plot.config.limits.wall.is_some_and(|wall| lived >= most(wall));
                ensure(!is_late, || format!("wall: {task} is claimed after {lived:?}"))
            }
            Effect::Work { iteration, job: WorkerJob::Prepare { .. } } => {
                ensure(known.is_none(), || format!("stop: {iteration} is prepared after a stop"))
            }
            Effect::Work { iteration, job: WorkerJob::Run { .. } } => {
                ensure(!is_signalled, || format!("stop: {iteration} begins an agent after a signal"))
            }
            Effect::Lane(LaneJob::Merge { iteration, tip, .. }) => {
                ensure(*tip == self.tip, || format!("landing: {iteration} is to be merged into {tip}"))?;
                self.merges_in_order(*iteration)
            }
            Effect::Lane(LaneJob::MergeBranch { branch, parts, tip, .. }) => {
                ensure(*tip == self.tip, || format!("landing: {branch} is to be merged into {tip}"))?;
                self.branch_may_merge(parts, evidence)
            }
            Effect::Work { iteration, job: WorkerJob::Prove { .. } } => {
                ensure(!is_signalled, || format!("stop: a new gate of {iteration} after a signal"))
            }
            Effect::Lane(LaneJob::Gate { .. }) => {
                ensure(!is_signalled, || "stop: a new gate after a signal".to_owned())
            }
            Effect::ListLeftovers(_) => {
                self.is_ending = true;
                Ok(())
            }
            Effect::Lane(LaneJob::Deliver { tip }) => {
                ensure(!is_signalled, || "target: a delivery after a signal".to_owned())?;
                self.may_deliver(tip, evidence)
            }
            _ => Ok(()),
        }
    }

    fn may_deliver(&self, tip: &hew_core::ids::CommitId, evidence: &Evidence<'_>) -> Verdict {
        ensure(*tip == self.tip, || format!("target: {tip} is to be delivered, not {}", self.tip))?;
        let config = &evidence.plot.config;
        ensure(config.deliver, || "target: delivered although nobody wants it".to_owned())?;
        let Some(plan) = config.verify else { return Ok(()) };
        self.may_be_delivered(tip, plan.on_red == hew_core::settings::OnRed::Hold)
    }

    /// One more iteration fits into every limit, with what runs now.
    fn has_room(&self, id: IterationId, evidence: &Evidence<'_>) -> Verdict {
        let (config, begun) = (&evidence.plot.config, self.iters.len() as u64 + self.claiming.len() as u64);
        let max = config.limits.max_iter;
        ensure(max.is_none_or(|max| begun < max), || format!("max_iter: {id} is one more than {begun}"))?;
        let Some(each) = evidence.plot.tokens.filter(|_| !evidence.plot.has(Trouble::Runtimes)) else {
            return Ok(());
        };
        let spending = config.limits.spending;
        let by_money = spending.usd.map(|usd| usd.micros() / MICROS_A_TOKEN);
        let Some(limit) = spending.tokens.or(by_money) else { return Ok(()) };
        // A model server of one's own costs no money. What it answers between the choice and the claim comes too late for
        // the choice; an agent is not begun then.
        let helped = if spending.tokens.is_some() { self.helped_at_tick } else { 0 };
        let expected = self.spent_so_far() - self.helped + helped + each * self.in_flight.len() as u64;
        ensure(expected < limit, || {
            format!("budget: {id} begins while {expected} of {limit} are spent or set aside")
        })
    }

    /// What agents have told of, those that have told of no end included.
    pub(super) fn spent_so_far(&self) -> u64 {
        self.spent + self.live.values().sum::<u64>()
    }

    /// Where a budget and its grace are spent every agent that runs has been told to end.
    pub(in super::super) fn all_are_stopped(&self, plot: &Plot) -> Verdict {
        let Some(limit) = plot.config.limits.spending.tokens else { return Ok(()) };
        let spent = self.spent_so_far();
        let goes_on = self.agents.iter().find(|(_, agent)| !agent.stop_sent).map(|(id, _)| id);
        ensure(spent * 100 < limit * 110 || goes_on.is_none(), || {
            format!("budget: {spent} of {limit} are spent, and {goes_on:?} goes on")
        })
    }

    /// Results land in the order in which their work came.
    fn merges_in_order(&mut self, id: IterationId) -> Verdict {
        let place = self.collected.iter().position(|seen| *seen == id);
        let Some(place) = place else {
            return Err(format!("journal: {id} is merged before it was collected"));
        };
        let earlier =
            self.merging.iter().filter_map(|seen| self.collected.iter().position(|one| one == seen));
        let latest = earlier.max();
        self.merging.push(id);
        ensure(latest.is_none_or(|latest| latest < place), || {
            format!("fifo: {id} is merged after a later one")
        })
    }

    pub(super) fn reason_is_known(&self, reason: StopReason) -> bool {
        self.reasons.contains(reason.as_str())
    }
}
