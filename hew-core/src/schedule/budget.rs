//! Whether a limit leaves room for another iteration. Limits are reserved before anything is dispatched.

use std::time::Duration;

/// What a run may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Most iterations.
    pub max_iter: Option<u64>,
    /// Longest time.
    pub wall: Option<Duration>,
    /// How far beyond the wall budget running agents may go before they are stopped, in hundredths.
    pub grace: u8,
}

/// The limit that leaves no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exhausted {
    /// Iterations.
    MaxIter,
    /// Wall time.
    Wall,
    /// Tokens.
    Tokens,
    /// Money.
    Usd,
}

impl Budget {
    /// The limit that forbids another iteration, if one does. `reserved` counts iterations begun and claims under way.
    pub fn exhausted(&self, reserved: u64, elapsed: Duration) -> Option<Exhausted> {
        if self.wall.is_some_and(|wall| elapsed >= wall) {
            return Some(Exhausted::Wall);
        }
        self.max_iter.is_some_and(|max| reserved >= max).then_some(Exhausted::MaxIter)
    }

    /// How many more iterations may begin.
    pub fn room(&self, reserved: u64) -> usize {
        let room = self.max_iter.map_or(u64::MAX, |max| max.saturating_sub(reserved));
        usize::try_from(room).unwrap_or(usize::MAX)
    }

    /// When running agents are stopped: the wall budget and its grace.
    pub fn agents_until(&self) -> Option<Duration> {
        self.wall.map(|wall| wall.saturating_add(wall.saturating_mul(u32::from(self.grace)) / 100))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_hold_to_the_iteration_and_to_the_moment() {
        let budget = Budget { max_iter: Some(3), wall: Some(Duration::from_secs(100)), grace: 10 };
        let early = Duration::from_secs(99);
        assert_eq!(budget.exhausted(2, early), None);
        assert_eq!(budget.exhausted(3, early), Some(Exhausted::MaxIter));
        assert_eq!(budget.exhausted(0, Duration::from_secs(100)), Some(Exhausted::Wall));
        assert_eq!(budget.room(1), 2);
        assert_eq!(budget.room(9), 0);
        assert_eq!(budget.agents_until(), Some(Duration::from_secs(110)));
        assert_eq!(Budget { max_iter: None, wall: None, grace: 0 }.exhausted(u64::MAX, Duration::MAX), None);
    }
}
