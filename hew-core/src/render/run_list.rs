//! Runs, two lines each: how it stands and what it did; why it stopped and where its result is.

use chrono::{DateTime, Utc};

use super::figures::{compact, duration_ms, usd};
use super::style::{self, BAD, FAINT, WARN};
use super::text::shown_line;
use crate::ids::RunId;
use crate::record::RunState;
use crate::record::event::StopReason;
use crate::record::files::{CostSource, RunFile};
use crate::record::ledger::LedgerDelivery;

/// Columns: the id, then figures.
const ID: usize = 30;
const STATE: usize = 10;
const FIGURE: usize = 7;

/// One run.
#[derive(Debug, Clone, Copy)]
pub struct RunLine<'a> {
    /// The run.
    pub id: &'a RunId,
    /// How it stands; none where its record can't be read.
    pub state: Option<RunState>,
    /// What its record says; none where it never wrote anything.
    pub file: Option<&'a RunFile>,
    /// What became of its result.
    pub delivery: Option<LedgerDelivery>,
    /// When its process was seen to live; none of one that is over.
    pub alive_at: Option<DateTime<Utc>>,
}

/// The names of the columns.
pub fn heading() -> String {
    format!(
        "  {FAINT}{:ID$}  {:STATE$}  {:>FIGURE$}  {:>FIGURE$}  {:>FIGURE$}  USD{FAINT:#}\n",
        "run", "state", "took", "landed", "tokens"
    )
}

/// A run below them.
pub fn row(run: &RunLine<'_>) -> String {
    let (word, style) = match run.state {
        Some(state) => (state.as_str(), style::of_state(state)),
        None => ("unreadable", BAD),
    };
    let head = format!("  {:ID$}  {style}{word:STATE$}{style:#}", run.id.as_str());
    let Some(file) = run.file else { return head.trim_end().to_owned() + "\n" };
    let landed = file.tasks_landed();
    let landed = match file.in_scope {
        // Tasks may have been filed since the launch.
        Some(in_scope) => format!("{landed}/{}", landed.max(in_scope as u64)),
        None => landed.to_string(),
    };
    let took = duration_ms(took_ms(file, run.alive_at));
    let tokens = match file.cumulative_tokens {
        0 => "-".to_owned(),
        tokens => compact(tokens),
    };
    let money = cost(file);
    let figures = format!("{took:>FIGURE$}  {landed:>FIGURE$}  {tokens:>FIGURE$}  {money}");
    format!("{head}  {}\n{}", figures.trim_end(), below(run, file))
}

fn below(run: &RunLine<'_>, file: &RunFile) -> String {
    let mut words = Vec::new();
    words.extend(file.stop_reason.map(StopReason::as_str).map(|reason| {
        let code = file.exit_code.map(|code| format!(" (exit code {code})")).unwrap_or_default();
        format!("{FAINT}{reason}{code}{FAINT:#}")
    }));
    let target = file.target_branch.as_ref().map_or("its target", |branch| branch.as_str());
    let target = shown_line(target);
    words.extend(match run.delivery {
        Some(LedgerDelivery::Delivered) => Some(format!("{FAINT}delivered to {target}{FAINT:#}")),
        Some(LedgerDelivery::Undelivered) => Some(format!("{WARN}not delivered to {target}{WARN:#}")),
        Some(LedgerDelivery::NotWanted) => Some(format!("{FAINT}on its run branch{FAINT:#}")),
        Some(LedgerDelivery::Nothing) | None => None,
    });
    if words.is_empty() { String::new() } else { format!("    {}\n", words.join(", ")) }
}

/// What is known of its price; a sum that lacks something has a sign.
fn cost(file: &RunFile) -> String {
    match (file.cost_usd, file.cost_source) {
        (Some(cost), Some(CostSource::Unknown)) if cost > 0.0 => usd(cost) + "+",
        (Some(_), Some(CostSource::Unknown)) | (None, _) => "-".to_owned(),
        (Some(cost), _) => usd(cost),
    }
}

/// Milliseconds from launch to the latest that the file knows, or to the moment at which its process was seen to live.
pub fn took_ms(file: &RunFile, alive_at: Option<DateTime<Utc>>) -> u64 {
    let between = |from: DateTime<Utc>, to: DateTime<Utc>| {
        u64::try_from(to.signed_duration_since(from).num_milliseconds()).unwrap_or(0)
    };
    let recorded = file.duration_ms.unwrap_or_else(|| between(file.started_at, file.last_updated_at));
    recorded.saturating_add(alive_at.map_or(0, |now| between(file.last_updated_at, now)))
}
