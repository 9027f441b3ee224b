//! Chance that can be had again: each kind of trouble has a stream of its own, so that one can be left out without the
//! others becoming different.

use std::time::Duration;

/// Numbers that look like chance (`SplitMix64`).
#[derive(Debug, Clone)]
pub(super) struct Chance(u64);

impl Chance {
    /// The stream of one seed for one kind of thing.
    pub(super) fn of(seed: u64, kind: &str) -> Self {
        let kind = kind.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |mixed, byte| {
            (mixed ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let mut chance = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ kind);
        chance.next();
        chance
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below this one; 0 below 0.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound.max(1)).expect("a small number");
        usize::try_from(self.next() % bound).expect("below a small number")
    }

    /// True this often in a thousand.
    pub(super) fn per_mille(&mut self, part: u32) -> bool {
        self.next() % 1000 < u64::from(part)
    }

    /// True this often in a hundred.
    pub(super) fn percent(&mut self, part: u32) -> bool {
        self.per_mille(part * 10)
    }

    /// One of these.
    pub(super) fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    fn unit(&mut self) -> f64 {
        let bits = u32::try_from(self.next() >> 32).expect("32 bits");
        (f64::from(bits) + 0.5) / 4_294_967_296.0
    }

    /// A log-normal duration with this median; `spread` is the standard deviation of its logarithm.
    pub(super) fn duration(&mut self, median: Duration, spread: f64) -> Duration {
        let normal = (-2.0 * self.unit().ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos();
        let seconds = median.as_secs_f64() * (normal * spread).exp();
        Duration::from_secs_f64(seconds.clamp(0.0001, 500_000.0))
    }
}
