//! `hew done`, `hew blocked`, `hew fail`.

use crate::cli::{DoneArgs, ReasonArgs};
use crate::failure::Failure;
use crate::ui::Ui;

/// Being built.
pub fn done(_args: DoneArgs, _ui: &Ui) -> Result<u8, Failure> {
    Err(Failure::usage("being built"))
}
/// Being built.
pub fn blocked(_args: ReasonArgs, _ui: &Ui) -> Result<u8, Failure> {
    Err(Failure::usage("being built"))
}
/// Being built.
pub fn fail(_args: ReasonArgs, _ui: &Ui) -> Result<u8, Failure> {
    Err(Failure::usage("being built"))
}
