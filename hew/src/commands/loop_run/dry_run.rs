//! `hew loop run --dry-run`: what would run, for one full pass over the ready tasks. Nothing is spawned, claimed, locked
//! or written.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;

use hew_core::ids::{IterationId, RunId, WorkerId};
use hew_core::plan::{Seat, SpawnPlan, SpawnRequest, plan_spawn};
use hew_core::render::text::visible;
use hew_core::tracker::{ReadyQuery, Scope, Task};
use hew_core::worktree::names;
use serde_json::{Value, json};

use super::preflight::Checked;
use crate::adapters::tracker::Opened;
use crate::commands::context::Context;
use crate::commands::task::tracker_failure;
use crate::drive::rig;
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
        scope: checked.scope.clone(),
        exclude: BTreeSet::new(),
        hold_open: BTreeSet::new(),
        with_parked: args.retry_parked || matches!(checked.scope, Scope::Tasks(_)),
        limit: None,
    };
    let ready = tracker.tasks.ready(&query).map_err(|error| tracker_failure(&error))?;
    let jobs = context.settings.jobs.value;
    let rows: Vec<Row<'_>> = ready
        .iter()
        .enumerate()
        .map(|(number, task)| row(context, tracker, checked, task, number, jobs))
        .collect();
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

fn row<'a>(
    context: &Context,
    tracker: &Opened,
    checked: &Checked,
    task: &'a Task,
    number: usize,
    jobs: u16,
) -> Row<'a> {
    let slot = u16::try_from(number % usize::from(jobs)).expect("a remainder of a u16 is one");
    let worker = WorkerId(slot);
    let run = RunId::parse("loop-00000000T000000Z-00000000").expect("the form of a run id");
    let iteration = IterationId { worker, iter: 1 };
    let seat = Seat {
        iteration,
        attempt: 1,
        project: context.project.root.clone(),
        worktree: names::worker_dir(&checked.worktree_root, &run, worker),
        folder: PathBuf::from("RUN-FOLDER"),
        temp: PathBuf::from("TEMP"),
        port_base: 0,
        hew_folder: rig::hew_folder(),
        remotes: Vec::new(),
        tracker_env: rig::tracker_env(tracker.beads_dir().as_deref(), &run, iteration),
        run,
    };
    let ambient = rig::ambient();
    let request = SpawnRequest { task, settings: &context.settings, ambient: &ambient, seat: &seat };
    Row { task, worker, plan: plan_spawn(&request).map_err(|problem| problem.to_string()) }
}

impl Row<'_> {
    fn to_json(&self) -> Value {
        let plan = match &self.plan {
            Ok(plan) => json!({ "runtime": plan.runtime, "argv": plan.argv, "provenance": plan.provenance }),
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
                for entry in &plan.provenance {
                    let _ = writeln!(
                        out,
                        "     {}={} ({})",
                        entry.field,
                        visible(&entry.value),
                        visible(&entry.origin)
                    );
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
