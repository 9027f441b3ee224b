//! `hew task plan`: many tasks from one file, in one transaction.
//!
//! The file is TOML, `[[task]]` tables, or JSON, `{"task": [...]}`, with the same fields: `title` (required), `name`
//! (local to the file), `description`, `acceptance`, `type`, `priority`, `labels`, `parent`, `depends_on` (local names or ids
//! of stored tasks), `runtime`, `run`, `metadata`. An unknown field is an error. Example:
//!
//! ```toml
//! [[task]]
//! name = "parse"
//! title = "Parse dates"
//!
//! [[task]]
//! title = "Print dates"
//! depends_on = ["parse"]
//! ```

use std::path::Path;

use hew_core::ids::{RuntimeName, TaskId};
use hew_core::render::task::task_lines;
use hew_core::render::text::visible;
use hew_core::tracker::{NewTask, Task, TaskLine};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Desk, TaskOutput, actor, input};
use crate::cli::task_args::ActorArg;
use crate::cli::task_file_args::PlanArgs;
use crate::failure::{Failure, code};

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanFile {
    task: Vec<PlanTask>,
}

/// One task of the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanTask {
    title: String,
    name: Option<String>,
    #[serde(default)]
    description: String,
    #[serde(default)]
    acceptance: String,
    #[serde(default = "task_type", rename = "type")]
    issue_type: String,
    #[serde(default = "middle_priority")]
    priority: u8,
    #[serde(default)]
    labels: Vec<String>,
    parent: Option<String>,
    #[serde(default)]
    depends_on: Vec<String>,
    runtime: Option<RuntimeName>,
    run: Option<String>,
    #[serde(default)]
    metadata: Map<String, Value>,
}

fn task_type() -> String {
    "task".to_owned()
}

fn middle_priority() -> u8 {
    2
}

pub(super) fn run(desk: &Desk<'_>, args: &PlanArgs) -> Result<u8, Failure> {
    let text = input::load_text(&args.file)?;
    let file = parse(&args.file, &text).map_err(|reason| {
        Failure::usage(format!("{} is no plan; nothing was filed", args.file.display()))
            .because(reason)
            .hint("hew task plan --help")
    })?;
    let names: Vec<_> = file.task.iter().map(|task| task.name.clone()).collect();
    let tasks: Vec<_> = file.task.into_iter().map(new_task).collect();
    let ids = desk.tracker.create_all(&tasks).map_err(|error| desk.refused(error))?;
    if args.id_only {
        for id in &ids {
            desk.ui.print(&format!("{}\n", visible(id.as_str())));
        }
    } else {
        print(desk, &ids, &names)?;
    }
    Ok(code::OK)
}

fn parse(file: &Path, text: &str) -> Result<PlanFile, String> {
    let ending = file.extension().and_then(|ending| ending.to_str());
    let is_json = match ending {
        Some("json") => true,
        Some("toml") => false,
        _ => text.trim_start().starts_with('{'),
    };
    if is_json {
        serde_json::from_str(text).map_err(|error| error.to_string())
    } else {
        toml::from_str(text).map_err(|error| error.to_string())
    }
}

fn new_task(task: PlanTask) -> NewTask {
    let mut metadata = task.metadata;
    metadata.extend(input::metadata(task.runtime.as_ref(), task.run.as_deref()));
    NewTask {
        local_name: task.name,
        title: task.title,
        description: task.description,
        acceptance_criteria: task.acceptance,
        issue_type: task.issue_type,
        priority: task.priority,
        labels: task.labels,
        parent: task.parent,
        depends_on: task.depends_on,
        metadata,
        external_ref: None,
        created_by: Some(actor(&ActorArg { actor: None })),
    }
}

fn print(desk: &Desk<'_>, ids: &[TaskId], names: &[Option<String>]) -> Result<(), Failure> {
    let tasks = ids.iter().map(|id| desk.existing(id)).collect::<Result<Vec<Task>, _>>()?;
    if !desk.ui.is_json() {
        desk.ui.print(&task_lines(&tasks.iter().map(TaskLine::from).collect::<Vec<_>>()));
        return Ok(());
    }
    for (task, name) in tasks.iter().zip(names) {
        desk.ui.print_output(&TaskOutput { name: Some(name.as_deref()), ..TaskOutput::of(task) });
    }
    Ok(())
}
