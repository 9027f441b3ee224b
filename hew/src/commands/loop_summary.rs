//! `hew loop summary`.

use crate::cli::loop_args::RunSelection;
use crate::failure::Failure;
use crate::ui::Ui;

/// Being built.
pub fn run(_args: &RunSelection, _ui: &Ui) -> Result<u8, Failure> {
    Err(Failure::usage("being built"))
}

/// Being built.
pub fn show_after_run(_folder: &std::path::Path, _ui: &Ui) -> Result<(), Failure> {
    Ok(())
}
