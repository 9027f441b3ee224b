//! When a look is due, so that all looks together take a small part of the time.

use std::time::Duration;

/// No look for its own sake comes sooner than this after the last one.
const SHORTEST_PAUSE: Duration = Duration::from_secs(3);
/// Nor sooner than this many times what the last one took.
const PAUSE_PER_LOOK: u32 = 20;

/// When the next look for its own sake is due. Times are those of the run's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pace {
    /// None before the first look.
    next: Option<Duration>,
}

impl Pace {
    /// A look is due at this time.
    pub fn is_due(&self, now: Duration) -> bool {
        self.next.is_none_or(|next| now >= next)
    }

    /// A look began and ended at these times.
    pub fn looked(&mut self, began: Duration, ended: Duration) {
        let took = ended.saturating_sub(began);
        self.next = Some(ended + SHORTEST_PAUSE.max(took.saturating_mul(PAUSE_PER_LOOK)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_is_due_at_first_and_again_after_a_pause_that_grows_with_what_a_look_takes() {
        let mut pace = Pace::default();
        let at = Duration::from_millis;
        assert!(pace.is_due(at(0)));
        pace.looked(at(0), at(10));
        assert!(!pace.is_due(at(3009)) && pace.is_due(at(3010)));
        pace.looked(at(4000), at(5000));
        assert!(!pace.is_due(at(24_999)) && pace.is_due(at(25_000)));
    }
}
