//! Commands on a terminal: one that asks a person who has typed ahead, and one that a person watches.

#![expect(clippy::missing_panics_doc, reason = "a terminal that can not be had ends the test")]

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::fcntl::OFlag;
use nix::pty::{Winsize, grantpt, openpty, posix_openpt, ptsname_r, unlockpt};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::glass::Glass;
use crate::repo::TestRepo;
use crate::running::{Ran, wait_until};

/// Runs a command to its end. What it tells the terminal is in `stderr`, with the answers that the terminal echoes.
pub fn ran_on_terminal(mut command: Command, answers: &str) -> Ran {
    let pair = openpty(None, None).expect("a terminal can be opened");
    let stdin = pair.slave.try_clone().expect("a terminal can be opened twice");
    let child = command.stdin(stdin).stderr(pair.slave).stdout(Stdio::piped()).spawn();
    let child = child.expect("hew can be run");
    // The command holds the other end of the terminal, which has to close with it.
    drop(command);
    let mut keyboard = File::from(pair.master);
    let mut screen = keyboard.try_clone().expect("a terminal can be opened twice");
    // What follows the answers is the end of the input, so that a question too many ends the command.
    keyboard.write_all(format!("{answers}\u{4}").as_bytes()).expect("a terminal takes a line");
    let reader = std::thread::spawn(move || {
        let (mut told, mut part) = (Vec::new(), [0; 1024]);
        // Linux ends a terminal that nobody holds any more with an error.
        while let Ok(count) = screen.read(&mut part) {
            if count == 0 {
                break;
            }
            told.extend_from_slice(&part[..count]);
        }
        told
    });
    let mut ran = Ran::from(child.wait_with_output().expect("hew can be waited for"));
    let told = reader.join().expect("the reader does not panic");
    ran.stderr = String::from_utf8_lossy(&told).replace("\r\n", "\n");
    ran
}

/// Runs hew as the first program of a terminal's window, which is closed as soon as `until` comes back. Answers its exit
/// code. Nobody reads what it prints.
pub fn ran_until_the_window_closes(repo: &TestRepo, args: &[&str], until: impl FnOnce()) -> i32 {
    // No child may inherit the window's side: it would stay open with that child.
    let window =
        posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC).expect("a terminal can be opened");
    grantpt(&window).and_then(|()| unlockpt(&window)).expect("a terminal can be used");
    let path = ptsname_r(&window).expect("a terminal has a name");
    let slave = OpenOptions::new().read(true).write(true).custom_flags(OFlag::O_NOCTTY.bits()).open(path);
    let slave = slave.expect("a terminal can be opened");
    let again = || slave.try_clone().expect("a terminal can be opened twice");
    let hew = repo.hew(args);
    // Of util-linux; the terminal becomes the session's own, so that its end is told to the session.
    let mut command = repo.command("setsid");
    command.args(["--ctty", "--wait"]).arg(hew.get_program()).args(hew.get_args());
    command.env("TERM", "xterm-256color").stdin(again()).stdout(again()).stderr(again());
    let mut child = command.spawn().expect("setsid can be run");
    drop((command, slave));
    until();
    drop(window);
    wait_until("the end of hew", || child.try_wait().expect("it is our child").is_some());
    crate::running::code(child.wait().expect("it has ended"))
}

/// A command all of whose streams are one terminal, with a person before it who looks and presses keys.
#[derive(Debug)]
pub struct OnTerminal {
    child: Child,
    master: File,
    columns: u16,
    seen: Arc<Mutex<Vec<u8>>>,
    /// Nobody reads: what the command prints piles up until the terminal takes no more.
    is_paused: Arc<AtomicBool>,
    reader: Option<JoinHandle<()>>,
}

impl OnTerminal {
    /// Starts it on a terminal of this many columns, in a process group of its own.
    pub fn start(command: Command, columns: u16) -> Self {
        Self::start_with(command, columns, false)
    }

    /// The same on a terminal that takes no output before [`Self::go_on`], as after Ctrl-S.
    pub fn start_paused(command: Command, columns: u16) -> Self {
        Self::start_with(command, columns, true)
    }

    fn start_with(mut command: Command, columns: u16, is_paused: bool) -> Self {
        let size = Winsize { ws_row: 40, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        let pair = openpty(&size, None).expect("a terminal can be opened");
        let again = || pair.slave.try_clone().expect("a terminal can be opened twice");
        if !command.get_envs().any(|(name, value)| name == "TERM" && value.is_some()) {
            command.env("TERM", "xterm-256color");
        }
        command.stdin(again()).stdout(again()).stderr(again()).process_group(0);
        let child = command.spawn().expect("hew can be run");
        // The command holds the other end of the terminal, which has to close with it.
        drop((command, pair.slave));
        let master = File::from(pair.master);
        let (seen, is_paused) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(is_paused)));
        let (screen, page, pause) = (
            master.try_clone().expect("a terminal can be opened twice"),
            Arc::clone(&seen),
            Arc::clone(&is_paused),
        );
        let reader = std::thread::spawn(move || read(screen, &page, &pause));
        Self { child, master, columns, seen, is_paused, reader: Some(reader) }
    }

    /// The terminal takes output again.
    pub fn go_on(&self) {
        self.is_paused.store(false, Ordering::SeqCst);
    }

    /// What is on the terminal now.
    pub fn glass(&self) -> Glass {
        Glass::of(&self.bytes(), usize::from(self.columns))
    }

    /// Everything that was ever sent to it.
    pub fn bytes(&self) -> Vec<u8> {
        self.seen.lock().expect("the reader does not panic").clone()
    }

    /// Waits until what is shown satisfies this.
    pub fn wait_until(&self, what: &str, holds: impl Fn(&Glass) -> bool) {
        wait_until(what, || holds(&self.glass()));
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).expect("it still runs");
    }

    /// Its process id.
    pub fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).expect("a process id is an i32"))
    }

    /// The window has another width from now on.
    pub fn resize(&mut self, columns: u16) {
        let size = rustix::termios::Winsize { ws_row: 40, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        rustix::termios::tcsetwinsize(&self.master, size).expect("a terminal can be resized");
        // Nobody's controlling terminal tells nobody.
        self.signal(Signal::SIGWINCH);
    }

    /// Waits for its end. Answers its exit code (128+n if a signal ended it).
    pub fn wait(&mut self) -> i32 {
        wait_until("the end of hew", || self.child.try_wait().expect("it is our child").is_some());
        let status = self.child.wait().expect("it has ended");
        let reader = self.reader.take().expect("it is waited for once");
        reader.join().expect("the reader does not panic");
        crate::running::code(status)
    }

    /// The same, and what is on the terminal then.
    pub fn end(mut self) -> (i32, Glass) {
        (self.wait(), self.glass())
    }
}

impl Drop for OnTerminal {
    fn drop(&mut self) {
        // A test that failed leaves nothing running; one that passed has waited for the end already.
        self.go_on();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(mut screen: File, page: &Mutex<Vec<u8>>, is_paused: &AtomicBool) {
    let mut part = [0; 1024];
    loop {
        while is_paused.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(5));
        }
        // Linux ends a terminal that nobody holds any more with an error.
        match screen.read(&mut part) {
            Ok(0) | Err(_) => return,
            Ok(count) => page.lock().expect("nobody panics with it").extend_from_slice(&part[..count]),
        }
    }
}
