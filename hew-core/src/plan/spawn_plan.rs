//! The frozen plan of one spawn.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::Provenance;
use super::runtime::{self, RuntimeChoice, RuntimeProblem};
use crate::ids::{IterationId, RunId, RuntimeName, TaskId};
use crate::settings::{PromptVia, RuntimeDef, Settings};
use crate::tracker::Task;

/// What an agent reads on its standard input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentStdin {
    /// `/dev/null`.
    Null,
    /// This file.
    File(PathBuf),
}

/// Limits of one spawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpawnLimits {
    /// Longest wall time.
    pub timeout: Duration,
    /// Longest time without a sign of life.
    pub stall_timeout: Duration,
    /// From TERM to KILL.
    pub kill_grace: Duration,
    /// Largest transcript kept, head and tail, in bytes.
    pub transcript_max_bytes: u64,
}

/// Files that a spawn writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpawnFiles {
    /// Output in the common envelope.
    pub transcript: PathBuf,
    /// Standard error as it came, bounded like the transcript.
    pub stderr_log: PathBuf,
    /// Where `hew done` and its kin write.
    pub outcome: PathBuf,
}

/// What runs, whole: the spawner adds nothing and chooses nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpawnPlan {
    /// The runtime.
    pub runtime: RuntimeName,
    /// Program and arguments; never through a shell unless the program is one.
    pub argv: Vec<String>,
    /// The whole environment.
    pub env: BTreeMap<String, String>,
    /// The folder it runs in.
    pub cwd: PathBuf,
    /// What it reads.
    pub stdin: AgentStdin,
    /// Its limits.
    pub limits: SpawnLimits,
    /// Exit code 0 without another word counts as done.
    pub done_on_exit_zero: bool,
    /// What it writes.
    pub files: SpawnFiles,
    /// Where each field came from.
    pub provenance: Vec<Provenance>,
}

/// Where a spawn sits: its worktree, its folders, and what it is told about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seat {
    /// The run.
    pub run: RunId,
    /// The iteration.
    pub iteration: IterationId,
    /// Attempts at the task in this run, this one included.
    pub attempt: u32,
    /// Root of the project's working tree.
    pub project: PathBuf,
    /// The worktree.
    pub worktree: PathBuf,
    /// The iteration's folder in the run folder.
    pub folder: PathBuf,
    /// A folder for temporary files, its own.
    pub temp: PathBuf,
    /// First of 20 ports that are its own.
    pub port_base: u16,
    /// The folder of the `hew` program, put last on PATH so that `hew done` is always found.
    pub hew_folder: PathBuf,
    /// Names of the repository's remotes, for blocking pushes.
    pub remotes: Vec<String>,
    /// What the agent needs to find the tracker and act there as itself.
    pub tracker_env: BTreeMap<String, String>,
}

/// What is asked of [`plan_spawn`].
#[derive(Debug, Clone, Copy)]
pub struct SpawnRequest<'a> {
    /// The task.
    pub task: &'a Task,
    /// The settings, frozen at launch.
    pub settings: &'a Settings,
    /// hew's own environment.
    pub ambient: &'a BTreeMap<String, String>,
    /// Where it runs.
    pub seat: &'a Seat,
}

/// The only place that decides what runs: runtime, argv, environment, input, folder, limits, each with its origin.
pub fn plan_spawn(request: &SpawnRequest<'_>) -> Result<SpawnPlan, RuntimeProblem> {
    let SpawnRequest { task, settings, seat, .. } = *request;
    let choice = runtime::choose(task, settings);
    let def = runtime::definition(&choice, settings)?;
    let (argv, argv_origin) = plan_argv(request, &choice, def)?;
    let (env, env_origins) = super::env::plan_env(request, def);
    let stdin = match def.prompt.value {
        PromptVia::Stdin => AgentStdin::File(prompt_file(seat)),
        PromptVia::File => AgentStdin::Null,
    };
    let limits = SpawnLimits {
        timeout: settings.timeout.value,
        stall_timeout: settings.stall_timeout.value,
        kill_grace: settings.kill_grace.value,
        transcript_max_bytes: settings.transcript_max_bytes.value,
    };
    let mut provenance = vec![
        entry("runtime", choice.name.as_str(), &choice.origin),
        entry("argv", &argv.join(" "), &argv_origin),
        entry("cwd", &seat.worktree.display().to_string(), "the worker's worktree"),
        entry("stdin", stdin_text(&stdin), &format!("{} prompt", def.prompt.origin)),
        entry(
            "done_on_exit_zero",
            &def.done_on_exit_zero.value.to_string(),
            &def.done_on_exit_zero.origin.to_string(),
        ),
    ];
    provenance.extend(limit_entries(settings));
    provenance.extend(env_origins);
    Ok(SpawnPlan {
        runtime: choice.name,
        argv,
        env,
        cwd: seat.worktree.clone(),
        stdin,
        limits,
        done_on_exit_zero: def.done_on_exit_zero.value,
        files: SpawnFiles {
            transcript: seat.folder.join("transcript.jsonl"),
            stderr_log: seat.folder.join("stderr.log"),
            outcome: outcome_file(seat),
        },
        provenance,
    })
}

/// The file that holds the prompt.
pub fn prompt_file(seat: &Seat) -> PathBuf {
    seat.folder.join("prompt.md")
}

/// The file that `hew done` and its kin write.
pub fn outcome_file(seat: &Seat) -> PathBuf {
    seat.folder.join("outcome.json")
}

/// One line for people.
pub fn provenance_line(iteration: IterationId, task: &TaskId, provenance: &[Provenance]) -> String {
    let runtime = provenance.iter().find(|entry| entry.field == "runtime");
    let runtime =
        runtime.map(|entry| format!("runtime={} ({})", entry.value, entry.origin)).unwrap_or_default();
    format!("{} iter {} {task}: {runtime}", iteration.worker, iteration.iter)
}

fn entry(field: &str, value: &str, origin: &str) -> Provenance {
    Provenance { field: field.to_owned(), value: value.to_owned(), origin: origin.to_owned() }
}

fn stdin_text(stdin: &AgentStdin) -> &str {
    match stdin {
        AgentStdin::Null => "/dev/null",
        AgentStdin::File(_) => "prompt.md",
    }
}

fn limit_entries(settings: &Settings) -> [Provenance; 3] {
    let limit = |field: &str, limit: &crate::settings::Sourced<Duration>| {
        entry(field, &format!("{}s", limit.value.as_secs()), &limit.origin.to_string())
    };
    [
        limit("limits.timeout", &settings.timeout),
        limit("limits.stall_timeout", &settings.stall_timeout),
        limit("limits.kill_grace", &settings.kill_grace),
    ]
}

fn plan_argv(
    request: &SpawnRequest<'_>,
    choice: &RuntimeChoice,
    def: &RuntimeDef,
) -> Result<(Vec<String>, String), RuntimeProblem> {
    if choice.name.as_str() == runtime::SHELL {
        let allow = &request.settings.shell_allow_task_commands;
        let (command, origin) = runtime::shell_command(Some(request.task), def, allow, choice)?;
        return Ok((vec!["sh".to_owned(), "-c".to_owned(), command], origin));
    }
    let Some(command) = &def.command.value else {
        return Err(runtime::no_command(choice));
    };
    let prompt_file = prompt_file(request.seat).display().to_string();
    let mut argv = vec![command.clone()];
    argv.extend(fill_placeholders(&def.args.value, &[("{prompt_file}", &prompt_file), ("{model}", "")]));
    Ok((argv, format!("{} command and args", def.command.origin)))
}

/// Arguments with their placeholders filled. One whose placeholder is empty is left out, together with a flag before it.
fn fill_placeholders(args: &[String], values: &[(&str, &str)]) -> Vec<String> {
    let mut filled: Vec<String> = Vec::new();
    for arg in args {
        if values.iter().any(|(name, value)| value.is_empty() && arg.contains(name)) {
            if arg.starts_with('{') && filled.last().is_some_and(|flag| flag.starts_with('-')) {
                filled.pop();
            }
            continue;
        }
        filled.push(values.iter().fold(arg.clone(), |text, (name, value)| text.replace(name, value)));
    }
    filled
}
