//! Flags of `hew task import`, `export` and `plan`: tasks from files and into them.

use std::path::PathBuf;

use clap::Args;

/// Flags of `hew task import`.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// The file; - is standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Leave out lines that can't be read, and name them
    #[arg(long)]
    pub skip_bad: bool,
}

/// Flags of `hew task export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The file, replaced in one step; - or nothing is standard output
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
}

/// Flags of `hew task plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// The file, .toml or .json; - is standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Print the new ids and nothing else, in the order of the file
    #[arg(long)]
    pub id_only: bool,
}
