//! Programs that runs start: are they there, and which are they.

use std::collections::BTreeSet;

use hew_core::plan::how_to_find_program;
use hew_core::plan::local::LOCAL;
use hew_core::plan::runtime;
use hew_core::settings::Settings;

use super::finding::Finding;
use crate::adapters::{host, program_version};
use crate::commands::context::Context;
use crate::commands::loop_run::{find_gate, missing_program};

/// Words of a shell's own, with which a gate's command may begin.
const SHELL_WORDS: [&str; 12] =
    ["cd", "test", "[", "true", "false", ":", "if", "for", "while", "!", "set", "exec"];

/// Every runtime that is defined. That one is missing matters where a run would choose it. To say its version a program is
/// run, which one that only an untrusted file names is not.
pub(super) fn runtimes(settings: &Settings, untrusted: &[String]) -> Vec<Finding> {
    let mut chosen: BTreeSet<_> =
        runtime::of_run(settings).unwrap_or_default().into_iter().map(|choice| choice.name).collect();
    chosen.extend(runtime::of_planner(settings).into_iter().map(|choice| choice.name));
    let mut findings = Vec::new();
    for (name, def) in &settings.runtime_defs {
        let Some(command) = def.command.value.as_deref().filter(|_| !is_part_of_hew(name.as_str())) else {
            continue;
        };
        let help = || how_to_find_program(name, settings).unwrap_or_else(|| format!("install {command}"));
        findings.push(match (missing_program(command), chosen.contains(name)) {
            (None, _) if untrusted.contains(&format!("loop.runtime_defs.{name}.command")) => Finding::note(
                "program",
                format!("runtime {name}: {command} was not asked for its version"),
                "this project's settings name it, and they are not trusted: hew trust",
            ),
            (None, _) => {
                let found = host::find_program(command).unwrap_or_default();
                let told = program_version::ask(&found).unwrap_or_else(|why| why);
                Finding::ok("program", format!("runtime {name}: {} ({told})", found.display()))
            }
            (Some(why), true) => Finding::problem(
                "program",
                format!("runtime {name}: {why}"),
                "runs of this project are to use it",
                help(),
            ),
            (Some(why), false) => Finding::note(
                "program",
                format!("runtime {name}: {why}"),
                "no run uses it unless a task or a flag names it",
            ),
        });
    }
    findings
}

/// It starts no program of its own.
fn is_part_of_hew(runtime: &str) -> bool {
    [runtime::SHELL, LOCAL].contains(&runtime)
}

/// The program that the gate's command begins with, where that is told by its first word.
pub(super) fn gate(context: &Context) -> Option<Finding> {
    let Some(gate) = find_gate(false, &context.settings, &context.project.root) else {
        return Some(Finding::note(
            "program",
            "no gate was found: what agents do lands unproven",
            "a gate decides whether a tree is good: hew config set loop.gate.command 'make test'",
        ));
    };
    let first = gate.command.split_whitespace().next()?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    if SHELL_WORDS.contains(&first) || !first.chars().all(is_plain) {
        return Some(Finding::ok("program", format!("gate: {}", gate.command)));
    }
    Some(match missing_program(first).filter(|_| !first.starts_with('.')) {
        None => Finding::ok("program", format!("gate: {}", gate.command)),
        Some(why) => Finding::problem(
            "program",
            format!("gate `{}`: {why}", gate.command),
            "every gate would be red",
            format!("install {first}, or: hew config set loop.gate.command COMMAND"),
        ),
    })
}
