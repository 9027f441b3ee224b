//! The lane's thread: merge, gate, advance, deliver, in a worktree of its own.
//!
//! Invariant: a candidate is made with the lane's worktree at the tip, so that the attributes are the tip's.

use std::path::{Path, PathBuf};

use crossbeam_channel::{Receiver, Sender};
use hew_core::agent::StopRequest;
use hew_core::agent::verdict::{Owner, owner_after};
use hew_core::engine::event::{DeliveredView, GatedView, MergeView};
use hew_core::engine::{BranchPart, Event, LaneJob};
use hew_core::escape::Change;
use hew_core::ids::{Actor, BranchName, CommitId, IterationId, TaskId, TreeId};
use hew_core::land::conflict::resolves;
use hew_core::land::deliver::{self, DeliverRequest, Delivered, DeliveryLane, Judgement};
use hew_core::land::merge_back::{self, Advance, Candidate, CandidateRequest, Keep};
use hew_core::land::verify::VerifyRun;
use hew_core::record::event::DeliveryRecord;
use hew_core::record::files::iteration_dir;
use hew_core::tracker::Task;
use hew_core::worktree::{CleanDepth, WorktreeStart, names};

use super::Rig;
use super::cleanup;
use super::gating::{GateRun, run_gate, temp_folder, temp_place};
use super::kept_branch;
use super::seat;
use super::set_up::{SetUp, SetUpPlace};
use super::verifying;
use super::watch::Watch;
use crate::adapters::git::discard;

/// One step, with the channel through which its gate may be stopped.
pub(super) struct Order {
    pub(super) job: LaneJob,
    pub(super) stops: Receiver<StopRequest>,
}

/// Does steps until the run lets go of the channel.
pub(super) fn run(rig: &Rig, watch: &Watch, orders: &Receiver<Order>, events: &Sender<Event>) {
    let mut lane = Lane::new(rig);
    for Order { job, stops } in orders {
        if matches!(job, LaneJob::Deliver { .. }) {
            watch.settle();
            // Told at once: the delivery may fail, or be killed.
            let told = mend_cut_off(rig);
            if !told.is_empty() {
                super::send(events, Event::Mended(told));
            }
        }
        let event = lane.perform(rig, watch, job, &stops);
        super::send(events, event);
    }
}

struct Lane {
    path: PathBuf,
    /// The commit whose files its worktree has, once it is made with files.
    at: Option<CommitId>,
    /// Its worktree is there; without files where nobody looks at them.
    exists: bool,
    /// It could not be put back after a command had run in it: it is made anew before anything else is done there.
    is_spoiled: bool,
    /// What has to be cleaned before the next candidate: a gate may have left files.
    depth: CleanDepth,
    /// Work that changes git's attributes came to the lane: from here on it stands at the tip for every merge.
    attributes_changed: bool,
    set_up: SetUp,
}

impl Lane {
    fn new(rig: &Rig) -> Self {
        Self {
            path: names::lane_dir(&rig.place.worktree_root, &rig.place.run),
            at: None,
            exists: false,
            is_spoiled: false,
            depth: CleanDepth::Nothing,
            attributes_changed: false,
            set_up: SetUp::default(),
        }
    }

    fn perform(&mut self, rig: &Rig, watch: &Watch, job: LaneJob, stops: &Receiver<StopRequest>) -> Event {
        match job {
            LaneJob::Baseline { commit } => Event::BaselineEnded(self.baseline(rig, &commit, stops)),
            LaneJob::Merge { iteration, task, actor, tip, work, attributes_changed } => {
                self.attributes_changed |= attributes_changed;
                Event::Merged(self.merge(rig, iteration, &task, &actor, &tip, &work))
            }
            LaneJob::MergeBranch { branch, parts, tip, work, attributes_changed } => {
                self.attributes_changed |= attributes_changed;
                Event::Merged(self.merge_branch(rig, &branch, &parts, &tip, &work))
            }
            LaneJob::Gate { iteration, commit, tree, tip, is_branch, again, definition_changed } => {
                let log = match (is_branch, again) {
                    (false, false) => "gate.log",
                    (false, true) => "gate-again.log",
                    (true, false) => "merge-gate.log",
                    (true, true) => "merge-gate-again.log",
                };
                let log = format!("{}/{log}", iteration_dir(rig.place.jobs, iteration));
                let candidate = ToProve {
                    commit: &commit,
                    tree: &tree,
                    tip: &tip,
                    definition_changed: &definition_changed,
                };
                Event::Gated(self.gate(rig, &candidate, log, stops))
            }
            LaneJob::Advance { from, to } => Event::Advanced(advance(rig, watch, &from, &to)),
            LaneJob::Verify { commit } => Event::Verified(self.verify(rig, &commit, stops)),
            LaneJob::Deliver { tip } => {
                let delivered = self.deliver(rig, Some(watch), &tip, stops);
                watch.forget();
                Event::Delivered(delivered)
            }
            LaneJob::KeepConflict { task, work } => {
                let result = keep_conflict(rig, &task, &work);
                Event::ConflictKept { task, result }
            }
            LaneJob::KeepBranch { place, work, again } => {
                let result = kept_branch::keep(rig, &place, &work, again);
                Event::BranchKept { branch: place.branch, result }
            }
            LaneJob::CleanUp => {
                watch.settle();
                Event::CleanedUp(cleanup::clean_up(rig))
            }
        }
    }

    /// Makes the lane's worktree, or puts it at a commit.
    fn stand_at(&mut self, rig: &Rig, commit: &CommitId) -> Result<(), String> {
        if self.is_spoiled {
            rig.git.remove_worktree(&self.path).map_err(|error| error.to_string())?;
            *self = Self { attributes_changed: self.attributes_changed, ..Self::new(rig) };
        }
        if self.at.as_ref() == Some(commit) {
            return Ok(());
        }
        let made = match self.at {
            Some(_) => rig.git.checkout(&self.path, commit, self.depth),
            None => rig.git.add_worktree(&self.path, &WorktreeStart { branch: None, commit: commit.clone() }),
        };
        made.map_err(|error| error.to_string())?;
        self.at = Some(commit.clone());
        self.exists = true;
        Ok(())
    }

    /// Puts into the worktree, at whatever commit it is, what a worker's has besides the commit's files.
    fn furnish(&mut self, rig: &Rig, stops: &Receiver<StopRequest>) -> Result<(), String> {
        seat::furnish(rig, &self.path).map_err(|error| error.to_string())?;
        let temp = temp_folder(rig)?;
        let log = rig.place.folder.join("land-setup.log");
        let place = SetUpPlace { worktree: &self.path, temp: &temp, log };
        let set_up = self.set_up.run(rig, &place, stops);
        if set_up.is_err() {
            self.depth = CleanDepth::Everything;
        }
        set_up
    }

    fn baseline(
        &mut self,
        rig: &Rig,
        commit: &CommitId,
        stops: &Receiver<StopRequest>,
    ) -> Result<GatedView, String> {
        let tree = rig.git.tree_of(commit).map_err(|error| error.to_string())?;
        self.stand_at(rig, commit)?;
        let candidate = ToProve { commit, tree: &tree, tip: commit, definition_changed: &[] };
        self.gate(rig, &candidate, "baseline.log".to_owned(), stops)
    }

    fn merge(
        &mut self,
        rig: &Rig,
        iteration: IterationId,
        task: &Task,
        actor: &Actor,
        tip: &CommitId,
        work: &CommitId,
    ) -> Result<MergeView, String> {
        if let Some(why) = taken(rig, &task.id, actor)? {
            return Ok(MergeView::Taken(why));
        }
        let message = merge_back::message(&task.id, &task.title, &rig.place.run, iteration);
        let candidate = self.candidate(rig, tip, work, message)?;
        let resolves = resolved(rig, &candidate, iteration, task)?;
        Ok(MergeView::Candidate { candidate, resolves })
    }

    /// The candidate of a whole worker's branch.
    fn merge_branch(
        &mut self,
        rig: &Rig,
        branch: &BranchName,
        parts: &[BranchPart],
        tip: &CommitId,
        work: &CommitId,
    ) -> Result<MergeView, String> {
        for BranchPart { iteration, task, actor } in parts {
            if let Some(why) = taken(rig, &task.id, actor)? {
                return Ok(MergeView::PartTaken { iteration: *iteration, why });
            }
        }
        let named = parts.iter().map(|part| (&part.task.id, part.task.title.as_str(), part.iteration));
        let message = merge_back::branch_message(branch, &rig.place.run, named);
        let candidate = self.candidate(rig, tip, work, message)?;
        let mut resolves = Vec::new();
        for part in parts {
            resolves.extend(resolved(rig, &candidate, part.iteration, &part.task)?);
        }
        Ok(MergeView::Candidate { candidate, resolves })
    }

    fn candidate(
        &mut self,
        rig: &Rig,
        tip: &CommitId,
        work: &CommitId,
        message: String,
    ) -> Result<Candidate, String> {
        // Without a gate nobody looks at the files, and as long as no landing changed attributes, any tip's are as good.
        let stands = rig.place.gate.is_some() || self.attributes_changed;
        if stands {
            self.stand_at(rig, tip)?;
        } else if !self.exists {
            rig.git.add_merge_place(&self.path, tip).map_err(|error| error.to_string())?;
            self.exists = true;
        }
        let request = CandidateRequest {
            lane: self.path.clone(),
            tip: tip.clone(),
            work: work.clone(),
            message,
            folders_of_tip: rig.tracker_folders(),
            keep: if stands { Keep::CheckedOut(self.depth) } else { Keep::Held },
        };
        let candidate = merge_back::make_candidate(&*rig.git, &request).map_err(|error| error.to_string())?;
        if let (Candidate::Made { commit, .. }, true) = (&candidate, stands) {
            self.at = Some(commit.clone());
            self.depth = CleanDepth::Nothing;
        }
        Ok(candidate)
    }

    fn gate(
        &mut self,
        rig: &Rig,
        candidate: &ToProve<'_>,
        log: String,
        stops: &Receiver<StopRequest>,
    ) -> Result<GatedView, String> {
        let gate = rig.place.gate.as_ref().ok_or("no gate was found")?;
        let ToProve { commit, tree, tip, definition_changed } = *candidate;
        self.depth = CleanDepth::KeepIgnored;
        self.furnish(rig, stops)?;
        let (worktree, temp) = (self.path.as_path(), &temp_folder(rig)?);
        let run = GateRun { gate, worktree, temp, commit, tree, tip, definition_changed, log };
        let view = run_gate(rig, &run, stops)?;
        if view.tampered.is_some() {
            // Whatever the gate did there, the next candidate is made on a clean tree.
            rig.git
                .checkout(&self.path, commit, CleanDepth::KeepIgnored)
                .map_err(|error| error.to_string())?;
        }
        Ok(view)
    }

    fn verify(
        &mut self,
        rig: &Rig,
        commit: &CommitId,
        stops: &Receiver<StopRequest>,
    ) -> Result<VerifyRun, String> {
        // A gate may have left files there, even where the worktree is at the commit already.
        self.depth = self.depth.max(CleanDepth::KeepIgnored);
        match self.at {
            Some(_) if !self.is_spoiled => self.put_at(rig, commit)?,
            _ => self.stand_at(rig, commit)?,
        }
        let Some(command) = verifying::command(rig, &self.path) else { return Ok(VerifyRun::NoCommand) };
        self.furnish(rig, stops)?;
        let run = verifying::run(rig, command, &self.path, stops);
        // Whatever it did there, what comes next finds a clean tree; what came of it stands all the same.
        self.is_spoiled = self.put_at(rig, commit).is_err();
        run
    }

    /// Puts the worktree at a commit, and cleans it.
    fn put_at(&mut self, rig: &Rig, commit: &CommitId) -> Result<(), String> {
        rig.git.checkout(&self.path, commit, self.depth).map_err(|error| error.to_string())?;
        self.at = Some(commit.clone());
        Ok(())
    }

    /// `watch` looks at the run branch meanwhile, where anything does.
    fn deliver(
        &mut self,
        rig: &Rig,
        watch: Option<&Watch>,
        tip: &CommitId,
        stops: &Receiver<StopRequest>,
    ) -> Result<DeliveredView, String> {
        let target = rig.place.target.as_ref().ok_or("HEAD was detached at launch")?;
        let request = DeliverRequest {
            run: &rig.place.run,
            run_branch: &rig.place.run_branch,
            tip,
            target,
            launched_from: &rig.project,
        };
        let mut delivering = Delivering { lane: self, rig, watch, tip, stops, meddled: None };
        let delivered = deliver::deliver(&*rig.git, &request, &mut delivering)?;
        let (target, meddled) = (target.clone(), delivering.meddled);
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
}

/// Mends what an earlier delivery of this run left whose git was killed; what can't be mended holds nothing up by itself.
fn mend_cut_off(rig: &Rig) -> Vec<String> {
    let failed = |error| vec![format!("what a killed git left can't be mended: {error}")];
    rig.git.mend_cut_off().unwrap_or_else(failed)
}

/// Moves the run branch. What somebody else had put there is told to whoever may answer for it; where nobody runs who
/// could, it is told with the answer.
fn advance(rig: &Rig, watch: &Watch, from: &CommitId, to: &CommitId) -> Result<Advance, String> {
    let place = &rig.place;
    let moved =
        watch.while_moving(to, || merge_back::advance(&*rig.git, &place.run_branch, from, to, &place.run));
    let mut moved = moved.map_err(|error| error.to_string())?;
    if let Some(change) = moved.foreign_change(&place.run_branch, from)
        && watch.meddled(change)
    {
        moved = Advance { meddled: None, restored: false };
    }
    Ok(moved)
}

/// A tree that the gate has to pass.
#[derive(Clone, Copy)]
struct ToProve<'a> {
    commit: &'a CommitId,
    tree: &'a TreeId,
    tip: &'a CommitId,
    definition_changed: &'a [String],
}

/// Delivers a run's result outside the run. A folder that can't be removed afterwards is `kept`, with why; it is no reason to say
/// that the delivery failed.
pub(crate) fn deliver_once(
    rig: &Rig,
    tip: &CommitId,
    kept: impl Fn(&Path, &str),
) -> Result<DeliveredView, String> {
    let mut lane = Lane::new(rig);
    let delivered = lane.deliver(rig, None, tip, &crossbeam_channel::never());
    if lane.at.is_some()
        && let Err(error) = rig.git.remove_worktree(&lane.path)
    {
        kept(&lane.path, &error.to_string());
    }
    let temp = temp_place(rig);
    if let Err(error) = discard(&temp) {
        kept(&temp, &error.to_string());
    }
    delivered
}

/// The lane while it delivers.
struct Delivering<'a> {
    lane: &'a mut Lane,
    rig: &'a Rig,
    watch: Option<&'a Watch>,
    tip: &'a CommitId,
    stops: &'a Receiver<StopRequest>,
    /// What somebody else had done to the run branch: it is put back.
    meddled: Option<Change>,
}

impl DeliveryLane for Delivering<'_> {
    fn stand_at(&mut self, commit: &CommitId) -> Result<PathBuf, String> {
        self.lane.stand_at(self.rig, commit)?;
        Ok(self.lane.path.clone())
    }

    fn judge(&mut self, commit: &CommitId, tree: &TreeId) -> Result<Judgement, String> {
        self.lane.at = Some(commit.clone());
        if self.rig.place.gate.is_none() {
            return Ok(Judgement::Passed);
        }
        let log = "deliver-gate.log".to_owned();
        // The target's own commits are people's: their gate is theirs to change.
        let candidate = ToProve { commit, tree, tip: self.tip, definition_changed: &[] };
        let view = self.lane.gate(self.rig, &candidate, log, self.stops)?;
        Ok(match view.red_reason() {
            None => Judgement::Passed,
            Some(why) => {
                Judgement::Failed(format!("{why}; log: {}", self.rig.place.folder.join(&view.log).display()))
            }
        })
    }

    fn advance(&mut self, to: &CommitId) -> Result<(), String> {
        let (git, place) = (&*self.rig.git, &self.rig.place);
        let advance = || merge_back::advance(git, &place.run_branch, self.tip, to, &place.run);
        let moved = match self.watch {
            Some(watch) => watch.while_moving(to, advance),
            None => advance(),
        };
        let moved = moved.map_err(|error| error.to_string())?;
        self.meddled = moved.foreign_change(&place.run_branch, self.tip);
        Ok(())
    }
}

/// Tasks whose conflict a task's work resolves.
fn resolved(
    rig: &Rig,
    candidate: &Candidate,
    iteration: IterationId,
    task: &Task,
) -> Result<Vec<(IterationId, TaskId)>, String> {
    let Candidate::Made { commit, .. } = candidate else { return Ok(Vec::new()) };
    let originals = resolves(&*rig.git, task, commit).map_err(|error| error.to_string())?;
    Ok(originals.into_iter().map(|original| (iteration, original)).collect())
}

/// Whose the task is, right before its work is landed.
pub(super) fn taken(rig: &Rig, task: &TaskId, actor: &Actor) -> Result<Option<String>, String> {
    let Some(task) = rig.tracker.task(task).map_err(|error| error.to_string())? else {
        return Ok(Some(format!("{task} was deleted")));
    };
    Ok(match owner_after(&task, actor) {
        Owner::Ours => None,
        Owner::Person(who) => Some(format!("{who} closed or took {}", task.id)),
    })
}

/// A worktree in which a person can look at work that did not merge. The work is safe without it.
fn keep_conflict(rig: &Rig, task: &TaskId, work: &CommitId) -> Result<String, String> {
    let path = names::conflict_dir(&rig.place.worktree_root, &rig.place.run, task);
    let start = WorktreeStart { branch: None, commit: work.clone() };
    rig.git.add_worktree(&path, &start).map_err(|error| error.to_string())?;
    rig.keep_folder(path.clone());
    Ok(path.display().to_string())
}
