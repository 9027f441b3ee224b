//! A `git` that notes each call and passes it on, so that both sides' git processes are counted in the same way.
//!
//! It is this very program under the name `git`, put first on `PATH` for a warm-up run whose time is not taken.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::Problem;

const LOG: &str = "calls.log";

/// Calls of git in one run, by subcommand.
#[derive(Debug, Clone, Default)]
pub(crate) struct Calls {
    pub(crate) by_name: BTreeMap<String, usize>,
}

impl Calls {
    /// All calls.
    pub(crate) fn total(&self) -> usize {
        self.by_name.values().sum()
    }
}

/// A folder with the counting `git` in it.
#[derive(Debug)]
pub(crate) struct Counter {
    folder: PathBuf,
}

impl Counter {
    /// Puts the counting `git` into a new folder.
    pub(crate) fn new(folder: PathBuf) -> Result<Self, Problem> {
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        // A link would lead back to the folder of the benchmark, and the log would be there.
        fs::copy(program, folder.join("git")).map_err(|error| error.to_string())?;
        Ok(Self { folder })
    }

    /// `PATH` with the counting `git` first.
    pub(crate) fn path(&self) -> String {
        format!("{}:{}", self.folder.display(), std::env::var("PATH").unwrap_or_default())
    }

    /// Calls since the last time.
    pub(crate) fn take(&self) -> Calls {
        let log = self.folder.join(LOG);
        let text = fs::read_to_string(&log).unwrap_or_default();
        // Nothing was counted where there is no log.
        let _ = fs::remove_file(&log);
        let mut calls = Calls::default();
        for name in text.lines() {
            *calls.by_name.entry(name.to_owned()).or_default() += 1;
        }
        calls
    }
}

/// This process was started as `git`.
pub(crate) fn is_git() -> bool {
    std::env::args_os()
        .next()
        .is_some_and(|name| Path::new(&name).file_name().is_some_and(|name| name == "git"))
}

/// Notes the call and becomes the real git.
pub(crate) fn pass_on() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let words: Vec<String> = arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let here =
        std::env::current_exe().ok().and_then(|path| path.parent().map(Path::to_owned)).unwrap_or_default();
    let log = OpenOptions::new().create(true).append(true).open(here.join(LOG));
    // One write with O_APPEND is whole, whoever else writes. A call that can't be noted is still made.
    let _ = log.and_then(|mut log| log.write_all(format!("{}\n", subcommand(&words)).as_bytes()));
    let path = std::env::var("PATH").unwrap_or_default();
    let real =
        path.split(':').map(Path::new).filter(|folder| *folder != here).map(|folder| folder.join("git"));
    let Some(real) = real.into_iter().find(|program| program.is_file()) else {
        eprintln!("git: not found behind the counter");
        return ExitCode::from(127);
    };
    let error = Command::new(real).args(arguments).exec();
    eprintln!("git: {error}");
    ExitCode::from(127)
}

/// The subcommand, with its own subcommand for `worktree`; global options are passed over.
fn subcommand(words: &[String]) -> String {
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        match word.as_str() {
            "-c" | "-C" | "--git-dir" | "--work-tree" | "--namespace" => {
                rest.next();
            }
            "worktree" => return format!("worktree {}", rest.next().map_or("", String::as_str)),
            other if other.starts_with('-') => {}
            other => return other.to_owned(),
        }
    }
    "git".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subcommand_is_found_behind_options() {
        let cases = [
            (vec!["status"], "status"),
            (vec!["-c", "gc.auto=0", "--no-pager", "-C", "/a", "merge", "--ff-only"], "merge"),
            (vec!["worktree", "add", "x"], "worktree add"),
            (vec!["--version"], "git"),
        ];
        for (words, expected) in cases {
            let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
            assert_eq!(subcommand(&words), expected, "{words:?}");
        }
    }
}
