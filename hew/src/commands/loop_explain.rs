//! `hew loop explain`: what would run for a task, each field with its origin. Nothing is spawned and nothing written; the
//! classifier is asked as in a run.

use hew_core::ids::{TaskId, WorkerId};
use hew_core::output::Output;
use hew_core::plan::{SpawnPlan, choices};
use hew_core::record::plan_file::PlanFile;
use hew_core::render::plan::page;
use hew_core::render::text::visible;
use hew_core::tracker::Task;
use schemars::JsonSchema;
use serde::Serialize;

use super::context::Context;
use super::loop_run::{LookAhead, missing_program};
use super::task::{missing_task, tracker_failure};
use crate::adapters::settings_files;
use crate::cli::loop_args::ExplainArgs;
use crate::failure::{Failure, code};
use crate::ui::Ui;

/// What would run for a task.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Explained<'a> {
    /// The task.
    task: &'a TaskId,
    /// Its title.
    title: &'a str,
    /// Runtime, model and endpoint with where they come from, for people.
    line: String,
    /// Why its program could not be started now; null where it could.
    missing: Option<String>,
    /// The plan, as plan.json has it.
    plan: PlanFile<'a>,
}

impl Output for Explained<'_> {
    const KIND: &'static str = "explain";
}

/// Shows the plan of one task.
pub fn run(args: &ExplainArgs, ui: &Ui) -> Result<u8, Failure> {
    let context = Context::open()?;
    let tracker = context.open_tracker_to_look()?;
    let id = TaskId::new(&args.task);
    let task = tracker.tasks.task(&id).map_err(|error| tracker_failure(&error))?;
    let task = task.ok_or_else(|| missing_task(&*tracker.tasks, &id))?;
    let mut ahead =
        LookAhead::new(&context, &tracker, None, settings_files::worktree_root(&context.settings));
    let suggested = match ahead.suggest(&task)? {
        Some(Ok(suggested)) => Some(suggested),
        Some(Err(why)) => {
            ui.say(&format!("the classifier chose nothing: {why}"));
            None
        }
        None => None,
    };
    let plan = ahead.plan(&task, WorkerId(0), suggested.as_ref()).map_err(|problem| {
        Failure::failed(format!("{id} can't run here: {problem}")).hint(format!("hew task show {id}"))
    })?;
    show(&task, &plan, ui);
    Ok(code::OK)
}

fn show(task: &Task, plan: &SpawnPlan, ui: &Ui) {
    let missing = plan.argv.first().and_then(|program| missing_program(program));
    let line = choices(&plan.provenance);
    if ui.is_json() {
        ui.print_output(&Explained {
            task: &task.id,
            title: &task.title,
            line,
            missing,
            plan: PlanFile::of(plan),
        });
        return;
    }
    ui.print(&format!(
        "{} {}\n{}\n\n{}",
        visible(task.id.as_str()),
        visible(&task.title),
        visible(&line),
        page(plan)
    ));
    if let Some(missing) = missing {
        ui.warn(&format!("it could not be started now: {missing}"));
    }
}
