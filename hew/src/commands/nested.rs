//! What an agent may call from inside an iteration.

use crate::cli::Command;
use crate::failure::Failure;

/// Being built.
pub fn refuse_inside_iteration(_command: &Command) -> Result<(), Failure> {
    Ok(())
}
