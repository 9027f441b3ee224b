//! `hew loop list`.

use hew_core::record::RunState;
use hew_core::record::files::RunFile;
use hew_core::render::figures::{duration_ms, stamp};
use hew_core::render::style::{self, FAINT};
use hew_core::render::table::{self, Cell};
use serde_json::{Value, json};

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
            ui.print_json(&as_json(&entry, state, file.as_ref()));
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
        Cell::text(file.stop_reason.map_or("-", hew_core::record::StopReason::as_str)),
        Cell::number(file.exit_code.map_or_else(|| "-".to_owned(), |code| code.to_string())),
    ]
}

fn as_json(entry: &RunEntry, state: Option<RunState>, file: Option<&RunFile>) -> Value {
    json!({
        "schema": 1,
        "kind": "run",
        "run_id": entry.id,
        "state": state,
        "folder": entry.dir,
        "started_at": file.map(|file| file.started_at),
        "last_sign_of_life": file.map(|file| file.last_updated_at),
        "jobs": file.map(|file| file.jobs),
        "iterations": file.map(|file| file.iter_count),
        "landed": file.map(|file| file.landed),
        "target_branch": file.and_then(|file| file.target_branch.as_ref()),
        "run_branch": file.and_then(|file| file.run_branch.as_ref()),
        "delivered_sha": file.and_then(|file| file.delivered_sha.as_ref()),
        "stop_reason": file.and_then(|file| file.stop_reason),
        "exit_code": file.and_then(|file| file.exit_code),
    })
}
