//! The ledger of runs: one line an event in `<common dir>/hew/runs.jsonl`, one for all worktrees of a project.
//!
//! It outlives the run folders, so that a result which was not delivered is never forgotten. Lines are only ever added.
//! Nothing here reads or writes a file.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::event::{SCHEMA_VERSION, StopReason};
use super::line::LineRecord;
use crate::ids::{BranchName, CommitId, RunId};

/// One line of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LedgerEntry {
    /// Version of the ledger.
    #[serde(default)]
    pub schema_version: u32,
    /// What happened.
    #[serde(flatten)]
    pub event: LedgerEvent,
}

impl LineRecord for LedgerEntry {}

impl LedgerEntry {
    /// A line of the present version.
    pub fn new(event: LedgerEvent) -> Self {
        Self { schema_version: SCHEMA_VERSION, event }
    }
}

/// What is to become of a run's result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LedgerDelivery {
    /// The target has it.
    Delivered,
    /// The run branch is the result: no target, or `--no-deliver`.
    NotWanted,
    /// It should be on the target and is not.
    Undelivered,
    /// Nothing landed.
    Nothing,
}

/// What happened to a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum LedgerEvent {
    /// It begins.
    Launched {
        /// The run.
        run_id: RunId,
        /// When.
        at: DateTime<Utc>,
        /// Root of the working tree that it was started in.
        project: String,
        /// The folder that holds its run folder: `<state_dir>/loop/<run-id>`.
        state_dir: String,
        /// The branch that was checked out; none for a detached HEAD.
        #[serde(default)]
        target_branch: Option<BranchName>,
        /// The commit that everything starts from.
        launch_sha: CommitId,
        /// Where results land.
        run_branch: BranchName,
        /// Process id of the orchestrator.
        pid: u32,
        /// Its start time in clock ticks since boot.
        start_ticks: u64,
    },
    /// It is over.
    Ended {
        /// The run.
        run_id: RunId,
        /// When.
        at: DateTime<Utc>,
        /// Why.
        stop_reason: StopReason,
        /// The process's exit code.
        exit_code: u8,
        /// Where its run branch is.
        tip_sha: CommitId,
        /// What is to become of its result.
        delivery: LedgerDelivery,
    },
    /// Its result was brought to the target later.
    Delivered {
        /// The run.
        run_id: RunId,
        /// When.
        at: DateTime<Utc>,
        /// The target.
        target: BranchName,
        /// Where the target is now.
        sha: CommitId,
    },
    /// A target that had moved was merged into its run branch, which could still not be delivered.
    TargetMerged {
        /// The run.
        run_id: RunId,
        /// Where the run branch is now.
        tip_sha: CommitId,
    },
    /// A person went on without its delivery.
    Waived {
        /// The run.
        run_id: RunId,
    },
    /// Its process was gone, and another one goes on with it.
    Resumed {
        /// The run.
        run_id: RunId,
        /// When.
        at: DateTime<Utc>,
        /// Process id of the orchestrator.
        pid: u32,
        /// Its start time in clock ticks since boot.
        start_ticks: u64,
    },
    /// Its process was gone, and a person began another run instead: what it held is given back.
    GivenUp {
        /// The run.
        run_id: RunId,
        /// When.
        at: DateTime<Utc>,
    },
    /// A line of a kind that this version does not know.
    #[serde(other)]
    Unknown,
}

/// How a run ended, as the ledger has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerEnd {
    /// When.
    pub at: DateTime<Utc>,
    /// Why.
    pub stop_reason: StopReason,
    /// The process's exit code.
    pub exit_code: u8,
    /// Where its run branch is.
    pub tip_sha: CommitId,
    /// What is to become of its result.
    pub delivery: LedgerDelivery,
}

/// One run, as the ledger has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerRun {
    /// The run.
    pub run_id: RunId,
    /// When it was launched.
    pub launched_at: DateTime<Utc>,
    /// Root of the working tree that it was started in.
    pub project: String,
    /// The folder that holds its run folder.
    pub state_dir: String,
    /// The branch that was checked out; none for a detached HEAD.
    pub target_branch: Option<BranchName>,
    /// The commit that everything started from.
    pub launch_sha: CommitId,
    /// Where results land.
    pub run_branch: BranchName,
    /// Process id of the orchestrator.
    pub pid: u32,
    /// Its start time in clock ticks since boot.
    pub start_ticks: u64,
    /// How it ended; none while it runs, and if it crashed.
    pub ended: Option<LedgerEnd>,
    /// Target and commit of its latest delivery after the end.
    pub delivered: Option<(BranchName, CommitId)>,
    /// Nobody waits for its delivery any more.
    pub is_waived: bool,
    /// It crashed, and another run was begun instead.
    pub is_given_up: bool,
}

impl LedgerRun {
    /// Its target has its result, as far as it is written down: at its end or later.
    pub fn is_delivered(&self) -> bool {
        let at_end = self.ended.as_ref().is_some_and(|end| end.delivery == LedgerDelivery::Delivered);
        at_end || self.delivered.is_some()
    }

    /// It landed something that should be on its target, is not, and was not waived. Of a run that never ended only its
    /// branch can tell.
    pub fn is_undelivered(&self) -> bool {
        let Some(end) = &self.ended else { return false };
        end.delivery == LedgerDelivery::Undelivered
            && end.tip_sha != self.launch_sha
            && self.delivered.is_none()
            && !self.is_waived
    }
}

/// The runs of a ledger in order of their ids, which is the order of their launches. Lines about a run that was never
/// launched are left out; the last word counts.
pub fn fold<'a>(entries: impl IntoIterator<Item = &'a LedgerEntry>) -> Vec<LedgerRun> {
    let mut runs = BTreeMap::new();
    entries.into_iter().for_each(|entry| apply(&mut runs, &entry.event));
    runs.into_values().collect()
}

fn apply(runs: &mut BTreeMap<RunId, LedgerRun>, event: &LedgerEvent) {
    match event.clone() {
        LedgerEvent::Launched {
            run_id,
            at,
            project,
            state_dir,
            target_branch,
            launch_sha,
            run_branch,
            pid,
            start_ticks,
        } => {
            let run = LedgerRun {
                run_id: run_id.clone(),
                launched_at: at,
                project,
                state_dir,
                target_branch,
                launch_sha,
                run_branch,
                pid,
                start_ticks,
                ended: None,
                delivered: None,
                is_waived: false,
                is_given_up: false,
            };
            runs.insert(run_id, run);
        }
        LedgerEvent::Ended { run_id, at, stop_reason, exit_code, tip_sha, delivery } => {
            if let Some(run) = runs.get_mut(&run_id) {
                run.ended = Some(LedgerEnd { at, stop_reason, exit_code, tip_sha, delivery });
            }
        }
        LedgerEvent::Delivered { run_id, target, sha, .. } => {
            if let Some(run) = runs.get_mut(&run_id) {
                run.delivered = Some((target, sha));
            }
        }
        LedgerEvent::TargetMerged { run_id, tip_sha } => {
            if let Some(end) = runs.get_mut(&run_id).and_then(|run| run.ended.as_mut()) {
                end.tip_sha = tip_sha;
            }
        }
        LedgerEvent::Waived { run_id } => {
            if let Some(run) = runs.get_mut(&run_id) {
                run.is_waived = true;
            }
        }
        LedgerEvent::Resumed { run_id, pid, start_ticks, .. } => {
            if let Some(run) = runs.get_mut(&run_id) {
                (run.pid, run.start_ticks, run.is_given_up) = (pid, start_ticks, false);
            }
        }
        LedgerEvent::GivenUp { run_id, .. } => {
            if let Some(run) = runs.get_mut(&run_id) {
                run.is_given_up = true;
            }
        }
        LedgerEvent::Unknown => {}
    }
}

/// Runs of this target whose result should be there and is not, oldest first.
pub fn undelivered<'a>(runs: &'a [LedgerRun], target: &BranchName) -> Vec<&'a LedgerRun> {
    runs.iter()
        .filter(|run| run.target_branch.as_ref() == Some(target))
        .filter(|run| run.is_undelivered())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u32) -> RunId {
        RunId::new(DateTime::from_timestamp(1_795_000_000, 0).unwrap(), number)
    }

    fn launched(number: u32, target: &str) -> LedgerEntry {
        LedgerEntry::new(LedgerEvent::Launched {
            run_id: id(number),
            at: DateTime::from_timestamp(1_795_000_000, 0).unwrap(),
            project: "/p".to_owned(),
            state_dir: "/p/.hew".to_owned(),
            target_branch: Some(target.into()),
            launch_sha: "aaaa".into(),
            run_branch: "loop/x/main".into(),
            pid: 1,
            start_ticks: 2,
        })
    }

    fn ended(number: u32, tip: &str, delivery: LedgerDelivery) -> LedgerEntry {
        LedgerEntry::new(LedgerEvent::Ended {
            run_id: id(number),
            at: DateTime::from_timestamp(1_795_000_100, 0).unwrap(),
            stop_reason: StopReason::ReadyEmpty,
            exit_code: 3,
            tip_sha: tip.into(),
            delivery,
        })
    }

    fn delivered(number: u32) -> LedgerEntry {
        LedgerEntry::new(LedgerEvent::Delivered {
            run_id: id(number),
            at: DateTime::from_timestamp(1_795_000_200, 0).unwrap(),
            target: "main".into(),
            sha: "bbbb".into(),
        })
    }

    #[test]
    fn a_result_is_owed_until_it_is_delivered_or_waived() {
        use LedgerDelivery::{Delivered, NotWanted, Nothing, Undelivered};
        let waived = LedgerEntry::new(LedgerEvent::Waived { run_id: id(1) });
        let cases = [
            ("owed", vec![launched(1, "main"), ended(1, "bbbb", Undelivered)], true),
            (
                "delivered later",
                vec![launched(1, "main"), ended(1, "bbbb", Undelivered), delivered(1)],
                false,
            ),
            ("waived", vec![launched(1, "main"), ended(1, "bbbb", Undelivered), waived], false),
            ("delivered", vec![launched(1, "main"), ended(1, "bbbb", Delivered)], false),
            ("not wanted", vec![launched(1, "main"), ended(1, "bbbb", NotWanted)], false),
            ("nothing landed", vec![launched(1, "main"), ended(1, "aaaa", Nothing)], false),
            (
                "nothing landed, said otherwise",
                vec![launched(1, "main"), ended(1, "aaaa", Undelivered)],
                false,
            ),
            ("another target", vec![launched(1, "other"), ended(1, "bbbb", Undelivered)], false),
            ("never launched", vec![ended(1, "bbbb", Undelivered)], false),
            (
                "another run delivered",
                {
                    vec![
                        launched(1, "main"),
                        launched(2, "main"),
                        ended(1, "bbbb", Undelivered),
                        delivered(2),
                    ]
                },
                true,
            ),
        ];
        for (what, entries, expected) in cases {
            let runs = fold(&entries);
            assert_eq!(!undelivered(&runs, &"main".into()).is_empty(), expected, "{what}");
        }
    }

    #[test]
    fn a_line_reads_back_and_an_unknown_kind_is_passed_over() {
        for entry in [launched(1, "main"), ended(1, "b", LedgerDelivery::NotWanted), delivered(1)] {
            let line = serde_json::to_string(&entry).unwrap();
            assert_eq!(serde_json::from_str::<LedgerEntry>(&line).unwrap(), entry, "{line}");
        }
        let line = serde_json::to_string(&launched(1, "main")).unwrap();
        assert!(line.starts_with(r#"{"schema_version":1,"kind":"launched","run_id":"loop-"#), "{line}");
        let unknown = r#"{"schema_version":1,"kind":"archived","run_id":"x","to":"y"}"#;
        assert_eq!(serde_json::from_str::<LedgerEntry>(unknown).unwrap().event, LedgerEvent::Unknown);
    }
}
