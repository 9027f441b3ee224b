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

use super::proc_tree::{self, ProcStat};
use super::shim;

/// How often is looked whether any is left.
const LOOK: Duration = Duration::from_millis(20);
/// How long KILL may take to be seen.
const UNKILLABLE: Duration = Duration::from_secs(5);

/// Ends what is left of a run: TERM, and after `grace` KILL. A supervisor, which ends its own tree because the run's process
/// is gone, is left that time. Answers how many there were, and the ids of those that can't be ended.
pub fn end(run: &RunId, grace: Duration) -> (usize, Vec<u32>) {
    let marks = Marks::of(run);
    let mut seen = BTreeSet::new();
    let mut told = BTreeSet::new();
    let (begun, mut signal) = (Instant::now(), Signal::SIGTERM);
    loop {
        let left = marks.find();
        seen.extend(left.iter().map(id));
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
            if told.insert((id(process), signal as i32)) {
                tell(process, signal);
            }
        }
        thread::sleep(LOOK);
    }
}

/// What names a process for good.
fn id(process: &ProcStat) -> (u32, u64) {
    (process.pid, process.start_ticks)
}

fn tell(process: &ProcStat, signal: Signal) {
    // Its number may be another's by now.
    if proc_tree::stat(process.pid).is_some_and(|now| id(&now) == id(process)) {
        // One that is gone meanwhile needs no signal.
        let _ = kill(Pid::from_raw(process.pid.cast_signed()), signal);
    }
}

struct Marks {
    variable: Vec<u8>,
    /// This process and all above it.
    own: BTreeSet<u32>,
}

impl Marks {
    fn of(run: &RunId) -> Self {
        let mut own = BTreeSet::new();
        let mut at = Some(std::process::id());
        while let Some(pid) = at.filter(|pid| *pid > 1 && own.insert(*pid)) {
            at = proc_tree::stat(pid).map(|stat| stat.parent);
        }
        Self { variable: format!("HEW_RUN_ID={run}").into_bytes(), own }
    }

    fn find(&self) -> Vec<ProcStat> {
        let is_other = |process: &ProcStat| process.is_alive() && !self.own.contains(&process.pid);
        proc_tree::all().into_iter().filter(|p| is_other(p) && self.carries(p.pid)).collect()
    }

    /// The environment of other users' processes can't be read: they are none of this run's.
    fn carries(&self, pid: u32) -> bool {
        std::fs::read(format!("/proc/{pid}/environ"))
            .is_ok_and(|all| all.split(|byte| *byte == 0).any(|variable| variable == self.variable))
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
