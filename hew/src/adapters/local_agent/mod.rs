//! The agent of the runtime `local`: `hew __local-agent`, started by the shim as any other program.
//!
//! It reads the prompt on its standard input, asks the model server of `loop.local`, does what the model calls for in its
//! working folder, and prints the common transcript envelope: a line `system`, for each answer its pieces (`delta`) and then
//! the whole (`consolidated`), the tools' answers, and one line `result` in every case.
//!
//! | file | holds |
//! | --- | --- |
//! | `args` | what it is told |
//! | `talk` | one answer after another |
//! | `hands` | the tools, as the model knows them |
//! | `folder` | the one folder, and what leads out of it |
//! | `files`, `shell` | what the tools do |
//! | `voice` | what it prints |
//!
//! Invariants: its file tools open nothing outside of the folder that it was started in, and nothing of git's; what a
//! command may write is up to the sandbox around all of it. No command has the key in its environment. It decides nothing
//! about the task: it leaves the model's word where `hew done` would.

mod args;
mod files;
mod folder;
mod hands;
mod shell;
mod talk;
mod voice;

use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};

use clap::Parser;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use args::LocalArgs;
use talk::{Ending, Trouble, converse};
use voice::Voice;

/// The hidden subcommand, as the built-in settings name it.
const SUBCOMMAND: &str = "__local-agent";

/// Exit codes: it ended well, it failed, it was told what it does not know, it has a bug.
const WELL: u8 = 0;
const FAILED: u8 = 1;
const MISUSED: u8 = 2;
const BUG: u8 = 70;

/// Runs the agent if that is what the arguments ask for.
pub fn intercept(args: impl IntoIterator<Item = OsString>) -> Option<u8> {
    let mut args = args.into_iter();
    let program = args.next()?;
    (args.next()? == SUBCOMMAND).then(|| {
        match LocalArgs::try_parse_from(std::iter::once(program).chain(args)) {
            Ok(args) => run(&args),
            Err(error) => {
                // Its standard error is the only place where this can be told.
                let _ = error.print();
                MISUSED
            }
        }
    })
}

fn run(args: &LocalArgs) -> u8 {
    let voice = Voice::new(args.session.clone(), args.model.clone());
    if let Err(error) = end_when_asked(&voice) {
        voice.fail(&Trouble::Words(format!("signals can't be waited for: {error}")));
        return FAILED;
    }
    // The last line is owed in every case.
    match catch_unwind(AssertUnwindSafe(|| converse(args, &voice))) {
        Ok(Ok(Ending { text })) => {
            voice.end_well(&text);
            WELL
        }
        Ok(Err(trouble)) => {
            voice.fail(&trouble);
            FAILED
        }
        Err(_) => {
            voice.fail(&Trouble::Words("hew's own agent has a bug".to_owned()));
            BUG
        }
    }
}

/// A signal is answered with the last line, which has what was used so far.
fn end_when_asked(voice: &Voice) -> std::io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    let voice = voice.clone();
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        if let Some(signal) = signals.forever().next() {
            voice.interrupted();
            std::process::exit(128 + signal);
        }
    })?;
    Ok(())
}
