//! One supervised program, as hew sees it: started through the shim, watched to its end, its output read as it comes.
//!
//! Spawner and gate both run their programs by this. Invariants: waiting is for the exit, never for the end of a stream;
//! memory is bounded whatever is printed; the program's pipes are read to the last while it lives, even where nothing can
//! be kept; a shim that is killed or stopped by its own program delays the end by a bounded time, and nothing is left;
//! time in which this process stood still counts towards no limit.

pub mod bounded_log;
mod end_plan;
mod held;
mod json_text;
mod kept_end;
pub mod left_out;
mod lost;
pub mod output;
pub mod records;
pub mod stall;
mod supervised;
pub mod transcript;

pub use held::{go_on, stand_still};
pub use supervised::{Ended, Launch, LaunchError, Limits, Supervised, Watcher};

/// The folder of a run's file: made where it is missing, for this user only.
pub(crate) fn make_parent(path: &std::path::Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    let Some(parent) = path.parent() else { return Ok(()) };
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(parent)
}
