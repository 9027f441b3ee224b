//! A large run without processes: the real engine, the real journal and the files made from it; instant jobs and a
//! tracker in memory. Its own process, so that its memory can be looked at.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Utc;
use hew::adapters::recorder::Recorder;
use hew::adapters::store::RunFolder;
use hew_core::clock::Now;
use hew_core::engine::{Effect, Event, RunConfig, RunLimits, State, step};
use hew_core::ids::{BranchName, RunId};
use hew_core::record::{JournalEntry, RunView, Store as _};
use hew_core::schedule::spending::SpendingLimits;
use hew_core::settings::{MergeMode, Settings, Values};
use hew_core::tracker::Scope;

use crate::Problem;
use crate::measure::own_peak_kib;
use crate::stand_in::{StandIn, commit};

/// What a large run took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figures {
    pub(crate) closed: usize,
    /// Seconds, until the last file is written.
    pub(crate) seconds: f64,
    /// Seconds of that in the engine itself.
    pub(crate) engine: f64,
    /// Seconds of that in writing the journal.
    pub(crate) journal: f64,
    /// Seconds at the end for files that still waited.
    pub(crate) files: f64,
    pub(crate) appends: usize,
    pub(crate) peak_kib: u64,
}

/// Starts a child for `count` tasks and reads its figures.
pub(crate) fn in_child(count: usize, folder: &Path) -> Result<Figures, Problem> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut child = std::process::Command::new(program);
    child.args(["in-process", &count.to_string()]).arg(folder);
    let output = child.output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(format!("in-process run: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    let answer: serde_json::Value =
        serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())?;
    let real = |key: &str| answer[key].as_f64().unwrap_or(f64::NAN);
    let whole = |key: &str| answer[key].as_u64().unwrap_or(0);
    let count = |key: &str| usize::try_from(whole(key)).unwrap_or(0);
    Ok(Figures {
        closed: count("closed"),
        seconds: real("seconds"),
        engine: real("engine"),
        journal: real("journal"),
        files: real("files"),
        appends: count("appends"),
        peak_kib: whole("peak_kib"),
    })
}

/// The child: `in-process COUNT FOLDER`.
pub(crate) fn play(mut words: impl Iterator<Item = String>) -> Result<(), Problem> {
    let count = words.next().and_then(|word| word.parse().ok()).ok_or("how many tasks?")?;
    let folder = words.next().ok_or("which folder?")?;
    let figures = drain(count, Path::new(&folder))?;
    let answer = serde_json::json!({
        "closed": figures.closed, "seconds": figures.seconds, "engine": figures.engine,
        "journal": figures.journal, "files": figures.files, "appends": figures.appends,
        "peak_kib": figures.peak_kib,
    });
    println!("{answer}");
    Ok(())
}

fn drain(count: usize, folder: &Path) -> Result<Figures, Problem> {
    let start = Instant::now();
    let clock = || Now { elapsed: start.elapsed(), wall: Utc::now() };
    let config = config()?;
    let run = config.run.clone();
    let mut store = RunFolder::create(folder, &run).map_err(|error| error.to_string())?;
    let recorder = Recorder::start(Box::new(RunFolder::open(store.path())), RunView::new());
    let mut state = State::new(config);
    let mut stand_in = StandIn::new(count);
    let (mut in_engine, mut in_journal, mut appends, mut seq) = (Duration::ZERO, Duration::ZERO, 0, 0);
    let mut round = vec![Event::Launched];
    while !round.is_empty() {
        let begun = Instant::now();
        let effects: Vec<Effect> =
            round.drain(..).flat_map(|event| step(&mut state, event, clock())).collect();
        in_engine += begun.elapsed();
        let mut entries = Vec::new();
        for effect in effects {
            if let Effect::Record(event) = effect {
                seq += 1;
                let Now { elapsed, wall } = clock();
                let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
                entries.push(JournalEntry { seq, at: wall, elapsed_ms, event: *event });
            } else {
                round.extend(stand_in.perform(effect)?);
            }
        }
        if !entries.is_empty() {
            let begun = Instant::now();
            store.append(&entries).map_err(|error| error.to_string())?;
            in_journal += begun.elapsed();
            recorder.record(&entries);
            appends += 1;
        }
    }
    let begun = Instant::now();
    if let Some(problem) = recorder.finish().first() {
        return Err(problem.to_string());
    }
    Ok(Figures {
        closed: stand_in.closed,
        seconds: start.elapsed().as_secs_f64(),
        engine: in_engine.as_secs_f64(),
        journal: in_journal.as_secs_f64(),
        files: begun.elapsed().as_secs_f64(),
        appends,
        peak_kib: own_peak_kib(),
    })
}

fn config() -> Result<RunConfig, Problem> {
    let values = Values::built_in().overlaid_with(runtime()?).completed();
    let settings = Settings::from_values(&values).map_err(|problems| format!("settings: {problems:?}"))?;
    Ok(RunConfig {
        run: RunId::new(Utc::now(), 1),
        jobs: 2,
        scope: Scope::Ready,
        retry_parked: false,
        target: None,
        launch: commit(0),
        run_branch: BranchName::new("loop/x/main"),
        gate: None,
        limits: RunLimits {
            max_attempts: 3,
            max_iter: None,
            wall: None,
            spending: SpendingLimits::of(&settings),
            stop_grace: Duration::from_secs(60),
        },
        merge: MergeMode::Task,
        deliver: false,
        verify: None,
        watch: false,
        model: None,
        settings: Arc::new(settings),
    })
}

/// A runtime whose program is never started.
fn runtime() -> Result<Values, Problem> {
    let text = "loop.runtime = \"none\"\nloop.planner.enabled = false\n[loop.runtime_defs.none]\ncommand = \"none\"\n";
    let layer = hew_core::settings::layers::read_file(text, "user", Path::new("none.toml"));
    if layer.problems.is_empty() { Ok(layer.values) } else { Err(format!("settings: {:?}", layer.problems)) }
}
