//! Everything that is checked before anything starts; all problems are told at once.

use std::path::{Path, PathBuf};
use std::time::Duration;

use hew_core::agent::Lack;
use hew_core::chat::ChatFailure;
use hew_core::ids::{BranchName, CommitId, ModelName};
use hew_core::land::gate_detect::{GateCommand, detect_gate};
use hew_core::plan::how_to_find_program;
use hew_core::plan::local::{LOCAL, may_have_model};
use hew_core::plan::priced::unpriced_of_run;
use hew_core::plan::runtime::{self, RuntimeChoice, RuntimeProblem, SHELL};
use hew_core::settings::check::undefined_runtimes;
use hew_core::settings::{MergeMode, Origin, SandboxMode, Settings, SettingsProblem};
use hew_core::tracker::{Scope, TaskEditor};
use hew_core::worktree::prune::quoted;
use nix::sys::statvfs::statvfs;

use super::flags;
use crate::adapters::git::{RepoGit, clone};
use crate::adapters::launch_state::{self, Head, LaunchState};
use crate::adapters::model_client::ModelClient;
use crate::adapters::project::Project;
use crate::adapters::{gate_files, host, sandbox, settings_files, strict};
use crate::cli::loop_args::RunArgs;
use crate::commands::context::Context;
use crate::commands::trust;
use crate::drive::rig;
use crate::failure::Failure;

/// What a run starts from.
pub(super) struct Checked {
    pub(super) scope: Scope,
    pub(super) launch: CommitId,
    pub(super) target: Option<BranchName>,
    pub(super) gate: Option<GateCommand>,
    pub(super) git: RepoGit,
    /// Tasks in scope that are open.
    pub(super) in_scope: usize,
    pub(super) worktree_root: PathBuf,
    /// What a run can begin in spite of, for people.
    pub(super) warnings: Vec<String>,
}

/// Longest wait for a model server to say that it is there; longer than for a connection to it.
const SERVER_LIMIT: Duration = Duration::from_secs(10);

/// A problem and the one command that helps.
struct Problem {
    what: String,
    hint: String,
}

/// Checks everything. Nothing is written.
pub(super) fn check(
    context: &Context,
    args: &RunArgs,
    tracker: &dyn TaskEditor,
    scope: Scope,
) -> Result<Checked, Failure> {
    let state = launch_state::load(&context.project)
        .map_err(|error| Failure::usage("the repository can't be read").because(error).hint("git status"))?;
    let git = RepoGit::new(&context.project.common_dir);
    let worktree_root = settings_files::worktree_root(&context.settings);
    let (launch, target) = match state.head.clone() {
        Head::Branch { name, commit } => (Some(commit), Some(name)),
        Head::Detached(commit) => (Some(commit), None),
        Head::Unborn(_) => (None, None),
    };
    let mut problems = Vec::new();
    problems.extend(repository_problems(&state));
    problems.extend(clone_problem(&context.project));
    problems.extend(runtime_problems(context, flags::model(args).as_ref()));
    let away = if problems.is_empty() { away_server(context, flags::model(args).as_ref()) } else { None };
    let (away, warning) = away.map_or((None, None), |(choice, problem)| {
        let is_main = choice.name == context.settings.runtime.value;
        if is_main { (Some(problem), None) } else { (None, Some(problem)) }
    });
    problems.extend(away);
    problems.extend(other_runtime_problems(context));
    problems.extend(price_problems(&context.settings, args));
    problems.extend(branch_problem(&git, &context.settings));
    problems.extend(stop_file_problem(args));
    problems.extend(merge_problem(&context.settings, args));
    problems.extend(sandbox_problem(&context.settings));
    if let Some(launch) = &launch {
        problems.extend(space_problem(&git, launch, &worktree_root, context.settings.jobs.value));
    }
    let in_scope = tracker.count_open(&scope).map_err(|error| Failure::usage(error.to_string()))?;
    match (launch, problems.is_empty()) {
        (Some(launch), true) => {
            let warnings =
                warning.map(|Problem { what, hint }| format!("{what}; {hint}")).into_iter().collect();
            let gate = find_gate(args.no_gate, &context.settings, &context.project.root);
            Ok(Checked { scope, launch, target, gate, git, in_scope, worktree_root, warnings })
        }
        _ => Err(failure(problems)),
    }
}

/// The same for a run that is gone on with, as far as it can have changed since its launch. A model server that is away for
/// now is none of that: its runtime rests in the run.
pub(super) fn check_again(context: &Context, model: Option<&ModelName>) -> Result<(), Failure> {
    let mut problems = runtime_problems(context, model);
    problems.extend(other_runtime_problems(context));
    problems.extend(sandbox_problem(&context.settings));
    if problems.is_empty() { Ok(()) } else { Err(failure(problems)) }
}

/// The branch that a run would deliver to now.
pub(super) fn launch_target(context: &Context) -> Result<Option<BranchName>, Failure> {
    let state = launch_state::load(&context.project)
        .map_err(|error| Failure::usage("the repository can't be read").because(error).hint("git status"))?;
    Ok(match state.head {
        Head::Branch { name, .. } => Some(name),
        Head::Detached(_) | Head::Unborn(_) => None,
    })
}

fn failure(mut problems: Vec<Problem>) -> Failure {
    if problems.len() == 1 {
        let Problem { what, hint } = problems.remove(0);
        return Failure::usage(what).hint(hint);
    }
    let hint = problems.iter().map(|problem| problem.hint.as_str()).collect::<Vec<_>>().join("\n");
    let start = Failure::usage(format!("the run can't start: {} problems", problems.len())).hint(hint);
    problems.into_iter().fold(start, |failure, problem| failure.because(problem.what))
}

fn repository_problems(state: &LaunchState) -> Vec<Problem> {
    let mut problems = Vec::new();
    if let Head::Unborn(branch) = &state.head {
        problems.push(Problem {
            what: format!("branch {branch} has no commit yet: there is nothing to start from"),
            hint: "git commit --allow-empty -m start".to_owned(),
        });
    }
    if let Some(operation) = state.operation {
        problems.push(Problem {
            what: format!("{} is in progress in this working tree", operation.name),
            hint: format!("finish it, or: {}", operation.abort),
        });
    }
    problems
}

/// A worker's clone that is kept is no place to start from: what is delivered to its branches is seen by nobody.
fn clone_problem(project: &Project) -> Option<Problem> {
    let own = clone::git_folder(&project.root);
    clone::origin_of(&own).map(|origin| Problem {
        what: format!("{} is a worker's clone of this project", project.root.display()),
        hint: format!("cd {}", quoted(project.main_root.as_deref().unwrap_or(&origin))),
    })
}

/// Runtimes that the run chooses by itself have to be there. A task's own word is looked at when the task's turn comes.
fn runtime_problems(context: &Context, model: Option<&ModelName>) -> Vec<Problem> {
    let settings = &context.settings;
    // That there is nothing to choose among is told with the settings that name runtimes.
    let mut choices = runtime::of_run(settings).unwrap_or_default();
    choices.extend(runtime::of_planner(settings));
    let problem = |choice| runtime_problem(choice, settings, model);
    choices.iter().filter_map(problem).collect()
}

/// The runtime `local`, where the run chooses it by itself and its server is away.
fn away_server(context: &Context, model: Option<&ModelName>) -> Option<(RuntimeChoice, Problem)> {
    let settings = &context.settings;
    let mut choices = runtime::of_run(settings).unwrap_or_default();
    choices.extend(runtime::of_planner(settings));
    let is_local = |choice: &RuntimeChoice| {
        choice.name.as_str() == LOCAL && runtime_problem(choice, settings, model).is_none()
    };
    let choice = choices.into_iter().find(is_local)?;
    let problem = server_problem(&choice, context)?;
    Some((choice, problem))
}

/// Nobody is reached at the model server's address, or what answers is a page. One that takes its time is there, and so is
/// one that refuses.
fn server_problem(choice: &RuntimeChoice, context: &Context) -> Option<Problem> {
    let local = &context.settings.local;
    // Nothing is asked of what an untrusted file names: that is refused as such.
    let untrusted = trust::untrusted_keys(context).ok()?;
    if untrusted.iter().any(|key| key.starts_with("loop.local.")) {
        return None;
    }
    let client = ModelClient::of_settings(local, &host::environment()).ok()??;
    let is_there = |failure: &ChatFailure| {
        failure.status.is_some() || !matches!(failure.failure.lacks, Some(Lack::Provider | Lack::Api))
    };
    let failure = client.models(SERVER_LIMIT).err().filter(|failure| !is_there(failure))?;
    Some(Problem {
        what: format!("runtime `{}` ({}): {failure}", choice.name, choice.origin),
        hint: "start the server, then: hew doctor   # docs/local-models.md".to_owned(),
    })
}

fn runtime_problem(
    choice: &RuntimeChoice,
    settings: &Settings,
    model: Option<&ModelName>,
) -> Option<Problem> {
    let def = match runtime::definition(choice, settings) {
        Ok(def) => def,
        Err(_) if choice.name != settings.runtime.value => return None,
        Err(problem) => return Some(runtime_can_not(&problem)),
    };
    let program = match (&def.command.value, choice.name.as_str()) {
        (_, SHELL) if settings.shell_allow_task_commands.value => "sh",
        (Some(_), SHELL) => "sh",
        (Some(_), LOCAL) if def.command.origin == Origin::BuiltIn => {
            return local_problem(choice, settings, model);
        }
        (Some(command), _) => command,
        (None, _) => return Some(runtime_can_not(&runtime::no_command(choice))),
    };
    missing_program(program).map(|what| Problem {
        what: format!("runtime `{}` ({}): {what}", choice.name, choice.origin),
        hint: how_to_find_program(&choice.name, settings).unwrap_or_else(|| format!("install {program}")),
    })
}

/// The runtime `local` takes a server, a model, and the server's key where it has one.
fn local_problem(choice: &RuntimeChoice, settings: &Settings, model: Option<&ModelName>) -> Option<Problem> {
    let has_both =
        runtime::has_endpoint(choice, settings).and_then(|()| may_have_model(choice, settings, model));
    if let Err(problem) = has_both {
        return Some(runtime_can_not(&problem));
    }
    let missing = ModelClient::of_settings(&settings.local, &host::environment()).err()?;
    let hint = format!("export {}=…, or: hew config unset loop.local.api_key_env", missing.name);
    Some(Problem { what: format!("runtime `{}` ({}): {missing}", choice.name, choice.origin), hint })
}

fn runtime_can_not(problem: &RuntimeProblem) -> Problem {
    let hint = problem.remedy().unwrap_or_else(|| "hew config validate".to_owned());
    Problem { what: problem.to_string(), hint }
}

/// Runtimes besides the main one that settings name and nobody defined, and an `auto` with nothing to choose among.
fn other_runtime_problems(context: &Context) -> Vec<Problem> {
    let undefined = undefined_runtimes(&context.values).into_iter();
    let others = undefined.filter(|problem| problem.key() != Some("loop.runtime"));
    let problem = |problem: SettingsProblem| Problem {
        what: problem.to_string(),
        hint: "hew config validate".to_owned(),
    };
    others.map(problem).collect()
}

/// Why a program can't be run, if it can't.
pub(crate) fn missing_program(program: &str) -> Option<String> {
    if host::find_program(program).is_some() {
        return None;
    }
    Some(if program.contains('/') {
        format!("{program} is not a program that can be run")
    } else {
        format!("no program `{program}` on PATH")
    })
}

/// A budget of money takes runtimes that tell what they cost, or listed prices.
fn price_problems(settings: &Settings, args: &RunArgs) -> Vec<Problem> {
    if settings.budget_usd.value.is_none() {
        return Vec::new();
    }
    let unpriced = unpriced_of_run(settings, flags::model(args).as_ref());
    unpriced.iter().map(runtime_can_not).collect()
}

/// A branch where the run's own need a folder.
fn branch_problem(git: &RepoGit, settings: &Settings) -> Option<Problem> {
    let prefix = &settings.branch_prefix.value;
    let mut end = 0;
    for part in prefix.split('/') {
        end += part.len() + usize::from(end > 0);
        let name = BranchName::new(&prefix[..end]);
        if matches!(hew_core::worktree::GitClient::resolve(git, &name.to_ref()), Ok(Some(_))) {
            return Some(Problem {
                what: format!("branch `{name}` stands in the way of the run's branches `{prefix}/<run>/…`"),
                hint: format!("git branch -m {name} {name}-old, or: hew config set loop.branch_prefix NAME"),
            });
        }
    }
    None
}

/// Branches that are merged once, at the end, never land in a run that has none.
fn merge_problem(settings: &Settings, args: &RunArgs) -> Option<Problem> {
    let at_end = settings.merge.value == MergeMode::End;
    (at_end && args.watch).then(|| Problem {
        what: format!(
            "--watch never ends by itself, and loop.merge = \"end\" ({}) lands at the end",
            settings.merge.origin
        ),
        hint: "hew loop run --watch --merge task".to_owned(),
    })
}

/// A sandbox that was asked for is kept by the kernel, or nothing is started.
fn sandbox_problem(settings: &Settings) -> Option<Problem> {
    let asked =
        format!("loop.sandbox = \"{}\" ({})", settings.sandbox.value.as_str(), settings.sandbox.origin);
    match settings.sandbox.value {
        SandboxMode::Off => None,
        SandboxMode::Strict => {
            let why = strict::kernel_problem(Path::new(rig::RUNNING_PROGRAM));
            why.map(|why| Problem {
                what: format!("{asked} can't be kept: {why}"),
                hint: "hew config set loop.sandbox worktree".to_owned(),
            })
        }
        SandboxMode::Worktree => sandbox::kernel_problem().map(|why| Problem {
            what: format!("{asked} can't be kept: {why}"),
            hint: "hew config set loop.isolation clone && hew config set loop.sandbox off".to_owned(),
        }),
    }
}

/// A stop file is watched through its folder.
fn stop_file_problem(args: &RunArgs) -> Option<Problem> {
    let file = std::path::absolute(args.stop_file.as_ref()?).ok()?;
    let folder = file.parent()?;
    (!folder.is_dir()).then(|| Problem {
        what: format!("the stop file can't be watched: there is no folder {}", folder.display()),
        hint: format!("mkdir -p {}", folder.display()),
    })
}

/// Room for one worktree a worker and the lane's.
fn space_problem(git: &RepoGit, launch: &CommitId, root: &Path, jobs: u16) -> Option<Problem> {
    let (what, hint) = room(git, launch, root, jobs)?.err()?;
    Some(Problem { what, hint })
}

/// How much room there is for these worktrees, or what is too little with what helps. None where it can't be measured.
pub(crate) fn room(
    git: &RepoGit,
    launch: &CommitId,
    root: &Path,
    jobs: u16,
) -> Option<Result<String, (String, String)>> {
    // What can't be measured is no reason to refuse: the first worktree will tell.
    let (files, bytes) = git.tree_size(launch).ok()?;
    let existing = root.ancestors().find(|folder| folder.exists())?;
    let space = statvfs(existing).ok()?;
    let worktrees = u64::from(jobs) + 1;
    let (need_files, need_bytes) = (files * worktrees, bytes * worktrees);
    let free_bytes = space.blocks_available() * space.fragment_size();
    let hint = "free some space, lower --jobs, or: hew config set loop.worktree.root FOLDER".to_owned();
    if free_bytes < need_bytes {
        let what = format!(
            "{worktrees} worktrees need {need_bytes} bytes and {} has {free_bytes} left",
            existing.display()
        );
        return Some(Err((what, hint)));
    }
    // Some file systems have no fixed number of inodes and say 0.
    if space.files() > 0 && space.files_available() < need_files {
        let free = space.files_available();
        let what = format!(
            "{worktrees} worktrees need {need_files} inodes and {} has {free} left",
            existing.display()
        );
        return Some(Err((what, hint)));
    }
    let shown = existing.display();
    let files = space.files_available();
    Some(Ok(format!(
        "{shown} has {free_bytes} bytes and {files} inodes free; {worktrees} worktrees need {need_bytes} and {need_files}"
    )))
}

/// The gate: `--gate` and `loop.gate.command`, else found in the project's files.
pub(crate) fn find_gate(no_gate: bool, settings: &Settings, root: &Path) -> Option<GateCommand> {
    if no_gate {
        return None;
    }
    let found = detect_gate(&gate_files::load(root));
    let Some(command) = &settings.gate_command.value else {
        return found;
    };
    let why = settings.gate_command.origin.to_string();
    let same = found.filter(|found| found.command == *command);
    let definition_files = same.map(|found| found.definition_files).unwrap_or_default();
    Some(GateCommand { command: command.clone(), definition_files, why })
}
