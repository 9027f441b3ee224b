//! `hew loop list`.

use crate::cli::loop_args::ListArgs;
use crate::failure::Failure;
use crate::ui::Ui;

/// Being built.
pub fn run(_args: &ListArgs, _ui: &Ui) -> Result<u8, Failure> {
    Err(Failure::usage("being built"))
}
