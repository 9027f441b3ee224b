//! What people do meanwhile: close, take, edit and file tasks, commit on the target, stop the run.

use hew_core::engine::Event;
use hew_core::ids::{Actor, TaskId};
use hew_core::record::event::StopReason;
use hew_core::tracker::{BdClient, PARKED_LABEL, Status, TaskEditor, TaskPatch};
use serde_json::json;

use super::case::{Plot, name, record};
use super::chance::Chance;
use super::trouble::Trouble;
use super::world::World;

/// How often people meddle, and how often the run is stopped.
#[derive(Debug)]
pub(super) struct Plan {
    deeds: usize,
    stops: usize,
    /// Steps after which a watcher is told to end.
    watch_until: u64,
    filed: usize,
}

impl Plan {
    pub(super) fn of(seed: u64, plot: &Plot) -> Self {
        let mut chance = Chance::of(seed, "people's plan");
        Self {
            deeds: if plot.has(Trouble::People) { 1 + chance.below(8) } else { 0 },
            stops: if plot.has(Trouble::Stops) { 1 + chance.below(3) } else { 0 },
            watch_until: 200 + chance.next() % 600,
            filed: 0,
        }
    }
}

impl World {
    /// By chance somebody does something now.
    pub(super) fn meddle(&mut self) {
        if self.plan_of_people.deeds > 0 && self.chances.people.per_mille(25) {
            self.plan_of_people.deeds -= 1;
            self.someone_acts();
        }
        if self.plan_of_people.stops > 0 && self.chances.stops.per_mille(10) {
            self.plan_of_people.stops -= 1;
            self.someone_stops();
        }
        if self.plot.config.watch
            && self.steps > self.plan_of_people.watch_until
            && self.chances.stops.per_mille(30)
        {
            self.stop(StopReason::Cancelled, false, None);
        }
        if self.plot.has(Trouble::Clock) && self.chances.people.per_mille(5) {
            let seconds = self.chances.people.one_of(&[86_400, -86_400, 3600, -3600, 7]);
            self.clock.jump(seconds);
            self.tally.count("jumps of the calendar");
        }
    }

    fn someone_stops(&mut self) {
        match self.chances.stops.below(6) {
            0 => self.stop(StopReason::Cancelled, false, None),
            1 => self.stop(StopReason::StopFile, false, None),
            2 => self.stop(StopReason::Cancelled, true, None),
            3 => self.stop(StopReason::Signal, false, Some(2)),
            4 => self.stop(StopReason::Signal, false, Some(15)),
            _ => {
                self.stop(StopReason::Signal, false, Some(2));
                self.stop(StopReason::Signal, true, Some(2));
            }
        }
    }

    fn stop(&mut self, reason: StopReason, now: bool, signal: Option<i32>) {
        if self.process.is_none() {
            return;
        }
        self.tally.count(if signal.is_some() { "signals" } else { "stops" });
        let detail = reason.as_str().to_owned();
        self.arrive([Event::StopRequested { reason, detail, now, signal }]);
    }

    pub(super) fn someone_acts(&mut self) {
        let count = self.plot.scripts.len();
        let task = name(self.chances.people.below(count));
        self.story.line(|| format!("    somebody meddles with {task}"));
        match self.chances.people.below(10) {
            0 | 1 => self.person_closes(&task),
            2 => self.person_takes(&task),
            3 => self.person_gives_back(&task),
            4 => self.person_files(),
            5 => self.person_edits(&task),
            6 => self.person_revives(&task),
            7 => self.person_deletes(&task),
            8 => {
                self.plan_of_people.filed += 1;
                let name = format!("theirs-{}", self.plan_of_people.filed);
                self.move_target(&name);
            }
            _ => {
                // What is not committed is in the way of some deliveries.
                let root = self.git.repo.root().to_owned();
                self.git.repo.write(&root, "shared-0", "mine, not committed");
            }
        }
    }

    fn status_of(&self, task: &TaskId) -> Option<Status> {
        self.tracker.store.task(task).expect("a fake answers").map(|task| task.status)
    }

    fn person_closes(&mut self, task: &TaskId) {
        if matches!(self.status_of(task), Some(Status::Open | Status::InProgress)) {
            self.tracker.store.close(task, "by hand", &Actor::new("ann")).expect("the task is there");
            self.rules.person_took(task);
            self.tally.count("tasks closed by people");
            self.changed();
        }
    }

    fn person_gives_back(&mut self, task: &TaskId) {
        let found = self.tracker.store.task(task).expect("a fake answers");
        let is_hers = found.is_some_and(|task| task.assignee == Some(Actor::new("ann")));
        if is_hers && self.tracker.store.release(task, &Actor::new("ann")).is_ok() {
            self.rules.person_revived(task);
            self.changed();
        }
    }

    fn person_files(&mut self) {
        self.plan_of_people.filed += 1;
        let id = TaskId::new(format!("p{}", self.plan_of_people.filed));
        let line = record(&id, &[], 500 + self.plan_of_people.filed, &json!({})).to_string();
        self.tracker.store.import(&line, false).expect("a task can be stored");
        self.rules.person_revived(&id);
        self.tally.count("tasks filed by people");
        self.changed();
    }

    fn person_edits(&mut self, task: &TaskId) {
        if self.status_of(task).is_none() {
            return;
        }
        let priority = u8::try_from(self.chances.people.below(5)).expect("a small number");
        let patch = TaskPatch { priority: Some(priority), ..TaskPatch::default() };
        self.tracker.store.update(task, &patch).expect("the task is there");
        self.changed();
    }

    fn person_revives(&mut self, task: &TaskId) {
        match self.status_of(task) {
            Some(Status::Closed) => self.tracker.store.reopen(task).expect("the task is there"),
            Some(Status::Open) => {
                let remove_labels = vec![PARKED_LABEL.to_owned()];
                let patch = TaskPatch { remove_labels, ..TaskPatch::default() };
                self.tracker.store.update(task, &patch).expect("the task is there");
            }
            _ => return,
        }
        self.rules.person_revived(task);
        self.tally.count("tasks revived by people");
        self.changed();
    }

    fn person_deletes(&mut self, task: &TaskId) {
        if self.status_of(task).is_none() {
            return;
        }
        let patch = TaskPatch { status: Some(Status::Tombstone), ..TaskPatch::default() };
        self.tracker.store.update(task, &patch).expect("the task is there");
        self.rules.person_took(task);
        self.tally.count("tasks deleted by people");
        self.changed();
    }
}
