//! `hew task`.

use crate::cli::task_args::TaskCommand;
use crate::failure::Failure;
use crate::ui::Ui;

/// Being built.
pub fn run(command: TaskCommand, _ui: &Ui) -> Result<u8, Failure> {
    match command {}
}
