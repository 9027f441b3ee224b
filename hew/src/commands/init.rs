//! `hew init`: settings, state folder, tracker. Run again it changes nothing that a person may have written.

use std::path::{Path, PathBuf};

use hew_core::output::Output;
use hew_core::record::event::TrackerRecord;
use hew_core::settings::layers::read_key;
use hew_core::settings::{Origin, Settings};
use schemars::JsonSchema;
use serde::Serialize;

use super::context::Context;
use super::init_template;
use super::trust;
use crate::adapters::settings_files::{SettingsFile, project_file};
use crate::adapters::tracker::embedded_path;
use crate::cli::InitArgs;
use crate::failure::{Failure, code};
use crate::ui::{self, Ui};

/// What was done with one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Done {
    Made,
    WasThere,
}

impl Done {
    fn word(self) -> &'static str {
        match self {
            Self::Made => "made",
            Self::WasThere => "was there",
        }
    }
}

/// What there is to work with now.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Initialised<'a> {
    /// Settings, state folder and tracker.
    things: Vec<Thing<'a>>,
    /// The tracker in use.
    tracker: &'a TrackerRecord,
    /// A command to go on with.
    next: &'a str,
}

/// One of them.
#[derive(Debug, Serialize, JsonSchema)]
struct Thing<'a> {
    /// `settings`, `state` or `tracker`.
    what: &'a str,
    /// Where it is.
    path: &'a Path,
    /// It was made; else it was there before.
    made: bool,
}

impl Output for Initialised<'_> {
    const KIND: &'static str = "init";
}

/// Sets the project around up.
pub fn run(args: &InitArgs, ui: &Ui) -> Result<u8, Failure> {
    check_names(&args.runtime)?;
    // Settings that are there already must be valid before anything is made.
    let before = Context::open()?;
    let file = project_file(&before.project.root)?;
    let runtimes = if args.runtime.is_empty() && !args.yes && !file.path.exists() && ui::can_ask() {
        ask_runtime(ui)?
    } else {
        args.runtime.clone()
    };
    let settings = write_settings(&file, &before.settings, &runtimes)?;
    let ignore = ignore_state(&before.project.state_dir)?;
    let context = Context::open()?;
    if let (Done::Made, Some(layer)) = (settings, &context.project_layer) {
        trust::record(&context.project, layer)?;
    }
    let store_was_there = embedded_path(&context.project).exists();
    let opened = context.open_tracker_in_use()?;
    let is_made = opened.beads_dir().is_none() && !store_was_there;
    let tracker = if is_made { Done::Made } else { Done::WasThere };
    let things = [
        ("settings", file.path.clone(), settings),
        ("state", ignore.0, ignore.1),
        ("tracker", PathBuf::from(&opened.in_use.place), tracker),
    ];
    tell(&things, &opened.in_use, &next_command(&context.settings, settings, &runtimes), ui);
    Ok(code::OK)
}

/// Asks for the main runtime; an empty answer leaves it open.
fn ask_runtime(ui: &Ui) -> Result<Vec<String>, Failure> {
    ui.warn("Which runtime does the tasks: claude, codex, shell, another program's name, or empty to decide later?");
    let mut answer = String::new();
    std::io::stdin()
        .read_line(&mut answer)
        .map_err(|error| Failure::failed("the answer can't be read").because(error).hint("hew init --yes"))?;
    let runtimes: Vec<String> =
        answer.split(',').map(str::trim).filter(|n| !n.is_empty()).map(str::to_owned).collect();
    check_names(&runtimes)?;
    Ok(runtimes)
}

fn check_names(runtimes: &[String]) -> Result<(), Failure> {
    for name in runtimes {
        read_key("loop.runtime", name, &Origin::BuiltIn).map_err(|problem| {
            Failure::usage(format!("--runtime: {}", problem.what())).hint("hew init --runtime claude")
        })?;
    }
    Ok(())
}

/// Writes a project's settings file where there is none.
fn write_settings(file: &SettingsFile, settings: &Settings, runtimes: &[String]) -> Result<Done, Failure> {
    if file.path.exists() {
        return Ok(Done::WasThere);
    }
    let has_command = |name: &str| {
        settings.runtime_defs.iter().any(|(known, def)| known.as_str() == name && def.command.value.is_some())
    };
    let undefined: Vec<&str> =
        runtimes.iter().map(String::as_str).filter(|name| !has_command(name)).collect();
    file.write(&init_template::settings_text(runtimes.first().map(String::as_str), &undefined))?;
    Ok(Done::Made)
}

/// Keeps everything in the state folder out of git.
fn ignore_state(state_dir: &Path) -> Result<(PathBuf, Done), Failure> {
    let path = state_dir.join(".gitignore");
    let failed = |error: std::io::Error| {
        Failure::failed(format!("{} can't be written", path.display())).because(error)
    };
    let is_there = std::fs::read_to_string(&path).is_ok_and(|text| text.lines().any(|line| line == "*"));
    if is_there {
        return Ok((path, Done::WasThere));
    }
    std::fs::create_dir_all(state_dir).map_err(failed)?;
    std::fs::write(&path, "*\n").map_err(failed)?;
    Ok((path, Done::Made))
}

/// One command to go on with.
fn next_command(settings: &Settings, file: Done, asked: &[String]) -> String {
    match asked.first() {
        // The file that was there was left alone, so what was asked for is still to be done.
        Some(name) if file == Done::WasThere && settings.runtime.value.as_str() != name => {
            format!("hew config set loop.runtime {name}")
        }
        _ => "hew task add \"TITLE\"".to_owned(),
    }
}

fn tell(things: &[(&str, PathBuf, Done)], tracker: &TrackerRecord, next: &str, ui: &Ui) {
    if ui.is_json() {
        let things = things.iter().map(|(what, path, done)| Thing { what, path, made: *done == Done::Made });
        ui.print_output(&Initialised { things: things.collect(), tracker, next });
        return;
    }
    for (what, path, done) in things {
        let path = hew_core::render::text::visible(&path.display().to_string());
        ui.print(&format!("{what:<9} {:<10} {path}\n", done.word()));
    }
    ui.print(&format!("tasks live in {}\n", hew_core::render::text::visible(&tracker.words())));
    ui.print(&format!("next: {next}\n"));
}
