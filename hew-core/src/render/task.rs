//! Tasks to text.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthStr;

use super::text::{visible, visible_line};
use crate::ids::{Actor, TaskId};
use crate::tracker::{LeftoverReason, NewTask, Status, Task, TaskLine};

/// One line a task: id, priority, what is unusual about it (status, type, holder), title, labels.
pub fn task_lines(tasks: &[TaskLine]) -> String {
    let ids: Vec<_> = tasks.iter().map(|task| visible(task.id.as_str())).collect();
    let width = ids.iter().map(|id| id.width()).max().unwrap_or(0);
    let mut out = String::new();
    for (task, id) in tasks.iter().zip(&ids) {
        let gap = " ".repeat(width - id.width());
        writeln!(out, "{id}{gap}  P{}  {}", task.priority, headline(task))
            .expect("writing to a text can't fail");
    }
    out
}

/// What is unusual about a task, its title and labels, on one line.
pub fn headline(task: &TaskLine) -> String {
    let mut unusual = Vec::new();
    if task.issue_type != "task" {
        unusual.push(task.issue_type.clone());
    }
    if task.status != Status::Open {
        unusual.push(task.status.as_str().to_owned());
    }
    if let Some(holder) = task.assignee.as_ref().filter(|_| task.status != Status::Closed) {
        unusual.push(format!("held by {holder}"));
    }
    let lead = if unusual.is_empty() { String::new() } else { format!("[{}] ", unusual.join(", ")) };
    let mut line = format!("{lead}{}", task.title);
    for label in &task.labels {
        line.extend([" #", label]);
    }
    visible_line(&line)
}

/// The whole task. `why` says what keeps an open one from starting.
pub fn task_page(task: &Task, why: Option<&LeftoverReason>) -> String {
    let mut out = format!("{}  {}\n", visible(task.id.as_str()), visible_line(&task.title));
    let mut field = |name: &str, text: &str| {
        if !text.is_empty() {
            writeln!(out, "  {:<13} {}", format!("{name}:"), visible(text))
                .expect("writing to a text can't fail");
        }
    };
    field("status", &status_text(task, why));
    field("priority", &task.priority.to_string());
    field("type", &task.issue_type);
    field("held by", task.assignee.as_ref().map_or("", Actor::as_str));
    field("labels", &task.labels.join(", "));
    let edges = task.dependencies.iter().map(|edge| format!("{} {}", edge.kind.as_str(), edge.on));
    field("edges", &edges.collect::<Vec<_>>().join(", "));
    for (key, value) in &task.metadata {
        field(key, &value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    }
    for name in ["created_at", "updated_at", "closed_at", "close_reason"] {
        field(name, task.record.get(name).and_then(|value| value.as_str()).unwrap_or(""));
    }
    for (name, text) in [
        ("description", &task.description),
        ("acceptance criteria", &task.acceptance_criteria),
        ("design", &task.design),
        ("notes", &task.notes),
    ] {
        out.push_str(&section(name, text));
    }
    out
}

/// A task that is not filed yet.
pub fn new_task_page(task: &NewTask) -> String {
    let mut out = format!("{}\n", visible_line(&task.title));
    let metadata = task
        .metadata
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
    let fields = [
        ("priority", task.priority.to_string()),
        ("type", task.issue_type.clone()),
        ("labels", task.labels.join(", ")),
        ("waits for", task.depends_on.join(", ")),
    ];
    for (name, text) in fields.into_iter().chain(metadata).filter(|(_, text)| !text.is_empty()) {
        writeln!(out, "  {:<13} {}", format!("{name}:"), visible(&text))
            .expect("writing to a text can't fail");
    }
    out + &section("description", &task.description)
        + &section("acceptance criteria", &task.acceptance_criteria)
}

fn status_text(task: &Task, why: Option<&LeftoverReason>) -> String {
    match why {
        Some(LeftoverReason::Ready) => "open, ready".to_owned(),
        Some(LeftoverReason::BlockedBy(ids)) => {
            let ids: Vec<_> = ids.iter().map(TaskId::as_str).collect();
            format!("open, waits for {}", ids.join(", "))
        }
        Some(LeftoverReason::Parked) => "open, parked".to_owned(),
        Some(LeftoverReason::Deferred) => "open, put off".to_owned(),
        Some(LeftoverReason::AssignedTo(_) | LeftoverReason::Status(_)) | None => task.status.to_string(),
    }
}

/// Text of several lines, each indented, so that none can pass for a line of hew's.
fn section(name: &str, text: &str) -> String {
    if text.trim().is_empty() {
        return String::new();
    }
    let mut out = format!("\n  {name}\n");
    for line in text.trim_end().lines() {
        out.extend(["    ", &visible(line), "\n"]);
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::tracker::record::task_from_record;

    fn task(id: &str, extra: &serde_json::Value) -> Task {
        let mut record = json!({
            "id": id, "title": "T", "priority": 2,
            "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z",
        });
        record.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        task_from_record(record.as_object().unwrap().clone()).unwrap()
    }

    #[test]
    fn a_line_shows_what_is_unusual_and_obeys_no_control_character() {
        let held = json!({
            "status": "in_progress", "assignee": "me", "issue_type": "bug", "labels": ["x"], "title": "a\u{1b}[2J\nb",
        });
        let tasks = [task("a-1", &json!({})), task("a-1.10", &held)];
        let lines = task_lines(&tasks.each_ref().map(TaskLine::from));
        assert_eq!(lines, "a-1     P2  T\na-1.10  P2  [bug, in_progress, held by me] a\\u{1b}[2J\\nb #x\n");
    }

    #[test]
    fn a_page_holds_every_text_with_its_lines() {
        let full = task(
            "a-1",
            &json!({"description": "one\n\n  two\u{7}\n", "notes": "n", "metadata": {"hew.run": "true"}}),
        );
        let blocked = LeftoverReason::BlockedBy(vec![TaskId::from("a-0")]);
        assert_eq!(
            task_page(&full, Some(&blocked)),
            "a-1  T
  status:       open, waits for a-0
  priority:     2
  type:         task
  hew.run:      true
  created_at:   2026-01-01T00:00:00Z
  updated_at:   2026-01-01T00:00:00Z

  description
    one
    
      two\\u{7}

  notes
    n
"
        );
    }
}
