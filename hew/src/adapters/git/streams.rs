//! Both output streams of a git process, drained together, so that neither fills up while the other is read.

use std::io::Read;
use std::os::fd::AsFd;
use std::process::{Child, ChildStderr, ChildStdout, ExitStatus};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// How long the streams are read on after git has ended, where something that it started keeps them open.
const LEAK_GRACE: Duration = Duration::from_millis(500);

/// How a child ended, and all that it wrote to its two streams.
pub(super) type Ended = (ExitStatus, Vec<u8>, Vec<u8>);

/// Both output streams of a child and what came out of them so far.
pub(super) struct Streams {
    out: Option<ChildStdout>,
    err: Option<ChildStderr>,
    out_bytes: Vec<u8>,
    err_bytes: Vec<u8>,
}

impl Streams {
    /// Takes them from a child that was started with both piped.
    pub(super) fn of(child: &mut Child) -> std::io::Result<Self> {
        let (out, err) = (child.stdout.take(), child.stderr.take());
        if out.is_none() || err.is_none() {
            return Err(std::io::Error::other("its streams could not be opened"));
        }
        Ok(Self { out, err, out_bytes: Vec::new(), err_bytes: Vec::new() })
    }

    /// Reads both to their end and waits for the exit; `None` when the time is up.
    pub(super) fn drain(mut self, child: &mut Child, limit: Duration) -> std::io::Result<Option<Ended>> {
        let deadline = Instant::now() + limit;
        while self.is_open() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            let is_silent = self.read_what_is_there(left.min(LEAK_GRACE))?;
            if is_silent && child.try_wait()?.is_some() {
                break;
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
