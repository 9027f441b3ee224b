//! Both trackers keep the contract of every tracker.

use std::cell::RefCell;
use std::sync::Arc;

use hew::adapters::bd::{BdTracker, LIMIT, Program};
use hew::adapters::embedded::EmbeddedTracker;
use hew_testkit::bd;
use hew_testkit::contract::tracker::{Ways, tracker_contract, tracker_contract_part};
use hew_testkit::tracker_clock::TickingClock;

#[test]
fn the_embedded_tracker_keeps_the_contract() {
    let folders = RefCell::new(Vec::new());
    tracker_contract(&Ways::of_hew(), &|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hew/tracker/tasks.db");
        folders.borrow_mut().push(folder);
        Box::new(EmbeddedTracker::open(&path, "app", Arc::new(TickingClock::default())).unwrap())
    });
}

/// Each of its questions is a program's run: two tests take turns less than one.
fn bd_contract(part: usize) {
    if bd::program().is_none() {
        return;
    }
    let folders = RefCell::new(Vec::new());
    tracker_contract_part(&Ways::of_bd(), (part, 2), &|| {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        bd::make_store(folder.path());
        let beads_dir = folder.path().join(".beads");
        let program = Program { command: "bd".to_owned(), beads_dir, limit: LIMIT, has_hooks: true };
        let shared = folder.path().join("shared");
        folders.borrow_mut().push(folder);
        let tracker = BdTracker::open(program, &shared, Arc::new(TickingClock::default()));
        Box::new(tracker.expect("bd answers its version"))
    });
}

#[test]
fn bd_keeps_the_first_half_of_the_contract() {
    bd_contract(0);
}

#[test]
fn bd_keeps_the_second_half_of_the_contract() {
    bd_contract(1);
}
