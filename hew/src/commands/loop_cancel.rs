//! `hew loop cancel`: asks a run to stop through the control socket in its folder.

use hew_core::ids::RunId;
use hew_core::output::Output;
use hew_core::worktree::names;
use schemars::JsonSchema;
use serde::Serialize;

use super::context::Context;
use crate::adapters::control::{self, CancelRequest};
use crate::adapters::run_index;
use crate::cli::loop_args::CancelArgs;
use crate::failure::{Failure, code};
use crate::ui::Ui;

/// A run that was asked to stop.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Cancel<'a> {
    /// The run.
    run_id: &'a RunId,
    /// Its agents are stopped too.
    now: bool,
}

impl Output for Cancel<'_> {
    const KIND: &'static str = "cancel";
}

/// Asks, and tells what the run answered.
pub fn run(args: &CancelArgs, ui: &Ui) -> Result<u8, Failure> {
    let context = Context::open()?;
    let entry = run_index::select(&context.project.state_dir, args.run.run_id.as_deref())?;
    let request = if args.now { CancelRequest::Now } else { CancelRequest::Graceful };
    let listens = control::ask(&entry.dir, request)
        .map_err(|error| Failure::failed(format!("run {} can't be reached", entry.id)).because(error))?;
    if !listens {
        return Err(Failure::failed(format!("run {} is not running", entry.id))
            .hint(format!("hew loop summary --run-id {}", entry.id)));
    }
    if ui.is_json() {
        ui.print_output(&Cancel { run_id: &entry.id, now: args.now });
    } else {
        for line in format!("run {}: {}", entry.id, answer(args.now, &entry.id)).lines() {
            ui.say(line);
        }
    }
    Ok(code::OK)
}

/// What becomes of what runs.
fn answer(now: bool, run: &RunId) -> String {
    if now {
        let kept = names::anchor_prefix(run);
        return format!("its agents are being stopped; their work is kept under {kept}");
    }
    "nothing new starts; what runs may end, and what is good lands\n\
     to stop its agents too: hew loop cancel --now; to look on: hew loop status --watch"
        .to_owned()
}
