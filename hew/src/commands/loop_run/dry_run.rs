//! `hew loop run --dry-run`: what would run, for one full pass over the ready tasks. Nothing is spawned, claimed, locked
//! or written.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use hew_core::ids::{RunId, TaskId, WorkerId};
use hew_core::output::Output;
use hew_core::plan::SpawnPlan;
use hew_core::record::event::TrackerRecord;
use hew_core::record::plan_file::PlanFile;
use hew_core::render::plan::provenance_lines;
use hew_core::render::text::visible;
use hew_core::tracker::{ReadyQuery, Scope, Task};
use schemars::JsonSchema;
use serde::Serialize;

use super::crashed::{claims, still_held};
use super::earlier;
use super::flags;
use super::look_ahead::LookAhead;
use super::preflight::Checked;
use crate::adapters::lock;
use crate::adapters::tracker::Opened;
use crate::commands::context::Context;
use crate::commands::task::tracker_failure;
use crate::commands::trust;
use crate::failure::{Failure, code};
use crate::ui::Ui;

/// What would run, for one pass over the ready tasks.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::commands) struct DryRun<'a> {
    /// Workers.
    jobs: u16,
    /// The gate's command; null where none was found.
    gate: Option<&'a str>,
    /// Where the tasks live.
    tracker: &'a TrackerRecord,
    /// A ready task each, in order.
    assignments: Vec<Assignment<'a>>,
    /// The run that holds the project now.
    running: Option<&'a RunId>,
    /// Settings of the project that are not trusted.
    untrusted: &'a [String],
    /// What earlier runs hold still.
    held: &'a [String],
}

impl Output for DryRun<'_> {
    const KIND: &'static str = "dry_run";
}

/// A ready task.
#[derive(Debug, Serialize, JsonSchema)]
struct Assignment<'a> {
    /// The worker that would take it, if all took equally long.
    worker: WorkerId,
    /// The task.
    task: &'a TaskId,
    /// Its title.
    title: &'a str,
    /// What would run.
    plan: Planned<'a>,
}

/// The plan, as plan.json has it, or why there is none.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
enum Planned<'a> {
    Plan(Box<PlanFile<'a>>),
    Problem {
        /// Why it can't run here.
        problem: &'a str,
    },
}

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
    let open_ends = OpenEnds::of(context, tracker, checked)?;
    if ui.is_json() {
        ui.print_output(&DryRun {
            jobs,
            gate: checked.gate.as_ref().map(|gate| gate.command.as_str()),
            tracker: &tracker.in_use,
            assignments: rows.iter().map(Row::assignment).collect(),
            running: open_ends.running.as_ref(),
            untrusted: &open_ends.untrusted,
            held: &open_ends.held,
        });
    } else {
        ui.print(&render(&rows, checked, jobs, &tracker.in_use.words()));
        open_ends.tell(ui);
    }
    Ok(crate::failure::code::OK)
}

/// What a run would meet before it starts anything.
struct OpenEnds {
    /// The run that holds the project now.
    running: Option<RunId>,
    /// Settings of the project that are not trusted.
    untrusted: Vec<String>,
    /// What earlier runs hold still.
    held: Vec<String>,
}

impl OpenEnds {
    fn of(context: &Context, tracker: &Opened, checked: &Checked) -> Result<Self, Failure> {
        let shared_dir = &context.project.shared_dir;
        let running = lock::holder(shared_dir).map(|holder| holder.run_id);
        let untrusted = trust::not_trusted(context)?;
        let mut held = Vec::new();
        let claims = claims(&*tracker.tasks)?;
        for run in earlier::all(shared_dir)?.iter().filter(|run| Some(&run.run_id) != running.as_ref()) {
            let (is_over, did) = (run.is_given_up || run.ended.is_some(), earlier::end_word(run));
            for found in still_held(&context.project, run, &claims, &checked.git)? {
                let then = match &found.landed {
                    Some(commit) => format!("it landed as {}, and would be closed first", commit.short()),
                    None if is_over => {
                        "it would be given back first, and be ready if nothing else blocks it".to_owned()
                    }
                    None => format!(
                        "hew loop resume --run-id {} goes on with it, and --force-new gives it back first",
                        run.run_id
                    ),
                };
                let work = found.work.filter(|_| found.landed.is_none()).map(|work| format!("; {work}"));
                held.push(format!(
                    "{} is still held by run {}, which {did}: {then}{}",
                    found.task,
                    run.run_id,
                    work.unwrap_or_default()
                ));
            }
        }
        Ok(Self { running, untrusted, held })
    }

    fn tell(&self, ui: &Ui) {
        if let Some(run) = &self.running {
            ui.warn(&format!("{run} holds this project: another run can't start (exit code {})", code::HELD));
        }
        if !self.untrusted.is_empty() {
            ui.warn(
                "a run would refuse these settings of the project, which you have not trusted (hew trust):",
            );
            self.untrusted.iter().for_each(|line| ui.warn(&format!("  {line}")));
        }
        self.held.iter().for_each(|line| ui.warn(line));
    }
}

struct Row<'a> {
    task: &'a Task,
    worker: WorkerId,
    plan: Result<SpawnPlan, String>,
}

fn row<'a>(ahead: &mut LookAhead<'_>, task: &'a Task, number: usize, jobs: u16) -> Row<'a> {
    let slot = u16::try_from(number % usize::from(jobs)).expect("a remainder of a u16 is one");
    let worker = WorkerId(slot);
    Row { task, worker, plan: ahead.plan(task, worker, None) }
}

impl Row<'_> {
    fn assignment(&self) -> Assignment<'_> {
        let plan = match &self.plan {
            Ok(plan) => Planned::Plan(Box::new(PlanFile::of(plan))),
            Err(problem) => Planned::Problem { problem },
        };
        Assignment { worker: self.worker, task: &self.task.id, title: &self.task.title, plan }
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
        let _ =
            writeln!(out, "{} {} {}", row.worker, visible(row.task.id.as_str()), visible(&row.task.title));
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
