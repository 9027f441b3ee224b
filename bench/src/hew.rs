//! The same work through the real program.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use serde_json::Value;

use crate::Problem;
use crate::agent;
use crate::checks::Work;
use crate::git::Environment;
use crate::measure::{Sample, timed, wait_with_peak};
use crate::repository::Repository;
use crate::workload::Workload;

/// One drain.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HewRun<'a> {
    pub(crate) program: &'a Path,
    pub(crate) environment: &'a Environment,
    /// What `hew loop run` sees instead: with the counting git, or the same.
    pub(crate) loop_environment: &'a Environment,
    pub(crate) repository: &'a Repository,
    pub(crate) workload: &'a Workload,
    pub(crate) jobs: usize,
    /// So long after its start the run is killed, and then resumed.
    pub(crate) kill_after: Option<Duration>,
    /// A folder for settings, worktrees, outputs and the agents' durations.
    pub(crate) folder: &'a Path,
}

/// What was seen of it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) sample: Sample,
    pub(crate) work: Work,
    /// When each iteration ended, in seconds of hew's own clock, in order.
    pub(crate) ends: Vec<f64>,
}

/// The release binary beside this program, built first if it is not there.
pub(crate) fn find_program() -> Result<PathBuf, Problem> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let target = own.parent().and_then(Path::parent).ok_or("this program lies in no target folder")?;
    let program = target.join("release/hew");
    if program.is_file() {
        return Ok(program);
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--release", "-p", "hew", "--target-dir"]).arg(target);
    build.current_dir(env!("CARGO_MANIFEST_DIR"));
    match build.status() {
        Ok(status) if status.success() => Ok(program),
        Ok(status) => Err(format!("hew could not be built: {status}")),
        Err(error) => Err(format!("cargo: {error}")),
    }
}

/// Fills the tracker, drains it, and looks what came of it. Only the drain is measured.
pub(crate) fn drain(run: &HewRun<'_>) -> Result<Seen, Problem> {
    let durations = run.folder.join("durations");
    run.workload.write_durations(&durations)?;
    write_settings(run, &durations)?;
    let tasks = run.folder.join("tasks.jsonl");
    fs::write(&tasks, run.workload.to_jsonl()).map_err(|error| error.to_string())?;
    answer(run, &["task", "import", &tasks.display().to_string()])?;
    nix::unistd::sync();
    let jobs = run.jobs.to_string();
    let scope = ["loop", "run", "--scope", "ready", "--jobs", &jobs];
    // Nobody plans for the floor either, and the agent here could not.
    let words = [&scope[..], &["--runtime", "stub", "--no-gate", "--no-planner"]].concat();
    let log = run.folder.join("loop.log");
    let ((code, peak_kib), sample) = timed(|| match run.kill_after {
        None => run_to_end(run, &words, &log),
        Some(wait) => run_killed_and_resumed(run, &words, wait, &log),
    })?;
    if code != Some(0) {
        return Err(format!(
            "void run: hew loop run ended with {code:?}; the end of its words:\n{}",
            tail(&log)
        ));
    }
    let journal = read_journal(&run.repository.path)?;
    let count = |kind: &str| journal.iter().filter(|entry| entry["kind"] == kind).count();
    let closed = answer(run, &["task", "export", "-"])?;
    let closed = closed.lines().filter(|line| is_closed(line)).count();
    let work = Work::of(run.environment, run.repository, count("gated"), closed)?;
    let ends =
        journal.iter().filter(|entry| entry["kind"] == "iteration_ended").filter_map(elapsed).collect();
    Ok(Seen { sample: Sample { peak_kib, ..sample }, work, ends })
}

/// The last lines of a log, each cut to a length that fits a screen.
fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<String> =
        text.lines().rev().take(6).map(|line| line.chars().take(400).collect()).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}

fn write_settings(run: &HewRun<'_>, durations: &Path) -> Result<(), Problem> {
    let agent = std::env::current_exe().map_err(|error| error.to_string())?;
    let arguments = agent::arguments(durations, run.repository.files);
    // JSON's texts and lists are TOML's too.
    let text = format!(
        "[tracker]\nkind = \"embedded\"\n\n[loop.runtime_defs.stub]\ncommand = {}\nargs = {}\ndone_on_exit_zero = true\n",
        Value::from(agent.display().to_string()),
        Value::from(arguments),
    );
    fs::write(settings(run), text).map_err(|error| error.to_string())
}

fn settings(run: &HewRun<'_>) -> PathBuf {
    run.folder.join("hew.toml")
}

fn command(run: &HewRun<'_>, environment: &Environment, words: &[&str]) -> Command {
    let mut command = environment.command(run.program);
    command.args(words).current_dir(&run.repository.path);
    command.env("HEW_CONFIG", settings(run)).env("HEW_HOME", run.folder.join("hew-home"));
    command.env("HEW_TRUST", "all");
    command
}

fn answer(run: &HewRun<'_>, words: &[&str]) -> Result<String, Problem> {
    let output = command(run, run.environment, words).output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(format!("hew {}: {}", words.join(" "), String::from_utf8_lossy(&output.stderr).trim()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn run_to_end(run: &HewRun<'_>, words: &[&str], log: &Path) -> Result<(Option<i32>, u64), Problem> {
    wait_with_peak(start(run, words, log)?)
}

/// A run that is over before it is killed was not disturbed, which is as good.
fn run_killed_and_resumed(
    run: &HewRun<'_>,
    words: &[&str],
    wait: Duration,
    log: &Path,
) -> Result<(Option<i32>, u64), Problem> {
    let mut child = start(run, words, log)?;
    std::thread::sleep(wait);
    child.kill().map_err(|error| error.to_string())?;
    let status = child.wait().map_err(|error| error.to_string())?;
    if status.code().is_some() { Ok((status.code(), 0)) } else { run_to_end(run, &["loop", "resume"], log) }
}

fn start(run: &HewRun<'_>, words: &[&str], log: &Path) -> Result<Child, Problem> {
    let out = File::create(log).map_err(|error| error.to_string())?;
    let err = out.try_clone().map_err(|error| error.to_string())?;
    let mut command = command(run, run.loop_environment, words);
    command.stdout(out).stderr(err).spawn().map_err(|error| error.to_string())
}

fn is_closed(line: &str) -> bool {
    serde_json::from_str::<Value>(line).is_ok_and(|record| record["status"] == "closed")
}

fn elapsed(entry: &Value) -> Option<f64> {
    entry["elapsed_ms"].as_f64().map(|millis| millis / 1000.0)
}

/// The journal of the only run of a project.
fn read_journal(project: &Path) -> Result<Vec<Value>, Problem> {
    let runs = project.join(".hew/loop");
    let folders = fs::read_dir(&runs).map_err(|error| format!("{}: {error}", runs.display()))?;
    let journals: BTreeSet<PathBuf> = folders
        .flatten()
        .map(|entry| entry.path().join("events.jsonl"))
        .filter(|path| path.is_file())
        .collect();
    let journal = journals.first().ok_or_else(|| format!("no journal in {}", runs.display()))?;
    let text = fs::read_to_string(journal).map_err(|error| format!("{}: {error}", journal.display()))?;
    let parse =
        |line: &str| serde_json::from_str(line).map_err(|error| format!("{}: {error}", journal.display()));
    text.lines().map(parse).collect()
}
