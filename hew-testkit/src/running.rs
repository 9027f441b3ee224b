//! Commands of a test: under way, waited for, and what came of them.

#![expect(clippy::missing_panics_doc, reason = "a command that can not be run ends the test")]

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A test that waits longer than this for something has failed.
const PATIENCE: Duration = Duration::from_secs(240);

/// What came of one command.
#[derive(Debug)]
pub struct Ran {
    /// Its exit code; 128+n if a signal ended it.
    pub code: i32,
    /// A signal ended it: it had no say in that.
    pub by_signal: bool,
    /// What it printed.
    pub stdout: String,
    /// What it told.
    pub stderr: String,
}

/// A command under way. It is killed when the value is dropped before its end.
#[derive(Debug)]
pub struct Running {
    child: Child,
}

impl Running {
    /// Starts a command whose output is kept.
    pub fn spawn(mut command: Command) -> Self {
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        Self { child: child.expect("hew can be run") }
    }

    /// Sends it a signal, e.g. `SIGINT`.
    pub fn signal(&self, name: &str) {
        let signal: Signal = name.parse().expect("a signal's name");
        kill(self.pid(), signal).expect("it still runs");
    }

    /// Waits until a file is there; panics if the command ends before.
    pub fn wait_for(&mut self, path: impl AsRef<Path>) {
        let path = path.as_ref();
        self.wait_until(&path.display().to_string(), || path.exists());
    }

    /// Waits until something holds; panics if the command ends before.
    pub fn wait_until(&mut self, what: &str, mut holds: impl FnMut() -> bool) {
        wait_until(what, || {
            let ended = self.child.try_wait().expect("it is our child");
            let held = holds();
            if let (Some(status), false) = (ended, held) {
                let mut said = String::new();
                if let Some(mut stderr) = self.child.stderr.take() {
                    stderr.read_to_string(&mut said).expect("what hew tells is text");
                }
                panic!("hew ended ({status}) before {what}: {said}");
            }
            held
        });
    }

    /// Its process id.
    pub fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).expect("a process id is an i32"))
    }

    /// Waits for its end.
    pub fn end(mut self) -> Ran {
        let read = |stream: Option<Box<dyn Read + Send>>| {
            std::thread::spawn(move || {
                let mut bytes = Vec::new();
                if let Some(mut stream) = stream {
                    stream.read_to_end(&mut bytes).expect("a pipe can be read");
                }
                String::from_utf8_lossy(&bytes).into_owned()
            })
        };
        let stdout = read(self.child.stdout.take().map(|stream| Box::new(stream) as _));
        let stderr = read(self.child.stderr.take().map(|stream| Box::new(stream) as _));
        wait_until("the end of hew", || self.child.try_wait().expect("it is our child").is_some());
        let status = self.child.wait().expect("it has ended");
        Ran {
            code: code(status),
            by_signal: status.code().is_none(),
            stdout: stdout.join().expect("the reader does not panic"),
            stderr: stderr.join().expect("the reader does not panic"),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A test that failed leaves nothing running; one that passed has waited for the end already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a command to its end.
pub fn ran(command: Command) -> Ran {
    Running::spawn(command).end()
}

pub(crate) fn code(status: std::process::ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default())
}

/// Looks again and again until it holds; panics after a time that is long enough for any machine.
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// What came of a plain [`Output`].
impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: code(output.status),
            by_signal: output.status.code().is_none(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}
