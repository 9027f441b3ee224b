//! Deterministic repositories of a given number of files, and the folder that they lie in.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::Problem;
use crate::git::Environment;

/// Files in one folder of a repository.
const FILES_A_FOLDER: usize = 100;

/// The branch of the user's checkout.
pub(crate) const TARGET: &str = "main";

/// The name of a file of the repository by its number.
pub(crate) fn file_name(number: usize) -> String {
    format!("d{:04}/f{:06}.txt", number / FILES_A_FOLDER, number)
}

/// The folder of a whole measurement, removed at its end.
#[derive(Debug)]
pub(crate) struct Place {
    folder: TempDir,
    pub(crate) file_system: String,
}

impl Place {
    /// Makes it, on a file system that keeps a journal or lives in memory.
    pub(crate) fn new(dir: Option<&Path>) -> Result<Self, Problem> {
        let parent = dir.map_or_else(std::env::temp_dir, Path::to_owned);
        let parent = parent.canonicalize().map_err(|error| format!("{}: {error}", parent.display()))?;
        let mounts = fs::read_to_string("/proc/self/mounts").map_err(|error| error.to_string())?;
        let (device, kind) = mount_of(&parent, &mounts).ok_or("no file system holds the folder")?;
        if !keeps_journal(&device, &kind) {
            return Err(format!("{} is {kind} without a journal; name another --dir", parent.display()));
        }
        let folder = tempfile::Builder::new().prefix("hew-bench-").tempdir_in(&parent);
        Ok(Self { folder: folder.map_err(|error| error.to_string())?, file_system: kind })
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The environment of everything that runs in it.
    pub(crate) fn environment(&self) -> Environment {
        let path = std::env::var("PATH").unwrap_or_default();
        Environment { home: self.path().join("home"), path }
    }
}

/// Device and type of the file system that holds a path: the longest mount point above it, the last of equals.
fn mount_of(path: &Path, mounts: &str) -> Option<(String, String)> {
    let entries = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ');
        Some((words.next()?, words.next()?, words.next()?))
    });
    let above = entries.filter(|(_, point, _)| path.starts_with(point));
    above
        .max_by_key(|(_, point, _)| point.len())
        .map(|(device, _, kind)| (device.to_owned(), kind.to_owned()))
}

fn keeps_journal(device: &str, kind: &str) -> bool {
    match kind {
        "ext2" => false,
        "ext4" | "ext3" => has_journal_thread(device),
        _ => true,
    }
}

/// The kernel lists a journal as `<device>-<inode>`. Where it lists none at all nothing can be said.
fn has_journal_thread(device: &str) -> bool {
    let Ok(journals) = fs::read_dir("/proc/fs/jbd2") else { return true };
    let Some(name) = Path::new(device).file_name().and_then(|name| name.to_str()) else { return true };
    let names: Vec<String> =
        journals.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    device == "/dev/root"
        || names.iter().any(|journal| journal.rsplit_once('-').is_some_and(|(of, _)| of == name))
}

/// A repository of which each run gets a fresh copy.
#[derive(Debug)]
pub(crate) struct Template {
    path: PathBuf,
    pub(crate) files: usize,
}

impl Template {
    /// Makes one of `files` files of about 400 bytes, in folders of 100.
    pub(crate) fn make(environment: &Environment, place: &Path, files: usize) -> Result<Self, Problem> {
        let path = place.join(format!("template-{files}"));
        write_files(&path, files).map_err(|error| format!("{}: {error}", path.display()))?;
        environment.git(&path, &["init", "--quiet", "--initial-branch", TARGET])?;
        configure(environment, &path)?;
        environment.git(&path, &["add", "--all"])?;
        let date = "2026-01-01T00:00:00Z";
        let mut commit = environment.command("git");
        commit.args(["commit", "--quiet", "--message", "start"]).current_dir(&path);
        let status = commit.env("GIT_AUTHOR_DATE", date).env("GIT_COMMITTER_DATE", date).status();
        if !status.is_ok_and(|status| status.success()) {
            return Err("the first commit could not be made".to_owned());
        }
        environment.git(&path, &["repack", "-adq"])?;
        Ok(Self { path, files })
    }

    /// A copy with a checkout of its own, everything on disk.
    pub(crate) fn copy(&self, environment: &Environment, to: &Path) -> Result<Repository, Problem> {
        let (from, target) = (self.path.display().to_string(), to.display().to_string());
        environment.git(&self.path, &["clone", "--quiet", "--local", &from, &target])?;
        environment.git(to, &["remote", "remove", "origin"])?;
        configure(environment, to)?;
        let launch = environment.git(to, &["rev-parse", "HEAD"])?;
        // Else the first synced record of a run would pay for the copy.
        nix::unistd::sync();
        Ok(Repository { path: to.to_owned(), launch, files: self.files })
    }
}

/// One run's repository.
#[derive(Debug)]
pub(crate) struct Repository {
    pub(crate) path: PathBuf,
    pub(crate) launch: String,
    pub(crate) files: usize,
}

fn configure(environment: &Environment, path: &Path) -> Result<(), Problem> {
    let keys = [
        ("user.name", "Bench"),
        ("user.email", "bench@localhost"),
        // A collection in mid-run would hit one side by chance.
        ("gc.auto", "0"),
        ("maintenance.auto", "false"),
    ];
    keys.iter().try_for_each(|(key, value)| environment.git(path, &["config", key, value]).map(drop))
}

fn write_files(path: &Path, files: usize) -> std::io::Result<()> {
    for number in 0..files {
        let file = path.join(file_name(number));
        if number % FILES_A_FOLDER == 0 {
            fs::create_dir_all(file.parent().expect("each file has a folder"))?;
        }
        fs::write(file, format!("line of file {number}\n").repeat(18))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longest_mount_point_holds_the_path() {
        let mounts = "/dev/a / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n/dev/b /tmp/x ext2 rw 0 0\n";
        let cases = [("/home/u", "ext4"), ("/tmp/y", "tmpfs"), ("/tmp/x/z", "ext2")];
        for (path, kind) in cases {
            assert_eq!(
                mount_of(Path::new(path), mounts).map(|(_, kind)| kind).as_deref(),
                Some(kind),
                "{path}"
            );
        }
    }

    #[test]
    fn ext2_keeps_no_journal() {
        assert!(!keeps_journal("/dev/b", "ext2"));
        assert!(keeps_journal("tmpfs", "tmpfs"));
    }
}
