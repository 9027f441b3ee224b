//! Flags of `hew config`.

use clap::Subcommand;

/// The subcommands of `hew config`.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {}
