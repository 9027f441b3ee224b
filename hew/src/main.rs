//! Parses the command line, calls one command, turns its result into an exit code.

use std::process::ExitCode;

use clap::Parser;
use hew::cli::Cli;
use hew::{commands, ui};

fn main() -> ExitCode {
    ui::panic::install();
    let cli = Cli::parse();
    let ui = ui::Ui::new(&cli.global);
    match commands::run(cli.command, &ui) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => ui.fail(&failure),
    }
}
