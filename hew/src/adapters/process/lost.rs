//! What is left when a shim was killed, or stopped, by the very program that it supervises: the program's session, whoever
//! carries its mark in the environment, and whoever has become this process's own child by the shim's end, is ended without
//! the shim.

use std::collections::BTreeSet;
use std::sync::Once;
use std::thread;
use std::time::Duration;

use nix::sys::prctl::set_child_subreaper;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;

use crate::adapters::proc_tree::{self, ProcStat};

/// The variable whose value no other program shares.
const MARK: &str = "HEW_OUTCOME_FILE";
/// The variable that everything which belongs to a run has.
const RUN: &[u8] = b"HEW_RUN_ID=";
/// The variable of calls of the tracker's program, which may leave a server of its own running on purpose.
const TRACKER: &[u8] = b"BEADS_DIR=";
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

    fn is_on(&self, process: &ProcStat) -> bool {
        self.variable.as_ref().is_some_and(|mark| environment(process.pid).contains(mark))
    }

    /// An orphan that says whose it is, and is not this program's.
    fn is_anothers(&self, orphan: &ProcStat) -> bool {
        let environment = environment(orphan.pid);
        let has = |start: &[u8]| environment.iter().any(|variable| variable.starts_with(start));
        let is_marked = has(format!("{MARK}=").as_bytes());
        let is_ours = self.variable.as_ref().is_some_and(|mark| environment.contains(mark));
        (is_marked && !is_ours) || (has(TRACKER) && !has(RUN))
    }
}

fn environment(pid: u32) -> BTreeSet<Vec<u8>> {
    let all = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    all.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect()
}

/// From now on orphans of a shim that is killed become this process's children, instead of getting away.
pub(super) fn adopt_orphans() {
    static ADOPTING: Once = Once::new();
    ADOPTING.call_once(|| {
        // A kernel without it has only marks and sessions to go by.
        let _ = set_child_subreaper(true);
    });
}

/// Children of this process that it has not started itself: those are in its own session. Ended ones are among them.
fn orphans(born_after: u64) -> Vec<ProcStat> {
    let Some(own) = proc_tree::stat(std::process::id()) else { return Vec::new() };
    let is_adopted = |process: &ProcStat| {
        process.parent == own.pid && process.session != own.session && process.start_ticks >= born_after
    };
    proc_tree::all().into_iter().filter(is_adopted).collect()
}

/// Ends every process of the program's session, where one is known, every one with the mark, and every orphan that came about
/// since the shim was started, with all below; answers how many there were in the first round.
pub(super) fn end(session: Option<u32>, shim_began: u64, marks: &Marks) -> u32 {
    let mut first = None;
    let mut adopted = BTreeSet::new();
    for _ in 0..ROUNDS {
        let mut doomed: BTreeSet<u32> = BTreeSet::new();
        for orphan in orphans(shim_began).iter().filter(|orphan| !marks.is_anothers(orphan)) {
            adopted.insert(orphan.pid);
            doomed.extend(proc_tree::descendants(orphan.pid));
            doomed.insert(orphan.pid);
        }
        let belongs = |process: &ProcStat| {
            process.is_alive()
                && (Some(process.session) == session || doomed.contains(&process.pid) || marks.is_on(process))
        };
        let left: Vec<_> = proc_tree::all().into_iter().filter(belongs).collect();
        first.get_or_insert(left.len());
        if left.is_empty() {
            break;
        }
        for process in &left {
            // One that is gone meanwhile needs no signal.
            let _ = kill(pid_of(process.pid), Signal::SIGKILL);
        }
        thread::sleep(ROUND);
    }
    for pid in adopted {
        // One that can't be ended is left to the kernel.
        let _ = waitid(Id::Pid(pid_of(pid)), WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG);
    }
    first.and_then(|count| u32::try_from(count).ok()).unwrap_or(0)
}

fn pid_of(pid: u32) -> Pid {
    Pid::from_raw(pid.cast_signed())
}
