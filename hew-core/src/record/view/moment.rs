//! When something happened, on both clocks.

use chrono::{DateTime, Utc};

/// When something happened. Stamps come from the calendar, durations from the monotonic clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Calendar time.
    pub at: DateTime<Utc>,
    /// Milliseconds that the run had lived.
    pub elapsed_ms: u64,
}

impl Moment {
    /// Milliseconds from this moment to a later one, those between two processes of one run left out. Where the clock says
    /// that the later one was earlier, it is the calendar's difference, never below 0.
    pub fn until_ms(self, later: Self) -> u64 {
        if later.elapsed_ms >= self.elapsed_ms {
            return later.elapsed_ms - self.elapsed_ms;
        }
        u64::try_from(later.at.signed_duration_since(self.at).num_milliseconds()).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_of_the_calendar_changes_no_duration() {
        let at = |secs, elapsed_ms| Moment { at: DateTime::from_timestamp(secs, 0).unwrap(), elapsed_ms };
        let cases = [
            (at(100, 5_000), at(90, 7_500), 2_500),
            (at(100, 5_000), at(86_500, 7_500), 2_500),
            (at(100, 5_000), at(130, 1_000), 30_000),
            (at(100, 5_000), at(90, 1_000), 0),
        ];
        for (from, to, expected) in cases {
            assert_eq!(from.until_ms(to), expected, "{from:?} {to:?}");
        }
    }
}
