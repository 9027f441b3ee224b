//! `hew loop status`.

use chrono::Utc;
use hew_core::render::status;

use super::past_runs;
use crate::adapters::project::Project;
use crate::cli::loop_args::RunSelection;
use crate::failure::{Failure, code};
use crate::ui::Ui;

/// Where a run stands just now.
pub fn run(args: &RunSelection, ui: &Ui) -> Result<u8, Failure> {
    let project = Project::discover()?;
    let run = past_runs::open(&project, args.run_id.as_deref(), ui)?;
    let now = Utc::now();
    if ui.is_json() {
        ui.print_json(&status::json(&run.view, run.state, now));
    } else {
        ui.print(&status::text(&run.view, run.state, now));
    }
    Ok(code::OK)
}
