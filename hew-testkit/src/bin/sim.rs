//! Plays simulated runs: a range of seeds, or one again with its whole story.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use hew_testkit::sim::{Case, Tally, Trouble, play, replay, shrink};

/// What the command line says.
enum Wanted {
    Range(Range),
    Again(Case),
}

/// Seeds to be played.
struct Range {
    from: u64,
    to: u64,
    threads: usize,
    /// To the end, whatever is found.
    keeps_going: bool,
    /// What is found is made smaller.
    shrinks: bool,
}

const USAGE: &str = "\
sim --seeds A..B [--jobs N] [--keep-going] [--no-shrink]
sim --replay SEED [--tasks N] [--without KIND,KIND]";

fn main() -> ExitCode {
    match read(std::env::args().skip(1).collect()) {
        Ok(Wanted::Range(range)) => play_range(&range),
        Ok(Wanted::Again(case)) => play_again(&case),
        Err(problem) => {
            eprintln!("{problem}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn read(args: Vec<String>) -> Result<Wanted, String> {
    let (mut seeds, mut again, mut keeps_going, mut shrinks) = (None, None, false, true);
    let mut threads = std::thread::available_parallelism().map_or(2, usize::from);
    let (mut tasks, mut without) = (usize::MAX, std::collections::BTreeSet::new());
    let mut args = args.into_iter();
    while let Some(flag) = args.next() {
        if flag == "--keep-going" {
            keeps_going = true;
            continue;
        }
        if flag == "--no-shrink" {
            shrinks = false;
            continue;
        }
        let value = args.next().ok_or(format!("{flag} needs a value"))?;
        let number = |text: &str| text.parse::<u64>().map_err(|error| format!("{flag} {text}: {error}"));
        match flag.as_str() {
            "--seeds" => {
                let (from, to) =
                    value.split_once("..").ok_or(format!("{flag} {value}: it has the form A..B"))?;
                seeds = Some((number(from)?, number(to)?));
            }
            "--replay" => again = Some(number(&value)?),
            "--jobs" => threads = usize::try_from(number(&value)?).map_err(|error| error.to_string())?.max(1),
            "--tasks" => tasks = usize::try_from(number(&value)?).map_err(|error| error.to_string())?,
            "--without" => {
                let kinds: Result<Vec<Trouble>, String> = value.split(',').map(str::parse).collect();
                without.extend(kinds?);
            }
            _ => return Err(format!("there is no flag {flag}")),
        }
    }
    match (seeds, again) {
        (Some((from, to)), None) => Ok(Wanted::Range(Range { from, to, threads, keeps_going, shrinks })),
        (None, Some(seed)) => Ok(Wanted::Again(Case { seed, tasks, without })),
        _ => Err("either --seeds or --replay".to_owned()),
    }
}

/// What all threads found.
#[derive(Default)]
struct Found {
    tally: Tally,
    runs: u64,
    steps: u64,
    /// The smallest seed that breaks each rule, and how.
    broken: BTreeMap<String, (u64, String)>,
}

fn play_range(range: &Range) -> ExitCode {
    let Range { from, to, threads, keeps_going, shrinks } = *range;
    // A panic of the engine is told as a broken rule.
    std::panic::set_hook(Box::new(|_| {}));
    let began = Instant::now();
    let next = AtomicU64::new(from);
    let found = Mutex::new(Found::default());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| play_some(&next, to, keeps_going, &found));
        }
    });
    let found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    let took = began.elapsed();
    let a_second = u128::from(found.runs) * 1000 / took.as_millis().max(1);
    print!("{}", found.tally);
    let (runs, steps) = (found.runs, found.steps);
    println!("{runs} runs, {steps} steps, {:.1} s, {a_second} runs a second", took.as_secs_f64());
    for (rule, (seed, broken)) in &found.broken {
        let whole = Case::of(*seed);
        let smaller = if shrinks { shrink(&whole, rule) } else { whole };
        println!("BROKEN by seed {seed}: {broken}");
        println!("  play it again by: cargo run --release -p hew-testkit --bin sim -- {}", smaller.flags());
    }
    if found.broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn play_some(next: &AtomicU64, to: u64, keeps_going: bool, found: &Mutex<Found>) {
    let mut own = Found::default();
    loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= to {
            break;
        }
        let played = play(&Case::of(seed));
        own.runs += 1;
        own.steps += played.steps;
        own.tally.merge(&played.tally);
        if let (Some(rule), Some(broken)) = (played.rule(), &played.broken) {
            own.broken.entry(rule.to_owned()).or_insert_with(|| (seed, broken.clone()));
            if !keeps_going {
                next.store(to, Ordering::Relaxed);
            }
        }
    }
    let mut all = found.lock().unwrap_or_else(PoisonError::into_inner);
    all.tally.merge(&own.tally);
    all.runs += own.runs;
    all.steps += own.steps;
    for (rule, seen) in own.broken {
        let before = all.broken.get(&rule).is_some_and(|(seed, _)| *seed < seen.0);
        if !before {
            all.broken.insert(rule, seen);
        }
    }
}

fn play_again(case: &Case) -> ExitCode {
    let played = replay(case);
    println!("{}", played.story);
    print!("{}", played.tally);
    match played.broken {
        None => {
            println!("every rule held, in {} steps", played.steps);
            ExitCode::SUCCESS
        }
        Some(broken) => {
            println!("BROKEN: {broken}");
            ExitCode::FAILURE
        }
    }
}
