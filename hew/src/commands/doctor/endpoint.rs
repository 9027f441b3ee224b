//! The person's own model server: does it answer, how fast, and does it have the model.

use std::path::Path;
use std::time::Duration;

use hew_core::agent::{FailureClass, Lack};
use hew_core::chat::ChatFailure;
use hew_core::plan::local::{LOCAL, may_have_model};
use hew_core::plan::runtime::{self, RuntimeProblem};
use hew_core::settings::Settings;
use hew_core::worktree::prune::quoted;

use super::finding::Finding;
use crate::adapters::host;
use crate::adapters::model_client::{ModelClient, Models};

const CHECK: &str = "endpoint";

/// Longest wait for its answer.
const LIMIT: Duration = Duration::from_secs(5);

/// Most models that are named.
const MOST_NAMES: usize = 20;

/// Keys that say who is asked, and with which key.
const KEYS: [&str; 2] = ["loop.local.endpoint", "loop.local.api_key_env"];

/// What comes of a runtime that has nobody to ask.
const NO_RUN: &str = "runs of this project are to use the runtime `local`, and none starts";

/// Nothing where no server is set and none is needed. What the project's own file says counts once it is trusted.
pub(super) fn look(settings: &Settings, untrusted: &[String]) -> Option<Finding> {
    let Some(url) = settings.local.endpoint.value.as_deref() else {
        let problem = missing(settings)?;
        let command = problem.remedy().unwrap_or_default();
        return Some(Finding::problem(CHECK, problem.to_string(), NO_RUN, command));
    };
    if KEYS.iter().any(|key| untrusted.iter().any(|held| held == key)) {
        let why = "this project's settings name it, and they are not trusted: hew trust";
        return Some(Finding::note(CHECK, format!("{url} was not asked"), why));
    }
    let client = match ModelClient::of_settings(&settings.local, &host::environment()) {
        Ok(client) => client?,
        Err(missing) => {
            let command =
                format!("export {}=…   # or: hew config unset loop.local.api_key_env", missing.name);
            return Some(Finding::problem(
                CHECK,
                missing.to_string(),
                "the server is not asked without it",
                command,
            ));
        }
    };
    Some(match client.models(LIMIT) {
        Ok(models) => judge(url, &models, settings),
        Err(failure) => failed(url, &failure),
    })
}

/// Whoever answers has been started: the address or the key is wrong, then.
fn failed(url: &str, failure: &ChatFailure) -> Finding {
    let told = failure.to_string();
    let what = if told.contains(url) { told } else { format!("{url}: {told}") };
    let next = match (failure.failure.lacks, failure.failure.class) {
        (Some(Lack::Api), _) => match through_v1(url) {
            Some(base) => format!(
                "hew config set loop.local.endpoint {}   # its base URL goes through /v1",
                quoted(Path::new(&base))
            ),
            None => {
                "hew config set loop.local.endpoint URL   # no model server speaks at this one".to_owned()
            }
        },
        (_, FailureClass::Auth) => {
            "hew config set loop.local.api_key_env NAME   # the variable that holds its key".to_owned()
        }
        _ => "start the server, or: hew config unset loop.local.endpoint   # docs/local-models.md".to_owned(),
    };
    Finding::problem(CHECK, what, "helpers fall away, and agents of the runtime `local` fail", next)
}

/// The base URL that is meant by one that goes on behind /v1, or ends before it; none where it is one.
fn through_v1(url: &str) -> Option<String> {
    let url = url.trim_end_matches('/');
    let host = url.find("://").map_or(0, |scheme| scheme + "://".len());
    let path = url[host..].find('/').map_or(url.len(), |path| host + path);
    match url[path..].find("/v1/") {
        Some(v1) => Some(url[..path + v1 + "/v1".len()].to_owned()),
        None => (!url[path..].ends_with("/v1")).then(|| format!("{url}/v1")),
    }
}

/// What the runtime `local` can't do without, where runs are to use it.
fn missing(settings: &Settings) -> Option<RuntimeProblem> {
    let mut choices = runtime::of_run(settings).unwrap_or_default();
    choices.extend(runtime::of_planner(settings));
    let choice = choices.into_iter().find(|choice| choice.name.as_str() == LOCAL)?;
    runtime::has_endpoint(&choice, settings).and_then(|()| may_have_model(&choice, settings, None)).err()
}

/// Not more than can be read.
fn listed(names: &[String]) -> String {
    let shown = names.iter().take(MOST_NAMES).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(MOST_NAMES) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn judge(url: &str, models: &Models, settings: &Settings) -> Finding {
    let answers = format!("{url} answers in {} ms", models.took.as_millis());
    let names = match models.names.as_slice() {
        [] => "it has no model".to_owned(),
        names => format!("it has {}", listed(names)),
    };
    let first = models.names.first().map_or("NAME", String::as_str);
    // The server chose the name.
    let set = format!("hew config set loop.local.model {}", quoted(Path::new(first)));
    match &settings.local.model.value {
        Some(model) if models.has(model.as_str()) => {
            Finding::ok(CHECK, format!("{answers}; it has the model {model}"))
        }
        Some(model) => {
            let what = format!(
                "{answers}; it does not have the model {model} ({}): {names}",
                settings.local.model.origin
            );
            Finding::problem(CHECK, what, "a question for that model will be refused", set)
        }
        None => {
            let what = format!("{answers}; loop.local.model is not set: {names}");
            if missing(settings).is_some() {
                return Finding::problem(CHECK, what, NO_RUN, set);
            }
            Finding::note(CHECK, what, "helpers ask for that model, and agents whose task names none")
                .with_command(set)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_goes_through_v1_and_no_further() {
        for (url, meant) in [
            ("http://127.0.0.1:1234", Some("http://127.0.0.1:1234/v1")),
            ("http://127.0.0.1:1234/api/", Some("http://127.0.0.1:1234/api/v1")),
            ("http://127.0.0.1:1234/v1/chat/completions", Some("http://127.0.0.1:1234/v1")),
            ("http://127.0.0.1:1234/a/v1/models/", Some("http://127.0.0.1:1234/a/v1")),
            ("http://v1/chat", Some("http://v1/chat/v1")),
            ("http://127.0.0.1:1234/v1beta", Some("http://127.0.0.1:1234/v1beta/v1")),
            ("http://127.0.0.1:1234/a/v1", None),
            ("http://127.0.0.1:1234/v1//", None),
        ] {
            assert_eq!(through_v1(url).as_deref(), meant, "{url}");
        }
    }

    #[test]
    fn of_many_models_a_few_are_named() {
        let names: Vec<String> = (1..=22).map(|number| format!("m{number}")).collect();
        let told = listed(&names);
        assert!(told.ends_with("m19, m20 and 2 more"), "{told}");
        assert_eq!(listed(&names[..2]), "m1, m2");
    }
}
