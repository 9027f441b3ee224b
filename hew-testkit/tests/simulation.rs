//! Whole runs by chance, each step judged by the rules in `scenario/rules.rs`.
//!
//! A failure names its case; `HEW_CASE=<case> cargo test -p hew-testkit --test simulation replay` plays it again, and
//! `PROPTEST_CASES=100000` plays more.

use hew_core::record::StopReason;
use hew_testkit::scenario::simulation::{Case, play};
use proptest::prelude::*;

/// Cases where nothing is said of how many.
const CASES: u32 = 300;

fn cases() -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok());
    ProptestConfig { cases: asked.unwrap_or(CASES), failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn every_run_keeps_the_rules_and_ends(
        seed: u64,
        tasks in 1_usize..10,
        jobs in 1_u16..5,
        trouble in 0_u64..80,
        meddling in 0_usize..12,
    ) {
        let case = Case { seed, tasks, jobs, trouble, meddling };
        let played = std::panic::catch_unwind(|| play(case).exit());
        let again = "cargo test -p hew-testkit --test simulation replay";
        prop_assert!(played.is_ok(), "play it again by: HEW_CASE={case} {again}");
    }
}

#[test]
fn the_same_case_is_the_same_run() {
    let case = Case { seed: 7, tasks: 8, jobs: 3, trouble: 50, meddling: 6 };
    assert_eq!(play(case).transcript(), play(case).transcript());
    assert_eq!(case.to_string().parse(), Ok(case));
}

#[test]
fn without_trouble_every_task_lands() {
    for seed in 0..200 {
        let run = play(Case { seed, tasks: 9, jobs: 3, trouble: 0, meddling: 0 });
        let whole = run.landed().len() == 9 && run.left_over().is_empty();
        let limited = matches!(run.stop_reason(), Some(StopReason::MaxIter | StopReason::BudgetTokens));
        assert!(whole || limited, "{}", run.transcript());
    }
}

/// Plays the case that `HEW_CASE` names, and prints what happened.
#[test]
fn replay() {
    let Ok(case) = std::env::var("HEW_CASE") else { return };
    let case: Case = case.parse().expect("HEW_CASE is as a failure printed it");
    let run = play(case);
    println!("{}", run.transcript());
}
