//! Parses the command line, calls one command, turns its result into an exit code.

use std::process::ExitCode;

use clap::Parser;
use hew::cli::Cli;
use hew::{adapters, commands, ui};

fn main() -> ExitCode {
    if let Some(code) = adapters::shim::intercept(std::env::args_os()) {
        return ExitCode::from(code);
    }
    ui::panic::install();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return ui::wrong_flags::tell(&error, std::env::args_os()),
    };
    let ui = ui::Ui::new(&cli.global);
    match commands::run(cli.command, &ui) {
        Ok(code) => ui.finish(code),
        Err(failure) => ui.fail(&failure),
    }
}
