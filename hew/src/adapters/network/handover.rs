//! What the stage and the shim say to each other over the stage's report while the network is made.
//!
//! The stage sends [`READY`] once it has its namespaces, and waits for the same word: only the shim, outside, can say which
//! users there are inside. Then it sends [`LISTENER`] with each socket that it listens on, and [`READY`] again. Any other
//! byte begins the text of what went wrong.

use std::fs;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::Child;

use nix::unistd::{getegid, geteuid};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};

const READY: u8 = 0;
const LISTENER: u8 = 1;

/// What the stage has made nothing of: the beginning of its report, or what the system said to the shim.
#[derive(Debug)]
pub(crate) enum Failed {
    /// The report begins with these bytes.
    Told(Vec<u8>),
    /// The shim could not do its part.
    Here(String),
}

/// The shim's part: answers the sockets that the stage listens on.
pub(crate) fn receive(report: &UnixStream, stage: &Child) -> Result<Vec<TcpListener>, Failed> {
    let here = |error: io::Error| Failed::Here(format!("the sandbox's network: {error}"));
    expect_ready(report)?;
    map_users(stage.id()).map_err(here)?;
    let mut answer = report;
    answer.write_all(&[READY]).map_err(here)?;
    let mut listeners = Vec::new();
    loop {
        match next(report).map_err(here)? {
            (Some(LISTENER), Some(socket)) => listeners.push(TcpListener::from(socket)),
            (Some(READY), _) => return Ok(listeners),
            (other, _) => return Err(Failed::Told(other.into_iter().collect())),
        }
    }
}

fn expect_ready(report: &UnixStream) -> Result<(), Failed> {
    match next(report).map_err(|error| Failed::Here(error.to_string()))? {
        (Some(READY), _) => Ok(()),
        (other, _) => Err(Failed::Told(other.into_iter().collect())),
    }
}

/// One byte, none at the end, and the socket that came with it.
fn next(report: &UnixStream) -> io::Result<(Option<u8>, Option<OwnedFd>)> {
    let mut byte = [0];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut besides = RecvAncillaryBuffer::new(&mut space);
    let received = loop {
        let into = &mut [IoSliceMut::new(&mut byte)];
        match recvmsg(report, into, &mut besides, RecvFlags::CMSG_CLOEXEC) {
            Err(rustix::io::Errno::INTR) => {}
            answer => break answer?.bytes,
        }
    };
    let socket = besides.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut sockets) => sockets.next(),
        _ => None,
    });
    Ok(((received > 0).then_some(byte[0]), socket))
}

/// Inside, everybody is who they are outside. Whoever may say that of all users does; else there is one.
fn map_users(stage: u32) -> io::Result<()> {
    let file = |name: &str| format!("/proc/{stage}/{name}");
    let (user, group) = (geteuid(), getegid());
    if user.is_root() && write(&file("uid_map"), &everybody("uid_map")?).is_ok() {
        return write(&file("gid_map"), &everybody("gid_map")?);
    }
    write(&file("uid_map"), &format!("{user} {user} 1\n"))?;
    // Where one group alone is known, none can be left.
    write(&file("setgroups"), "deny")?;
    write(&file("gid_map"), &format!("{group} {group} 1\n"))
}

fn write(file: &str, text: &str) -> io::Result<()> {
    fs::write(file, text).map_err(|error| io::Error::other(format!("{file}: {error}")))
}

/// All that there are here, each under the same number.
fn everybody(map: &str) -> io::Result<String> {
    let own = fs::read_to_string(format!("/proc/self/{map}"))?;
    let same = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        let (first, count) = (words.next()?, words.nth(1)?);
        Some(format!("{first} {first} {count}\n"))
    };
    Ok(own.lines().filter_map(same).collect())
}

/// The stage's part, first half: it has its namespaces, and waits for users.
pub(super) fn await_users(report: &UnixStream) -> io::Result<()> {
    let (mut said, mut heard) = (report, report);
    said.write_all(&[READY])?;
    heard.read_exact(&mut [0])
}

/// The stage's part, second half: what it listens on is the shim's.
pub(super) fn hand_over(report: &UnixStream, listeners: &[TcpListener]) -> io::Result<()> {
    for listener in listeners {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut besides = SendAncillaryBuffer::new(&mut space);
        let sockets = [listener.as_fd()];
        besides.push(SendAncillaryMessage::ScmRights(&sockets));
        sendmsg(report, &[IoSlice::new(&[LISTENER])], &mut besides, SendFlags::NOSIGNAL)?;
    }
    let mut said = report;
    said.write_all(&[READY])
}
