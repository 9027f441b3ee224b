//! P5: what it takes to look at a recorded run.

use std::path::Path;
use std::process::{Command, Stdio};

use super::Bench;
use crate::Problem;
use crate::measure::{Sample, timed, wait_with_peak};
use crate::pairs::{cpu, wall};
use crate::recorded::{self, Recorded};
use crate::report::{Table, ratio};
use crate::stats::{median, range};

const RATIO_TARGET: f64 = 3.0;
const MEMORY_TARGET_MB: f64 = 200.0;
const LIST_TARGET_MS: f64 = 50.0;

/// Views that show every iteration.
const VIEWS: [(&str, &[&str]); 7] = [
    ("summary", &["loop", "summary"]),
    ("summary --json", &["loop", "summary", "--json"]),
    ("logs", &["loop", "logs"]),
    ("logs --json", &["loop", "logs", "--json"]),
    ("graph", &["loop", "graph", "--format", "ascii"]),
    ("graph mermaid", &["loop", "graph", "--format", "mermaid"]),
    ("report", &["loop", "report", "--out", "report.html"]),
];

/// P5. The floor is linear, so that a view within the target at every size is, too.
pub(crate) fn by_iterations(bench: &Bench<'_>) -> Result<bool, Problem> {
    let sizes = bench.sizes(&[100, 5_000], &[100, 10_000, 100_000]);
    let pairs = bench.pairs(3, 5);
    let head =
        ["iterations", "view", "hew ms", "floor ms", "ratio", "of pairs", "cpu ratio", "peak MB", "of"];
    let mut table = Table::new("P5  views of a recorded run", &head);
    for size in sizes {
        let count = u32::try_from(size).map_err(|error| error.to_string())?;
        let place = tempfile::tempdir_in(bench.ground.place).map_err(|error| error.to_string())?;
        let run = recorded::make(bench.ground.environment, &place.path().join("project"), count)?;
        for (name, words) in VIEWS {
            view(bench, &run, size, name, words, pairs, &mut table)?;
        }
        list(bench, &run, size, pairs, &mut table)?;
    }
    Ok(table.print())
}

fn view(
    bench: &Bench<'_>,
    run: &Recorded,
    size: usize,
    name: &str,
    words: &[&str],
    pairs: usize,
    table: &mut Table,
) -> Result<(), Problem> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let run_folder = run.run.display().to_string();
    let (mut floor, mut hew) = (Vec::new(), Vec::new());
    for _ in 0..pairs {
        floor.push(once(
            bench.ground.environment.command(&own).args(["read-run", &run_folder]),
            &run.project,
        )?);
        hew.push(look(bench, run, words)?);
    }
    let ratios: Vec<f64> = hew.iter().zip(&floor).map(|(hew, floor)| hew.wall / floor.wall).collect();
    let (low, high) = range(&ratios);
    let peak = peak_mb(&hew);
    let cells = vec![
        size.to_string(),
        name.to_owned(),
        format!("{:.1}", 1e3 * wall(&hew)),
        format!("{:.1}", 1e3 * wall(&floor)),
        ratio(median(&ratios)),
        format!("{low:.2}..{high:.2}"),
        ratio(cpu(&hew) / cpu(&floor)),
        format!("{peak:.0}"),
    ];
    let row = |of: &str| [cells.clone(), vec![of.to_owned()]].concat();
    table.row(row("ratio"), median(&ratios), RATIO_TARGET);
    table.row(row("peak MB"), peak, MEMORY_TARGET_MB);
    Ok(())
}

/// The whole process of `hew loop list`, which reads no journal while run.json is up to date.
fn list(
    bench: &Bench<'_>,
    run: &Recorded,
    size: usize,
    pairs: usize,
    table: &mut Table,
) -> Result<(), Problem> {
    let samples = (0..pairs).map(|_| look(bench, run, &["loop", "list"])).collect::<Result<Vec<_>, _>>()?;
    let millis = 1e3 * wall(&samples);
    let mut cells = vec![size.to_string(), "list".to_owned(), format!("{millis:.1}")];
    cells.extend(["-", "-", "-", "-"].map(str::to_owned));
    cells.extend([format!("{:.0}", peak_mb(&samples)), "hew ms".to_owned()]);
    table.row(cells, millis, LIST_TARGET_MS);
    Ok(())
}

fn peak_mb(samples: &[Sample]) -> f64 {
    let peak = samples.iter().map(|sample| sample.peak_kib).max().unwrap_or(0);
    f64::from(u32::try_from(peak).unwrap_or(u32::MAX)) / 1024.0
}

fn look(bench: &Bench<'_>, run: &Recorded, words: &[&str]) -> Result<Sample, Problem> {
    once(bench.ground.environment.command(&bench.ground.program).args(words), &run.project)
}

fn once(command: &mut Command, folder: &Path) -> Result<Sample, Problem> {
    command.current_dir(folder).stdout(Stdio::null()).stderr(Stdio::null());
    let run = || command.spawn().map_err(|error| error.to_string()).and_then(wait_with_peak);
    let ((code, peak_kib), sample) = timed(run)?;
    if code != Some(0) {
        return Err(format!("void run: {command:?} ended with {code:?}"));
    }
    Ok(Sample { peak_kib, ..sample })
}
