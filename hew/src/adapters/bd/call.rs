//! The one door to the tracker's program.
//!
//! Invariants: the store is named by an absolute `BEADS_DIR`; what bd would do besides (export, stage, back up, push, send
//! figures) is switched off; the two streams are never mixed; every call has a time limit and its output a bound.

use std::collections::BTreeMap;
use std::io::{Seek, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hew_core::exit::Exit;
use hew_core::ids::Actor;
use hew_core::tracker::TrackerError;

use super::answer::Answer;
use crate::adapters::git::run::{exit_of, inherited_and_unwanted};
use crate::adapters::streams::{Streams, end_group};

/// Longest a call may take: bd waits for its engine's lock without a bound of its own.
pub const LIMIT: Duration = Duration::from_secs(30);

/// From TERM to KILL: a write that is killed at once may leave a damaged store.
const KILL_GRACE: Duration = Duration::from_secs(5);

/// Most that is read of one stream.
const MAX_BYTES: usize = 512 << 20;

/// What is set for every call, hew's and the agents': answers in one form, no questions, no colours, and nothing that
/// reaches beyond the store.
const SETTLED: [(&str, &str); 9] = [
    ("BD_NON_INTERACTIVE", "1"),
    ("NO_COLOR", "1"),
    ("BD_EXPORT_AUTO", "false"),
    ("BD_EXPORT_GIT_ADD", "false"),
    ("BD_BACKUP_ENABLED", "false"),
    ("BD_BACKUP_GIT_PUSH", "false"),
    ("BD_DOLT_AUTO_PUSH", "false"),
    ("BD_DISABLE_METRICS", "1"),
    ("DO_NOT_TRACK", "1"),
];

/// Set where bd is to run no hook of its own.
const NO_HOOKS: (&str, &str) = ("BD_NO_HOOKS", "1");

/// Which program, on which store.
#[derive(Debug, Clone)]
pub struct Program {
    /// Its name or path.
    pub command: String,
    /// The folder `.beads`, absolute.
    pub beads_dir: PathBuf,
    /// Longest a call may take.
    pub limit: Duration,
    /// Calls run the hooks in `.beads/hooks`, with hew's own rights.
    pub has_hooks: bool,
}

/// The environment in which an agent finds the store and acts as itself.
pub fn agent_env(beads_dir: &Path, actor: &Actor) -> BTreeMap<String, String> {
    let own = [
        ("BEADS_DIR", beads_dir.display().to_string()),
        ("BEADS_ACTOR", actor.to_string()),
        ("BD_ACTOR", actor.to_string()),
    ];
    let settled = SETTLED.iter().filter(|(name, _)| *name != "NO_COLOR");
    let settled = settled.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    own.into_iter().map(|(name, value)| (name.to_owned(), value)).chain(settled).collect()
}

/// One call, being put together.
#[derive(Debug)]
pub(super) struct Call<'a> {
    program: &'a Program,
    args: Vec<String>,
    input: Option<Vec<u8>>,
}

impl Program {
    /// A call with these arguments that answers in JSON.
    pub(super) fn call(&self, args: &[&str]) -> Call<'_> {
        let args = args.iter().map(|arg| (*arg).to_owned()).collect();
        Call { program: self, args, input: None }
    }
}

impl Call<'_> {
    pub(super) fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// `--name=value`, so that no value is taken for a flag.
    pub(super) fn flag(self, name: &str, value: &str) -> Self {
        self.arg(format!("--{name}={value}"))
    }

    pub(super) fn flags(mut self, flags: impl IntoIterator<Item = String>) -> Self {
        self.args.extend(flags);
        self
    }

    /// Acts as this actor.
    pub(super) fn by(self, actor: &Actor) -> Self {
        self.flag("actor", actor.as_str())
    }

    pub(super) fn input(mut self, text: &str) -> Self {
        self.input = Some(text.as_bytes().to_vec());
        self
    }

    /// Runs it to its end, whatever its exit code.
    pub(super) fn run(&self) -> Result<Answer, TrackerError> {
        let mut child = self.spawn().map_err(|error| self.not_run(&error.to_string()))?;
        let streams = Streams::of(&mut child).map(|streams| streams.at_most(MAX_BYTES));
        match streams.and_then(|streams| streams.drain(&mut child, self.program.limit)) {
            Ok(Some((status, stdout, stderr))) => Ok(self.answer(exit_of(status), stdout, &stderr)),
            Ok(None) => Err(self.given_up(&mut child, &format!("no answer within {}", self.limit_words()))),
            Err(error) => Err(self.given_up(&mut child, &error.to_string())),
        }
    }

    fn limit_words(&self) -> String {
        format!("{} s", self.program.limit.as_secs_f32())
    }

    fn given_up(&self, child: &mut Child, reason: &str) -> TrackerError {
        end_group(child, KILL_GRACE);
        self.not_run(reason)
    }

    fn answer(&self, exit: Exit, stdout: Vec<u8>, stderr: &[u8]) -> Answer {
        Answer {
            argv: std::iter::once(self.program.command.clone()).chain(self.args.iter().cloned()).collect(),
            cwd: self.program.home().to_owned(),
            exit,
            stdout,
            stderr: String::from_utf8_lossy(stderr).into_owned(),
        }
    }

    fn spawn(&self) -> std::io::Result<Child> {
        let mut command = Command::new(&self.program.command);
        inherited_and_unwanted().for_each(|name| {
            command.env_remove(name);
        });
        command
            .args(&self.args)
            .current_dir(self.program.home())
            .env("LC_ALL", "C")
            .env("BEADS_DIR", &self.program.beads_dir)
            .env("BD_JSON_ENVELOPE", "1")
            .envs(SETTLED)
            .envs(Some(NO_HOOKS).filter(|_| !self.program.has_hooks))
            .stdin(self.stdin()?)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
    }

    fn stdin(&self) -> std::io::Result<Stdio> {
        let Some(bytes) = &self.input else { return Ok(Stdio::null()) };
        // A file and not a pipe: nobody has to feed it while the streams are drained.
        let mut file = tempfile::tempfile()?;
        file.write_all(bytes)?;
        file.rewind()?;
        Ok(file.into())
    }

    fn not_run(&self, reason: &str) -> TrackerError {
        let verb = self.args.first().map_or("", String::as_str);
        TrackerError::Store {
            store: self.program.beads_dir.display().to_string(),
            reason: format!("`{} {verb}`: {reason}", self.program.command),
        }
    }
}

impl Program {
    /// The folder that `.beads` lies in.
    fn home(&self) -> &Path {
        self.beads_dir.parent().filter(|home| home.is_dir()).unwrap_or(Path::new("/"))
    }
}
