//! run.json and manifest.json.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CostSource, worker_subdir};
use crate::ids::{BranchName, CommitId, RunId, WorkerId};
use crate::record::event::{
    SCHEMA_VERSION, ScopeRecord, SettingRecord, StopReason, TrackerRecord, VerifyOutcome,
};
use crate::record::view::{RunHeader, RunView, WorkerTotals};

/// run.json.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunFile {
    /// Version of this file.
    #[serde(default)]
    pub schema_version: u32,
    /// The run.
    pub id: RunId,
    /// When it was launched.
    pub started_at: DateTime<Utc>,
    /// The journal's latest entry that this file knows.
    pub last_updated_at: DateTime<Utc>,
    /// Milliseconds that it has lived, all its processes together; unknown in older runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// How often another process went on with it after a crash.
    #[serde(default, skip_serializing_if = "is_none")]
    pub resumes: u32,
    /// Iterations that began.
    #[serde(default)]
    pub iter_count: u64,
    /// Tokens of all kinds.
    #[serde(default)]
    pub cumulative_tokens: u64,
    /// Why it ended; absent while it runs, and if it crashed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_reason: Option<StopReason>,
    /// The process's exit code, once it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<u8>,
    /// Most iterations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_iter: Option<u64>,
    /// Of an older layout; false.
    #[serde(default)]
    pub strict: bool,
    /// Of an older layout; false.
    #[serde(default)]
    pub interactive: bool,
    /// The slice of the queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<ScopeRecord>,
    /// What the verification at the end showed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify_outcome: Option<VerifyOutcome>,
    /// The commit that everything started from; none in an older layout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub launch_sha: Option<CommitId>,
    /// The branch that was checked out at launch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_branch: Option<BranchName>,
    /// Where results land; none in an older layout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_branch: Option<BranchName>,
    /// Where the target was brought.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivered_sha: Option<CommitId>,
    /// Number of workers.
    #[serde(default = "one")]
    pub jobs: u16,
    /// The program's version.
    #[serde(default)]
    pub hew_version: String,
    /// Where the tasks live; unknown in older runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracker: Option<TrackerRecord>,
    /// Landings so far.
    #[serde(default)]
    pub landed: u64,
    /// Tasks of which something landed so far; unknown in older runs. One landing may hold several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub landed_tasks: Option<u64>,
    /// Tasks in scope that were open at launch; unknown in older runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_scope: Option<usize>,
    /// Money in USD, as far as a price is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    /// Where the price of all of it came from; unknown in older runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_source: Option<CostSource>,
    /// The effective settings, with origins.
    #[serde(default)]
    pub settings: Vec<SettingRecord>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_none(count: &u32) -> bool {
    *count == 0
}

fn one() -> u16 {
    1
}

impl RunFile {
    /// Tasks of which something landed. Older files know landings only, which was the same but with `--merge end`.
    pub fn tasks_landed(&self) -> u64 {
        self.landed_tasks.unwrap_or(self.landed)
    }

    /// The file of a run that has begun.
    pub fn of(view: &RunView) -> Option<Self> {
        let header = view.header.as_ref()?;
        let ending = view.ending.as_ref();
        Some(Self {
            schema_version: SCHEMA_VERSION,
            id: header.run_id.clone(),
            started_at: header.started.at,
            last_updated_at: view.last.unwrap_or(header.started).at,
            duration_ms: (!view.is_from_files).then(|| view.duration_ms()),
            resumes: view.resumes,
            iter_count: view.totals.iterations,
            cumulative_tokens: view.totals.spent.usage.total(),
            stop_reason: ending.map(|ending| ending.stop_reason),
            exit_code: ending.and_then(|ending| ending.exit_code),
            max_iter: header.max_iter,
            strict: false,
            interactive: false,
            scope: header.scope.clone(),
            verify_outcome: view.verify.as_ref().map(|verify| verify.outcome.clone()),
            launch_sha: header.launch_sha.clone(),
            target_branch: header.target_branch.clone(),
            run_branch: header.run_branch.clone(),
            delivered_sha: view.delivered_sha.clone(),
            jobs: header.jobs,
            hew_version: header.hew_version.clone(),
            tracker: header.tracker.clone(),
            landed: view.totals.landed,
            landed_tasks: (!view.is_from_files).then(|| view.landed_tasks() as u64),
            in_scope: header.in_scope,
            cost_usd: view.totals.spent.cost_usd,
            cost_source: Some(view.totals.spent.source()),
            settings: header.settings.clone(),
        })
    }
}

/// One worker in manifest.json.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ManifestWorker {
    /// Its number.
    pub id: WorkerId,
    /// The branch that its agents commit on.
    pub branch: BranchName,
    /// Folder of its iterations, relative to the run folder; none for the run folder itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_subdir: Option<String>,
    /// Its iterations that began.
    #[serde(default)]
    pub iter_count: u64,
    /// Its tokens of all kinds.
    #[serde(default)]
    pub cumulative_tokens: u64,
    /// Why it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_reason: Option<StopReason>,
}

/// manifest.json.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ManifestFile {
    /// Version of this file.
    #[serde(default)]
    pub schema_version: u32,
    /// The run.
    pub run_id: RunId,
    /// Number of workers.
    pub jobs: u16,
    /// When the run was launched.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<DateTime<Utc>>,
    /// The workers.
    #[serde(default)]
    pub workers: Vec<ManifestWorker>,
}

impl ManifestFile {
    /// The file of a run that has begun.
    pub fn of(view: &RunView) -> Option<Self> {
        let header = view.header.as_ref()?;
        Some(Self {
            schema_version: SCHEMA_VERSION,
            run_id: header.run_id.clone(),
            jobs: header.jobs,
            started_at: header.started.at,
            completed_at: view.ending.as_ref().map(|ending| ending.at.at),
            workers: (0..header.jobs).map(|number| worker(view, header, WorkerId(number))).collect(),
        })
    }
}

fn worker(view: &RunView, header: &RunHeader, id: WorkerId) -> ManifestWorker {
    let totals = view.workers.get(&id);
    // The workers' branches are siblings of the run branch.
    let run_branch = header.run_branch.as_ref().map_or("", |branch| branch.as_str());
    let family = run_branch.rsplit_once('/').map_or(run_branch, |(family, _)| family);
    ManifestWorker {
        id,
        branch: BranchName::new(format!("{family}/{id}")),
        log_subdir: worker_subdir(header.jobs, id),
        iter_count: totals.map_or(0, |totals: &WorkerTotals| totals.iterations),
        cumulative_tokens: totals.map_or(0, |totals| totals.spent.usage.total()),
        stop_reason: view.ending.as_ref().map(|ending| ending.stop_reason),
    }
}
