//! Git processes that answer many questions one after another, where a process for each would cost more than its answer.
//!
//! Invariants: a servant is asked only what it can answer without state from before; whatever goes wrong with one (it
//! refuses, it is killed, its answer has another form) is no answer, and the caller makes a call of its own, whose words
//! count; a servant ends when hew does, for its input closes.

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::process::{Child, ChildStdin, ChildStdout};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use hew_core::worktree::GitError;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::run::{GitCall, KILL_GRACE, SHORT};
use crate::adapters::streams::end_group;

/// How many wait for the next question; more than these work only while so many are asked at once.
const IDLE: usize = 4;

/// Longest answer, in bytes: none that is read is of another order.
const LONGEST_ANSWER: usize = 64 * 1024 * 1024;

/// How long a servant may take to end once its input is closed.
const FAREWELL: Duration = Duration::from_secs(2);

/// Servants of one kind.
#[derive(Debug, Default)]
pub(super) struct Servants {
    idle: Mutex<Vec<Servant>>,
}

impl Servants {
    /// Asks an idle servant, or a new one that `call` starts. The answer is complete when `is_whole` says so; one that
    /// can't be read is none, and the servant that gave it is let go.
    pub(super) fn ask<T>(
        &self,
        call: impl FnOnce() -> Result<GitCall, GitError>,
        question: &str,
        is_whole: impl Fn(&[u8]) -> bool,
        read: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Option<T> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut servant = match idle {
            Some(servant) => servant,
            None => Servant::start(&call().ok()?).ok()?,
        };
        let answer = read(&servant.ask(question, is_whole).ok()?)?;
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE {
            idle.push(servant);
        }
        Some(answer)
    }
}

impl Drop for Servants {
    fn drop(&mut self) {
        // All are told before the first is waited for.
        let idle = self.idle.get_mut().unwrap_or_else(PoisonError::into_inner);
        for servant in idle {
            drop(servant.questions.take());
        }
    }
}

/// One process.
#[derive(Debug)]
struct Servant {
    child: Child,
    /// Taken when it is to end.
    questions: Option<ChildStdin>,
    answers: ChildStdout,
}

impl Servant {
    fn start(call: &GitCall) -> io::Result<Self> {
        let mut child = call.serve()?;
        let (questions, answers) = (child.stdin.take(), child.stdout.take());
        let answers = answers.ok_or_else(|| io::Error::other("its output could not be opened"))?;
        Ok(Self { child, questions, answers })
    }

    fn ask(&mut self, question: &str, is_whole: impl Fn(&[u8]) -> bool) -> io::Result<Vec<u8>> {
        let questions = self.questions.as_mut().ok_or_else(|| io::Error::other("it is ending"))?;
        questions.write_all(question.as_bytes())?;
        let deadline = Instant::now() + SHORT;
        let mut answer = Vec::new();
        let mut buffer = [0; 16 * 1024];
        while !is_whole(&answer) {
            self.wait_for_more(deadline)?;
            match self.answers.read(&mut buffer)? {
                0 => return Err(io::Error::other("it ended")),
                count => answer.extend_from_slice(&buffer[..count]),
            }
            if answer.len() > LONGEST_ANSWER {
                return Err(io::Error::other("its answer is too long"));
            }
        }
        Ok(answer)
    }

    fn wait_for_more(&self, deadline: Instant) -> io::Result<()> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let mut fds = [PollFd::new(self.answers.as_fd(), PollFlags::POLLIN)];
            match poll(&mut fds, PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)) {
                Ok(0) if left.is_zero() => return Err(io::ErrorKind::TimedOut.into()),
                Ok(0) | Err(nix::errno::Errno::EINTR) => {}
                Ok(_) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl Drop for Servant {
    fn drop(&mut self) {
        drop(self.questions.take());
        let deadline = Instant::now() + FAREWELL;
        while matches!(self.child.try_wait(), Ok(None)) {
            if Instant::now() >= deadline {
                return end_group(&mut self.child, KILL_GRACE);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn echo() -> GitCall {
        GitCall::new(Path::new("/")).args(["-c", "alias.echo=!cat", "echo"])
    }

    fn ask(servants: &Servants, question: &str) -> Option<String> {
        let is_line = |answer: &[u8]| answer.ends_with(b"\n");
        servants.ask(
            || Ok(echo()),
            question,
            is_line,
            |line| Some(String::from_utf8_lossy(line).into_owned()),
        )
    }

    fn idle(servants: &Servants) -> Vec<u32> {
        servants.idle.lock().unwrap().iter().map(|servant| servant.child.id()).collect()
    }

    #[test]
    fn one_process_answers_again_and_again_and_a_dead_one_is_no_answer() {
        let servants = Servants::default();
        assert_eq!(ask(&servants, "one\n").as_deref(), Some("one\n"));
        let first = idle(&servants);
        assert_eq!(ask(&servants, "two\n").as_deref(), Some("two\n"));
        assert_eq!(idle(&servants), first);
        end_group(&mut servants.idle.lock().unwrap()[0].child, KILL_GRACE);
        assert_eq!(ask(&servants, "three\n"), None);
        assert_eq!(ask(&servants, "four\n").as_deref(), Some("four\n"));
        assert_ne!(idle(&servants), first);
    }

    #[test]
    fn a_servant_whose_answer_can_not_be_read_is_let_go() {
        let servants = Servants::default();
        assert_eq!(servants.ask(|| Ok(echo()), "one\n", |answer| !answer.is_empty(), |_| None::<()>), None);
        assert_eq!(idle(&servants), [0; 0]);
    }

    #[test]
    fn what_can_not_be_started_is_no_answer() {
        let fails = || Ok(GitCall::new(Path::new("/")).arg("no-such-command"));
        assert_eq!(Servants::default().ask(fails, "one\n", |_| false, |_| Some(())), None);
    }
}
