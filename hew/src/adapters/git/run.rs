//! The one door to git's processes: fixed locale, no inherited `GIT_*`, closed input, drained output, a deadline.

use std::ffi::{OsStr, OsString};
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hew_core::exit::{CommandFailure, Exit};
use hew_core::worktree::GitError;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Git processes started by this process so far.
static STARTED: AtomicU64 = AtomicU64::new(0);

/// How long any git command of hew's may take: a checkout of a large tree on a slow disk is the longest.
const TIMEOUT: Duration = Duration::from_secs(600);

/// Settings that hold for every git command of hew's, whatever the user's configuration says.
const OWN_CONFIG: [&str; 8] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.quotePath=false",
    "core.safecrlf=false",
    "commit.gpgsign=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "submodule.recurse=false",
];

/// Git processes started by this process so far.
pub fn process_count() -> u64 {
    STARTED.load(Ordering::Relaxed)
}

/// One git command.
#[derive(Debug)]
pub(crate) struct GitCall {
    cwd: PathBuf,
    args: Vec<OsString>,
    env: Vec<(String, OsString)>,
    stdin: Option<Vec<u8>>,
}

/// What a git command printed, and how it ended.
#[derive(Debug)]
pub(crate) struct GitAnswer {
    pub(crate) exit: Exit,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    argv: Vec<String>,
    cwd: PathBuf,
}

impl GitCall {
    /// A command with hew's own configuration.
    pub(crate) fn new(cwd: &Path) -> Self {
        let call = Self::plain(cwd);
        OWN_CONFIG.iter().fold(call, |call, setting| call.arg("-c").arg(setting))
    }

    /// A command with the user's configuration as it is.
    pub(crate) fn plain(cwd: &Path) -> Self {
        Self { cwd: cwd.to_owned(), args: Vec::new(), env: Vec::new(), stdin: None }
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    pub(crate) fn args<S: AsRef<OsStr>>(self, args: impl IntoIterator<Item = S>) -> Self {
        args.into_iter().fold(self, Self::arg)
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.to_owned(), value.as_ref().to_owned()));
        self
    }

    pub(crate) fn stdin(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(input.into());
        self
    }

    /// Runs it; a non-zero exit is an answer, not an error.
    pub(crate) fn answer(self) -> Result<GitAnswer, GitError> {
        STARTED.fetch_add(1, Ordering::Relaxed);
        let spawn_error = |reason: String| GitError::Spawn { cwd: self.cwd.clone(), reason };
        let mut child = self.command().spawn().map_err(|error| spawn_error(error.to_string()))?;
        if let (Some(input), Some(mut pipe)) = (&self.stdin, child.stdin.take()) {
            // A git that does not read its input says why on stderr.
            let _ = pipe.write_all(input);
        }
        let (stdout, stderr, status) =
            drain(&mut child, TIMEOUT).map_err(|error| spawn_error(error.to_string()))?;
        let argv = std::iter::once("git".to_owned())
            .chain(self.args.iter().map(|arg| arg.to_string_lossy().into_owned()))
            .collect();
        Ok(GitAnswer { exit: exit_of(status), stdout, stderr, argv, cwd: self.cwd })
    }

    /// Runs it; a non-zero exit is an error. Answers what it printed.
    pub(crate) fn output(self) -> Result<Vec<u8>, GitError> {
        let answer = self.answer()?;
        if answer.exit.is_success() { Ok(answer.stdout) } else { Err(answer.failure().into()) }
    }

    /// The same, as one line of text.
    pub(crate) fn line(self) -> Result<String, GitError> {
        let output = self.output()?;
        Ok(String::from_utf8_lossy(&output).trim_end().to_owned())
    }

    fn command(&self) -> Command {
        let mut command = Command::new("git");
        command.args(&self.args).current_dir(&self.cwd).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.stdin(if self.stdin.is_some() { Stdio::piped() } else { Stdio::null() });
        for (name, _) in std::env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"GIT_") {
                command.env_remove(name);
            }
        }
        command.env("LC_ALL", "C").env("GIT_TERMINAL_PROMPT", "0").env("GIT_OPTIONAL_LOCKS", "0");
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }
}

impl GitAnswer {
    /// The failure that this answer is.
    pub(crate) fn failure(self) -> CommandFailure {
        let stderr = String::from_utf8_lossy(&self.stderr);
        let lines: Vec<&str> = stderr.lines().collect();
        let output_tail = lines[lines.len().saturating_sub(20)..].join("\n");
        CommandFailure { argv: self.argv, cwd: self.cwd, exit: self.exit, output_tail }
    }

    /// What it said to a person.
    pub(crate) fn words(&self) -> String {
        let text = if self.stderr.is_empty() { &self.stdout } else { &self.stderr };
        String::from_utf8_lossy(text).trim().to_owned()
    }
}

fn exit_of(status: ExitStatus) -> Exit {
    match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Code(code),
        (None, signal) => Exit::Signal(signal.unwrap_or(0)),
    }
}

/// Reads both streams to their end and waits, without a thread; a program that takes too long is killed by its id.
fn drain(child: &mut Child, timeout: Duration) -> std::io::Result<(Vec<u8>, Vec<u8>, ExitStatus)> {
    let mut out = Stream::new(child.stdout.take());
    let mut err = Stream::new(child.stderr.take());
    let deadline = Instant::now() + timeout;
    while out.is_open() || err.is_open() {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            child.kill()?;
            child.wait()?;
            return Err(std::io::Error::other(format!("no end after {}s", timeout.as_secs())));
        }
        read_ready(&mut out, &mut err, left)?;
    }
    let status = child.wait()?;
    Ok((out.bytes, err.bytes, status))
}

fn read_ready<A: Read + AsFd, B: Read + AsFd>(
    out: &mut Stream<A>,
    err: &mut Stream<B>,
    left: Duration,
) -> std::io::Result<()> {
    let wait = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
    let (out_ready, err_ready) = {
        let mut fds = Vec::new();
        let watch = PollFlags::POLLIN;
        fds.extend(out.pipe.as_ref().map(|pipe| PollFd::new(pipe.as_fd(), watch)));
        fds.extend(err.pipe.as_ref().map(|pipe| PollFd::new(pipe.as_fd(), watch)));
        match poll(&mut fds, wait) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        let mut ready = fds.iter().map(|fd| fd.any().unwrap_or(false));
        let out_ready = out.is_open() && ready.next().unwrap_or(false);
        (out_ready, err.is_open() && ready.next().unwrap_or(false))
    };
    if out_ready {
        out.read_some()?;
    }
    if err_ready {
        err.read_some()?;
    }
    Ok(())
}

struct Stream<R> {
    pipe: Option<R>,
    bytes: Vec<u8>,
}

impl<R: Read> Stream<R> {
    fn new(pipe: Option<R>) -> Self {
        Self { pipe, bytes: Vec::new() }
    }

    fn is_open(&self) -> bool {
        self.pipe.is_some()
    }

    fn read_some(&mut self) -> std::io::Result<()> {
        let Some(pipe) = &mut self.pipe else { return Ok(()) };
        let mut buffer = [0; 16 * 1024];
        match pipe.read(&mut buffer) {
            Ok(0) => self.pipe = None,
            Ok(count) => self.bytes.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}
