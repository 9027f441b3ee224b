//! Several tasks in one transaction: `create --graph`.

use std::collections::BTreeMap;
use std::io::Write;

use hew_core::ids::TaskId;
use hew_core::tracker::cycle::{cycle_through, refused_cycle};
use hew_core::tracker::many::{Reference, ResolvedList, resolve};
use hew_core::tracker::{NewTask, TrackerError, edit};
use serde_json::{Map, Value, json};

use super::editor::{stored, waits_for};
use super::{BdTracker, refused};

impl BdTracker {
    /// Makes all of them, or none. What an older version drops without a word is written afterwards.
    pub(super) fn create_many(&self, tasks: &[NewTask]) -> Result<Vec<TaskId>, TrackerError> {
        let list = resolve(tasks)?;
        for task in tasks {
            edit::new_task(task, &TaskId::from("new"), None, &[], self.clock.now().wall)?;
        }
        let references = list.tasks.iter().flat_map(|task| task.parent.iter().chain(&task.depends_on));
        self.check_existing(&references.filter_map(stored).collect::<Vec<_>>())?;
        self.refuse_cycle_in(tasks, &list)?;
        let mut file = tempfile::NamedTempFile::new().map_err(|error| self.trouble(error.to_string()))?;
        file.write_all(graph(tasks, &list).to_string().as_bytes())
            .map_err(|error| self.trouble(error.to_string()))?;
        let mut call =
            self.program.call(&["create", "--json"]).flag("graph", &file.path().display().to_string());
        if let Some(author) = tasks.iter().find_map(|task| task.created_by.as_ref()) {
            call = call.by(author);
        }
        let answer = call.run()?;
        let data = answer.data().map_err(refused)?;
        let id = |place: usize| data.get("ids")?.get(key(place))?.as_str().map(TaskId::new);
        let ids: Option<Vec<TaskId>> = (0..tasks.len()).map(id).collect();
        let ids = ids.ok_or_else(|| answer.failure())?;
        self.complete(tasks, &ids)?;
        Ok(ids)
    }

    /// Writes what the graph could not carry.
    fn complete(&self, tasks: &[NewTask], ids: &[TaskId]) -> Result<(), TrackerError> {
        let made = self.read_tasks(&ids.iter().collect::<Vec<_>>())?;
        for (new, id) in tasks.iter().zip(ids) {
            let Some(made) = made.iter().find(|task| task.id == *id) else {
                return Err(TrackerError::Missing(id.clone()));
            };
            let mut flags = Vec::new();
            if made.acceptance_criteria != new.acceptance_criteria {
                flags.push(format!("--acceptance={}", new.acceptance_criteria));
            }
            if made.metadata != new.metadata {
                flags.push(format!("--metadata={}", Value::Object(new.metadata.clone())));
            }
            if let Some(of) = new.external_ref.as_deref().filter(|of| made.external_ref() != Some(*of)) {
                flags.push(format!("--external-ref={of}"));
            }
            if !flags.is_empty() {
                let call = self.program.call(&["update", id.as_str(), "--json"]).flags(flags);
                call.run()?.done()?;
            }
        }
        Ok(())
    }

    /// The program finds cycles, but names no tasks.
    fn refuse_cycle_in(&self, tasks: &[NewTask], list: &ResolvedList) -> Result<(), TrackerError> {
        let (known, _) = self.read_records()?;
        let new_id = |place: usize| TaskId::new(key(place));
        let places: BTreeMap<TaskId, usize> = (0..tasks.len()).map(|place| (new_id(place), place)).collect();
        let id_of = |reference: &Reference| match reference {
            Reference::InList(place) => new_id(*place),
            Reference::Stored(id) => id.clone(),
        };
        let starts: Vec<TaskId> = places.keys().cloned().collect();
        let cycle = cycle_through(&starts, |id| {
            Ok::<_, TrackerError>(match places.get(id) {
                Some(&place) => {
                    let task = &list.tasks[place];
                    task.parent.iter().chain(&task.depends_on).map(id_of).collect()
                }
                None => waits_for(&known, id),
            })
        })?;
        let called = |task: &NewTask| task.local_name.clone().unwrap_or_else(|| task.title.clone());
        match cycle {
            Some(cycle) => Err(refused_cycle(&cycle, |id| Some(called(&tasks[*places.get(id)?])))),
            None => Ok(()),
        }
    }
}

/// What a task is called within the graph; no stored id looks like it.
fn key(place: usize) -> String {
    format!("new task {place}")
}

fn graph(tasks: &[NewTask], list: &ResolvedList) -> Value {
    let nodes = tasks.iter().zip(&list.tasks).enumerate().map(|(place, (task, resolved))| {
        let mut node = json!({
            "key": key(place), "title": task.title, "type": task.issue_type, "priority": task.priority,
            "description": task.description, "acceptance_criteria": task.acceptance_criteria,
            "labels": task.labels.iter().map(|label| label.trim()).collect::<Vec<_>>(),
            "metadata": texts(&task.metadata),
        });
        match &resolved.parent {
            Some(Reference::InList(parent)) => node["parent_key"] = key(*parent).into(),
            Some(Reference::Stored(parent)) => node["parent_id"] = parent.as_str().into(),
            None => {}
        }
        node
    });
    let edges = list.tasks.iter().enumerate().flat_map(|(place, resolved)| {
        resolved.depends_on.iter().map(move |on| match on {
            Reference::InList(on) => json!({"from_key": key(place), "to_key": key(*on), "type": "blocks"}),
            Reference::Stored(on) => {
                json!({"from_key": key(place), "to_id": on.as_str(), "type": "blocks"})
            }
        })
    });
    json!({ "nodes": nodes.collect::<Vec<_>>(), "edges": edges.collect::<Vec<_>>() })
}

/// Older versions take nothing but texts; the rest is written afterwards.
fn texts(metadata: &Map<String, Value>) -> Map<String, Value> {
    metadata
        .iter()
        .filter(|(_, value)| value.is_string())
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}
