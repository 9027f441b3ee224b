//! Time in which this process stood still: it was stopped by a signal, or got no turn for seconds. What it watches over may
//! have printed and ended meanwhile, and nobody looked; so such time counts towards no limit that it keeps.
//!
//! A thread beats once a second while anybody watches. Whoever asks finds a beat that is late, too, so that nobody judges by
//! the clock before the time away is known.

use std::sync::{Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// From one beat to the next.
const BEAT: Duration = Duration::from_secs(1);
/// A beat that comes later than this after the last one was missed; less is a busy machine.
const LATE: Duration = Duration::from_secs(3);

static PULSE: LazyLock<Pulse> = LazyLock::new(Pulse::default);

#[derive(Default)]
struct Pulse {
    state: Mutex<State>,
    begins: Condvar,
}

#[derive(Default)]
struct State {
    watchers: usize,
    has_thread: bool,
    last_beat: Option<Instant>,
    away: Duration,
}

impl State {
    /// Takes note of the present moment; answers all time away so far.
    fn beat(&mut self, now: Instant) -> Duration {
        let gap = self.last_beat.map_or(Duration::ZERO, |last| now.saturating_duration_since(last));
        if gap > LATE {
            self.away += gap.saturating_sub(BEAT);
        }
        self.last_beat = Some(now);
        self.away
    }
}

fn lock() -> MutexGuard<'static, State> {
    PULSE.state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Somebody for whom time away has to be known; as long as it lives the pulse goes on.
#[derive(Debug)]
pub(crate) struct Watch {
    counted: Duration,
}

impl Watch {
    /// Begins now.
    pub(crate) fn begin() -> Self {
        let mut state = lock();
        state.watchers += 1;
        if state.watchers == 1 {
            state.last_beat = None;
        }
        let counted = state.beat(Instant::now());
        if !state.has_thread {
            // Without it only whoever asks late finds out.
            state.has_thread = thread::Builder::new().name("pulse".to_owned()).spawn(go_on_beating).is_ok();
        }
        drop(state);
        PULSE.begins.notify_one();
        Self { counted }
    }

    /// Time away that has come about since this was asked last.
    pub(crate) fn new_time_away(&mut self) -> Duration {
        let away = lock().beat(Instant::now());
        away.saturating_sub(std::mem::replace(&mut self.counted, away))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        lock().watchers -= 1;
    }
}

fn go_on_beating() {
    loop {
        let mut state = lock();
        while state.watchers == 0 {
            state = PULSE.begins.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.beat(Instant::now());
        drop(state);
        thread::sleep(BEAT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beat_that_is_somewhat_late_is_no_time_away_and_a_missed_one_is_counted_once() {
        let start = Instant::now();
        let at = |seconds: f64| start + Duration::from_secs_f64(seconds);
        let mut state = State::default();
        for (moment, away) in
            [(0.0, 0.0), (1.0, 0.0), (3.5, 0.0), (603.5, 599.0), (603.6, 599.0), (610.6, 605.0)]
        {
            assert_eq!(state.beat(at(moment)), Duration::from_secs_f64(away), "at {moment} s");
        }
    }
}
