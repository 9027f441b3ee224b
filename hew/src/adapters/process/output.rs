//! Reads what a program prints, as it comes, into a sink; the sink bounds what is kept.

use std::io::{PipeReader, PipeWriter, Read};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use hew_core::agent::RuntimeFailure;
use nix::fcntl::{FcntlArg, fcntl};
use nix::poll::{PollFd, PollFlags, poll};

/// Size of one read.
const CHUNK: usize = 256 * 1024;
/// Bytes that a program may print ahead.
const PIPE: i32 = 256 * 1024;
/// How long a stream may stay open after everything that could write to it was ended.
const CLOSE_GRACE: Duration = Duration::from_secs(2);
/// A program that prints nothing for so many milliseconds pauses: a reader that is faster than it finds nothing to read
/// again and again in the middle of a flood.
const PAUSE: u16 = 20;
/// Longest time for which what a program prints without a pause is not shown.
const SHOW_EVERY: Duration = Duration::from_millis(250);
/// Least time between two notices of output.
const NOTICE_EVERY: Duration = Duration::from_secs(1);

/// A pipe for a program's output: one that floods it is held up less often than by a pipe of the usual size.
pub fn pipe() -> std::io::Result<(PipeReader, PipeWriter)> {
    let (reader, writer) = std::io::pipe()?;
    // Where the system allows no such size, the usual one does.
    let _ = fcntl(&reader, FcntlArg::F_SETPIPE_SZ(PIPE));
    Ok((reader, writer))
}

/// Where output goes.
pub trait Sink: Send {
    /// Takes the next bytes; answers what they are a sign of.
    fn take(&mut self, bytes: &[u8]) -> std::io::Result<Sign>;

    /// Makes what was taken visible to whoever reads along, and lets it survive a kill of hew. Called where the program
    /// pauses, and now and then while it does not.
    fn show(&mut self) -> std::io::Result<()>;
}

/// What output is a sign of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sign {
    /// The program lives.
    Life,
    /// Nothing: it says that it waits.
    Waiting,
    /// It can only fail, and would go on trying.
    Hopeless(RuntimeFailure),
}

/// What readers tell while they read.
#[derive(Debug)]
pub enum Notice {
    /// There is more output; at most one a second.
    Grew,
    /// Output can't be kept any more.
    Failed(std::io::Error),
    /// The program can only fail.
    Hopeless(RuntimeFailure),
}

/// How much was printed on all streams of a program, and when last.
#[derive(Debug)]
pub struct Gauge {
    start: Instant,
    bytes: AtomicU64,
    last_ms: AtomicU64,
    noticed_ms: AtomicU64,
    notices: Sender<Notice>,
}

impl Gauge {
    /// A gauge that counts from now, and where its notices arrive.
    pub fn new() -> (Arc<Self>, Receiver<Notice>) {
        let (notices, inbox) = bounded(4);
        let zero = || AtomicU64::new(0);
        let gauge =
            Self { start: Instant::now(), bytes: zero(), last_ms: zero(), noticed_ms: zero(), notices };
        (Arc::new(gauge), inbox)
    }

    /// Bytes so far.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// When output was a sign of life last; the gauge's beginning where none was.
    pub fn last_output(&self) -> Instant {
        self.start + Duration::from_millis(self.last_ms.load(Ordering::Relaxed))
    }

    fn add(&self, bytes: usize, is_life: bool) {
        let now = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        if is_life {
            self.last_ms.store(now, Ordering::Relaxed);
        }
        let noticed = self.noticed_ms.load(Ordering::Relaxed);
        let pause = u64::try_from(NOTICE_EVERY.as_millis()).unwrap_or(u64::MAX);
        if noticed == 0 || now.saturating_sub(noticed) >= pause {
            self.noticed_ms.store(now.max(1), Ordering::Relaxed);
            // Where the inbox is full, a notice of growth is on its way already.
            let _ = self.notices.try_send(Notice::Grew);
        }
    }

    fn tell(&self, notice: Notice) {
        // The inbox is gone where the program has ended and nobody looks any more.
        let _ = self.notices.send_timeout(notice, CLOSE_GRACE);
    }
}

/// A stream that is being read on a thread of its own.
#[derive(Debug)]
pub struct Pump<S> {
    sink: Arc<Mutex<Option<S>>>,
    closed: Receiver<()>,
}

impl<S: Sink + 'static> Pump<S> {
    /// Reads `pipe` to its end. An error: the system has no room for another thread.
    pub fn start(pipe: PipeReader, sink: S, gauge: Arc<Gauge>) -> std::io::Result<Self> {
        let sink = Arc::new(Mutex::new(Some(sink)));
        let (done, closed) = bounded::<()>(0);
        let shared = Arc::clone(&sink);
        thread::Builder::new().spawn(move || {
            pump(pipe, &shared, &gauge);
            drop(done);
        })?;
        Ok(Self { sink, closed })
    }

    /// The sink with everything that was printed. Where the stream stays open although all writers should be gone, the
    /// reader is left behind without a sink.
    ///
    /// # Panics
    /// Never: nothing else takes the sink.
    pub fn finish(self) -> S {
        // Disconnected is the good case: the reader has ended.
        let _ = self.closed.recv_timeout(CLOSE_GRACE);
        let taken = self.sink.lock().unwrap_or_else(PoisonError::into_inner).take();
        taken.expect("only `finish`, which consumes the pump, takes the sink")
    }
}

fn pump<S: Sink>(mut pipe: PipeReader, sink: &Mutex<Option<S>>, gauge: &Gauge) {
    let mut chunk = vec![0; CHUNK];
    let (mut keeping, mut shown) = (true, Instant::now());
    loop {
        let read = match pipe.read(&mut chunk) {
            Ok(0) => return,
            Ok(read) => read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(_) => return,
        };
        let Some(sign) = with(sink, |sink| {
            // A program must never be held up, or killed by a closed pipe, because its output can't be kept.
            if keeping { sink.take(&chunk[..read]) } else { Ok(Sign::Life) }
        }) else {
            return;
        };
        gauge.add(read, !matches!(sign, Ok(Sign::Waiting)));
        let mut failed = None;
        match sign {
            Ok(Sign::Life | Sign::Waiting) => {}
            Ok(Sign::Hopeless(failure)) => gauge.tell(Notice::Hopeless(failure)),
            Err(error) => failed = Some(error),
        }
        if keeping && failed.is_none() && (has_paused(&pipe) || shown.elapsed() >= SHOW_EVERY) {
            let Some(was_shown) = with(sink, Sink::show) else { return };
            failed = was_shown.err();
            shown = Instant::now();
        }
        if let Some(error) = failed {
            keeping = false;
            gauge.tell(Notice::Failed(error));
        }
    }
}

/// None where the sink was taken away.
fn with<S, T>(sink: &Mutex<Option<S>>, act: impl FnOnce(&mut S) -> T) -> Option<T> {
    sink.lock().unwrap_or_else(PoisonError::into_inner).as_mut().map(act)
}

/// Nothing more comes for a moment.
fn has_paused(pipe: &PipeReader) -> bool {
    let mut looked_at = [PollFd::new(pipe.as_fd(), PollFlags::POLLIN)];
    !matches!(poll(&mut looked_at, PAUSE), Ok(1..))
}
