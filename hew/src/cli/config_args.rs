//! Flags of `hew config`.

use clap::{Args, Subcommand};

/// The subcommands of `hew config`.
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:
  hew config set loop.jobs 3
  hew config get loop.gate.command --show-origin
  hew config set --global loop.worktree.copy .env,.envrc
  hew config set loop.model.by_priority.P0 opus
  hew config validate

Exit codes: 0 done; 1 get: the key has no value, edit: the editor failed; 2 unknown key, bad value or a settings file that can't be read")]
pub enum ConfigCommand {
    /// The value of a key; nothing and exit 1 if no layer gives it one
    Get(GetArgs),
    /// Write a key to a settings file: the project's, or the user's outside of projects
    Set(SetArgs),
    /// Take a key out of a settings file
    Unset(UnsetArgs),
    /// Every key that has a value
    List(ListArgs),
    /// Every key there is, with type, default and meaning
    Keys,
    /// The settings files that count, the stronger ones last
    Path,
    /// Open a settings file in your editor (VISUAL, EDITOR), and check it afterwards
    Edit(FileSelection),
    /// Check all layers: every problem with its file and line
    Validate,
}

/// Flags of `hew config get`.
#[derive(Debug, Args)]
pub struct GetArgs {
    /// Dotted, e.g. loop.jobs
    #[arg(value_name = "KEY")]
    pub key: String,
    /// Where the value comes from: file and line, variable or built-in
    #[arg(long)]
    pub show_origin: bool,
}

/// Flags of `hew config set`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  hew config set loop.jobs 3
  hew config set loop.runtime_defs.claude.args '[\"-p\", \"--verbose\"]'

An empty value takes the key out. Lists are given with commas, or as TOML.")]
pub struct SetArgs {
    /// Dotted, e.g. loop.jobs
    #[arg(value_name = "KEY")]
    pub key: String,
    /// The value; lists with commas or as TOML
    #[arg(value_name = "VALUE", allow_hyphen_values = true)]
    pub value: String,
    /// Which file
    #[command(flatten)]
    pub file: FileSelection,
}

/// Flags of `hew config unset`.
#[derive(Debug, Args)]
pub struct UnsetArgs {
    /// Dotted, e.g. loop.jobs
    #[arg(value_name = "KEY")]
    pub key: String,
    /// Which file
    #[command(flatten)]
    pub file: FileSelection,
}

/// Which settings file is written.
#[derive(Debug, Args)]
pub struct FileSelection {
    /// The user's file
    #[arg(long, conflicts_with = "project")]
    pub global: bool,
    /// The project's file
    #[arg(long)]
    pub project: bool,
}

/// Flags of `hew config list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Where each value comes from: file and line, variable or built-in
    #[arg(long)]
    pub show_origin: bool,
}
