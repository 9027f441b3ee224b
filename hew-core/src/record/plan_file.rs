//! plan.json: a spawn's plan as it is kept beside its transcript, secrets left out.

use serde_json::{Map, Value, json};

use super::event::SCHEMA_VERSION;
use crate::plan::{AgentStdin, SpawnPlan};
use crate::settings::secret::{LEFT_OUT, is_secret_name, shown_args};
use crate::settings::usd::Usd;

/// The plan as JSON.
pub fn plan_value(plan: &SpawnPlan) -> Value {
    let env: Map<String, Value> =
        plan.env.iter().map(|(name, value)| (name.clone(), shown(name, value))).collect();
    let stdin = match &plan.stdin {
        AgentStdin::Null => "/dev/null".to_owned(),
        AgentStdin::File(path) => path.display().to_string(),
    };
    json!({
        "schema_version": SCHEMA_VERSION,
        "runtime": plan.runtime,
        "model": plan.model,
        "model_told": plan.model_told,
        // Runtimes that go to a server of their own choice have none of hew's.
        "endpoint": null,
        "argv": shown_args(&plan.argv),
        "cwd": plan.cwd,
        "stdin": stdin,
        "env": env,
        "limits": {
            "timeout_secs": plan.limits.timeout.as_secs_f64(),
            "stall_timeout_secs": plan.limits.stall_timeout.as_secs_f64(),
            "kill_grace_secs": plan.limits.kill_grace.as_secs_f64(),
            "transcript_max_bytes": plan.limits.transcript_max_bytes,
            "budget_usd": plan.limits.budget_usd.map(Usd::as_f64),
        },
        "done_on_exit_zero": plan.done_on_exit_zero,
        "output": plan.output.as_str(),
        "resumes": plan.resumes.as_ref().map(|session| &session.id),
        "polite_signal": plan.polite_signal.as_str(),
        "provenance": plan.provenance,
    })
}

/// The plan as it is kept: indented JSON.
///
/// # Panics
/// Never: every key of it is text.
pub fn plan_json(plan: &SpawnPlan) -> String {
    let mut text = serde_json::to_string_pretty(&plan_value(plan)).expect("a plan's keys are text");
    text.push('\n');
    text
}

fn shown(name: &str, value: &str) -> Value {
    Value::from(if is_secret_name(name) { LEFT_OUT } else { value })
}
