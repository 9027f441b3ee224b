//! Parses the command line, calls one command, turns its result into an exit code.

use std::process::ExitCode;

use hew::{adapters, cli, commands, ui};

fn main() -> ExitCode {
    let hidden = adapters::shim::intercept(std::env::args_os());
    if let Some(code) = hidden.or_else(|| adapters::local_agent::intercept(std::env::args_os())) {
        return ExitCode::from(code);
    }
    ui::panic::install();
    let cli = match cli::parse() {
        Ok(cli) => cli,
        Err(error) => return ui::wrong_flags::tell(&error, std::env::args_os()),
    };
    let ui = ui::Ui::new(&cli.global);
    match commands::run(cli.command, &ui) {
        Ok(code) => ui.finish(code),
        Err(failure) => ui.fail(&failure),
    }
}
