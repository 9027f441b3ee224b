//! What no single key can tell: settings that need one another.

use std::collections::BTreeSet;

use super::keys::RUNTIME_DEFS;
use super::problem::SettingsProblem;
use super::value::Value;
use super::values::Values;
use super::{Origin, Sourced};

/// What `loop.runtime` may be besides a runtime: one of `loop.runtimes`, whichever is free.
const AUTO: &str = "auto";

/// Definitions that no program belongs to. `shell` may live without one, for tasks can bring theirs.
pub(super) fn lacking_commands(values: &Values) -> Vec<SettingsProblem> {
    let lacks =
        |name: &String| name != "shell" && values.value(&format!("{RUNTIME_DEFS}{name}.command")).is_none();
    let names = values.runtimes().into_iter().filter(lacks);
    names
        .filter_map(|name| {
            let start = format!("{RUNTIME_DEFS}{name}.");
            let mut keys = values.iter().filter(|(key, _)| key.starts_with(&start));
            let (_, first) = keys.find(|(_, value)| value.origin != Origin::BuiltIn)?;
            Some(SettingsProblem::Lacking { at: first.origin.clone(), key: format!("{start}command") })
        })
        .collect()
}

/// Runtimes that are named and nowhere defined, and an `auto` that has nothing to choose from.
pub fn undefined_runtimes(values: &Values) -> Vec<SettingsProblem> {
    let known = values.runtimes();
    let mut problems = Vec::new();
    for key in ["loop.runtime", "loop.runtimes", "loop.fallback_runtime", "loop.planner.runtime"] {
        let Some(Sourced { value, origin }) = values.value(key) else { continue };
        let names = match value {
            Value::List(names) => names,
            other => vec![other.to_string()],
        };
        let undefined =
            names.into_iter().filter(|name| !(known.contains(name) || key == "loop.runtime" && name == AUTO));
        problems.extend(undefined.map(|name| SettingsProblem::UndefinedRuntime {
            at: origin.clone(),
            key: key.to_owned(),
            suggestion: nearest(&name, &known),
            name,
        }));
    }
    problems.extend(auto_without_choice(values));
    problems
}

fn auto_without_choice(values: &Values) -> Option<SettingsProblem> {
    let main = values.value("loop.runtime").filter(|main| main.value.to_string() == AUTO)?;
    let is_empty = values.value("loop.runtimes").is_none_or(|list| list.value == Value::List(Vec::new()));
    is_empty.then(|| SettingsProblem::Lacking { at: main.origin, key: "loop.runtimes".to_owned() })
}

fn nearest(name: &str, known: &BTreeSet<String>) -> Option<String> {
    let near = known.iter().map(|known| (strsim::damerau_levenshtein(name, known), known));
    near.filter(|(distance, _)| *distance <= 2).min().map(|(_, known)| known.clone())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::settings::layers::read_file;

    fn told(text: &str) -> Vec<String> {
        let layer = read_file(text, "project", Path::new("/p/.hew.toml"));
        assert_eq!(layer.problems, [], "{text}");
        let values = Values::built_in().overlaid_with(layer.values);
        undefined_runtimes(&values).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_runtime_that_is_named_has_to_be_there() {
        let text = "loop.runtime = 'mien'\nloop.runtimes = ['claude', 'nobody', 'mine']\nloop.fallback_runtime = 'auto'\n\
                    loop.runtime_defs.mine.command = 'm'";
        assert_eq!(
            told(text),
            [
                "/p/.hew.toml:1: loop.runtime: runtime `mien` is not defined; did you mean mine?",
                "/p/.hew.toml:2: loop.runtimes: runtime `nobody` is not defined; set loop.runtime_defs.nobody.command",
                "/p/.hew.toml:3: loop.fallback_runtime: runtime `auto` is not defined; set loop.runtime_defs.auto.command",
            ]
        );
        assert_eq!(told("loop.runtime = 'auto'"), ["/p/.hew.toml:1: loop.runtimes has to be set too"]);
        assert_eq!(told("loop.runtime = 'auto'\nloop.runtimes = ['codex', 'shell']"), [""; 0]);
    }
}
