//! `hew loop list`.

use std::path::Path;

use chrono::{DateTime, Utc};
use hew_core::ids::{BranchName, CommitId, RunId};
use hew_core::output::Output;
use hew_core::record::files::RunFile;
use hew_core::record::{RunState, StopReason};
use hew_core::render::figures::{duration_ms, stamp};
use hew_core::render::style::{self, FAINT};
use hew_core::render::table::{self, Cell};
use schemars::JsonSchema;
use serde::Serialize;

use super::past_runs;
use crate::adapters::lock;
use crate::adapters::project::Project;
use crate::adapters::run_index::{self, RunEntry};
use crate::cli::loop_args::ListArgs;
use crate::failure::{Failure, code};
use crate::ui::Ui;

/// Runs, newest first.
pub fn run(args: &ListArgs, ui: &Ui) -> Result<u8, Failure> {
    let project = Project::discover()?;
    let holder = lock::holder(&project.shared_dir);
    let mut rows = Vec::new();
    for entry in run_index::list(&project.state_dir)?.into_iter().take(args.count) {
        let (file, state) = match past_runs::brief(&entry) {
            Ok(file) => {
                let state = past_runs::state_of(&entry.id, file.as_ref(), holder.as_ref());
                (file, Some(state))
            }
            Err(error) => {
                ui.warn(&error.to_string());
                (None, None)
            }
        };
        if ui.is_json() {
            ui.print_output(&listed(&entry, state, file.as_ref()));
        } else {
            rows.push(row(&entry, state, file.as_ref()));
        }
    }
    if !ui.is_json() && rows.is_empty() {
        ui.say("this project has no runs yet");
    } else if !rows.is_empty() {
        let names = ["run", "state", "started", "took", "iterations", "landed", "stopped", "exit"];
        rows.insert(0, names.map(|name| Cell::text(name).styled(FAINT)).to_vec());
        ui.print(&table::render(&rows));
    }
    Ok(code::OK)
}

fn took_ms(file: &RunFile) -> u64 {
    let took = file.last_updated_at.signed_duration_since(file.started_at);
    u64::try_from(took.num_milliseconds()).unwrap_or(0)
}

fn row(entry: &RunEntry, state: Option<RunState>, file: Option<&RunFile>) -> Vec<Cell> {
    let id = Cell::text(entry.id.as_str());
    let state = match state {
        Some(state) => Cell::text(state.as_str()).styled(style::of_state(state)),
        None => Cell::text("unreadable").styled(style::BAD),
    };
    let Some(file) = file else { return vec![id, state] };
    vec![
        id,
        state,
        Cell::text(stamp(file.started_at)),
        Cell::number(duration_ms(took_ms(file))),
        Cell::number(file.iter_count),
        Cell::number(file.landed),
        Cell::text(file.stop_reason.map_or("-", StopReason::as_str)),
        Cell::number(file.exit_code.map_or_else(|| "-".to_owned(), |code| code.to_string())),
    ]
}

/// A run, briefly. What only its files tell is null where they can't be read.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ListedRun<'a> {
    /// The run.
    run_id: &'a RunId,
    /// How it stands; null where nobody can tell.
    state: Option<RunState>,
    /// Its folder.
    folder: &'a Path,
    /// When it was launched.
    started_at: Option<DateTime<Utc>>,
    /// The latest entry of its journal.
    last_sign_of_life: Option<DateTime<Utc>>,
    /// Workers.
    jobs: Option<u16>,
    /// Iterations that began.
    iterations: Option<u64>,
    /// Landings.
    landed: Option<u64>,
    /// The branch that was checked out at launch.
    target_branch: Option<&'a BranchName>,
    /// Where results land.
    run_branch: Option<&'a BranchName>,
    /// Where the target was brought.
    delivered_sha: Option<&'a CommitId>,
    /// Why it ended.
    stop_reason: Option<StopReason>,
    /// The process's exit code.
    exit_code: Option<u8>,
}

impl Output for ListedRun<'_> {
    const KIND: &'static str = "run";
}

fn listed<'a>(entry: &'a RunEntry, state: Option<RunState>, file: Option<&'a RunFile>) -> ListedRun<'a> {
    ListedRun {
        run_id: &entry.id,
        state,
        folder: &entry.dir,
        started_at: file.map(|file| file.started_at),
        last_sign_of_life: file.map(|file| file.last_updated_at),
        jobs: file.map(|file| file.jobs),
        iterations: file.map(|file| file.iter_count),
        landed: file.map(|file| file.landed),
        target_branch: file.and_then(|file| file.target_branch.as_ref()),
        run_branch: file.and_then(|file| file.run_branch.as_ref()),
        delivered_sha: file.and_then(|file| file.delivered_sha.as_ref()),
        stop_reason: file.and_then(|file| file.stop_reason),
        exit_code: file.and_then(|file| file.exit_code),
    }
}
