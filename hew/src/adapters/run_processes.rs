//! Processes that belong to a run: its id is in their environment. `survivors` ends them.

use super::proc_tree::{self, ProcStat};
use hew_core::ids::RunId;

/// What the environment of everything in a run has.
const MARK: &[u8] = b"HEW_RUN_ID=";

/// A process of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunProcess {
    /// The run.
    pub run: RunId,
    /// Its id.
    pub pid: u32,
    /// When it began, in clock ticks since boot.
    start_ticks: u64,
    /// Program and arguments.
    pub command: String,
}

/// All that there are, this process and those it descends from left out.
pub fn all() -> Vec<RunProcess> {
    let above = ancestors(std::process::id());
    let others =
        proc_tree::all().into_iter().filter(|process| process.is_alive() && !above.contains(&process.pid));
    others.filter_map(describe).collect()
}

fn ancestors(pid: u32) -> Vec<u32> {
    let parent = |pid: &u32| proc_tree::stat(*pid).map(|stat| stat.parent).filter(|parent| *parent > 1);
    std::iter::successors(Some(pid), parent).collect()
}

fn describe(process: ProcStat) -> Option<RunProcess> {
    let environ = std::fs::read(format!("/proc/{}/environ", process.pid)).ok()?;
    let value = environ.split(|byte| *byte == 0).find_map(|variable| variable.strip_prefix(MARK))?;
    let run = RunId::parse(std::str::from_utf8(value).ok()?)?;
    let line = std::fs::read(format!("/proc/{}/cmdline", process.pid)).unwrap_or_default();
    let command = String::from_utf8_lossy(&line).replace('\0', " ").trim_end().to_owned();
    Some(RunProcess { run, pid: process.pid, start_ticks: process.start_ticks, command })
}

impl RunProcess {
    /// What names it for good: its number, and when it began.
    pub fn id(&self) -> (u32, u64) {
        (self.pid, self.start_ticks)
    }

    /// It has not ended.
    pub fn is_alive(&self) -> bool {
        proc_tree::lives(self.pid, self.start_ticks)
    }
}
