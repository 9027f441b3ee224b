//! `hew __shim`: see [`crate::adapters::shim`]. `main` starts it before the command line is parsed; this is the same
//! door by the ordinary way.

use crate::adapters::shim;
use crate::failure::Failure;

/// Supervises one program, as told on standard input.
pub fn run() -> Result<u8, Failure> {
    Ok(shim::run())
}
