//! The second stage: what must be done between fork and exec, done by a program of our own instead, so that neither hew
//! nor the shim runs code in a forked child.
//!
//! Its standard input is a socket that closes by itself when the program takes over; before that, what went wrong is
//! written to it, and the sockets of a network of its own pass through it.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use hew_core::plan::Network;
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::unistd::{dup2_stdin, getppid, setsid};

use super::STAGE;
use super::protocol::{PathBytes, ShimSpec, StartFailure};
use super::resolve::{StartError, find_program};
use crate::adapters::network::{self, Doors, Failed};
use crate::adapters::sandbox::{SandboxSpec, restrict};

/// Exit code of a stage that could not become its program; its report is what counts.
const NOT_STARTED: u8 = 126;

/// Starts the program of `spec`, as a child of the calling thread, whose death would end it; with the ways out of its
/// network, where it has one of its own.
pub(super) fn start(spec: &ShimSpec) -> Result<(Child, Option<Doors>), StartError> {
    let cwd = spec.cwd.to_path();
    if !cwd.is_dir() {
        return Err((StartFailure::Other, format!("there is no folder {}", cwd.display())));
    }
    let (name, args) = spec.argv.split_first().ok_or((StartFailure::Other, "no program named".to_owned()))?;
    let path = spec.env.iter().find(|(key, _)| key == "PATH").map(|(_, value)| value.as_str());
    let program = find_program(name, path, &cwd)?;
    let stdin = spec.stdin.as_ref().map_or_else(|| PathBuf::from("/dev/null"), PathBytes::to_path);
    let sandbox = serde_json::to_string(&spec.sandbox).expect("a sandbox is lists of bytes");
    let (mut report, report_end) = UnixStream::pair().map_err(|error| other(&error))?;
    let child = Command::new("/proc/self/exe")
        .arg(STAGE)
        .arg(std::process::id().to_string())
        .arg(stdin)
        .arg(sandbox)
        .arg(program)
        .arg(name)
        .args(args)
        .env_clear()
        .envs(spec.env.iter().map(|(key, value)| (key, value)))
        .current_dir(&cwd)
        .stdin(Stdio::from(OwnedFd::from(report_end)))
        .spawn()
        .map_err(|error| other(&error))?;
    let network = spec.sandbox.as_ref().and_then(|sandbox| sandbox.network.as_ref());
    let (doors, mut reason) = match network.map(|network| let_out(&report, &child, network)).transpose() {
        Ok(doors) => (doors, Vec::new()),
        Err(Failed::Told(begun)) => (None, begun),
        Err(Failed::Here(reason)) => {
            return Err(reap_failed(child, reason));
        }
    };
    report.read_to_end(&mut reason).map_err(|error| other(&error))?;
    match (reason.is_empty(), network.is_some() == doors.is_some()) {
        (true, true) => Ok((child, doors)),
        (true, false) => Err(reap_failed(child, "it ended before it had a network".to_owned())),
        (false, _) => Err(reap_failed(child, String::from_utf8_lossy(&reason).into_owned())),
    }
}

fn let_out(report: &UnixStream, child: &Child, network: &Network) -> Result<Doors, Failed> {
    let listeners = network::receive(report, child)?;
    Doors::of(listeners, network).map_err(|error| Failed::Here(error.to_string()))
}

fn other(error: &io::Error) -> StartError {
    (StartFailure::Other, error.to_string())
}

fn reap_failed(mut child: Child, reason: String) -> StartError {
    // It may wait for an answer that does not come; its exit code says nothing that the report does not.
    let _ = child.kill();
    let _ = child.wait();
    (StartFailure::Other, reason)
}

/// Becomes the program, as `execvp` does it: a text without a first line that names an interpreter is run by `sh`. Its
/// arguments are the shim's id, the file for standard input, the sandbox, the program's file, then argv.
pub(super) fn run(args: impl Iterator<Item = OsString>) -> u8 {
    let args: Vec<OsString> = args.collect();
    let ([shim, stdin, sandbox, program, name, rest @ ..], Ok(report)) =
        (&args[..], io::stdin().as_fd().try_clone_to_owned())
    else {
        return NOT_STARTED;
    };
    let mut report = UnixStream::from(report);
    let reason = enter(shim, Path::new(stdin), sandbox, &report).err().unwrap_or_else(|| {
        let error = Command::new(program).arg0(name).args(rest).exec();
        format!("{}: {}", Path::new(program).display(), explain(&error))
    });
    // Where the shim is gone, nobody is left to be told.
    let _ = report.write_all(reason.as_bytes());
    NOT_STARTED
}

/// Takes the place that the program shall have: its own network and session, tied to the shim, its standard input open,
/// and last what keeps it from writing elsewhere.
fn enter(shim: &OsStr, stdin: &Path, sandbox: &OsStr, report: &UnixStream) -> Result<(), String> {
    let sandbox: Option<SandboxSpec> =
        serde_json::from_slice(sandbox.as_bytes()).map_err(|error| format!("sandbox: {error}"))?;
    if let Some(network) = sandbox.as_ref().and_then(|sandbox| sandbox.network.as_ref()) {
        network::enter(network, report)?;
    }
    set_pdeathsig(Signal::SIGKILL).map_err(|error| format!("prctl: {error}"))?;
    if *shim != *getppid().to_string() {
        return Err("the supervisor is gone".to_owned());
    }
    setsid().map_err(|error| format!("setsid: {error}"))?;
    let file = File::open(stdin).map_err(|error| format!("{}: {error}", stdin.display()))?;
    dup2_stdin(&file).map_err(|error| format!("{}: {error}", stdin.display()))?;
    sandbox.as_ref().map_or(Ok(()), restrict)
}

/// A file that is there and "not found" has a first line that names a program which is not.
fn explain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => format!("{error} (the interpreter that its first line names?)"),
        _ => error.to_string(),
    }
}
