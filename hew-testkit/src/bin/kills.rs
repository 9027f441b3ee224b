//! Kills runs at random, resumes them until they end, and checks what came of them:
//! `kills [--kills N] [--seed S] [--side-by-side P]`, or one case again with `--seed S --case C`.
//!
//! A case is a random project, run once undisturbed and then several times with random kills: at named places, at any
//! moment, with everything that hew started, and after a signal. Needs the `hew` of the same build beside it. Ends with 1
//! if a case failed; each failure is told with what makes it again, as far as chance is ours.

use std::collections::BTreeMap;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use hew_testkit::kills::{Chance, Kill, random_kills, random_scene, ride};

/// Rides with kills for each one without.
const RIDES: u64 = 6;

/// What is asked for.
struct Wanted {
    kills: u64,
    seed: u64,
    case: Option<u64>,
    side_by_side: u64,
}

/// What came of all rides so far.
#[derive(Debug, Default)]
struct Tally {
    rides: u64,
    kills: u64,
    unhurt: u64,
    resumes: u64,
    ways: BTreeMap<&'static str, u64>,
    codes: BTreeMap<i32, u64>,
    failures: Vec<String>,
}

fn main() -> ExitCode {
    let wanted = match read_words() {
        Ok(wanted) => wanted,
        Err(reason) => {
            say(&format!("kills: {reason}"));
            return ExitCode::from(2);
        }
    };
    let begun = Instant::now();
    let (next, tally) = (AtomicU64::new(wanted.case.unwrap_or(0)), Mutex::new(Tally::default()));
    thread::scope(|scope| {
        for _ in 0..wanted.side_by_side {
            scope.spawn(|| {
                while wanted.case.is_none() || next.load(Ordering::Relaxed) == wanted.case.unwrap_or(0) {
                    let case = next.fetch_add(1, Ordering::Relaxed);
                    try_case(wanted.seed, case, &tally);
                    if tally.lock().expect("nobody panics with it").kills >= wanted.kills {
                        break;
                    }
                }
            });
        }
    });
    let tally = tally.into_inner().expect("nobody panics with it");
    tell(&wanted, &tally, begun);
    if tally.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn try_case(seed: u64, case: u64, tally: &Mutex<Tally>) {
    let mut chance = Chance::new(seed, case);
    let scene = random_scene(&mut chance);
    let calm = ride(&scene, &[]);
    let outcome = calm.outcome(&scene);
    if let Some(why) = panic_of(|| calm.assert_sound(&scene, &outcome)) {
        note_failure(tally, format!("--seed {seed} --case {case}, undisturbed: {why}\n{scene:#?}"));
        return;
    }
    let took = calm.took.0;
    drop(calm);
    for number in 0..RIDES {
        let kills = random_kills(&mut chance, took);
        let mut ridden = None;
        let why = panic_of(|| {
            let found = ridden.insert(ride(&scene, &kills));
            found.assert_sound(&scene, &outcome);
        });
        let mut sums = tally.lock().expect("nobody panics with it");
        sums.rides += 1;
        if let Some(ridden) = &ridden {
            sums.kills += ridden.kills as u64;
            sums.unhurt += u64::from(ridden.kills == 0);
            sums.resumes +=
                ridden.said.iter().filter(|said| said.starts_with("hew loop resume")).count() as u64;
            *sums.codes.entry(ridden.code).or_default() += 1;
            for kill in kills.iter().take(ridden.kills) {
                *sums.ways.entry(way(kill)).or_default() += 1;
            }
        }
        drop(sums);
        if let Some(why) = why {
            let told = ridden.map(|ridden| ridden.said.join("\n")).unwrap_or_default();
            note_failure(
                tally,
                format!("--seed {seed} --case {case}, ride {number}, {kills:?}: {why}\n{scene:#?}\n{told}"),
            );
        }
    }
}

fn way(kill: &Kill) -> &'static str {
    match kill {
        Kill::At(_) => "at a place",
        Kill::After { everything: false, .. } => "at a moment",
        Kill::After { everything: true, .. } => "with all that it started",
        Kill::Signalled { .. } => "after a signal",
    }
}

fn note_failure(tally: &Mutex<Tally>, failure: String) {
    say(&failure);
    tally.lock().expect("nobody panics with it").failures.push(failure);
}

fn panic_of(body: impl FnOnce()) -> Option<String> {
    let panic = catch_unwind(AssertUnwindSafe(body)).err()?;
    let text = panic.downcast_ref::<String>().cloned();
    Some(text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default())
}

fn tell(wanted: &Wanted, tally: &Tally, begun: Instant) {
    let Tally { rides, kills, unhurt, resumes, ways, codes, failures } = tally;
    let ways: Vec<String> = ways.iter().map(|(way, count)| format!("{count} {way}")).collect();
    let codes: Vec<String> = codes.iter().map(|(code, count)| format!("{count} with {code}")).collect();
    say(&format!(
        "seed {}: {rides} rides, {kills} kills ({}), {resumes} resumes, {unhurt} rides unhurt, {} failed, in {:.0} s\nended {}",
        wanted.seed,
        ways.join(", "),
        failures.len(),
        begun.elapsed().as_secs_f64(),
        codes.join(", ")
    ));
    for failure in failures {
        say(failure.lines().next().unwrap_or_default());
    }
}

fn read_words() -> Result<Wanted, String> {
    let mut wanted = Wanted { kills: 100, seed: 1, case: None, side_by_side: 2 };
    let mut words = std::env::args().skip(1);
    while let Some(flag) = words.next() {
        let value = words.next().ok_or_else(|| format!("{flag} wants a number"))?;
        let value: u64 = value.parse().map_err(|_| format!("{flag} {value}: not a number"))?;
        match flag.as_str() {
            "--kills" => wanted.kills = value,
            "--seed" => wanted.seed = value,
            "--case" => wanted.case = Some(value),
            "--side-by-side" => wanted.side_by_side = value.max(1),
            _ => return Err(format!("{flag} is not known: --kills, --seed, --case, --side-by-side")),
        }
    }
    Ok(wanted)
}

fn say(line: &str) {
    // Nobody may be listening.
    let _ = writeln!(std::io::stderr(), "{line}");
}
