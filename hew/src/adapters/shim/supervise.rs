//! The shim's life: start the program, watch over its tree, say how it ended.
//!
//! Two threads only bring events: one reads the socket, one waits for children. The first thread decides, and it is the
//! program's parent thread, so it must outlive the program.

use std::ffi::CStr;
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use hew_core::exit::Exit;
use nix::errno::Errno;
use nix::sys::prctl::{set_child_subreaper, set_name};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::protocol::{ShimMessage, ShimRequest, ShimSpec, StopWord, to_line};
use super::tree::Stopped;
use super::{stage, tree};
use crate::adapters::proc_tree;

/// The shim's name among the machine's processes.
const NAME: &CStr = c"agent-keeper";
/// How long leftovers of a program that ended by itself may take to end by themselves.
const LEAK_GRACE: Duration = Duration::from_millis(200);
/// How long leftovers may take to follow a TERM, at most.
const LEFTOVER_TERM: Duration = Duration::from_secs(1);
/// From one round of KILL to the next, for what was forked meanwhile.
const KILL_ROUND: Duration = Duration::from_millis(20);

enum ShimEvent {
    Asked(ShimRequest),
    HewGone,
    Reaped(Pid, Exit),
    NoChildren,
    /// The program was not let through to this place in the network.
    Refused(String),
}

/// What is being done about the tree.
#[derive(Clone, Copy)]
enum Phase {
    /// The program runs as it likes.
    Running,
    /// It has ended by itself; what it left has until then.
    Lingering(Instant),
    /// The program was interrupted; it has until then to end its tree and itself.
    Interrupted(Instant),
    /// The tree was asked to end and has until then.
    Asked(Instant),
    /// KILL, until nothing is left.
    Killing,
}

/// Supervises one program; answers the shim's own exit code.
pub(super) fn run() -> u8 {
    match supervise() {
        Ok(()) => 0,
        // hew sees the socket close without a last message, and needs no words.
        Err(_) => 1,
    }
}

fn supervise() -> io::Result<()> {
    // Whoever ends everything that is called hew spares it: it ends its tree when hew is gone.
    let _ = set_name(NAME);
    let mut control = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut requests = BufReader::new(control.try_clone()?);
    let mut line = String::new();
    requests.read_line(&mut line)?;
    let spec: ShimSpec = serde_json::from_str(&line)?;
    outlive_signals()?;
    set_child_subreaper(true)?;
    let (program, doors) = match stage::start(&spec) {
        Ok((child, doors)) => (Pid::from_raw(child.id().cast_signed()), doors),
        Err((kind, reason)) => return tell(&mut control, &ShimMessage::FailedToStart { kind, reason }),
    };
    let begun = Instant::now();
    let pid = program.as_raw().cast_unsigned();
    let start_ticks = proc_tree::stat(pid).map_or(0, |stat| stat.start_ticks);
    let (events, inbox) = channel();
    let for_requests = events.clone();
    if let Some(doors) = doors {
        let events = events.clone();
        // Nobody listens any more when the program is gone.
        doors.open(move |target| drop(events.send(ShimEvent::Refused(target))))?;
    }
    // Where the system has no room for them, the shim's own end is the program's.
    thread::Builder::new().spawn(move || read_requests(requests, &for_requests))?;
    thread::Builder::new().spawn(move || reap_children(&events))?;
    // Where hew is gone already, the closed socket says so in the next moment.
    let _ = tell(&mut control, &ShimMessage::Started { pid, start_ticks });
    let mut watch = TreeWatch::new(program, begun, &spec);
    watch.until_empty(&inbox, &mut |target| {
        // Where hew is gone, nobody is left to be told.
        let _ = tell(&mut control, &ShimMessage::Refused { target });
    });
    tell(&mut control, &watch.into_message())
}

/// Keeps INT, TERM and HUP from ending the shim. Handlers, unlike ignored signals, are not inherited by the program.
fn outlive_signals() -> io::Result<()> {
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false)))?;
    }
    Ok(())
}

fn tell(control: &mut UnixStream, message: &ShimMessage) -> io::Result<()> {
    control.write_all(to_line(message).as_bytes())
}

/// A line that can't be read is as good as a closed socket: nobody who could stop the program is left.
fn read_requests(requests: BufReader<UnixStream>, events: &Sender<ShimEvent>) {
    for line in requests.lines() {
        let Some(request) = line.ok().and_then(|line| serde_json::from_str::<ShimRequest>(&line).ok()) else {
            break;
        };
        if events.send(ShimEvent::Asked(request)).is_err() {
            return;
        }
    }
    let _ = events.send(ShimEvent::HewGone);
}

/// Looks which child has ended, then waits for that one by its id. When there is no child, there is no descendant
/// either: every orphan below becomes the shim's child.
fn reap_children(events: &Sender<ShimEvent>) {
    loop {
        let event = match next_ended_child() {
            Ok((pid, exit)) => ShimEvent::Reaped(pid, exit),
            Err(Errno::EINTR) => continue,
            Err(_) => ShimEvent::NoChildren,
        };
        let last = matches!(event, ShimEvent::NoChildren);
        if events.send(event).is_err() || last {
            return;
        }
    }
}

fn next_ended_child() -> Result<(Pid, Exit), Errno> {
    let ended = match waitid(Id::All, WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT) {
        Err(Errno::EINVAL) => return reap_unnamed(),
        answer => answer?,
    };
    let pid = ended.pid().ok_or(Errno::EINTR)?;
    match waitid(Id::Pid(pid), WaitPidFlag::WEXITED)? {
        WaitStatus::Signaled(pid, signal, _) => Ok((pid, Exit::Signal(signal as i32))),
        WaitStatus::Exited(pid, code) => Ok((pid, Exit::Code(code))),
        _ => Err(Errno::EINTR),
    }
}

/// A child that a real-time signal ended: nix has no name for the signal, the kernel's own number is taken.
fn reap_unnamed() -> Result<(Pid, Exit), Errno> {
    let zombies = proc_tree::zombies(std::process::id());
    let ended = zombies.iter().find(|zombie| zombie.wait_status & 0x7f > 31).ok_or(Errno::EINTR)?;
    let pid = Pid::from_raw(ended.pid.cast_signed());
    match waitid(Id::Pid(pid), WaitPidFlag::WEXITED) {
        Ok(_) | Err(Errno::EINVAL) => Ok((pid, Exit::Signal(ended.wait_status & 0x7f))),
        Err(error) => Err(error),
    }
}

/// What the first thread knows of the tree.
struct TreeWatch {
    program: Pid,
    begun: Instant,
    /// From INT to TERM, where INT comes first.
    interrupt_grace: Option<Duration>,
    kill_grace: Duration,
    phase: Phase,
    ended: Option<(Exit, Instant)>,
    leaked: Option<u32>,
    /// What stands still because hew does.
    stopped: Stopped,
}

impl TreeWatch {
    fn new(program: Pid, begun: Instant, spec: &ShimSpec) -> Self {
        let interrupt_grace = spec.interrupt_grace_ms.map(Duration::from_millis);
        let kill_grace = Duration::from_millis(spec.kill_grace_ms);
        Self {
            program,
            begun,
            interrupt_grace,
            kill_grace,
            phase: Phase::Running,
            ended: None,
            leaked: None,
            stopped: Stopped::default(),
        }
    }

    fn until_empty(&mut self, inbox: &Receiver<ShimEvent>, on_refused: &mut dyn FnMut(String)) {
        loop {
            match self.next_event(inbox) {
                Some(ShimEvent::NoChildren) => return,
                Some(ShimEvent::Refused(target)) => on_refused(target),
                Some(event) => self.take(&event, Instant::now()),
                None => {}
            }
            self.act(Instant::now());
        }
    }

    /// `None`: the time for the next step has come.
    fn next_event(&self, inbox: &Receiver<ShimEvent>) -> Option<ShimEvent> {
        let Some(due) = self.due() else {
            return Some(inbox.recv().unwrap_or(ShimEvent::NoChildren));
        };
        match inbox.recv_timeout(due.saturating_duration_since(Instant::now())) {
            Ok(event) => Some(event),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(ShimEvent::NoChildren),
        }
    }

    fn due(&self) -> Option<Instant> {
        let step = match self.phase {
            Phase::Running => None,
            Phase::Lingering(until) | Phase::Interrupted(until) | Phase::Asked(until) => Some(until),
            Phase::Killing => Some(Instant::now() + KILL_ROUND),
        };
        [step, self.leak_due()].into_iter().flatten().min()
    }

    /// When leftovers are counted.
    fn leak_due(&self) -> Option<Instant> {
        self.ended.filter(|_| self.leaked.is_none()).map(|(_, at)| at + LEAK_GRACE)
    }

    fn take(&mut self, event: &ShimEvent, now: Instant) {
        match event {
            ShimEvent::Reaped(pid, exit) if *pid == self.program => {
                self.ended = Some((*exit, now));
                if matches!(self.phase, Phase::Running | Phase::Interrupted(_)) {
                    self.phase = Phase::Lingering(now + LEAK_GRACE);
                }
            }
            ShimEvent::Asked(ShimRequest::Stop(StopWord::Graceful)) => self.stop(now),
            ShimEvent::Asked(ShimRequest::Stop(StopWord::Now)) | ShimEvent::HewGone => {
                self.phase = Phase::Killing;
            }
            ShimEvent::Asked(ShimRequest::StandStill) => {
                if matches!(self.phase, Phase::Running) {
                    self.stopped.stop_more();
                }
            }
            ShimEvent::Asked(ShimRequest::GoOn) => self.stopped.go_on(),
            ShimEvent::Reaped(..) | ShimEvent::NoChildren | ShimEvent::Refused(_) => {}
        }
    }

    /// A program is interrupted once; a second polite request does not move the end.
    fn stop(&mut self, now: Instant) {
        match (self.phase, self.interrupt_grace) {
            (Phase::Running, Some(grace)) => {
                tree::interrupt(self.program);
                self.phase = Phase::Interrupted(now + grace);
            }
            (Phase::Interrupted(_), _) => {}
            _ => self.ask(now + self.kill_grace),
        }
    }

    /// A tree is asked once; a second polite request does not move the end.
    fn ask(&mut self, until: Instant) {
        if matches!(self.phase, Phase::Running | Phase::Lingering(_) | Phase::Interrupted(_)) {
            tree::ask_to_end(self.program);
            self.phase = Phase::Asked(until);
        }
    }

    fn act(&mut self, now: Instant) {
        if self.leak_due().is_some_and(|due| due <= now) {
            self.leaked = Some(u32::try_from(tree::living().len()).unwrap_or(u32::MAX));
        }
        match self.phase {
            Phase::Lingering(until) if until <= now => self.ask(now + self.kill_grace.min(LEFTOVER_TERM)),
            Phase::Interrupted(until) if until <= now => self.ask(now + self.kill_grace),
            Phase::Asked(until) if until <= now => self.phase = Phase::Killing,
            _ => {}
        }
        if matches!(self.phase, Phase::Killing) {
            tree::end();
        }
    }

    fn into_message(self) -> ShimMessage {
        // Without children left the program was waited for, unless the kernel gave it to nobody.
        let (exit, at) = self.ended.unwrap_or((Exit::Signal(9), Instant::now()));
        let (code, signal) = match exit {
            Exit::Code(code) => (Some(code), None),
            Exit::Signal(signal) => (None, Some(signal)),
        };
        let ran = at.saturating_duration_since(self.begun);
        let ran_ms = u64::try_from(ran.as_millis()).unwrap_or(u64::MAX);
        ShimMessage::Exited { code, signal, leaked: self.leaked.unwrap_or(0), ran_ms }
    }
}
