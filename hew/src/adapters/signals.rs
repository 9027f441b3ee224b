//! INT, TERM and HUP as events. A terminal closes once: only the first HUP is a request.

use std::thread;

use crossbeam_channel::Sender;
use hew_core::engine::Event;
use hew_core::record::StopReason;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

/// Sends a stop request for every signal, from a thread that lives as long as the process. Once nobody listens any more,
/// the run being over, a signal ends the process as it would end any other: printing what is left may take for ever.
pub fn forward(events: Sender<Event>) -> std::io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let mut is_hung_up = false;
        for signal in signals.forever() {
            // A terminal that closes says so more than once: its shell does, and the system when the shell has ended.
            let is_repeated = signal == SIGHUP && std::mem::replace(&mut is_hung_up, true);
            let request = if is_repeated { Event::Woke } else { stop_by(signal) };
            if events.send(request).is_err() {
                // What can't be done as the signal asks is left undone: it can be sent once more.
                let _ = emulate_default_handler(signal);
            }
        }
    })?;
    Ok(())
}

fn stop_by(signal: i32) -> Event {
    Event::StopRequested {
        reason: StopReason::Signal,
        detail: name(signal).to_owned(),
        now: false,
        signal: Some(signal),
    }
}

fn name(signal: i32) -> &'static str {
    match signal {
        SIGINT => "SIGINT",
        SIGTERM => "SIGTERM",
        _ => "SIGHUP",
    }
}
