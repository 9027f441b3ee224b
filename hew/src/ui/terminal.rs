//! What is known of the terminal that a stream leads to.

use std::fs::File;
use std::io::{IsTerminal as _, Write, stderr, stdout};
use std::os::fd::AsFd as _;

use hew_core::render::live::Size;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::{getpgrp, tcgetpgrp};
use terminal_size::{Height, Width, terminal_size_of};

/// Columns of text for people where nothing says how wide they see it.
const UNKNOWN_COLUMNS: usize = 120;

/// A stream that may lead to a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Results.
    Stdout,
    /// Narration.
    Stderr,
}

impl Stream {
    /// It leads to a terminal on which a cursor can be moved.
    pub fn can_be_drawn_on(self) -> bool {
        let is_dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
        !is_dumb && self.is_terminal() && self.size().is_some()
    }

    fn is_terminal(self) -> bool {
        match self {
            Self::Stdout => stdout().is_terminal(),
            Self::Stderr => stderr().is_terminal(),
        }
    }

    /// Its terminal's size; none where it leads to none.
    pub fn size(self) -> Option<Size> {
        let size = match self {
            Self::Stdout => terminal_size_of(stdout()),
            Self::Stderr => terminal_size_of(stderr()),
        };
        size.map(|(Width(columns), Height(rows))| Size { columns: columns.into(), rows: rows.into() })
    }

    /// Columns of text for people.
    pub fn columns(self) -> usize {
        self.size().map_or(UNKNOWN_COLUMNS, |size| size.columns)
    }

    /// Columns that a line may have: as many as it likes where no terminal would break it.
    pub fn columns_or_any(self) -> usize {
        self.size().map_or(usize::MAX, |size| size.columns)
    }

    /// The terminal is ours just now: a run that was sent to the background does not draw over what is in front.
    pub fn is_in_front(self) -> bool {
        let front = match self {
            Self::Stdout => tcgetpgrp(stdout()),
            Self::Stderr => tcgetpgrp(stderr()),
        };
        // A terminal that is nobody's controlling one has no front.
        front.map_or(true, |front| front == getpgrp())
    }

    /// Colours are wanted on it, and shown by it.
    pub fn has_colour(self) -> bool {
        let choice = match self {
            Self::Stdout => anstream::AutoStream::choice(&stdout()),
            Self::Stderr => anstream::AutoStream::choice(&stderr()),
        };
        choice != anstream::ColorChoice::Never
    }

    /// Writes as it is, and blocks as long as the terminal does.
    pub(super) fn write(self, bytes: &[u8]) {
        // A terminal that is gone shows nothing any more; that ends no run.
        let _ = match self {
            Self::Stdout => {
                let mut out = stdout().lock();
                out.write_all(bytes).and_then(|()| out.flush())
            }
            Self::Stderr => stderr().lock().write_all(bytes),
        };
    }
}

/// Writes to stderr past whoever writes there just now and may never end: for the last words of a process.
pub(super) fn write_last_words(bytes: &[u8]) {
    // Words that nobody can be told are lost.
    let _ = stderr().as_fd().try_clone_to_owned().and_then(|stderr| File::from(stderr).write_all(bytes));
}

/// Whoever read stdout has gone: known before anything is written.
pub fn is_reader_gone() -> bool {
    let stdout = stdout();
    let mut polled = [PollFd::new(stdout.as_fd(), PollFlags::empty())];
    let gone = PollFlags::POLLERR | PollFlags::POLLHUP | PollFlags::POLLNVAL;
    poll(&mut polled, PollTimeout::ZERO).is_ok()
        && polled[0].revents().is_some_and(|events| events.intersects(gone))
}
