//! `hew loop run --dry-run`: what would run, for one full pass over the ready tasks. Nothing is spawned, claimed, locked
//! or written.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use hew_core::ids::WorkerId;
use hew_core::plan::SpawnPlan;
use hew_core::record::plan_file::plan_value;
use hew_core::render::plan::provenance_lines;
use hew_core::render::text::visible;
use hew_core::tracker::{ReadyQuery, Scope, Task};
use serde_json::{Value, json};

use super::flags;
use super::look_ahead::LookAhead;
use super::preflight::Checked;
use crate::adapters::tracker::Opened;
use crate::commands::context::Context;
use crate::commands::task::tracker_failure;
use crate::failure::Failure;
use crate::ui::Ui;

/// Prints the assignments.
pub(super) fn show(
    context: &Context,
    tracker: &Opened,
    checked: &Checked,
    args: &crate::cli::loop_args::RunArgs,
    ui: &Ui,
) -> Result<u8, Failure> {
    let query = ReadyQuery {
        only: None,
        scope: checked.scope.clone(),
        exclude: BTreeSet::new(),
        hold_open: BTreeSet::new(),
        with_parked: args.retry_parked || matches!(checked.scope, Scope::Tasks(_)),
        limit: None,
    };
    let ready = tracker.tasks.ready(&query).map_err(|error| tracker_failure(&error))?;
    let jobs = context.settings.jobs.value;
    let mut ahead = LookAhead::new(context, tracker, flags::model(args), checked.worktree_root.clone());
    let rows: Vec<Row<'_>> =
        ready.iter().enumerate().map(|(number, task)| row(&mut ahead, task, number, jobs)).collect();
    if ui.is_json() {
        let assignments: Vec<Value> = rows.iter().map(Row::to_json).collect();
        let gate = checked.gate.as_ref().map(|gate| &gate.command);
        ui.print_json(&json!({ "schema": 1, "kind": "dry_run", "jobs": jobs, "gate": gate, "tracker": tracker.in_use, "assignments": assignments }));
    } else {
        ui.print(&render(&rows, checked, jobs, &tracker.in_use.words()));
    }
    Ok(crate::failure::code::OK)
}

struct Row<'a> {
    task: &'a Task,
    worker: WorkerId,
    plan: Result<SpawnPlan, String>,
}

fn row<'a>(ahead: &mut LookAhead<'_>, task: &'a Task, number: usize, jobs: u16) -> Row<'a> {
    let slot = u16::try_from(number % usize::from(jobs)).expect("a remainder of a u16 is one");
    let worker = WorkerId(slot);
    Row { task, worker, plan: ahead.plan(task, worker) }
}

impl Row<'_> {
    fn to_json(&self) -> Value {
        let plan = match &self.plan {
            Ok(plan) => plan_value(plan),
            Err(problem) => json!({ "problem": problem }),
        };
        json!({ "worker": self.worker.0, "task": self.task.id, "title": self.task.title, "plan": plan })
    }
}

fn render(rows: &[Row<'_>], checked: &Checked, jobs: u16, tracker: &str) -> String {
    let gate = checked
        .gate
        .as_ref()
        .map_or("none".to_owned(), |gate| format!("`{}` ({})", visible(&gate.command), gate.why));
    let mut out =
        format!("{} ready tasks, {jobs} workers, gate: {gate}, tasks in {}\n", rows.len(), visible(tracker));
    for row in rows {
        let _ = writeln!(out, "{} {} {}", row.worker, row.task.id, visible(&row.task.title));
        match &row.plan {
            Ok(plan) => {
                for line in provenance_lines(plan) {
                    let _ = writeln!(out, "     {line}");
                }
            }
            Err(problem) => {
                let _ = writeln!(out, "     can't run here: {}", visible(problem));
            }
        }
    }
    out.push_str("Nothing was started.\n");
    out
}
