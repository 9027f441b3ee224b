//! Both output streams of a program that hew asks something, drained together, so that neither fills up while the other
//! is read; and the end of one that does not answer.

use std::io::Read;
use std::os::fd::AsFd;
use std::process::{Child, ChildStderr, ChildStdout, ExitStatus};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// How long the streams are read on after the program has ended, where something that it started keeps them open.
const LEAK_GRACE: Duration = Duration::from_millis(500);

/// How long is read on what has piled up by the time at which the limit is noticed: this process may have stood still
/// while the program answered and ended.
const LAST_LOOK: Duration = Duration::from_secs(1);

/// How a child ended, and all that it wrote to its two streams.
pub(crate) type Ended = (ExitStatus, Vec<u8>, Vec<u8>);

/// Both output streams of a child and what came out of them so far.
pub(crate) struct Streams {
    out: Option<ChildStdout>,
    err: Option<ChildStderr>,
    out_bytes: Vec<u8>,
    err_bytes: Vec<u8>,
    max_bytes: usize,
}

impl Streams {
    /// Takes them from a child that was started with both piped.
    pub(crate) fn of(child: &mut Child) -> std::io::Result<Self> {
        let (out, err) = (child.stdout.take(), child.stderr.take());
        if out.is_none() || err.is_none() {
            return Err(std::io::Error::other("its streams could not be opened"));
        }
        Ok(Self { out, err, out_bytes: Vec::new(), err_bytes: Vec::new(), max_bytes: usize::MAX })
    }

    /// More than this on either stream is an error.
    pub(crate) fn at_most(self, max_bytes: usize) -> Self {
        Self { max_bytes, ..self }
    }

    /// Reads both to their end and waits for the exit; `None` when the time is up.
    pub(crate) fn drain(mut self, child: &mut Child, limit: Duration) -> std::io::Result<Option<Ended>> {
        let deadline = Instant::now() + limit;
        let mut last_look = None;
        while self.is_open() {
            let now = Instant::now();
            if now >= deadline && now >= *last_look.get_or_insert(now + LAST_LOOK) {
                return Ok(None);
            }
            let left = deadline.saturating_duration_since(now);
            let is_silent = self.read_what_is_there(left.min(LEAK_GRACE))?;
            if self.out_bytes.len().max(self.err_bytes.len()) > self.max_bytes {
                return Err(std::io::Error::other(format!("it printed more than {} bytes", self.max_bytes)));
            }
            if is_silent && child.try_wait()?.is_some() {
                break;
            }
            if is_silent && last_look.is_some() {
                return Ok(None);
            }
        }
        Ok(Some((child.wait()?, self.out_bytes, self.err_bytes)))
    }

    fn is_open(&self) -> bool {
        self.out.is_some() || self.err.is_some()
    }

    fn read_what_is_there(&mut self, wait: Duration) -> std::io::Result<bool> {
        let (mut out_is_ready, mut err_is_ready) = (false, false);
        {
            let out = self.out.as_ref().map(|s| PollFd::new(s.as_fd(), PollFlags::POLLIN));
            let err = self.err.as_ref().map(|s| PollFd::new(s.as_fd(), PollFlags::POLLIN));
            let has_out = out.is_some();
            let mut fds: Vec<PollFd> = out.into_iter().chain(err).collect();
            let wait = PollTimeout::try_from(wait).unwrap_or(PollTimeout::MAX);
            match poll(&mut fds, wait) {
                Ok(_) | Err(nix::errno::Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
            let is_ready = |fd: &PollFd| fd.any() == Some(true);
            let mut ready = fds.iter().map(is_ready);
            if has_out {
                out_is_ready = ready.next() == Some(true);
            }
            err_is_ready |= ready.next() == Some(true);
        }
        if out_is_ready && read_some(self.out.as_mut(), &mut self.out_bytes)? == 0 {
            self.out = None;
        }
        if err_is_ready && read_some(self.err.as_mut(), &mut self.err_bytes)? == 0 {
            self.err = None;
        }
        Ok(!out_is_ready && !err_is_ready)
    }
}

fn read_some(stream: Option<&mut impl Read>, bytes: &mut Vec<u8>) -> std::io::Result<usize> {
    let Some(stream) = stream else { return Ok(0) };
    let mut buffer = [0; 16 * 1024];
    let count = stream.read(&mut buffer)?;
    bytes.extend_from_slice(&buffer[..count]);
    Ok(count)
}

/// Ends a child that leads a process group, and the group: TERM first, so that it can take its lock files away, KILL
/// when `grace` has passed.
pub(crate) fn end_group(child: &mut Child, grace: Duration) {
    let Ok(id) = i32::try_from(child.id()) else { return };
    let group = Pid::from_raw(id);
    // It may be gone already, which is what is wanted.
    let _ = killpg(group, Signal::SIGTERM);
    let deadline = Instant::now() + grace;
    while Instant::now() < deadline {
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let _ = killpg(group, Signal::SIGKILL);
    let _ = child.wait();
}
