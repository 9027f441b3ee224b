//! Processes of a run whose own process is gone: each says in its environment whose it is.
//!
//! Invariants: a process is ended only if its environment names exactly this run, it is neither this process nor one above
//! it, and it is still the one that was looked at; never by its name. The caller holds the project's lock, so that no
//! living process of the run is there that would miss it.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use hew_core::ids::RunId;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::run_processes::{self, RunProcess};
use super::shim;

/// How often is looked whether any is left.
const LOOK: Duration = Duration::from_millis(20);
/// How long KILL may take to be seen.
const UNKILLABLE: Duration = Duration::from_secs(5);

/// Ends what is left of a run: TERM, and after `grace` KILL. A supervisor, which ends its own tree because the run's process
/// is gone, is left that time. Answers how many there were, and the ids of those that can't be ended.
pub fn end(run: &RunId, grace: Duration) -> (usize, Vec<u32>) {
    let mut seen = BTreeSet::new();
    let mut told = BTreeSet::new();
    let (begun, mut signal) = (Instant::now(), Signal::SIGTERM);
    loop {
        let left: Vec<RunProcess> =
            run_processes::all().into_iter().filter(|process| process.run == *run).collect();
        seen.extend(left.iter().map(RunProcess::id));
        if left.is_empty() {
            return (seen.len(), Vec::new());
        }
        if begun.elapsed() >= grace {
            signal = Signal::SIGKILL;
        }
        if begun.elapsed() >= grace + UNKILLABLE {
            return (seen.len(), left.iter().map(|process| process.pid).collect());
        }
        for process in left.iter().filter(|process| signal == Signal::SIGKILL || !is_shim(process.pid)) {
            if told.insert((process.id(), signal as i32)) {
                tell(process, signal);
            }
        }
        thread::sleep(LOOK);
    }
}

fn tell(process: &RunProcess, signal: Signal) {
    // Its number may be another's by now.
    if process.is_alive() {
        // One that is gone meanwhile needs no signal.
        let _ = kill(Pid::from_raw(process.pid.cast_signed()), signal);
    }
}

fn is_shim(pid: u32) -> bool {
    std::fs::read(format!("/proc/{pid}/cmdline"))
        .is_ok_and(|all| all.split(|byte| *byte == 0).nth(1) == Some(shim::SUBCOMMAND.as_bytes()))
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command};

    use super::*;

    fn sleeper(run: &str) -> Child {
        Command::new("sleep").arg("600").env("HEW_RUN_ID", run).spawn().unwrap()
    }

    #[test]
    fn only_processes_that_say_so_are_ended() {
        let run = RunId::parse("loop-20261121T190000Z-0000000a").unwrap();
        let mut own = sleeper(run.as_str());
        let mut other = sleeper("loop-20261121T190000Z-0000000ab");
        let (count, left) = end(&run, Duration::from_secs(30));
        assert_eq!((count, left), (1, Vec::new()));
        assert!(!own.wait().unwrap().success());
        assert_eq!(other.try_wait().unwrap(), None);
        assert_eq!(end(&run, Duration::ZERO), (0, Vec::new()));
        other.kill().unwrap();
        other.wait().unwrap();
    }
}
