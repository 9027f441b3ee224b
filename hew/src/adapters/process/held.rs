//! All programs of this process at once: made to stand still while a person has stopped hew at its terminal, and to go on
//! with it.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::adapters::shim::protocol::{ShimRequest, to_line};

/// Sockets to the shims of all programs that run, each with its program's number.
static RUNNING: Mutex<Vec<(u64, UnixStream)>> = Mutex::new(Vec::new());

fn running() -> MutexGuard<'static, Vec<(u64, UnixStream)>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A program's place among those that run; gone when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    number: u64,
}

impl Place {
    /// Takes a place for the program behind this socket.
    pub(super) fn take(control: UnixStream) -> Self {
        let mut running = running();
        let number = running.last().map_or(0, |(last, _)| last + 1);
        running.push((number, control));
        Self { number }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        running().retain(|(number, _)| *number != self.number);
    }
}

/// Makes every program that runs stand still with all that it has started.
pub fn stand_still() {
    tell(ShimRequest::StandStill);
}

/// Lets them go on.
pub fn go_on() {
    tell(ShimRequest::GoOn);
}

fn tell(request: ShimRequest) {
    let line = to_line(&request);
    for (_, control) in running().iter_mut() {
        // A shim that is gone has nothing that could stand still.
        let _ = control.write_all(line.as_bytes());
    }
}
