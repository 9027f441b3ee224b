//! Which processes belong to a run, found in the kernel's own list.

use std::fs;
use std::path::Path;

/// Processes with this run's `HEW_RUN_ID` in their environment, or with a working folder below `base`, each with its
/// command line. This very process is not among them.
pub fn processes_of(run_id: &str, base: &Path) -> Vec<String> {
    let mark = format!("HEW_RUN_ID={run_id}");
    let entries = fs::read_dir("/proc").expect("Linux has /proc");
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| *pid != std::process::id() && belongs(*pid, mark.as_bytes(), base))
        .map(describe)
        .collect()
}

fn belongs(pid: u32, mark: &[u8], base: &Path) -> bool {
    let folder = Path::new("/proc").join(pid.to_string());
    let environ = fs::read(folder.join("environ")).unwrap_or_default();
    let is_marked = environ.split(|&byte| byte == 0).any(|variable| variable == mark);
    is_marked || fs::read_link(folder.join("cwd")).is_ok_and(|cwd| cwd.starts_with(base))
}

fn describe(pid: u32) -> String {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    format!("{pid}: {}", String::from_utf8_lossy(&line).replace('\0', " "))
}
