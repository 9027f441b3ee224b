//! The scripted agent: does what a script says, one step a line, and exits with 0 at its end.
//!
//! `HEW_STUB_SCRIPT` (else the first argument) names a file, or a folder of which `<task>.<attempt>`, else `<task>`, else
//! `default` is taken (`HEW_TASK_ID`, `HEW_ATTEMPT`). Empty lines and lines that begin with `#` are skipped. `${NAME}` is
//! replaced by that variable of the environment, `\n` by a newline, `\xNN` by a byte.
//!
//! | step | does |
//! | --- | --- |
//! | `print TEXT`, `eprint TEXT` | a line on standard output, or error |
//! | `print-raw TEXT` | the text without a newline |
//! | `print-lines N TEXT` | the line N times |
//! | `print-mb N`, `eprint-mb N` | N MB in lines of 80 bytes |
//! | `print-blob-mb N` | N MB without a newline |
//! | `print-file PATH [LINES]` | a file as it is, or its first lines |
//! | `write PATH TEXT`, `append PATH TEXT`, `touch PATH`, `remove PATH` | a file; folders are made; `remove` takes folders too |
//! | `copy PATH FROM` | a file; folders are made |
//! | `many-files DIR N` | N small files |
//! | `exchange PATH ADDRESS TEXT` | says the text to this address (host:port), and writes all that it answers to the file; `unreached: …` where nothing takes it |
//! | `serve ADDRESS` | answers whoever says something to this address with `served` and the task's id, until the agent ends |
//! | `git ARGS…` | git; words, or `"…"` with spaces in them; a failure ends the agent with 90 |
//! | `try-git ARGS…` | the same, and a failure is passed over |
//! | `commit MESSAGE` | adds everything and commits |
//! | `hew ARGS…` | `$HEW_STUB_HEW`, else `hew`; a failure ends the agent with 91 |
//! | `bd ARGS…` | bd; a failure ends the agent with 93 |
//! | `done [REASON]`, `blocked REASON`, `fail REASON` | the agent's words, by `hew` |
//! | `wait-for PATH` | until the file exists |
//! | `hang` | for ever |
//! | `burn` | for ever, using the processor |
//! | `ignore-term`, `ignore-int` | TERM, or INT, has no effect from here on |
//! | `on-int PATH` | INT makes this file, and ends the agent with 0 |
//! | `stop-self` | SIGSTOP |
//! | `child` | a child that hangs, in the agent's group, with its streams |
//! | `daemon` | a child that hangs in a session of its own, ignores TERM, and holds the streams |
//! | `orphan PATH` | a daemon whose parent is gone and whose environment is empty; its process id goes to the file |
//! | `chain PATH` | a process in a session of its own that starts another one like it and ends, as long as the file exists |
//! | `kill-parent SIGNAL` | a signal to the parent, e.g. `SIGSTOP` |
//! | `kill-self SIGNAL` | ends by this signal, e.g. `SIGABRT` |
//! | `record PATH` | argv, env, cwd, standard input, sid and pgid to a JSON file |
//! | `exit N` | ends here |

use std::env;
use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{SigSet, Signal, kill, raise};
use nix::unistd::{Pid, getpgrp, getppid, getsid, setsid};
use serde_json::json;

const MB: usize = 1_000_000;
const GIT_FAILED: u8 = 90;
const HEW_FAILED: u8 = 91;
const BAD_SCRIPT: u8 = 92;
const BD_FAILED: u8 = 93;

/// How the agent ends: the code, and what to say first.
type End = (u8, String);

fn main() -> ExitCode {
    match env::args().nth(1).as_deref() {
        Some("--hang") => hang(),
        Some("--daemon") => become_daemon(),
        Some("--orphan") => return leave_orphan(),
        Some("--chain") => return go_on_as_another(),
        _ => {}
    }
    let ended = load_script().and_then(|script| run(&script));
    let Err((code, reason)) = ended else { return ExitCode::SUCCESS };
    if !reason.is_empty() {
        let _ = writeln!(io::stderr(), "hew-stub-agent: {reason}");
    }
    ExitCode::from(code)
}

fn load_script() -> Result<String, End> {
    let named = env::var_os("HEW_STUB_SCRIPT").or_else(|| env::args_os().nth(1));
    let path = PathBuf::from(named.ok_or_else(|| bad("no script: set HEW_STUB_SCRIPT"))?);
    let path = if path.is_dir() { choose(&path)? } else { path };
    fs::read_to_string(&path).map_err(|error| bad(format!("{}: {error}", path.display())))
}

fn choose(folder: &Path) -> Result<PathBuf, End> {
    let task = env::var("HEW_TASK_ID").unwrap_or_default();
    let attempt = env::var("HEW_ATTEMPT").unwrap_or_default();
    let names = [format!("{task}.{attempt}"), task, "default".to_owned()];
    let found = names.iter().map(|name| folder.join(name)).find(|file| file.is_file());
    found.ok_or_else(|| bad(format!("{} has none of {}", folder.display(), names.join(", "))))
}

fn bad(reason: impl Into<String>) -> End {
    (BAD_SCRIPT, reason.into())
}

fn run(script: &str) -> Result<(), End> {
    let lines = script.lines().map(str::trim_start);
    for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        step(word, &expand(rest))?;
    }
    Ok(())
}

fn step(word: &str, rest: &[u8]) -> Result<(), End> {
    let text = String::from_utf8_lossy(rest).into_owned();
    match word {
        "print" | "print-raw" | "print-lines" | "print-mb" | "print-blob-mb" | "print-file" => {
            print(&mut io::stdout().lock(), word, rest).map_err(|error| bad(error.to_string()))
        }
        "eprint" | "eprint-mb" => {
            print(&mut io::stderr().lock(), &word[1..], rest).map_err(|error| bad(error.to_string()))
        }
        "write" | "append" | "touch" | "remove" | "copy" | "many-files" | "record" | "exchange" => {
            touch_files(word, rest).map_err(|error| bad(format!("{word} {text}: {error}")))
        }
        "git" => call("git", &words(&text), GIT_FAILED),
        "try-git" => call("git", &words(&text), GIT_FAILED).or(Ok(())),
        "commit" => call("git", &["add".into(), "-A".into()], GIT_FAILED)
            .and_then(|()| call("git", &["commit".into(), "-q".into(), "-m".into(), text], GIT_FAILED)),
        "hew" => call_hew(&words(&text)),
        "bd" => call("bd", &words(&text), BD_FAILED),
        "done" | "blocked" | "fail" => call_hew(&signal_words(word, text)),
        "exit" => Err((text.trim().parse().map_err(|_| bad("exit wants a number"))?, String::new())),
        _ => live(word, &text),
    }
}

fn live(word: &str, text: &str) -> Result<(), End> {
    match word {
        "wait-for" => {
            while !Path::new(text).exists() {
                thread::sleep(Duration::from_millis(5));
            }
            Ok(())
        }
        "hang" => hang(),
        "burn" => loop {
            std::hint::spin_loop();
        },
        "serve" => serve(text).map_err(|error| bad(format!("serve {text}: {error}"))),
        "ignore-term" => block(Signal::SIGTERM),
        "ignore-int" => block(Signal::SIGINT),
        "on-int" => end_on_int(PathBuf::from(text)),
        "stop-self" => raise(Signal::SIGSTOP).map_err(|error| bad(error.to_string())),
        "kill-self" => kill_with(Pid::this(), text).map(|()| hang()),
        "kill-parent" => kill_with(getppid(), text),
        "child" => spawn_self("--hang"),
        "daemon" => spawn_self("--daemon"),
        "orphan" => leave_orphan_behind(text),
        "chain" => spawn_link(text),
        _ => Err(bad(format!("unknown step {word}"))),
    }
}

fn print(out: &mut dyn Write, word: &str, rest: &[u8]) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(64 * 1024, out);
    let text = String::from_utf8_lossy(rest);
    let (count, tail) = text.split_once(' ').unwrap_or((&text, ""));
    let count = || count.trim().parse::<usize>().map_err(io::Error::other);
    match word {
        "print" => out.write_all(&[rest, b"\n"].concat())?,
        "print-raw" => out.write_all(rest)?,
        "print-lines" => (0..count()?).try_for_each(|_| writeln!(out, "{tail}"))?,
        "print-file" => {
            let (path, lines) = path_and_count(rest);
            let text = fs::read(path)?;
            let most = lines.unwrap_or(usize::MAX);
            text.split_inclusive(|byte| *byte == b'\n')
                .take(most)
                .try_for_each(|line| out.write_all(line))?;
        }
        "print-mb" => {
            let line = format!("{}\n", "x".repeat(79));
            (0..count()? * MB / 80).try_for_each(|_| out.write_all(line.as_bytes()))?;
        }
        _ => {
            let block = vec![b'x'; MB / 10];
            (0..count()? * 10).try_for_each(|_| out.write_all(&block))?;
        }
    }
    out.flush()
}

/// A path, and the number that may follow it.
fn path_and_count(rest: &[u8]) -> (PathBuf, Option<usize>) {
    let text = String::from_utf8_lossy(rest).into_owned();
    let number = text.rsplit_once(' ').and_then(|(path, lines)| Some((path, lines.parse().ok()?)));
    match number {
        Some((path, lines)) => (PathBuf::from(path), Some(lines)),
        None => (PathBuf::from(text), None),
    }
}

fn touch_files(word: &str, rest: &[u8]) -> io::Result<()> {
    let cut = rest.iter().position(|byte| *byte == b' ').unwrap_or(rest.len());
    let path = PathBuf::from(OsString::from_vec(rest[..cut].to_vec()));
    let body = rest.get(cut + 1..).unwrap_or_default();
    if let Some(parent) = path.parent().filter(|_| word != "remove") {
        fs::create_dir_all(parent)?;
    }
    match word {
        "write" => fs::write(&path, body),
        "copy" => fs::copy(String::from_utf8_lossy(body).as_ref(), &path).map(drop),
        "touch" => OpenOptions::new().create(true).append(true).open(&path).map(drop),
        "append" => OpenOptions::new().create(true).append(true).open(&path)?.write_all(body),
        "remove" if path.is_dir() => fs::remove_dir_all(&path),
        "remove" => fs::remove_file(&path),
        "record" => record(&path),
        "exchange" => {
            fs::write(&path, exchange(body).unwrap_or_else(|error| format!("unreached: {error}").into()))
        }
        _ => many_files(&path, &String::from_utf8_lossy(body)),
    }
}

fn many_files(folder: &Path, count: &str) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let count: usize = count.trim().parse().map_err(io::Error::other)?;
    (0..count).try_for_each(|number| fs::write(folder.join(format!("file-{number}")), format!("{number}\n")))
}

fn exchange(rest: &[u8]) -> io::Result<Vec<u8>> {
    let cut = rest.iter().position(|byte| *byte == b' ').unwrap_or(rest.len());
    let address = String::from_utf8_lossy(&rest[..cut]).into_owned();
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(rest.get(cut + 1..).unwrap_or_default())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}

fn record(path: &Path) -> io::Result<()> {
    let mut stdin = Vec::new();
    io::stdin().lock().read_to_end(&mut stdin)?;
    let record = json!({
        "argv": env::args().collect::<Vec<_>>(),
        "env": env::vars().collect::<std::collections::BTreeMap<_, _>>(),
        "cwd": env::current_dir()?,
        "stdin": String::from_utf8_lossy(&stdin),
        "pid": std::process::id(),
        "pgid": getpgrp().as_raw(),
        "sid": getsid(None)?.as_raw(),
    });
    // Renamed into place, so that a reader that waits for it finds it whole.
    let partial = path.with_extension("partial");
    fs::write(&partial, record.to_string())?;
    fs::rename(partial, path)
}

fn call(program: &str, args: &[String], code: u8) -> Result<(), End> {
    let status =
        Command::new(program).args(args).status().map_err(|error| (code, format!("{program}: {error}")))?;
    if status.success() { Ok(()) } else { Err((code, format!("{program} {}: {status}", args.join(" ")))) }
}

fn call_hew(args: &[String]) -> Result<(), End> {
    let hew = env::var("HEW_STUB_HEW").unwrap_or_else(|_| "hew".to_owned());
    call(&hew, args, HEW_FAILED)
}

fn signal_words(word: &str, reason: String) -> Vec<String> {
    let word = word.to_owned();
    if reason.is_empty() { vec![word] } else { vec![word, "--reason".to_owned(), reason] }
}

fn serve(address: &str) -> io::Result<()> {
    let listener = TcpListener::bind(address)?;
    let task = env::var("HEW_TASK_ID").unwrap_or_default();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            // Who speaks is heard first, or would not hear the answer.
            let _ = stream.read(&mut [0; 1024]).and_then(|_| writeln!(stream, "served {task}"));
        }
    });
    Ok(())
}

fn spawn_self(role: &str) -> Result<(), End> {
    let started = env::current_exe().and_then(|own| Command::new(own).arg(role).spawn());
    started.map(drop).map_err(|error| bad(format!("{role}: {error}")))
}

fn become_daemon() -> ! {
    let _ = setsid();
    let _ = block(Signal::SIGTERM);
    hang()
}

/// Its parent has ended when this comes back.
fn leave_orphan_behind(path: &str) -> Result<(), End> {
    let ended = env::current_exe().and_then(|own| Command::new(own).args(["--orphan", path]).status());
    match ended {
        Ok(status) if status.success() => Ok(()),
        other => Err(bad(format!("orphan: {other:?}"))),
    }
}

fn leave_orphan() -> ExitCode {
    let path = PathBuf::from(env::args_os().nth(2).unwrap_or_default());
    let daemon = env::current_exe().and_then(|own| Command::new(own).arg("--daemon").env_clear().spawn());
    match daemon.and_then(|daemon| fs::write(path, daemon.id().to_string())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(BAD_SCRIPT),
    }
}

fn spawn_link(path: &str) -> Result<(), End> {
    let started = env::current_exe().and_then(|own| Command::new(own).args(["--chain", path]).spawn());
    started.map(drop).map_err(|error| bad(format!("chain: {error}")))
}

fn go_on_as_another() -> ExitCode {
    let path = env::args().nth(2).unwrap_or_default();
    let _ = setsid();
    if Path::new(&path).exists() && spawn_link(&path).is_err() {
        return ExitCode::from(BAD_SCRIPT);
    }
    ExitCode::SUCCESS
}

/// A signal is blocked rather than handled: no code has to run for it.
fn block(signal: Signal) -> Result<(), End> {
    let mut set = SigSet::empty();
    set.add(signal);
    set.thread_block().map_err(|error| bad(error.to_string()))
}

/// Waits for INT in a thread; it is blocked in this one.
fn end_on_int(mark: PathBuf) -> Result<(), End> {
    block(Signal::SIGINT)?;
    thread::spawn(move || {
        let mut set = SigSet::empty();
        set.add(Signal::SIGINT);
        let came = set.wait().is_ok() && fs::write(mark, "").is_ok();
        std::process::exit(if came { 0 } else { i32::from(BAD_SCRIPT) });
    });
    Ok(())
}

fn kill_with(pid: Pid, name: &str) -> Result<(), End> {
    let signal: Signal = name.trim().parse().map_err(|_| bad(format!("no signal {name}")))?;
    kill(pid, signal).map_err(|error| bad(error.to_string()))
}

fn hang() -> ! {
    loop {
        thread::park();
    }
}

/// Words apart by blanks; `"…"` keeps blanks.
fn words(text: &str) -> Vec<String> {
    let mut found = vec![];
    for (number, piece) in text.split('"').enumerate() {
        if number % 2 == 1 {
            found.push(piece.to_owned());
        } else {
            found.extend(piece.split_whitespace().map(str::to_owned));
        }
    }
    found
}

fn expand(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['\\', '$']) {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        let (bytes, used) = expand_one(&rest[at..]);
        out.extend_from_slice(&bytes);
        rest = &rest[at + used..];
    }
    out.extend_from_slice(rest.as_bytes());
    out
}

fn expand_one(text: &str) -> (Vec<u8>, usize) {
    let byte = text.strip_prefix("\\x").and_then(|hex| u8::from_str_radix(hex.get(..2)?, 16).ok());
    if let Some(byte) = byte {
        return (vec![byte], 4);
    }
    if text.starts_with("\\n") {
        return (b"\n".to_vec(), 2);
    }
    let name = text.strip_prefix("${").and_then(|rest| rest.split_once('}')).map(|(name, _)| name);
    name.map_or_else(
        || (text.as_bytes()[..1].to_vec(), 1),
        |name| (env::var(name).unwrap_or_default().into_bytes(), name.len() + 3),
    )
}
