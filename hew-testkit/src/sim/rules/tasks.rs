//! What hew does to tasks: claims only what may begin, closes only what landed or needed nothing, parks only what has used
//! up its attempts, gives back with a note, leaves people's closes and claims alone.

use hew_core::ids::{CommitId, IterationId, TaskId};
use hew_core::land::conflict::{CONFLICT_ANCHOR, conflict_of};
use hew_core::tracker::{BdClient, Status};
use hew_core::worktree::GitClient;

use super::super::script::{Ends, Script, Work};
use super::super::tracker::Deed;
use super::{Evidence, Rules, Verdict, ensure, readiness};
use crate::fake_git::FakeGit;
use crate::fake_tracker::FakeTracker;

/// Agents that one iteration begins at most: a failure of the runtime is tried again three times.
const MOST_TRIES: u32 = 4;

impl Rules {
    /// The queue is asked: what is settled now may be known to whoever picks from the answer.
    pub(in super::super) fn queue_is_listed(&mut self, tracker: &FakeTracker) {
        let now =
            tracker.look(|tasks| tasks.keys().filter(|id| self.is_settled(tasks, id)).cloned().collect());
        let [_, last] = std::mem::take(&mut self.listed);
        self.listed = [last, now];
    }

    pub(in super::super) fn person_took(&mut self, task: &TaskId) {
        self.by_people.insert(task.clone());
    }

    pub(in super::super) fn agent_closed(&mut self, task: &TaskId) {
        self.agent_closed.insert(task.clone());
    }

    /// A person did something to this task after which it may begin again.
    pub(in super::super) fn person_revived(&mut self, task: &TaskId) {
        self.by_people.insert(task.clone());
    }

    pub(in super::super) fn script_of(&mut self, id: IterationId, script: &Script) {
        let tries = self.tries.entry(id).or_default();
        *tries += 1;
        let verdict = ensure(*tries <= MOST_TRIES, || format!("retries: {id} has begun {tries} agents"));
        self.note(verdict);
        if let Some(iter) = self.iteration_mut(id) {
            iter.script = Some(script.clone());
        }
    }

    /// A claim was won: nothing that its task waits for was open when the queue was asked, nor now.
    pub(in super::super) fn claim_won(&mut self, id: IterationId, task: &TaskId, tracker: &FakeTracker) {
        let open = tracker.look(|tasks| {
            readiness::prerequisites(tasks, task).into_iter().find(|on| {
                let was_settled = self.listed.iter().any(|listed| listed.contains(on));
                let is_people_s = self.by_people.contains(on);
                !self.is_settled(tasks, on) && !was_settled && !is_people_s
            })
        });
        let verdict =
            ensure(open.is_none(), || format!("order: {task} is claimed by {id} before {open:?} is settled"));
        self.note(verdict);
        let by_people = self.by_people.contains(task);
        let has_landed = self.landings.iter().any(|(_, landed)| landed.as_ref() == Some(task));
        self.note(ensure(!has_landed || by_people, || format!("twice: {task} is claimed, and has landed")));
        self.note(ensure(!self.parked.contains(task) || by_people, || {
            format!("parked: {task} is claimed again")
        }));
        self.note(ensure(!self.filed.contains(task), || {
            format!("filed: {task} is claimed by the run that filed it")
        }));
        self.touched.insert(task.clone());
        self.landed_at_claim.insert(id, self.landings.len());
    }

    /// hew changed a task.
    pub(in super::super) fn task_changed(
        &mut self,
        task: &TaskId,
        deed: &Deed,
        repo: &FakeGit,
        tracker: &FakeTracker,
        max_attempts: u32,
    ) -> Verdict {
        match deed {
            Deed::Claimed(_) | Deed::Released(_) => Ok(()),
            Deed::Closed { reason } => {
                self.may_close(task, reason, repo, tracker)?;
                self.settled.insert(task.clone());
                let is_first = self.closed.insert(task.clone());
                let may_be_repeated =
                    self.has_crashed || self.tracker_failed || self.by_people.contains(task);
                ensure(is_first || may_be_repeated, || format!("twice: {task} is closed again"))
            }
            Deed::Reopened => {
                let was_agent_s = self.agent_closed.contains(task);
                self.settled.remove(task);
                self.closed.remove(task);
                ensure(was_agent_s || self.by_people.contains(task), || {
                    format!("person: {task} is reopened, and no agent had closed it")
                })
            }
            Deed::Noted(text) => {
                self.noted.entry(task.clone()).or_default().push(text.clone());
                Ok(())
            }
            Deed::Parked => {
                self.parked.insert(task.clone());
                let begun = self.begun.get(task).copied().unwrap_or(0);
                let blocked = self.was_blocked(task);
                ensure(begun >= max_attempts || blocked, || {
                    format!("parked: {task} after {begun} of {max_attempts} attempts")
                })
            }
            Deed::Filed => {
                let about = |bug: &TaskId| {
                    let bug = tracker.task(bug).expect("a fake answers")?;
                    Some((conflict_of(&bug), bug.metadata_text(CONFLICT_ANCHOR)?.to_owned()))
                };
                let this = about(task);
                let other = self.filed.iter().find(|bug| this.is_some() && about(bug) == this);
                let verdict =
                    ensure(other.is_none(), || format!("twice: {task} is about the same as {other:?}"));
                self.filed.insert(task.clone());
                verdict
            }
        }
    }

    /// An agent that worked on the task said that it can't be done now.
    fn was_blocked(&self, task: &TaskId) -> bool {
        let of_task = self.iters.values().filter(|iter| iter.task == *task);
        of_task.filter_map(|iter| iter.script.as_ref()).any(|script| script.ends == Ends::Blocked)
    }

    fn may_close(&self, task: &TaskId, reason: &str, repo: &FakeGit, tracker: &FakeTracker) -> Verdict {
        let words = reason.split([' ', ':']).collect::<Vec<_>>();
        if let ["landed", sha, ..] = words.as_slice() {
            let sha = CommitId::new(*sha);
            let of_this = self.landings.iter().filter(|(landed, _)| *landed == sha);
            let landed: Vec<&TaskId> = of_this.clone().filter_map(|(_, task)| task.as_ref()).collect();
            ensure(of_this.count() > 0, || {
                format!("close: {task} is closed by {sha}, which has not landed")
            })?;
            let holds = repo.contains_all(&self.tip, std::slice::from_ref(&sha)).unwrap_or(false);
            ensure(holds, || {
                format!("close: {task} is closed by {sha}, which the run branch does not hold")
            })?;
            let resolves = |by: &&TaskId| {
                let by = tracker.task(by).expect("a fake answers");
                by.is_some_and(|by| conflict_of(&by).contains(task))
            };
            return ensure(landed.contains(&task) || landed.iter().any(resolves), || {
                format!("close: {task} is closed by {sha} of {landed:?}")
            });
        }
        let said = self.iters.values().filter(|iter| iter.task == *task).any(|iter| {
            let says = |script: &Script| {
                // Whoever writes what is there already changes nothing, either.
                script.ends == Ends::Done || (script.work == Work::Nothing && script.closes)
            };
            iter.work.is_some() && iter.script.as_ref().is_some_and(says)
        });
        ensure(said, || format!("close: {task} is closed with nothing landed, and no agent said so"))
    }

    /// An iteration's end is explained to whoever looks at its task.
    pub(super) fn is_noted(&self, task: &TaskId, actor: &str) -> bool {
        self.noted.get(task).is_some_and(|notes| notes.iter().any(|note| note.contains(actor)))
    }

    /// At the end nothing is held by the run, unless the tracker would not take it back and that is told.
    pub(super) fn nothing_is_held(&self, evidence: &Evidence<'_>) -> Verdict {
        let prefix = evidence.plot.config.run.actor_prefix();
        let held = evidence.tracker.held_by(&prefix).expect("a fake answers");
        let is_told = matches!(evidence.exit, Some(3 | 6 | 129..));
        let is_trackers = |task: &TaskId| is_told && (self.tracker_failed || self.refused.contains(task));
        let left: Vec<_> = held.into_iter().filter(|task| !is_trackers(task)).collect();
        ensure(left.is_empty(), || format!("claims: {left:?} are still held at the end"))
    }

    /// Tasks whose records say otherwise than hew did.
    pub(super) fn open_though_settled(&self, evidence: &Evidence<'_>) -> Verdict {
        evidence.tracker.look(|tasks| {
            let open = tasks.values().find(|task| {
                self.settled.contains(&task.id)
                    && task.status != Status::Closed
                    && !self.by_people.contains(&task.id)
            });
            ensure(open.is_none(), || {
                format!("close: {:?} was closed and is open", open.map(|task| &task.id))
            })
        })
    }
}
