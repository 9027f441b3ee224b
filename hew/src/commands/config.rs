//! `hew config`.

use std::path::Path;

use hew_core::render::text::visible;
use hew_core::settings::keys::{KEYS, env_name};

use hew_core::settings::layers::read_key;
use hew_core::settings::lookup::{Found, canonical, find, suggestion};
use hew_core::settings::{Origin, SettingsProblem, Sourced, Value, Values};
use serde_json::json;

use crate::adapters::project::Project;
use crate::adapters::settings_files::{self, SettingsFile};
use crate::cli::config_args::{ConfigCommand, FileSelection, GetArgs, ListArgs, SetArgs, UnsetArgs};
use crate::failure::{Failure, code};
use crate::settings_edit::{self, EditError};
use crate::ui::Ui;

/// Reads or writes settings.
pub fn run(command: ConfigCommand, ui: &Ui) -> Result<u8, Failure> {
    match command {
        ConfigCommand::Get(args) => get(&args, ui),
        ConfigCommand::Set(args) if args.value.trim().is_empty() => unset(&args.key, &args.file, ui),
        ConfigCommand::Set(args) => set(&args, ui),
        ConfigCommand::Unset(UnsetArgs { key, file }) => unset(&key, &file, ui),
        ConfigCommand::List(args) => list(&args, ui),
        ConfigCommand::Keys => Ok(keys(ui)),
        ConfigCommand::Path => path(ui),
    }
}

/// The project around, if there is one: user settings can be read and written anywhere.
fn project() -> Option<Project> {
    Project::discover().ok()
}

fn get(args: &GetArgs, ui: &Ui) -> Result<u8, Failure> {
    let key = require_key(&args.key)?;
    let values = settings_files::load_values(project().as_ref(), &[])?;
    let Some(found) = values.value(&key) else { return Ok(code::FAILED) };
    if ui.is_json() {
        ui.print_json(&setting_json(&key, &found));
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

fn list(args: &ListArgs, ui: &Ui) -> Result<u8, Failure> {
    let values: Values = settings_files::load_values(project().as_ref(), &[])?;
    for (key, found) in values.iter() {
        if ui.is_json() {
            ui.print_json(&setting_json(key, found));
            continue;
        }
        let line = format!("{key}={}", visible(&found.value.to_string()));
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
            ui.print_json(&json!({
                "schema": 1, "kind": "setting_key", "key": spec.name, "type": spec.kind.word(),
                "allowed": spec.kind.allowed(), "default": spec.default, "meaning": spec.meaning,
                "environment": env_name(spec.name), "runs_commands": spec.runs_commands,
            }));
            continue;
        }
        let default = match spec.default {
            None => "not set".to_owned(),
            Some("") => "empty".to_owned(),
            Some(text) => format!("default {text}"),
        };
        ui.print(&format!("{} ({}; {default})\n    {}\n", spec.name, spec.kind.allowed(), spec.meaning));
    }
    code::OK
}

fn path(ui: &Ui) -> Result<u8, Failure> {
    for file in settings_files::files(project().as_ref())? {
        let exists = file.path.exists();
        if ui.is_json() {
            ui.print_json(&json!({
                "schema": 1, "kind": "settings_file", "layer": file.layer, "path": file.path, "exists": exists,
            }));
        } else {
            let absent = if exists { "" } else { " (not there)" };
            ui.print(&format!("{}\t{}{absent}\n", file.layer, shown(&file.path)));
        }
    }
    Ok(code::OK)
}

fn set(args: &SetArgs, ui: &Ui) -> Result<u8, Failure> {
    // The place is the command line, which needs no name.
    let value =
        read_key(&args.key, &args.value, &Origin::BuiltIn).map_err(|problem| refused(&problem, args))?;
    let key = canonical(&args.key);
    let file = chosen_file(&args.file)?;
    let text = file.read()?.unwrap_or_default();
    let changed =
        settings_edit::with_value(&text, &key, &value).map_err(|error| not_changed(&file, &error))?;
    file.write(&changed)?;
    if ui.is_json() {
        ui.print_json(&json!({
            "schema": 1, "kind": "setting_written", "key": key, "value": value_json(&value), "file": file.path,
        }));
    } else {
        let value = visible(&value.to_string());
        ui.print(&format!("{} = {value} written to {}\n", visible(&key), shown(&file.path)));
    }
    warn_if_hidden(&key, &file, ui);
    Ok(code::OK)
}

fn unset(key: &str, selection: &FileSelection, ui: &Ui) -> Result<u8, Failure> {
    let key = &require_key(key)?;
    let file = chosen_file(selection)?;
    let text = file.read()?.unwrap_or_default();
    let (changed, was_there) =
        settings_edit::without_key(&text, key).map_err(|error| not_changed(&file, &error))?;
    if was_there {
        file.write(&changed)?;
    }
    if ui.is_json() {
        ui.print_json(&json!({
            "schema": 1, "kind": "setting_removed", "key": key, "was_there": was_there, "file": file.path,
        }));
    } else if was_there {
        ui.print(&format!("{key} taken out of {}\n", shown(&file.path)));
    } else {
        ui.print(&format!("{key} is not in {}\n", shown(&file.path)));
    }
    Ok(code::OK)
}

/// The file that is written: the one asked for, else the one that `HEW_CONFIG` names, else the project's, else the user's.
fn chosen_file(selection: &FileSelection) -> Result<SettingsFile, Failure> {
    if selection.global {
        return settings_files::user_file();
    }
    if selection.project {
        return settings_files::project_file(&settings_files::settings_root(&Project::discover()?));
    }
    let mut files = settings_files::files(project().as_ref())?;
    Ok(files.pop().expect("there is at least the user's file"))
}

/// A written key that a stronger layer gives another value has no effect, which must not go unseen.
fn warn_if_hidden(key: &str, file: &SettingsFile, ui: &Ui) {
    let Ok(values) = settings_files::load_values(project().as_ref(), &[]) else { return };
    let origin = values.value(key).map(|found| found.origin);
    match origin {
        Some(Origin::File { path, .. }) if path == file.path => {}
        Some(origin) => ui.warn(&format!("note: {key} comes from elsewhere: {origin}")),
        None => {}
    }
}

/// The one way to write a path, if it leads to a key or an entry.
fn require_key(path: &str) -> Result<String, Failure> {
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

fn refused(problem: &SettingsProblem, args: &SetArgs) -> Failure {
    match problem {
        SettingsProblem::UnknownKey { key, suggestion: Some(meant), .. } => {
            Failure::usage(format!("unknown key {key}"))
                .because(format!("did you mean {meant}?"))
                .hint(format!("hew config set {meant} '{}'", args.value))
        }
        problem => Failure::usage(problem.what()).hint("hew config keys"),
    }
}

fn not_changed(file: &SettingsFile, error: &EditError) -> Failure {
    let path = file.path.display();
    match error {
        EditError::Syntax { line, reason } => {
            Failure::usage(format!("{path}:{line}: not valid TOML: {reason}"))
        }
        error => Failure::usage(format!("{path} was not changed")).because(error),
    }
    .hint(format!("edit {path}"))
}

fn shown(path: &Path) -> String {
    visible(&path.display().to_string())
}

fn setting_json(key: &str, found: &Sourced<Value>) -> serde_json::Value {
    json!({
        "schema": 1, "kind": "setting", "key": key, "value": value_json(&found.value),
        "origin": found.origin.to_string(),
    })
}

fn value_json(value: &Value) -> serde_json::Value {
    match value {
        Value::Flag(flag) => json!(flag),
        Value::Count(count) => json!(count),
        Value::List(items) => json!(items),
        Value::Usd(amount) => json!(amount.as_f64()),
        Value::Price(price) => price
            .parts()
            .into_iter()
            .map(|(name, amount)| (name.to_owned(), json!(amount.as_f64())))
            .collect(),
        Value::Map(map) => map.iter().map(|(name, value)| (name.clone(), value_json(value))).collect(),
        Value::Percent(_) | Value::Duration { .. } | Value::Bytes { .. } | Value::Text(_) => {
            json!(value.to_string())
        }
    }
}
