//! What happens to the terminal's front: another size, a stop by Ctrl-Z, a return, an end. Whoever draws is told, and has
//! its time to take away what it drew.

use std::thread;
use std::time::Duration;

use crossbeam_channel::{Sender, bounded};
use signal_hook::consts::{SIGCONT, SIGTSTP, SIGWINCH};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use super::{proc_tree, process};

/// How long whoever draws may take: a terminal that takes no output (Ctrl-S) keeps nobody from ending.
const PATIENCE: Duration = Duration::from_millis(500);

/// What a drawer is told.
#[derive(Debug)]
pub enum TerminalNews {
    /// The terminal has another size.
    Resized,
    /// The process is about to stop or to end: what is drawn has to go. An answer is waited for, not for long.
    Leaving(Sender<()>),
    /// It goes on, and somebody else may have written meanwhile.
    Back,
}

/// Sends news from a thread that lives as long as the process; where nobody draws, nobody need listen. The signals in `ends` end the process as they would without
/// hew's knowing, after what is drawn is gone.
pub fn forward(news: Sender<TerminalNews>, ends: &[i32]) -> std::io::Result<()> {
    let watched = [SIGWINCH, SIGTSTP, SIGCONT].iter().chain(ends);
    let mut signals = Signals::new(watched)?;
    thread::Builder::new().name("terminal".to_owned()).spawn(move || {
        for signal in signals.forever() {
            // Without a drawer there is nothing to take away.
            let told = match signal {
                SIGWINCH => news.send(TerminalNews::Resized),
                SIGCONT => news.send(TerminalNews::Back),
                other => {
                    leave(&news, other);
                    Ok(())
                }
            };
            drop(told);
        }
    })?;
    Ok(())
}

fn leave(news: &Sender<TerminalNews>, signal: i32) {
    let (answer, answered) = bounded(1);
    if news.send(TerminalNews::Leaving(answer)).is_ok() {
        let _ = answered.recv_timeout(PATIENCE);
    }
    if signal == SIGTSTP {
        if can_be_continued() {
            stop_with_all_programs();
        } else {
            let _ = news.send(TerminalNews::Back);
        }
        return;
    }
    // What can't be done as the signal asks is left undone: it can be sent once more.
    let _ = emulate_default_handler(signal);
}

/// Agents and gates stop with the process, and go on when it does: a person who stops a run wants nothing to be spent.
fn stop_with_all_programs() {
    process::stand_still();
    let _ = emulate_default_handler(SIGTSTP);
    process::go_on();
}

/// A shell is there that can wake this process again. Where none is, the kernel ignores Ctrl-Z, and so does hew.
fn can_be_continued() -> bool {
    let Some(own) = proc_tree::stat(std::process::id()) else { return false };
    let mut child = own;
    while let Some(parent) = proc_tree::stat(child.parent) {
        if parent.session != own.session {
            return false;
        }
        if parent.group != own.group {
            return true;
        }
        child = parent;
    }
    false
}
