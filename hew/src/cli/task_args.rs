//! Flags of `hew task`.

use clap::Subcommand;

/// The subcommands of `hew task`.
#[derive(Debug, Subcommand)]
pub enum TaskCommand {}
