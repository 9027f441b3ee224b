//! Whether a server is asked again, and when. The clock and chance are arguments.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::ChatFailure;
use crate::agent::{FailureClass, RetryAt};
use crate::schedule::backoff::{LONGEST_WAIT, MAX_RETRIES, SHORTEST_GIVEN, jittered};

const FIRST_WAIT: Duration = Duration::from_secs(1);

/// The wait before a retry, numbered from 1; none where the failure is final. The server's own time goes before the
/// client's: a second, doubling, at most five minutes, a fifth more or less as `chance` has it. Who is told to wait
/// longer than that does not wait here, and hands the time up.
pub fn wait_before(retry: u32, failure: &ChatFailure, chance: u64, now: DateTime<Utc>) -> Option<Duration> {
    let is_passing = matches!(failure.failure.class, FailureClass::RateLimit | FailureClass::Overloaded);
    if !is_passing || retry > MAX_RETRIES {
        return None;
    }
    let wait = match failure.failure.retry_at {
        Some(RetryAt::After(wait)) => wait.max(SHORTEST_GIVEN),
        Some(RetryAt::At(at)) => (at - now).to_std().unwrap_or_default().max(SHORTEST_GIVEN),
        None => jittered(FIRST_WAIT, retry, chance),
    };
    (wait <= LONGEST_WAIT).then_some(wait)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(status: u16, retry_after: Option<&str>) -> ChatFailure {
        ChatFailure::of_status(status, retry_after, b"")
    }

    fn now() -> DateTime<Utc> {
        "2026-11-06T08:00:00Z".parse().unwrap()
    }

    #[test]
    fn three_retries_double_their_wait() {
        for chance in [0, 20, 40, 41] {
            let waits: Vec<_> =
                (1..=4).map(|retry| wait_before(retry, &failure(503, None), chance, now())).collect();
            let around = |wait: Option<Duration>, seconds: u64| {
                let millis = wait.unwrap().as_millis();
                assert!(
                    (u128::from(seconds) * 800..=u128::from(seconds) * 1200).contains(&millis),
                    "{millis}"
                );
            };
            around(waits[0], 1);
            around(waits[1], 2);
            around(waits[2], 4);
            assert_eq!(waits[3], None);
        }
    }

    #[test]
    fn only_what_passes_is_tried_again() {
        for status in [400, 401, 404, 408, 500, 502, 504] {
            assert_eq!(wait_before(1, &failure(status, None), 0, now()), None, "{status}");
        }
        for status in [429, 503, 529] {
            assert!(wait_before(1, &failure(status, None), 0, now()).is_some(), "{status}");
        }
        let cut = ChatFailure::new(None, FailureClass::Network, "cut");
        assert_eq!(wait_before(1, &cut, 0, now()), None);
    }

    #[test]
    fn the_servers_time_goes_before() {
        let wait = |after: &str| wait_before(1, &failure(429, Some(after)), 7, now());
        assert_eq!(wait("17"), Some(Duration::from_secs(17)));
        assert_eq!(wait("0"), Some(Duration::from_secs(1)), "no busy loop");
        assert_eq!(wait("Fri, 06 Nov 2026 08:00:30 GMT"), Some(Duration::from_secs(30)));
        assert_eq!(wait("Fri, 06 Nov 2026 07:00:00 GMT"), Some(Duration::from_secs(1)), "it is past");
        assert_eq!(wait("301"), None, "whoever asked waits, not the client");
    }
}
