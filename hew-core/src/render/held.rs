//! What holds a run that could do more: a stop, a runtime's rest, a batch plan, its own end.

use chrono::{DateTime, Utc};

use super::figures::{count, stamp};
use super::stopping;
use crate::record::view::RunView;

/// Each reason in a sentence, the weightiest first; none where nothing holds it.
pub fn words(view: &RunView, now: DateTime<Utc>) -> Vec<String> {
    if view.ending.is_some() {
        return Vec::new();
    }
    let mut words = Vec::new();
    words.extend(
        view.stop
            .as_ref()
            .map(|stop| format!("stopping ({}): {}", stop.detail, stopping::agents(view, stop))),
    );
    words.extend(
        view.awaiting_runtime.filter(|until| *until > now).map(|until| {
            format!("nothing can run before {}: every usable runtime rests", moment(until, now))
        }),
    );
    for (name, runtime) in &view.runtimes {
        match (&runtime.out, runtime.resting_until.filter(|until| *until > now)) {
            (Some(why), _) => words.push(format!("{name} is out for this run: {why}")),
            (None, Some(until)) => {
                let why = runtime.why.as_deref().unwrap_or("it asked for it");
                words.push(format!("{name} rests until {}: {why}", moment(until, now)));
            }
            (None, None) => {}
        }
    }
    if view.held_by_plan > 0 && view.stop.is_none() {
        let idle = count(view.held_by_plan as u64, "worker waits", "workers wait");
        words.push(format!("{idle}: the batch plan in force names nothing else that is ready"));
    }
    words.extend(view.verifying.as_ref().map(|sha| format!("verifying all that landed, at {}", sha.short())));
    words.extend(view.delivering.as_ref().map(|sha| format!("delivering {}", sha.short())));
    words
}

/// How many results wait for the lane, and workers for a task.
pub(super) fn queue(view: &RunView) -> Option<String> {
    let waiting = view.in_flight().filter(|iteration| iteration.phase.is_in_lane()).count();
    let waiting = u64::try_from(waiting).unwrap_or(u64::MAX);
    (waiting > 1).then(|| {
        let behind = count(waiting - 1, "result waits", "results wait");
        format!("{behind} to land until the gate is done with the one before")
    })
}

/// A moment without its day, unless that is another one.
fn moment(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    if at.date_naive() == now.date_naive() { at.format("%H:%M:%S UTC").to_string() } else { stamp(at) }
}
