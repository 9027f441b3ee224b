//! The supervisor of one program: `hew __shim` stays as its parent for as long as it lives.
//!
//! hew starts the shim with plain `posix_spawn` and one end of a socket pair as its standard input; [`protocol`] is what
//! they say to each other. The shim starts the program through a second stage of itself (`stage`), which gives it a
//! session of its own and ties its life to the shim's.
//!
//! Invariants: when the shim says `exited`, nothing of the program's tree is left, whatever left its group or session;
//! when hew is gone (the socket closes) the tree is ended at once; a signal from a terminal reaches neither shim nor
//! program, only hew decides. The shim keeps no log and chooses nothing.

pub mod protocol;
mod resolve;
mod stage;
mod supervise;
mod tree;

use std::ffi::OsString;

/// The hidden subcommand.
pub const SUBCOMMAND: &str = "__shim";
/// The second stage, which becomes the program.
const STAGE: &str = "__shim-stage";

/// Runs the shim or its second stage if that is what the arguments ask for, before anything else costs time.
pub fn intercept(args: impl IntoIterator<Item = OsString>) -> Option<u8> {
    let mut args = args.into_iter().skip(1);
    match args.next()?.to_str()? {
        SUBCOMMAND => Some(supervise::run()),
        STAGE => Some(stage::run(args)),
        _ => None,
    }
}

/// Runs the shim.
pub fn run() -> u8 {
    supervise::run()
}
