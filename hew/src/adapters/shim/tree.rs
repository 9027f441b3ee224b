//! Signals to a program's tree: its group, and descendants that left the group.

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use crate::adapters::proc_tree::{self, ProcStat};

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

/// Ends the tree as it is now; what is forked meanwhile is for the next round.
pub(super) fn end() {
    for process in living() {
        let _ = kill(Pid::from_raw(process.pid.cast_signed()), Signal::SIGKILL);
    }
}
