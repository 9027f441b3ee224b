//! From words to the structs of the command line.

use clap::error::ErrorKind;
use clap::{Error, FromArgMatches as _, Parser as _};

use super::{Cli, epilogue};

/// Reads the command line of this process. The ends of help are made only where help is shown: to make them all takes longer
/// than to read the words.
///
/// # Errors
/// Words that are no command line of hew's, and those that ask for help or the version.
pub fn parse() -> Result<Cli, Error> {
    Cli::try_parse().or_else(|error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            Cli::from_arg_matches(&epilogue::command().try_get_matches()?)
        }
        _ => Err(error),
    })
}
