//! `hew done`, `hew blocked`, `hew fail`: an agent's word about its task, left for the orchestrator.
//!
//! A word decides nothing here and needs no project: it works from any folder. The last word wins.

use std::io::Write;
use std::path::{Path, PathBuf};

use hew_core::agent::{AgentSignal, SignalWord};
use hew_core::output::Output;
use schemars::JsonSchema;
use serde::Serialize;
use tempfile::NamedTempFile;

use crate::cli::{DoneArgs, ReasonArgs};
use crate::failure::Failure;
use crate::ui::Ui;

/// Where hew waits for the word.
pub(crate) const OUTCOME_FILE: &str = "HEW_OUTCOME_FILE";

/// An agent's word, as it was left for the orchestrator.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Recorded<'a> {
    /// The word.
    signal: SignalWord,
    /// Why.
    reason: Option<&'a str>,
}

impl Output for Recorded<'_> {
    const KIND: &'static str = "signal";
}

/// `hew done`.
pub fn done(args: DoneArgs, ui: &Ui) -> Result<u8, Failure> {
    say(SignalWord::Done, args.reason, ui)
}

/// `hew blocked`.
pub fn blocked(args: ReasonArgs, ui: &Ui) -> Result<u8, Failure> {
    say(SignalWord::Blocked, Some(args.reason), ui)
}

/// `hew fail`.
pub fn fail(args: ReasonArgs, ui: &Ui) -> Result<u8, Failure> {
    say(SignalWord::Fail, Some(args.reason), ui)
}

fn say(word: SignalWord, reason: Option<String>, ui: &Ui) -> Result<u8, Failure> {
    let file = std::env::var_os(OUTCOME_FILE).filter(|path| !path.is_empty()).map(PathBuf::from);
    let file = file.ok_or_else(|| outside(word))?;
    let signal = AgentSignal { signal: word, reason };
    record(&file, &signal).map_err(|error| {
        Failure::failed(format!("`{}` could not be recorded", command(word)))
            .because(format!("{}: {error}", file.display()))
            .hint(format!("{} --reason \"…\"", command(word)))
    })?;
    if ui.is_json() {
        ui.print_output(&Recorded { signal: signal.signal, reason: signal.reason.as_deref() });
    } else {
        ui.say(&format!("recorded: {}", command(word)));
    }
    Ok(crate::failure::code::OK)
}

/// A reader finds the old word or the new one, never a part.
pub(crate) fn record(file: &Path, signal: &AgentSignal) -> std::io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("/"));
    let mut partial = NamedTempFile::new_in(folder)?;
    partial.write_all(serde_json::to_string(signal)?.as_bytes())?;
    partial.as_file().sync_all()?;
    partial.persist(file)?;
    Ok(())
}

fn outside(word: SignalWord) -> Failure {
    let hint = match word {
        SignalWord::Done => "hew task close ID --reason \"…\"",
        SignalWord::Blocked | SignalWord::Fail => "hew task note ID \"…\"",
    };
    Failure::usage(format!("`{}` works only inside an iteration", command(word)))
        .because(format!("{OUTCOME_FILE} is not set; hew sets it for the agents that it runs"))
        .hint(hint)
}

fn command(word: SignalWord) -> &'static str {
    match word {
        SignalWord::Done => "hew done",
        SignalWord::Blocked => "hew blocked",
        SignalWord::Fail => "hew fail",
    }
}
