//! What a test must not leave: processes, mounts, a held lock, temporary files, and in the end its own folder.
//!
//! Every [`TestRepo`](crate::repo::TestRepo) is looked at when it is dropped by a test that has passed.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use hew_core::record::files::JOURNAL;
use serde_json::Value;

use crate::repo::TestRepo;
use crate::running::wait_until;

/// Panics unless nothing is left of what lived in this folder. Processes may take a moment to end, as after a kill.
pub(crate) fn check(base: &Path, locks: &[PathBuf]) {
    wait_until(&format!("the end of {:?}", processes_of(base)), || processes_of(base).is_empty());
    let mounts = mounts_below(base);
    assert!(mounts.is_empty(), "left mounted: {mounts:?}");
    for lock in locks {
        // A project in which nothing ever ran has none.
        let Ok(file) = File::open(lock) else { continue };
        // A child that another test's thread is about to start holds it too, for a moment.
        wait_until(&format!("the end of who holds {}", lock.display()), || file.try_lock().is_ok());
    }
    let mut left = entries(&base.join("tmp"));
    // What the tracker's program and others leave there is theirs.
    left.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.starts_with(".tmp") || name.starts_with("hew-")
    });
    assert!(left.is_empty(), "temporary files are left: {left:?}");
}

/// Processes whose environment names this folder, with their command lines; this very process is not among them.
pub(crate) fn processes_of(base: &Path) -> Vec<(i32, String)> {
    let mark = base.display().to_string();
    let names = |pid: i32| {
        fs::read(format!("/proc/{pid}/environ"))
            .is_ok_and(|environment| String::from_utf8_lossy(&environment).contains(&mark))
    };
    let entries = fs::read_dir("/proc").expect("Linux has /proc").flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let described = |pid: i32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        Some((pid, String::from_utf8_lossy(&line).replace('\0', " ")))
    };
    pids.filter(|pid| names(*pid)).filter_map(described).collect()
}

/// Panics if a run that has ended has left a worktree, or anything beside one, without a word of it.
pub(crate) fn check_worktrees(repo: &TestRepo, run_folders: &[PathBuf]) {
    for run in run_folders {
        let text = fs::read_to_string(run.join(JOURNAL)).unwrap_or_default();
        let entries_of = |kind: &str| {
            let entries = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            entries.filter(|entry| entry["kind"] == kind).collect::<Vec<_>>()
        };
        if entries_of("run_ended").is_empty() {
            // A run that was killed leaves its worktrees to the next one.
            continue;
        }
        let told: Vec<String> =
            entries_of("noticed").iter().map(|notice| notice["text"].to_string()).collect();
        let folder = repo.hew_home().join("wt").join(run.file_name().unwrap_or_default());
        let is_told = |path: &Path| {
            let names = [name_before_removal(path).display().to_string(), format!("in {}", folder.display())];
            told.iter().any(|text| names.iter().any(|name| text.contains(name)))
        };
        let is_odd = |path: &PathBuf| !path.ends_with("owner.json") && !is_told(path);
        let left: Vec<PathBuf> = entries(&folder).into_iter().filter(is_odd).collect();
        assert!(left.is_empty(), "left by a run without a word: {left:?}; told: {told:#?}");
    }
}

/// A folder that is being removed bears another name: `.NAME.discarded-0`.
fn name_before_removal(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let before = name.strip_prefix('.').and_then(|name| name.split_once(".discarded-"));
    before.map_or_else(|| path.to_owned(), |(before, _)| path.with_file_name(before))
}

fn mounts_below(base: &Path) -> Vec<String> {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let places = table.lines().filter_map(|line| line.split(' ').nth(4));
    places.filter(|place| Path::new(place).starts_with(base)).map(str::to_owned).collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}
