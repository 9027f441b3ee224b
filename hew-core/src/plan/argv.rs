//! Program and arguments of an agent. Nothing else in hew makes them.
//!
//! | placeholder | becomes | empty |
//! | --- | --- | --- |
//! | `{prompt_file}` | the file that holds the prompt | |
//! | `{model}` | the model, in the runtime's own name | where none is asked for |
//! | `{session_id}` | a new UUID for the runtime's session | where an earlier one goes on |
//! | `{resumed_session}` | the runtime's name of the session that goes on | where a new one begins |
//! | `{resume}` | the word `resume` | where a new one begins |
//! | `{budget_usd}` | what the task may cost at most | where the task sets no limit |
//! | `{worktree}` | the folder that it runs in | |
//! | `{git_dir}`, `{git_common_dir}` | the worktree's own git folder, and the repository's | |
//! | `{outcome_folder}` | the folder that `hew done` and its kin write to | |
//! | `{codex_sandbox}` | what codex calls its sandbox; inside hew's, where its own can't start, that it has none | |
//! | `{push_rule}` | claude's name for the tool that pushes | where agents may push |
//! | `{local_endpoint}` and its kin | for the runtime `local` alone: what [`super::local`] says | where it is not set |
//!
//! An argument whose placeholder is empty is left out, together with the flag before it.

use super::limits::Limits;
use super::local::LocalPlan;
use super::model::ModelForRuntime;
use super::runtime::{self, RuntimeProblem, SHELL};
use super::spawn_plan::{ResumedSession, SpawnRequest, prompt_file};
use super::{Provenance, provenance::entry};
use crate::settings::secret::shown_args;
use crate::settings::{Origin, RuntimeDef};

/// Claude's name for a tool that agents are kept from.
const PUSH_RULE: &str = "Bash(git push *)";

/// Where a model's name goes.
const MODEL: &str = "{model}";

/// Where the name of a session goes that goes on. Arguments without it begin a new one.
const RESUMED: &str = "{resumed_session}";

/// Program and arguments with where they came from.
pub(super) struct Argv<'a> {
    pub(super) words: Vec<String>,
    /// The arguments as the settings have them, before a task's own words come into them.
    pub(super) form: &'a [String],
    pub(super) provenance: Vec<Provenance>,
    /// The model's name is among them.
    pub(super) names_model: bool,
    /// The session that they go on with.
    pub(super) resumes: Option<ResumedSession>,
}

/// Makes program and arguments.
pub(super) fn plan_argv<'a>(
    request: &SpawnRequest<'_>,
    def: &'a RuntimeDef,
    model: Option<&ModelForRuntime>,
    limits: &Limits,
    local: Option<&LocalPlan>,
) -> Result<Argv<'a>, RuntimeProblem> {
    let SpawnRequest { settings, choice, .. } = *request;
    if choice.name.as_str() == SHELL {
        let allow = &settings.shell_allow_task_commands;
        let (command, origin) = runtime::shell_command(request.task(), def, allow, choice)?;
        let words = vec!["sh".to_owned(), "-c".to_owned(), command];
        let provenance = vec![entry("argv", &words.join(" "), &origin)];
        return Ok(Argv { words, form: &[], provenance, names_model: false, resumes: None });
    }
    let Some(command) = &def.command.value else {
        return Err(runtime::no_command(choice));
    };
    let start = format!("loop.runtime_defs.{}", choice.name);
    let command_origin = format!("{} {start}.command", def.command.origin);
    let (program, command_origin) = match request.host.wrapped.get(command) {
        _ if local.is_some() && def.command.origin == Origin::BuiltIn => {
            let own = request.seat.hew_folder.join(command);
            (own.display().to_string(), "hew's own program".to_owned())
        }
        Some(behind) => (
            behind.display().to_string(),
            format!("{command_origin}; `{command}` is a wrapper around this program"),
        ),
        None => (command.clone(), command_origin),
    };
    let is_call = request.task().is_none() && !def.call_args.value.is_empty();
    let (form, key) = if is_call { (&def.call_args, "call_args") } else { (&def.args, "args") };
    let names = |placeholder: &str| form.value.iter().any(|arg| arg.contains(placeholder));
    let resumes = request.resumes.filter(|_| names(RESUMED));
    let args = fill(&form.value, &placeholders(request, model, limits, resumes, local));
    let provenance = vec![
        entry("program", &program, &command_origin),
        entry("argv", &shown_args(&args).join(" "), &format!("{} {start}.{key}", form.origin)),
    ];
    let names_model = model.is_some() && names(MODEL);
    let words = std::iter::once(program).chain(args).collect();
    Ok(Argv { words, form: &form.value, provenance, names_model, resumes: resumes.cloned() })
}

fn placeholders(
    request: &SpawnRequest<'_>,
    model: Option<&ModelForRuntime>,
    limits: &Limits,
    resumes: Option<&ResumedSession>,
    local: Option<&LocalPlan>,
) -> Vec<(&'static str, String)> {
    let SpawnRequest { settings, seat, .. } = *request;
    let path = |path: &std::path::Path| path.display().to_string();
    let push_rule = if settings.env_allow_push.value { "" } else { PUSH_RULE };
    let own_model = local.and_then(|local| local.model.as_ref());
    let model = model.map(|model| &model.name).or(own_model);
    let mut values = vec![
        ("{prompt_file}", path(&prompt_file(seat))),
        (MODEL, model.map(ToString::to_string).unwrap_or_default()),
        ("{session_id}", if resumes.is_none() { seat.session.clone() } else { String::new() }),
        (RESUMED, resumes.map(|session| session.id.clone()).unwrap_or_default()),
        ("{resume}", resumes.map(|_| "resume".to_owned()).unwrap_or_default()),
        ("{budget_usd}", limits.spawn.budget_usd.map(|usd| usd.to_string()).unwrap_or_default()),
        ("{worktree}", path(&seat.worktree)),
        ("{git_dir}", path(&seat.git_dir)),
        ("{git_common_dir}", path(&seat.git_common_dir)),
        ("{outcome_folder}", path(&seat.folder)),
        (
            "{codex_sandbox}",
            if settings.is_sandboxed() { "danger-full-access" } else { "workspace-write" }.to_owned(),
        ),
        ("{push_rule}", push_rule.to_owned()),
    ];
    values.extend(local.into_iter().flat_map(LocalPlan::placeholders));
    values
}

/// Fills placeholders in one pass: what is filled in is not looked at again.
fn fill(args: &[String], values: &[(&str, String)]) -> Vec<String> {
    let mut filled: Vec<String> = Vec::new();
    for arg in args {
        if values.iter().any(|(name, value)| value.is_empty() && arg.contains(name)) {
            let is_flag = |text: &str| text.starts_with('-');
            if !is_flag(arg) && filled.last().is_some_and(|before| is_flag(before)) {
                filled.pop();
            }
            continue;
        }
        filled.push(fill_one(arg, values));
    }
    filled
}

fn fill_one(arg: &str, values: &[(&str, String)]) -> String {
    let mut text = String::new();
    let mut rest = arg;
    while let Some(at) = rest.find('{') {
        let (before, from) = rest.split_at(at);
        text.push_str(before);
        let found = values.iter().find(|(name, _)| from.starts_with(name));
        let (put, length) = found.map_or(("{", 1), |(name, value)| (value.as_str(), name.len()));
        text.push_str(put);
        rest = &from[length..];
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(args: &[&str], model: &str) -> Vec<String> {
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        fill(&args, &[("{model}", model.to_owned()), ("{prompt_file}", "p.md".to_owned())])
    }

    #[test]
    fn an_argument_with_an_empty_placeholder_goes_with_its_flag() {
        for (args, kept) in [
            (&["-x", "--model", "{model}", "-y"][..], &["-x", "-y"][..]),
            (&["-x", "--model={model}", "-y"], &["-x", "-y"]),
            (&["-c", "model={model}", "-"], &["-"]),
            (&["run", "{model}", "{prompt_file}"], &["run", "p.md"]),
        ] {
            assert_eq!(filled(args, ""), kept);
        }
    }

    #[test]
    fn what_is_filled_in_is_not_filled_again() {
        assert_eq!(
            filled(&["a={model}{model}", "{prompt_file}"], "{prompt_file}"),
            ["a={prompt_file}{prompt_file}", "p.md"]
        );
        assert_eq!(filled(&["{\"a\": {unknown}}", "{{model}"], "m"), ["{\"a\": {unknown}}", "{m"]);
    }
}
