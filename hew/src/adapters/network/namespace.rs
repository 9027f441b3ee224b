//! The network that a program has for itself: a loopback interface, and sockets in it that lead out.
//!
//! Done by a process with one thread that is about to become the program.

use std::io;
use std::net::TcpListener;
use std::os::unix::net::UnixStream;

use hew_core::plan::Network;
use nix::sched::{CloneFlags, unshare};
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{
    AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with,
};

use super::handover::{await_users, hand_over};

/// In a new network the loopback interface is the first.
const LOOPBACK: i32 = 1;
/// The netlink family of interfaces and routes, which has the number 0.
const ROUTE: Option<Protocol> = None;
/// The kernel's numbers for "change an interface", "please answer", "the answer", and "it is up".
const NEW_LINK: u16 = 16;
const REQUEST_AND_ANSWER: u16 = 1 | 4;
const ANSWER: u16 = 2;
const UP: u32 = 1;
/// Bytes of a message's head, and of the whole request.
const HEAD: usize = 16;
const REQUEST: usize = 32;
const LENGTH: u32 = 32;

/// Leaves the machine's network for one of its own; the shim at the other end of `report` keeps the ways out.
pub(crate) fn enter(network: &Network, report: &UnixStream) -> Result<(), String> {
    let told = |what: &str, error: &dyn std::fmt::Display| format!("the sandbox's network: {what}: {error}");
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET)
        .map_err(|error| told("namespaces can't be made", &error))?;
    await_users(report).map_err(|error| told("its users", &error))?;
    bring_loopback_up().map_err(|error| told("its loopback interface", &error))?;
    let listeners = listen(network).map_err(|error| told("its sockets", &error))?;
    hand_over(report, &listeners).map_err(|error| told("its sockets", &error))
}

/// The proxy's socket first. There may be no version 6 of the protocol here.
fn listen(network: &Network) -> io::Result<Vec<TcpListener>> {
    let mut listeners = vec![TcpListener::bind(network.proxy_address())?];
    for address in network.doors().into_keys() {
        match TcpListener::bind(address) {
            Ok(listener) => listeners.push(listener),
            Err(_) if address.is_ipv6() => {}
            Err(error) => return Err(io::Error::other(format!("{address}: {error}"))),
        }
    }
    Ok(listeners)
}

fn bring_loopback_up() -> io::Result<()> {
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, ROUTE)?;
    sendto(&socket, &loopback_up(), SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
    let mut answer = [0; 256];
    let (length, _) = recv(&socket, &mut answer[..], RecvFlags::empty())?;
    match error_of(&answer[..length]) {
        Some(0) => Ok(()),
        Some(error) => Err(io::Error::from_raw_os_error(error)),
        None => Err(io::Error::other("the kernel's answer can't be read")),
    }
}

/// The request, as rtnetlink(7) has it: a message's head, and an interface's.
fn loopback_up() -> [u8; REQUEST] {
    let mut request = [0; REQUEST];
    let mut put = |at: usize, bytes: &[u8]| request[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &LENGTH.to_ne_bytes());
    put(4, &NEW_LINK.to_ne_bytes());
    put(6, &REQUEST_AND_ANSWER.to_ne_bytes());
    put(8, &1_u32.to_ne_bytes());
    put(HEAD + 4, &LOOPBACK.to_ne_bytes());
    put(HEAD + 8, &UP.to_ne_bytes());
    put(HEAD + 12, &UP.to_ne_bytes());
    request
}

/// The kernel's error, 0 for none, in its answer.
fn error_of(answer: &[u8]) -> Option<i32> {
    let kind = u16::from_ne_bytes(answer.get(4..6)?.try_into().ok()?);
    let error = i32::from_ne_bytes(answer.get(HEAD..HEAD + 4)?.try_into().ok()?);
    (kind == ANSWER).then_some(-error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_has_the_kernels_form() {
        let request = loopback_up();
        assert_eq!(request[..4], 32_u32.to_ne_bytes());
        assert_eq!(request[20..24], 1_i32.to_ne_bytes());
        assert_eq!(error_of(&request), None, "it is no answer");
        let mut answer = [0; 36];
        answer[4..6].copy_from_slice(&ANSWER.to_ne_bytes());
        answer[16..20].copy_from_slice(&(-1_i32).to_ne_bytes());
        assert_eq!((error_of(&answer), error_of(&answer[..18])), (Some(1), None));
    }
}
