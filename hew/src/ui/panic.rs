//! A bug in hew ends the process with exit code 70 and says where it happened.

use std::panic::set_hook;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use super::screen;
use super::terminal::write_last_words;
use crate::failure::code;

/// How long the last words may take: a terminal that takes no output (Ctrl-S) keeps nobody from ending.
const PATIENCE: Duration = Duration::from_millis(500);

/// Makes every panic end the process: a worker that vanished must not leave a run waiting for it.
pub fn install() {
    set_hook(Box::new(|info| {
        let words = format!(
            "error: a bug in hew: {info}\n  next: the run's journal (.hew/loop/<run-id>/events.jsonl) shows what came before; please report it with that file\n"
        );
        let (said, is_said) = channel::<()>();
        let speaker = thread::Builder::new().spawn(move || {
            screen::leave();
            write_last_words(words.as_bytes());
            drop(said);
        });
        if speaker.is_ok() {
            // It ends when the words are said, or with the patience.
            let _ = is_said.recv_timeout(PATIENCE);
        }
        std::process::exit(i32::from(code::BUG));
    }));
}
