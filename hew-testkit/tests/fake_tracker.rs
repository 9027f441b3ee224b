//! The fake tracker keeps the contract of every tracker.

use std::sync::Arc;

use hew_testkit::contract::tracker::{Ways, tracker_contract};
use hew_testkit::fake_tracker::FakeTracker;
use hew_testkit::tracker_clock::TickingClock;

#[test]
fn the_fake_keeps_the_contract() {
    tracker_contract(&Ways::of_hew(), &|| Box::new(FakeTracker::new(Arc::new(TickingClock::default()))));
}
