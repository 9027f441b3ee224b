//! The frozen plan of one spawn.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::argv::plan_argv;
use super::family::{Family, PoliteSignal, no_endpoint};
use super::host::Host;
use super::limits::{ELABORATE_TIMEOUT, PLANNER_TIMEOUT, call_limits, plan_limits};
use super::local::plan_local;
use super::model::{self, ModelChoice, ModelForRuntime};
use super::network::plan_network;
use super::provenance::{Provenance, entry};
use super::runtime::{self, RuntimeChoice, RuntimeProblem};
use super::sandbox::{Sandbox, plan_sandbox};
use super::suggestion::Suggestion;
use crate::ids::{IterationId, ModelName, RunId, RuntimeName};
use crate::settings::usd::Usd;
use crate::settings::{OutputForm, PromptVia, RuntimeDef, Settings};
use crate::tracker::Task;
use crate::usage::Usage;

/// The file in an iteration's folder in which its git tells what it does.
const GIT_EVENTS: &str = "git-events.jsonl";

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
    /// Most money that it may cost, in USD; none where the task sets no limit of its own.
    pub budget_usd: Option<Usd>,
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

/// A session of a runtime that goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResumedSession {
    /// The runtime's name of it.
    pub id: String,
    /// What the runtime had counted in it before ([`crate::agent::AgentReading::session_total`]), where it counts on.
    pub counted: Option<Usage>,
}

/// What runs, whole: the spawner adds nothing and chooses nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpawnPlan {
    /// The runtime.
    pub runtime: RuntimeName,
    /// The model that is asked for, as the task, the run or the settings name it.
    pub model: Option<ModelName>,
    /// The same as the runtime is told; none where it is told none.
    pub model_told: Option<ModelName>,
    /// The model server that it asks; none where it goes to one of its own choice.
    pub endpoint: Option<String>,
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
    /// The form of its output.
    pub output: OutputForm,
    /// The session that it goes on with; none for a new one.
    pub resumes: Option<ResumedSession>,
    /// How it is asked to end.
    pub polite_signal: PoliteSignal,
    /// What it may write and reach; none: what the person may.
    pub sandbox: Option<Sandbox>,
    /// What it writes.
    pub files: SpawnFiles,
    /// Where each field came from.
    pub provenance: Vec<Provenance>,
}

/// Where a spawn sits: its worktree, its folders, and what it is told about itself. A call that only asks something has an
/// empty folder for a worktree, and its git folders are that folder too: nothing of the repository is named to it.
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
    /// The worktree's own git folder.
    pub git_dir: PathBuf,
    /// The git folder that all worktrees of the repository share.
    pub git_common_dir: PathBuf,
    /// A UUID for the runtime's session, where the runtime lets it be chosen.
    pub session: String,
    /// The iteration's folder in the run folder.
    pub folder: PathBuf,
    /// A folder for temporary files, its own.
    pub temp: PathBuf,
    /// A folder for temporary files that all workers of the run share.
    pub shared_temp: PathBuf,
    /// First of 20 ports that are its own.
    pub port_base: u16,
    /// The folder of the `hew` program, put last on PATH so that `hew done` is always found.
    pub hew_folder: PathBuf,
    /// Names of the repository's remotes, for blocking pushes.
    pub remotes: Vec<String>,
    /// The folders in which the tracker keeps tasks; none for a call.
    pub task_folders: Vec<PathBuf>,
    /// What the agent needs to find the tracker and act there as itself.
    pub tracker_env: BTreeMap<String, String>,
}

/// What a spawn is for.
#[derive(Debug, Clone, Copy)]
pub enum Purpose<'a> {
    /// To do this task.
    Iteration(&'a Task),
    /// To say what is next: a call without tools, in an empty folder of its own, by no task's rules.
    Planner,
    /// To make a task of a line: such a call too.
    Elaborate,
}

/// What is asked of [`plan_spawn`].
#[derive(Debug, Clone, Copy)]
pub struct SpawnRequest<'a> {
    /// What it is for.
    pub purpose: Purpose<'a>,
    /// The settings, frozen at launch.
    pub settings: &'a Settings,
    /// The model that the run asks for (`--model`).
    pub model: Option<&'a ModelName>,
    /// The machine.
    pub host: &'a Host,
    /// Where it runs.
    pub seat: &'a Seat,
    /// The runtime that [`runtime::choose`] chose.
    pub choice: &'a RuntimeChoice,
    /// What a classifier suggests for the task.
    pub suggested: Option<&'a Suggestion>,
    /// The session of the try before this one, which goes on where the runtime's arguments can say so.
    pub resumes: Option<&'a ResumedSession>,
}

impl SpawnRequest<'_> {
    /// The task that it is for; none for a call that only asks something.
    pub(super) fn task(&self) -> Option<&Task> {
        match self.purpose {
            Purpose::Iteration(task) => Some(task),
            Purpose::Planner | Purpose::Elaborate => None,
        }
    }
}

/// The only place that decides what runs: runtime, model, argv, environment, input, folder, limits, each with its origin.
pub fn plan_spawn(request: &SpawnRequest<'_>) -> Result<SpawnPlan, RuntimeProblem> {
    let SpawnRequest { settings, seat, choice, .. } = *request;
    let def = runtime::definition(choice, settings)?;
    let family = Family::of(&choice.name, def);
    let asked =
        request.task().and_then(|task| model::choose(task, settings, request.model, request.suggested));
    let told = asked.as_ref().and_then(|asked| model::for_runtime(asked, def, choice));
    let limits = match request.purpose {
        Purpose::Iteration(task) => plan_limits(task, settings)?,
        Purpose::Planner => {
            call_limits(settings, PLANNER_TIMEOUT, "hew: what is next has to be known soon or not at all")
        }
        Purpose::Elaborate => call_limits(settings, ELABORATE_TIMEOUT, "hew: somebody waits for the answer"),
    };
    let local = plan_local(request.task(), settings, choice, told.as_ref())?;
    let argv = plan_argv(request, def, told.as_ref(), &limits, local.as_ref())?;
    let (mut env, mut env_origins) = super::env::plan_env(request, def, family);
    let endpoint = local.as_ref().map(|local| local.endpoint.clone());
    let network =
        plan_network(settings, family, &env, argv.form, endpoint.as_deref()).map(|(network, origins)| {
            env.extend(network.variables());
            env_origins.extend(origins);
            network
        });
    let (sandbox, sandbox_origins) = plan_sandbox(request, family, &env, network);
    let stdin = match def.prompt.value {
        PromptVia::Stdin => AgentStdin::File(prompt_file(seat)),
        PromptVia::File => AgentStdin::Null,
    };
    let mut provenance = vec![entry("runtime", choice.name.as_str(), &choice.origin)];
    let own_model = local.as_ref().and_then(|local| local.model.clone());
    provenance.extend(match request.purpose {
        _ if own_model.is_some() => Vec::new(),
        Purpose::Iteration(_) => model_entries(asked.as_ref(), told.as_ref(), choice, argv.names_model),
        Purpose::Planner | Purpose::Elaborate => {
            vec![entry("model", "none", "a call asks for none; the runtime's own choice")]
        }
    });
    match local {
        Some(local) => provenance.extend(local.provenance),
        None => provenance.push(entry("endpoint", "none", &no_endpoint(&choice.name))),
    }
    provenance.extend(argv.provenance);
    if let Some(session) = &argv.resumes {
        provenance.push(entry("session", &session.id, "the try before this one, which broke off"));
    }
    provenance.extend(place_entries(request, def, &stdin, family));
    provenance.extend(limits.provenance);
    provenance.extend(env_origins);
    provenance.extend(sandbox_origins);
    shorten(&mut provenance, seat);
    Ok(SpawnPlan {
        runtime: choice.name.clone(),
        model: told.as_ref().and(asked).map(|asked| asked.name),
        model_told: told.filter(|_| argv.names_model).map(|told| told.name).or(own_model),
        endpoint,
        argv: argv.words,
        env,
        cwd: seat.worktree.clone(),
        stdin,
        limits: limits.spawn,
        done_on_exit_zero: def.done_on_exit_zero.value,
        output: def.output.value,
        resumes: argv.resumes,
        polite_signal: family.polite_signal(),
        sandbox,
        files: SpawnFiles {
            transcript: seat.folder.join("transcript.jsonl"),
            stderr_log: seat.folder.join("stderr.log"),
            outcome: outcome_file(seat, settings),
        },
        provenance,
    })
}

/// The file that holds the prompt.
pub fn prompt_file(seat: &Seat) -> PathBuf {
    seat.folder.join("prompt.md")
}

/// The file that `hew done` and its kin write.
///
/// In a sandbox it lies in a folder of its own: beside it nothing may be written.
pub fn outcome_file(seat: &Seat, settings: &Settings) -> PathBuf {
    said_folder(&seat.folder, settings).join("outcome.json")
}

/// The folder for what an agent writes to be read by hew, of an iteration's own.
pub(super) fn said_folder(folder: &Path, settings: &Settings) -> PathBuf {
    if settings.is_sandboxed() { folder.join("said") } else { folder.to_owned() }
}

/// Where an iteration's git tells what it does; `folder` is the iteration's own.
pub fn git_events_file(folder: &Path, settings: &Settings) -> PathBuf {
    said_folder(folder, settings).join(GIT_EVENTS)
}

fn model_entries(
    asked: Option<&ModelChoice>,
    told: Option<&ModelForRuntime>,
    choice: &RuntimeChoice,
    names_model: bool,
) -> Vec<Provenance> {
    let Some(asked) = asked else {
        return vec![entry("model", "none", "nothing names one; the runtime's own choice")];
    };
    let models = format!("loop.runtime_defs.{}.models", choice.name);
    let Some(told) = told else {
        let ModelChoice { name, origin } = asked;
        let why = format!("{name} of {origin} is dropped: {models} has no name for it on the fallback");
        return vec![entry("model", "none", &why)];
    };
    let mapped = told.mapped_by.as_ref().map(|by| format!("; mapped by {by}")).unwrap_or_default();
    let naming = match (names_model, told.mapped_by.is_some()) {
        (false, _) => format!("not told: the arguments of {} name no {{model}}", choice.name),
        (true, true) => format!("{} by {models}", asked.name),
        (true, false) => "the name as it was given".to_owned(),
    };
    vec![
        entry("model", told.name.as_str(), &format!("{}{mapped}", asked.origin)),
        entry("model.naming", told.naming.as_str(), &naming),
    ]
}

fn place_entries(
    request: &SpawnRequest<'_>,
    def: &RuntimeDef,
    stdin: &AgentStdin,
    family: Family,
) -> Vec<Provenance> {
    let SpawnRequest { seat, choice, .. } = *request;
    let key = |origin: &crate::settings::Origin, field: &str| {
        format!("{origin} loop.runtime_defs.{}.{field}", choice.name)
    };
    let stdin = match stdin {
        AgentStdin::Null => "/dev/null",
        AgentStdin::File(_) => "prompt.md",
    };
    let zero = &def.done_on_exit_zero;
    let place = match request.purpose {
        Purpose::Iteration(_) => "the worker's worktree",
        Purpose::Planner | Purpose::Elaborate => "an empty folder, for this call only",
    };
    vec![
        entry("cwd", &seat.worktree.display().to_string(), place),
        entry("stdin", stdin, &key(&def.prompt.origin, "prompt")),
        entry("output", def.output.value.as_str(), &key(&def.output.origin, "output")),
        entry("done_on_exit_zero", &zero.value.to_string(), &key(&zero.origin, "done_on_exit_zero")),
        entry("polite_signal", family.polite_signal().as_str(), "what hew knows of such a program"),
    ]
}

/// Settings files of the project are named from its root.
fn shorten(provenance: &mut [Provenance], seat: &Seat) {
    let root = format!("project {}/", seat.project.display());
    for found in provenance {
        found.origin = found.origin.replace(&root, "project ");
    }
}
