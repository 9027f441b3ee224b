//! `hew loop summary`.

use std::path::Path;

use hew_core::record::RunState;
use hew_core::record::view::RowFold;
use hew_core::render::summary::json::SummaryJson;
use hew_core::render::summary::{self, SummaryPlace};

use super::past_runs::{self, Shown, unreadable};
use crate::adapters::project::Project;
use crate::adapters::store;
use crate::cli::loop_args::RunSelection;
use crate::failure::{Failure, code};
use crate::ui::Ui;

/// What a run did.
pub fn run(args: &RunSelection, ui: &Ui) -> Result<u8, Failure> {
    let project = Project::discover_to_look()?;
    let (run, rows) = past_runs::open_with_rows(&project, args.run_id.as_deref(), Shown::All, ui)?;
    let folder = run.dir.to_string_lossy();
    let place = SummaryPlace { state: run.state, folder: &folder, rows: &rows };
    if ui.is_json() {
        ui.print_json(&SummaryJson { view: &run.view, place });
    } else {
        ui.print(&summary::text(&run.view, place));
    }
    past_runs::leave_to_exit((run, rows));
    Ok(code::OK)
}

/// The summary of a run that has just ended, for people; programs have been given its events.
pub fn show_after_run(folder: &Path, ui: &Ui) -> Result<(), Failure> {
    if ui.is_json() {
        return Ok(());
    }
    let (view, rows, _) = store::fold_rows(folder, RowFold::default()).map_err(unreadable)?;
    let state = RunState::of_ending(view.ending.as_ref(), false);
    let place = SummaryPlace { state, folder: &folder.to_string_lossy(), rows: &rows };
    ui.print(&summary::text(&view, place));
    Ok(())
}
