//! The one door to git processes.
//!
//! Invariants: no `GIT_*` variable that could point git elsewhere is inherited; the locale is fixed; standard input is
//! closed or a file; both streams are drained; every call has a time limit; git is in a process group of its own, so
//! that a Ctrl-C in the terminal does not end it half-way. It decides nothing about what git is asked.

use std::ffi::{OsStr, OsString};
use std::io::{Seek, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hew_core::cut;
use hew_core::exit::{CommandFailure, Exit};
use hew_core::worktree::GitError;

use crate::adapters::fail_point;
use crate::adapters::streams::{Streams, end_group};

/// Git processes started by this process so far.
static STARTED: AtomicU64 = AtomicU64::new(0);

/// Git processes started by this process so far.
pub fn process_count() -> u64 {
    STARTED.load(Ordering::Relaxed)
}

/// Longest a call that writes no working tree may take.
pub(crate) const SHORT: Duration = Duration::from_secs(60);
/// Longest a call that writes a working tree may take.
pub(crate) const LONG: Duration = Duration::from_secs(600);

/// From TERM, which lets git remove its lock files, to KILL.
pub(super) const KILL_GRACE: Duration = Duration::from_secs(5);
/// How much of what git said goes into an error.
const TAIL_BYTES: usize = 4096;

/// Variables of git's that say who the user is and where their settings are; all other `GIT_*` are dropped.
const INHERITED: [&str; 10] = [
    "GIT_AUTHOR_EMAIL",
    "GIT_AUTHOR_NAME",
    "GIT_CEILING_DIRECTORIES",
    "GIT_COMMITTER_EMAIL",
    "GIT_COMMITTER_NAME",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_NOSYSTEM",
    "GIT_CONFIG_SYSTEM",
    "GIT_DISCOVERY_ACROSS_FILESYSTEM",
    "GIT_EXEC_PATH",
];

/// One call of git, being put together.
#[derive(Debug)]
pub(crate) struct GitCall {
    cwd: PathBuf,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    settings: Vec<(&'static str, &'static str)>,
    input: Option<Vec<u8>>,
    timeout: Duration,
}

/// What a call of git came to; git has ended by itself.
#[derive(Debug)]
pub(crate) struct GitAnswer {
    argv: Vec<OsString>,
    cwd: PathBuf,
    /// How it ended.
    pub(crate) exit: Exit,
    /// What it printed.
    pub(crate) stdout: Vec<u8>,
    /// What it said, lossy.
    pub(crate) stderr: String,
}

impl GitCall {
    /// A call in a folder, with [`SHORT`] as its limit.
    pub(crate) fn new(cwd: &Path) -> Self {
        Self {
            cwd: cwd.to_owned(),
            args: Vec::new(),
            env: Vec::new(),
            settings: Vec::new(),
            input: None,
            timeout: SHORT,
        }
    }

    /// Adds an argument.
    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    pub(crate) fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Sets settings for this call only: as `-c` does, but without drowning the arguments in failures.
    pub(crate) fn settings(mut self, keys_and_values: &[(&'static str, &'static str)]) -> Self {
        self.settings.extend(keys_and_values);
        self
    }

    /// Sets a variable.
    pub(crate) fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Gives it something to read.
    pub(crate) fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = Some(bytes.into());
        self
    }

    /// Sets the time limit.
    pub(crate) fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }

    /// Runs it to its end, whatever its exit code.
    pub(crate) fn run(self) -> Result<GitAnswer, GitError> {
        let mut child = self.spawn().map_err(|error| self.not_run(error))?;
        STARTED.fetch_add(1, Ordering::Relaxed);
        let streams = Streams::of(&mut child);
        let ended = streams.and_then(|streams| streams.drain(&mut child, self.timeout));
        let (status, stdout, stderr) = match ended {
            Ok(Some(ended)) => ended,
            Ok(None) => {
                end_group(&mut child, KILL_GRACE);
                return Err(self.not_run(format_args!("not ended after {} s", self.timeout.as_secs())));
            }
            Err(error) => {
                end_group(&mut child, KILL_GRACE);
                return Err(self.not_run(error));
            }
        };
        let verb = self.args.first().and_then(|verb| verb.to_str()).unwrap_or_default();
        fail_point::reach("git-process", verb);
        Ok(GitAnswer {
            exit: exit_of(status),
            stdout,
            stderr: String::from_utf8_lossy(&stderr).into_owned(),
            argv: self.args,
            cwd: self.cwd,
        })
    }

    /// Starts it as a servant: it is asked and answers through pipes, and what it says besides is nobody's.
    pub(super) fn serve(&self) -> std::io::Result<Child> {
        let child =
            self.command().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        STARTED.fetch_add(1, Ordering::Relaxed);
        Ok(child)
    }

    fn spawn(&self) -> std::io::Result<Child> {
        self.command().stdin(self.stdin()?).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
    }

    fn command(&self) -> Command {
        let mut command = Command::new("git");
        for name in inherited_and_unwanted() {
            command.env_remove(name);
        }
        command
            .args(&self.args)
            .current_dir(&self.cwd)
            .env("LC_ALL", "C")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_EDITOR", "true")
            .env("GIT_PAGER", "cat")
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .envs(self.settings_as_variables())
            .process_group(0);
        command
    }

    fn settings_as_variables(&self) -> impl Iterator<Item = (String, String)> {
        let pairs = self.settings.iter().enumerate().flat_map(|(number, (key, value))| {
            let name = |part: &str| format!("GIT_CONFIG_{part}_{number}");
            [(name("KEY"), (*key).to_owned()), (name("VALUE"), (*value).to_owned())]
        });
        pairs.chain([("GIT_CONFIG_COUNT".to_owned(), self.settings.len().to_string())])
    }

    fn stdin(&self) -> std::io::Result<Stdio> {
        let Some(bytes) = &self.input else { return Ok(Stdio::null()) };
        // A file and not a pipe: nobody has to feed it while git's own streams are drained.
        let mut file = tempfile::tempfile()?;
        file.write_all(bytes)?;
        file.rewind()?;
        Ok(file.into())
    }

    fn not_run(&self, reason: impl std::fmt::Display) -> GitError {
        let words = self.args.iter().map(|arg| arg.to_string_lossy()).collect::<Vec<_>>().join(" ");
        GitError::Spawn { cwd: self.cwd.clone(), reason: format!("`git {words}`: {reason}") }
    }
}

impl GitAnswer {
    /// Itself if it ended with 0, else the failure.
    pub(crate) fn success(self) -> Result<Self, GitError> {
        if self.exit.is_success() { Ok(self) } else { Err(self.failure()) }
    }

    /// The failure, for an exit code that has no meaning of its own.
    pub(crate) fn failure(&self) -> GitError {
        let argv = self.argv.iter().map(|arg| arg.to_string_lossy().into_owned());
        GitError::Command(CommandFailure {
            argv: std::iter::once("git".to_owned()).chain(argv).collect(),
            cwd: self.cwd.clone(),
            exit: self.exit,
            output_tail: self.words(),
        })
    }

    /// What git said, the last of it, trimmed.
    pub(crate) fn words(&self) -> String {
        cut::ending(self.stderr.trim(), TAIL_BYTES).to_owned()
    }

    /// What it printed as one line of text.
    pub(crate) fn line(&self) -> Result<&str, GitError> {
        std::str::from_utf8(&self.stdout).map(str::trim_end).map_err(|_| self.unreadable())
    }

    /// The error for an answer that is not in the form that git documents.
    pub(crate) fn unreadable(&self) -> GitError {
        let words = self.argv.iter().map(|arg| arg.to_string_lossy()).collect::<Vec<_>>();
        let shown = &self.stdout[..self.stdout.len().min(200)];
        GitError::Unreadable { command: words.join(" "), answer: String::from_utf8_lossy(shown).into_owned() }
    }
}

/// Variables of git's in hew's own environment that could point a program elsewhere.
pub(crate) fn inherited_and_unwanted() -> impl Iterator<Item = OsString> {
    std::env::vars_os().map(|(name, _)| name).filter(|name| is_unwanted(name))
}

fn is_unwanted(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with("GIT_") && !INHERITED.contains(&name.as_ref())
}

/// How a process ended.
pub(crate) fn exit_of(status: ExitStatus) -> Exit {
    match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Code(code),
        (None, Some(signal)) => Exit::Signal(signal),
        (None, None) => Exit::Code(-1),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn variables_that_point_git_elsewhere_are_dropped_and_the_users_identity_is_not() {
        let local = GitCall::new(Path::new("/")).args(["rev-parse", "--local-env-vars"]).run().unwrap();
        let names: Vec<&str> = local.line().unwrap().lines().collect();
        assert!(names.contains(&"GIT_DIR") && names.contains(&"GIT_INDEX_FILE"), "{names:?}");
        for name in names.into_iter().chain(["GIT_TRACE2_EVENT", "GIT_AUTHOR_DATE"]) {
            assert!(is_unwanted(OsStr::new(name)), "{name}");
        }
        for name in ["GIT_AUTHOR_NAME", "GIT_CONFIG_GLOBAL", "PATH", "GITHUB_TOKEN"] {
            assert!(!is_unwanted(OsStr::new(name)), "{name}");
        }
    }

    #[test]
    fn a_call_past_its_limit_is_ended_and_named() {
        let slow = GitCall::new(Path::new("/"))
            .args(["-c", "alias.slow=!sleep 100", "slow"])
            .timeout(Duration::from_millis(50));
        let error = slow.run().unwrap_err().to_string();
        assert!(error.contains("slow") && error.contains("not ended"), "{error}");
    }

    #[test]
    fn streams_that_a_child_of_git_keeps_open_are_not_waited_for() {
        let started = Instant::now();
        let leaky = GitCall::new(Path::new("/")).args(["-c", "alias.leaky=!sleep 30 & echo here", "leaky"]);
        let answer = leaky.run().unwrap();
        assert_eq!(answer.line().unwrap(), "here");
        assert!(started.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn large_output_on_both_streams_and_input_arrive_whole() {
        let bytes = vec![b'x'; 3_000_000];
        let both = GitCall::new(Path::new("/"))
            .args(["-c", "alias.both=!tee /dev/stderr", "both"])
            .input(bytes.clone())
            .run()
            .unwrap();
        assert_eq!(both.stdout, bytes);
        assert_eq!(both.stderr.len(), bytes.len());
    }
}
