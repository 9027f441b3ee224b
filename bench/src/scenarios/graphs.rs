//! P4: graphs, against the lower bound and a greedy dispatcher that pay what the floor pays in the same run.

use std::time::Duration;

use super::{Bench, cores};
use crate::Problem;
use crate::pairs::{Drain, wall};
use crate::report::{Table, ratio, seconds};
use crate::schedule::{Costs, Means, greedy, lower_bound};
use crate::stats::figure;
use crate::workload::Workload;

const FILES: usize = 1000;
const BOUND_TARGET: f64 = 1.15;
const GREEDY_TARGET: f64 = 1.05;

/// How long agents sleep, as in P1 and P2: in chain and diamond, and the median of the layered graph's. A fraction of
/// what a real one takes.
const TASK_MILLIS: u64 = 1000;
const SEED: u64 = 20_260_101;

/// Tasks from which the floor's costs are taken.
const PROBES: usize = 24;

/// P4.
pub(crate) fn by_graph(bench: &mut Bench<'_>) -> Result<bool, Problem> {
    let sizes = bench.sizes(&[4], &[1, 4, 16]);
    let runs = bench.pairs(1, 1);
    let random = if bench.args.quick { 60 } else { 500 };
    let graphs = [
        ("chain 30", Workload::chain(30, TASK_MILLIS)),
        ("diamond 1-64-1", Workload::diamond(64, TASK_MILLIS)),
        ("layered", Workload::layered(random, TASK_MILLIS, SEED)),
    ];
    bench.template(FILES)?;
    let title = format!(
        "P4  chain and diamond of {TASK_MILLIS} ms, {random} layered tasks (log-normal, median {TASK_MILLIS} ms, \
         seed {SEED}), {FILES} files, {runs} runs"
    );
    let head = ["graph", "N", "hew s", "bound s", "greedy s", "against", "ratio"];
    let mut table = Table::new(title, &head);
    for jobs in sizes {
        let costs = costs(bench, jobs)?;
        println!(
            "floor with {jobs} workers: prepare {} us, commit {} us, land {} us a task; {} ms a run",
            costs.prepare,
            costs.commit,
            costs.land,
            costs.run / 1000
        );
        for (name, workload) in &graphs {
            let means = Means { jobs, cores: cores() };
            let micros = |micros: u64| Duration::from_micros(micros).as_secs_f64();
            let bound = micros(lower_bound(workload, means, costs));
            let greedy = micros(greedy(workload, means, costs));
            let hew = repeat(bench, workload, jobs, runs)?;
            for (against, base, target) in [("bound", bound, BOUND_TARGET), ("greedy", greedy, GREEDY_TARGET)]
            {
                let times = [hew, bound, greedy].map(seconds);
                let mut cells = vec![(*name).to_owned(), jobs.to_string()];
                cells.extend(times);
                cells.extend([against.to_owned(), ratio(hew / base)]);
                table.row(cells, hew / base, target);
            }
        }
    }
    Ok(table.print())
}

fn repeat(bench: &Bench<'_>, workload: &Workload, jobs: usize, runs: usize) -> Result<f64, Problem> {
    let drain = Drain { template: bench.made(FILES), workload, jobs };
    let once = |_| bench.ground.hew(drain, bench.ground.environment).map(|seen| seen.sample);
    let samples: Result<Vec<_>, Problem> = (0..runs).map(once).collect();
    Ok(wall(&samples?))
}

/// A task's costs as one worker pays them, alone on the machine; a run's costs as this many workers pay them.
fn costs(bench: &Bench<'_>, jobs: usize) -> Result<Costs, Problem> {
    let workload = Workload::independent(PROBES, 0);
    let probe = |jobs| {
        let drain = Drain { template: bench.made(FILES), workload: &workload, jobs };
        bench.ground.floor(drain, bench.ground.environment).map(|(_, phases)| phases)
    };
    let (one, all) = (probe(1)?, probe(jobs)?);
    let each = |spent: Duration| micros(spent.div_f64(figure(PROBES)));
    Ok(Costs {
        prepare: each(one.prepare),
        commit: each(one.agent),
        land: each(one.land),
        run: micros(all.run),
    })
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
