//! `hew completions`: made from the same structs as the command line.

use hew_core::output::Output;
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::{CompletionsArgs, epilogue};
use crate::failure::code;
use crate::ui::Ui;

/// Completions for a shell.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Completions<'a> {
    /// The shell.
    shell: String,
    /// What it has to load.
    text: &'a str,
}

impl Output for Completions<'_> {
    const KIND: &'static str = "completions";
}

/// Prints them.
pub fn run(args: &CompletionsArgs, ui: &Ui) -> u8 {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut epilogue::command(), "hew", &mut text);
    let text = String::from_utf8_lossy(&text);
    if ui.is_json() {
        ui.print_output(&Completions { shell: args.shell.to_string(), text: &text });
    } else {
        ui.print(&text);
    }
    code::OK
}
