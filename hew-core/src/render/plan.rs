//! A plan as people read it: each field with where it came from.

use super::text::visible;
use crate::plan::SpawnPlan;
use crate::settings::secret::{LEFT_OUT, is_secret_name};

/// One line a field of a plan's provenance.
pub fn provenance_lines(plan: &SpawnPlan) -> Vec<String> {
    let line =
        |entry: &crate::plan::Provenance| format!("{}={} ({})", entry.field, entry.value, entry.origin);
    plan.provenance.iter().map(|entry| visible(&line(entry))).collect()
}

/// The whole plan: every field with its value and origin, and every variable of the environment.
pub fn page(plan: &SpawnPlan) -> String {
    let mut out = String::new();
    let mut add = |line: &str| {
        out.push_str("  ");
        out.push_str(&visible(line));
        out.push('\n');
    };
    for entry in plan.provenance.iter().filter(|entry| entry.field != "env") {
        add(&format!("{:<28} {}", entry.field, entry.value));
        add(&format!("{:<28}   from {}", "", entry.origin));
    }
    for entry in plan.provenance.iter().filter(|entry| entry.field == "env") {
        add(&format!("env from {}", entry.origin));
        for name in entry.value.split(' ') {
            let value = plan.env.get(name).map_or("", String::as_str);
            add(&format!("  {name}={}", if is_secret_name(name) { LEFT_OUT } else { value }));
        }
    }
    out
}
