//! Starting a program through the shim, and watching it to its end.

use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, at, never, select, unbounded};
use hew_core::agent::{StopCause, StopRequest};
use hew_core::exit::Exit;
use hew_core::plan::{PoliteSignal, Sandbox};

use super::end_plan::{EndPlan, Stopping};
use super::held::Place;
use super::lost::{self, Marks};
use super::output::{Gauge, Notice};
use super::stall::StallWatch;
use crate::adapters::sandbox::SandboxSpec;
use crate::adapters::shim::SUBCOMMAND;
use crate::adapters::shim::protocol::{
    PathBytes, ShimMessage, ShimRequest, ShimSpec, StartFailure, StopWord, to_line,
};
use crate::adapters::{proc_tree, standstill};

/// How long a shim may take to start its program.
const START_LIMIT: Duration = Duration::from_secs(30);
/// How long beyond the grace a shim may take to end a tree, before it is taken for lost.
const SHIM_LIMIT: Duration = Duration::from_secs(5);

/// How often a watcher looks at what a program does.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// From INT to TERM, for programs that are interrupted first.
const INTERRUPT_GRACE: Duration = Duration::from_secs(5);

/// Longer than any run; keeps sums of time in range.
const FOREVER: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// What to start.
#[derive(Debug)]
pub struct Launch<'a> {
    /// hew's own program.
    pub shim: &'a Path,
    /// Program and arguments.
    pub argv: Vec<String>,
    /// The whole environment.
    pub env: Vec<(String, String)>,
    /// The folder that it runs in.
    pub cwd: &'a Path,
    /// Its standard input; `/dev/null` where there is none.
    pub stdin: Option<&'a Path>,
    /// How it is asked to end.
    pub polite_signal: PoliteSignal,
    /// From TERM to KILL.
    pub kill_grace: Duration,
    /// What it may write and reach; none: what the person may.
    pub sandbox: Option<&'a Sandbox>,
}

/// A program that never ran.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LaunchError {
    /// It is not there.
    #[error("{0}")]
    Missing(String),
    /// It can't be started.
    #[error("{0}")]
    Failed(String),
}

/// What ends a program that does not end by itself.
#[derive(Debug)]
pub struct Limits<'a> {
    /// Longest wall time.
    pub timeout: Duration,
    /// Longest time without a sign of life, if that is watched.
    pub stall_timeout: Option<Duration>,
    /// Requests to end it. A closed channel is no request.
    pub stops: &'a Receiver<StopRequest>,
}

/// Who is told while a program runs.
#[derive(Clone, Copy)]
pub struct Watcher<'a> {
    /// Called with the bytes printed so far, at most once a second.
    pub on_growth: &'a dyn Fn(u64),
    /// Called once a second, whatever is printed.
    pub on_look: Option<&'a dyn Fn()>,
}

/// How it went.
#[derive(Debug)]
pub struct Ended {
    /// How the program ended.
    pub exit: Exit,
    /// From start to exit.
    pub ran: Duration,
    /// Processes that it left behind and that were ended.
    pub leaked: u32,
    /// Places in the network that it asked for and was not let through to.
    pub refused: Vec<String>,
    /// Why it was stopped, if it was.
    pub stopped: Option<StopCause>,
    /// Why its output could not be kept, if it could not; the program was stopped then.
    pub unkept: Option<io::Error>,
}

/// A program that runs under a shim. Dropped before its end, its tree is ended.
#[derive(Debug)]
pub struct Supervised {
    shim: Child,
    control: UnixStream,
    messages: Receiver<ShimMessage>,
    marks: Marks,
    /// Among all programs that run.
    _place: Place,
    /// When the shim began, in clock ticks since boot.
    shim_began: u64,
    /// Nothing of the program is left.
    is_over: bool,
    cwd: PathBuf,
    /// From the first polite signal to KILL.
    end_grace: Duration,
    begun: Instant,
    /// The program's process id, and that of its session and group.
    pub pid: u32,
    /// When it began, in clock ticks since boot.
    pub start_ticks: u64,
}

impl Supervised {
    /// Starts a program with these streams; when this returns, the program itself runs.
    pub fn start(launch: &Launch<'_>, stdout: Stdio, stderr: Stdio) -> Result<Self, LaunchError> {
        let failed = |error: io::Error| LaunchError::Failed(format!("hew's supervisor: {error}"));
        lost::adopt_orphans();
        let (mut control, theirs) = UnixStream::pair().map_err(failed)?;
        let messages = listen(control.try_clone().map_err(failed)?).map_err(failed)?;
        let place = Place::take(control.try_clone().map_err(failed)?);
        let shim = shim_command(launch)
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(stdout)
            .stderr(stderr)
            .spawn()
            .map_err(failed)?;
        let shim_began = proc_tree::stat(shim.id()).map_or(0, |stat| stat.start_ticks);
        // A shim that is gone already shows by its silence.
        let _ = control.write_all(to_line(&spec_of(launch)).as_bytes());
        let mut supervised = Self {
            shim,
            control,
            messages,
            marks: Marks::of(&launch.env),
            _place: place,
            shim_began,
            is_over: false,
            cwd: launch.cwd.to_owned(),
            end_grace: interrupt_grace(launch).unwrap_or_default() + launch.kill_grace.min(FOREVER),
            begun: Instant::now(),
            pid: 0,
            start_ticks: 0,
        };
        supervised.await_start()?;
        Ok(supervised)
    }

    fn await_start(&mut self) -> Result<(), LaunchError> {
        match self.messages.recv_timeout(START_LIMIT) {
            Ok(ShimMessage::Started { pid, start_ticks }) => {
                (self.pid, self.start_ticks, self.begun) = (pid, start_ticks, Instant::now());
                Ok(())
            }
            Ok(ShimMessage::FailedToStart { kind, reason }) => {
                self.is_over = true;
                Err(match kind {
                    StartFailure::Missing => LaunchError::Missing(reason),
                    StartFailure::Other => LaunchError::Failed(reason),
                })
            }
            Ok(ShimMessage::Exited { .. } | ShimMessage::Refused { .. }) | Err(_) => {
                Err(LaunchError::Failed("hew's supervisor ended before the program began".to_owned()))
            }
        }
    }

    /// Watches the program to its end.
    pub fn watch(
        mut self,
        limits: &Limits<'_>,
        gauge: &Gauge,
        notices: &Receiver<Notice>,
        watcher: &Watcher<'_>,
    ) -> Ended {
        let mut stops = limits.stops.clone();
        let mut plan = EndPlan::new(self.begun + limits.timeout.min(FOREVER));
        let mut stall = limits
            .stall_timeout
            .map(|timeout| StallWatch::new(timeout.min(FOREVER), self.shim.id(), &self.cwd));
        let mut look_at = watcher.on_look.map(|_| self.begun + LOOK_EVERY);
        let mut stillness = standstill::Watch::begin();
        loop {
            let due = plan.due(stall.as_ref().map(|watch| watch.due(gauge.last_output())));
            let due = look_at.map_or(due, |look| look.min(due));
            select! {
                recv(self.messages) -> message => match message {
                    Ok(ShimMessage::Exited { code, signal, leaked, ran_ms }) => {
                        self.is_over = true;
                        return plan.ended(exit_of(code, signal), Duration::from_millis(ran_ms), leaked);
                    }
                    Ok(ShimMessage::Refused { target }) => plan.refused.push(target),
                    Ok(ShimMessage::Started { .. } | ShimMessage::FailedToStart { .. }) => {}
                    Err(_) => return self.end_without_shim(plan),
                },
                recv(stops) -> request => match request {
                    Ok(request) => self.stop(&mut plan, request, StopCause::Requested),
                    Err(_) => stops = never(),
                },
                recv(notices) -> notice => match notice {
                    Ok(Notice::Failed(error)) => {
                        plan.unkept = Some(error);
                        self.stop(&mut plan, StopRequest::Now, StopCause::Requested);
                    }
                    Ok(Notice::Hopeless(failure)) => {
                        self.stop(&mut plan, StopRequest::Graceful, StopCause::Hopeless(failure));
                    }
                    Ok(Notice::Grew) | Err(_) => (watcher.on_growth)(gauge.bytes()),
                },
                recv(at(due)) -> now => {
                    let now = now.unwrap_or_else(|_| Instant::now());
                    let away = stillness.new_time_away();
                    if !away.is_zero() {
                        plan.postpone(away);
                        stall.iter_mut().for_each(StallWatch::begin_anew);
                    }
                    if let (Some(look), Some(_)) = (watcher.on_look, look_at.filter(|at| *at <= now)) {
                        look();
                        look_at = Some(Instant::now() + LOOK_EVERY);
                    }
                    if plan.is_shim_late(now) {
                        return self.end_without_shim(plan);
                    }
                    if plan.is_time_up(now) {
                        self.stop(&mut plan, StopRequest::Graceful, StopCause::Timeout);
                    }
                    let looked = stall.as_mut().filter(|watch| plan.stopping.is_none() && watch.due(gauge.last_output()) <= now);
                    if let Some(evidence) = looked.and_then(|watch| watch.look(now, gauge.last_output())) {
                        self.stop(&mut plan, StopRequest::Graceful, StopCause::Stalled(evidence));
                    }
                }
            }
        }
    }

    /// Passes a stop on; the first cause is the one that counts, a stronger request replaces a weaker one.
    fn stop(&mut self, plan: &mut EndPlan, request: StopRequest, cause: StopCause) {
        let (word, limit) = match request {
            StopRequest::Graceful => (StopWord::Graceful, self.end_grace + SHIM_LIMIT),
            StopRequest::Now => (StopWord::Now, SHIM_LIMIT),
        };
        let until = Instant::now() + limit;
        let stopping = plan.stopping.get_or_insert(Stopping { cause, shim_until: until });
        stopping.shim_until = stopping.shim_until.min(until);
        // A shim that is gone shows by its silence.
        let _ = self.control.write_all(to_line(&ShimRequest::Stop(word)).as_bytes());
    }

    fn end_without_shim(mut self, plan: EndPlan) -> Ended {
        self.end_shim();
        let others = self.end_what_is_lost();
        plan.ended(Exit::Signal(9), self.begun.elapsed(), others)
    }

    fn end_what_is_lost(&mut self) -> u32 {
        self.is_over = true;
        lost::end((self.pid > 0).then_some(self.pid), self.shim_began, &self.marks)
    }

    fn end_shim(&mut self) {
        // It has nothing more to do, or does not do it.
        let _ = self.shim.kill();
        let _ = self.shim.wait();
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        // A closed socket is the order to end the tree; the messages close when the shim is done.
        let _ = self.control.shutdown(std::net::Shutdown::Write);
        let limit = at(Instant::now() + SHIM_LIMIT);
        loop {
            select! {
                recv(self.messages) -> message => match message {
                    Ok(message) => self.is_over |= matches!(message, ShimMessage::Exited { .. }),
                    Err(_) => break,
                },
                recv(limit) -> _ => break,
            }
        }
        self.end_shim();
        if !self.is_over {
            self.end_what_is_lost();
        }
    }
}

fn exit_of(code: Option<i32>, signal: Option<i32>) -> Exit {
    signal.map_or_else(|| Exit::Code(code.unwrap_or(0)), Exit::Signal)
}

/// The shim gets nothing of hew's environment but the run that it belongs to, and stands in a group of its own, which a
/// terminal's signals do not reach.
fn shim_command(launch: &Launch<'_>) -> Command {
    let mut command = Command::new(launch.shim);
    command.arg0("hew");
    let run = launch.env.iter().filter(|(key, _)| key == "HEW_RUN_ID");
    command.arg(SUBCOMMAND).env_clear().envs(run.map(|(key, value)| (key, value)));
    command.current_dir("/").process_group(0);
    command
}

/// None where TERM comes first.
fn interrupt_grace(launch: &Launch<'_>) -> Option<Duration> {
    (launch.polite_signal == PoliteSignal::Interrupt).then_some(INTERRUPT_GRACE)
}

fn spec_of(launch: &Launch<'_>) -> ShimSpec {
    ShimSpec {
        argv: launch.argv.clone(),
        env: launch.env.clone(),
        cwd: PathBytes::new(launch.cwd),
        stdin: launch.stdin.map(PathBytes::new),
        interrupt_grace_ms: interrupt_grace(launch)
            .map(|grace| u64::try_from(grace.as_millis()).unwrap_or(u64::MAX)),
        sandbox: launch.sandbox.map(SandboxSpec::of),
        kill_grace_ms: u64::try_from(launch.kill_grace.min(FOREVER).as_millis()).unwrap_or(u64::MAX),
    }
}

/// Reads the shim's messages; the channel closes when the shim is gone or says what can't be read.
fn listen(control: UnixStream) -> io::Result<Receiver<ShimMessage>> {
    let (sender, messages) = unbounded();
    thread::Builder::new().spawn(move || {
        for line in BufReader::new(control).lines() {
            let Some(message) = line.ok().and_then(|line| serde_json::from_str(&line).ok()) else { return };
            if sender.send(message).is_err() {
                return;
            }
        }
    })?;
    Ok(messages)
}
