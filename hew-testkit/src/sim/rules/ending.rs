//! The end: exit code, reason and leftovers agree with the tracker, git and what happened; the views agree with both.

use std::collections::BTreeSet;

use hew_core::ids::TaskId;
use hew_core::record::event::{DeliveryRecord, StopReason};
use hew_core::record::{JournalEvent, RunView};
use hew_core::tracker::{BdClient, PARKED_LABEL, Status, Task};
use hew_core::worktree::GitClient;

use super::super::trouble::Trouble;
use super::{Evidence, Rules, Verdict, ensure, readiness};

impl Rules {
    /// The run is over.
    pub(in super::super) fn finish(&mut self, evidence: &Evidence<'_>) -> Verdict {
        ensure(evidence.agents == 0, || format!("processes: {} agents still run", evidence.agents))?;
        self.nothing_is_lost(evidence.repo)?;
        self.nothing_is_held(evidence)?;
        self.open_though_settled(evidence)?;
        self.line_is_landed(evidence.repo, &evidence.plot.config.launch)?;
        self.branch_is_there(evidence)?;
        self.branches_are_there(evidence)?;
        ensure(!self.owes_escape, || {
            "escape: somebody moved the run branch, and nobody was told".to_owned()
        })?;
        let Some((reason, code)) = self.ended else {
            return Err("journal: the run ended and the journal does not".to_owned());
        };
        ensure(evidence.exit == Some(code), || {
            format!("exit: {:?}, and the journal says {code}", evidence.exit)
        })?;
        self.reason_is_true(reason, evidence)?;
        self.code_is_true(reason, code, evidence)?;
        Self::leftovers_are_true(evidence)?;
        self.views_are_true(evidence)?;
        self.unclosed_is_told(evidence)?;
        if evidence.plot.whole { self.everything_landed(code, evidence) } else { Ok(()) }
    }

    fn branch_is_there(&self, evidence: &Evidence<'_>) -> Verdict {
        if self.landings.is_empty() || self.is_meddled {
            return Ok(());
        }
        let at = evidence.repo.resolve(&self.run_branch).expect("a fake answers");
        ensure(at.as_ref() == Some(&self.tip), || {
            format!("lost: the run branch is at {at:?}, not at {}", self.tip)
        })
    }

    fn reason_is_true(&self, reason: StopReason, evidence: &Evidence<'_>) -> Verdict {
        let limits = &evidence.plot.config.limits;
        let holds = match reason {
            StopReason::MaxIter => limits.max_iter == Some(self.iters.len() as u64),
            StopReason::BudgetTokens => {
                limits.spending.tokens.is_some_and(|limit| self.spent_so_far() >= limit)
            }
            StopReason::BudgetUsd => limits.spending.usd.is_some(),
            StopReason::BudgetWall => limits
                .wall
                .is_some_and(|wall| self.lifetime(evidence.now) + super::Duration::from_millis(2) >= wall),
            StopReason::Quota => self.runtime_failed || evidence.plot.has(Trouble::Runtimes),
            StopReason::Signal | StopReason::Cancelled | StopReason::StopFile => self.reason_is_known(reason),
            StopReason::ReadyEmpty | StopReason::GuardTrip | StopReason::RuntimeError => true,
        };
        ensure(holds, || format!("reason: {} is not what happened", reason.as_str()))
    }

    fn open_work(&self, evidence: &Evidence<'_>) -> Vec<Task> {
        let config = &evidence.plot.config;
        evidence.tracker.look(|tasks| {
            let open = |task: &&Task| {
                readiness::is_work(task)
                    && readiness::in_scope(tasks, &task.id, &config.scope)
                    && !self.filed.contains(&task.id)
            };
            tasks.values().filter(open).cloned().collect()
        })
    }

    /// Work that this run could have been expected to do.
    fn undone(&self, evidence: &Evidence<'_>) -> Vec<TaskId> {
        let open = self.open_work(evidence).into_iter();
        let undone = open.filter(|task| task.status == Status::Open && task.assignee.is_none());
        let now = crate::tracker_clock::ticking_start();
        let is_deferred = |task: &Task| {
            hew_core::tracker::record::defer_until(&task.record).is_ok_and(|at| at.is_some_and(|at| at > now))
        };
        undone.filter(|task| !is_deferred(task)).map(|task| task.id).collect()
    }

    fn code_is_true(&self, reason: StopReason, code: u8, evidence: &Evidence<'_>) -> Verdict {
        let config = &evidence.plot.config;
        let signal = self.stop.and_then(|stop| stop.signal);
        if let Some(signal) = signal {
            return ensure(i32::from(code) == 128 + signal, || format!("exit: {code} after signal {signal}"));
        }
        ensure(code < 128, || format!("exit: {code} without a signal"))?;
        ensure(code != 6 || reason == StopReason::Quota, || format!("exit: 6 for {}", reason.as_str()))?;
        let undone = self.undone(evidence);
        let delivery = evidence.journal.iter().rev().find_map(|entry| match &entry.event {
            JournalEvent::Delivery { outcome } => Some(outcome.clone()),
            _ => None,
        });
        let wanted = config.deliver && config.target.is_some() && !self.landings.is_empty();
        if code == 0 {
            let left = undone.iter().find(|id| !self.by_people.contains(*id));
            let nothing_was_ready = self.iters.is_empty();
            ensure(left.is_none() || nothing_was_ready, || format!("exit: 0, and {left:?} is undone"))?;
            let unclosed = self.landings.iter().filter_map(|(_, task)| task.as_ref()).find(|task| {
                let found = evidence.tracker.task(task).expect("a fake answers");
                found.is_some_and(|found| readiness::is_work(&found) && !self.by_people.contains(*task))
            });
            ensure(unclosed.is_none(), || format!("exit: 0, and {unclosed:?} landed and is open"))?;
            if wanted {
                let target = config.target.as_ref().expect("it is wanted");
                let at = evidence.repo.resolve(&target.to_ref()).expect("a fake answers");
                let has = at.as_ref().is_some_and(|at| {
                    evidence.repo.contains_all(at, std::slice::from_ref(&self.tip)).expect("a fake answers")
                });
                ensure(has, || format!("exit: 0, and {target} is at {at:?} without {}", self.tip))?;
            }
        }
        let refused = matches!(delivery, Some(DeliveryRecord::Refused { .. }));
        if wanted && refused && reason != StopReason::Quota {
            ensure(code == 3 || matches!(code, 1 | 5) && config.verify.is_some(), || {
                format!("exit: {code}, and the target has not got it")
            })?;
        }
        if code == 5 {
            ensure(!self.reasons.is_empty(), || "exit: 5 without a stop".to_owned())?;
        }
        Ok(())
    }

    /// What is said to be left over is what lies open in the tracker.
    fn leftovers_are_true(evidence: &Evidence<'_>) -> Verdict {
        let plot = evidence.plot;
        if plot.has(Trouble::Tracker) || plot.has(Trouble::People) {
            return Ok(());
        }
        let told = evidence.journal.iter().find_map(|entry| match &entry.event {
            JournalEvent::RunEnded { leftovers, .. } => Some(leftovers),
            _ => None,
        });
        let mut told: Vec<TaskId> = told.into_iter().flatten().map(|left| left.task.clone()).collect();
        told.sort();
        // The ids of a map come sorted.
        let open: Vec<TaskId> = evidence.tracker.look(|tasks| {
            let is_open = |task: &&Task| {
                readiness::is_work(task) && readiness::in_scope(tasks, &task.id, &plot.config.scope)
            };
            tasks.values().filter(is_open).map(|task| task.id.clone()).collect()
        });
        ensure(told == open, || format!("leftovers: {told:?} are told, {open:?} are open"))
    }

    /// What landed and the tracker would not close is a person's to close, and that is said.
    fn unclosed_is_told(&self, evidence: &Evidence<'_>) -> Verdict {
        let said = evidence.journal.iter().find_map(|entry| match &entry.event {
            JournalEvent::RunEnded { remedies, .. } => Some(remedies.join("\n")),
            _ => None,
        });
        let said = said.unwrap_or_default();
        let untold = self.landings.iter().filter_map(|(_, task)| task.as_ref()).find(|task| {
            let found = evidence.tracker.task(task).expect("a fake answers");
            let is_open = found.is_some_and(|found| readiness::is_work(&found));
            is_open && !self.by_people.contains(*task) && !said.contains(task.as_str())
        });
        ensure(untold.is_none(), || format!("explained: {untold:?} landed and is open, and nobody is told"))?;
        // Nobody is sent to have landed work done again.
        let landed = self.landings.iter().filter_map(|(_, task)| task.as_ref());
        let again = landed
            .filter(|task| !self.by_people.contains(*task))
            .find(|task| said.lines().any(|line| line == format!("hew task reopen {task}")));
        ensure(again.is_none(), || format!("explained: {again:?} landed, and is said to be reopened"))
    }

    /// The fold of the journal has the world's figures.
    fn views_are_true(&self, evidence: &Evidence<'_>) -> Verdict {
        let view = RunView::of(evidence.journal);
        let (begun, landed) = (view.totals.iterations, view.totals.landed);
        ensure(begun == self.iters.len() as u64, || {
            format!("views: {begun} of {} iterations", self.iters.len())
        })?;
        let of_tasks = self.landings.iter().filter_map(|(sha, task)| Some((sha, task.as_ref()?)));
        // A worker's branch is one landing with all its tasks.
        let merges = of_tasks.clone().map(|(sha, _)| sha).collect::<BTreeSet<_>>().len();
        ensure(landed == merges as u64, || format!("views: {landed} of {merges} landings"))?;
        let tasks = of_tasks.map(|(_, task)| task).collect::<BTreeSet<_>>().len();
        let told = view.landed_tasks();
        ensure(told == tasks, || format!("views: {told} of {tasks} tasks landed"))?;
        ensure(view.in_flight().next().is_none(), || "views: something is under way at the end".to_owned())?;
        let parked = view.tasks.values().filter(|task| task.parked.is_some()).count();
        ensure(self.has_crashed || self.tracker_failed || parked == self.parked.len(), || {
            format!("views: {parked} of {} are parked", self.parked.len())
        })?;
        let code = view.ending.and_then(|ending| ending.exit_code);
        ensure(code == evidence.exit, || format!("views: exit code {code:?}"))
    }

    /// Nothing stood in the way of any task for good: all are closed, landed, and delivered.
    fn everything_landed(&self, code: u8, evidence: &Evidence<'_>) -> Verdict {
        evidence.tracker.look(|tasks| {
            let own = || tasks.values().filter(|task| !self.filed.contains(&task.id));
            let open = own().find(|task| readiness::is_work(task)).map(|task| &task.id);
            ensure(open.is_none(), || format!("whole: {open:?} is not closed"))?;
            let has_landed = |id: &TaskId| self.landings.iter().any(|(_, task)| task.as_ref() == Some(id));
            let absent =
                own().find(|task| task.issue_type != "epic" && !has_landed(&task.id)).map(|task| &task.id);
            ensure(absent.is_none(), || format!("whole: {absent:?} never landed"))?;
            let parked = own().find(|task| task.has_label(PARKED_LABEL)).map(|task| &task.id);
            ensure(parked.is_none(), || format!("whole: {parked:?} is parked"))
        })?;
        ensure(code == 0, || format!("whole: all is done, and the exit code is {code}"))
    }
}
