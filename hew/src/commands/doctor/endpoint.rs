//! The person's own model server: does it answer, how fast, and does it have the model.

use std::path::Path;
use std::time::Duration;

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

/// Nothing where no server is set. What the project's own file says counts once it is trusted.
pub(super) fn look(settings: &Settings, untrusted: &[String]) -> Option<Finding> {
    let url = settings.local.endpoint.value.as_deref()?;
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
        Err(failure) => Finding::problem(
            CHECK,
            format!("{url}: {failure}"),
            "helpers fall away, and agents of the runtime `local` fail",
            "start the server, or: hew config unset loop.local.endpoint   # docs/local-models.md",
        ),
    })
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
            Finding::note(CHECK, what, "helpers ask for that model, and agents whose task names none")
                .with_command(set)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_models_a_few_are_named() {
        let names: Vec<String> = (1..=22).map(|number| format!("m{number}")).collect();
        let told = listed(&names);
        assert!(told.ends_with("m19, m20 and 2 more"), "{told}");
        assert_eq!(listed(&names[..2]), "m1, m2");
    }
}
