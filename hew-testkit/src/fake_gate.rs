//! A gate without processes: a function says how each job goes.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crossbeam_channel::Receiver;
use hew_core::agent::StopRequest;
use hew_core::agent::text::Tail;
use hew_core::exit::Exit;
use hew_core::land::gate::{GateError, GateJob, GateReport, GateRunner, GateStop};

/// How one run of a gate goes.
#[derive(Debug, Clone)]
pub enum FakeGateRun {
    /// It ends by itself, having printed this.
    Exits(Exit, String),
    /// Its time is up.
    TimesOut,
    /// It runs until it is stopped.
    Hangs,
    /// It runs until something comes in, or the sender is gone; then as the other one.
    Held(Receiver<()>, Box<FakeGateRun>),
    /// It could not be run.
    Fails(String),
}

type Decide = Box<dyn Fn(&GateJob) -> FakeGateRun + Send + Sync>;

/// A gate that goes as it is told.
pub struct FakeGate {
    decide: Decide,
    jobs: Mutex<Vec<GateJob>>,
}

impl FakeGate {
    /// Every job goes as `decide` says.
    pub fn deciding(decide: impl Fn(&GateJob) -> FakeGateRun + Send + Sync + 'static) -> Self {
        Self { decide: Box::new(decide), jobs: Mutex::default() }
    }

    /// Every job is green.
    pub fn green() -> Self {
        Self::deciding(|_| FakeGateRun::Exits(Exit::Code(0), String::new()))
    }

    /// Every job that it was given, in order.
    pub fn jobs(&self) -> Vec<GateJob> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl GateRunner for FakeGate {
    fn run(&self, job: &GateJob, stops: &Receiver<StopRequest>) -> Result<GateReport, GateError> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).push(job.clone());
        follow((self.decide)(job), job, stops)
    }
}

fn follow(run: FakeGateRun, job: &GateJob, stops: &Receiver<StopRequest>) -> Result<GateReport, GateError> {
    match run {
        FakeGateRun::Exits(exit, output) => Ok(report(exit, None, &output)),
        FakeGateRun::TimesOut => Ok(report(Exit::Signal(15), Some(GateStop::Timeout), "")),
        FakeGateRun::Fails(reason) => Err(GateError { command: job.command.clone(), reason }),
        FakeGateRun::Hangs => Ok(stopped(stops.recv().unwrap_or(StopRequest::Now))),
        FakeGateRun::Held(release, then) => {
            crossbeam_channel::select! {
                recv(release) -> _ => follow(*then, job, stops),
                recv(stops) -> request => Ok(stopped(request.unwrap_or(StopRequest::Now))),
            }
        }
    }
}

fn stopped(request: StopRequest) -> GateReport {
    let signal = match request {
        StopRequest::Graceful => 15,
        StopRequest::Now => 9,
    };
    report(Exit::Signal(signal), Some(GateStop::Requested), "")
}

fn report(exit: Exit, stopped: Option<GateStop>, output: &str) -> GateReport {
    let mut tail = Tail::new(16 * 1024);
    tail.feed(output.as_bytes());
    GateReport {
        exit,
        duration: Duration::from_secs(1),
        stopped,
        leaked: 0,
        refused: Vec::new(),
        output_bytes: output.len() as u64,
        output_tail: tail.into_lines(60),
    }
}
