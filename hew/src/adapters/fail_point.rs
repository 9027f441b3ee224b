//! Where a run can be made to end as a kill or a loss of power would end it, for tests of what comes after: the process
//! kills itself. docs/testing.md has the places.
//!
//! Invariant: without `HEW_FAIL_AT` nothing is counted and nothing happens.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use nix::sys::signal::{Signal, raise};

/// Names the place: `PLACE:N` or `PLACE/KIND:N`.
const VARIABLE: &str = "HEW_FAIL_AT";

/// A place, and how often it may be passed.
#[derive(Debug)]
struct FailPoint {
    place: String,
    /// One kind of what happens there; all of them count where none is named.
    kind: Option<String>,
    number: u64,
    seen: AtomicU64,
}

impl FailPoint {
    fn parse(text: &str) -> Option<Self> {
        let (name, number) = text.rsplit_once(':')?;
        let (place, kind) = match name.split_once('/') {
            Some((place, kind)) => (place, Some(kind.to_owned())),
            None => (name, None),
        };
        let number = number.parse().ok().filter(|number| *number > 0)?;
        Some(Self { place: place.to_owned(), kind, number, seen: AtomicU64::new(0) })
    }

    fn counts(&self, place: &str, kind: &str) -> bool {
        let is_meant = self.place == place && self.kind.as_deref().is_none_or(|wanted| wanted == kind);
        is_meant && self.seen.fetch_add(1, Ordering::Relaxed) + 1 == self.number
    }
}

fn wanted() -> Option<&'static FailPoint> {
    static WANTED: OnceLock<Option<FailPoint>> = OnceLock::new();
    let read = || {
        let text = std::env::var(VARIABLE).ok().filter(|text| !text.is_empty())?;
        // A test that names no place would find that everything survives.
        Some(FailPoint::parse(&text).expect("HEW_FAIL_AT is PLACE:N or PLACE/KIND:N, N from 1"))
    };
    WANTED.get_or_init(read).as_ref()
}

/// The run has come to a place; it is the one at which it is to end. `kind` is asked for only where that matters.
pub(super) fn is_due<'a>(place: &str, kind: impl FnOnce() -> &'a str) -> bool {
    wanted().is_some_and(|point| point.counts(place, kind()))
}

/// Ends the run if this is the place for it.
pub(crate) fn reach(place: &str, kind: &str) {
    if is_due(place, || kind) {
        end();
    }
}

/// Ends this process as a kill from outside does: nothing more is written, told or taken down.
pub(super) fn end() -> ! {
    let _ = raise(Signal::SIGKILL);
    // Not reached: nobody can catch it, and it ends all threads.
    std::process::abort()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_counts_what_is_of_its_kind() {
        let point = FailPoint::parse("journal/landed:2").unwrap();
        let passed = [("journal", "tick"), ("git", "landed"), ("journal", "landed"), ("journal", "landed")];
        assert_eq!(passed.map(|(place, kind)| point.counts(place, kind)), [false, false, false, true]);
        assert!(!point.counts("journal", "landed"), "it is over");
    }

    #[test]
    fn without_a_kind_everything_at_the_place_counts() {
        let point = FailPoint::parse("journal:2").unwrap();
        assert_eq!(["tick", "plan", "plan"].map(|kind| point.counts("journal", kind)), [false, true, false]);
    }

    #[test]
    fn a_place_without_a_number_is_none() {
        for text in ["journal", "journal:", "journal:0", "journal:x"] {
            assert!(FailPoint::parse(text).is_none(), "{text}");
        }
    }
}
