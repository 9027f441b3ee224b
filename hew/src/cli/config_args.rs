//! Flags of `hew config`.

use clap::{Args, Subcommand};

/// The subcommands of `hew config`.
#[derive(Debug, Subcommand)]
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
