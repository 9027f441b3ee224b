//! P1 and P2: independent tasks drained by floor and hew in pairs.

use super::Bench;
use crate::Problem;
use crate::pairs::{Counted, Drain, Pairs, cpu, wall};
use crate::report::{Table, ratio, seconds};
use crate::stats::{figure, slope};
use crate::workload::Workload;

/// How long each agent sleeps.
const TASK_MILLIS: u64 = 1000;

/// Files of the repository in P1.
const FILES: usize = 1000;

const P1_TARGET: f64 = 1.10;
const P2_TARGET: f64 = 1.15;
const SLOPE_TARGET: f64 = 1.2;

const HEAD: [&str; 9] =
    ["size", "hew s", "floor s", "ratio", "of pairs", "hew cpu s", "floor cpu s", "git hew", "git floor"];

/// P1: 6N tasks by N workers.
pub(crate) fn by_workers(bench: &mut Bench<'_>) -> Result<bool, Problem> {
    let sizes = bench.sizes(&[2, 8], &[1, 2, 4, 8, 16]);
    let pairs = bench.pairs(1, 5);
    let rounds = if bench.args.quick { 3 } else { 6 };
    let mut head = HEAD.to_vec();
    head.push("of ideal");
    let title = format!("P1  {rounds}N tasks of {TASK_MILLIS} ms by N workers, {FILES} files, {pairs} pairs");
    let mut table = Table::new(title, &head);
    bench.template(FILES)?;
    for jobs in sizes {
        let workload = Workload::independent(rounds * jobs, TASK_MILLIS);
        let (measured, counted) = measure(bench, FILES, &workload, jobs, pairs)?;
        bench.print_calls(jobs, &counted);
        let ideal = figure(rounds) * figure(usize::try_from(TASK_MILLIS).unwrap_or(0)) / 1000.0;
        let mut cells = cells(jobs, &measured, &counted);
        cells.push(ratio(wall(&measured.hew) / ideal));
        table.row(cells, measured.ratio().0, P1_TARGET);
    }
    Ok(table.print())
}

/// P2: 48 tasks by 4 workers in larger and larger repositories.
pub(crate) fn by_files(bench: &mut Bench<'_>) -> Result<bool, Problem> {
    let sizes = bench.sizes(&[100, 1000], &[100, 1000, 10_000, 50_000]);
    let pairs = bench.pairs(1, 5);
    let tasks = if bench.args.quick { 16 } else { 48 };
    let workload = Workload::independent(tasks, TASK_MILLIS);
    let title = format!("P2  {tasks} tasks of {TASK_MILLIS} ms by 4 workers, by files, {pairs} pairs");
    let mut table = Table::new(title, &HEAD);
    let (mut floor, mut hew) = (Vec::new(), Vec::new());
    for files in &sizes {
        let (measured, counted) = measure(bench, *files, &workload, 4, pairs)?;
        bench.print_calls(*files, &counted);
        floor.push((figure(*files), wall(&measured.floor)));
        hew.push((figure(*files), wall(&measured.hew)));
        table.row(cells(*files, &measured, &counted), measured.ratio().0, P2_TARGET);
    }
    // Between 100 and 1000 files a slope is all noise.
    if sizes.iter().any(|files| *files >= 10_000) {
        let (floor, hew) = (slope(&floor), slope(&hew));
        let micros = |slope: f64| format!("{:.1} us/file", slope * 1e6);
        let cells = vec!["slope".to_owned(), micros(hew), micros(floor), ratio(hew / floor)];
        let blank = HEAD.len() - cells.len();
        table.row([cells, vec![String::new(); blank]].concat(), hew / floor, SLOPE_TARGET);
    }
    Ok(table.print())
}

fn measure(
    bench: &mut Bench<'_>,
    files: usize,
    workload: &Workload,
    jobs: usize,
    pairs: usize,
) -> Result<(Pairs, Counted), Problem> {
    bench.template(files)?;
    let template = bench.made(files);
    // The count needs no sleeping agents.
    let awake = Workload::independent(workload.len(), 0);
    let counted = bench.ground.count_git(Drain { template, workload: &awake, jobs })?;
    let measured = bench.ground.pairs(Drain { template, workload, jobs }, pairs)?;
    Ok((measured, counted))
}

fn cells(size: usize, measured: &Pairs, counted: &Counted) -> Vec<String> {
    let (middle, (low, high)) = measured.ratio();
    vec![
        size.to_string(),
        seconds(wall(&measured.hew)),
        seconds(wall(&measured.floor)),
        ratio(middle),
        format!("{low:.2}..{high:.2}"),
        seconds(cpu(&measured.hew)),
        seconds(cpu(&measured.floor)),
        counted.each(&counted.hew),
        counted.each(&counted.floor),
    ]
}
