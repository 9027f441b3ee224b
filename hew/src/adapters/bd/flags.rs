//! Tasks and changes as the program's flags.

use hew_core::ids::{Actor, TaskId};
use hew_core::tracker::{NewTask, Task, TaskPatch};
use serde_json::Value;

/// One entry of a list flag: such flags are read as a line of CSV.
pub(super) fn csv(entry: &str) -> String {
    if entry.contains([',', '"', '\n', '\r']) || entry.starts_with(' ') {
        format!("\"{}\"", entry.replace('"', "\"\""))
    } else {
        entry.to_owned()
    }
}

fn flag(name: &str, value: &str) -> String {
    format!("--{name}={value}")
}

/// Labels, one flag each.
pub(super) fn labels(name: &str, labels: &[&str]) -> Vec<String> {
    labels.iter().map(|label| flag(name, &csv(label))).collect()
}

/// A new task without its description, parent and edges.
pub(super) fn new_task(task: &NewTask) -> Vec<String> {
    let mut flags = vec![
        flag("title", &task.title),
        flag("type", &task.issue_type),
        flag("priority", &task.priority.to_string()),
        "--no-inherit-labels".to_owned(),
    ];
    let own: Vec<&str> = task.labels.iter().map(|label| label.trim()).collect();
    flags.extend(labels("labels", &own));
    if !task.acceptance_criteria.is_empty() {
        flags.push(flag("acceptance", &task.acceptance_criteria));
    }
    if !task.metadata.is_empty() {
        flags.push(flag("metadata", &Value::Object(task.metadata.clone()).to_string()));
    }
    flags.extend(task.external_ref.as_ref().map(|of| flag("external-ref", of)));
    if let Some(author) = &task.created_by {
        flags.push(flag("actor", author.as_str()));
    }
    flags
}

/// A change without the description, for `task` as it is and as it will be.
pub(super) fn patch(patch: &TaskPatch, after: &Task) -> Vec<String> {
    let texts = [
        ("title", &patch.title),
        ("acceptance", &patch.acceptance_criteria),
        ("design", &patch.design),
        ("notes", &patch.notes),
        ("type", &patch.issue_type),
    ];
    let mut flags: Vec<String> =
        texts.iter().filter_map(|(name, text)| text.as_deref().map(|text| flag(name, text))).collect();
    flags.extend(patch.status.as_ref().map(|status| flag("status", status.as_str())));
    flags.extend(patch.priority.map(|priority| flag("priority", &priority.to_string())));
    flags.extend(patch.assignee.as_ref().map(|a| flag("assignee", a.as_ref().map_or("", Actor::as_str))));
    flags.extend(patch.parent.as_ref().map(|p| flag("parent", p.as_ref().map_or("", TaskId::as_str))));
    // A label that is both added and taken away is added.
    let added: Vec<&str> = patch.add_labels.iter().map(|label| label.trim()).collect();
    let removed: Vec<&str> =
        patch.remove_labels.iter().map(String::as_str).filter(|l| !added.contains(l)).collect();
    flags.extend(labels("add-label", &added));
    flags.extend(labels("remove-label", &removed));
    if patch.metadata.iter().any(|(_, value)| value.is_some()) {
        // The whole of it, so that it comes to the same whether the program replaces or merges.
        flags.push(flag("metadata", &Value::Object(after.metadata.clone()).to_string()));
    }
    flags
}

/// Metadata keys to be taken away, in a call of their own: the program takes no other metadata flag beside them.
pub(super) fn removed_metadata(patch: &TaskPatch) -> Vec<String> {
    let gone = patch.metadata.iter().filter(|(_, value)| value.is_none());
    gone.map(|(key, _)| flag("unset-metadata", key)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_of_a_list_is_one_entry_whatever_is_in_it() {
        for (entry, written) in
            [("a", "a"), ("a,b", "\"a,b\""), ("say \"x\"", "\"say \"\"x\"\"\""), ("model:opus", "model:opus")]
        {
            assert_eq!(csv(entry), written);
        }
    }
}
