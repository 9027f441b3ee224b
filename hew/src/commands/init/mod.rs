//! `hew init`: settings, state folder, tracker, texts for agents. Run again it refreshes what is hew's own, and changes
//! nothing that a person may have written.
//!
//! | file | holds |
//! | --- | --- |
//! | `asking` | what a person on a terminal is asked |
//! | `reconfigure` | changes of settings that are there |
//! | `telling` | what was done, for people and programs |
//! | `template` | the settings file |

use std::path::{Path, PathBuf};

use hew_core::plan::local::LOCAL;
use hew_core::plan::runtime;
use hew_core::settings::layers::read_key;
use hew_core::settings::{Origin, Settings};

use super::context::{Context, SettingFlag};
use super::trust;
use crate::adapters::agent_texts::Reader;
use crate::adapters::settings_files::{SettingsFile, project_file};
use crate::adapters::tracker::embedded_path;
use crate::cli::InitArgs;
use crate::failure::{Failure, code};
use crate::ui::Ui;
use asking::Way;
pub(super) use telling::Initialised;
use telling::{Done, Thing};

mod asking;
mod reconfigure;
mod telling;
mod template;

/// What the settings file is to say; what is absent is left open, or as it is.
#[derive(Debug, Default)]
struct Wanted {
    /// Runtimes, the main one first.
    runtimes: Vec<String>,
    /// `bd` or `embedded`.
    tracker: Option<&'static str>,
    /// `worktree` or `off`.
    sandbox: Option<&'static str>,
}

/// Sets the project around up.
pub fn run(args: &InitArgs, ui: &Ui) -> Result<u8, Failure> {
    check_names(&args.runtime)?;
    let wanted = Wanted {
        runtimes: args.runtime.clone(),
        tracker: args.tracker.map(crate::cli::TrackerArg::word),
        sandbox: None,
    };
    // Settings that are there already must be valid, and the tracker usable, before anything is made.
    let before = Context::open_with(&wanted.flags())?;
    if wanted.tracker.is_some() {
        before.open_tracker_to_look()?;
    }
    let file = project_file(&before.project.root)?;
    let way = asking::way(args, file.path.exists(), ui)?;
    let (settings, wanted) = match way {
        Way::Cancel => {
            ui.say("Nothing was changed.");
            return Ok(code::OK);
        }
        Way::Fresh => {
            let wanted = asking::complete(wanted, args, None, ui)?;
            (write_settings(&file, &before.settings, &wanted)?, wanted)
        }
        Way::Reconfigure => {
            let wanted = asking::complete(wanted, args, Some(&before.settings), ui)?;
            (reconfigure::settings(&file, &wanted, args.yes, ui)?, wanted)
        }
        Way::Refresh => (Thing::new("settings", file.path.clone(), Done::WasThere), wanted),
    };
    set_up(settings, &wanted, ui)
}

/// Everything besides the settings.
fn set_up(settings: Thing, wanted: &Wanted, ui: &Ui) -> Result<u8, Failure> {
    let context = Context::open()?;
    let mut things = vec![ignore_state(&context.project.state_dir)?];
    if let (Done::Made, Some(layer)) = (settings.done, &context.project_layer) {
        trust::record(&context.project, layer)?;
    }
    let next = next_command(&context.settings, settings.done, &wanted.runtimes);
    things.insert(0, settings);
    let store_was_there = embedded_path(&context.project).exists();
    let opened = context.open_tracker_in_use()?;
    let is_made = opened.beads_dir().is_none() && !store_was_there;
    let done = if is_made { Done::Made } else { Done::WasThere };
    things.push(Thing::new("tracker", PathBuf::from(&opened.in_use.place), done));
    things.extend(texts(&context, wanted));
    telling::tell(&things, &opened.in_use, &next, ui);
    Ok(code::OK)
}

/// Texts for the agents that were asked for, that runs would choose, or that have older ones here.
fn texts(context: &Context, wanted: &Wanted) -> Vec<Thing> {
    let root = &context.project.root;
    let chosen = runtime::of_run(&context.settings).unwrap_or_default();
    let is_chosen = |reader: &Reader| {
        wanted.runtimes.iter().any(|name| name == reader.runtime())
            || chosen.iter().any(|choice| choice.name.as_str() == reader.runtime())
            || reader.has_any(root)
    };
    let readers = Reader::ALL.into_iter().filter(is_chosen);
    readers.flat_map(|reader| reader.install(root)).map(Thing::of_text).collect()
}

impl Wanted {
    /// As flags that stand for settings.
    fn flags(&self) -> Vec<SettingFlag<'static>> {
        self.tracker.map(|kind| ("tracker.kind", kind.to_owned(), "--tracker")).into_iter().collect()
    }
}

fn check_names(runtimes: &[String]) -> Result<(), Failure> {
    for name in runtimes {
        read_key("loop.runtime", name, &Origin::BuiltIn).map_err(|problem| {
            Failure::usage(format!("--runtime: {}", problem.what())).hint("hew init --runtime claude")
        })?;
    }
    Ok(())
}

/// Runtimes that nobody has said how to start.
fn undefined<'a>(runtimes: &'a [String], settings: &Settings) -> Vec<&'a str> {
    let has_command = |name: &str| {
        settings.runtime_defs.iter().any(|(known, def)| known.as_str() == name && def.command.value.is_some())
    };
    runtimes.iter().map(String::as_str).filter(|name| !has_command(name)).collect()
}

/// Writes the settings file of a project that has none.
fn write_settings(file: &SettingsFile, settings: &Settings, wanted: &Wanted) -> Result<Thing, Failure> {
    let undefined = undefined(&wanted.runtimes, settings);
    file.write(&template::settings_text(wanted, &undefined))?;
    Ok(Thing::new("settings", file.path.clone(), Done::Made))
}

/// Keeps everything in the state folder out of git.
fn ignore_state(state_dir: &Path) -> Result<Thing, Failure> {
    let path = state_dir.join(".gitignore");
    let failed = |error: std::io::Error| {
        Failure::failed(format!("{} can't be written", path.display())).because(error)
    };
    let (text, done) = match std::fs::read_to_string(&path) {
        Ok(text) if text.lines().any(|line| line == "*") => {
            return Ok(Thing::new("state", path, Done::WasThere));
        }
        // What somebody wrote there stays; a pattern further down wins.
        Ok(text) if text.is_empty() || text.ends_with('\n') => (format!("{text}*\n"), Done::Changed),
        Ok(text) => (format!("{text}\n*\n"), Done::Changed),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => ("*\n".to_owned(), Done::Made),
        Err(error) => return Err(failed(error)),
    };
    std::fs::create_dir_all(state_dir).map_err(failed)?;
    std::fs::write(&path, text).map_err(failed)?;
    Ok(Thing::new("state", path, done))
}

/// One command to go on with.
fn next_command(settings: &Settings, file: Done, asked: &[String]) -> String {
    match asked.first() {
        // The file that was there was left alone, so what was asked for is still to be done.
        Some(name) if file == Done::WasThere && settings.runtime.value.as_str() != name => {
            format!("hew config set loop.runtime {name}")
        }
        _ => server_command(settings).unwrap_or_else(|| "hew task add \"TITLE\"".to_owned()),
    }
}

/// What the runtime `local` is still to be told, where that does the tasks.
fn server_command(settings: &Settings) -> Option<String> {
    let local = &settings.local;
    let is_set = local.endpoint.value.is_some();
    if settings.runtime.value.as_str() != LOCAL || (is_set && local.model.value.is_some()) {
        return None;
    }
    let model = "hew config set loop.local.model NAME";
    Some(if is_set {
        format!("{model}   # hew doctor says which ones the server has")
    } else {
        format!(
            "hew config set loop.local.endpoint http://127.0.0.1:11434/v1   # your server's; then: {model}"
        )
    })
}
