//! Signals to a program's tree: its group, and descendants that left the group.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::{Pid, getpgrp};

use crate::adapters::proc_tree::{self, ProcStat};

/// Rounds of STOP, for what is forked meanwhile.
const STOP_ROUNDS: u32 = 50;
const STOP_ROUND: Duration = Duration::from_millis(2);

/// Everything below the shim that has not ended.
pub(super) fn living() -> Vec<ProcStat> {
    let below = proc_tree::descendants(std::process::id());
    below.into_iter().filter_map(proc_tree::stat).filter(ProcStat::is_alive).collect()
}

/// Asks the program alone to end, in the way in which a person at its terminal would. A stopped one is woken.
pub(super) fn interrupt(program: Pid) {
    // A process that is gone needs no signal.
    let _ = kill(program, Signal::SIGINT);
    let _ = kill(program, Signal::SIGCONT);
}

/// Asks the tree to end; each process once. A stopped one is woken, or it could not follow.
pub(super) fn ask_to_end(group: Pid) {
    // A group or process that is gone needs no signal.
    let _ = killpg(group, Signal::SIGTERM);
    let _ = killpg(group, Signal::SIGCONT);
    for process in living() {
        let pid = Pid::from_raw(process.pid.cast_signed());
        if process.group.cast_signed() != group.as_raw() {
            let _ = kill(pid, Signal::SIGTERM);
            let _ = kill(pid, Signal::SIGCONT);
        }
    }
}

/// Ends the tree as it is now; what is forked meanwhile is for the next round. A group is ended at once, so that none of it
/// gets away by forking faster than it is looked at.
pub(super) fn end() {
    let living = living();
    let groups: BTreeSet<u32> = living.iter().map(|process| process.group).collect();
    for group in groups.into_iter().filter(|group| *group != getpgrp().as_raw().cast_unsigned()) {
        let _ = killpg(Pid::from_raw(group.cast_signed()), Signal::SIGKILL);
    }
    for process in living {
        let _ = kill(Pid::from_raw(process.pid.cast_signed()), Signal::SIGKILL);
    }
}

/// What a shim has made stand still.
#[derive(Debug, Default)]
pub(super) struct Stopped {
    /// Process ids with their start times.
    processes: BTreeSet<(u32, u64)>,
}

impl Stopped {
    /// Stops everything that goes on, until nothing does; what stands still by itself is left alone.
    pub(super) fn stop_more(&mut self) {
        for _ in 0..STOP_ROUNDS {
            let goes_on = |process: &ProcStat| {
                process.state != 'T' && !self.processes.contains(&(process.pid, process.start_ticks))
            };
            let more: Vec<ProcStat> = living().into_iter().filter(goes_on).collect();
            if more.is_empty() {
                return;
            }
            for process in more {
                let _ = kill(Pid::from_raw(process.pid.cast_signed()), Signal::SIGSTOP);
                self.processes.insert((process.pid, process.start_ticks));
            }
            thread::sleep(STOP_ROUND);
        }
    }

    /// Wakes what was stopped.
    pub(super) fn go_on(&mut self) {
        let stopped = std::mem::take(&mut self.processes);
        for process in living().iter().filter(|process| stopped.contains(&(process.pid, process.start_ticks)))
        {
            let _ = kill(Pid::from_raw(process.pid.cast_signed()), Signal::SIGCONT);
        }
    }
}
