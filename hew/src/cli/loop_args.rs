//! Flags of `hew loop`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// The subcommands of `hew loop`.
#[derive(Debug, Subcommand)]
pub enum LoopCommand {
    /// Drain ready tasks with agents in worktrees; land, close and deliver what passes the gate
    Run(Box<RunArgs>),
    /// Go on with a run whose process is gone
    Resume(RunSelection),
    /// Bring an undelivered run's branch to its target
    Deliver(RunSelection),
    /// Stop a run: finish what runs, start nothing
    Cancel(CancelArgs),
    /// Runs, newest first
    List(ListArgs),
    /// What would run for a task, and why; nothing is started
    Explain(ExplainArgs),
    /// Iterations of a run, or an agent's transcript
    Logs(LogsArgs),
    /// Where a run stands
    Status(StatusArgs),
    /// What a run did: landed, proofs, failures, leftovers
    Summary(RunSelection),
    /// A run as a picture
    Graph(GraphArgs),
    /// A run as one HTML page that needs nothing else
    Report(ReportArgs),
    /// Worktrees that finished or crashed runs left, and whether they may go
    PruneWorktrees(PruneArgs),
}

/// Which run is meant.
#[derive(Debug, Args)]
pub struct RunSelection {
    /// The run; without it the newest of this project
    #[arg(long, value_name = "ID")]
    pub run_id: Option<String>,
}

/// Which slice of the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ScopeArg {
    /// Everything that is ready
    Ready,
    /// Descendants of the epics named by --epic
    Epics,
}

/// When work is landed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MergeArg {
    /// Each task when it is done
    Task,
    /// Each worker's branch, once, at the end of the run
    End,
}

/// Flags of `hew loop run`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own on the command line")]
#[expect(clippy::doc_markdown, reason = "these comments are the help text, which has no markup")]
pub struct RunArgs {
    /// Workers, 1 to 16 (loop.jobs)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=16))]
    pub jobs: Option<u16>,
    /// Slice of the queue; required where nobody can be asked
    #[arg(long, value_name = "SCOPE")]
    pub scope: Option<ScopeArg>,
    /// An epic whose descendants are in scope (repeatable, or a,b)
    #[arg(long = "epic", visible_alias = "epics", value_name = "ID", value_delimiter = ',')]
    pub epics: Vec<String>,
    /// Only this task (repeatable)
    #[arg(long = "task", value_name = "ID", conflicts_with_all = ["scope", "epics"])]
    pub tasks: Vec<String>,
    /// Most iterations of the whole run (loop.budget.iterations)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub max_iter: Option<u64>,
    /// Longest the whole run may take, e.g. 90m or 1h30m (loop.budget.wall)
    #[arg(long, value_name = "DURATION")]
    pub budget_wall: Option<String>,
    /// Most tokens of the whole run, cached ones too (loop.budget.tokens)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub budget_tokens: Option<u64>,
    /// Most US dollars that the whole run may cost, e.g. 2.50 (loop.budget.usd)
    #[arg(long, value_name = "USD")]
    pub budget_usd: Option<String>,
    /// Attempts at one task before it is parked (loop.max_attempts, 3)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_attempts: Option<u32>,
    /// Longest one agent may take (loop.timeout, 60m)
    #[arg(long, value_name = "DURATION")]
    pub timeout: Option<String>,
    /// Longest one agent may show no sign of life (loop.stall_timeout, 15m)
    #[arg(long, value_name = "DURATION")]
    pub stall_timeout: Option<String>,
    /// Main runtime (loop.runtime)
    #[arg(long, value_name = "NAME")]
    pub runtime: Option<String>,
    /// The runtime that takes over while the main one rests (loop.fallback_runtime)
    #[arg(long, value_name = "NAME")]
    pub fallback_runtime: Option<String>,
    /// Iterations on the fallback before the main runtime is tried again (loop.fallback_cooldown_iters, 3)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub fallback_cooldown_iters: Option<u32>,
    /// The model of this run, where a task names none itself; goes before loop.model.*
    #[arg(long, value_name = "NAME", value_parser = model_name)]
    pub model: Option<String>,
    /// Don't ask a planner which of the ready tasks are next (loop.planner.enabled)
    #[arg(long)]
    pub no_planner: bool,
    /// Longest prompt of the planner, in tokens; where it would be longer the planner is not asked (loop.planner.budget_tokens, 10000)
    #[arg(long, value_name = "N")]
    pub planner_budget: Option<u64>,
    /// The planner's runtime (loop.planner.runtime; else the run's own)
    #[arg(long, value_name = "NAME")]
    pub planner_runtime: Option<String>,
    /// The command that decides whether a tree is good (loop.gate.command; else detected)
    #[arg(long, value_name = "CMD", conflicts_with = "no_gate")]
    pub gate: Option<String>,
    /// Land without a gate
    #[arg(long)]
    pub no_gate: bool,
    /// Don't run the gate on the untouched launch commit first
    #[arg(long)]
    pub no_baseline: bool,
    /// Run all tests once on the result before it is delivered (loop.end_of_run.verify_tests)
    #[arg(long)]
    pub verify_tests: bool,
    /// Don't, whatever else says so
    #[arg(long)]
    pub no_verify_tests: bool,
    /// The command of that verification (loop.end_of_run.verify_command; else detected)
    #[arg(long, value_name = "CMD")]
    pub verify_command: Option<String>,
    /// When work is landed: each task when it is done, or each worker's branch once at the end of the run (loop.merge)
    #[arg(long, value_name = "WHEN")]
    pub merge: Option<MergeArg>,
    /// Leave the result on the run branch
    #[arg(long)]
    pub no_deliver: bool,
    /// Go on, now and later, without the results of earlier runs that this target lacks; their branches stay
    #[arg(long)]
    pub ignore_undelivered: bool,
    /// Tasks parked by earlier runs are eligible again
    #[arg(long)]
    pub retry_parked: bool,
    /// Begin another run where one has crashed: what that one holds is given back
    #[arg(long)]
    pub force_new: bool,
    /// An additional stop file; .stop in the run folder always counts
    #[arg(long, value_name = "PATH")]
    pub stop_file: Option<PathBuf>,
    /// Keep all worktrees after the run
    #[arg(long)]
    pub keep_worktrees: bool,
    /// Show what would run, for one pass over the ready tasks, and end
    #[arg(long)]
    pub dry_run: bool,
    /// End when nothing is ready and nothing runs (the default)
    #[arg(long, conflicts_with = "watch")]
    pub until_empty: bool,
    /// Wait for new tasks instead of ending; deliver whenever idle
    #[arg(long)]
    pub watch: bool,
}

/// A name on one line that is not empty.
fn model_name(text: &str) -> Result<String, String> {
    let name = text.trim();
    let fits = !name.is_empty() && !name.contains(char::is_control);
    if fits { Ok(name.to_owned()) } else { Err("a model's name is on one line and not empty".to_owned()) }
}

/// Flags of `hew loop explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The task
    #[arg(value_name = "TASK")]
    pub task: String,
}

/// Flags of `hew loop cancel`.
#[derive(Debug, Args)]
pub struct CancelArgs {
    /// Which run
    #[command(flatten)]
    pub run: RunSelection,
    /// Stop running agents too
    #[arg(long)]
    pub now: bool,
}

/// Flags of `hew loop status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Which run
    #[command(flatten)]
    pub run: RunSelection,
    /// Go on as the run goes on, and end with it
    #[arg(long)]
    pub watch: bool,
}

/// Flags of `hew loop list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// At most this many
    #[arg(short = 'n', value_name = "N", default_value_t = 20)]
    pub count: usize,
}

/// Flags of `hew loop logs`.
#[derive(Debug, Args)]
pub struct LogsArgs {
    /// Which run
    #[command(flatten)]
    pub run: RunSelection,
    /// Only this worker
    #[arg(long, value_name = "N")]
    pub worker: Option<u16>,
    /// Only iterations of this number
    #[arg(long, value_name = "N")]
    pub iter: Option<u32>,
    /// Only this task
    #[arg(long, value_name = "ID")]
    pub task: Option<String>,
    /// Only the last N rows, or the last N lines of a transcript
    #[arg(long, value_name = "N")]
    pub tail: Option<usize>,
    /// Go on as the run goes on
    #[arg(long)]
    pub follow: bool,
    /// The agent's transcript as readable text
    #[arg(long)]
    pub transcript: bool,
}

/// A form of picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum GraphFormat {
    /// For GitHub, GitLab and mermaid.live
    Mermaid,
    /// For Graphviz
    Dot,
    /// For the terminal
    Ascii,
    /// A picture that stands by itself
    Svg,
    /// For programs
    Json,
}

/// Flags of `hew loop graph`.
#[derive(Debug, Args)]
pub struct GraphArgs {
    /// Which run
    #[command(flatten)]
    pub run: RunSelection,
    /// The form; without it the one that the file's name ends with (.md, .mmd, .mermaid, .dot, .gv, .svg, .json, .txt), else ascii
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<GraphFormat>,
    /// Write it to this file, - is stdout; mermaid in a .md file is fenced
    #[arg(long, value_name = "PATH")]
    pub out: Option<PathBuf>,
    /// All runs of this project
    #[arg(long, conflicts_with = "run_id")]
    pub all: bool,
    /// The tasks and their dependencies, by outcome
    #[arg(long)]
    pub tasks: bool,
}

/// Flags of `hew loop report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// Which run
    #[command(flatten)]
    pub run: RunSelection,
    /// Write it to this file; - is stdout
    #[arg(long, value_name = "PATH")]
    pub out: PathBuf,
}

/// Flags of `hew loop prune-worktrees`.
#[derive(Debug, Args)]
pub struct PruneArgs {
    /// Only this run
    #[command(flatten)]
    pub run: RunSelection,
    /// Remove those that are provably safe to remove
    #[arg(long)]
    pub apply: bool,
}
