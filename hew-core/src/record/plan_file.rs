//! plan.json: a spawn's plan as it is kept beside its transcript, secrets left out.

use serde_json::{Map, Value, json};

use super::event::SCHEMA_VERSION;
use crate::plan::{AgentStdin, SpawnPlan};

/// Words in a variable's name that make its value a secret.
const SECRET_WORDS: [&str; 6] = ["KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "CREDENTIAL"];

/// The plan as indented JSON.
///
/// # Panics
/// Never: every key of it is text.
pub fn plan_json(plan: &SpawnPlan) -> String {
    let env: Map<String, Value> =
        plan.env.iter().map(|(name, value)| (name.clone(), shown(name, value))).collect();
    let stdin = match &plan.stdin {
        AgentStdin::Null => "/dev/null".to_owned(),
        AgentStdin::File(path) => path.display().to_string(),
    };
    let plan = json!({
        "schema_version": SCHEMA_VERSION,
        "runtime": plan.runtime,
        "argv": plan.argv,
        "cwd": plan.cwd,
        "stdin": stdin,
        "env": env,
        "limits": {
            "timeout_secs": plan.limits.timeout.as_secs_f64(),
            "stall_timeout_secs": plan.limits.stall_timeout.as_secs_f64(),
            "kill_grace_secs": plan.limits.kill_grace.as_secs_f64(),
            "transcript_max_bytes": plan.limits.transcript_max_bytes,
        },
        "done_on_exit_zero": plan.done_on_exit_zero,
        "provenance": plan.provenance,
    });
    let mut text = serde_json::to_string_pretty(&plan).expect("a plan's keys are text");
    text.push('\n');
    text
}

fn shown(name: &str, value: &str) -> Value {
    let upper = name.to_uppercase();
    // `GIT_CONFIG_KEY_0` and its kin are hew's own and hold names of settings.
    let is_secret = !name.starts_with("GIT_CONFIG_") && SECRET_WORDS.iter().any(|word| upper.contains(word));
    Value::String(if is_secret { "(left out)".to_owned() } else { value.to_owned() })
}
