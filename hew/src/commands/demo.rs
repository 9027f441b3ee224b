//! `hew demo`.

use crate::cli::DemoArgs;
use crate::failure::Failure;
use crate::ui::Ui;

/// Being built.
pub fn run(_args: &DemoArgs, _ui: &Ui) -> Result<u8, Failure> {
    Err(Failure::usage("being built"))
}
