//! Changes that others make in bd: it tells nobody, so it is asked, less and less often while nothing changes.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, Sender, TryRecvError, bounded};
use hew_core::engine::Event;

use super::bd::BdTracker;

/// The pause after a change.
const SHORTEST: Duration = Duration::from_secs(1);

/// The pause when nothing has changed for long.
const LONGEST: Duration = Duration::from_secs(15);

/// Asks until it is dropped. A question that is under way then ends by itself: nobody waits for its answer.
#[derive(Debug)]
pub(super) struct BdWatch {
    #[expect(dead_code, reason = "held for its end, which is the thread's")]
    stop: Sender<()>,
}

/// Asks from a thread of its own.
pub(super) fn start(bd: Arc<BdTracker>, events: Sender<Event>) -> io::Result<BdWatch> {
    let (stop, stopped) = bounded::<()>(0);
    let body = move || {
        let mut pause = SHORTEST;
        while stopped.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
            let has_changed = bd.has_changed();
            if stopped.try_recv() == Err(TryRecvError::Disconnected) {
                return;
            }
            pause = next_pause(pause, matches!(has_changed, Ok(true)));
            // A question that failed is asked again; the run's own calls tell what is wrong.
            if matches!(has_changed, Ok(true)) && events.send(Event::TrackerChanged).is_err() {
                return;
            }
        }
    };
    thread::Builder::new().name("bd".to_owned()).spawn(body)?;
    Ok(BdWatch { stop })
}

fn next_pause(last: Duration, has_changed: bool) -> Duration {
    if has_changed { SHORTEST } else { (last * 2).min(LONGEST) }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use crossbeam_channel::unbounded;

    use super::*;
    use crate::adapters::bd::Program;
    use crate::adapters::clock::SystemClock;

    #[test]
    fn its_end_waits_for_no_question_that_is_under_way() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path(".beads")).unwrap();
        let here = folder.path().display();
        let text = format!(
            "#!/bin/sh\n[ \"$1\" = version ] && exec echo '{{\"version\":\"1.3.0\"}}'\n\
             trap 'touch {here}/ended; exit 1' TERM\ntouch {here}/asked\nuntil [ -e {here}/go ]; do sleep 0.1; done\n"
        );
        fs::write(path("bd"), text).unwrap();
        fs::set_permissions(path("bd"), fs::Permissions::from_mode(0o755)).unwrap();
        // Time enough to answer its version on any machine; the question would take all of it.
        let (command, limit) = (path("bd").display().to_string(), Duration::from_secs(10));
        let program = Program { command, beads_dir: path(".beads"), limit, has_hooks: true };
        let bd = BdTracker::open(program, &path("shared"), Arc::new(SystemClock::start())).unwrap();
        let (events, told) = unbounded();
        let watch = start(Arc::new(bd), events).unwrap();
        while !path("asked").exists() {
            thread::sleep(Duration::from_millis(10));
        }
        drop(watch);
        assert!(!path("ended").exists(), "the question is under way still");
        fs::write(path("go"), "").unwrap();
        assert!(told.recv().is_err(), "the thread ends, and tells of nothing");
    }

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
