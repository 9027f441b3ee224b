//! `hew __shim`.

use crate::failure::Failure;

/// Being built.
pub fn run() -> Result<u8, Failure> {
    Err(Failure::usage("being built"))
}
