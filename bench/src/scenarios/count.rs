//! P3: what a task costs in a small and in a large run.

use super::Bench;
use crate::Problem;
use crate::in_process;
use crate::pairs::Drain;
use crate::report::{Table, ratio};
use crate::stats::{figure, median};
use crate::workload::Workload;

const FILES: usize = 1000;
const JOBS: usize = 2;
const GROWTH_TARGET: f64 = 1.1;
const ENGINE_TARGET_MS: f64 = 1.0;
const MEMORY_TARGET_MB: f64 = 150.0;

/// P3.
pub(crate) fn by_tasks(bench: &mut Bench<'_>) -> Result<bool, Problem> {
    let processes = with_processes(bench)?;
    let large = without_processes(bench)?;
    Ok(processes && large)
}

/// One run of the largest size between two rounds of the smallest, and its end against its own beginning.
fn with_processes(bench: &mut Bench<'_>) -> Result<bool, Problem> {
    let sizes = bench.sizes(&[50, 300], &[100, 2000]);
    let (Some(small), Some(large)) = (sizes.iter().min(), sizes.iter().max()) else {
        return Err("P3 needs a size".to_owned());
    };
    let rounds = bench.pairs(1, 5).div_ceil(2);
    let title = format!("P3  tasks of 0 ms by {JOBS} workers, {FILES} files; cost a task after start-up");
    let mut table = Table::new(title, &["tasks", "ms/task", "first tenth", "last tenth", "peak MB", "ratio"]);
    bench.template(FILES)?;
    let mut few = repeat(bench, *small, rounds)?;
    let many = repeat(bench, *large, 1)?;
    few.extend(repeat(bench, *small, rounds)?);
    let base = median(&few.iter().map(|cost| cost.whole).collect::<Vec<_>>());
    for (size, costs) in [(small, &few), (large, &many)] {
        let of = |part: fn(&Cost) -> f64| median(&costs.iter().map(part).collect::<Vec<_>>());
        let grown = of(|cost| cost.whole) / base;
        let parts =
            [of(|cost| cost.whole), of(|cost| cost.first), of(|cost| cost.last), of(|cost| cost.peak_mb)];
        let mut cells = vec![size.to_string()];
        cells.extend(parts.map(|part| format!("{part:.1}")));
        cells.push(ratio(grown));
        table.row(cells, grown, GROWTH_TARGET);
    }
    Ok(table.print())
}

/// Milliseconds a task, by hew's own journal.
struct Cost {
    whole: f64,
    first: f64,
    last: f64,
    peak_mb: f64,
}

fn repeat(bench: &Bench<'_>, tasks: usize, times: usize) -> Result<Vec<Cost>, Problem> {
    let workload = Workload::independent(tasks, 0);
    let drain = Drain { template: bench.made(FILES), workload: &workload, jobs: JOBS };
    let once = |_| {
        let seen = bench.ground.hew(drain, bench.ground.environment)?;
        let tenth = (seen.ends.len() / 10).max(2);
        let peak_mb = f64::from(u32::try_from(seen.sample.peak_kib).unwrap_or(u32::MAX)) / 1024.0;
        Ok(Cost {
            whole: pace(&seen.ends),
            first: pace(&seen.ends[..tenth.min(seen.ends.len())]),
            last: pace(&seen.ends[seen.ends.len().saturating_sub(tenth)..]),
            peak_mb,
        })
    };
    (0..times).map(once).collect()
}

/// Milliseconds from one end to the next.
fn pace(ends: &[f64]) -> f64 {
    match (ends.first(), ends.last()) {
        (Some(first), Some(last)) if ends.len() > 1 => 1000.0 * (last - first) / figure(ends.len() - 1),
        _ => f64::NAN,
    }
}

fn without_processes(bench: &Bench<'_>) -> Result<bool, Problem> {
    let sizes: &[usize] = if bench.args.quick { &[1000, 10_000] } else { &[10_000, 100_000] };
    let head =
        ["tasks", "ms/task", "engine us", "journal us", "appends/task", "files at end s", "peak MB", "of"];
    let mut table =
        Table::new("P3  engine, journal and its files; jobs and tracker instant, in one process", &head);
    for size in sizes {
        let folder = tempfile::tempdir_in(bench.ground.place).map_err(|error| error.to_string())?;
        let figures = in_process::in_child(*size, folder.path())?;
        if figures.closed != *size {
            return Err(format!("void run: {} of {size} tasks closed in process", figures.closed));
        }
        let each = |seconds: f64| seconds / figure(*size);
        let peak = f64::from(u32::try_from(figures.peak_kib).unwrap_or(u32::MAX)) / 1024.0;
        let cells = vec![
            size.to_string(),
            format!("{:.3}", 1e3 * each(figures.seconds)),
            format!("{:.1}", 1e6 * each(figures.engine)),
            format!("{:.1}", 1e6 * each(figures.journal)),
            format!("{:.2}", each(figure(figures.appends))),
            format!("{:.2}", figures.files),
            format!("{peak:.0}"),
        ];
        let row = |of: &str| [cells.clone(), vec![of.to_owned()]].concat();
        table.row(row("ms/task"), 1e3 * each(figures.seconds), ENGINE_TARGET_MS);
        table.row(row("peak MB"), peak, MEMORY_TARGET_MB);
    }
    Ok(table.print())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pace_is_the_mean_step() {
        assert!((pace(&[1.0, 1.5, 1.6, 2.5]) - 500.0).abs() < 1e-9);
        assert!(pace(&[1.0]).is_nan());
    }
}
