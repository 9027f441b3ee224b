//! What a person on a terminal is asked. Whoever can't be asked gets what is safe: nothing of a person's is changed.

use std::io::{BufRead as _, stdin};

use hew_core::settings::{SandboxMode, Settings};

use super::{Wanted, check_names};
use crate::adapters::sandbox;
use crate::cli::InitArgs;
use crate::failure::Failure;
use crate::ui::{self, Ui};

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// There are no settings yet.
    Fresh,
    /// Settings stay; what is hew's own is brought up to date.
    Refresh,
    /// Settings change, too.
    Reconfigure,
    /// Nothing.
    Cancel,
}

/// Settles what is to be done, with the person where that is open.
pub(super) fn way(args: &InitArgs, has_settings: bool, ui: &Ui) -> Result<Way, Failure> {
    match (has_settings, args.reconfigure) {
        (false, _) => Ok(Way::Fresh),
        (true, true) => Ok(Way::Reconfigure),
        (true, false) if can_ask(args, ui) => ask_way(ui),
        (true, false) => Ok(Way::Refresh),
    }
}

fn ask_way(ui: &Ui) -> Result<Way, Failure> {
    ui.warn("This project is set up already. What now?");
    ui.warn("  refresh      bring hew's own texts up to date; settings stay as they are");
    ui.warn("  reconfigure  change settings, too");
    ui.warn("  cancel       change nothing");
    loop {
        let Some(answer) = ask("Type one of these words, or press Enter for refresh:", ui)? else {
            return Ok(Way::Cancel);
        };
        match answer.as_str() {
            "" | "refresh" | "r" => return Ok(Way::Refresh),
            "reconfigure" => return Ok(Way::Reconfigure),
            "cancel" | "c" => return Ok(Way::Cancel),
            _ => {}
        }
    }
}

/// Asks for what flags leave open. `now` are the settings that are to be changed, none where there is no file yet.
pub(super) fn complete(
    wanted: Wanted,
    args: &InitArgs,
    now: Option<&Settings>,
    ui: &Ui,
) -> Result<Wanted, Failure> {
    let names_any = !wanted.runtimes.is_empty() || wanted.tracker.is_some();
    if !can_ask(args, ui) || (now.is_some() && names_any) {
        return Ok(wanted);
    }
    let runtimes = if wanted.runtimes.is_empty() { ask_runtimes(now, ui)? } else { wanted.runtimes };
    let sandbox = if sandbox::kernel_problem().is_none() { ask_sandbox(now, ui)? } else { None };
    Ok(Wanted { runtimes, sandbox, ..wanted })
}

/// Asks for the main runtime; an empty answer leaves it open.
fn ask_runtimes(now: Option<&Settings>, ui: &Ui) -> Result<Vec<String>, Failure> {
    let open = match now {
        None => "to decide later".to_owned(),
        Some(settings) => format!("to stay with {}", settings.runtime.value),
    };
    let question = format!(
        "Which runtime does the tasks: claude, codex, shell, another program's name, or empty {open}?"
    );
    let answer = ask(&question, ui)?.unwrap_or_default();
    let runtimes: Vec<String> =
        answer.split(',').map(str::trim).filter(|n| !n.is_empty()).map(str::to_owned).collect();
    check_names(&runtimes)?;
    Ok(runtimes)
}

/// Offers the sandbox that this kernel can keep.
fn ask_sandbox(now: Option<&Settings>, ui: &Ui) -> Result<Option<&'static str>, Failure> {
    let is_on = now.is_some_and(|settings| settings.sandbox.value != SandboxMode::Off);
    let open = if is_on { "on, as it is" } else { "no" };
    let question = format!(
        "Shall the kernel keep agents from writing anywhere but in their own clone (loop.sandbox)? \
         yes, no, or empty for {open}:"
    );
    Ok(match ask(&question, ui)?.unwrap_or_default().as_str() {
        // A stricter one is not made laxer.
        "y" | "yes" if is_on => None,
        "y" | "yes" => Some(SandboxMode::Worktree.as_str()),
        "n" | "no" => Some(SandboxMode::Off.as_str()),
        _ => None,
    })
}

/// Whether a change is wanted that was just shown; without anybody to ask it needs a flag.
pub(super) fn agrees(yes: bool, ui: &Ui) -> Result<bool, Failure> {
    if yes {
        return Ok(true);
    }
    if !ui::can_ask() || ui.is_json() {
        return Err(Failure::usage("settings are only changed if somebody says so, and nobody can be asked")
            .hint("the same command with --yes"));
    }
    let answer = ask("Change them? Type yes, or press Enter to leave them:", ui)?;
    Ok(matches!(answer.as_deref(), Some("y" | "yes")))
}

fn can_ask(args: &InitArgs, ui: &Ui) -> bool {
    !args.yes && !ui.is_json() && ui::can_ask()
}

/// An answer without spaces around it; none at the end of the input.
fn ask(question: &str, ui: &Ui) -> Result<Option<String>, Failure> {
    ui.warn(question);
    let mut answer = String::new();
    let count = stdin()
        .lock()
        .read_line(&mut answer)
        .map_err(|error| Failure::failed("the answer can't be read").because(error).hint("hew init --yes"))?;
    Ok((count > 0).then(|| answer.trim().to_owned()))
}
