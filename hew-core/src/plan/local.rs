//! What the runtime `local` is told of the model server: from `loop.local`, narrowed by the task.
//!
//! Invariant: no other runtime is told anything of it, whatever the settings hold.

use serde_json::Value;

use super::model::{ModelChoice, ModelForRuntime};
use super::provenance::{Provenance, entry};
use super::runtime::{RuntimeChoice, RuntimeProblem};
use crate::ids::{ModelName, RuntimeName};
use crate::settings::{LocalSettings, Settings, Temperature};
use crate::tracker::Task;

/// The runtime that asks the server of `loop.local`.
pub const LOCAL: &str = "local";

/// Metadata key of a task's own temperature.
pub const TEMPERATURE_KEY: &str = "hew.temperature";

/// Metadata key of a task's own longest answer, in tokens.
pub const MAX_TOKENS_KEY: &str = "hew.max_tokens";

/// The runtime is hew's own agent.
pub(super) fn is_local(name: &RuntimeName) -> bool {
    name.as_str() == LOCAL
}

/// The runtime `local` has a model to ask its server for: what it is told for a task, or `loop.local.model`, which is all
/// that a call has.
pub(super) fn has_model(
    told: Option<&ModelName>,
    choice: &RuntimeChoice,
    settings: &Settings,
) -> Result<(), RuntimeProblem> {
    let has_one = !is_local(&choice.name) || told.or(settings.local.model.value.as_ref()).is_some();
    if has_one { Ok(()) } else { Err(no_model(choice)) }
}

/// The model of `loop.local`, for the runtime that asks that server.
pub(super) fn own_model(settings: &Settings, choice: &RuntimeChoice) -> Option<ModelChoice> {
    let own = &settings.local.model;
    let name = own.value.clone().filter(|_| is_local(&choice.name))?;
    Some(ModelChoice { name, origin: format!("{} loop.local.model", own.origin) })
}

/// Tasks without a word of their own may have a model on the runtime `local`: something names one.
pub fn may_have_model(
    choice: &RuntimeChoice,
    settings: &Settings,
    run: Option<&ModelName>,
) -> Result<(), RuntimeProblem> {
    let names_one = settings.local.model.value.is_some()
        || run.is_some()
        || settings.model_default.value.is_some()
        || !settings.model_by_priority.is_empty()
        || !settings.model_by_type.is_empty();
    if !is_local(&choice.name) || names_one { Ok(()) } else { Err(no_model(choice)) }
}

fn no_model(choice: &RuntimeChoice) -> RuntimeProblem {
    RuntimeProblem::NoModel { origin: choice.origin.clone() }
}

/// What it is told, with where each part came from.
pub(super) struct LocalPlan {
    pub(super) endpoint: String,
    temperature: Temperature,
    max_tokens: u64,
    timeout: String,
    max_turns: u32,
    bearer: String,
    tools: bool,
    exit_zero: bool,
    /// The model of `loop.local`, for a task that asks for none.
    pub(super) model: Option<ModelName>,
    pub(super) provenance: Vec<Provenance>,
}

/// What the runtime is told; none for any other runtime.
pub(super) fn plan_local(
    task: Option<&Task>,
    settings: &Settings,
    choice: &RuntimeChoice,
    told: Option<&ModelForRuntime>,
) -> Result<Option<LocalPlan>, RuntimeProblem> {
    if !is_local(&choice.name) {
        return Ok(None);
    }
    let local = &settings.local;
    let endpoint = endpoint(local, choice)?.to_owned();
    let model = local.model.value.clone().filter(|_| told.is_none());
    if told.is_none() && model.is_none() {
        return Err(no_model(choice));
    }
    let (temperature, temperature_origin) = temperature(task, local)?;
    let (max_tokens, max_tokens_origin) = max_tokens(task, local)?;
    let timeout = format!("{}ms", local.timeout.value.as_millis());
    let own = settings.runtime_defs.get(&choice.name);
    let exit_zero = own.is_some_and(|def| def.done_on_exit_zero.value);
    let bearer = local.api_key_env.value.clone().unwrap_or_default();
    let of = |key: &str, origin: &crate::settings::Origin| format!("{origin} loop.local.{key}");
    let mut provenance = vec![entry("endpoint", &endpoint, &of("endpoint", &local.endpoint.origin))];
    if let Some(model) = &model {
        provenance.push(entry("model", model.as_str(), &of("model", &local.model.origin)));
    }
    provenance.push(entry("temperature", &temperature.to_string(), &temperature_origin));
    provenance.push(entry("max_tokens", &max_tokens.to_string(), &max_tokens_origin));
    provenance.push(entry("answer_timeout", &timeout, &of("timeout", &local.timeout.origin)));
    provenance.push(entry(
        "max_turns",
        &local.max_turns.value.to_string(),
        &of("max_turns", &local.max_turns.origin),
    ));
    provenance.push(entry("tools", &local.tools.value.to_string(), &of("tools", &local.tools.origin)));
    Ok(Some(LocalPlan {
        endpoint,
        temperature,
        max_tokens,
        timeout,
        max_turns: local.max_turns.value,
        bearer,
        tools: local.tools.value,
        exit_zero,
        model,
        provenance,
    }))
}

impl LocalPlan {
    /// What its arguments are filled with.
    pub(super) fn placeholders(&self) -> Vec<(&'static str, String)> {
        let tokens = if self.max_tokens == 0 { String::new() } else { self.max_tokens.to_string() };
        vec![
            ("{local_endpoint}", self.endpoint.clone()),
            ("{local_temperature}", self.temperature.to_string()),
            ("{local_max_tokens}", tokens),
            ("{local_timeout}", self.timeout.clone()),
            ("{local_max_turns}", self.max_turns.to_string()),
            ("{local_bearer}", self.bearer.clone()),
            ("{local_tools}", said(self.tools)),
            ("{local_exit_zero}", said(self.exit_zero)),
        ]
    }
}

/// A flag that is left out where it does not hold.
fn said(holds: bool) -> String {
    if holds { "true".to_owned() } else { String::new() }
}

/// The server, without which the runtime has nobody to ask.
pub(super) fn endpoint<'a>(
    local: &'a LocalSettings,
    choice: &RuntimeChoice,
) -> Result<&'a str, RuntimeProblem> {
    local
        .endpoint
        .value
        .as_deref()
        .ok_or_else(|| RuntimeProblem::NoEndpoint { origin: choice.origin.clone() })
}

fn temperature(task: Option<&Task>, local: &LocalSettings) -> Result<(Temperature, String), RuntimeProblem> {
    let Some((text, origin)) = own(task, TEMPERATURE_KEY) else {
        let origin = format!("{} loop.local.temperature", local.temperature.origin);
        return Ok((local.temperature.value, origin));
    };
    match Temperature::parse(&text) {
        Some(own) => Ok((own, origin)),
        None => Err(bad(TEMPERATURE_KEY, text, "it is a number from 0 to 2")),
    }
}

/// The task's own narrows what the settings allow.
fn max_tokens(task: Option<&Task>, local: &LocalSettings) -> Result<(u64, String), RuntimeProblem> {
    let run = local.max_tokens.value;
    let run_origin = format!("{} loop.local.max_tokens", local.max_tokens.origin);
    let Some((text, origin)) = own(task, MAX_TOKENS_KEY) else { return Ok((run, run_origin)) };
    match text.trim().parse::<u64>() {
        Ok(own) if own > 0 && (run == 0 || own < run) => Ok((own, origin)),
        Ok(own) if own > 0 => Ok((run, format!("{run_origin}; {origin} is not below it"))),
        _ => Err(bad(MAX_TOKENS_KEY, text, "it is a number above zero")),
    }
}

/// A value that the task sets for itself, with its origin.
fn own(task: Option<&Task>, key: &'static str) -> Option<(String, String)> {
    let text = match task?.metadata.get(key)? {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    Some((text, format!("task metadata {key}")))
}

fn bad(key: &'static str, value: String, why: &str) -> RuntimeProblem {
    RuntimeProblem::BadLimit { key, value, why: why.to_owned() }
}
