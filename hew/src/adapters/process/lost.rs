//! What is left when a shim was killed, or stopped, by the very program that it supervises: the program's session, and
//! whoever carries its mark in the environment, is ended without the shim.

use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::adapters::proc_tree::{self, ProcStat};

/// The variable whose value no other program shares.
const MARK: &str = "HEW_OUTCOME_FILE";
/// Rounds of KILL before what is left is taken for unkillable.
const ROUNDS: u32 = 100;
const ROUND: Duration = Duration::from_millis(20);

/// By what the processes of a program are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Marks {
    variable: Option<Vec<u8>>,
}

impl Marks {
    /// The mark in an environment, if it has one.
    pub(super) fn of(env: &[(String, String)]) -> Self {
        let found = env.iter().find(|(key, value)| key == MARK && !value.is_empty());
        Self { variable: found.map(|(key, value)| format!("{key}={value}").into_bytes()) }
    }

    fn fits(&self, process: &ProcStat, session: u32) -> bool {
        process.session == session || self.variable.as_ref().is_some_and(|mark| carries(process.pid, mark))
    }
}

fn carries(pid: u32, mark: &[u8]) -> bool {
    std::fs::read(format!("/proc/{pid}/environ"))
        .is_ok_and(|all| all.split(|byte| *byte == 0).any(|v| v == mark))
}

/// Ends every process of `session`, and every one with the mark; answers how many there were in the first round.
pub(super) fn end(session: u32, marks: &Marks) -> u32 {
    let mut first = None;
    for _ in 0..ROUNDS {
        let left: Vec<_> =
            proc_tree::all().into_iter().filter(|p| p.is_alive() && marks.fits(p, session)).collect();
        first.get_or_insert(left.len());
        if left.is_empty() {
            break;
        }
        for process in &left {
            // One that is gone meanwhile needs no signal.
            let _ = kill(Pid::from_raw(process.pid.cast_signed()), Signal::SIGKILL);
        }
        thread::sleep(ROUND);
    }
    first.and_then(|count| u32::try_from(count).ok()).unwrap_or(0)
}
