//! `hew init --reconfigure`: settings of a file that is there are changed, each by itself, comments and order kept.

use hew_core::settings::layers::{read_file, read_key};
use hew_core::settings::secret::shown_value;
use hew_core::settings::{Origin, Settings};

use super::telling::{Done, Thing};
use super::{Wanted, asking, template, undefined};
use crate::adapters::settings_files::{SettingsFile, typed};
use crate::commands::config_write;
use crate::commands::context::Context;
use crate::failure::Failure;
use crate::settings_edit;
use crate::ui::Ui;

/// Shows what would change and changes it if that is wanted.
pub(super) fn settings(file: &SettingsFile, wanted: &Wanted, yes: bool, ui: &Ui) -> Result<Thing, Failure> {
    let before = file.read()?.unwrap_or_default();
    let now = Context::open()?.settings;
    let (after, changes) = changed(file, &before, wanted, &now)?;
    if changes.is_empty() {
        return Ok(Thing::new("settings", file.path.clone(), Done::WasThere));
    }
    for change in &changes {
        ui.warn(&format!("  {change}"));
    }
    if !asking::agrees(yes, ui)? {
        let why = "not changed, as you said".to_owned();
        return Ok(Thing::left_alone("settings", file.path.clone(), why));
    }
    config_write::write(file, &before, &after, ui)?;
    Ok(Thing::new("settings", file.path.clone(), Done::Changed))
}

/// The text with what is wanted, and each change in words.
fn changed(
    file: &SettingsFile,
    before: &str,
    wanted: &Wanted,
    now: &Settings,
) -> Result<(String, Vec<String>), Failure> {
    let has = read_file(before, file.layer, &file.path).values;
    let mut text = before.to_owned();
    let mut changes = Vec::new();
    for (key, word) in wanted.entries() {
        let value =
            read_key(key, word, &Origin::BuiltIn).map_err(|problem| Failure::usage(problem.what()))?;
        let old = has.value(key).map(|found| found.value);
        if old.as_ref() == Some(&value) {
            continue;
        }
        text = settings_edit::with_value(&text, key, &value).map_err(|error| {
            Failure::usage(format!("{} was not changed", file.path.display()))
                .because(error)
                .hint("hew config edit")
        })?;
        let old = old.map_or_else(|| "not set".to_owned(), |old| shown_value(key, &old).to_string());
        changes.push(format!("{key}: {old} -> {word}"));
    }
    for name in undefined(&wanted.runtimes, now) {
        if !before.contains(&format!("[loop.runtime_defs.{name}]")) {
            text.push('\n');
            text.push_str(&template::definition(name));
            changes.push(format!("how to start {name}: a part to be completed is added"));
        }
    }
    check(file, &text)?;
    Ok((text, changes))
}

/// Nothing is written that the next command would refuse to read.
fn check(file: &SettingsFile, text: &str) -> Result<(), Failure> {
    let layer = read_file(text, file.layer, &file.path);
    if !layer.problems.is_empty() {
        return Err(crate::adapters::settings_files::invalid(&layer.problems));
    }
    typed(&hew_core::settings::Values::built_in().overlaid_with(layer.values)).map(|_| ())
}

impl Wanted {
    /// Keys and values.
    fn entries(&self) -> Vec<(&'static str, &str)> {
        let runtime = self.runtimes.first().map(|name| ("loop.runtime", name.as_str()));
        let tracker = self.tracker.map(|kind| ("tracker.kind", kind));
        let sandbox = self.sandbox.map(|mode| ("loop.sandbox.mode", mode));
        [runtime, tracker, sandbox].into_iter().flatten().collect()
    }
}
