//! One connection to the proxy: its head is read, and it is let through or told why not.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use hew_core::plan::Network;
use hew_core::settings::Target;

use super::head::{self, Asked};
use super::tunnel;

/// How long a head may take.
const HEAD_LIMIT: Duration = Duration::from_secs(10);
/// How long, and how much of it, whoever is refused may go on with what it had to say.
const LAST_WORDS: Duration = Duration::from_secs(1);
const LAST_BYTES: usize = 1024 * 1024;

/// Serves one connection to its end.
pub(super) fn serve(inside: &TcpStream, network: &Network, on_refused: &dyn Fn(&Target)) -> io::Result<()> {
    let Request { head, begun } = match read_head(inside)? {
        Ok(request) => request,
        Err(status) => return refuse(inside, status, "hew's proxy could not read the request"),
    };
    let Some(asked) = head::read(&head) else {
        let said = "hew's proxy takes CONNECT host:port, and http:// addresses";
        return refuse(inside, "400 Bad Request", said);
    };
    let target = match &asked {
        Asked::Connect(target) | Asked::Page(target, _) => target,
    };
    if !network.allows(target) {
        on_refused(target);
        let said = format!(
            "loop.sandbox = \"strict\" does not let {target} through. It lets through: {}. \
             The setting loop.sandbox.hosts of hew adds to that.",
            network.words()
        );
        return refuse(inside, "403 Forbidden", &said);
    }
    let outside = match tunnel::connect(target) {
        Ok(outside) => outside,
        Err(error) => return refuse(inside, "502 Bad Gateway", &format!("{target}: {error}")),
    };
    match &asked {
        Asked::Connect(_) => write(inside, b"HTTP/1.1 200 Connection established\r\n\r\n")?,
        Asked::Page(_, passed) => write(&outside, passed)?,
    }
    write(&outside, &begun)?;
    tunnel::carry(inside, &outside)
}

/// Tells one that can't be served now, and waits for nothing.
pub(super) fn turn_away(inside: &TcpStream) -> io::Result<()> {
    inside.set_nonblocking(true)?;
    answer(inside, "503 Service Unavailable", "too many connections to hew's proxy are open")
}

/// The head, and what has come behind it.
struct Request {
    head: Vec<u8>,
    begun: Vec<u8>,
}

/// The request as far as it has come; or the status with which it is refused.
fn read_head(mut inside: &TcpStream) -> io::Result<Result<Request, &'static str>> {
    let until = Instant::now() + HEAD_LIMIT;
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(Err("408 Request Timeout"));
        }
        inside.set_read_timeout(Some(left))?;
        match inside.read(&mut piece) {
            Ok(0) => return Ok(Err("400 Bad Request")),
            Ok(length) => bytes.extend_from_slice(&piece[..length]),
            Err(error) if is_time_up(&error) => return Ok(Err("408 Request Timeout")),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if let Some(end) = head::end(&bytes) {
            inside.set_read_timeout(None)?;
            let begun = bytes.split_off(end);
            return Ok(Ok(Request { head: bytes, begun }));
        }
        if bytes.len() > head::LONGEST {
            return Ok(Err("431 Request Header Fields Too Large"));
        }
    }
}

fn is_time_up(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

fn write(mut to: &TcpStream, bytes: &[u8]) -> io::Result<()> {
    to.write_all(bytes)
}

/// Answers, and hears the rest out: an answer to somebody who still speaks would be lost.
fn refuse(inside: &TcpStream, status: &str, said: &str) -> io::Result<()> {
    answer(inside, status, said)?;
    let until = Instant::now() + LAST_WORDS;
    let (mut heard, mut piece) = (0, [0; 4096]);
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() || heard > LAST_BYTES {
            return Ok(());
        }
        inside.set_read_timeout(Some(left))?;
        // What it says is of no use.
        match (&mut &*inside).read(&mut piece) {
            Ok(0) | Err(_) => return Ok(()),
            Ok(length) => heard += length,
        }
    }
}

fn answer(inside: &TcpStream, status: &str, said: &str) -> io::Result<()> {
    let length = said.len() + 1;
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{said}\n"
    );
    write(inside, answer.as_bytes())?;
    inside.shutdown(Shutdown::Write)
}
