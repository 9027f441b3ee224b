//! `hew config`.

use crate::cli::config_args::ConfigCommand;
use crate::failure::Failure;
use crate::ui::Ui;

/// Being built.
pub fn run(command: ConfigCommand, _ui: &Ui) -> Result<u8, Failure> {
    match command {}
}
