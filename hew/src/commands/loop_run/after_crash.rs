//! What `hew loop run` does where it finds a run whose process is gone: on a terminal it asks; where nobody can be asked it
//! goes on with that run if it is what is asked for now, and refuses if it is not.

use std::io::{BufRead as _, stdin};

use hew_core::record::ledger::LedgerRun;
use hew_core::resume::Unfinished;
use hew_core::tracker::Scope;

use super::flags::OwnFlags;
use super::matching::mismatches;
use super::resume::{self, Standing};
use super::{earlier, launch_target};
use crate::adapters::lock;
use crate::cli::loop_args::RunArgs;
use crate::commands::context::Context;
use crate::failure::Failure;
use crate::ui::{self, Ui};

/// What is done.
pub(super) enum Course {
    /// There is none, or another run is begun all the same.
    Launch,
    /// It is gone on with.
    Resume(Box<LedgerRun>),
}

/// Settles what is done with the newest run that crashed.
pub(super) fn settle(context: &Context, args: &RunArgs, scope: &Scope, ui: &Ui) -> Result<Course, Failure> {
    let holder = lock::holder(&context.project.shared_dir).map(|holder| holder.run_id);
    if args.force_new || holder.is_some() {
        return Ok(Course::Launch);
    }
    for run in earlier::all(&context.project.shared_dir)?.into_iter().rev() {
        // Whoever launched a run has given up those before it that had crashed.
        if run.ended.is_some() || run.is_given_up {
            break;
        }
        match resume::look(context, &run, ui)? {
            Standing::Unfinished(before) => {
                resume::refuse_elsewhere(&context.project, &run)?;
                return decide(context, args, scope, (run, &before), ui);
            }
            Standing::Over => break,
            Standing::Nothing => {}
        }
    }
    Ok(Course::Launch)
}

fn decide(
    context: &Context,
    args: &RunArgs,
    scope: &Scope,
    (run, before): (LedgerRun, &Unfinished),
    ui: &Ui,
) -> Result<Course, Failure> {
    let target = launch_target(context)?;
    let differing = mismatches(before, context, &OwnFlags::of(args), scope, target.as_ref());
    let id = &run.run_id;
    if ui::can_ask() {
        return ask(run, before, &differing, ui);
    }
    if differing.is_empty() {
        ui.say(&format!("run {id} had crashed, and is what is asked for: it is gone on with"));
        return Ok(Course::Resume(Box::new(run)));
    }
    let refusal = Failure::usage(format!("run {id} crashed, and is not what is asked for now"));
    let refusal = differing.into_iter().fold(refusal, Failure::because);
    Err(refusal.hint(format!(
        "hew loop resume --run-id {id}   # goes on with it, as it was launched\nor give it up: hew loop run --force-new …"
    )))
}

fn ask(run: LedgerRun, before: &Unfinished, differing: &[String], ui: &Ui) -> Result<Course, Failure> {
    let id = &run.run_id;
    let (landed, open) = (before.landed, before.open.len());
    ui.warn(&format!("Run {id} crashed: {landed} landed, {open} cut off."));
    if !differing.is_empty() {
        ui.warn("It was launched with other settings, and would go on with those:");
        for line in differing {
            ui.warn(&format!("  {line}"));
        }
    }
    ui.warn("Go on with it? Enter: yes; n: give it up and begin another:");
    let mut line = String::new();
    let read = stdin().lock().read_line(&mut line);
    read.map_err(|error| Failure::usage("no answer").because(error))?;
    match line.trim() {
        _ if line.is_empty() => {
            Err(Failure::usage("no answer").hint(format!("hew loop resume --run-id {id}")))
        }
        "" | "y" | "yes" => Ok(Course::Resume(Box::new(run))),
        "n" | "no" => Ok(Course::Launch),
        other => Err(Failure::usage(format!("`{other}` is neither yes nor no"))
            .hint(format!("hew loop resume --run-id {id}\nor give it up: hew loop run --force-new …"))),
    }
}
