//! `hew loop status`.

use crate::cli::loop_args::RunSelection;
use crate::failure::Failure;
use crate::ui::Ui;

/// Being built.
pub fn run(_args: &RunSelection, _ui: &Ui) -> Result<u8, Failure> {
    Err(Failure::usage("being built"))
}
