//! What an agent may call from inside an iteration (`HEW_RUN_ID` is set): its own words, and looking at or filing tasks.
//! Everything else is refused, or an agent could start runs of its own, unless `HEW_ALLOW_NESTED=1`.
//!
//! Invariant: an agent closes nothing itself. To close its own task means `hew done`; hew closes it once its work has
//! landed.

use std::env;

use crate::cli::task_args::TaskCommand;
use crate::cli::{Command, DoneArgs};
use crate::failure::Failure;

/// Set for everything that runs inside an iteration.
const RUN_ID: &str = "HEW_RUN_ID";
/// The iteration's own task.
const TASK_ID: &str = "HEW_TASK_ID";
/// Lifts the refusal.
const ALLOW: &str = "HEW_ALLOW_NESTED";

/// What a command means where it was called: itself outside an iteration; inside, itself or `hew done`, or it is refused.
pub fn settle(command: Command) -> Result<Command, Failure> {
    let Some(run) = run_id() else { return Ok(command) };
    if env::var_os(ALLOW).is_some_and(|value| value == "1") {
        return Ok(command);
    }
    let own_task = env::var(TASK_ID).ok();
    settle_inside(command, own_task.as_deref()).ok_or_else(|| refusal(&run.to_string_lossy()))
}

/// This was called inside an iteration.
pub fn is_inside_iteration() -> bool {
    run_id().is_some()
}

fn run_id() -> Option<std::ffi::OsString> {
    env::var_os(RUN_ID).filter(|run| !run.is_empty())
}

/// `None`: refused.
fn settle_inside(command: Command, own_task: Option<&str>) -> Option<Command> {
    match command {
        Command::Task(TaskCommand::Close(close)) => {
            let is_own = own_task == Some(close.task.id.as_str());
            is_own.then_some(Command::Done(DoneArgs { reason: Some(close.reason) }))
        }
        Command::Done(_)
        | Command::Blocked(_)
        | Command::Fail(_)
        | Command::Task(
            TaskCommand::Add(_)
            | TaskCommand::List(_)
            | TaskCommand::Show(_)
            | TaskCommand::Ready(_)
            | TaskCommand::Note(_),
        ) => Some(command),
        Command::Task(_)
        | Command::Loop(_)
        | Command::Config(_)
        | Command::Init(_)
        | Command::Skills(_)
        | Command::Prime
        | Command::Trust(_)
        | Command::Doctor(_)
        | Command::Triage(_)
        | Command::Schema(_)
        | Command::Completions(_)
        | Command::Manpage(_)
        | Command::Demo(_) => None,
    }
}

fn refusal(run: &str) -> Failure {
    Failure::usage("this command is not for agents: it was called inside an iteration")
        .because(format!("{RUN_ID} is {run}"))
        .because(
            "an agent may call hew done, hew blocked, hew fail, and hew task show, list, ready, add, note; \
             to close its own task is hew done",
        )
        .hint(format!("{ALLOW}=1 hew …, if hew itself is what is being worked on"))
}
