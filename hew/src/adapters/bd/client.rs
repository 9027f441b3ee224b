//! What a run needs of bd.

use hew_core::agent::verdict::CLOSED_BY;
use hew_core::ids::{Actor, TaskId};
use hew_core::tracker::{
    BdClient, ClaimOutcome, CloseOutcome, Leftover, NewTask, ReadyQuery, ReleaseOutcome, Scope, Status, Task,
    TrackerError, edit,
};

use super::view::held_by;
use super::{BdTracker, ask, flags, refused};

impl BdClient for BdTracker {
    fn ready(&self, query: &ReadyQuery) -> Result<Vec<Task>, TrackerError> {
        Ok(self.view()?.ready(query, self.clock.now().wall))
    }

    fn task(&self, id: &TaskId) -> Result<Option<Task>, TrackerError> {
        let Some(mut task) = self.read_task(id)? else { return Ok(None) };
        self.name_closer(&mut task)?;
        Ok(Some(task))
    }

    fn tasks(&self, ids: &[&TaskId]) -> Result<Vec<Task>, TrackerError> {
        let view = self.known().view.clone();
        let mut tasks = match view {
            Some(view) => view.tasks.iter().filter(|task| ids.contains(&&task.id)).cloned().collect(),
            None => self.read_tasks(ids)?,
        };
        tasks.iter_mut().try_for_each(|task| self.name_closer(task))?;
        Ok(tasks)
    }

    fn claim(&self, id: &TaskId, actor: &Actor) -> Result<ClaimOutcome, TrackerError> {
        self.write(|| {
            // Seen in a list just now, it is not read again: the program itself refuses what is closed, put off or held. An
            // id that was never seen may be a part of another one.
            if !self.known().lists(id) {
                let Some(task) = self.read_task(id)? else { return Ok(ClaimOutcome::Missing) };
                if let Some(refusal) = edit::claim_refusal(&task, actor) {
                    return Ok(refusal);
                }
            }
            let call = self.program.call(&["update", id.as_str(), "--claim", "--json"]).by(actor);
            let said = call.run().and_then(|answer| answer.done());
            // What the program said of its claim counts for nothing: several at once may have won by its word.
            let Some(task) = self.read_task(id)? else { return Ok(ClaimOutcome::Missing) };
            match (&task.assignee, said) {
                (Some(holder), _) if holder == actor && task.status == Status::InProgress => {
                    self.claimed().insert(id.clone(), actor.clone());
                    self.known().changed(id, Some(&task));
                    Ok(ClaimOutcome::Won(Box::new(task)))
                }
                (Some(holder), _) if holder != actor => Ok(ClaimOutcome::HeldBy(holder.clone())),
                (_, Err(error)) if task.status == Status::Open => Err(error),
                _ => Ok(ClaimOutcome::NotOpen(task.status)),
            }
        })
    }

    fn release(&self, id: &TaskId, actor: &Actor) -> Result<ReleaseOutcome, TrackerError> {
        self.write(|| {
            let Some(task) = self.read_task(id)? else { return Ok(ReleaseOutcome::Missing) };
            if let Some(refusal) = edit::release_refusal(&task, actor) {
                return Ok(refusal);
            }
            let said = self.set_free(id, actor);
            let Some(task) = self.read_task(id)? else { return Ok(ReleaseOutcome::Missing) };
            self.known().changed(id, Some(&task));
            match (task.assignee, said) {
                (Some(holder), _) if holder != *actor => Ok(ReleaseOutcome::HeldBy(holder)),
                (None, _) if task.status == Status::Open => Ok(ReleaseOutcome::Released),
                (_, Err(error)) => Err(error),
                (_, Ok(())) => {
                    Err(self.trouble(format!("{id} was given back, and is {} still", task.status)))
                }
            }
        })
    }

    fn close(&self, id: &TaskId, reason: &str, actor: &Actor) -> Result<CloseOutcome, TrackerError> {
        self.write(|| {
            let Some(task) = self.read_task(id)? else { return Ok(CloseOutcome::Missing) };
            let reason = match self.own_close(&task, reason, actor)? {
                Some(whole) => {
                    // Where a task is closed twice the first reason stays.
                    self.program.call(&["reopen", id.as_str(), "--json"]).by(actor).run()?.done()?;
                    whole
                }
                None => match edit::close_refusal(&task) {
                    Some(refusal) => return Ok(refusal),
                    None => reason.to_owned(),
                },
            };
            let call = self.program.call(&["close", id.as_str(), "--json"]).by(actor);
            // An empty reason is refused where it comes from a file.
            let call = if reason.is_empty() { call } else { call.flag("reason-file", "-").input(&reason) };
            let said = call.run().and_then(|answer| answer.done());
            match (self.read_back(id)?, said.map_err(refused)) {
                (None, _) => Ok(CloseOutcome::Missing),
                (Some(task), _) if task.status == Status::Closed => Ok(CloseOutcome::Closed),
                (_, Err(TrackerError::Invalid(words))) => Ok(CloseOutcome::Refused(words)),
                (_, Err(error)) => Err(error),
                (Some(task), Ok(())) => Ok(CloseOutcome::Refused(format!("it is {} still", task.status))),
            }
        })
    }

    fn reopen(&self, id: &TaskId) -> Result<(), TrackerError> {
        self.write(|| {
            let task = self.read_existing(id)?;
            if task.status != Status::Closed {
                return Ok(());
            }
            let call = self.program.call(&["reopen", id.as_str(), "--json"]);
            self.by_claimer(call, id).run()?.done()?;
            // The program leaves it with whoever held it.
            match &task.assignee {
                Some(holder) => self.set_free(id, holder),
                None => Ok(()),
            }
        })
    }

    fn note(&self, id: &TaskId, text: &str) -> Result<(), TrackerError> {
        self.write(|| {
            let task = self.read_existing(id)?;
            edit::noted(&task, text, self.clock.now().wall)?;
            self.known().changed(id, None);
            // It is put on a line of its own; a paragraph needs an empty one before it.
            let gap = if task.notes.is_empty() { "" } else { "\n" };
            let call = self.program.call(&["note", id.as_str(), "--stdin", "--json"]);
            self.by_claimer(call, id).input(&format!("{gap}{}", text.trim())).run()?.done()
        })
    }

    fn add_labels(&self, id: &TaskId, labels: &[&str]) -> Result<(), TrackerError> {
        self.write(|| {
            let task = self.read_existing(id)?;
            edit::labelled(&task, labels, self.clock.now().wall)?;
            self.known().changed(id, None);
            let new: Vec<&str> =
                labels.iter().map(|label| label.trim()).filter(|l| !task.has_label(l)).collect();
            if new.is_empty() {
                return Ok(());
            }
            let call =
                self.program.call(&["update", id.as_str(), "--json"]).flags(flags::labels("add-label", &new));
            self.by_claimer(call, id).run()?.done().map_err(refused)
        })
    }

    fn create(&self, task: &NewTask) -> Result<TaskId, TrackerError> {
        self.write(|| self.create_one(task))
    }

    fn held_by(&self, actor_prefix: &str) -> Result<Vec<TaskId>, TrackerError> {
        Ok(held_by(&self.records_now()?, actor_prefix))
    }

    fn leftovers(&self, query: &ReadyQuery, limit: usize) -> Result<Vec<Leftover>, TrackerError> {
        Ok(self.view()?.leftovers(query, self.clock.now().wall, limit))
    }

    fn look_ahead(&self, query: &ReadyQuery, limit: usize) -> Result<Vec<Leftover>, TrackerError> {
        Ok(self.view_of_some_age()?.leftovers(query, self.clock.now().wall, limit))
    }

    fn count_open(&self, scope: &Scope) -> Result<usize, TrackerError> {
        Ok(self.view()?.count_open(scope))
    }

    fn memories(&self) -> Result<Vec<(String, String)>, TrackerError> {
        ask(&self.program.call(&["memories", "--json"]), |answer| {
            let data = answer.data()?;
            let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
            let pairs = data.as_object().into_iter().flatten();
            let mut pairs: Vec<_> =
                pairs.filter_map(|(key, value)| Some((key.clone(), text(value)?))).collect();
            pairs.sort();
            Ok(pairs)
        })
    }

    fn remember(&self, key: &str, text: &str) -> Result<(), TrackerError> {
        self.write(|| {
            let call = self.program.call(&["remember", "--json"]).flag("key", key);
            call.arg("--").arg(text).run()?.done().map_err(refused)
        })
    }

    fn forget(&self, key: &str) -> Result<(), TrackerError> {
        if !self.memories()?.iter().any(|(known, _)| known == key) {
            return Ok(());
        }
        self.write(|| self.program.call(&["forget", "--json", "--", key]).run()?.done().map_err(refused))
    }
}

impl BdTracker {
    /// Puts down who closed a task, where it says nothing of that itself.
    fn name_closer(&self, task: &mut Task) -> Result<(), TrackerError> {
        if task.status == Status::Closed
            && !task.record.contains_key(CLOSED_BY)
            && let Some(closer) = self.closer(&task.id)?
        {
            task.record.insert(CLOSED_BY.to_owned(), closer.as_str().into());
        }
        Ok(())
    }

    /// The whole reason for a task that `actor` has closed already, with a reason of its own that lacks what is to be
    /// said. That it is held tells nothing of who closed it: that stays, whoever does.
    fn own_close(&self, task: &Task, reason: &str, actor: &Actor) -> Result<Option<String>, TrackerError> {
        let told = task.record.get("close_reason").and_then(serde_json::Value::as_str).unwrap_or_default();
        if task.status != Status::Closed
            || task.assignee.as_ref() != Some(actor)
            || told.starts_with(reason)
            || self.closer(&task.id)?.as_ref() != Some(actor)
        {
            return Ok(None);
        }
        Ok(Some(if told.is_empty() { reason.to_owned() } else { format!("{reason}: {told}") }))
    }

    /// Open and unassigned; some versions take the claim away from nobody but its holder.
    fn set_free(&self, id: &TaskId, holder: &Actor) -> Result<(), TrackerError> {
        let call = self.program.call(&["update", id.as_str(), "--status=open", "--assignee=", "--json"]);
        call.by(holder).run()?.done()
    }
}
