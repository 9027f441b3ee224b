//! A made-up night of any size: workers side by side, tokens and models, failures that are tried again, parked tasks.

use hew_core::exit::Exit;
use hew_core::ids::IterationId;
use hew_core::record::IterationOutcome;
use hew_core::record::event::{LeftoverRecord, StopReason, TaskChange};
use hew_core::usage::Usage;

use crate::journal::{JournalBuilder, iteration};

/// Titles of tasks, in turn.
const TITLES: [&str; 8] = [
    "Read settings from the project file",
    "Name the file and line in every error",
    "Print dates in the user's own time zone",
    "Keep the old file until the new one is whole",
    "Say what a refused push means and what to do about it",
    "Count what the cache saves",
    "Describe the wire format",
    "Close the socket before the process ends",
];

/// What happens when, to which iteration.
struct Step {
    at_ms: u64,
    id: IterationId,
    number: usize,
    what: What,
}

#[derive(Clone, Copy)]
enum What {
    Start,
    End,
}

/// A run of so many workers and iterations. The same every time.
pub fn night(jobs: u16, iterations: usize) -> JournalBuilder {
    let mut journal = JournalBuilder::launch(jobs, 0x0051_4e17);
    journal.baseline();
    for step in steps(jobs, iterations) {
        let wait = step.at_ms.saturating_sub(journal.elapsed_ms());
        journal.after_ms(wait);
        match step.what {
            What::Start => start(&mut journal, &step),
            What::End => end(&mut journal, &step),
        }
    }
    let left = LeftoverRecord {
        task: "app-0".into(),
        title: "Write the manual".to_owned(),
        why: "waits for app-13".to_owned(),
    };
    journal.run_ended(StopReason::ReadyEmpty, 1, vec![left], Vec::new());
    journal
}

/// Each iteration goes to the worker that is free first.
fn steps(jobs: u16, iterations: usize) -> Vec<Step> {
    let mut free: Vec<(u64, u16, u32)> = (0..jobs).map(|worker| (1_000, worker, 0)).collect();
    let mut steps = Vec::new();
    for number in 0..iterations {
        free.sort_unstable();
        let (at, worker, begun) = free[0];
        let id = iteration(worker, begun + 1);
        let ends = at + 240_000 + odd(number) % 1_500_000;
        steps.push(Step { at_ms: at, id, number, what: What::Start });
        steps.push(Step { at_ms: ends, id, number, what: What::End });
        free[0] = (ends + 2_000, worker, begun + 1);
    }
    steps.sort_by_key(|step| step.at_ms);
    steps
}

/// A figure that looks like chance.
fn odd(number: usize) -> u64 {
    (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33
}

/// Iterations from a red gate to the next attempt at its task.
const LATER: usize = 25;

/// The task and which attempt at it: one whose gate was red comes again a while later.
fn task(number: usize) -> (String, u32) {
    let first =
        number.checked_sub(LATER).filter(|first| outcome(*first) == IterationOutcome::BackpressureFail);
    (format!("app-{}", first.unwrap_or(number) + 1), if first.is_some() { 2 } else { 1 })
}

fn outcome(number: usize) -> IterationOutcome {
    match number % 39 {
        12 => IterationOutcome::BackpressureFail,
        24 => IterationOutcome::TimedOut,
        30 => IterationOutcome::Conflict,
        35 => IterationOutcome::NoClose,
        _ => IterationOutcome::Closed,
    }
}

fn start(journal: &mut JournalBuilder, step: &Step) {
    let (id, attempt) = task(step.number);
    let model = ["opus", "sonnet"][step.number % 2];
    let on = format!("app-{}", step.number.saturating_sub(6));
    let builds_on: &[&str] = if step.number % 5 == 3 { &[on.as_str()] } else { &[] };
    let title = TITLES[step.number % TITLES.len()];
    journal
        .agents_are("claude", Some(model))
        .start_on(step.id, &id, title, attempt, builds_on)
        .spawn(step.id);
}

fn end(journal: &mut JournalBuilder, step: &Step) {
    let (id, _) = task(step.number);
    let size = odd(step.number + 7) % 9_000;
    let usage = Usage { input: size, output: size / 3, cache_read: size * 40, cache_create: size * 2 };
    #[expect(clippy::cast_precision_loss, reason = "made-up prices")]
    let cost = usage.total() as f64 * 0.000_002;
    journal.agents_use(usage, Some(cost)).exit(step.id, Exit::Code(0), 5);
    let outcome = outcome(step.number);
    match outcome {
        IterationOutcome::Closed => {
            journal.collect(step.id).gate(step.id, Exit::Code(0)).land(step.id, &id);
        }
        IterationOutcome::BackpressureFail => {
            journal.collect(step.id).gate(step.id, Exit::Code(101));
            journal.end(step.id, &id, outcome, "gate red: cargo test (exit code 101)");
        }
        IterationOutcome::Conflict => {
            let why = "3 attempts, the last one a conflict";
            journal.collect(step.id).change(step.id, &id, TaskChange::Parked { reason: why.to_owned() });
            journal.end(step.id, &id, outcome, "its work conflicts with what landed meanwhile in src/lib.rs");
        }
        IterationOutcome::TimedOut => {
            journal.end(step.id, &id, outcome, "60m were up");
        }
        _ => {
            journal.end(step.id, &id, outcome, "ended without a word");
        }
    }
}
