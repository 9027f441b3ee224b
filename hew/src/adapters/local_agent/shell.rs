//! Commands: each in a process group of its own, with a limit of time, its output bounded.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::{self, PipeReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, bounded};
use hew_core::settings::secret::is_secret_name;
use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;

use super::folder::Folder;

/// Longest that a command may take.
pub(super) const RUN_LIMIT: Duration = Duration::from_secs(600);

/// Longest that a search may take.
const SEARCH_LIMIT: Duration = Duration::from_secs(60);

/// Most bytes of the beginning, and of the end, of an output that are kept.
const KEPT: usize = 16 * 1024;

/// What is written by processes that a command left behind is waited for no longer than this.
const LEFTOVER: Duration = Duration::from_millis(300);

/// Runs a command by `sh -c` in the folder. What gates are not given, it is not given either: nothing that is secret.
pub(super) fn run(
    folder: &Folder,
    command: &str,
    limit: Duration,
    bearer: Option<&str>,
) -> Result<String, String> {
    if command.trim().is_empty() || command.contains('\0') {
        return Err("the command is empty, or holds what no command can".to_owned());
    }
    let mut sh = Command::new("sh");
    sh.args(["-c", command]).current_dir(folder.root());
    for (name, _) in std::env::vars_os() {
        let is_secret = name.to_str().is_some_and(|name| is_secret_name(name) || Some(name) == bearer);
        if is_secret {
            sh.env_remove(name);
        }
    }
    let Ran { status, output } = finish(&mut sh, limit)?;
    let output = if output.is_empty() { "(no output)\n".to_owned() } else { output };
    let Some(status) = status else {
        return Err(time_is_up(limit, &output));
    };
    match status.code() {
        Some(0) => Ok(output),
        Some(code) => Err(format!("exit code {code}\n{output}")),
        None => Err(format!("{status}\n{output}")),
    }
}

/// Lines of files in which a text stands, those that git ignores left out.
pub(super) fn search(folder: &Folder, text: &str, path: &str) -> Result<String, String> {
    if text.is_empty() || text.contains(['\n', '\0']) {
        return Err("look for a text on one line".to_owned());
    }
    let found = folder.existing(path)?;
    let mut git = Command::new("git");
    git.args([
        "--no-pager",
        "--literal-pathspecs",
        "grep",
        "-n",
        "-I",
        "-F",
        "--no-color",
        "--untracked",
        "-e",
        text,
        "--",
    ])
    .arg(folder.way_to(&found))
    .current_dir(folder.root());
    let Ran { status, output } = finish(&mut git, SEARCH_LIMIT)?;
    let Some(status) = status else { return Err(time_is_up(SEARCH_LIMIT, &output)) };
    match status.code() {
        Some(0) => Ok(output),
        Some(1) if output.is_empty() => Ok("(nothing)".to_owned()),
        _ => Err(output),
    }
}

fn time_is_up(limit: Duration, output: &str) -> String {
    format!("ended after {} s, which is its limit\n{output}", limit.as_secs())
}

/// How a command ended; no status where its time was up.
struct Ran {
    status: Option<ExitStatus>,
    output: String,
}

fn finish(command: &mut Command, limit: Duration) -> Result<Ran, String> {
    let told = |error: io::Error| error.to_string();
    let (reader, writer) = io::pipe().map_err(told)?;
    command.stdin(Stdio::null()).stdout(writer.try_clone().map_err(told)?).stderr(writer).process_group(0);
    let mut child = command.spawn().map_err(told)?;
    // The command held the other ends of the pipe, and would keep it open.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let group = Pid::from_raw(child.id().cast_signed());
    let (kept, ended_output) = keep(reader);
    let (tell, ended) = bounded(1);
    // Its end is seen and left to be waited for below: until then its number is its own.
    thread::spawn(move || {
        let _ = tell.send(await_end(group));
    });
    let in_time = ended.recv_timeout(limit).ok().transpose().map_err(told)?;
    let status = if in_time.is_some() {
        Some(child.wait().map_err(told)?)
    } else {
        let _ = killpg(group, Signal::SIGKILL);
        // It may have left its group.
        let _ = child.kill();
        if let Ok(Ok(())) = ended.recv_timeout(LEFTOVER) {
            let _ = child.wait();
        }
        None
    };
    let _ = ended_output.recv_timeout(LEFTOVER);
    let output = kept.lock().unwrap_or_else(PoisonError::into_inner).text();
    Ok(Ran { status, output })
}

/// Returns once a child has ended; who it was stays known until it is waited for.
fn await_end(child: Pid) -> io::Result<()> {
    loop {
        match waitid(Id::Pid(child), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT) {
            Err(Errno::EINTR) => {}
            ended => return ended.map(drop).map_err(io::Error::from),
        }
    }
}

/// Reads to the end on a thread of its own, for as long as anybody writes; told when that is.
fn keep(mut reader: PipeReader) -> (Arc<Mutex<Kept>>, Receiver<()>) {
    let kept = Arc::new(Mutex::new(Kept::default()));
    let (tell, ended) = bounded(1);
    let own = Arc::clone(&kept);
    thread::spawn(move || {
        let mut piece = [0; 8192];
        loop {
            match reader.read(&mut piece) {
                Ok(0) => break,
                Ok(length) => own.lock().unwrap_or_else(PoisonError::into_inner).take(&piece[..length]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        let _ = tell.send(());
    });
    (kept, ended)
}

/// The beginning and the end of an output.
#[derive(Default)]
struct Kept {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    left_out: u64,
}

impl Kept {
    fn take(&mut self, piece: &[u8]) {
        let room = KEPT.saturating_sub(self.head.len()).min(piece.len());
        self.head.extend_from_slice(&piece[..room]);
        self.tail.extend(&piece[room..]);
        let over = self.tail.len().saturating_sub(KEPT);
        self.tail.drain(..over);
        self.left_out += over as u64;
    }

    fn text(&self) -> String {
        let mut text = String::from_utf8_lossy(&self.head).into_owned();
        if self.left_out > 0 {
            let _ = write!(text, "\n… ({} bytes left out)\n", self.left_out);
        }
        let tail: Vec<u8> = self.tail.iter().copied().collect();
        text.push_str(&String::from_utf8_lossy(&tail));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_output_both_ends_are_kept() {
        let mut kept = Kept::default();
        for number in 0..20_000 {
            kept.take(format!("line {number}\n").as_bytes());
        }
        let text = kept.text();
        assert!(text.starts_with("line 0\n") && text.ends_with("line 19999\n"), "{}", text.len());
        assert!(text.contains("bytes left out") && text.len() < 2 * KEPT + 100);
    }
}
