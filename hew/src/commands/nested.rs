//! What an agent may call from inside an iteration (`HEW_RUN_ID` is set): its own words, and looking at or filing tasks.
//! Everything else is refused, or an agent could start runs of its own, unless `HEW_ALLOW_NESTED=1`.

use std::env;

use crate::cli::Command;
use crate::failure::Failure;

/// Set for everything that runs inside an iteration.
const RUN_ID: &str = "HEW_RUN_ID";
/// Lifts the refusal.
const ALLOW: &str = "HEW_ALLOW_NESTED";

/// Lets a command pass as it is outside an iteration; inside refuses all but the few that belong there.
pub fn refuse_inside_iteration(command: &Command) -> Result<(), Failure> {
    let Some(run) = env::var_os(RUN_ID).filter(|run| !run.is_empty()) else { return Ok(()) };
    if is_for_agents(command) || env::var_os(ALLOW).is_some_and(|value| value == "1") {
        return Ok(());
    }
    Err(Failure::usage("this command is not for agents: it was called inside an iteration")
        .because(format!("{RUN_ID} is {}", run.to_string_lossy()))
        .because(
            "an agent may call hew done, hew blocked, hew fail, and hew task show, list, ready, add, note",
        )
        .hint(format!("{ALLOW}=1 hew …, if hew itself is what is being worked on")))
}

fn is_for_agents(command: &Command) -> bool {
    match command {
        Command::Done(_) | Command::Blocked(_) | Command::Fail(_) | Command::Shim => true,
        Command::Task(task) => match *task {},
        Command::Loop(_) | Command::Config(_) | Command::Init(_) | Command::Demo(_) => false,
    }
}
