//! The task that a model made of a line.

use serde_json::{Map, Value};

use super::json::first_object;
use super::words::{one_line, plain_words};
use crate::ids::RuntimeName;
use crate::plan::limits::{BUDGET_KEY, TIMEOUT_KEY};
use crate::plan::runtime::{RUNTIME_KEY, SHELL};
use crate::settings::duration::parse_duration;
use crate::settings::{Settings, Usd};
use crate::tracker::record::PRIORITY_MAX;

/// Metadata key of the line that a task was made of.
pub const ELABORATED_FROM: &str = "hew.elaborated_from";

/// Types that the prompt names, and that every tracker takes.
const TYPES: [&str; 5] = ["task", "bug", "feature", "epic", "chore"];
/// The type where none of these is named.
const DEFAULT_TYPE: &str = "task";

/// Most characters of a title.
const MAX_TITLE: usize = 120;
/// Most characters of a word: a type, a label, an id.
const MAX_WORD: usize = 60;
/// Most labels, and most dependencies.
const MAX_WORDS: usize = 20;
/// Most bytes of a text.
const MAX_TEXT: usize = 16 * 1024;
/// Most characters of an answer that are shown where it can't be used.
const MAX_SHOWN: usize = 500;

/// A task that a model proposes.
#[derive(Debug, Clone, PartialEq)]
pub struct Elaborated {
    /// One line.
    pub title: String,
    /// What is to be done.
    pub description: String,
    /// How to tell that it is done; may be empty.
    pub acceptance: String,
    /// A word.
    pub issue_type: String,
    /// 0 to 4.
    pub priority: u8,
    /// Labels; the model that is proposed is one, `model:NAME`.
    pub labels: Vec<String>,
    /// Ids that are named; whether there are such tasks is not known.
    pub depends_on: Vec<String>,
    /// Runtime and limits that are proposed.
    pub metadata: Map<String, Value>,
    /// What was proposed and is not taken, a sentence each.
    pub left_out: Vec<String>,
}

/// Reads an answer. The error says what is wrong with it, and shows it.
pub fn read(answer: &str, settings: &Settings) -> Result<Elaborated, String> {
    let shown = || {
        let text = one_line(answer, MAX_SHOWN);
        if text.is_empty() { "it was empty".to_owned() } else { format!("it was: {text}") }
    };
    let Some(object) = first_object(answer) else {
        return Err(format!("its answer holds no JSON object; {}", shown()));
    };
    let text = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default();
    let title = one_line(text("title"), MAX_TITLE);
    let description = plain_words(text("description"), MAX_TEXT);
    let (false, Some(description)) = (title.is_empty(), description) else {
        return Err(format!("its answer has no title or no description; {}", shown()));
    };
    let mut left_out = Vec::new();
    let issue_type = one_line(text("type"), MAX_WORD).to_lowercase();
    let is_type = TYPES.contains(&issue_type.as_str());
    if !is_type && !issue_type.is_empty() {
        left_out.push(format!("`{issue_type}` is no type of a task: it is a `{DEFAULT_TYPE}`"));
    }
    let (mut labels, odd): (Vec<String>, Vec<String>) =
        words(object.get("labels")).into_iter().partition(|label| is_label(label));
    left_out.extend(odd.iter().map(|label| format!("`{label}` is no label that a model may give")));
    let model = one_line(text("model"), MAX_WORD);
    if is_label(&model) && !labels.iter().any(|label| label.starts_with("model:")) {
        labels.push(format!("model:{model}"));
    }
    Ok(Elaborated {
        title,
        description,
        acceptance: acceptance(object.get("acceptance")),
        issue_type: if is_type { issue_type } else { DEFAULT_TYPE.to_owned() },
        priority: priority(object.get("priority")),
        labels,
        depends_on: words(object.get("depends_on")),
        metadata: metadata(&object, settings),
        left_out,
    })
}

/// A word as labels are, of which every tracker takes each; those that mean something to hew are a person's to give.
fn is_label(word: &str) -> bool {
    let is_sane = |c: char| c.is_alphanumeric() || "-_.:/+".contains(c);
    !word.is_empty()
        && word.chars().all(is_sane)
        && !word.starts_with("hew:")
        && !word.starts_with("runtime:")
}

/// Texts of a list, each one line.
fn words(list: Option<&Value>) -> Vec<String> {
    let list = list.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let words = list.iter().filter_map(Value::as_str).map(|word| one_line(word, MAX_WORD));
    words.filter(|word| !word.is_empty()).take(MAX_WORDS).collect()
}

/// A text, or a list of lines.
fn acceptance(value: Option<&Value>) -> String {
    let text = match value {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(lines)) => {
            let lines: Vec<String> =
                lines.iter().filter_map(Value::as_str).map(|line| format!("- {line}")).collect();
            lines.join("\n")
        }
        _ => String::new(),
    };
    plain_words(&text, MAX_TEXT).unwrap_or_default()
}

/// A number, or `P1`; 2 where it is neither.
fn priority(value: Option<&Value>) -> u8 {
    let number = match value {
        Some(Value::String(text)) => text.trim().trim_start_matches(['P', 'p']).parse().ok(),
        Some(value) => value.as_u64(),
        None => None,
    };
    number.and_then(|number| u8::try_from(number).ok()).filter(|number| *number <= PRIORITY_MAX).unwrap_or(2)
}

/// What is proposed and could be kept: a task with a limit that can't be read would not run.
fn metadata(object: &Map<String, Value>, settings: &Settings) -> Map<String, Value> {
    let text = |name: &str| match object.get(name) {
        Some(Value::String(text)) => text.trim().to_owned(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    };
    let mut found = Map::new();
    let runtime = text("runtime");
    // A command that a model wrote is nothing to run.
    if runtime != SHELL && settings.runtime_defs.contains_key(&RuntimeName::new(&runtime)) {
        found.insert(RUNTIME_KEY.to_owned(), runtime.into());
    }
    let timeout = text("timeout");
    if parse_duration(&timeout).is_ok_and(|time| !time.is_zero()) {
        found.insert(TIMEOUT_KEY.to_owned(), timeout.into());
    }
    let budget = text("budget_usd");
    if Usd::parse(&budget).is_ok_and(|usd| usd != Usd::default()) {
        found.insert(BUDGET_KEY.to_owned(), budget.into());
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::settings::Values;

    fn settings() -> Settings {
        Settings::from_values(&Values::built_in().completed()).expect("the built-in settings are valid")
    }

    #[test]
    fn an_answer_becomes_a_task() {
        let answer = r#"Here you are:
            {"title": "Parse\n dates", "description": "RFC 3339 <!-- hew:model=x --> only", "acceptance": ["a", "b"],
             "type": "Feature", "priority": "P1", "labels": ["backend", "hew:parked", "runtime:shell", 7],
             "depends_on": ["app-1a2b", ""], "runtime": "claude", "model": "opus", "timeout": "45m", "budget_usd": 2.5}"#;
        let read = read(answer, &settings()).unwrap();
        assert_eq!(
            read,
            Elaborated {
                title: "Parse dates".to_owned(),
                description: "RFC 3339 <! -- hew:model=x --> only".to_owned(),
                acceptance: "- a\n- b".to_owned(),
                issue_type: "feature".to_owned(),
                priority: 1,
                labels: vec!["backend".to_owned(), "model:opus".to_owned()],
                depends_on: vec!["app-1a2b".to_owned()],
                metadata: json!({"hew.runtime": "claude", "hew.timeout": "45m", "hew.budget_usd": "2.5"})
                    .as_object()
                    .unwrap()
                    .clone(),
                left_out: vec![
                    "`hew:parked` is no label that a model may give".to_owned(),
                    "`runtime:shell` is no label that a model may give".to_owned(),
                ],
            }
        );
    }

    #[test]
    fn what_is_odd_is_left_out() {
        let answer = r#"{"title": "T", "description": "D", "type": 7, "priority": 9, "labels": "x", "runtime": "shell",
            "timeout": "soon", "budget_usd": -1, "run": "reboot"}"#;
        let read = read(answer, &settings()).unwrap();
        assert_eq!((read.issue_type.as_str(), read.priority), ("task", 2));
        assert_eq!((read.labels, read.depends_on, read.metadata), (vec![], vec![], Map::new()));
        let answer = r#"{"title": "T", "description": "D", "type": "Saga", "labels": ["back end", "a;b", "ok", "größe"]}"#;
        let read = super::read(answer, &settings()).unwrap();
        assert_eq!(
            (read.issue_type.as_str(), read.labels),
            ("task", vec!["ok".to_owned(), "größe".to_owned()])
        );
        assert_eq!(read.left_out[0], "`saga` is no type of a task: it is a `task`");
        assert!(read.left_out[1].starts_with("`back end` is no label"), "{:?}", read.left_out);
    }

    #[test]
    fn an_answer_that_cannot_be_used_is_shown() {
        for (answer, why) in [
            ("I can't do that.", "its answer holds no JSON object; it was: I can't do that."),
            ("", "its answer holds no JSON object; it was empty"),
            (r#"{"title": "T"}"#, r#"its answer has no title or no description; it was: {"title": "T"}"#),
            (r#"{"title": " ", "description": "D"}"#, "its answer has no title or no description"),
        ] {
            let said = read(answer, &settings()).unwrap_err();
            assert!(said.starts_with(why), "{said}");
        }
    }
}
