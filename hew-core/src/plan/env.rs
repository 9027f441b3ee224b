//! The environment of a spawn, made from an allow-list.
//!
//! Invariants: nothing of hew's own environment passes unless `loop.env.pass` names it; pushes are blocked against
//! accidents unless `loop.env.allow_push`; git can't climb out of the worktree into the user's repository.

use std::collections::BTreeMap;
use std::path::Path;

use super::Provenance;
use super::family::Family;
use super::network::{Network, command_network};
use super::provenance::entry;
use super::spawn_plan::{Seat, SpawnRequest, git_events_file, outcome_file};
use crate::settings::secret::is_secret_name;
use crate::settings::{RuntimeDef, Settings};

/// What `git push` is sent to instead: a protocol that does not exist.
const PUSH_DISABLED: &str = "hew-push-disabled:";

/// Where variables came from that say who the agent is and what is its own.
const OF_ITERATION: &str = "hew, for the iteration";

/// Variables with where each came from; a later one replaces an earlier.
#[derive(Default)]
struct Sources {
    values: BTreeMap<String, (String, String)>,
}

impl Sources {
    fn put(&mut self, pairs: impl IntoIterator<Item = (String, String)>, origin: &str) {
        let sourced = pairs.into_iter().map(|(name, value)| (name, (value, origin.to_owned())));
        self.values.extend(sourced);
    }

    /// The variables, and one provenance entry for each source.
    fn finish(self) -> (BTreeMap<String, String>, Vec<Provenance>) {
        let (mut env, mut by_origin) = (BTreeMap::new(), BTreeMap::<String, Vec<String>>::new());
        for (name, (value, origin)) in self.values {
            by_origin.entry(origin).or_default().push(name.clone());
            env.insert(name, value);
        }
        let source = |(origin, names): (String, Vec<String>)| entry("env", &names.join(" "), &origin);
        (env, by_origin.into_iter().map(source).collect())
    }
}

/// The environment, and one provenance entry for each source of it.
pub(super) fn plan_env(
    request: &SpawnRequest<'_>,
    def: &RuntimeDef,
    family: Family,
) -> (BTreeMap<String, String>, Vec<Provenance>) {
    let SpawnRequest { settings, host, seat, choice, .. } = *request;
    let mut sources = Sources::default();
    let own = family.own_variables(settings);
    sources.put(passed(&host.env, &own), &format!("what {} logs in with", family.word()));
    let pass_origin = format!("{} loop.env.pass", settings.env_pass.origin);
    let mut env = passed(&host.env, &settings.env_pass.value);
    let path = extended_path(env.remove("PATH"), &seat.hew_folder);
    sources.put(env, &pass_origin);
    sources.put([("PATH".to_owned(), path)], &format!("{pass_origin}; at its end the folder of hew"));
    match request.task() {
        Some(task) => {
            sources.put(identity(task.id.as_str(), seat, settings), OF_ITERATION);
            sources.put(
                told_git(seat, settings),
                "hew, so that git tells what it does, and to which working tree",
            );
            if family == Family::Codex && !settings.is_sandboxed() {
                // Its sandbox makes folders in whatever may be written, the repository's git folder too, and removes them when
                // no other sandbox uses them. It asks in TMPDIR whether one does.
                let why =
                    "hew, one for all workers: there sandboxes of codex agree about folders that they share";
                sources.put([("TMPDIR".to_owned(), seat.shared_temp.display().to_string())], why);
            }
            sources.put(seat.tracker_env.clone(), "the tracker in use, and who this iteration is in it");
        }
        None => sources.put(call_identity(seat), "hew, for a call that is no iteration"),
    }
    sources.put(git_variables(seat), "hew, so that git stays in the worktree and asks nothing");
    let allow_push = &settings.env_allow_push;
    let push_origin = format!("{} loop.env.allow_push", allow_push.origin);
    sources.put(
        git_config(&seat.remotes, allow_push.value),
        &format!("{push_origin}; and no upkeep in the background"),
    );
    if family == Family::Claude && host.uid == 0 {
        let why = "hew runs as root, where claude skips permissions only in a sandbox";
        sources.put([("IS_SANDBOX".to_owned(), "1".to_owned())], why);
    }
    for (name, found) in &def.env {
        let key = format!("loop.runtime_defs.{}.env.{name}", choice.name);
        sources.put([(name.clone(), found.value.clone())], &format!("{} {key}", found.origin));
    }
    let (env, mut provenance) = sources.finish();
    provenance.push(entry("env.push", push_word(settings), &push_origin));
    (env, provenance)
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
    env.extend(command_network(settings).iter().flat_map(Network::variables));
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

/// PATH with hew's folder at its end, so that `hew done` is always found.
fn extended_path(path: Option<String>, hew_folder: &Path) -> String {
    let folder = hew_folder.display().to_string();
    path.filter(|path| !path.is_empty()).map_or(folder.clone(), |path| format!("{path}:{folder}"))
}

fn identity(task: &str, seat: &Seat, settings: &Settings) -> Vec<(String, String)> {
    let pairs = [
        ("HEW_RUN_ID", seat.run.to_string()),
        ("HEW_TASK_ID", task.to_owned()),
        ("HEW_WORKER", seat.iteration.worker.0.to_string()),
        ("HEW_ITER", seat.iteration.iter.to_string()),
        ("HEW_ATTEMPT", seat.attempt.to_string()),
        ("HEW_OUTCOME_FILE", outcome_file(seat, settings).display().to_string()),
        ("HEW_PROJECT", seat.project.display().to_string()),
        ("HEW_PORT_BASE", seat.port_base.to_string()),
        ("TMPDIR", seat.temp.display().to_string()),
    ];
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Whoever is only asked something is told no more than that it runs under hew, where hew's own commands are refused.
fn call_identity(seat: &Seat) -> Vec<(String, String)> {
    let temp = seat.temp.display().to_string();
    vec![("HEW_RUN_ID".to_owned(), seat.run.to_string()), ("TMPDIR".to_owned(), temp)]
}

fn git_variables(seat: &Seat) -> Vec<(String, String)> {
    let ceiling = seat.worktree.parent().unwrap_or(&seat.worktree);
    vec![
        ("GIT_CEILING_DIRECTORIES".to_owned(), ceiling.display().to_string()),
        ("GIT_TERMINAL_PROMPT".to_owned(), "0".to_owned()),
    ]
}

/// Git's own events, as few as there can be.
fn told_git(seat: &Seat, settings: &Settings) -> Vec<(String, String)> {
    let file = git_events_file(&seat.folder, settings).display().to_string();
    let pairs = [("EVENT", file), ("EVENT_BRIEF", "1".to_owned()), ("EVENT_NESTING", "1".to_owned())];
    pairs.into_iter().map(|(name, value)| (format!("GIT_TRACE2_{name}"), value)).collect()
}

/// Settings of git's, as variables: no upkeep in the background, and no push unless that is allowed.
fn git_config(remotes: &[String], allow_push: bool) -> Vec<(String, String)> {
    let mut config =
        vec![("gc.auto".to_owned(), "0".to_owned()), ("maintenance.auto".to_owned(), "false".to_owned())];
    if !allow_push {
        config.extend(push_block(remotes));
    }
    let mut env = vec![("GIT_CONFIG_COUNT".to_owned(), config.len().to_string())];
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
