//! Flags of `hew task import`, `export` and `plan`: tasks from files and into them.

use std::path::PathBuf;

use clap::Args;

/// Flags of `hew task import`.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  hew task import .beads/issues.jsonl

A record is stored if its id is new or its updated_at is later than the stored one's. A line that can't be read is named
by its number and nothing is changed, unless --skip-bad.")]
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
#[command(after_help = "Example:
  hew task export backup.jsonl")]
pub struct ExportArgs {
    /// The file, replaced in one step; - or nothing is standard output
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
}

/// Flags of `hew task plan`.
#[derive(Debug, Args)]
#[command(after_help = "Example of a file (TOML; JSON has the same fields in {\"task\": [...]}):
  [[task]]
  name = \"dates\"                 # a name within this file
  title = \"Dates\"
  type = \"epic\"

  [[task]]
  name = \"parse\"
  parent = \"dates\"               # a name of this file or the id of a task
  title = \"Parse dates\"
  description = \"RFC 3339 only\"
  acceptance = \"cargo test dates\"
  priority = 1
  labels = [\"backend\"]

  [[task]]
  parent = \"dates\"
  title = \"Print dates\"
  depends_on = [\"parse\", \"app-1a2b\"]
  runtime = \"shell\"
  run = \"./print-dates.sh\"
  metadata = { ticket = \"X-1\" }

Only title is required. Tasks of one priority run in the order of the file.")]
pub struct PlanArgs {
    /// The file, .toml or .json; - is standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Print the new ids and nothing else, in the order of the file
    #[arg(long)]
    pub id_only: bool,
}
