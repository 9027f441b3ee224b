//! One command that measures hew against the physical floor: see README.md.
//!
//! The same program plays more parts, chosen by its name or first word: the stub agent that both sides run, the counting
//! `git` of the uncounted warm-up, the child that drains a large graph in its own process, an agent that prints much, the
//! child that takes what such agents print, the one that runs short agents beside them, and the floor of looking at a run.

mod agent;
mod beside;
mod checks;
mod counting;
mod floor;
mod git;
mod hew;
mod in_process;
mod measure;
mod pairs;
mod printer;
mod recorded;
mod report;
mod repository;
mod scenarios;
mod schedule;
mod stand_in;
mod stats;
mod workload;

use std::process::ExitCode;

use clap::Parser;

/// Words of something that could not be done.
type Problem = String;

/// hew against the physical floor, in pairs, in one run
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  cargo run --release -p hew-bench -- --quick
  cargo run --release -p hew-bench -- P1 P4 --pairs 7
  cargo run --release -p hew-bench -- P2 --sizes 100,1000 --dir /var/tmp

Exit codes: 0 every target is met; 1 a target is missed, or a run was void; 2 bad flags")]
pub(crate) struct Args {
    /// P1 workers, P2 files, P3 tasks, P4 graphs, P5 views, P6 output, P8 kills; all of them if none is named
    #[arg(value_name = "SCENARIO")]
    scenarios: Vec<scenarios::Scenario>,
    /// Small sizes and fewer pairs: about two minutes, for trying
    #[arg(long)]
    quick: bool,
    /// Pairs of runs (floor, hew, floor, hew, …) for each size
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pairs: Option<u16>,
    /// Other sizes: workers for P1, P4 and P8, files for P2, tasks for P3, iterations for P5, megabytes for P6
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    sizes: Vec<usize>,
    /// Where repositories are made; the system's temporary folder if not given
    #[arg(long, value_name = "FOLDER")]
    dir: Option<std::path::PathBuf>,
    /// Print which git commands each side runs
    #[arg(long)]
    git_calls: bool,
}

fn main() -> ExitCode {
    if counting::is_git() {
        return counting::pass_on();
    }
    let mut words = std::env::args().skip(1);
    let played = match words.next().as_deref() {
        Some("stub-agent") => agent::play(words),
        Some("in-process") => in_process::play(words),
        Some("print") => printer::print(words),
        Some("take-output") => printer::take(words),
        Some("beside") => beside::play(words),
        Some("read-run") => recorded::read(words),
        _ => return exit(scenarios::run(&Args::parse())),
    };
    exit(played.map(|()| true))
}

fn exit(result: Result<bool, Problem>) -> ExitCode {
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("hew-bench: {problem}");
            ExitCode::FAILURE
        }
    }
}
