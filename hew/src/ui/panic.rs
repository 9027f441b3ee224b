//! A bug in hew ends the process with exit code 70 and says where it happened.

use crate::failure::code;

/// Makes every panic end the process: a worker that vanished must not leave a run waiting for it.
pub fn install() {
    std::panic::set_hook(Box::new(|info| {
        use std::io::Write as _;
        super::screen::leave();
        let _ = writeln!(
            std::io::stderr().lock(),
            "error: a bug in hew: {info}\n  next: the run's journal (.hew/loop/<run-id>/events.jsonl) shows what came before; please report it with that file"
        );
        std::process::exit(i32::from(code::BUG));
    }));
}
