//! The classifier: which model, and under `auto` which runtime, for a task that nothing else names a model for.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::json::first_object;
use super::words::one_line;
use crate::cut::beginning;
use crate::ids::{ModelName, RuntimeName};
use crate::plan::runtime::offered;
use crate::plan::{RuntimeHealth, Suggestion, model};
use crate::settings::Settings;
use crate::tracker::Task;

/// Most bytes of a description that are told.
const MAX_DESCRIPTION: usize = 8 * 1024;

/// Most characters of a reason that are kept.
const MAX_REASON: usize = 120;

/// The classifier is to be asked about a task: a server is set, nothing names a model, and there is something to choose.
pub fn is_wanted(task: &Task, settings: &Settings, run: Option<&ModelName>) -> bool {
    settings.local.endpoint.value.is_some()
        && settings.classifier_enabled.value
        && model::named(task, settings, run).is_none()
        && !(models(settings).is_empty() && offered(task, settings).is_empty())
}

/// Every model that the settings name.
fn models(settings: &Settings) -> BTreeSet<&ModelName> {
    let by_rule = settings.model_by_priority.values().chain(settings.model_by_type.values());
    let own = by_rule.map(|found| &found.value).chain(settings.model_default.value.as_ref());
    let mapped = settings.runtime_defs.values().flat_map(|def| def.models.keys());
    own.chain(mapped).chain(settings.prices.keys()).collect()
}

/// What the classifier is told.
pub fn question(task: &Task, settings: &Settings, health: &RuntimeHealth) -> String {
    let description = beginning(&task.description, MAX_DESCRIPTION);
    let models: Vec<&str> = models(settings).into_iter().map(ModelName::as_str).collect();
    let models = json!(models);
    let mut text = format!(
        "Title: {}\n\nDescription:\n{}\n\nModels: {models}\n\nRuntimes:\n",
        one_line(&task.title, MAX_DESCRIPTION),
        description.trim()
    );
    for runtime in offered(task, settings) {
        let rests = health.resting.get(&runtime).map(|rest| rest.why.as_str());
        let resting = rests.or(health.out.get(&runtime).map(String::as_str));
        let running = health.running_on(&runtime);
        let line = json!({"runtime": runtime.as_str(), "running": running, "resting": resting});
        text.push_str(&line.to_string());
        text.push('\n');
    }
    text
}

/// Reads an answer. What is not among what was offered is not chosen; the error says why nothing is.
pub fn read(answer: &str, task: &Task, settings: &Settings) -> Result<Suggestion, String> {
    let object = first_object(answer).ok_or("its answer holds no JSON object")?;
    let text = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default().trim();
    let (runtime, model) = (RuntimeName::new(text("runtime")), ModelName::new(text("model")));
    let suggestion = Suggestion {
        model: Some(model).filter(|model| models(settings).contains(model)),
        runtime: Some(runtime).filter(|runtime| offered(task, settings).contains(runtime)),
        reason: one_line(text("reason"), MAX_REASON),
    };
    if suggestion.model.is_none() && suggestion.runtime.is_none() {
        return Err("it chose nothing that is configured".to_owned());
    }
    Ok(suggestion)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::plan::Rest;
    use crate::settings::Values;
    use crate::settings::layers::read_file;
    use crate::tracker::record::task_from_record;

    fn settings(text: &str) -> Settings {
        let file = read_file(text, "user", Path::new("/c.toml"));
        assert_eq!(file.problems, []);
        let values = Values::built_in().overlaid_with(file.values).completed();
        Settings::from_values(&values).expect("the settings are valid")
    }

    fn task(more: &Value) -> Task {
        let mut record = json!({"id": "a-1", "title": "T", "description": "D", "priority": 2, "issue_type": "task",
            "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z"});
        record.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        task_from_record(record.as_object().unwrap().clone()).unwrap()
    }

    const AUTO: &str = "loop.local.endpoint = 'http://127.0.0.1:1/v1'\nloop.model.default = 'opus'\n\
        loop.model.by_type.bug = 'haiku'\nloop.runtime = 'auto'\nloop.runtimes = ['claude', 'codex']\n";

    #[test]
    fn it_is_asked_only_where_nothing_names_a_model_and_there_is_a_choice() {
        let plain = task(&json!({}));
        let wanted = |text: &str, task: &Task, run: Option<&str>| {
            is_wanted(task, &settings(text), run.map(ModelName::new).as_ref())
        };
        assert!(wanted(AUTO, &plain, None));
        assert!(!wanted(AUTO, &plain, Some("x")));
        for own in [
            json!({"description": "<!-- hew:model=x -->"}),
            json!({"labels": ["model:x"]}),
            json!({"issue_type": "bug"}),
        ] {
            assert!(!wanted(AUTO, &task(&own), None), "{own}");
        }
        assert!(!wanted(&format!("{AUTO}loop.classifier.enabled = false"), &plain, None));
        assert!(!wanted(&AUTO.replace("loop.local.endpoint = 'http://127.0.0.1:1/v1'", ""), &plain, None));
        assert!(!wanted("loop.local.endpoint = 'http://127.0.0.1:1/v1'", &plain, None), "nothing to choose");
        assert!(wanted(
            "loop.local.endpoint = 'http://127.0.0.1:1/v1'\nloop.model.default = 'a'",
            &plain,
            None
        ));
    }

    #[test]
    fn it_is_told_what_there_is_to_choose_from() {
        let rest = Rest { until: None, why: "quota".to_owned() };
        let mut health = RuntimeHealth::default();
        health.resting.insert("codex".into(), rest);
        health.running.insert("claude".into(), 2);
        assert_eq!(
            question(&task(&json!({})), &settings(AUTO), &health),
            "Title: T\n\nDescription:\nD\n\nModels: [\"haiku\",\"opus\"]\n\nRuntimes:\n\
             {\"runtime\":\"claude\",\"running\":2,\"resting\":null}\n\
             {\"runtime\":\"codex\",\"running\":0,\"resting\":\"quota\"}\n"
        );
    }

    #[test]
    fn only_what_is_configured_can_be_chosen() {
        let (plain, auto) = (task(&json!({})), settings(AUTO));
        let chosen = |answer: &str, task: &Task, settings: &Settings| {
            let said = read(answer, task, settings)?;
            let name = |name: Option<String>| name.unwrap_or_else(|| "-".to_owned());
            Ok::<_, String>(format!(
                "{} {} {}",
                name(said.runtime.map(|name| name.to_string())),
                name(said.model.map(|name| name.to_string())),
                said.reason
            ))
        };
        for (answer, expected) in [
            (r#"{"runtime": "codex", "model": "haiku", "reason": "small\nfix"}"#, "codex haiku small fix"),
            (r#"{"runtime": "", "model": "haiku"}"#, "- haiku "),
            (r#"{"runtime": "shell", "model": "opus", "reason": 7}"#, "- opus "),
            (r#"{"runtime": "claude", "model": "gpt-99"}"#, "claude - "),
        ] {
            assert_eq!(chosen(answer, &plain, &auto).as_deref(), Ok(expected), "{answer}");
        }
        for wrong in
            ["", "opus", "[\"opus\"]", r#"{"model": 7}"#, r#"{"model": "gpt-99", "runtime": "x"}"#, "{}"]
        {
            assert!(chosen(wrong, &plain, &auto).is_err(), "{wrong}");
        }
        let fixed = settings(&AUTO.replace("'auto'", "'claude'"));
        let both = r#"{"runtime": "codex", "model": "opus"}"#;
        assert_eq!(chosen(both, &plain, &fixed).as_deref(), Ok("- opus "));
        let own = task(&json!({"labels": ["runtime:claude"]}));
        assert_eq!(chosen(both, &own, &auto).as_deref(), Ok("- opus "));
    }
}
