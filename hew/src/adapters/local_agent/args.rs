//! What the agent is told. The plan of a spawn makes these arguments from `loop.local`.

use std::time::Duration;

use clap::{ArgAction, Parser};
use hew_core::settings::duration::parse_duration;

/// Does a task by asking a model server.
#[derive(Debug, Parser)]
#[command(name = "hew __local-agent", version)]
pub(super) struct LocalArgs {
    /// Name of the session in its output
    #[arg(long)]
    pub(super) session: Option<String>,
    /// Base URL of the server, through /v1
    #[arg(long)]
    pub(super) endpoint: String,
    /// The model
    #[arg(long)]
    pub(super) model: String,
    /// How freely it words its answers
    #[arg(long)]
    pub(super) temperature: Option<f64>,
    /// Longest answer in tokens
    #[arg(long)]
    pub(super) answer_tokens: Option<u64>,
    /// Longest wait for the first byte of an answer, and from one piece to the next
    #[arg(long, value_parser = length)]
    pub(super) wait: Duration,
    /// Most answers
    #[arg(long, default_value_t = 1)]
    pub(super) turns: u32,
    /// The variable that holds the server's key
    #[arg(long)]
    pub(super) bearer: Option<String>,
    /// The model may call tools
    #[arg(long, action = ArgAction::Set, default_value_t = false)]
    pub(super) offer_tools: bool,
    /// A good end is the agent's word where it says no other (`done_on_exit_zero`)
    #[arg(long, action = ArgAction::Set, default_value_t = false)]
    pub(super) exit_zero: bool,
}

fn length(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|error| error.to_string())
}
