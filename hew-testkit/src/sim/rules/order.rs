//! The journal: what begins begins once and ends once, numbers never come twice, attempts are counted, every end says why.

use hew_core::ids::{IterationId, TaskId};
use hew_core::record::event::{IterationOutcome, VerifyOutcome};
use hew_core::record::{JournalEntry, JournalEvent};
use hew_core::tracker::change::TaskChange;
use hew_core::worktree::GitClient;

use super::super::case::Plot;
use super::super::script::Ends;
use super::{Iter, Rules, Verdict, ensure};
use crate::fake_git::FakeGit;

impl Rules {
    /// A line of the journal, on disk now.
    pub(in super::super) fn recorded(&mut self, event: &JournalEvent, plot: &Plot, repo: &FakeGit) {
        self.answers_told += usize::from(matches!(event, JournalEvent::Helped { .. }));
        let verdict = self.judge(event, plot);
        self.note(verdict);
        self.note(is_anchored(event, repo));
        self.note(self.is_what_it_brought(event));
    }

    /// What is written down of an agent's tokens is what it brought.
    fn is_what_it_brought(&self, event: &JournalEvent) -> Verdict {
        let JournalEvent::Exited { iteration, usage, .. } = event else { return Ok(()) };
        let Some(brought) = self.brought.get(iteration) else { return Ok(()) };
        ensure(usage.total() == *brought, || {
            format!(
                "budget: an agent of {iteration} brought {brought} tokens, {} are written down",
                usage.total()
            )
        })
    }

    /// A loss of power took the journal's end: what is known from it is known anew.
    pub(in super::super) fn journal_was_cut(&mut self, journal: &[JournalEntry], plot: &Plot) {
        self.remembered = std::mem::take(&mut self.iters);
        self.begun.clear();
        self.faults.clear();
        self.collected.clear();
        self.live.clear();
        self.retried.clear();
        (self.spent, self.helped, self.helped_at_tick, self.ended) = (0, 0, 0, None);
        for entry in journal {
            let verdict = self.judge(&entry.event, plot);
            self.note(verdict);
        }
        self.remembered.clear();
        self.spend_what_is_live();
    }

    fn judge(&mut self, event: &JournalEvent, plot: &Plot) -> Verdict {
        self.work_is_collected(event);
        match event {
            JournalEvent::IterationStarted { iteration, number, task, attempt, .. } => {
                self.begins(*iteration, *number, task, *attempt, plot)
            }
            JournalEvent::RetryPlanned { iteration, retry, .. } => {
                let last = self.retried.insert(*iteration, *retry).unwrap_or(0);
                ensure(*retry == last + 1, || format!("retries: {iteration} has retry {retry} after {last}"))
            }
            JournalEvent::Escaped { .. } => {
                self.owes_escape = false;
                Ok(())
            }
            JournalEvent::Tick { .. } => {
                self.helped_at_tick = self.helped;
                Ok(())
            }
            JournalEvent::Queued { iteration } => {
                self.leaves(*iteration);
                Ok(())
            }
            JournalEvent::Stacked { iteration, is_change, .. } => {
                self.leaves(*iteration);
                if let Some(iter) = self.iteration_mut(*iteration) {
                    iter.stacked = Some(*is_change);
                }
                Ok(())
            }
            JournalEvent::Landed { task, sha, with, .. } => {
                self.says_landed(sha, task)?;
                let others = with.iter().filter_map(|id| self.iters.get(id));
                others.map(|iter| &iter.task).try_for_each(|task| self.says_landed(sha, task))
            }
            JournalEvent::Used { iteration, usage, .. } => {
                self.told.insert(*iteration, usage.total());
                self.live.insert(*iteration, usage.total());
                Ok(())
            }
            JournalEvent::Exited { iteration, usage, .. } => {
                self.live.remove(iteration);
                self.spent += usage.total();
                self.keeps_budget(plot)
            }
            JournalEvent::Helped { usage, .. } => {
                self.helped += usage.total();
                self.spent += usage.total();
                Ok(())
            }
            JournalEvent::BatchPlanned { planner_tokens, .. } => {
                self.spent += planner_tokens.map_or(0, |usage| usage.total());
                Ok(())
            }
            JournalEvent::TaskChanged { task, change: TaskChange::Closed { landed_sha }, .. } => {
                let sha = landed_sha.as_ref();
                let landed = |sha| self.landings.iter().any(|(landed, _)| landed == sha);
                ensure(sha.is_none_or(landed), || {
                    format!("close: {task} is closed by {sha:?}, which did not land")
                })
            }
            JournalEvent::TaskChanged { task, change: TaskChange::CloseFailed { .. }, .. } => {
                self.refused.insert(task.clone());
                Ok(())
            }
            JournalEvent::IterationEnded { iteration, task, outcome, reason, spares_attempt, .. } => {
                self.leaves(*iteration);
                self.in_flight.remove(iteration);
                self.is_explained(*iteration, task, *outcome, reason.as_deref(), plot)?;
                self.count_fault(*iteration, *outcome, *spares_attempt);
                let Some(iter) = self.iters.get_mut(iteration) else {
                    return Err(format!("journal: {iteration} ends and never began"));
                };
                ensure(!iter.is_over, || format!("journal: {iteration} ends twice"))?;
                iter.is_over = true;
                iter.outcome = Some(*outcome);
                Ok(())
            }
            JournalEvent::Verified { sha, outcome: VerifyOutcome::Skipped { reason }, .. } => {
                self.skipped.insert(sha.clone(), reason.clone());
                Ok(())
            }
            JournalEvent::StopRequested { reason, .. } => {
                self.reasons.insert(reason.as_str());
                Ok(())
            }
            JournalEvent::RunEnded { stop_reason, exit_code, .. } => {
                let open = self.iters.iter().find(|(_, iter)| !iter.is_over).map(|(id, _)| id);
                ensure(open.is_none(), || format!("journal: the run ends and {open:?} does not"))?;
                ensure(self.ended.is_none(), || "journal: the run ends twice".to_owned())?;
                self.ended = Some((*stop_reason, *exit_code));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn begins(
        &mut self,
        iteration: IterationId,
        number: u64,
        task: &TaskId,
        attempt: u32,
        plot: &Plot,
    ) -> Verdict {
        let is_new = !self.iters.contains_key(&iteration);
        ensure(is_new, || format!("numbers: {iteration} begins again"))?;
        let open = self.iters.iter().find(|(_, iter)| iter.task == *task && !iter.is_over);
        ensure(open.is_none(), || format!("claims: {task} is held by {open:?} and {iteration}"))?;
        let begun = self.begun.entry(task.clone()).or_default();
        *begun += 1;
        let faults = self.faults.get(task).copied().unwrap_or(0);
        let max = plot.config.limits.max_attempts;
        ensure(faults < max, || format!("attempts: {task} is tried after {faults} of {max} failed"))?;
        ensure(attempt > faults, || format!("attempts: attempt {attempt} of {task} after {faults} failed"))?;
        self.touched.insert(task.clone());
        let iter = Iter {
            task: task.clone(),
            has_left: false,
            script: None,
            ran_out: false,
            work: None,
            stacked: None,
            was_taken: false,
            outcome: None,
            is_over: false,
        };
        let known = self.remembered.remove(&iteration).filter(|known| known.task == *task);
        let iter = match known {
            Some(Iter { script, ran_out, was_taken, .. }) => Iter { script, ran_out, was_taken, ..iter },
            None => iter,
        };
        self.iters.insert(iteration, iter);
        let count = self.iters.len() as u64;
        ensure(number == count, || format!("numbers: {iteration} is number {number}, not {count}"))
    }

    fn leaves(&mut self, id: IterationId) {
        if let Some(iter) = self.iteration_mut(id) {
            iter.has_left = true;
        }
    }

    fn keeps_budget(&self, plot: &Plot) -> Verdict {
        let Some(limit) = plot.config.limits.spending.tokens else { return Ok(()) };
        // What runs was begun while something was left for it: as many agents as run may each bring more than was expected.
        let most = limit + limit / 10 + 200 * (u64::from(plot.config.jobs) + 1) + self.helped;
        let spent = self.spent;
        ensure(spent <= most, || format!("budget: {spent} tokens are used, of {limit}"))
    }

    /// The task's own fault, as far as the world knows: its agent came to its own end, nobody stopped it, its runtime served it.
    fn count_fault(&mut self, id: IterationId, outcome: IterationOutcome, is_spared: bool) {
        let Some(iter) = self.iters.get(&id) else { return };
        let served = iter.script.as_ref().is_some_and(|script| {
            !matches!(
                script.ends,
                Ends::Failure(..) | Ends::Hopeless(_) | Ends::Missing | Ends::Unstartable | Ends::Unkept
            )
        });
        let is_fault = matches!(
            outcome,
            IterationOutcome::NoClose
                | IterationOutcome::BackpressureFail
                | IterationOutcome::Conflict
                | IterationOutcome::TimedOut
                | IterationOutcome::Stalled
        );
        if served && is_fault && iter.ran_out {
            let task = iter.task.clone();
            *self.faults.entry(task.clone()).or_default() += 1;
            self.note(ensure(!is_spared, || {
                format!("attempts: {id} failed by itself, and {task} is spared it")
            }));
        }
    }

    fn is_explained(
        &self,
        id: IterationId,
        task: &hew_core::ids::TaskId,
        outcome: IterationOutcome,
        reason: Option<&str>,
        plot: &Plot,
    ) -> Verdict {
        if outcome == IterationOutcome::Closed {
            return Ok(());
        }
        ensure(reason.is_some_and(|reason| !reason.is_empty()), || {
            format!("explained: {id} ends without a reason")
        })?;
        let actor = plot.config.run.actor(id);
        let is_people_s = self.by_people.contains(task) || self.tracker_failed;
        ensure(is_people_s || self.is_noted(task, actor.as_str()), || {
            format!("explained: {id} gave {task} back without a note")
        })
    }
}

/// Work that is written down is kept by its own ref.
fn is_anchored(event: &JournalEvent, repo: &FakeGit) -> Verdict {
    let JournalEvent::Collected { iteration, head_sha, anchor, .. } = event else { return Ok(()) };
    let kept = repo.resolve(anchor).expect("a fake answers");
    ensure(kept.as_ref() == Some(head_sha), || {
        format!("lost: the work of {iteration} is {head_sha}, and {anchor} keeps {kept:?}")
    })
}
