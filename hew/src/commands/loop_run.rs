//! `hew loop run`.

use crate::cli::loop_args::RunArgs;
use crate::failure::Failure;
use crate::ui::Ui;

/// Being built.
pub fn run(_args: &RunArgs, _ui: &Ui) -> Result<u8, Failure> {
    Err(Failure::usage("being built"))
}
