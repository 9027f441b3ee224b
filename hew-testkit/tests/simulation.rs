//! Simulated runs: a range of seeds, those that once broke a rule, and what the simulation stands on.
//!
//! More are played by `cargo run --release -p hew-testkit --bin sim -- --seeds 0..100000`.

use std::path::Path;

use hew_testkit::sim::deliberate::faults_in;
use hew_testkit::sim::{Case, Tally, play, replay};

/// Seeds that are played with every test run.
const SEEDS: u64 = 600;

/// Seeds that found a fault of hew, and what it was.
const FOUND: [(u64, &str); 11] = [
    (10095, "a folder that an agent had left as it was was reset where its branch did not land"),
    (27895, "a commit in such a folder was dropped with it"),
    (38735, "a branch that a crash had cut off from being given up landed in part, with what was given back"),
    (14624, "a run dispatched a bug that it had filed itself, where the tracker's answer was lost"),
    (14656, "a blocked task was tried again after a crash, where the tracker could not be told"),
    (
        23241,
        "what an agent had put on the run branch was taken for the merge of a delivery that a crash cut off",
    ),
    (
        7733,
        "a task whose attempts were used up was tried again after a crash, where the tracker could not be told",
    ),
    (917, "a loss of power made the run collect a folder again that the next task had been given"),
    (709, "a loss of power took the gate's verdict, and what had landed was merged again"),
    (332, "a branch that had moved before git failed was taken for somebody's meddling"),
    (106, "a loss of power made the run forget a folder in which an agent had left files"),
];

/// Things that a range of runs has to have played.
const PLAYED: [&str; 31] = [
    "landings",
    "branches kept",
    "conflicts",
    "gates red",
    "gates timed out",
    "crashes",
    "losses of power",
    "resumes",
    "journals that could not be written",
    "claims lost",
    "closes refused",
    "tasks parked",
    "tasks reopened",
    "bugs filed",
    "folders kept",
    "escapes",
    "retries",
    "rests",
    "stand-ins",
    "planner calls",
    "verifications",
    "targets moved",
    "deliveries refused",
    "signals",
    "stops",
    "runs out of tokens",
    "runs out of money",
    "runs out of time",
    "runs out of iterations",
    "agents timed out",
    "tasks closed by people",
];

fn play_seeds(seeds: impl Iterator<Item = u64>) -> Tally {
    let mut all = Tally::default();
    for seed in seeds {
        let played = play(&Case::of(seed));
        let again = "cargo run -p hew-testkit --bin sim -- --replay";
        assert_eq!(played.broken, None, "play it again by: {again} {seed}");
        all.merge(&played.tally);
    }
    all
}

#[test]
fn every_rule_holds_in_every_run_and_nothing_is_left_unplayed() {
    let played = play_seeds(0..SEEDS);
    let absent: Vec<&str> = PLAYED.into_iter().filter(|what| played.of(what) == 0).collect();
    assert!(absent.is_empty(), "never happened: {absent:?}\n{played}");
}

#[test]
fn what_once_broke_a_rule_breaks_none() {
    for (seed, was) in FOUND {
        let played = play(&Case::of(seed));
        assert_eq!(played.broken, None, "seed {seed}: {was}");
    }
}

#[test]
fn the_same_seed_is_the_same_run() {
    for seed in 0..20 {
        let (first, second) = (replay(&Case::of(seed)), replay(&Case::of(seed)));
        assert_eq!(first.story, second.story);
        assert_eq!(first.tally, second.tally);
    }
}

#[test]
fn every_deliberate_fault_fits_the_sources() {
    let testkit = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources = testkit.parent().expect("it lies in the project");
    let faults = faults_in(&testkit.join("faults")).unwrap();
    assert!(faults.len() >= 15, "there are {}", faults.len());
    for fault in &faults {
        fault.changed(sources).unwrap();
    }
}
