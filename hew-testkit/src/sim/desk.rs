//! The tracker's and the planner's threads, as the binary's.

use hew_core::agent::{AgentReading, SpawnError, SpawnReport, StopCause, StopRequest, Usage};
use hew_core::engine::event::{PlannerDraft, PlannerEnd};
use hew_core::engine::{Effect, Event, PlannerJob, SettleJob};
use hew_core::exit::Exit;
use hew_core::ids::{Actor, IterationId, TaskId};
use hew_core::land::{close, verify};
use hew_core::plan::Purpose;
use hew_core::prompt::{Draft, draft};
use hew_core::tracker::{
    BdClient, ClaimOutcome, PARKED_LABEL, Status, Task, TaskEditor, TaskPatch, TrackerError,
};

use super::trouble::Trouble;
use super::world::World;

/// Most leftovers that a run lists.
const MAX_LEFTOVERS: usize = 10_000;

impl World {
    pub(super) fn ask_tracker(&mut self, call: Effect) -> Event {
        let words = |error: TrackerError| error.to_string();
        match call {
            Effect::ListReady(query) => {
                self.rules.queue_is_listed(&self.tracker.store);
                Event::ReadyListed(self.tracker.ready(&query).map_err(words))
            }
            Effect::Claim { iteration, task, actor } => {
                let result = self.claim(iteration, &task, &actor).map_err(words);
                Event::Claimed { iteration, result }
            }
            Effect::Settle { iteration, job } => {
                let result = match &job {
                    SettleJob::Close(request) => close::close(&*self.tracker, request),
                    SettleJob::Release(request) => close::release(&*self.tracker, request),
                };
                Event::Settled { iteration, result: result.map_err(words) }
            }
            Effect::ReadRunning(running) => Event::RunningRead(self.read_running(&running)),
            Effect::LookAhead(query) => {
                let limit = query.limit.unwrap_or(MAX_LEFTOVERS);
                Event::LookedAhead(self.tracker.look_ahead(&query, limit).map_err(words))
            }
            Effect::NoteVerify(note) => {
                Event::VerifyNoted(verify::note(&*self.tracker, &note).map_err(words))
            }
            Effect::ListLeftovers(query) => {
                Event::LeftoversListed(self.tracker.leftovers(&query, MAX_LEFTOVERS).map_err(words))
            }
            other => panic!("not a call of the tracker: {other:?}"),
        }
    }

    fn claim(&mut self, id: IterationId, task: &TaskId, actor: &Actor) -> Result<ClaimOutcome, TrackerError> {
        if self.plot.has(Trouble::People) && self.chances.people.percent(4) {
            // Somebody was faster.
            self.person_takes(task);
        }
        let outcome = self.tracker.claim(task, actor).inspect_err(|_| {
            // As the binary does: it may have been made all the same.
            let _ = self.tracker.release(task, actor);
        })?;
        match &outcome {
            ClaimOutcome::Won(_) => self.tally.count("claims won"),
            _ => self.tally.count("claims lost"),
        }
        if let ClaimOutcome::Won(won) = &outcome {
            self.rules.claim_won(id, task, &self.tracker.store);
            if won.has_label(PARKED_LABEL) {
                let remove_labels = vec![PARKED_LABEL.to_owned()];
                let patch = TaskPatch { remove_labels, ..TaskPatch::default() };
                return match self.tracker.update(task, &patch) {
                    Ok(unparked) => Ok(ClaimOutcome::Won(Box::new(unparked))),
                    Err(error) => {
                        let _ = self.tracker.release(task, actor);
                        Err(error)
                    }
                };
            }
        }
        Ok(outcome)
    }

    fn read_running(&self, running: &[(IterationId, TaskId)]) -> Vec<(IterationId, Option<Box<Task>>)> {
        let ids: Vec<&TaskId> = running.iter().map(|(_, task)| task).collect();
        let Ok(mut tasks) = self.tracker.tasks(&ids) else { return Vec::new() };
        let mut take = |id: &TaskId| {
            let at = tasks.iter().position(|task| task.id == *id)?;
            Some(Box::new(tasks.swap_remove(at)))
        };
        running.iter().map(|(id, task)| (*id, take(task))).collect()
    }

    /// A person takes a task over, if it is there to be taken.
    pub(super) fn person_takes(&mut self, task: &TaskId) {
        let found = self.tracker.store.task(task).expect("a fake answers");
        if found.is_none_or(|task| !matches!(task.status, Status::Open | Status::InProgress)) {
            return;
        }
        let patch = TaskPatch {
            status: Some(Status::InProgress),
            assignee: Some(Some(Actor::new("ann"))),
            ..TaskPatch::default()
        };
        self.tracker.store.update(task, &patch).expect("the task is there");
        self.rules.person_took(task);
        self.tally.count("tasks taken by people");
        self.changed();
    }

    pub(super) fn do_planning(&mut self, order: Effect, stop: Option<StopRequest>) -> Vec<Event> {
        match order {
            Effect::DraftPlanner(job) => vec![self.draft_planner(&job)],
            Effect::RunPlanner { number, .. } => self.run_planner(number, stop),
            other => panic!("not for the planner: {other:?}"),
        }
    }

    fn draft_planner(&mut self, job: &PlannerJob) -> Event {
        let number = job.number;
        let ready = match self.tracker.ready(&job.query) {
            Ok(ready) => ready,
            Err(error) => return Event::PlannerDrafted { number, result: Err(error.to_string()) },
        };
        let result = match draft("# Plan", &ready, &job.touched, job.budget_tokens) {
            _ if ready.is_empty() => Ok(PlannerDraft::NothingReady),
            Draft::TooLong(tokens) => Ok(PlannerDraft::TooLong(tokens)),
            Draft::Prompt(_) => self
                .plan(Purpose::Planner, &job.choice, job.after, 0)
                .map(|plan| PlannerDraft::Planned(Box::new(plan))),
        };
        Event::PlannerDrafted { number, result: Ok(result) }
    }

    fn run_planner(&mut self, number: u32, stop: Option<StopRequest>) -> Vec<Event> {
        self.tally.count("planner calls");
        let tokens = self.chances.lane.next() % 200;
        let usage = Usage { input: tokens, ..Usage::default() };
        let way = self.chances.lane.below(10);
        let (exit, stopped) = match (stop, way) {
            (Some(_), _) => (Exit::Signal(9), Some(StopCause::Requested)),
            (None, 0) => (Exit::Code(3), None),
            (None, 1) => (Exit::Signal(15), Some(StopCause::Timeout)),
            (None, _) => (Exit::Code(0), None),
        };
        let mut events = Vec::new();
        if way == 2 {
            let error = SpawnError::Missing { program: "work".to_owned() };
            return vec![Event::PlannerEnded { number, result: Err(error) }];
        }
        if way > 6 {
            events.push(Event::PlannerUsed { number, usage, cost_usd: None, model: None });
        }
        let count = self.plot.tasks.len();
        let numbers: Vec<usize> =
            (0..self.chances.lane.below(4)).map(|_| self.chances.lane.below(count)).collect();
        let next = (way > 3).then(|| self.known_next(&numbers));
        let report = SpawnReport {
            stopped,
            reading: AgentReading { usage, ..AgentReading::default() },
            ..SpawnReport::new(exit, std::time::Duration::from_secs(1))
        };
        events.push(Event::PlannerEnded { number, result: Ok(Box::new(PlannerEnd { report, next })) });
        events
    }
}
