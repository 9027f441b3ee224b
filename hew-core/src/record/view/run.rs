//! What a view holds of the run as a whole: header, ending, stop, notices.

use chrono::{DateTime, Utc};

use super::{Moment, RunView};
use crate::ids::{BranchName, CommitId, IterationId, RunId};
use crate::record::event::{
    DeliveryRecord, JournalEvent, ScopeRecord, SettingRecord, StopReason, TrackerRecord, VerifyOutcome,
};

/// What was frozen at launch.
#[derive(Debug, Clone, PartialEq)]
pub struct RunHeader {
    /// Version of the journal.
    pub schema_version: u32,
    /// The run.
    pub run_id: RunId,
    /// The program's version.
    pub hew_version: String,
    /// Process id of the orchestrator.
    pub pid: u32,
    /// Root of the project's working tree.
    pub project: String,
    /// The branch that was checked out; none for a detached HEAD.
    pub target_branch: Option<BranchName>,
    /// The commit that everything starts from; unknown in an older layout.
    pub launch_sha: Option<CommitId>,
    /// Where results land; unknown in an older layout.
    pub run_branch: Option<BranchName>,
    /// Number of workers.
    pub jobs: u16,
    /// The slice of the queue; unknown in an older layout.
    pub scope: Option<ScopeRecord>,
    /// The gate's command; none where no gate was found.
    pub gate: Option<String>,
    /// Where the tasks live; unknown in older journals.
    pub tracker: Option<TrackerRecord>,
    /// Most iterations.
    pub max_iter: Option<u64>,
    /// Wall budget in seconds.
    pub budget_wall_secs: Option<u64>,
    /// Folder that holds the run's worktrees.
    pub worktrees: String,
    /// Every effective setting.
    pub settings: Vec<SettingRecord>,
    /// Tasks in scope that were open at launch; unknown in an older layout.
    pub in_scope: Option<usize>,
    /// When it was launched.
    pub started: Moment,
}

impl RunHeader {
    /// A setting that is a number; none where it is not set.
    pub fn number<T: std::str::FromStr>(&self, key: &str) -> Option<T> {
        self.setting(key)?.parse().ok()
    }

    /// What lands is to be brought to the target at the end.
    pub fn is_to_deliver(&self) -> bool {
        self.setting("loop.deliver") != Some("false")
    }

    /// A setting as it is written, without quotes; none where it is not set.
    pub fn setting(&self, key: &str) -> Option<&str> {
        let setting = self.settings.iter().find(|setting| setting.key == key)?;
        Some(setting.value.trim_matches('"'))
    }
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub struct RunEnding {
    /// Why.
    pub stop_reason: StopReason,
    /// The process's exit code; unknown in an older layout.
    pub exit_code: Option<u8>,
    /// What a person should do now, one command each.
    pub remedies: Vec<String>,
    /// When.
    pub at: Moment,
}

impl RunEnding {
    /// Why, and the exit code where it is known, for people.
    pub fn words(&self) -> String {
        let code = self.exit_code.map(|code| format!(" (exit code {code})")).unwrap_or_default();
        format!("{}{code}", self.stop_reason.as_str())
    }
}

/// A stop that was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct StopView {
    /// Why.
    pub reason: StopReason,
    /// For people.
    pub detail: String,
    /// Agents are stopped too.
    pub now: bool,
    /// When.
    pub at: Moment,
}

/// What the verification at the end showed.
#[derive(Debug, Clone, PartialEq)]
pub struct VerifyView {
    /// What it showed.
    pub outcome: VerifyOutcome,
    /// The commit that it is about; unknown in older runs.
    pub sha: Option<CommitId>,
    /// Its log, relative to the run folder; none where it did not run.
    pub log: Option<String>,
    /// Names of the first tests that failed, as far as its output tells them.
    pub failed_tests: Vec<String>,
}

impl RunView {
    /// No process goes on with the run: what it was at was cut off.
    pub fn cut_off(&mut self) {
        self.tasks.values_mut().for_each(|task| task.is_cut_off = task.is_running);
        self.cut_off_verification();
    }

    /// A verification that it was at showed nothing.
    fn cut_off_verification(&mut self) {
        let Some(sha) = self.verifying.take() else { return };
        let reason = "verification was cut off: the result is not verified".to_owned();
        let outcome = VerifyOutcome::Skipped { reason };
        self.verify = Some(VerifyView { outcome, sha: Some(sha), log: None, failed_tests: Vec::new() });
    }
}

impl RunView {
    /// Takes in that its result was brought to its target after its end: what it asked for to that end is done.
    pub fn take_delivery_after_end(&mut self, target: BranchName, sha: CommitId) {
        let asked = match self.delivery.take() {
            Some(DeliveryRecord::Refused { remedy, .. }) => Some(remedy),
            _ => None,
        };
        if let Some(ending) = &mut self.ending {
            let is_done =
                |remedy: &String| Some(remedy) == asked.as_ref() || remedy.starts_with("hew loop deliver");
            ending.remedies.retain(|remedy| !is_done(remedy));
        }
        self.delivered_sha = Some(sha.clone());
        self.delivery = Some(DeliveryRecord::Delivered { target, sha });
    }
}

/// Something that a person should know.
#[derive(Debug, Clone, PartialEq)]
pub struct NoticeView {
    /// When.
    pub at: DateTime<Utc>,
    /// The iteration, if it belongs to one.
    pub about: Option<IterationId>,
    /// What.
    pub text: String,
}

/// The header, of the event that begins a run.
pub(super) fn header_of(event: &JournalEvent, started: Moment) -> Option<RunHeader> {
    let JournalEvent::RunStarted {
        schema_version,
        run_id,
        hew_version,
        pid,
        project,
        target_branch,
        launch_sha,
        run_branch,
        jobs,
        scope,
        gate,
        tracker,
        max_iter,
        budget_wall_secs,
        worktrees,
        settings,
        in_scope,
    } = event.clone()
    else {
        return None;
    };
    Some(RunHeader {
        schema_version,
        run_id,
        hew_version,
        pid,
        project,
        target_branch,
        launch_sha: Some(launch_sha),
        run_branch: Some(run_branch),
        jobs,
        scope: Some(scope),
        gate,
        tracker: tracker.map(|tracker| *tracker),
        max_iter,
        budget_wall_secs,
        worktrees,
        settings,
        in_scope: Some(in_scope),
        started,
    })
}
