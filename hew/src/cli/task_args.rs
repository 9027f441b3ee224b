//! Flags of `hew task`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::task_file_args::{ExportArgs, ImportArgs, PlanArgs};

/// The subcommands of `hew task`.
#[derive(Debug, Subcommand)]
pub enum TaskCommand {
    /// File a task
    Add(Box<AddArgs>),
    /// Make a task of a line, with a model's help; it is shown, or with --add filed
    Elaborate(ElaborateArgs),
    /// Tasks that are not closed, most urgent first
    List(ListArgs),
    /// One task, whole
    Show(IdArg),
    /// Tasks that could start now, the next one first
    Ready(ReadyArgs),
    /// Take a task: it is yours, or the answer says whose
    Claim(ClaimArgs),
    /// Close a task
    Close(CloseArgs),
    /// Make a closed task open and unassigned again; a parked one becomes eligible
    Reopen(IdArg),
    /// Make a parked task eligible again
    Unpark(IdArg),
    /// Change a task's fields, all or none
    Update(Box<UpdateArgs>),
    /// What waits for what
    #[command(subcommand)]
    Dep(DepCommand),
    /// Add a paragraph to a task's notes
    Note(NoteArgs),
    /// Read beads JSONL: new and newer records are stored, nothing is deleted
    Import(ImportArgs),
    /// Write beads JSONL
    Export(ExportArgs),
    /// File many tasks with dependencies from one file, all or none
    Plan(PlanArgs),
}

/// Which task.
#[derive(Debug, Args)]
pub struct IdArg {
    /// The task, by its whole id
    #[arg(value_name = "ID")]
    pub id: String,
}

/// Who does it.
#[derive(Debug, Args)]
pub struct ActorArg {
    /// Who does it; without it the iteration that this runs in, else $USER, else `person`
    #[arg(long, value_name = "NAME")]
    pub actor: Option<String>,
}

/// A description, inline or from a file.
#[derive(Debug, Args)]
pub struct DescriptionArgs {
    /// What is to be done
    #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true)]
    pub description: Option<String>,
    /// Read it from this file; - is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "description")]
    pub description_file: Option<PathBuf>,
}

/// Flags of `hew task add`.
#[derive(Debug, Args)]
pub struct AddArgs {
    /// 1 to 500 bytes; after -- it may begin with a dash
    #[arg(value_name = "TITLE")]
    pub title: String,
    /// What is to be done
    #[command(flatten)]
    pub description: DescriptionArgs,
    /// How to tell that it is done
    #[arg(long, value_name = "TEXT", default_value = "", allow_hyphen_values = true)]
    pub acceptance: String,
    /// task, bug, feature, epic, chore or any other word
    #[arg(short = 't', long = "type", value_name = "TYPE", default_value = "task")]
    pub issue_type: String,
    /// 0 (most urgent) to 4; P0 to P4 mean the same
    #[arg(short, long, value_name = "0..4", default_value = "2", value_parser = priority)]
    pub priority: u8,
    /// Labels, with commas
    #[arg(short, long = "label", value_name = "A,B", value_delimiter = ',')]
    pub labels: Vec<String>,
    /// The task or epic that it is part of
    #[arg(long, value_name = "ID")]
    pub parent: Option<String>,
    /// A task that must be done first; repeatable
    #[arg(long = "dep", value_name = "ID", value_delimiter = ',')]
    pub deps: Vec<String>,
    /// The runtime that does it
    #[arg(long, value_name = "NAME")]
    pub runtime: Option<String>,
    /// The command that does it, for the shell runtime
    #[arg(long, value_name = "CMD", allow_hyphen_values = true)]
    pub run: Option<String>,
    /// Print the new id and nothing else
    #[arg(long)]
    pub id_only: bool,
}

/// Flags of `hew task elaborate`.
#[derive(Debug, Args)]
pub struct ElaborateArgs {
    /// The line; after -- it may begin with a dash
    #[arg(value_name = "TEXT")]
    pub text: String,
    /// File the task, and keep the line with it
    #[arg(long)]
    pub add: bool,
}

/// Flags of `hew task list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Any of these statuses, e.g. open,deferred
    #[arg(long, value_name = "STATUS", value_delimiter = ',')]
    pub status: Vec<String>,
    /// Any of these types
    #[arg(long = "type", value_name = "TYPE", value_delimiter = ',')]
    pub types: Vec<String>,
    /// All of these labels
    #[arg(long = "label", value_name = "LABEL", value_delimiter = ',')]
    pub labels: Vec<String>,
    /// Closed ones too
    #[arg(long)]
    pub all: bool,
}

/// Flags of `hew task ready`.
#[derive(Debug, Args)]
pub struct ReadyArgs {
    /// At most this many
    #[arg(short = 'n', long, value_name = "N")]
    pub limit: Option<usize>,
}

/// Flags of `hew task claim`.
#[derive(Debug, Args)]
pub struct ClaimArgs {
    /// Which task
    #[command(flatten)]
    pub task: IdArg,
    /// Who takes it
    #[command(flatten)]
    pub actor: ActorArg,
}

/// Flags of `hew task close`.
#[derive(Debug, Args)]
pub struct CloseArgs {
    /// Which task
    #[command(flatten)]
    pub task: IdArg,
    /// Why it is closed, e.g. what was done
    #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true)]
    pub reason: String,
    /// Who closes it
    #[command(flatten)]
    pub actor: ActorArg,
}

/// Flags of `hew task update`.
#[derive(Debug, Args)]
pub struct UpdateArgs {
    /// Which task
    #[command(flatten)]
    pub task: IdArg,
    /// 1 to 500 bytes
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub title: Option<String>,
    /// What is to be done
    #[command(flatten)]
    pub description: DescriptionArgs,
    /// How to tell that it is done
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub acceptance: Option<String>,
    /// Design notes
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub design: Option<String>,
    /// Notes, replacing the old ones; `hew task note` adds to them
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub notes: Option<String>,
    /// open, blocked, deferred, closed, pinned or any other word
    #[arg(short, long, value_name = "STATUS")]
    pub status: Option<String>,
    /// 0 (most urgent) to 4; P0 to P4 mean the same
    #[arg(short, long, value_name = "0..4", value_parser = priority)]
    pub priority: Option<u8>,
    /// task, bug, feature, epic, chore or any other word
    #[arg(short = 't', long = "type", value_name = "TYPE")]
    pub issue_type: Option<String>,
    /// Who holds it; empty takes the holder away
    #[arg(short, long, value_name = "NAME")]
    pub assignee: Option<String>,
    /// The task or epic that it is part of; empty takes it out
    #[arg(long, value_name = "ID")]
    pub parent: Option<String>,
    /// Labels to add, with commas
    #[arg(short = 'l', long = "add-label", value_name = "A,B", value_delimiter = ',')]
    pub add_labels: Vec<String>,
    /// Labels to take away, with commas
    #[arg(long = "remove-label", value_name = "A,B", value_delimiter = ',')]
    pub remove_labels: Vec<String>,
    /// The runtime that does it; empty takes it away
    #[arg(long, value_name = "NAME")]
    pub runtime: Option<String>,
    /// The command that does it, for the shell runtime; empty takes it away
    #[arg(long, value_name = "CMD", allow_hyphen_values = true)]
    pub run: Option<String>,
}

/// The subcommands of `hew task dep`.
#[derive(Debug, Subcommand)]
pub enum DepCommand {
    /// TASK waits until PREREQUISITE is closed; a cycle is refused
    Add(DepAddArgs),
    /// TASK no longer depends on PREREQUISITE in any way
    Remove(EdgeArgs),
    /// What a task waits for, and what that waits for, and so on
    Tree(IdArg),
}

/// An edge.
#[derive(Debug, Args)]
pub struct EdgeArgs {
    /// The task that waits
    #[arg(value_name = "TASK")]
    pub task: String,
    /// The task that must be done first
    #[arg(value_name = "PREREQUISITE")]
    pub prerequisite: String,
}

/// Flags of `hew task dep add`.
#[derive(Debug, Args)]
pub struct DepAddArgs {
    /// From where to where
    #[command(flatten)]
    pub edge: EdgeArgs,
    /// blocks, conditional-blocks, parent-child, waits-for (the children of PREREQUISITE), related or any other word
    #[arg(short = 't', long = "type", value_name = "KIND", default_value = "blocks")]
    pub kind: String,
}

/// Flags of `hew task note`.
#[derive(Debug, Args)]
pub struct NoteArgs {
    /// Which task
    #[command(flatten)]
    pub task: IdArg,
    /// What to add
    #[arg(value_name = "TEXT", allow_hyphen_values = true)]
    pub text: String,
}

fn priority(text: &str) -> Result<u8, String> {
    let digits = text.strip_prefix(['P', 'p']).unwrap_or(text);
    match digits.parse() {
        Ok(number @ 0..=4) => Ok(number),
        _ => Err("0 (most urgent) to 4, or P0 to P4".to_owned()),
    }
}
