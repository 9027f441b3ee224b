//! The lane's thread, as the binary's: the core's own merging, advancing and delivering on git in memory.

use std::path::{Path, PathBuf};
use std::time::Duration;

use hew_core::agent::StopRequest;
use hew_core::agent::verdict::{Owner, owner_after};
use hew_core::engine::event::{DeliveredView, GatedView, MergeView};
use hew_core::engine::{Event, LaneJob};
use hew_core::escape::Change;
use hew_core::exit::Exit;
use hew_core::ids::{Actor, BranchName, CommitId, IterationId, RefName, TaskId, TreeId};
use hew_core::land::conflict::resolves;
use hew_core::land::deliver::{DeliverRequest, Delivered, DeliveryLane, Judgement, deliver};
use hew_core::land::gate::{GateProof, GateReport, GateStop};
use hew_core::land::merge_back::{self, Candidate, CandidateRequest, Keep};
use hew_core::land::verify::VerifyRun;
use hew_core::record::event::DeliveryRecord;
use hew_core::tracker::{BdClient, Task};
use hew_core::worktree::{Alteration, CleanDepth, GitClient, WorktreeStart, names};

use super::project;
use super::trouble::Trouble;
use super::world::{ROOT, World};

/// The lane's worktree.
#[derive(Debug, Default)]
pub(super) struct LanePlace {
    at: Option<CommitId>,
}

impl World {
    pub(super) fn lane_path(&self) -> PathBuf {
        names::lane_dir(ROOT.as_ref(), &self.plot.config.run)
    }

    pub(super) fn do_lane(&mut self, job: LaneJob, stop: Option<StopRequest>) -> Event {
        match job {
            LaneJob::Baseline { commit } => {
                let result =
                    self.stand_at(&commit).and_then(|()| self.gate_at(&commit, stop, "baseline.log"));
                Event::BaselineEnded(result)
            }
            LaneJob::Merge { iteration, task, actor, tip, work, .. } => {
                Event::Merged(self.merge(iteration, &task, &actor, &tip, &work))
            }
            LaneJob::MergeBranch { branch, parts, tip, work, .. } => {
                Event::Merged(self.merge_branch(&branch, &parts, &tip, &work))
            }
            LaneJob::Gate { commit, tree, is_branch, again, .. } => {
                let log = match (is_branch, again) {
                    (false, false) => "gate.log",
                    (false, true) => "gate-again.log",
                    (true, false) => "merge-gate.log",
                    (true, true) => "merge-gate-again.log",
                };
                Event::Gated(self.gate(&commit, &tree, stop, log))
            }
            LaneJob::Advance { from, to } => {
                let (branch, run) = (&self.plot.config.run_branch, &self.plot.config.run);
                let advance = merge_back::advance(&*self.git, branch, &from, &to, run);
                Event::Advanced(advance.map_err(|error| error.to_string()))
            }
            LaneJob::Verify { commit } => Event::Verified(self.verify(&commit, stop)),
            LaneJob::Deliver { tip } => Event::Delivered(self.deliver(&tip, stop)),
            LaneJob::KeepConflict { task, work } => {
                let result = self.keep_conflict(&task, &work);
                Event::ConflictKept { task, result }
            }
            LaneJob::KeepBranch { place, work, again } => {
                let result = self.keep_branch(&place, &work, again);
                Event::BranchKept { branch: place.branch, result }
            }
            LaneJob::CleanUp => Event::CleanedUp(self.clean_up()),
        }
    }

    fn stand_at(&mut self, commit: &CommitId) -> Result<(), String> {
        let path = self.lane_path();
        let process = self.process.as_mut().expect("a process has a lane");
        if process.lane_place.at.as_ref() == Some(commit) {
            return Ok(());
        }
        let made = match process.lane_place.at {
            Some(_) => self.git.checkout(&path, commit, CleanDepth::KeepIgnored),
            None => self.git.add_worktree(&path, &WorktreeStart { branch: None, commit: commit.clone() }),
        };
        made.map_err(|error| error.to_string())?;
        process.lane_place.at = Some(commit.clone());
        Ok(())
    }

    fn lane_is_at(&mut self, commit: &CommitId) {
        self.process.as_mut().expect("a process has a lane").lane_place.at = Some(commit.clone());
    }

    fn merge(
        &mut self,
        iteration: IterationId,
        task: &Task,
        actor: &Actor,
        tip: &CommitId,
        work: &CommitId,
    ) -> Result<MergeView, String> {
        self.note_owner(iteration, &task.id, actor);
        if let Some(why) = self.taken(&task.id, actor)? {
            return Ok(MergeView::Taken(why));
        }
        let message = merge_back::message(&task.id, &task.title, &self.plot.config.run, iteration);
        let candidate = self.candidate(tip, work, message)?;
        let resolves = self.resolved(&candidate, iteration, task)?;
        Ok(MergeView::Candidate { candidate, resolves })
    }

    pub(super) fn resolved(
        &self,
        candidate: &Candidate,
        iteration: IterationId,
        task: &Task,
    ) -> Result<Vec<(IterationId, TaskId)>, String> {
        let Candidate::Made { commit, .. } = candidate else { return Ok(Vec::new()) };
        let originals = resolves(&*self.git, task, commit).map_err(|error| error.to_string())?;
        Ok(originals.into_iter().map(|original| (iteration, original)).collect())
    }

    pub(super) fn candidate(
        &mut self,
        tip: &CommitId,
        work: &CommitId,
        message: String,
    ) -> Result<Candidate, String> {
        self.stand_at(tip)?;
        let request = CandidateRequest {
            lane: self.lane_path(),
            tip: tip.clone(),
            work: work.clone(),
            message,
            folders_of_tip: Vec::new(),
            keep: Keep::CheckedOut(CleanDepth::KeepIgnored),
        };
        let candidate =
            merge_back::make_candidate(&*self.git, &request).map_err(|error| error.to_string())?;
        if let Candidate::Made { commit, .. } = &candidate {
            self.lane_is_at(commit);
        }
        Ok(candidate)
    }

    /// Whose the task truly is when its work is about to be merged.
    pub(super) fn note_owner(&mut self, iteration: IterationId, task: &TaskId, actor: &Actor) {
        let truly = self.tracker.store.task(task).expect("a fake answers");
        let is_taken = truly.is_none_or(|task| owner_after(&task, actor) != Owner::Ours);
        self.rules.merge_begins(iteration, is_taken);
    }

    pub(super) fn taken(&self, task: &TaskId, actor: &Actor) -> Result<Option<String>, String> {
        let Some(task) = self.tracker.task(task).map_err(|error| error.to_string())? else {
            return Ok(Some(format!("{task} was deleted")));
        };
        Ok(match owner_after(&task, actor) {
            Owner::Ours => None,
            Owner::Person(who) => Some(format!("{who} closed or took {}", task.id)),
        })
    }

    fn gate_at(
        &mut self,
        commit: &CommitId,
        stop: Option<StopRequest>,
        log: &str,
    ) -> Result<GatedView, String> {
        let tree = self.git.tree_of(commit).map_err(|error| error.to_string())?;
        self.gate(commit, &tree, stop, log)
    }

    fn gate(
        &mut self,
        commit: &CommitId,
        tree: &TreeId,
        stop: Option<StopRequest>,
        log: &str,
    ) -> Result<GatedView, String> {
        let lane = self.lane_path();
        self.gate_in(&lane, commit, tree, stop, log)
    }

    /// The gate in a worktree that stands at a commit.
    pub(super) fn gate_in(
        &mut self,
        lane: &Path,
        commit: &CommitId,
        tree: &TreeId,
        stop: Option<StopRequest>,
        log: &str,
    ) -> Result<GatedView, String> {
        let trouble = if self.plot.has(Trouble::Gates) { self.chances.gate.below(30) } else { usize::MAX };
        if trouble == 0 {
            return Err("`just test` could not be run: no shell".to_owned());
        }
        let (exit, stopped) = match (stop, trouble) {
            (Some(StopRequest::Graceful), _) => (Exit::Signal(15), Some(GateStop::Requested)),
            (Some(StopRequest::Now), _) => (Exit::Signal(9), Some(GateStop::Requested)),
            (None, 1) => (Exit::Signal(15), Some(GateStop::Timeout)),
            (None, 2..=4) => (Exit::Code(1), None),
            (None, _) => {
                let red = project::why_red(&self.git.repo.names_present(lane));
                (Exit::Code(i32::from(red.is_some())), None)
            }
        };
        if stopped == Some(GateStop::Timeout) {
            self.tally.count("gates timed out");
        }
        if trouble == 5 {
            self.git.repo.write(lane, "README", "altered by the gate");
        }
        let report = report(exit, stopped);
        let tampered = match self.git.alteration(lane, commit).map_err(|error| error.to_string())? {
            Alteration::None => None,
            Alteration::HeadMoved(commit) => Some(format!("it moved HEAD to {commit}")),
            Alteration::Files(files) => Some(format!("it changed {}", files.join(", "))),
            Alteration::Broken(why) => Some(why),
        };
        if report.is_green() && tampered.is_none() {
            let head = self.git.repo.head(lane).ok_or("the lane has no HEAD")?;
            let proven = self.git.repo.tree_of(&head).map_err(|error| error.to_string())?;
            self.rules.gate_was_green(proven);
            self.tally.count("gates green");
        } else {
            self.tally.count("gates red");
        }
        if tampered.is_some() {
            let cleaned = self.git.checkout(lane, commit, CleanDepth::KeepIgnored);
            cleaned.map_err(|error| error.to_string())?;
        }
        let proof = GateProof { command: "just test".to_owned(), tree: tree.clone(), report, flaky: false };
        Ok(GatedView { proof, log: log.to_owned(), tampered })
    }

    fn verify(&mut self, commit: &CommitId, stop: Option<StopRequest>) -> Result<VerifyRun, String> {
        self.stand_at(commit)?;
        self.rules.verifying(commit);
        let (exit, stopped) = match (stop, self.chances.gate.below(8)) {
            (Some(_), _) => (Exit::Signal(15), Some(GateStop::Requested)),
            (None, 0) => return Ok(VerifyRun::NoCommand),
            (None, 1) => return Err("no shell".to_owned()),
            (None, 2) => (Exit::Code(1), None),
            (None, 3) => (Exit::Signal(15), Some(GateStop::Timeout)),
            (None, _) => (Exit::Code(0), None),
        };
        let report = report(exit, stopped);
        self.tally.count("verifications");
        self.rules.verify_showed(commit, report.is_green());
        Ok(VerifyRun::Ran { command: "all tests".to_owned(), report, failed_tests: Vec::new() })
    }

    fn deliver(&mut self, tip: &CommitId, stop: Option<StopRequest>) -> Result<DeliveredView, String> {
        let config = &self.plot.config;
        let target = config.target.clone().ok_or("HEAD was detached at launch")?;
        let (run, run_branch) = (config.run.clone(), config.run_branch.clone());
        let launched_from = self.git.repo.root().to_owned();
        let request = DeliverRequest {
            run: &run,
            run_branch: &run_branch,
            tip,
            target: &target,
            launched_from: &launched_from,
        };
        let git = std::sync::Arc::clone(&self.git);
        let mut delivering = Delivering { world: self, tip, stop, meddled: None };
        let delivered = deliver(&*git, &request, &mut delivering)?;
        let meddled = delivering.meddled;
        Ok(match delivered {
            Delivered::At(sha) => DeliveredView {
                new_tip: (sha != *tip).then(|| sha.clone()),
                outcome: DeliveryRecord::Delivered { target, sha },
                meddled,
            },
            Delivered::Refused { reason, remedy, new_tip } => {
                let outcome = DeliveryRecord::Refused { target, reason, remedy, new_tip: new_tip.clone() };
                DeliveredView { outcome, new_tip, meddled }
            }
        })
    }

    fn keep_conflict(&mut self, task: &TaskId, work: &CommitId) -> Result<String, String> {
        let path = names::conflict_dir(ROOT.as_ref(), &self.plot.config.run, task);
        let start = WorktreeStart { branch: None, commit: work.clone() };
        self.git.add_worktree(&path, &start).map_err(|error| error.to_string())?;
        self.process_mut().kept_folders.insert(path.clone());
        Ok(path.display().to_string())
    }

    /// As the binary does it: folders that were put aside stay, branches go where their commits are kept.
    fn clean_up(&mut self) -> Vec<String> {
        let mut notes = Vec::new();
        for path in self.git.repo.trees() {
            if path == self.git.repo.root() {
                continue;
            }
            if self.process_mut().kept_folders.contains(&path) {
                notes.push(format!("{} is kept", path.display()));
            } else if let Err(why) = self.git.remove_worktree(&path) {
                notes.push(format!("{} could not be removed: {why}", path.display()));
            }
        }
        let _ = self.delete_branches();
        notes
    }

    fn delete_branches(&self) -> Result<(), hew_core::worktree::GitError> {
        let config = &self.plot.config;
        let anchors = self.git.refs_under(&names::anchor_prefix(&config.run))?;
        let mut kept: Vec<CommitId> = anchors.into_iter().map(|(_, commit)| commit).collect();
        kept.push(config.launch.clone());
        let run_branch = config.run_branch.to_ref();
        let tip = self.git.resolve(&run_branch)?;
        let mut used: Vec<BranchName> =
            self.git.list_worktrees()?.into_iter().filter_map(|entry| entry.branch).collect();
        used.extend(self.process.as_ref().into_iter().flat_map(|process| process.kept_branches.clone()));
        for (name, commit) in self.git.refs_under(run_branch.as_str().trim_end_matches("main"))? {
            let has_landed = || {
                let holds = |tip: &CommitId| self.git.contains_all(tip, std::slice::from_ref(&commit));
                tip.as_ref().is_some_and(|tip| holds(tip).unwrap_or(false))
            };
            let is_safe = if name == run_branch {
                commit == config.launch
            } else {
                kept.contains(&commit) || has_landed()
            };
            if let (true, Some(branch)) = (is_safe, branch_of(&name))
                && !used.contains(&branch)
            {
                self.git.delete_branch(&branch, &commit)?;
            }
        }
        Ok(())
    }
}

fn branch_of(name: &RefName) -> Option<BranchName> {
    name.as_str().strip_prefix("refs/heads/").map(BranchName::new)
}

fn report(exit: Exit, stopped: Option<GateStop>) -> GateReport {
    GateReport {
        exit,
        duration: Duration::from_secs(1),
        stopped,
        leaked: 0,
        refused: Vec::new(),
        output_bytes: 0,
        output_tail: String::new(),
    }
}

/// The lane while it delivers.
struct Delivering<'a> {
    world: &'a mut World,
    tip: &'a CommitId,
    stop: Option<StopRequest>,
    meddled: Option<Change>,
}

impl DeliveryLane for Delivering<'_> {
    fn stand_at(&mut self, commit: &CommitId) -> Result<PathBuf, String> {
        self.world.stand_at(commit)?;
        Ok(self.world.lane_path())
    }

    fn judge(&mut self, commit: &CommitId, tree: &TreeId) -> Result<Judgement, String> {
        self.world.lane_is_at(commit);
        if self.world.plot.config.gate.is_none() {
            return Ok(Judgement::Passed);
        }
        let view = self.world.gate(commit, tree, self.stop, "deliver-gate.log")?;
        Ok(view.red_reason().map_or(Judgement::Passed, Judgement::Failed))
    }

    fn advance(&mut self, to: &CommitId) -> Result<(), String> {
        let config = &self.world.plot.config;
        let moved = merge_back::advance(&*self.world.git, &config.run_branch, self.tip, to, &config.run);
        let moved = moved.map_err(|error| error.to_string())?;
        self.meddled = moved.foreign_change(&config.run_branch, self.tip);
        Ok(())
    }
}
