//! `hew trust`, and the check that everything makes which runs what a project's settings say.
//!
//! Invariants: nothing of a project's file that runs commands or widens rights takes effect before the person has
//! trusted exactly that content; only a person trusts, never something inside an iteration. What the person's own file,
//! the environment and flags say needs no trust.

use std::env;
use std::io::{BufRead as _, stdin};
use std::path::Path;

use hew_core::output::Output;
use hew_core::render::text::visible;
use hew_core::settings::problem::place;
use hew_core::settings::secret::shown_value;
use hew_core::settings::trust::{TrustChange, TrustedContent};
use hew_core::settings::{Origin, Value};
use schemars::JsonSchema;
use serde::Serialize;

use super::context::Context;
use super::nested;
use crate::adapters::project::Project;
use crate::adapters::settings_files::ProjectLayer;
use crate::adapters::trust_store;
use crate::cli::TrustArgs;
use crate::failure::{Failure, code};
use crate::ui::{self, Ui};

/// Lifts the check for one call, where a person has settled it elsewhere: `all`.
pub(crate) const VARIABLE: &str = "HEW_TRUST";

/// The key that says which program the tracker is.
const TRACKER_COMMAND: &str = "tracker.command";

/// How a project's settings file stands.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Trust<'a> {
    /// The project's git folder.
    project: &'a Path,
    /// Its settings file; null where none counts.
    file: Option<&'a Path>,
    /// Hash of what needs trust in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    /// What was not trusted before.
    changes: Vec<Change<'a>>,
    /// All of it is trusted now.
    trusted: bool,
}

impl Output for Trust<'_> {
    const KIND: &'static str = "trust";
}

/// A setting that differs from what was trusted.
#[derive(Debug, Serialize, JsonSchema)]
struct Change<'a> {
    /// Its key.
    key: &'a str,
    /// The value that was trusted; null where none was.
    old: Option<String>,
    /// The value now; null where it has none any more.
    new: Option<String>,
    /// File and line.
    at: Option<String>,
}

/// `hew trust`: shows what is not trusted yet, and trusts it.
pub fn run(args: &TrustArgs, ui: &Ui) -> Result<u8, Failure> {
    if nested::is_inside_iteration() {
        return Err(Failure::usage("trust is a person's: this was called inside an iteration")
            .because("HEW_RUN_ID is set")
            .hint("hew trust, in a terminal of your own"));
    }
    let context = Context::open()?;
    let Some(layer) = &context.project_layer else {
        tell_nothing(&context, ui);
        return Ok(code::OK);
    };
    let changes = recorded_changes(&context.project, layer)?;
    if !args.show && !changes.is_empty() {
        trust_store::save(&context.project, &layer.file.path, &TrustedContent::of(&layer.values))?;
    }
    tell(&context, layer, &changes, args.show, ui);
    Ok(if args.show && !changes.is_empty() { code::FAILED } else { code::OK })
}

fn tell_nothing(context: &Context, ui: &Ui) {
    if ui.is_json() {
        let project = &context.project.common_dir;
        ui.print_output(&Trust { project, file: None, sha256: None, changes: Vec::new(), trusted: true });
    } else {
        ui.print("no settings file of this project counts: nothing needs trust\n");
    }
}

fn tell(context: &Context, layer: &ProjectLayer, changes: &[TrustChange], only_shown: bool, ui: &Ui) {
    let trusted = TrustedContent::of(&layer.values);
    if ui.is_json() {
        ui.print_output(&Trust {
            project: &context.project.common_dir,
            file: Some(&layer.file.path),
            sha256: Some(trusted.hash()),
            changes: changes.iter().map(Change::of).collect(),
            trusted: changes.is_empty() || !only_shown,
        });
        return;
    }
    let path = visible(&layer.file.path.display().to_string());
    for change in changes {
        ui.print(&format!("{}\n", visible(&line(change))));
    }
    let count = trusted.0.len();
    let word = match (changes.is_empty(), only_shown) {
        (true, _) if count == 0 => format!("{path} has nothing that needs trust"),
        (true, _) if count == 1 => {
            format!("{path} is trusted: one setting that runs a command or widens rights")
        }
        (true, _) => format!("{path} is trusted: {count} settings that run commands or widen rights"),
        (false, true) => format!("{path} is not trusted; hew trust"),
        (false, false) => format!("{path} is trusted now"),
    };
    ui.print(&format!("{word}\n"));
}

/// Refuses, unless the project's settings are trusted. On a terminal the person is shown what changed, and asked.
pub fn require(context: &Context, ui: &Ui) -> Result<(), Failure> {
    let changes = standing_changes(context)?;
    if changes.is_empty() {
        return Ok(());
    }
    let refusal = refusal(&changes);
    let Some(layer) =
        context.project_layer.as_ref().filter(|_| ui::can_ask() && !nested::is_inside_iteration())
    else {
        return Err(refusal);
    };
    ui.warn(&refusal.message);
    for change in &changes {
        ui.warn(&format!("  {}", line(change)));
    }
    ui.warn("Trust them? Type yes, or press Enter to leave it:");
    let mut answer = String::new();
    stdin().lock().read_line(&mut answer).map_err(|error| Failure::usage("no answer").because(error))?;
    if !matches!(answer.trim(), "y" | "Y" | "yes") {
        return Err(refusal);
    }
    trust_store::save(&context.project, &layer.file.path, &TrustedContent::of(&layer.values))
}

/// The same for what only drives the tracker: refuses if the project's own file says which program that is, and that is
/// not trusted. Agents may drive it in any case: they were started by a run that made the check.
pub fn require_for_tracker(context: &Context) -> Result<(), Failure> {
    let is_projects =
        matches!(context.settings.tracker_command.origin, Origin::File { layer: "project", .. });
    if !is_projects || nested::is_inside_iteration() {
        return Ok(());
    }
    let mut changes = standing_changes(context)?;
    changes.retain(|change| change.key == TRACKER_COMMAND);
    if changes.is_empty() { Ok(()) } else { Err(refusal(&changes)) }
}

/// Whether the person trusts the content of a project's file, or there is nothing in it that needs it.
pub fn is_trusted(project: &Project, layer: &ProjectLayer) -> Result<bool, Failure> {
    Ok(recorded_changes(project, layer)?.is_empty())
}

/// What is not trusted of a project's file, a line each, for people.
pub fn describe(project: &Project, layer: &ProjectLayer) -> Result<Vec<String>, Failure> {
    Ok(recorded_changes(project, layer)?.iter().map(line).collect())
}

/// Settings of the project that keep a run from starting, a line each, for people.
pub fn not_trusted(context: &Context) -> Result<Vec<String>, Failure> {
    Ok(standing_changes(context)?.iter().map(line).collect())
}

/// Keys of the project's settings that are not trusted.
pub fn untrusted_keys(context: &Context) -> Result<Vec<String>, Failure> {
    Ok(standing_changes(context)?.into_iter().map(|change| change.key).collect())
}

/// Records that the content of a project's file is trusted.
pub fn record(project: &Project, layer: &ProjectLayer) -> Result<(), Failure> {
    let content = TrustedContent::of(&layer.values);
    // No record is as good as one of nothing.
    if content == trust_store::load(project, &layer.file.path)? {
        return Ok(());
    }
    trust_store::save(project, &layer.file.path, &content)
}

/// What is not trusted, `HEW_TRUST` considered.
fn standing_changes(context: &Context) -> Result<Vec<TrustChange>, Failure> {
    let Some(layer) = &context.project_layer else { return Ok(Vec::new()) };
    match env::var_os(VARIABLE).filter(|value| !value.is_empty()) {
        None => recorded_changes(&context.project, layer),
        Some(value) if value == "all" => Ok(Vec::new()),
        Some(value) => {
            Err(Failure::usage(format!("{VARIABLE} is `{}`; it can only be `all`", value.to_string_lossy()))
                .hint(format!("unset {VARIABLE}")))
        }
    }
}

fn recorded_changes(project: &Project, layer: &ProjectLayer) -> Result<Vec<TrustChange>, Failure> {
    if TrustedContent::of(&layer.values) == TrustedContent::default() {
        return Ok(Vec::new());
    }
    Ok(trust_store::load(project, &layer.file.path)?.changes_to(&layer.values))
}

fn refusal(changes: &[TrustChange]) -> Failure {
    let failure =
        Failure::usage("the project's settings run commands or widen rights, and you have not trusted them")
            .hint("look at them, then: hew trust");
    changes.iter().map(line).fold(failure, Failure::because)
}

/// A change for people: place, key, new value, old value.
fn line(change: &TrustChange) -> String {
    let at = change.at.as_ref().map(|at| format!("{}: ", place(at))).unwrap_or_default();
    let key = &change.key;
    match (shown(change, change.old.as_ref()), shown(change, change.new.as_ref())) {
        (None, Some(new)) => format!("{at}{key} = {new}"),
        (Some(old), Some(new)) => format!("{at}{key} = {new} (trusted: {old})"),
        (Some(old), None) => format!("{key} is gone (trusted: {old})"),
        (None, None) => unreachable!("what was not there and is not there has not changed"),
    }
}

impl<'a> Change<'a> {
    fn of(change: &'a TrustChange) -> Self {
        Self {
            key: &change.key,
            old: shown(change, change.old.as_ref()),
            new: shown(change, change.new.as_ref()),
            at: change.at.as_ref().map(place),
        }
    }
}

/// A value as it may stand in a log.
fn shown(change: &TrustChange, value: Option<&String>) -> Option<String> {
    value.map(|text| shown_value(&change.key, &Value::Text(text.clone())).to_string())
}
