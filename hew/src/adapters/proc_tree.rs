//! What the kernel tells of processes under `/proc`: a tree's members and the time it used.
//!
//! Every answer is a snapshot that may be old when it is read: whoever ends a tree looks again until nothing is left.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Clock ticks a second in `/proc`; a constant of the kernel's interface on all platforms hew runs on.
pub const TICKS_PER_SECOND: u64 = 100;

/// One line of `/proc/<pid>/stat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcStat {
    /// Process id.
    pub pid: u32,
    /// `R`, `S`, `T`, `Z` and so on.
    pub state: char,
    /// Its parent.
    pub parent: u32,
    /// Its process group.
    pub group: u32,
    /// Its session.
    pub session: u32,
    /// Time used by it and by children that it has waited for, in clock ticks.
    pub cpu_ticks: u64,
    /// When it began, in clock ticks since boot; with the id it names a process for good.
    pub start_ticks: u64,
    /// How it ended, as `wait` would say; 0 while it lives.
    pub wait_status: i32,
}

impl ProcStat {
    /// It has not ended yet.
    pub fn is_alive(&self) -> bool {
        !matches!(self.state, 'Z' | 'X' | 'x')
    }
}

/// Reads one process; `None` if it is gone.
pub fn stat(pid: u32) -> Option<ProcStat> {
    parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The process that had this id and began then has not ended yet.
pub fn lives(pid: u32, start_ticks: u64) -> bool {
    stat(pid).is_some_and(|stat| stat.start_ticks == start_ticks && stat.is_alive())
}

/// When a process began, to about a hundredth of a second; `None` where the kernel does not say.
pub fn began(process: &ProcStat) -> Option<SystemTime> {
    let text = fs::read_to_string("/proc/uptime").ok()?;
    let since_boot = Duration::try_from_secs_f64(text.split_whitespace().next()?.parse().ok()?).ok()?;
    let at = Duration::from_millis(process.start_ticks * (1_000 / TICKS_PER_SECOND));
    SystemTime::now().checked_sub(since_boot.saturating_sub(at))
}

/// The name in parentheses may hold anything, so fields are counted from the last parenthesis.
fn parse_stat(line: &str) -> Option<ProcStat> {
    let (pid, rest) = line.split_once(' ')?;
    let fields: Vec<&str> = rest.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
    let small = |index: usize| fields.get(index)?.parse::<u32>().ok();
    Some(ProcStat {
        pid: pid.parse().ok()?,
        state: fields.first()?.chars().next()?,
        parent: small(1)?,
        group: small(2)?,
        session: small(3)?,
        cpu_ticks: (11..=14).map(number).sum::<Option<u64>>()?,
        start_ticks: number(19)?,
        wait_status: fields.get(49).and_then(|text| text.parse().ok()).unwrap_or(0),
    })
}

/// Every process of the machine.
pub fn all() -> Vec<ProcStat> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries.flatten().filter_map(|entry| stat(entry.file_name().to_str()?.parse().ok()?)).collect()
}

/// All processes below `root`, itself left out, zombies included.
pub fn descendants(root: u32) -> Vec<u32> {
    if Path::new("/proc/thread-self/children").exists() {
        walk(root, &children_listed)
    } else {
        // The kernel was built without lists of children: every process is asked for its parent.
        let by_parent = children_by_parent();
        walk(root, &|pid| by_parent.get(&pid).cloned().unwrap_or_default())
    }
}

fn walk(root: u32, children: &dyn Fn(u32) -> Vec<u32>) -> Vec<u32> {
    let mut seen = BTreeSet::new();
    let mut open = vec![root];
    while let Some(pid) = open.pop() {
        open.extend(children(pid).into_iter().filter(|child| *child != root && seen.insert(*child)));
    }
    seen.into_iter().collect()
}

fn children_listed(pid: u32) -> Vec<u32> {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    tasks
        .flatten()
        .filter_map(|task| fs::read_to_string(task.path().join("children")).ok())
        .flat_map(|list| list.split_ascii_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<u32>>())
        .collect()
}

fn children_by_parent() -> BTreeMap<u32, Vec<u32>> {
    let mut by_parent = BTreeMap::<u32, Vec<u32>>::new();
    for process in all() {
        by_parent.entry(process.parent).or_default().push(process.pid);
    }
    by_parent
}

/// The children of `parent` that have ended and were not waited for.
pub fn zombies(parent: u32) -> Vec<ProcStat> {
    let below = descendants(parent).into_iter().filter_map(stat);
    below.filter(|process| process.parent == parent && !process.is_alive()).collect()
}

/// Time used by `root` and everything below it, in clock ticks, processes that were waited for included.
pub fn cpu_ticks(root: u32) -> u64 {
    std::iter::once(root).chain(descendants(root)).filter_map(stat).map(|process| process.cpu_ticks).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_and_spaces_does_not_shift_the_fields() {
        let line = "42 (a) R b) S 7 8 9 0 -1 4194304 1 2 3 4 10 20 30 40 20 0 1 0 5555 1 2\n";
        let parsed = parse_stat(line).unwrap();
        let expected = ProcStat {
            pid: 42,
            state: 'S',
            parent: 7,
            group: 8,
            session: 9,
            cpu_ticks: 100,
            start_ticks: 5555,
            wait_status: 0,
        };
        assert_eq!(parsed, expected);
    }

    #[test]
    fn a_process_finds_itself() {
        let own = stat(std::process::id()).unwrap();
        assert!(own.is_alive() && own.start_ticks > 0);
        assert_eq!(stat(u32::MAX), None);
    }

    #[test]
    fn a_walk_ends_where_lists_run_in_a_circle() {
        let children = |pid| if pid < 4 { vec![pid + 1, 1] } else { vec![2] };
        assert_eq!(walk(1, &children), vec![2, 3, 4]);
    }
}
