//! `hew init`.

use crate::cli::InitArgs;
use crate::failure::Failure;
use crate::ui::Ui;

/// Being built.
pub fn run(_args: &InitArgs, _ui: &Ui) -> Result<u8, Failure> {
    Err(Failure::usage("being built"))
}
