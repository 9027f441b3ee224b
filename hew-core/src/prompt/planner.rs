//! What the planner is asked: the ready tasks, and what was worked on lately.
//!
//! Invariant: a prompt is whole or not at all. One that is too long is not cut, for a planner that sees a part of the
//! tasks would plan that part only.

use serde::Serialize;

use crate::ids::TaskId;
use crate::schedule::batch_plan::estimate_tokens;
use crate::tracker::Task;

/// Fewest bytes that a task takes in a prompt.
const SHORTEST_TASK: u64 = 60;

/// What an iteration touched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Touched {
    /// Its task.
    pub task: TaskId,
    /// Files, as many as its record names.
    pub files: Vec<String>,
    /// Functions and the like, as git's hunk headers name them.
    pub symbols: Vec<String>,
}

/// A prompt, or that it would be too long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Draft {
    /// The prompt.
    Prompt(String),
    /// It would take so many tokens, at least.
    TooLong(u64),
}

/// A ready task as the planner sees it.
#[derive(Serialize)]
struct Row<'a> {
    id: &'a TaskId,
    title: &'a str,
    priority: u8,
    #[serde(rename = "type")]
    issue_type: &'a str,
    labels: &'a [String],
}

/// How many ready tasks are asked for: with as many, the prompt is too long whatever they are called.
pub fn most_tasks(budget_tokens: u64) -> usize {
    usize::try_from(budget_tokens.saturating_mul(3) / SHORTEST_TASK + 1).unwrap_or(usize::MAX)
}

/// The prompt for these tasks, as long as it is within the budget.
pub fn draft(instructions: &str, ready: &[Task], touched: &[Touched], budget_tokens: u64) -> Draft {
    let mut text = format!("{}\n\n## Ready tasks\n\n", instructions.trim());
    for task in ready {
        let Task { id, title, priority, issue_type, labels, .. } = task;
        push_line(&mut text, &Row { id, title, priority: *priority, issue_type, labels });
    }
    text.push_str("\n## Touched lately\n\n");
    if touched.is_empty() {
        text.push_str("Nothing yet.\n");
    }
    for touched in touched {
        push_line(&mut text, touched);
    }
    match estimate_tokens(&text) {
        tokens if tokens > budget_tokens => Draft::TooLong(tokens),
        _ => Draft::Prompt(text),
    }
}

fn push_line(text: &mut String, row: &impl Serialize) {
    text.push_str(&serde_json::to_string(row).expect("a row has string keys"));
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tracker::record::task_from_record;

    fn task(id: &str) -> Task {
        let line = format!(
            r#"{{"id":"{id}","title":"Fix \"it\"\nnow","priority":1,"issue_type":"bug","labels":["ui","x"],"created_at":"2026-01-01T00:00:00Z","updated_at":"2026-01-01T00:00:00Z"}}"#
        );
        task_from_record(serde_json::from_str(&line).expect("JSON")).expect("a task")
    }

    #[test]
    fn every_ready_task_and_what_was_touched_stands_in_a_line_of_its_own() {
        let touched = [Touched {
            task: "a".into(),
            files: vec!["src/a.rs".to_owned()],
            symbols: vec!["fn main() {".to_owned()],
        }];
        let Draft::Prompt(text) = draft("# Plan\n", &[task("app-1"), task("app-1.2")], &touched, 1000) else {
            panic!("it is short");
        };
        assert_eq!(
            text,
            "# Plan\n\n## Ready tasks\n\n\
             {\"id\":\"app-1\",\"title\":\"Fix \\\"it\\\"\\nnow\",\"priority\":1,\"type\":\"bug\",\"labels\":[\"ui\",\"x\"]}\n\
             {\"id\":\"app-1.2\",\"title\":\"Fix \\\"it\\\"\\nnow\",\"priority\":1,\"type\":\"bug\",\"labels\":[\"ui\",\"x\"]}\n\
             \n## Touched lately\n\n{\"task\":\"a\",\"files\":[\"src/a.rs\"],\"symbols\":[\"fn main() {\"]}\n"
        );
        let tokens = estimate_tokens(&text);
        assert_eq!(
            draft("# Plan\n", &[task("app-1"), task("app-1.2")], &touched, tokens),
            Draft::Prompt(text)
        );
        let too_long = draft("# Plan\n", &[task("app-1"), task("app-1.2")], &touched, tokens - 1);
        assert_eq!(too_long, Draft::TooLong(tokens));
    }

    #[test]
    fn as_many_tasks_as_are_asked_for_are_too_many() {
        for budget in [1, 10, 100, 10_000] {
            let short = r#"{"id":"a","title":"T","issue_type":"task","created_at":"2026-01-01T00:00:00Z","updated_at":"2026-01-01T00:00:00Z"}"#;
            let record = serde_json::from_str(short).expect("JSON");
            let short = task_from_record(record).expect("a task");
            let ready = vec![short; most_tasks(budget)];
            assert!(matches!(draft("", &ready, &[], budget), Draft::TooLong(_)), "{budget}");
        }
    }
}
