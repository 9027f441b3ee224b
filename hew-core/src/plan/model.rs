//! Which model a task asks for, and what its runtime is told. First match wins: tag, label, the run, the task's priority,
//! its type, the classifier, the default, none.
//!
//! Invariant: a model never changes the runtime. Names are not checked: only the provider knows them.

use super::runtime::RuntimeChoice;
use super::{Suggestion, local};
use crate::ids::ModelName;
use crate::settings::{RuntimeDef, Settings};
use crate::tracker::Task;

/// What a tag in a description begins with, behind the `<!--`.
const TAG: &str = "hew:model=";

/// What a label that names a model begins with.
const LABEL: &str = "model:";

/// A model that is asked for, with where that came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelChoice {
    /// The name as it was given.
    pub name: ModelName,
    /// E.g. `label model:opus`, `flag --model`.
    pub origin: String,
}

/// What kind of name a runtime is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// The settings translate the name for this runtime.
    Mapped,
    /// A full name with a version in it.
    Pinned,
    /// A short name; the runtime decides what stands behind it.
    Alias,
}

impl Naming {
    /// For people and for JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mapped => "mapped",
            Self::Pinned => "pinned",
            Self::Alias => "alias",
        }
    }
}

/// What a runtime is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelForRuntime {
    /// The name that it is told.
    pub name: ModelName,
    /// What kind of name that is.
    pub naming: Naming,
    /// Where the translation came from, if it is one.
    pub mapped_by: Option<String>,
}

/// What says which runtime and which model a task gets, where it does not say so itself.
#[derive(Debug, Clone, Copy)]
pub struct Wishes<'a> {
    /// The settings in force.
    pub settings: &'a Settings,
    /// The model of `--model`.
    pub run: Option<&'a ModelName>,
    /// What a classifier suggests.
    pub suggested: Option<&'a Suggestion>,
}

impl<'a> Wishes<'a> {
    /// Those of the settings alone.
    pub fn of(settings: &'a Settings) -> Self {
        Self { settings, run: None, suggested: None }
    }
}

/// The model that a task asks for; `run` is that of `--model`.
pub fn choose(
    task: &Task,
    settings: &Settings,
    run: Option<&ModelName>,
    suggested: Option<&Suggestion>,
) -> Option<ModelChoice> {
    let suggested = || {
        let suggested = suggested?;
        Some(ModelChoice { name: suggested.model.clone()?, origin: suggested.origin() })
    };
    let default = || {
        let name = settings.model_default.value.clone()?;
        Some(ModelChoice { name, origin: format!("{} loop.model.default", settings.model_default.origin) })
    };
    named(task, settings, run).or_else(suggested).or_else(default)
}

/// The model that the task, the run, or a rule for such tasks names.
pub fn named(task: &Task, settings: &Settings, run: Option<&ModelName>) -> Option<ModelChoice> {
    let choice = |name: &str, origin: String| ModelChoice { name: ModelName::new(name), origin };
    if let Some(own) = own_word(task) {
        return Some(own);
    }
    if let Some(name) = run {
        return Some(choice(name.as_str(), "flag --model".to_owned()));
    }
    if let Some(found) = settings.model_by_priority.get(&task.priority) {
        let origin = format!("{} loop.model.by_priority.P{}", found.origin, task.priority);
        return Some(choice(found.value.as_str(), origin));
    }
    if let Some(found) = settings.model_by_type.get(&task.issue_type).filter(|_| !task.issue_type.is_empty())
    {
        let origin = format!("{} loop.model.by_type.{}", found.origin, task.issue_type);
        return Some(choice(found.value.as_str(), origin));
    }
    None
}

/// The model that a task itself names.
fn own_word(task: &Task) -> Option<ModelChoice> {
    let choice = |name: &str, origin: String| ModelChoice { name: ModelName::new(name), origin };
    if let Some(name) = tag(&task.description) {
        return Some(choice(name, format!("tag {TAG}{name}")));
    }
    let name = task.labels.iter().filter_map(|label| label.strip_prefix(LABEL)).find_map(well_formed)?;
    Some(choice(name, format!("label {LABEL}{name}")))
}

/// The first well-formed `<!-- hew:model=NAME -->`.
fn tag(description: &str) -> Option<&str> {
    let comments = description.split("<!--").skip(1).filter_map(|text| Some(text.split_once("-->")?.0));
    comments.filter_map(|comment| comment.trim_start().strip_prefix(TAG)).find_map(well_formed)
}

/// A name is on one line and not empty.
fn well_formed(name: &str) -> Option<&str> {
    let name = name.trim();
    (!name.is_empty() && !name.contains(char::is_control)).then_some(name)
}

/// What a runtime is told; none where the name is dropped, for it was meant for the runtime that this one stands in for.
pub fn for_runtime(model: &ModelChoice, def: &RuntimeDef, choice: &RuntimeChoice) -> Option<ModelForRuntime> {
    if let Some(mapped) = def.models.get(&model.name) {
        let key = format!("loop.runtime_defs.{}.models.{}", choice.name, model.name);
        let (name, mapped_by) = (mapped.value.clone(), Some(format!("{} {key}", mapped.origin)));
        return Some(ModelForRuntime { name, naming: Naming::Mapped, mapped_by });
    }
    if choice.instead_of.is_some() {
        return None;
    }
    let naming = if has_version(model.name.as_str()) { Naming::Pinned } else { Naming::Alias };
    Some(ModelForRuntime { name: model.name.clone(), naming, mapped_by: None })
}

/// The model that a runtime is asked for on behalf of a task, with where it comes from; none where it is asked for none.
pub fn asked_of(
    task: &Task,
    wishes: &Wishes<'_>,
    def: &RuntimeDef,
    runtime: &RuntimeChoice,
) -> Option<ModelChoice> {
    let choice = choose(task, wishes.settings, wishes.run, wishes.suggested);
    let told = choice.and_then(|choice| {
        let ModelForRuntime { name, .. } = for_runtime(&choice, def, runtime)?;
        Some(ModelChoice { name, origin: choice.origin })
    });
    told.or_else(|| local::own_model(wishes.settings, runtime))
}

/// A task names its model itself.
pub fn is_tasks_own(task: &Task) -> bool {
    own_word(task).is_some()
}

/// A full name counts its versions; what stands in brackets is an option.
fn has_version(name: &str) -> bool {
    name.split('[').next().unwrap_or_default().contains(|c: char| c.is_ascii_digit())
}

/// What answered is what a runtime was told: the same name, the same with a date behind it, or one of the family that an
/// alias names.
pub fn is_same_model(told: &ModelName, observed: &str) -> bool {
    let bare = |name: &str| name.split('[').next().unwrap_or_default().trim().to_ascii_lowercase();
    let (told, observed) = (bare(told.as_str()), bare(observed));
    if has_version(&told) {
        let is_dated = |long: &str, short: &str| long.strip_prefix(short).is_some_and(is_date);
        return told == observed || is_dated(&observed, &told) || is_dated(&told, &observed);
    }
    let words = |name: &str| name.split(['-', '/', '.', ':']).map(ToOwned::to_owned).collect::<Vec<_>>();
    let (told, observed) = (words(&told), words(&observed));
    told == ["default"] || observed.windows(told.len()).any(|part| part == told)
}

/// `-20251101`
fn is_date(rest: &str) -> bool {
    rest.strip_prefix('-')
        .is_some_and(|date| date.len() == 8 && date.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_well_formed_tag_counts() {
        for (text, found) in [
            ("do it <!-- hew:model=opus --> now", Some("opus")),
            ("<!--hew:model=  claude-opus-5-5 [1m]\t-->", Some("claude-opus-5-5 [1m]")),
            ("<!-- hew:model= --><!-- hew:model=b --><!-- hew:model=c -->", Some("b")),
            ("<!-- hew:model=a\n--> x <!-- hew:model=b -->", Some("a")),
            ("<!-- hew:model=a\nb --> <!-- hew:model=c -->", Some("c")),
            ("<!-- hew:model=open <!-- hew:model=b -->", Some("b")),
            ("<!-- hew:model=open", None),
            ("<!-- hew:models=a --> hew:model=b <!-- model=c -->", None),
            ("", None),
        ] {
            assert_eq!(tag(text), found, "{text}");
        }
    }

    #[test]
    fn an_alias_is_answered_by_its_family_and_a_full_name_by_itself() {
        for (told, observed, is_same) in [
            ("opus", "claude-opus-5-5", true),
            ("opus[1m]", "claude-opus-4-5-20251101", true),
            ("Sonnet", "claude-3-5-sonnet-20241022", true),
            ("opus", "claude-haiku-4-5", false),
            ("op", "claude-opus-5-5", false),
            ("default", "claude-haiku-4-5", true),
            ("claude-opus-4-5", "claude-opus-4-5-20251101", true),
            ("claude-opus-4-5-20251101", "claude-opus-4-5", true),
            ("claude-opus-4", "claude-opus-4-5", false),
            ("claude-opus-4-5", "claude-haiku-4-5", false),
            ("gpt-5-codex", "gpt-5-codex", true),
            ("gpt-5", "gpt-5-codex", false),
            ("org/model", "org/model", true),
        ] {
            assert_eq!(is_same_model(&ModelName::new(told), observed), is_same, "{told} {observed}");
        }
    }

    #[test]
    fn a_name_without_a_version_is_an_alias() {
        for (name, pinned) in [
            ("opus", false),
            ("sonnet[1m]", false),
            ("claude-opus-5-5", true),
            ("gpt-5.5", true),
            ("org/model", false),
        ] {
            assert_eq!(has_version(name), pinned, "{name}");
        }
    }
}
