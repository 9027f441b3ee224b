//! plan.json: a spawn's plan as it is kept beside its transcript, secrets left out.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::event::SCHEMA_VERSION;
use crate::ids::{ModelName, RuntimeName};
use crate::plan::{AgentStdin, Provenance, SpawnPlan};
use crate::settings::secret::{LEFT_OUT, is_secret_name, shown_args};
use crate::settings::usd::Usd;

/// plan.json.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PlanFile<'a> {
    schema_version: u32,
    /// The runtime that runs it.
    runtime: &'a RuntimeName,
    /// The model that is asked for; null where none is.
    model: Option<&'a ModelName>,
    /// The same as the runtime is told.
    model_told: Option<&'a ModelName>,
    /// The server of the model; null for runtimes that go to one of their own choice.
    endpoint: Option<&'a str>,
    /// Program and arguments; those that look secret are left out.
    argv: Vec<String>,
    /// The folder that it runs in.
    cwd: Cow<'a, str>,
    /// The file that it reads on standard input.
    stdin: String,
    /// Its whole environment; values that look secret are left out.
    env: BTreeMap<&'a str, &'a str>,
    /// What it is held to.
    limits: LimitsFile,
    /// Exit code 0 means done, without a word of the agent.
    done_on_exit_zero: bool,
    /// The form of what it prints.
    output: &'static str,
    /// The session that it goes on with.
    resumes: Option<&'a str>,
    /// The signal that asks it to end.
    polite_signal: &'static str,
    /// Folders and files that it may write; null where no sandbox keeps it from others.
    writes: Option<Vec<Cow<'a, str>>>,
    /// Hosts and ports that it reaches; null where its network is the person's.
    reaches: Option<Vec<String>>,
    /// Where each field came from.
    provenance: &'a [Provenance],
}

/// What an agent is held to.
#[derive(Debug, Clone, Serialize, JsonSchema)]
struct LimitsFile {
    /// Seconds that it may run.
    timeout_secs: f64,
    /// Seconds without a sign of life.
    stall_timeout_secs: f64,
    /// Seconds from the polite signal to the other.
    kill_grace_secs: f64,
    /// Bytes of its output that are kept.
    transcript_max_bytes: u64,
    /// US dollars that the runtime is told to keep to.
    budget_usd: Option<f64>,
}

impl<'a> PlanFile<'a> {
    /// The plan as it is kept.
    pub fn of(plan: &'a SpawnPlan) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            runtime: &plan.runtime,
            model: plan.model.as_ref(),
            model_told: plan.model_told.as_ref(),
            endpoint: plan.endpoint.as_deref(),
            argv: shown_args(&plan.argv),
            cwd: plan.cwd.to_string_lossy(),
            stdin: match &plan.stdin {
                AgentStdin::Null => "/dev/null".to_owned(),
                AgentStdin::File(path) => path.display().to_string(),
            },
            env: plan.env.iter().map(|(name, value)| (name.as_str(), shown(name, value))).collect(),
            limits: LimitsFile {
                timeout_secs: plan.limits.timeout.as_secs_f64(),
                stall_timeout_secs: plan.limits.stall_timeout.as_secs_f64(),
                kill_grace_secs: plan.limits.kill_grace.as_secs_f64(),
                transcript_max_bytes: plan.limits.transcript_max_bytes,
                budget_usd: plan.limits.budget_usd.map(Usd::as_f64),
            },
            done_on_exit_zero: plan.done_on_exit_zero,
            output: plan.output.as_str(),
            resumes: plan.resumes.as_ref().map(|session| session.id.as_str()),
            polite_signal: plan.polite_signal.as_str(),
            writes: plan.sandbox.as_ref().map(|sandbox| {
                sandbox.folders.iter().chain(&sandbox.files).map(|path| path.to_string_lossy()).collect()
            }),
            reaches: plan
                .sandbox
                .as_ref()
                .and_then(|sandbox| sandbox.network.as_ref())
                .map(|network| network.targets().map(ToString::to_string).collect()),
            provenance: &plan.provenance,
        }
    }
}

/// The plan as it is kept: indented JSON.
///
/// # Panics
/// Never: every key of it is text.
pub fn plan_json(plan: &SpawnPlan) -> String {
    let mut text = serde_json::to_string_pretty(&PlanFile::of(plan)).expect("a plan's keys are text");
    text.push('\n');
    text
}

fn shown<'a>(name: &str, value: &'a str) -> &'a str {
    if is_secret_name(name) { LEFT_OUT } else { value }
}
