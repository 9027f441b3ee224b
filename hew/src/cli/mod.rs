//! The command line. Structs only: a doc comment is the help text.

pub mod config_args;
pub mod epilogue;
pub mod loop_args;
mod parse;
pub mod task_args;
pub mod task_file_args;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use parse::parse;

/// Drains a graph of tasks with coding agents in git worktrees, and proves what happened.
#[derive(Debug, Parser)]
#[command(name = "hew", version, propagate_version = true, max_term_width = 110)]
pub struct Cli {
    /// Flags of every command.
    #[command(flatten)]
    pub global: GlobalArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ColorWhen {
    /// Where the stream is a terminal and `NO_COLOR` is not set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Flags of every command.
#[derive(Debug, Args)]
pub struct GlobalArgs {
    /// Machine output on stdout: one JSON object, or one a line for lists
    #[arg(long, global = true)]
    pub json: bool,
    /// When to colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: ColorWhen,
    /// Results and errors only
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// More narration: what each agent is run with, and where that was set
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub verbose: bool,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run, watch and look back at loops
    #[command(subcommand)]
    Loop(loop_args::LoopCommand),
    /// Tasks, over whichever tracker is in use
    #[command(subcommand)]
    Task(task_args::TaskCommand),
    /// Settings and where they come from
    #[command(subcommand)]
    Config(config_args::ConfigCommand),
    /// Set a project up: settings, state folder, tracker, texts for agents; run again, bring hew's own up to date
    Init(InitArgs),
    /// Texts that teach agents to work with hew
    #[command(subcommand)]
    Skills(SkillsCommand),
    /// What an agent's session is to know of hew, for a hook at its start
    Prime,
    /// Trust what this project's settings run: shows it, and remembers it
    Trust(TrustArgs),
    /// Look for what is wrong, on this machine and in this project, and say what helps
    Doctor(DoctorArgs),
    /// File a task for a failure of CI, from the event that GitHub sends
    Triage(TriageArgs),
    /// JSON Schema of a file that hew reads or writes, or of what --json prints
    Schema(SchemaArgs),
    /// Completions for a shell, to be loaded by it
    Completions(CompletionsArgs),
    /// Manual pages
    Manpage(ManpageArgs),
    /// Watch hew do its job on a small project that it makes
    Demo(DemoArgs),
    /// (for agents) This task is done
    Done(DoneArgs),
    /// (for agents) This task can't be done now
    Blocked(ReasonArgs),
    /// (for agents) This attempt did not work out
    Fail(ReasonArgs),
}

/// Flags of `hew init`.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// Runtimes to set up, the main one first
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub runtime: Vec<String>,
    /// Where tasks live
    #[arg(long, value_name = "KIND")]
    pub tracker: Option<TrackerArg>,
    /// Change settings that are there, too
    #[arg(long)]
    pub reconfigure: bool,
    /// Ask nothing
    #[arg(long)]
    pub yes: bool,
}

/// Where tasks live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TrackerArg {
    /// In bd (beads), which has to be set up
    Bd,
    /// In hew's own store
    Embedded,
}

impl TrackerArg {
    /// The value of `tracker.kind`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Bd => "bd",
            Self::Embedded => "embedded",
        }
    }
}

/// The subcommands of `hew skills`.
#[derive(Debug, Subcommand)]
pub enum SkillsCommand {
    /// Their names, and when to use each
    List,
    /// One text, whole
    Show(SkillArg),
}

/// Which skill.
#[derive(Debug, Args)]
pub struct SkillArg {
    /// Its name, e.g. hew-plan
    #[arg(value_name = "NAME")]
    pub name: String,
}

/// Flags of `hew trust`.
#[derive(Debug, Args)]
pub struct TrustArgs {
    /// Show what is not trusted, and trust nothing
    #[arg(long)]
    pub show: bool,
}

/// Flags of `hew doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Mend what is provably safe: locks that nobody holds, processes and worktrees of runs that are over
    #[arg(long)]
    pub fix: bool,
}

/// Flags of `hew triage`.
#[derive(Debug, Args)]
pub struct TriageArgs {
    /// The event of a check run or a workflow run in JSON; without it, or as -, it is read from standard input
    #[arg(long, value_name = "FILE")]
    pub event: Option<PathBuf>,
    /// The signature that came with the event.
    #[arg(
        long,
        value_name = "SHA256=HEX",
        allow_hyphen_values = true,
        help = "The event's header X-Hub-Signature-256, checked against $HEW_WEBHOOK_SECRET"
    )]
    pub signature: Option<String>,
}

/// Flags of `hew schema`.
#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// Which one; without it all names are listed
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
}

/// Flags of `hew completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// Which shell
    #[arg(value_name = "SHELL")]
    pub shell: clap_complete::Shell,
}

/// Flags of `hew manpage`.
#[derive(Debug, Args)]
pub struct ManpageArgs {
    /// The page of this command, e.g. loop run; without it the one of hew itself
    #[arg(value_name = "COMMAND", conflicts_with = "out")]
    pub command: Vec<String>,
    /// Write all pages to this folder, one file a command
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// Flags of `hew demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Make the project in this folder, which must be empty or absent; without it in a temporary one that stays
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Workers
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=16))]
    pub jobs: u16,
}

/// Flags of `hew done`.
#[derive(Debug, Args)]
pub struct DoneArgs {
    /// What was done, in a sentence
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

/// Flags of `hew blocked` and `hew fail`.
#[derive(Debug, Args)]
pub struct ReasonArgs {
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
}
