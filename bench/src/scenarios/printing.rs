//! P6: agents that print much, four at once.

use super::Bench;
use crate::Problem;
use crate::beside::{Side, short_agent_ms};
use crate::measure::{Sample, timed};
use crate::pairs::{cpu, wall};
use crate::printer::{Crowd, Form, Sink, Taken, into, take_in_child};
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
        "pipe s",
        "file s",
        "of pipe",
        "of pairs",
        "of file",
        "hew cpu s",
        "pipe cpu s",
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

/// What agents took that were measured in turn, both floors first.
#[derive(Debug, Default)]
struct Rounds {
    file: Vec<Sample>,
    pipe: Vec<Sample>,
    hew: Vec<Sample>,
    peak_kib: u64,
}

impl Rounds {
    fn play(&mut self, bench: &Bench<'_>, form: Form, megabytes: usize) -> Result<(), Problem> {
        let (printed, file) = floor(bench, Sink::File, form, megabytes)?;
        let (piped, pipe) = floor(bench, Sink::Pipe, form, megabytes)?;
        let (taken, taking) =
            in_folder(bench, form, megabytes, |crowd| timed(|| take_in_child(crowd, &bench.ground.program)))?;
        let Taken { bytes, seconds, peak_kib } = taken;
        if (piped, bytes) != (printed, printed) {
            return Err(format!("void run: {printed} bytes were printed, {piped} piped, {bytes} taken"));
        }
        self.file.push(file);
        self.pipe.push(pipe);
        self.hew.push(Sample { wall: seconds, ..taking });
        self.peak_kib = self.peak_kib.max(peak_kib);
        Ok(())
    }

    fn ratios(&self, floor: &[Sample]) -> Vec<f64> {
        self.hew.iter().zip(floor).map(|(hew, floor)| hew.wall / floor.wall).collect()
    }
}

fn floor(bench: &Bench<'_>, sink: Sink, form: Form, megabytes: usize) -> Result<(u64, Sample), Problem> {
    in_folder(bench, form, megabytes, |crowd| timed(|| into(sink, crowd)))
}

/// Each in a folder of its own, gone before the next begins: what one wrote must not cost another.
fn in_folder<T>(
    bench: &Bench<'_>,
    form: Form,
    megabytes: usize,
    work: impl FnOnce(Crowd<'_>) -> Result<T, Problem>,
) -> Result<T, Problem> {
    let folder = tempfile::tempdir_in(bench.ground.place).map_err(|error| error.to_string())?;
    work(Crowd { form, megabytes, agents: AGENTS, folder: folder.path() })
}

/// Held against the pipe: whoever reads what an agent prints has that between them.
fn one(
    bench: &Bench<'_>,
    form: Form,
    megabytes: usize,
    target: f64,
    pairs: usize,
    table: &mut Table,
) -> Result<(), Problem> {
    let mut rounds = Rounds::default();
    for _ in 0..pairs {
        rounds.play(bench, form, megabytes)?;
    }
    let (of_pipe, of_file) = (rounds.ratios(&rounds.pipe), rounds.ratios(&rounds.file));
    let (low, high) = range(&of_pipe);
    let peak = f64::from(u32::try_from(rounds.peak_kib).unwrap_or(u32::MAX)) / 1024.0;
    let cells = vec![
        form.name().to_owned(),
        megabytes.to_string(),
        seconds(wall(&rounds.hew)),
        seconds(wall(&rounds.pipe)),
        seconds(wall(&rounds.file)),
        ratio(median(&of_pipe)),
        format!("{low:.2}..{high:.2}"),
        ratio(median(&of_file)),
        seconds(cpu(&rounds.hew)),
        seconds(cpu(&rounds.pipe)),
        format!("{peak:.0}"),
    ];
    let row = |of: &str| [cells.clone(), vec![of.to_owned()]].concat();
    if megabytes >= LEAST_COMPARED {
        table.row(row("of pipe"), median(&of_pipe), target);
    }
    table.row(row("peak MB"), peak, MEMORY_TARGET_MB);
    Ok(())
}
