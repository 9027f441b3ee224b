//! An exchange file of beads: what is taken from it and written is taken again, whole, and nothing of it is bad.

#![no_main]

use hew_core::tracker::TrackerError;
use hew_core::tracker::jsonl::{ImportPlan, plan_import, write_lines};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(plan) = import(text, true) else { return };
    let written = write_lines(&plan.tasks, &plan.memories);
    let again = import(&written, false).expect("what hew writes has no bad line");
    assert_eq!((sorted(&again), again.memories), (sorted(&plan), plan.memories));
});

fn import(text: &str, skip_bad: bool) -> Result<ImportPlan, TrackerError> {
    plan_import(text, skip_bad, |_| Ok(None), |_| Ok(None))
}

/// The tasks in the order of their ids, in which they are written.
fn sorted(plan: &ImportPlan) -> Vec<String> {
    let mut records: Vec<String> = plan.tasks.iter().map(|task| format!("{} {task:?}", task.id)).collect();
    records.sort();
    records
}
