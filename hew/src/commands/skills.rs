//! `hew skills` and `hew prime`: the texts for agents that this hew carries, for people and for agents that don't find
//! them installed.

use hew_core::output::Output;
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::SkillsCommand;
use crate::failure::{Failure, code};
use crate::skills::{self, SKILLS};
use crate::ui::Ui;

/// A skill that there is.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Skill<'a> {
    /// Its name.
    name: &'a str,
    /// When to use it.
    description: &'a str,
    /// The version that it belongs to.
    version: &'a str,
}

impl Output for Skill<'_> {
    const KIND: &'static str = "skill";
}

/// One skill, whole.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct SkillText<'a> {
    /// Its name.
    name: &'a str,
    /// The version that it belongs to.
    version: &'a str,
    /// Front matter, marker of the version, body: as it is installed.
    text: &'a str,
}

impl Output for SkillText<'_> {
    const KIND: &'static str = "skill_text";
}

/// What a session of an agent is to know of hew.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Primer<'a> {
    /// The version that it belongs to.
    version: &'a str,
    /// The text.
    text: &'a str,
}

impl Output for Primer<'_> {
    const KIND: &'static str = "primer";
}

/// Lists skills, or prints one.
pub fn run(command: &SkillsCommand, ui: &Ui) -> Result<u8, Failure> {
    match command {
        SkillsCommand::List => list(ui),
        SkillsCommand::Show(args) => show(&args.name, ui)?,
    }
    Ok(code::OK)
}

/// Prints the primer.
pub fn prime(ui: &Ui) -> u8 {
    let text = skills::body(skills::PRIMER);
    if ui.is_json() {
        ui.print_output(&Primer { version: version(skills::PRIMER), text });
    } else {
        ui.print(text);
    }
    code::OK
}

fn list(ui: &Ui) {
    for skill in SKILLS {
        let (name, description) = (skill.name, skill.description());
        if ui.is_json() {
            ui.print_output(&Skill { name, description, version: version(skill.text) });
        } else {
            ui.print(&format!("{name}\n    {description}\n"));
        }
    }
}

fn show(name: &str, ui: &Ui) -> Result<(), Failure> {
    let skill = skills::Skill::named(name).ok_or_else(|| unknown(name))?;
    if ui.is_json() {
        ui.print_output(&SkillText { name: skill.name, version: version(skill.text), text: skill.text });
    } else {
        ui.print(skill.text);
    }
    Ok(())
}

fn version(text: &str) -> &str {
    skills::version_marker(text).expect("every text of the binary has a marker")
}

fn unknown(name: &str) -> Failure {
    let near = SKILLS.iter().min_by_key(|skill| strsim::damerau_levenshtein(skill.name, name));
    let near = near.expect("there are skills").name;
    Failure::failed(format!("no skill `{name}`"))
        .because(format!("{near} is the nearest"))
        .hint(format!("hew skills show {near}"))
}
