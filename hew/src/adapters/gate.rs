//! Runs gates and worktree set-ups as real processes: `sh -c`, both streams into one bounded log.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crossbeam_channel::Receiver;
use hew_core::agent::text::Tail;
use hew_core::agent::{StopCause, StopRequest};
use hew_core::land::gate::{GateError, GateJob, GateReport, GateRunner, GateStop};
use hew_core::plan::PoliteSignal;
use hew_core::settings::secret::SecretValues;

use super::process::bounded_log::BoundedLog;
use super::process::left_out::LeftOut;
use super::process::output::{self, Gauge, Pump, Sign, Sink};
use super::process::{Ended, Launch, Limits, Supervised, Watcher};

/// Largest gate.log, head and tail.
const LOG_MAX: u64 = 16 * 1024 * 1024;
/// Bytes and lines of output that go into the report.
const TAIL: usize = 16 * 1024;
const TAIL_LINES: usize = 60;

/// Starts gates through hew's shim.
#[derive(Debug, Clone)]
pub struct ProcessGate {
    shim_program: PathBuf,
    secrets: SecretValues,
}

impl ProcessGate {
    /// `shim_program` is hew's own binary. The secrets, and those of a gate's own environment, are left out of all that is
    /// kept.
    pub fn new(shim_program: PathBuf, secrets: SecretValues) -> Self {
        Self { shim_program, secrets }
    }

    fn launch<'a>(&'a self, job: &'a GateJob) -> Launch<'a> {
        Launch {
            shim: &self.shim_program,
            argv: ["sh", "-c", &job.command].map(str::to_owned).to_vec(),
            env: job.env.clone(),
            cwd: &job.cwd,
            stdin: None,
            polite_signal: PoliteSignal::Terminate,
            kill_grace: job.kill_grace,
            sandbox: job.sandbox.as_ref(),
        }
    }
}

impl GateRunner for ProcessGate {
    fn run(&self, job: &GateJob, stops: &Receiver<StopRequest>) -> Result<GateReport, GateError> {
        let failed = |reason: String| GateError { command: job.command.clone(), reason };
        let on_log = |error: io::Error| failed(format!("{}: {error}", job.log.display()));
        let sink =
            GateSink { log: BoundedLog::create(&job.log, LOG_MAX).map_err(on_log)?, tail: Tail::new(TAIL) };
        let (output, stdout) = output::pipe().map_err(|error| failed(format!("pipe: {error}")))?;
        let stderr = stdout.try_clone().map_err(|error| failed(format!("pipe: {error}")))?;
        let supervised = Supervised::start(&self.launch(job), stdout.into(), stderr.into())
            .map_err(|error| failed(error.to_string()))?;
        let (gauge, notices) = Gauge::new();
        let sink = LeftOut::new(sink, &self.secrets.and(job.env.clone()));
        let pump = Pump::start(output, sink, Arc::clone(&gauge))
            .map_err(|error| failed(format!("its output can't be read: {error}")))?;
        let limits = Limits { timeout: job.timeout, stall_timeout: None, stops };
        let ended =
            supervised.watch(&limits, &gauge, &notices, &Watcher { on_growth: &|_| {}, on_look: None });
        let sink = pump.finish().finish().map_err(on_log)?;
        if let Some(error) = ended.unkept {
            return Err(on_log(error));
        }
        sink.log.finish_text().map_err(on_log)?;
        Ok(report(ended, sink.tail, gauge.bytes()))
    }
}

fn report(ended: Ended, tail: Tail, output_bytes: u64) -> GateReport {
    GateReport {
        exit: ended.exit,
        duration: ended.ran,
        stopped: ended.stopped.map(|cause| match cause {
            StopCause::Timeout => GateStop::Timeout,
            StopCause::Requested | StopCause::Stalled(_) | StopCause::Hopeless(_) => GateStop::Requested,
        }),
        leaked: ended.leaked,
        refused: ended.refused,
        output_bytes,
        output_tail: tail.into_lines(TAIL_LINES),
    }
}

#[derive(Debug)]
struct GateSink {
    log: BoundedLog,
    tail: Tail,
}

impl Sink for GateSink {
    fn take(&mut self, bytes: &[u8]) -> io::Result<Sign> {
        self.tail.feed(bytes);
        self.log.write(bytes)?;
        Ok(Sign::Life)
    }

    fn show(&mut self) -> io::Result<()> {
        self.log.flush()
    }
}
