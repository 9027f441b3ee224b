//! A command whose standard input and error are a terminal, with a person before it who has typed ahead.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Command, Stdio};

use nix::pty::openpty;

use crate::running::Ran;

/// Runs a command to its end. What it tells the terminal is in `stderr`, with the answers that the terminal echoes.
///
/// # Panics
/// Where there are no terminals to be had.
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
