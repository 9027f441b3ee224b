//! `hew loop prune`.

use crate::cli::loop_args::PruneArgs;
use crate::failure::Failure;
use crate::ui::Ui;

/// Being built.
pub fn run(_args: &PruneArgs, _ui: &Ui) -> Result<u8, Failure> {
    Err(Failure::usage("being built"))
}
