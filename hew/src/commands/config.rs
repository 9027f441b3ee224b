//! `hew config`: what is set, where it comes from, whether it is valid. What changes a file is in `config_write`.

use std::path::Path;

use hew_core::output::Output;
use hew_core::render::text::visible;
use hew_core::settings::keys::{KEYS, env_name};

use hew_core::settings::check::undefined_runtimes;
use hew_core::settings::lookup::{Found, canonical, find, suggestion};
use hew_core::settings::secret::shown_value;
use hew_core::settings::{Settings, Sourced, Value, Values};
use schemars::JsonSchema;
use serde::Serialize;

use super::config_write;
use crate::adapters::project::Project;
use crate::adapters::settings_files::{self, SettingsFile};
use crate::cli::config_args::{ConfigCommand, GetArgs, ListArgs, UnsetArgs};
use crate::failure::{Failure, code};
use crate::ui::Ui;

/// A key that has a value.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Setting<'a> {
    /// The key.
    key: &'a str,
    /// Its value: numbers and flags as such, the rest as people write it.
    value: serde_json::Value,
    /// Where it comes from: file and line, variable or built-in.
    origin: String,
}

impl Output for Setting<'_> {
    const KIND: &'static str = "setting";
}

impl<'a> Setting<'a> {
    fn of(key: &'a str, found: &Sourced<Value>) -> Self {
        Self { key, value: found.value.to_json(), origin: found.origin.to_string() }
    }
}

/// A key that there is.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct SettingKey<'a> {
    /// The key.
    key: &'a str,
    /// The type of its values, in a word.
    #[serde(rename = "type")]
    value_type: &'a str,
    /// The values that it takes, for people.
    allowed: String,
    /// Its value where no layer gives one; null where it has none then.
    default: Option<&'a str>,
    /// What it is for.
    meaning: &'a str,
    /// The variable that sets it.
    environment: String,
    /// A project's own file needs the person's trust for it.
    runs_commands: bool,
}

impl Output for SettingKey<'_> {
    const KIND: &'static str = "setting_key";
}

/// A settings file that counts; the stronger ones come last.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct FileOfSettings<'a> {
    /// `user`, `project`, or `HEW_CONFIG`'s.
    layer: &'a str,
    /// The file.
    path: &'a Path,
    /// It is there.
    exists: bool,
}

impl Output for FileOfSettings<'_> {
    const KIND: &'static str = "settings_file";
}

/// All layers are valid.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct SettingsValid<'a> {
    /// The files that were read.
    files: Vec<&'a Path>,
}

impl Output for SettingsValid<'_> {
    const KIND: &'static str = "settings_valid";
}

/// Reads or writes settings.
pub fn run(command: ConfigCommand, ui: &Ui) -> Result<u8, Failure> {
    match command {
        ConfigCommand::Get(args) => get(&args, ui),
        ConfigCommand::Set(args) if args.value.trim().is_empty() => {
            config_write::unset(&args.key, &args.file, ui)
        }
        ConfigCommand::Set(args) => config_write::set(&args, ui),
        ConfigCommand::Unset(UnsetArgs { key, file }) => config_write::unset(&key, &file, ui),
        ConfigCommand::List(args) => list(&args, ui),
        ConfigCommand::Keys => Ok(keys(ui)),
        ConfigCommand::Path => path(ui),
        ConfigCommand::Edit(file) => config_write::edit(&file, ui),
        ConfigCommand::Validate => validate(ui),
    }
}

/// The project around, if there is one: user settings can be read and written anywhere.
pub(super) fn project() -> Result<Option<Project>, Failure> {
    Project::find()
}

fn get(args: &GetArgs, ui: &Ui) -> Result<u8, Failure> {
    let key = require_key(&args.key)?;
    let values = settings_files::load_values(project()?.as_ref(), &[])?;
    let Some(found) = values.value(&key) else {
        // No failure to print: scripts rely on an empty stdout, with --json too.
        ui.say(&not_set(&key));
        return Ok(code::FAILED);
    };
    if ui.is_json() {
        ui.print_output(&Setting::of(&key, &found));
    } else if let (Value::Map(_), true) = (&found.value, args.show_origin) {
        list_entries(&key, &values, ui);
    } else {
        let lines: Vec<String> = found.value.to_string().lines().map(visible).collect();
        let origin = if args.show_origin {
            format!("\t{}", visible(&found.origin.to_string()))
        } else {
            String::new()
        };
        ui.print(&format!("{}{origin}\n", lines.join("\n")));
    }
    Ok(code::OK)
}

/// That a key has no value, and how it gets one. Entries of maps have no variable.
fn not_set(key: &str) -> String {
    let variable = match find(key) {
        Found::Key(spec) => format!(", or {}", env_name(spec.name)),
        _ => String::new(),
    };
    format!("{key} is not set; to set it: hew config set {key} VALUE{variable}")
}

/// Entries of a map come each from a place of its own.
fn list_entries(key: &str, values: &Values, ui: &Ui) {
    for (name, found) in values.entries_of(key) {
        ui.print(&format!(
            "{}={}\t{}\n",
            visible(name),
            visible(&found.value.to_string()),
            visible(&found.origin.to_string())
        ));
    }
}

fn list(args: &ListArgs, ui: &Ui) -> Result<u8, Failure> {
    let values: Values = settings_files::load_values(project()?.as_ref(), &[])?;
    for (key, found) in values.iter() {
        // A list is for looking around, often with others; who wants a secret asks for it by name.
        let found = &Sourced { value: shown_value(key, &found.value), origin: found.origin.clone() };
        if ui.is_json() {
            ui.print_output(&Setting::of(key, found));
            continue;
        }
        let line = format!("{}={}", visible(key), visible(&found.value.to_string()));
        let origin = if args.show_origin {
            format!("\t{}", visible(&found.origin.to_string()))
        } else {
            String::new()
        };
        ui.print(&format!("{line}{origin}\n"));
    }
    Ok(code::OK)
}

fn keys(ui: &Ui) -> u8 {
    for spec in KEYS {
        if ui.is_json() {
            ui.print_output(&SettingKey {
                key: spec.name,
                value_type: spec.kind.word(),
                allowed: spec.kind.allowed(),
                default: spec.default,
                meaning: spec.meaning,
                environment: env_name(spec.name),
                runs_commands: spec.runs_commands,
            });
            continue;
        }
        let default = match spec.default {
            None => "not set".to_owned(),
            Some("") => "empty".to_owned(),
            Some(text) => format!("default {text}"),
        };
        let (allowed, variable) = (spec.kind.allowed(), env_name(spec.name));
        ui.print(&format!("{} ({allowed}; {default}; {variable})\n    {}\n", spec.name, spec.meaning));
    }
    code::OK
}

fn path(ui: &Ui) -> Result<u8, Failure> {
    for file in settings_files::files(project()?.as_ref())? {
        let exists = file.path.exists();
        if ui.is_json() {
            ui.print_output(&FileOfSettings { layer: file.layer, path: &file.path, exists });
        } else {
            let absent = if exists { "" } else { " (not there)" };
            ui.print(&format!("{}\t{}{absent}\n", file.layer, shown(&file.path)));
        }
    }
    Ok(code::OK)
}

fn validate(ui: &Ui) -> Result<u8, Failure> {
    let files = validated()?;
    if ui.is_json() {
        let files: Vec<&Path> = files.iter().map(|file| file.path.as_path()).collect();
        ui.print_output(&SettingsValid { files });
    } else {
        let names: Vec<String> = files.iter().map(|file| shown(&file.path)).collect();
        let files = if names.is_empty() { "no settings file".to_owned() } else { names.join(", ") };
        ui.print(&format!("valid: {files}, environment\n"));
    }
    Ok(code::OK)
}

/// The settings files that are there, if all layers together are valid.
pub(super) fn validated() -> Result<Vec<SettingsFile>, Failure> {
    let project = project()?;
    let layers = settings_files::load_layers(project.as_ref(), &[])?;
    let mut problems = layers.problems;
    problems.extend(Settings::from_values(&layers.values).err().unwrap_or_default());
    problems.extend(undefined_runtimes(&layers.values));
    if !problems.is_empty() {
        return Err(settings_files::invalid(&problems));
    }
    let files = settings_files::files(project.as_ref())?;
    Ok(files.into_iter().filter(|file| file.path.exists()).collect())
}

/// The one way to write a path, if it leads to a key or an entry.
pub(super) fn require_key(path: &str) -> Result<String, Failure> {
    let key = canonical(path);
    match find(&key) {
        Found::Key(_) => Ok(key),
        Found::Entry(_, map, name) => match map.entry_name(name) {
            Ok(_) => Ok(key),
            Err(bad) => Err(Failure::usage(format!("{key}: {bad}")).hint("hew config keys")),
        },
        Found::Section => Err(Failure::usage(format!("{key} is a section of keys")).hint("hew config list")),
        Found::Nothing => Err(unknown_key(&key)),
    }
}

fn unknown_key(key: &str) -> Failure {
    let failure = Failure::usage(format!("unknown key {key}"));
    match suggestion(key) {
        Some(meant) => {
            failure.because(format!("did you mean {meant}?")).hint(format!("hew config get {meant}"))
        }
        None => failure.hint("hew config keys"),
    }
}

pub(super) fn shown(path: &Path) -> String {
    visible(&path.display().to_string())
}
