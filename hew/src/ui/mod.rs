//! The only printer. Results go to stdout, narration and errors to stderr; a closed stdout ends printing, never a run.

pub mod panic;
mod pieces;
pub mod screen;
pub mod terminal;
pub mod wrong_flags;

use std::fmt;
use std::io::{ErrorKind, IsTerminal as _, Write, stderr, stdin, stdout};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use hew_core::output::{Output, Printed};
use hew_core::render::text;
use serde::Serialize;

use crate::cli::{ColorWhen, GlobalArgs};
use crate::failure::{Failure, code};
use pieces::{InPieces, JsonInPieces, PIECE};

/// A person is there: stdin and stderr are terminals, and no variable says otherwise.
pub fn can_ask() -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    stdin().is_terminal() && stderr().is_terminal() && !is_set("CI") && !is_set("HEW_NON_INTERACTIVE")
}

/// One object of `--json` with the end of its line.
///
/// # Panics
/// If a map in it has keys that are no strings.
pub fn json_line(output: &impl Output) -> String {
    let line = serde_json::to_string(&Printed::of(output)).expect("outputs have string keys");
    text::visible_json(line) + "\n"
}

/// How this invocation prints. A copy prints to the same streams and knows the same of them.
#[derive(Debug, Clone)]
pub struct Ui {
    json: bool,
    quiet: bool,
    verbose: bool,
    stdout: Arc<Stdout>,
}

/// What has become of stdout.
#[derive(Debug, Default)]
struct Stdout {
    is_closed: AtomicBool,
    /// Why a result could not be printed, if it is not that nobody reads it.
    lost_output: Mutex<Option<String>>,
}

impl Ui {
    /// Settles colour for both streams once.
    pub fn new(args: &GlobalArgs) -> Self {
        let choice = match args.color {
            ColorWhen::Auto => anstream::ColorChoice::Auto,
            ColorWhen::Always => anstream::ColorChoice::Always,
            ColorWhen::Never => anstream::ColorChoice::Never,
        };
        choice.write_global();
        Self { json: args.json, quiet: args.quiet, verbose: args.verbose, stdout: Arc::default() }
    }

    /// Narration is not wanted.
    pub fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Machine output is wanted.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// More narration is wanted.
    pub fn is_verbose(&self) -> bool {
        self.verbose
    }

    /// A result for people: whole lines, already made safe by a renderer; styles are dropped where the stream shows none.
    pub fn print(&self, text: &str) {
        self.print_to(anstream::stdout().lock(), text);
    }

    /// A result without styles, which need not be looked for.
    fn print_unstyled(&self, text: &str) {
        self.print_to(stdout().lock(), text);
    }

    fn print_to(&self, mut out: impl Write, text: &str) {
        if self.stdout.is_closed.load(Ordering::Relaxed) {
            return;
        }
        if let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            self.stdout.is_closed.store(true, Ordering::Relaxed);
            if error.kind() != ErrorKind::BrokenPipe {
                *self.stdout.lost_output.lock().unwrap_or_else(PoisonError::into_inner) =
                    Some(error.to_string());
            }
        }
    }

    /// One object of `--json` on a line of its own.
    pub fn print_output(&self, output: &impl Output) {
        self.print_unstyled(&json_line(output));
    }

    /// Many of them.
    pub fn print_outputs<'a, T: Output + 'a>(&self, outputs: impl IntoIterator<Item = &'a T>) {
        let mut lines = String::new();
        for output in outputs {
            lines.push_str(&json_line(output));
            if lines.len() >= PIECE {
                self.print_unstyled(&std::mem::take(&mut lines));
                if !self.is_stdout_open() {
                    return;
                }
            }
        }
        self.print_unstyled(&lines);
    }

    /// One JSON object on a line of its own.
    ///
    /// # Panics
    /// If a map in the value has keys that are no strings.
    pub fn print_json(&self, value: &impl Serialize) {
        let mut line = JsonInPieces::new(self);
        match serde_json::to_writer(&mut line, value) {
            Ok(()) => line.end(),
            // Nobody reads any more.
            Err(error) if error.is_io() => {}
            Err(error) => panic!("values made for printing have string keys: {error}"),
        }
    }

    /// A result for people that is written bit by bit.
    pub fn print_in_pieces(&self, write: impl FnOnce(&mut dyn fmt::Write) -> fmt::Result) {
        Self::write_in_pieces(InPieces::new(self, true), write);
    }

    /// The same of a result without styles, which need not be looked for.
    pub fn print_unstyled_in_pieces(&self, write: impl FnOnce(&mut dyn fmt::Write) -> fmt::Result) {
        Self::write_in_pieces(InPieces::new(self, false), write);
    }

    fn write_in_pieces(mut text: InPieces<'_>, write: impl FnOnce(&mut dyn fmt::Write) -> fmt::Result) {
        // It fails only where nobody reads any more.
        if write(&mut text).is_ok() {
            text.end();
        }
    }

    /// The exit code of a command that ended with `code`: a result that could not be printed whole is a failure.
    pub fn finish(&self, code: u8) -> ExitCode {
        let lost = self.stdout.lost_output.lock().unwrap_or_else(PoisonError::into_inner).take();
        match lost {
            Some(error) => {
                self.warn(&format!("error: the result could not be written to stdout: {error}"));
                ExitCode::from(code.max(code::FAILED))
            }
            None => ExitCode::from(code),
        }
    }

    /// Somebody still reads stdout.
    pub fn is_stdout_open(&self) -> bool {
        !self.stdout.is_closed.load(Ordering::Relaxed) && !terminal::is_reader_gone()
    }

    /// Narration: one line on stderr, unless `-q`. Control characters in it are shown, not obeyed.
    pub fn say(&self, line: &str) {
        if !self.quiet {
            // Nobody to tell is no reason to stop.
            let _ = writeln!(anstream::stderr().lock(), "{}", text::visible(line));
        }
    }

    /// What a person must see even with `-q`.
    pub fn warn(&self, line: &str) {
        let _ = writeln!(anstream::stderr().lock(), "{}", text::visible(line));
    }

    /// Prints a failure in the form asked for and answers its exit code.
    pub fn fail(&self, failure: &Failure) -> ExitCode {
        if self.json {
            self.print_output(failure);
        } else {
            let _ = anstream::stderr().lock().write_all(render_failure(failure).as_bytes());
        }
        ExitCode::from(failure.code)
    }
}

fn render_failure(failure: &Failure) -> String {
    use std::fmt::Write as _;
    let bold_red = anstyle::AnsiColor::Red.on_default().bold();
    let mut out = format!("{bold_red}error{bold_red:#}: {}\n", text::visible(&failure.message));
    for cause in &failure.causes {
        for (number, line) in cause.lines().enumerate() {
            let lead = if number == 0 { "  - " } else { "    " };
            let _ = writeln!(out, "{lead}{}", text::visible(line));
        }
    }
    if let Some(hint) = &failure.hint {
        for (number, line) in hint.lines().enumerate() {
            let lead = if number == 0 { "  next: " } else { "        " };
            let _ = writeln!(out, "{lead}{}", text::visible(line));
        }
    }
    out
}
