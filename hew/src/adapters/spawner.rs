//! Runs agents as real processes: does what a plan says and reports what it saw.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use crossbeam_channel::Receiver;
use hew_core::agent::text::Tail;
use hew_core::agent::{
    AgentSignal, SignalWord, SpawnError, SpawnProgress, SpawnReport, Spawner, StopRequest,
};
use hew_core::plan::{AgentStdin, SpawnPlan};
use hew_core::settings::OutputForm;
use hew_core::settings::secret::SecretValues;
use hew_core::settings::secret_stream;
use nix::fcntl::OFlag;

use super::process::bounded_log::BoundedLog;
use super::process::left_out::LeftOut;
use super::process::output::{self, Gauge, Pump, Sign, Sink};
use super::process::{Ended, Launch, LaunchError, Limits, Supervised, Watcher};
use super::session_file::SessionFile;
use super::store::write_private;

mod kept;
mod watched;

use kept::{Kept, SharedReader};
use watched::Watched;

/// Bytes of each stream that go into the report.
const TAIL: usize = 4 * 1024;
/// Largest outcome file that is read.
const MAX_OUTCOME: u64 = 64 * 1024;

/// Starts agents through hew's shim.
#[derive(Debug, Clone)]
pub struct ProcessSpawner {
    shim_program: PathBuf,
    secrets: SecretValues,
}

impl ProcessSpawner {
    /// `shim_program` is hew's own binary. The secrets, and those of an agent's own environment, are left out of all that
    /// is kept.
    pub fn new(shim_program: PathBuf, secrets: SecretValues) -> Self {
        Self { shim_program, secrets }
    }

    fn start(&self, plan: &SpawnPlan, stdout: Stdio, stderr: Stdio) -> Result<Supervised, SpawnError> {
        let launch = Launch {
            shim: &self.shim_program,
            argv: plan.argv.clone(),
            env: plan.env.iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
            cwd: &plan.cwd,
            stdin: match &plan.stdin {
                AgentStdin::Null => None,
                AgentStdin::File(path) => Some(path),
            },
            polite_signal: plan.polite_signal,
            kill_grace: plan.limits.kill_grace,
            sandbox: plan.sandbox.as_ref(),
        };
        let program = plan.argv.first().cloned().unwrap_or_default();
        Supervised::start(&launch, stdout, stderr).map_err(|error| match error {
            LaunchError::Missing(_) => SpawnError::Missing { program },
            LaunchError::Failed(reason) => SpawnError::Failed { program, reason },
        })
    }
}

impl Spawner for ProcessSpawner {
    fn run(
        &self,
        plan: &SpawnPlan,
        stops: &Receiver<StopRequest>,
        progress: &dyn Fn(SpawnProgress),
    ) -> Result<SpawnReport, SpawnError> {
        remove_stale(&plan.files.outcome)?;
        let stdout_sink =
            StdoutSink::create(plan).map_err(|error| file_error(&plan.files.transcript, &error))?;
        let stderr_sink =
            StderrSink::create(plan).map_err(|error| file_error(&plan.files.stderr_log, &error))?;
        // Where a session's file stands is asked before the agent can write to it.
        let session = SessionFile::of(plan);
        let (stdout, stdout_end) = pipe(plan)?;
        let (stderr, stderr_end) = pipe(plan)?;
        let supervised = match self.start(plan, stdout_end.into(), stderr_end.into()) {
            Ok(supervised) => supervised,
            Err(error) => return Err(stdout_sink.finish_unstarted(plan, error)),
        };
        let (gauge, notices) = Gauge::new();
        progress(SpawnProgress::Started { pid: supervised.pid, start_ticks: supervised.start_ticks });
        let use_of_tokens = stdout_sink.reader().map(|reader| Watched::new(session, reader, progress));
        let secrets = self.secrets.and(plan.env.clone());
        let unread = |error: io::Error| SpawnError::Failed {
            program: plan.argv.first().cloned().unwrap_or_default(),
            reason: format!("its output can't be read: {error}"),
        };
        let stdout =
            Pump::start(stdout, LeftOut::new(stdout_sink, &secrets), Arc::clone(&gauge)).map_err(unread)?;
        let stderr =
            Pump::start(stderr, LeftOut::new(stderr_sink, &secrets), Arc::clone(&gauge)).map_err(unread)?;
        let limits =
            Limits { timeout: plan.limits.timeout, stall_timeout: Some(plan.limits.stall_timeout), stops };
        let look = || use_of_tokens.iter().for_each(Watched::look);
        let watcher = Watcher {
            on_growth: &|bytes| progress(SpawnProgress::Output { bytes }),
            on_look: use_of_tokens.is_some().then_some(&look),
        };
        let ended = supervised.watch(&limits, &gauge, &notices, &watcher);
        let stdout = stdout.finish().finish().map_err(|error| file_error(&plan.files.transcript, &error));
        let stderr = stderr.finish().finish().map_err(|error| file_error(&plan.files.stderr_log, &error));
        if let Some(watched) = use_of_tokens {
            watched.look_for_the_last_time();
        }
        report(plan, ended, stdout?, stderr?, &secrets, gauge.bytes())
    }
}

/// Takes everything together once nothing of the program is left.
fn report(
    plan: &SpawnPlan,
    ended: Ended,
    stdout: StdoutSink,
    stderr: StderrSink,
    secrets: &SecretValues,
    output_bytes: u64,
) -> Result<SpawnReport, SpawnError> {
    if let Some(error) = &ended.unkept {
        return Err(file_error(&plan.files.transcript, error));
    }
    let stderr_tail = stderr.tail.into_text();
    let stdout_tail = stdout.tail.into_text();
    let (reading, findings) = stdout
        .kept
        .finish(&ended, &stdout_tail, &stderr_tail)
        .map_err(|error| file_error(&plan.files.transcript, &error))?;
    stderr.log.finish_text().map_err(|error| file_error(&plan.files.stderr_log, &error))?;
    Ok(SpawnReport {
        exit: ended.exit,
        duration: ended.ran,
        stopped: ended.stopped,
        leaked: ended.leaked,
        refused: ended.refused,
        last_line: findings.last_line,
        stdout_tail,
        stderr_tail,
        output_bytes,
        decisions: findings.decisions,
        deferred: findings.deferred,
        summary: findings.summary,
        signal: kept_signal(plan, secrets)?,
        reading,
    })
}

fn file_error(path: &Path, error: &io::Error) -> SpawnError {
    SpawnError::File { path: path.to_owned(), reason: error.to_string() }
}

fn pipe(plan: &SpawnPlan) -> Result<(io::PipeReader, io::PipeWriter), SpawnError> {
    let program = plan.argv.first().cloned().unwrap_or_default();
    output::pipe().map_err(|error| SpawnError::Failed { program, reason: format!("pipe: {error}") })
}

/// A word from an earlier attempt is none of this one's.
fn remove_stale(outcome: &Path) -> Result<(), SpawnError> {
    match fs::remove_file(outcome) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(file_error(outcome, &error)),
        _ => Ok(()),
    }
}

/// What the agent said, kept beside its transcript too where it was said in another folder.
fn kept_signal(plan: &SpawnPlan, secrets: &SecretValues) -> Result<Option<AgentSignal>, SpawnError> {
    let signal = load_signal(&plan.files.outcome, secrets);
    let kept = plan.files.transcript.with_file_name("outcome.json");
    if let (Some(signal), true) = (&signal, kept != plan.files.outcome) {
        let text = serde_json::to_string(signal).expect("a signal is a word and a text");
        write_private(&kept, text.as_bytes())
            .map_err(|error| SpawnError::File { path: kept.clone(), reason: error.to_string() })?;
    }
    Ok(signal)
}

/// What the agent said, and its file, without secrets. A file that can't be read as a signal is never `done`: it is a
/// failed attempt that says why.
fn load_signal(outcome: &Path, secrets: &SecretValues) -> Option<AgentSignal> {
    match read_outcome(outcome).and_then(|text| without_secrets(outcome, &text, secrets)) {
        Ok(text) => Some(serde_json::from_str(&text).unwrap_or_else(|error| unreadable(&error))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => Some(unreadable(&error)),
    }
}

/// The agent's words stay in the run folder: they are written anew where they hold a secret.
fn without_secrets(outcome: &Path, text: &str, secrets: &SecretValues) -> io::Result<String> {
    let shown = secret_stream::left_out_of_json(secrets, text);
    if shown != text {
        // Not through a link that the agent may have put there.
        write_private(outcome, shown.as_bytes()).map_err(|error| io::Error::other(error.reason))?;
    }
    Ok(shown)
}

fn unreadable(error: &dyn std::fmt::Display) -> AgentSignal {
    let reason = format!("the agent's word in the outcome file can't be read: {error}");
    AgentSignal { signal: SignalWord::Fail, reason: Some(reason) }
}

/// Agents can put anything there: a pipe must not hang the reader, a huge file must not fill the memory.
fn read_outcome(outcome: &Path) -> io::Result<String> {
    let file = fs::OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(outcome)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a plain file"));
    }
    let mut text = String::new();
    file.take(MAX_OUTCOME).read_to_string(&mut text)?;
    Ok(text)
}

#[derive(Debug)]
struct StdoutSink {
    kept: Kept,
    tail: Tail,
}

impl StdoutSink {
    fn create(plan: &SpawnPlan) -> io::Result<Self> {
        Ok(Self { kept: Kept::create(plan)?, tail: Tail::new(TAIL) })
    }

    fn reader(&self) -> Option<SharedReader> {
        match &self.kept {
            Kept::Text { .. } => None,
            Kept::Events { reader, .. } => Some(Arc::clone(reader)),
        }
    }

    fn finish_unstarted(self, plan: &SpawnPlan, error: SpawnError) -> SpawnError {
        let unkept = match self.kept {
            Kept::Text { transcript, .. } => transcript.finish_unstarted(&error.to_string()),
            Kept::Events { log, .. } => log.finish_unstarted(&error.to_string()),
        };
        match unkept {
            Ok(()) => error,
            Err(unkept) => file_error(&plan.files.transcript, &unkept),
        }
    }
}

impl Sink for StdoutSink {
    fn take(&mut self, bytes: &[u8]) -> io::Result<Sign> {
        self.tail.feed(bytes);
        self.kept.take(bytes)
    }

    fn show(&mut self) -> io::Result<()> {
        self.kept.flush()
    }
}

#[derive(Debug)]
struct StderrSink {
    log: BoundedLog,
    tail: Tail,
    /// A program that prints events complains of its retries here; what it does, its events say.
    sign: Sign,
}

impl StderrSink {
    fn create(plan: &SpawnPlan) -> io::Result<Self> {
        let log = BoundedLog::create(&plan.files.stderr_log, plan.limits.transcript_max_bytes)?;
        let sign = if plan.output == OutputForm::Text { Sign::Life } else { Sign::Waiting };
        Ok(Self { log, tail: Tail::new(TAIL), sign })
    }
}

impl Sink for StderrSink {
    fn take(&mut self, bytes: &[u8]) -> io::Result<Sign> {
        self.tail.feed(bytes);
        self.log.write(bytes)?;
        Ok(self.sign.clone())
    }

    fn show(&mut self) -> io::Result<()> {
        self.log.flush()
    }
}
