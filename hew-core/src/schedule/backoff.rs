//! How long to wait before a runtime is asked again: exponential, with jitter that is given and not made up here.

use std::time::Duration;

/// Retries of one iteration on one runtime.
pub const MAX_RETRIES: u32 = 3;

/// Longest wait of a retry. Who is asked to wait longer does not wait in its worker.
pub const LONGEST_WAIT: Duration = Duration::from_secs(5 * 60);

/// Rest of a runtime whose allowance is used up, where nobody says until when.
pub const QUOTA_REST: Duration = Duration::from_secs(5 * 3600);

/// Shortest wait that a provider's own word leads to: one that says "at once" again and again makes no busy loop.
pub const SHORTEST_GIVEN: Duration = Duration::from_secs(1);

const FIRST_WAIT: Duration = Duration::from_secs(5);
const FIRST_REST: Duration = Duration::from_secs(60);
const LONGEST_REST: Duration = Duration::from_secs(3600);

/// The wait before a retry, numbered from 1: 5 seconds, doubling, at most 5 minutes, a fifth more or less as `chance`
/// has it.
pub fn wait(retry: u32, chance: u64) -> Duration {
    jittered(FIRST_WAIT, retry, chance)
}

/// The wait before a retry, numbered from 1, that doubles from this one, at most 5 minutes, a fifth more or less as
/// `chance` has it.
pub fn jittered(first: Duration, retry: u32, chance: u64) -> Duration {
    let wait = doubled(first, retry.saturating_sub(1), LONGEST_WAIT);
    let percent = 80 + u32::try_from(chance % 41).unwrap_or_default();
    (wait * percent / 100).min(LONGEST_WAIT)
}

/// The rest of a runtime where nobody says until when: a minute, doubling with each rest in a row, at most an hour.
pub fn rest(in_a_row: u32) -> Duration {
    doubled(FIRST_REST, in_a_row.saturating_sub(1), LONGEST_REST)
}

fn doubled(first: Duration, times: u32, longest: Duration) -> Duration {
    let factor = 1_u32.checked_shl(times.min(16)).unwrap_or(u32::MAX);
    first.saturating_mul(factor).min(longest)
}

/// A number that looks like chance and is the same for the same words.
pub fn chance(words: &str) -> u64 {
    // FNV-1a, then the finish of SplitMix64, for neighbours differ in the last letter only.
    let start = 0xcbf2_9ce4_8422_2325_u64;
    let mixed =
        words.bytes().fold(start, |mixed, byte| (mixed ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed ^ (mixed >> 27)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_within_a_fifth_and_stay_below_five_minutes() {
        for retry in 1..=40 {
            let middle = Duration::from_secs(5 << (retry - 1).min(20)).min(LONGEST_WAIT);
            for number in 0..41 {
                let waited = wait(retry, number);
                assert!(waited >= middle * 4 / 5 && waited <= middle * 6 / 5, "{retry}: {waited:?}");
                assert!(waited <= LONGEST_WAIT);
            }
        }
        assert_eq!((wait(1, 0), wait(1, 40)), (Duration::from_secs(4), Duration::from_secs(6)));
        assert_ne!(wait(1, chance("w0")), wait(1, chance("w1")));
    }

    #[test]
    fn rests_double_up_to_an_hour() {
        let minutes: Vec<u64> = (1..=8).map(|rests| rest(rests).as_secs() / 60).collect();
        assert_eq!(minutes, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(rest(u32::MAX), LONGEST_REST);
    }
}
