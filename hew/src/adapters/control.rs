//! The socket in a run folder through which `hew loop cancel` reaches the run.
//!
//! One line goes in (`cancel` or `cancel now`), one line comes back (`ok`). A path that is too long for a socket address
//! is reached through the folder's own descriptor under `/proc/self/fd`.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crossbeam_channel::Sender;
use hew_core::engine::Event;
use hew_core::record::StopReason;

/// The socket's name in the run folder.
const NAME: &str = "control";

/// How long a run may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// What a run is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CancelRequest {
    /// Finish what runs, start nothing.
    Graceful,
    /// Stop agents too.
    Now,
}

/// A short path to the socket, with the descriptor that it goes through.
fn address(run_folder: &Path) -> io::Result<(File, PathBuf)> {
    let folder = File::open(run_folder)?;
    let path = PathBuf::from(format!("/proc/self/fd/{}/{NAME}", folder.as_raw_fd()));
    Ok((folder, path))
}

/// Listens from a thread that lives as long as the process.
pub fn listen(run_folder: &Path, events: Sender<Event>) -> io::Result<()> {
    let (folder, path) = address(run_folder)?;
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path)?;
    drop(folder);
    thread::Builder::new().name("control".to_owned()).spawn(move || {
        for stream in listener.incoming().flatten() {
            // Whoever asks in another form is not answered, and the run goes on.
            let _ = serve(&stream, &events);
        }
    })?;
    Ok(())
}

fn serve(stream: &UnixStream, events: &Sender<Event>) -> io::Result<()> {
    stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    let now = match line.trim() {
        "cancel" => false,
        "cancel now" => true,
        _ => return Ok(()),
    };
    let detail = format!("hew loop {}", if now { "cancel --now" } else { "cancel" });
    let request = Event::StopRequested { reason: StopReason::Cancelled, detail, now, signal: None };
    let answer = if events.send(request).is_ok() { "ok\n" } else { "ended\n" };
    (&*stream).write_all(answer.as_bytes())
}

/// Takes the socket away: nobody listens any more.
pub fn close(run_folder: &Path) {
    // A socket that is gone already is as good.
    let _ = std::fs::remove_file(run_folder.join(NAME));
}

/// Asks a run to stop; false if nobody listens.
pub fn ask(run_folder: &Path, request: CancelRequest) -> io::Result<bool> {
    let (_folder, path) = address(run_folder)?;
    let Ok(mut stream) = UnixStream::connect(path) else {
        return Ok(false);
    };
    let line = match request {
        CancelRequest::Graceful => "cancel\n",
        CancelRequest::Now => "cancel now\n",
    };
    stream.write_all(line.as_bytes())?;
    stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer)?;
    Ok(answer.trim() == "ok")
}
