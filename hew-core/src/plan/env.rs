//! The environment of a spawn, made from an allow-list.
//!
//! Invariants: nothing of hew's own environment passes unless `loop.env.pass` names it; pushes are blocked against
//! accidents unless `loop.env.allow_push`; git can't climb out of the worktree into the user's repository.

use std::collections::BTreeMap;
use std::path::Path;

use super::Provenance;
use super::spawn_plan::{Seat, SpawnRequest, outcome_file};
use crate::settings::{RuntimeDef, Settings, Sourced};

/// What `git push` is sent to instead: a protocol that does not exist.
const PUSH_DISABLED: &str = "hew-push-disabled:";

/// The environment, and one provenance entry for each source of it.
pub(super) fn plan_env(
    request: &SpawnRequest<'_>,
    def: &RuntimeDef,
) -> (BTreeMap<String, String>, Vec<Provenance>) {
    let SpawnRequest { task, settings, ambient, seat } = *request;
    let mut env = passed(ambient, &settings.env_pass.value);
    let passed_names = env.keys().cloned().collect::<Vec<_>>().join(" ");
    extend_path(&mut env, &seat.hew_folder);
    env.extend(identity(task.id.as_str(), seat));
    env.extend(seat.tracker_env.clone());
    env.extend(git_variables(seat, &settings.env_allow_push));
    env.extend(def.env.value.clone());
    let provenance = vec![
        source("env", &passed_names, &format!("{} loop.env.pass", settings.env_pass.origin)),
        source(
            "env.push",
            push_word(settings),
            &format!("{} loop.env.allow_push", settings.env_allow_push.origin),
        ),
        source("env.runtime", &names(&def.env.value), &format!("{} env", def.env.origin)),
    ];
    (env, provenance)
}

/// Words in a variable's name that make its value a secret.
const SECRET_WORDS: [&str; 6] = ["KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "CREDENTIAL"];

/// A variable of this name holds a secret, as far as names tell. `GIT_CONFIG_KEY_0` and its kin are hew's own.
pub fn is_secret_name(name: &str) -> bool {
    let upper = name.to_uppercase();
    !name.starts_with("GIT_CONFIG_") && SECRET_WORDS.iter().any(|word| upper.contains(word))
}

/// The environment of a gate: passed variables without secrets, which are the agents', and a TMPDIR.
pub fn plan_gate_env(
    ambient: &BTreeMap<String, String>,
    settings: &Settings,
    temp: &Path,
) -> Vec<(String, String)> {
    let mut env = plan_set_up_env(ambient, settings, temp);
    env.retain(|(name, _)| !is_secret_name(name));
    env
}

/// The environment of a set-up: passed variables, with the tokens that it may need to fetch what it installs, and a TMPDIR.
pub fn plan_set_up_env(
    ambient: &BTreeMap<String, String>,
    settings: &Settings,
    temp: &Path,
) -> Vec<(String, String)> {
    let mut env = passed(ambient, &settings.env_pass.value);
    env.insert("TMPDIR".to_owned(), temp.display().to_string());
    env.into_iter().collect()
}

fn passed(ambient: &BTreeMap<String, String>, patterns: &[String]) -> BTreeMap<String, String> {
    let wanted = |name: &str| patterns.iter().any(|pattern| matches_pattern(pattern, name));
    ambient
        .iter()
        .filter(|(name, _)| wanted(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

fn matches_pattern(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => pattern == name,
    }
}

fn extend_path(env: &mut BTreeMap<String, String>, hew_folder: &Path) {
    let path = env.entry("PATH".to_owned()).or_default();
    if !path.is_empty() {
        path.push(':');
    }
    path.push_str(&hew_folder.display().to_string());
}

fn identity(task: &str, seat: &Seat) -> Vec<(String, String)> {
    let pairs = [
        ("HEW_RUN_ID", seat.run.to_string()),
        ("HEW_TASK_ID", task.to_owned()),
        ("HEW_WORKER", seat.iteration.worker.0.to_string()),
        ("HEW_ITER", seat.iteration.iter.to_string()),
        ("HEW_ATTEMPT", seat.attempt.to_string()),
        ("HEW_OUTCOME_FILE", outcome_file(seat).display().to_string()),
        ("HEW_PROJECT", seat.project.display().to_string()),
        ("HEW_PORT_BASE", seat.port_base.to_string()),
        ("TMPDIR", seat.temp.display().to_string()),
    ];
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn git_variables(seat: &Seat, allow_push: &Sourced<bool>) -> Vec<(String, String)> {
    let mut config =
        vec![("gc.auto".to_owned(), "0".to_owned()), ("maintenance.auto".to_owned(), "false".to_owned())];
    if !allow_push.value {
        config.extend(push_block(&seat.remotes));
    }
    let ceiling = seat.worktree.parent().unwrap_or(&seat.worktree);
    let mut env = vec![
        ("GIT_CEILING_DIRECTORIES".to_owned(), ceiling.display().to_string()),
        ("GIT_TERMINAL_PROMPT".to_owned(), "0".to_owned()),
        ("GIT_CONFIG_COUNT".to_owned(), config.len().to_string()),
    ];
    for (number, (key, value)) in config.into_iter().enumerate() {
        env.push((format!("GIT_CONFIG_KEY_{number}"), key));
        env.push((format!("GIT_CONFIG_VALUE_{number}"), value));
    }
    env
}

fn push_block(remotes: &[String]) -> Vec<(String, String)> {
    let mut config = Vec::new();
    for remote in remotes {
        config.push((format!("remote.{remote}.pushurl"), PUSH_DISABLED.to_owned()));
        config.push((format!("remote.{remote}.receivepack"), "false".to_owned()));
    }
    for start in ["https://", "http://", "ssh://", "git://", "file://", "git@", "/", "./", "../"] {
        config.push((format!("url.{PUSH_DISABLED}.pushInsteadOf"), start.to_owned()));
    }
    config
}

fn push_word(settings: &Settings) -> &'static str {
    if settings.env_allow_push.value { "pushes allowed" } else { "pushes blocked" }
}

fn names(env: &BTreeMap<String, String>) -> String {
    env.keys().cloned().collect::<Vec<_>>().join(" ")
}

fn source(field: &str, value: &str, origin: &str) -> Provenance {
    Provenance { field: field.to_owned(), value: value.to_owned(), origin: origin.to_owned() }
}
