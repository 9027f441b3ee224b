//! `hew demo`: a small real project, a graph of tasks, and the real loop on it.
//!
//! Invariants: what runs is `hew loop run` itself, on its own arguments; nothing of the person's settings or of their
//! git configuration takes part; the project stays, so that everything can be looked at afterwards.
//!
//! | file | holds |
//! | --- | --- |
//! | `project` | the folder, its first commit, its git configuration |
//! | `graph` | the tasks and the scripts that play their agents |
//! | `project/`, `tasks/` | the project's files and those scripts, as they are |

mod graph;
mod project;

use std::path::Path;

use clap::Parser;
use hew_core::ids::{BranchName, CommitId};
use hew_core::output::Output;
use hew_core::render::text::visible;
use hew_core::settings::layers::{read_file, read_flags};
use hew_core::settings::{Settings, Values};
use schemars::JsonSchema;
use serde::Serialize;

use super::context::Context;
use super::{loop_graph, loop_run, trust};
use crate::adapters::project::Project;
use crate::adapters::settings_files::{ProjectLayer, invalid, project_file};
use crate::cli::loop_args::LoopCommand;
use crate::cli::{Cli, Command, DemoArgs};
use crate::failure::Failure;
use crate::ui::Ui;

/// Makes the project, drains its graph, shows what came of it. Answers the run's exit code.
pub fn run(args: &DemoArgs, ui: &Ui) -> Result<u8, Failure> {
    let folder = project::make_folder(args.dir.as_deref())?;
    ui.say(&format!("demo project: {}", folder.display()));
    project::fill(&folder)?;
    let context = open(&folder, args.jobs)?;
    let tasks = graph::tasks(args.jobs);
    let count = tasks.len();
    context.open_tracker()?.create_all(&tasks).map_err(|error| super::task::tracker_failure(&error))?;
    let words = format!("hew loop run --scope ready --jobs {}", args.jobs);
    ui.say(&format!("{count} tasks filed; now: {words}"));
    let LoopCommand::Run(run) = loop_command(&words) else { unreachable!("`{words}` is a `loop run`") };
    let code = loop_run::run_in(&context, &run, ui)?;
    if !ui.is_json() {
        ui.print("\n");
    }
    let words = "hew loop graph --format ascii";
    let LoopCommand::Graph(graph) = loop_command(words) else { unreachable!("`{words}` is a `loop graph`") };
    loop_graph::run_in(&context.project, &graph, ui)?;
    tell(&context, code, ui)?;
    Ok(code)
}

/// What a person would type, as the command line is read for everybody.
fn loop_command(words: &str) -> LoopCommand {
    match Cli::try_parse_from(words.split(' ')).map(|cli| cli.command) {
        Ok(Command::Loop(command)) => command,
        other => unreachable!("`{words}` is a command of hew's: {other:?}"),
    }
}

/// The project with its own settings and no others: a demo has to look the same for everybody.
fn open(folder: &Path, jobs: u16) -> Result<Context, Failure> {
    let project = Project::discover_from(folder)?;
    let file = project_file(&project.root)?;
    let text = file.read()?.unwrap_or_default();
    let from_file = read_file(&text, file.layer, &file.path);
    let from_flags = read_flags(&[("loop.jobs", jobs.to_string(), "--jobs")]);
    let mut problems = from_file.problems;
    problems.extend(from_flags.problems);
    if !problems.is_empty() {
        return Err(invalid(&problems));
    }
    let layer = ProjectLayer { file, values: from_file.values.clone() };
    // hew wrote them itself.
    trust::record(&project, &layer)?;
    let values =
        Values::built_in().overlaid_with(from_file.values).overlaid_with(from_flags.values).completed();
    let settings = Settings::from_values(&values).map_err(|problems| invalid(&problems))?;
    Ok(Context { project, settings, values, project_layer: Some(layer) })
}

/// Where everything is.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Demo<'a> {
    /// The project's folder.
    project: &'a Path,
    /// The branch that everything landed on.
    branch: &'a BranchName,
    /// Where it is.
    sha: &'a CommitId,
    /// The run's exit code.
    exit_code: u8,
}

impl Output for Demo<'_> {
    const KIND: &'static str = "demo";
}

/// Where everything is, and what to look at next.
fn tell(context: &Context, code: u8, ui: &Ui) -> Result<(), Failure> {
    let root = &context.project.root;
    let branch = BranchName::new(project::BRANCH);
    let tip = project::tip(root, &branch)?;
    if ui.is_json() {
        ui.print_output(&Demo { project: root, branch: &branch, sha: &tip, exit_code: code });
        return Ok(());
    }
    let folder = visible(&root.display().to_string());
    let quoted = format!("'{}'", folder.replace('\'', r"'\''"));
    ui.print(&format!(
        "\n\
         project   {folder}\n\
         branch    {branch} is at {}\n\
         {}\
         look at   cd {quoted}\n          \
         git log --first-parent --oneline      what landed, each commit green\n          \
         hew task list --all                   the tasks\n          \
         hew loop logs                         each attempt\n          \
         sh textkit page hello < README.md     what was built\n",
        tip.short(),
        own_path(),
    ));
    Ok(())
}

/// Where this program is, for whoever has not put it on PATH.
fn own_path() -> String {
    let own = std::env::current_exe().ok().filter(|_| loop_run::missing_program("hew").is_some());
    own.map(|path| format!("hew       {}\n", visible(&path.display().to_string()))).unwrap_or_default()
}
