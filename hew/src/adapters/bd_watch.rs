//! Changes that others make in bd: it tells nobody, so it is asked, less and less often while nothing changes.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, Sender, bounded};
use hew_core::engine::Event;

use super::bd::BdTracker;

/// The pause after a change.
const SHORTEST: Duration = Duration::from_secs(1);

/// The pause when nothing has changed for long.
const LONGEST: Duration = Duration::from_secs(15);

/// Asks until it is dropped.
#[derive(Debug)]
pub(super) struct BdWatch {
    /// Dropped first: its end is the thread's.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for BdWatch {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // A panic has ended the process already (see `ui::panic`).
            let _ = thread.join();
        }
    }
}

/// Asks from a thread of its own.
pub(super) fn start(bd: Arc<BdTracker>, events: Sender<Event>) -> io::Result<BdWatch> {
    let (stop, stopped) = bounded::<()>(0);
    let body = move || {
        let mut pause = SHORTEST;
        while stopped.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
            let has_changed = bd.has_changed();
            pause = next_pause(pause, matches!(has_changed, Ok(true)));
            // A question that failed is asked again; the run's own calls tell what is wrong.
            if matches!(has_changed, Ok(true)) && events.send(Event::TrackerChanged).is_err() {
                return;
            }
        }
    };
    let thread = thread::Builder::new().name("bd".to_owned()).spawn(body)?;
    Ok(BdWatch { stop: Some(stop), thread: Some(thread) })
}

fn next_pause(last: Duration, has_changed: bool) -> Duration {
    if has_changed { SHORTEST } else { (last * 2).min(LONGEST) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_from_one_second_to_fifteen_and_begin_anew_with_a_change() {
        let mut pause = SHORTEST;
        let mut seconds = Vec::new();
        for has_changed in [false, false, false, false, false, true, false] {
            pause = next_pause(pause, has_changed);
            seconds.push(pause.as_secs());
        }
        assert_eq!(seconds, [2, 4, 8, 15, 15, 1, 2]);
    }
}
