//! The embedded tracker keeps the contract of every tracker.

use std::cell::RefCell;
use std::sync::Arc;

use hew::adapters::embedded::EmbeddedTracker;
use hew_testkit::contract::tracker::tracker_contract;
use hew_testkit::tracker_clock::TickingClock;

#[test]
fn the_embedded_tracker_keeps_the_contract() {
    let folders = RefCell::new(Vec::new());
    tracker_contract(&|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hew/tracker/tasks.db");
        folders.borrow_mut().push(folder);
        Box::new(EmbeddedTracker::open(&path, "app", Arc::new(TickingClock::default())).unwrap())
    });
}
