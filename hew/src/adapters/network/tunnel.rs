//! Connections to the outside, and bytes carried both ways until both sides are done.

use std::io::{self, ErrorKind};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::thread;
use std::time::Duration;

use hew_core::settings::Target;

/// How long a place may take to answer at one of its addresses.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// Connects with a place, outside.
pub(super) fn connect(target: &Target) -> io::Result<TcpStream> {
    let mut last = io::Error::new(ErrorKind::NotFound, "it has no address");
    for address in (target.host(), target.port()).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, CONNECT_LIMIT) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Carries bytes both ways until neither side has more, or one is gone.
pub(super) fn carry(inside: &TcpStream, outside: &TcpStream) -> io::Result<()> {
    // Whoever waits for small pieces has them at once.
    inside.set_nodelay(true)?;
    outside.set_nodelay(true)?;
    let (from, to) = (inside.try_clone()?, outside.try_clone()?);
    let up = thread::Builder::new().spawn(move || pass(&from, &to))?;
    pass(outside, inside);
    // It can't panic.
    let _ = up.join();
    Ok(())
}

/// One way. An orderly end is passed on; after a broken one nothing more can come either way.
fn pass(mut from: &TcpStream, mut to: &TcpStream) {
    // One that is closed already needs no end.
    if io::copy(&mut from, &mut to).is_ok() {
        let _ = to.shutdown(Shutdown::Write);
    } else {
        let _ = to.shutdown(Shutdown::Both);
        let _ = from.shutdown(Shutdown::Both);
    }
}
