//! One file a subcommand: settle settings, call the core, print.

use crate::cli::Command;
use crate::cli::loop_args::LoopCommand;
use crate::failure::Failure;
use crate::ui::Ui;

pub mod agent_words;
pub mod completions;
pub mod config;
mod config_write;
pub mod context;
pub mod demo;
pub mod doctor;
pub mod init;
pub mod loop_cancel;
pub mod loop_deliver;
mod loop_discard;
pub mod loop_explain;
pub mod loop_graph;
pub mod loop_list;
pub mod loop_logs;
mod loop_logs_transcript;
pub mod loop_prune;
pub mod loop_report;
pub mod loop_run;
pub mod loop_status;
pub mod loop_summary;
pub mod manpage;
mod named_file;
pub mod nested;
mod one_call;
pub mod past_runs;
pub mod schema;
pub mod skills;
pub mod task;
mod telling;
pub mod triage;
pub mod trust;

/// Runs one command; the answer is the process's exit code.
pub fn run(command: Command, ui: &Ui) -> Result<u8, Failure> {
    let command = nested::settle(command)?;
    match command {
        Command::Loop(command) => run_loop(command, ui),
        Command::Task(command) => task::run(command, ui),
        Command::Config(command) => config::run(command, ui),
        Command::Init(args) => init::run(&args, ui),
        Command::Skills(command) => skills::run(&command, ui),
        Command::Prime => Ok(skills::prime(ui)),
        Command::Trust(args) => trust::run(&args, ui),
        Command::Doctor(args) => doctor::run(&args, ui),
        Command::Triage(args) => triage::run(&args, ui),
        Command::Schema(args) => schema::run(&args, ui),
        Command::Completions(args) => Ok(completions::run(&args, ui)),
        Command::Manpage(args) => manpage::run(&args, ui),
        Command::Demo(args) => demo::run(&args, ui),
        Command::Done(args) => agent_words::done(args, ui),
        Command::Blocked(args) => agent_words::blocked(args, ui),
        Command::Fail(args) => agent_words::fail(args, ui),
    }
}

fn run_loop(command: LoopCommand, ui: &Ui) -> Result<u8, Failure> {
    match command {
        LoopCommand::Run(args) => loop_run::run(&args, ui),
        LoopCommand::Resume(args) => loop_run::resume(&args, ui),
        LoopCommand::Deliver(args) => loop_deliver::run(&args, ui),
        LoopCommand::Cancel(args) => loop_cancel::run(&args, ui),
        LoopCommand::List(args) => loop_list::run(&args, ui),
        LoopCommand::Logs(args) => loop_logs::run(&args, ui),
        LoopCommand::Status(args) => loop_status::run(&args, ui),
        LoopCommand::Summary(args) => loop_summary::run(&args, ui),
        LoopCommand::Explain(args) => loop_explain::run(&args, ui),
        LoopCommand::Graph(args) => loop_graph::run(&args, ui),
        LoopCommand::Report(args) => loop_report::run(&args, ui),
        LoopCommand::PruneWorktrees(args) => loop_prune::run(&args, ui),
    }
}
