//! `hew loop list`.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::{DateTime, Utc};
use hew_core::ids::{BranchName, CommitId, RunId};
use hew_core::output::Output;
use hew_core::record::event::StopReason;
use hew_core::record::files::{CostSource, RunFile};
use hew_core::record::ledger::{LedgerDelivery, LedgerRun};
use hew_core::record::{RunState, StoreError};
use hew_core::render::run_list;
use schemars::JsonSchema;
use serde::Serialize;

use super::past_runs;
use crate::adapters::project::Project;
use crate::adapters::run_index::{self, RunEntry};
use crate::adapters::{ledger, lock};
use crate::cli::loop_args::ListArgs;
use crate::failure::{Failure, code};
use crate::ui::Ui;

/// A run in a list. What its record does not tell is null.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ListedRun<'a> {
    /// The run.
    run_id: &'a RunId,
    /// How it stands; null where its record can't be read.
    state: Option<RunState>,
    /// Why it can't be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// Its folder.
    folder: &'a Path,
    /// When it was launched.
    started_at: Option<DateTime<Utc>>,
    /// Its record's latest entry.
    last_sign_of_life: Option<DateTime<Utc>>,
    /// Milliseconds between the two; to now while it runs.
    duration_ms: Option<u64>,
    /// Number of workers.
    jobs: Option<u16>,
    /// Iterations that began.
    iterations: Option<u64>,
    /// Tasks of which something landed.
    landed: Option<u64>,
    /// Tasks in scope that were open at launch.
    in_scope: Option<usize>,
    /// Tokens of all kinds.
    tokens: Option<u64>,
    /// Money in USD, as far as a price is known.
    cost_usd: Option<f64>,
    /// Where the price of all of it came from.
    cost_source: Option<CostSource>,
    /// The branch that was checked out at launch.
    target_branch: Option<&'a BranchName>,
    /// Where results land.
    run_branch: Option<&'a BranchName>,
    /// What became of its result; null while it runs, and if it crashed.
    delivery: Option<LedgerDelivery>,
    /// Where the target was brought.
    delivered_sha: Option<&'a CommitId>,
    /// Why it ended.
    stop_reason: Option<StopReason>,
    /// The process's exit code.
    exit_code: Option<u8>,
}

impl Output for ListedRun<'_> {
    const KIND: &'static str = "run";
}

/// Runs, newest first, each as soon as it is read.
pub fn run(args: &ListArgs, ui: &Ui) -> Result<u8, Failure> {
    let project = Project::discover_to_look()?;
    let holder = lock::holder(&project.shared_dir);
    let known = ledger::read(&project.shared_dir).unwrap_or_else(|error| {
        ui.warn(&error.to_string());
        Default::default()
    });
    let known: BTreeMap<RunId, LedgerRun> =
        known.0.into_iter().map(|run| (run.run_id.clone(), run)).collect();
    let runs = run_index::list(&project.state_dir)?;
    if runs.is_empty() && !ui.is_json() {
        ui.say("this project has no runs yet");
        return Ok(code::OK);
    }
    if !ui.is_json() {
        ui.print(&run_list::heading());
    }
    for entry in runs.into_iter().take(args.count) {
        let read = past_runs::brief(&entry, holder.as_ref());
        if let Err(error) = &read {
            ui.warn(&error.to_string());
        }
        let state = |file: Option<&RunFile>| past_runs::state_of(&entry.id, file, holder.as_ref());
        let state = read.as_ref().ok().map(|file| state(file.as_ref()));
        let alive_at = (state == Some(RunState::Running)).then(Utc::now);
        let ledger = known.get(&entry.id);
        if ui.is_json() {
            ui.print_output(&listed(&entry, state, alive_at, &read, ledger));
        } else {
            let file = read.as_ref().ok().and_then(Option::as_ref);
            ui.print(&run_list::row(&run_list::RunLine {
                id: &entry.id,
                state,
                file,
                delivery: delivery(file, ledger),
                alive_at,
            }));
        }
    }
    Ok(code::OK)
}

/// The ledger's latest word; of a run that it does not know, its record's.
fn delivery(file: Option<&RunFile>, known: Option<&LedgerRun>) -> Option<LedgerDelivery> {
    let is_delivered = known.is_some_and(|run| run.delivered.is_some())
        || (known.is_none() && file.is_some_and(|file| file.delivered_sha.is_some()));
    if is_delivered {
        return Some(LedgerDelivery::Delivered);
    }
    known.and_then(|run| run.ended.as_ref()).map(|ended| ended.delivery)
}

fn listed<'a>(
    entry: &'a RunEntry,
    state: Option<RunState>,
    alive_at: Option<DateTime<Utc>>,
    read: &'a Result<Option<RunFile>, StoreError>,
    known: Option<&'a LedgerRun>,
) -> ListedRun<'a> {
    let file = read.as_ref().ok().and_then(Option::as_ref);
    let later = known.and_then(|run| run.delivered.as_ref()).map(|(_, sha)| sha);
    ListedRun {
        run_id: &entry.id,
        state,
        error: read.as_ref().err().map(ToString::to_string),
        folder: &entry.dir,
        started_at: file.map(|file| file.started_at),
        last_sign_of_life: file.map(|file| file.last_updated_at),
        duration_ms: file.map(|file| run_list::took_ms(file, alive_at)),
        jobs: file.map(|file| file.jobs),
        iterations: file.map(|file| file.iter_count),
        landed: file.map(RunFile::tasks_landed),
        in_scope: file.and_then(|file| file.in_scope),
        tokens: file.map(|file| file.cumulative_tokens),
        cost_usd: file.and_then(|file| file.cost_usd),
        cost_source: file.and_then(|file| file.cost_source),
        target_branch: file.and_then(|file| file.target_branch.as_ref()),
        run_branch: file.and_then(|file| file.run_branch.as_ref()),
        delivery: delivery(file, known),
        delivered_sha: later.or(file.and_then(|file| file.delivered_sha.as_ref())),
        stop_reason: file.and_then(|file| file.stop_reason),
        exit_code: file.and_then(|file| file.exit_code),
    }
}
