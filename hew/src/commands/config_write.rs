//! `hew config set`, `unset` and `edit`: what changes a settings file.
//!
//! Invariant: trust follows the person's own change of a project's file if what was there before was trusted.

use std::io::{BufRead as _, stdin};
use std::path::Path;

use hew_core::output::Output;
use hew_core::render::text::visible;
use hew_core::settings::layers::{read_file, read_key};
use hew_core::settings::lookup::canonical;
use hew_core::settings::secret::shown_value;
use hew_core::settings::{Origin, SettingsProblem, Value};
use schemars::JsonSchema;
use serde::Serialize;

use super::config::{project, require_key, shown, validated};
use super::{nested, trust};
use crate::adapters::editor;
use crate::adapters::launch_state::{self, Head};
use crate::adapters::project::Project;
use crate::adapters::settings_files::{self, ProjectLayer, SettingsFile};
use crate::cli::config_args::{FileSelection, SetArgs};
use crate::failure::{Failure, code};
use crate::settings_edit::{self, EditError};
use crate::ui::{self, Ui};

/// Why trust does not follow a change.
const UNTRUSTED_BEFORE: &str = "what this file had before was not trusted, so it isn't now either";

/// The same, for a file that a delivery or a pull may have changed in the editor's place.
const HEAD_MOVED: &str = "HEAD moved while the file was open, so it may hold what you did not write";

/// A key that was written.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct SettingWritten<'a> {
    /// The key.
    key: &'a str,
    /// Its value; secrets are left out.
    value: serde_json::Value,
    /// The file that has it now.
    file: &'a Path,
}

impl Output for SettingWritten<'_> {
    const KIND: &'static str = "setting_written";
}

/// A key that was taken out.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct SettingRemoved<'a> {
    /// The key.
    key: &'a str,
    /// The file had it.
    was_there: bool,
    /// The file that no longer has it.
    file: &'a Path,
}

impl Output for SettingRemoved<'_> {
    const KIND: &'static str = "setting_removed";
}

/// A settings file that was opened in an editor, and is valid.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct SettingsEdited<'a> {
    /// It is not as it was.
    changed: bool,
    /// The file.
    file: &'a Path,
}

impl Output for SettingsEdited<'_> {
    const KIND: &'static str = "settings_edited";
}

/// Writes one key.
pub(super) fn set(args: &SetArgs, ui: &Ui) -> Result<u8, Failure> {
    // The place is the command line, which needs no name.
    let value =
        read_key(&args.key, &args.value, &Origin::BuiltIn).map_err(|problem| refused(&problem, args))?;
    let key = canonical(&args.key);
    let file = chosen_file(&args.file)?;
    let text = file.read()?.unwrap_or_default();
    let changed =
        settings_edit::with_value(&text, &key, &value).map_err(|error| not_changed(&file, &error))?;
    write(&file, &text, &changed, ui)?;
    let safe = shown_value(&key, &value);
    if ui.is_json() {
        ui.print_output(&SettingWritten { key: &key, value: safe.to_json(), file: &file.path });
    } else {
        let value = visible(&safe.to_string());
        ui.print(&format!("{} = {value} written to {}\n", visible(&key), shown(&file.path)));
    }
    warn_if_hidden(&key, &value, &file, ui);
    Ok(code::OK)
}

/// Takes one key out.
pub(super) fn unset(key: &str, selection: &FileSelection, ui: &Ui) -> Result<u8, Failure> {
    let key = &require_key(key)?;
    let file = chosen_file(selection)?;
    let text = file.read()?.unwrap_or_default();
    let (changed, was_there) =
        settings_edit::without_key(&text, key).map_err(|error| not_changed(&file, &error))?;
    if was_there {
        write(&file, &text, &changed, ui)?;
    }
    if ui.is_json() {
        ui.print_output(&SettingRemoved { key, was_there, file: &file.path });
    } else if was_there {
        ui.print(&format!("{} taken out of {}\n", visible(key), shown(&file.path)));
    } else {
        ui.print(&format!("{} is not in {}\n", visible(key), shown(&file.path)));
    }
    Ok(code::OK)
}

/// Opens the file in the person's editor until it is valid, or the person has enough.
pub(super) fn edit(selection: &FileSelection, ui: &Ui) -> Result<u8, Failure> {
    let file = chosen_file(selection)?;
    // Before the text: what comes between the two is seen as well.
    let head_before = head()?;
    let before = file.read()?.unwrap_or_default();
    file.make_folder()?;
    loop {
        editor::edit(&file.path)?;
        let after = file.read()?.unwrap_or_default();
        let Err(problems) = validated() else {
            // Judged by what is trusted now: another command may have changed file and trust meanwhile.
            let mut change = Change::of(&file, &before)?;
            if head()? != head_before {
                change.doubt_moved_head();
            }
            change.tell(&after, ui)?;
            change.settle(&after, ui)?;
            tell_edited(&file, before != after, ui);
            return Ok(code::OK);
        };
        if !ui::can_ask() {
            return Err(problems);
        }
        ui.warn(&problems.message);
        problems.causes.iter().for_each(|cause| ui.warn(&format!("  {cause}")));
        ui.warn("Edit again? Press Enter for yes, or type no:");
        let mut answer = String::new();
        stdin().lock().read_line(&mut answer).map_err(|error| Failure::usage("no answer").because(error))?;
        if !matches!(answer.trim(), "" | "y" | "yes") || answer.is_empty() {
            return Err(problems);
        }
    }
}

/// Where HEAD is, in a project. A delivery, or a pull, moves it and changes files that an editor has open: what they
/// brought nobody has looked at.
fn head() -> Result<Option<Head>, Failure> {
    let load = |project| launch_state::load(&project).map(|state| state.head);
    project()?.map(load).transpose().map_err(|error| Failure::usage("HEAD can't be read").because(error))
}

fn tell_edited(file: &SettingsFile, changed: bool, ui: &Ui) {
    if ui.is_json() {
        ui.print_output(&SettingsEdited { changed, file: &file.path });
    } else {
        let word = if changed { "changed, and valid" } else { "not changed" };
        ui.print(&format!("{} is {word}\n", shown(&file.path)));
    }
}

/// Writes a settings file whose text was this before; trust follows.
pub(super) fn write(file: &SettingsFile, before: &str, after: &str, ui: &Ui) -> Result<(), Failure> {
    let change = Change::of(file, before)?;
    file.write(after)?;
    change.settle(after, ui)
}

/// A change of a settings file, as far as trust is concerned.
enum Change {
    /// The file needs none.
    Free,
    /// A project's file, and why it can't be trusted unseen after the change, if it can't.
    OfProject { project: Project, file: SettingsFile, doubt: Option<&'static str> },
}

impl Change {
    fn of(file: &SettingsFile, before: &str) -> Result<Self, Failure> {
        if file.layer != "project" {
            return Ok(Self::Free);
        }
        let Some(project) = project()? else { return Ok(Self::Free) };
        let was_trusted =
            !nested::is_inside_iteration() && trust::is_trusted(&project, &layer(file, before))?;
        let doubt = (!was_trusted).then_some(UNTRUSTED_BEFORE);
        Ok(Self::OfProject { project, file: file.clone(), doubt })
    }

    /// HEAD is elsewhere than it was.
    fn doubt_moved_head(&mut self) {
        if let Self::OfProject { doubt, .. } = self {
            doubt.get_or_insert(HEAD_MOVED);
        }
    }

    /// Says what is trusted with the change, which the person may not have read in the editor.
    fn tell(&self, after: &str, ui: &Ui) -> Result<(), Failure> {
        let Self::OfProject { project, file, doubt: None } = self else { return Ok(()) };
        trust::describe(project, &layer(file, after))?
            .iter()
            .for_each(|line| ui.warn(&format!("trusted now: {line}")));
        Ok(())
    }

    fn settle(self, after: &str, ui: &Ui) -> Result<(), Failure> {
        let Self::OfProject { project, file, doubt } = self else { return Ok(()) };
        let after = layer(&file, after);
        let Some(doubt) = doubt else { return trust::record(&project, &after) };
        if !trust::is_trusted(&project, &after)? {
            ui.warn(&format!("note: {doubt}; hew trust"));
        }
        Ok(())
    }
}

fn layer(file: &SettingsFile, text: &str) -> ProjectLayer {
    ProjectLayer { file: file.clone(), values: read_file(text, file.layer, &file.path).values }
}

/// The file that is written: the one asked for, else the one that `HEW_CONFIG` names, else the project's, else the user's.
fn chosen_file(selection: &FileSelection) -> Result<SettingsFile, Failure> {
    if selection.global {
        return settings_files::user_file();
    }
    if selection.project {
        return settings_files::project_file(&settings_files::settings_root(&Project::discover()?));
    }
    let mut files = settings_files::files(project()?.as_ref())?;
    Ok(files.pop().expect("there is at least the user's file"))
}

/// A written key that a stronger layer gives another value has no effect, which must not go unseen.
fn warn_if_hidden(key: &str, value: &Value, file: &SettingsFile, ui: &Ui) {
    let Ok(project) = project() else { return };
    let Ok(values) = settings_files::load_values(project.as_ref(), &[]) else { return };
    let written = match value {
        Value::Map(map) => map.keys().map(|name| format!("{key}.{name}")).collect(),
        _ => vec![key.to_owned()],
    };
    for key in written {
        match values.value(&key).map(|found| found.origin) {
            Some(Origin::File { path, .. }) if path == file.path => {}
            Some(origin) => ui.warn(&format!("note: {key} comes from elsewhere: {origin}")),
            None => {}
        }
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
    .hint("hew config edit")
}
