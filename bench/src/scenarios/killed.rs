//! P8: P1 killed at a random moment and resumed. What it costs is the difference to undisturbed runs, in tasks.

use std::time::Duration;

use super::Bench;
use crate::Problem;
use crate::pairs::Drain;
use crate::report::{Table, seconds};
use crate::stats::{figure, median, range};
use crate::workload::{Random, Workload};

/// How long each agent sleeps.
const TASK_MILLIS: u64 = 1000;

/// Files of the repository.
const FILES: usize = 1000;

/// Undisturbed runs that the others are held against: one after so many that are killed.
const KILLED_PER_CALM: usize = 4;

/// A kill loses what every agent had done of its task, all of them at the same time: one task. The rest is what hew costs.
const TARGET: f64 = 1.2;

/// P8: 6N tasks by N workers.
pub(crate) fn by_workers(bench: &mut Bench<'_>) -> Result<bool, Problem> {
    let sizes = bench.sizes(&[4], &[4, 8]);
    let seeds = bench.pairs(4, 20);
    let rounds = if bench.args.quick { 3 } else { 6 };
    let head = ["workers", "undisturbed s", "killed s", "lost tasks", "of seeds"];
    let title = format!(
        "P8  {rounds}N tasks of {TASK_MILLIS} ms by N workers, killed once and resumed, {seeds} seeds"
    );
    let mut table = Table::new(title, &head);
    bench.template(FILES)?;
    for jobs in sizes {
        let workload = Workload::independent(rounds * jobs, TASK_MILLIS);
        let drain = Drain { template: bench.made(FILES), workload: &workload, jobs };
        let (calm, killed) = measure(bench, drain, seeds, rounds)?;
        let tasks =
            |wall: f64| (wall - median(&calm)) * 1000.0 / figure(usize::try_from(TASK_MILLIS).unwrap_or(1));
        let lost: Vec<f64> = killed.iter().map(|wall| tasks(*wall)).collect();
        let (low, high) = range(&lost);
        let cells = vec![
            jobs.to_string(),
            seconds(median(&calm)),
            seconds(median(&killed)),
            format!("{:.2}", median(&lost)),
            format!("{low:.2}..{high:.2}"),
        ];
        table.row(cells, median(&lost), TARGET);
    }
    Ok(table.print())
}

/// Seconds of undisturbed runs and of killed ones.
fn measure(
    bench: &Bench<'_>,
    drain: Drain<'_>,
    seeds: usize,
    rounds: usize,
) -> Result<(Vec<f64>, Vec<f64>), Problem> {
    let (mut calm, mut killed) = (Vec::new(), Vec::new());
    for seed in 0..seeds {
        if seed % KILLED_PER_CALM == 0 {
            calm.push(bench.ground.hew(drain, bench.ground.environment)?.sample.wall);
        }
        let mut random = Random(u64::try_from(seed).unwrap_or(0));
        let last = rounds * usize::try_from(TASK_MILLIS).unwrap_or(0);
        // Before the first agent there is nothing that could be lost.
        let millis = 300 + random.below(last - 300);
        let wait = Duration::from_millis(u64::try_from(millis).unwrap_or(0));
        killed.push(bench.ground.hew_killed(drain, wait)?.sample.wall);
    }
    Ok((calm, killed))
}
