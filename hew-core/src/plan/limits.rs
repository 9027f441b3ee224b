//! Limits of one spawn: the run's, narrowed by the task's own.

use std::time::Duration;

use serde_json::Value;

use super::provenance::{Provenance, entry};
use super::runtime::{RuntimeChoice, RuntimeProblem};
use super::spawn_plan::SpawnLimits;
use crate::settings::duration::parse_duration;
use crate::settings::usd::Usd;
use crate::settings::{RuntimeDef, Settings, Sourced};
use crate::tracker::Task;

/// Metadata key of a task's own limit of time.
pub const TIMEOUT_KEY: &str = "hew.timeout";

/// Metadata key of a task's own limit of money.
pub const BUDGET_KEY: &str = "hew.budget_usd";

/// Limits with where they came from.
pub(super) struct Limits {
    pub(super) spawn: SpawnLimits,
    pub(super) provenance: Vec<Provenance>,
}

/// How long the planner may take.
pub const PLANNER_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a runtime may take to make a task of a line.
pub const ELABORATE_TIMEOUT: Duration = Duration::from_secs(30);

/// The limits of a call that only asks something.
pub(super) fn call_limits(settings: &Settings, timeout: Duration, origin: &str) -> Limits {
    let spawn = SpawnLimits {
        timeout,
        stall_timeout: settings.stall_timeout.value,
        kill_grace: settings.kill_grace.value,
        transcript_max_bytes: settings.transcript_max_bytes.value,
        budget_usd: None,
    };
    let provenance = provenance(&spawn, settings, origin, "a call has none of its own");
    Limits { spawn, provenance }
}

/// The limits of a task's spawn. A limit of its own that can't be read is a problem: the task was meant to have one.
pub(super) fn plan_limits(task: &Task, settings: &Settings) -> Result<Limits, RuntimeProblem> {
    let (timeout, timeout_origin) = narrowed_timeout(task, settings)?;
    let (budget_usd, budget_origin) = budget(task, settings)?;
    let spawn = SpawnLimits {
        timeout,
        stall_timeout: settings.stall_timeout.value,
        kill_grace: settings.kill_grace.value,
        transcript_max_bytes: settings.transcript_max_bytes.value,
        budget_usd,
    };
    let provenance = provenance(&spawn, settings, &timeout_origin, &budget_origin);
    Ok(Limits { spawn, provenance })
}

fn provenance(
    spawn: &SpawnLimits,
    settings: &Settings,
    timeout_origin: &str,
    budget_origin: &str,
) -> Vec<Provenance> {
    let of = |name: &str, origin: &crate::settings::Origin| format!("{origin} loop.{name}");
    let secs = |time: Duration| format!("{}s", time.as_secs_f64());
    vec![
        entry("limits.timeout", &secs(spawn.timeout), timeout_origin),
        entry(
            "limits.stall_timeout",
            &secs(spawn.stall_timeout),
            &of("stall_timeout", &settings.stall_timeout.origin),
        ),
        entry("limits.kill_grace", &secs(spawn.kill_grace), &of("kill_grace", &settings.kill_grace.origin)),
        entry(
            "limits.transcript_max_bytes",
            &spawn.transcript_max_bytes.to_string(),
            &of("transcript.max_bytes", &settings.transcript_max_bytes.origin),
        ),
        entry(
            "limits.budget_usd",
            &spawn.budget_usd.map_or_else(|| "none".to_owned(), |usd| usd.to_string()),
            budget_origin,
        ),
    ]
}

fn narrowed_timeout(task: &Task, settings: &Settings) -> Result<(Duration, String), RuntimeProblem> {
    let Sourced { value: run, origin } = &settings.timeout;
    let runs = format!("{origin} loop.timeout");
    let Some(found) = task.metadata.get(TIMEOUT_KEY) else { return Ok((*run, runs)) };
    let text = found.as_str().map_or_else(|| found.to_string(), str::to_owned);
    let own = parse_duration(&text).map_err(|error| bad(TIMEOUT_KEY, &text, &error.to_string()))?;
    if own.is_zero() {
        return Err(bad(TIMEOUT_KEY, &text, "it leaves no time"));
    }
    let own_origin = format!("task metadata {TIMEOUT_KEY}");
    Ok(if own < *run { (own, own_origin) } else { (*run, format!("{runs}; {own_origin} is not below it")) })
}

fn budget(task: &Task, settings: &Settings) -> Result<(Option<Usd>, String), RuntimeProblem> {
    let Some(found) = task.metadata.get(BUDGET_KEY) else {
        return Ok((
            None,
            format!("no task metadata {BUDGET_KEY}; the run's own limit is its workers' together"),
        ));
    };
    let text = match found {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let own = Usd::parse(text.trim()).map_err(|error| bad(BUDGET_KEY, &text, &error.to_string()))?;
    if own == Usd::default() {
        return Err(bad(BUDGET_KEY, &text, "it leaves no money"));
    }
    let own_origin = format!("task metadata {BUDGET_KEY}");
    let Sourced { value: run, origin } = &settings.budget_usd;
    Ok(match run {
        Some(run) if *run < own => {
            (Some(*run), format!("{origin} loop.budget.usd; {own_origin} is not below it"))
        }
        _ => (Some(own), own_origin),
    })
}

/// A task's own limit of money is kept by its agent, which has to be told of it.
pub(super) fn can_be_kept(
    task: &Task,
    choice: &RuntimeChoice,
    def: &RuntimeDef,
) -> Result<(), RuntimeProblem> {
    let Some(found) = task.metadata.get(BUDGET_KEY) else { return Ok(()) };
    if def.args.value.iter().any(|arg| arg.contains("{budget_usd}")) {
        return Ok(());
    }
    let why =
        format!("runtime `{}` has no {{budget_usd}} in its args, so nothing would keep it", choice.name);
    Err(bad(BUDGET_KEY, &found.to_string(), &why))
}

fn bad(key: &'static str, value: &str, why: &str) -> RuntimeProblem {
    RuntimeProblem::BadLimit { key, value: value.to_owned(), why: why.to_owned() }
}
