//! What is told about a command line that can't be read: clap's own words, or the one error object of `--json`. Help and
//! versions are no errors.

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

use crate::failure::Failure;

/// Tells it and answers the exit code.
///
/// # Panics
/// Never: clap's exit codes are 0 and 2.
pub fn tell(error: &clap::Error, mut args: impl Iterator<Item = OsString>) -> ExitCode {
    if error.use_stderr() && args.any(|arg| arg == "--json") {
        let line = super::json_line(&failure(&error.to_string()));
        // A closed stdout changes nothing about the exit code.
        let _ = write!(anstream::stdout().lock(), "{line}");
    } else {
        let _ = error.print();
    }
    ExitCode::from(u8::try_from(error.exit_code()).expect("clap's codes are 0 and 2"))
}

/// Clap's text, taken apart: the error, its tips, the way to the help.
fn failure(text: &str) -> Failure {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let message = lines.next().unwrap_or_default();
    let facts =
        lines.take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more information"));
    let failure = Failure::usage(message.trim_start_matches("error: "));
    facts.fold(failure, Failure::because).hint("hew --help")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn claps_words_become_message_causes_and_hint() {
        let refused = |args: &[&str]| failure(&Cli::try_parse_from(args).unwrap_err().to_string());
        let found = refused(&["hew", "loop", "run", "--scope", "raedy"]);
        assert_eq!((found.code, found.message.as_str()), (2, "invalid value 'raedy' for '--scope <SCOPE>'"));
        assert!(found.causes.iter().any(|cause| cause.contains("'ready'")), "{:?}", found.causes);
        assert!(!found.causes.iter().any(|cause| cause.contains("--help")), "{:?}", found.causes);
    }
}
