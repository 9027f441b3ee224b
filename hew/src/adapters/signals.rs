//! INT, TERM and HUP as events.

use std::thread;

use crossbeam_channel::Sender;
use hew_core::engine::Event;
use hew_core::record::StopReason;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// Sends a stop request for every signal, from a thread that lives as long as the process.
pub fn forward(events: Sender<Event>) -> std::io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for signal in signals.forever() {
            let request = Event::StopRequested {
                reason: StopReason::Signal,
                detail: name(signal).to_owned(),
                now: false,
                signal: Some(signal),
            };
            if events.send(request).is_err() {
                return;
            }
        }
    })?;
    Ok(())
}

fn name(signal: i32) -> &'static str {
    match signal {
        SIGINT => "SIGINT",
        SIGTERM => "SIGTERM",
        _ => "SIGHUP",
    }
}
