//! P6: agents that print much, four at once.

use super::Bench;
use crate::Problem;
use crate::beside::{Side, short_agent_ms};
use crate::measure::{Sample, timed};
use crate::pairs::{cpu, wall};
use crate::printer::{Crowd, Form, into_files, take_in_child};
use crate::report::{Table, ratio, seconds};
use crate::stats::{median, range};

const AGENTS: usize = 4;
const MEMORY_TARGET_MB: f64 = 64.0;
/// How much longer a short agent may take beside those that print.
const MORE_MS_TARGET: f64 = 50.0;
/// Below this many megabytes the start of four processes is what takes time, which P1 measures.
const LEAST_COMPARED: usize = 50;

/// P6.
pub(crate) fn by_size(bench: &Bench<'_>) -> Result<bool, Problem> {
    let sizes = bench.sizes(&[1, 50], &[1, 100, 1000]);
    let pairs = bench.pairs(3, 5);
    let head = [
        "form",
        "MB each",
        "hew s",
        "floor s",
        "ratio",
        "of pairs",
        "hew cpu s",
        "floor cpu s",
        "peak MB",
        "of",
    ];
    let mut table = Table::new(format!("P6  {AGENTS} agents that print, at once"), &head);
    for (form, target) in [(Form::Lines, 1.5), (Form::OneLine, 1.5), (Form::Stream, 2.5)] {
        for size in &sizes {
            one(bench, form, *size, target, pairs, &mut table)?;
        }
    }
    let are_met = table.print();
    Ok(beside(bench, pairs)? && are_met)
}

/// What a short agent takes beside them, against beside the same that print into files.
fn beside(bench: &Bench<'_>, pairs: usize) -> Result<bool, Problem> {
    let head = ["form", "MB each", "hew ms", "floor ms", "more ms", "of pairs"];
    let mut table = Table::new(format!("P6  a short agent beside {AGENTS} that print"), &head);
    let megabytes = bench.sizes(&[50], &[100]).into_iter().max().unwrap_or(LEAST_COMPARED);
    for form in [Form::Lines, Form::OneLine, Form::Stream] {
        let (mut floor, mut hew, mut more) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..pairs {
            let folder = tempfile::tempdir_in(bench.ground.place).map_err(|error| error.to_string())?;
            let crowd = Crowd { form, megabytes, agents: AGENTS, folder: folder.path() };
            floor.push(short_agent_ms(crowd, Side::Files, &bench.ground.program)?);
            hew.push(short_agent_ms(crowd, Side::Spawner, &bench.ground.program)?);
            more.push(hew[hew.len() - 1] - floor[floor.len() - 1]);
        }
        let (low, high) = range(&more);
        let figures = [&hew, &floor, &more].map(|all| format!("{:.1}", median(all)));
        let mut cells = vec![form.name().to_owned(), megabytes.to_string()];
        cells.extend(figures);
        cells.push(format!("{low:.1}..{high:.1}"));
        table.row(cells, median(&more), MORE_MS_TARGET);
    }
    Ok(table.print())
}

fn one(
    bench: &Bench<'_>,
    form: Form,
    megabytes: usize,
    target: f64,
    pairs: usize,
    table: &mut Table,
) -> Result<(), Problem> {
    let (mut floor, mut hew, mut ratios, mut peak_kib) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for _ in 0..pairs {
        let folder = tempfile::tempdir_in(bench.ground.place).map_err(|error| error.to_string())?;
        let crowd = Crowd { form, megabytes, agents: AGENTS, folder: folder.path() };
        let (printed, sample) = timed(|| into_files(crowd))?;
        let (taken, taking) = timed(|| take_in_child(crowd, &bench.ground.program))?;
        if taken.bytes != printed {
            return Err(format!("void run: {printed} bytes were printed, and {} were taken", taken.bytes));
        }
        floor.push(sample);
        hew.push(Sample { wall: taken.seconds, ..taking });
        ratios.push(taken.seconds / sample.wall);
        peak_kib = peak_kib.max(taken.peak_kib);
    }
    let (low, high) = range(&ratios);
    let peak = f64::from(u32::try_from(peak_kib).unwrap_or(u32::MAX)) / 1024.0;
    let cells = vec![
        form.name().to_owned(),
        megabytes.to_string(),
        seconds(wall(&hew)),
        seconds(wall(&floor)),
        ratio(median(&ratios)),
        format!("{low:.2}..{high:.2}"),
        seconds(cpu(&hew)),
        seconds(cpu(&floor)),
        format!("{peak:.0}"),
    ];
    let row = |of: &str| [cells.clone(), vec![of.to_owned()]].concat();
    if megabytes >= LEAST_COMPARED {
        table.row(row("ratio"), median(&ratios), target);
    }
    table.row(row("peak MB"), peak, MEMORY_TARGET_MB);
    Ok(())
}
