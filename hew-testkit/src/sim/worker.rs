//! A worker's thread, as the binary's: the core's own preparing, planning, proving and collecting.

use std::collections::BTreeMap;
use std::path::PathBuf;

use hew_core::agent::StopRequest;
use hew_core::engine::event::{PlannedView, PreparedView, ProofView};
use hew_core::engine::{Event, WorkerJob};
use hew_core::ids::{Actor, CommitId, IterationId, TaskId, WorkerId, uuid4};
use hew_core::land::merge_back;
use hew_core::plan::{
    Host, Purpose, RuntimeChoice, RuntimeProblem, Seat, SpawnPlan, SpawnRequest, plan_spawn,
};
use hew_core::worktree::collect::{CollectRequest, Collected, collect};
use hew_core::worktree::prepare::{PrepareRequest, Prepared, prepare};
use hew_core::worktree::{CleanDepth, GitClient, WorktreeStart, names};

use super::seat::SimSeat;
use super::trouble::Trouble;
use super::world::{ROOT, World};

impl World {
    pub(super) fn do_work(
        &mut self,
        id: IterationId,
        job: WorkerJob,
        stop: Option<StopRequest>,
    ) -> Vec<Event> {
        match job {
            WorkerJob::Prepare { base, must_contain } => {
                vec![Event::Prepared { iteration: id, result: self.prepare(id, base, must_contain) }]
            }
            WorkerJob::Plan { task, attempt, choice, .. } => {
                let planned = self.plan(Purpose::Iteration(&task), &choice, id, attempt);
                let view = planned
                    .map(|plan| PlannedView { plan: Box::new(plan), prompt_prefix_hash: "0".to_owned() });
                vec![Event::Planned { iteration: id, result: Ok(view) }]
            }
            WorkerJob::Run { .. } => unreachable!("an agent is begun and ended by itself"),
            WorkerJob::Prove { task, actor, base, commit, again, .. } => {
                let log = if again { "gate-again.log" } else { "gate.log" };
                let result = self.prove(id.worker, (&task, &actor), (&base, &commit), stop, log);
                vec![Event::Proved { iteration: id, result }]
            }
            WorkerJob::Collect { task, title, base } => {
                vec![Event::Collected { iteration: id, result: self.collect(id, &task, &title, base) }]
            }
        }
    }

    /// As the binary does it: what is not green leaves worktree and branch at what it stood on.
    fn prove(
        &mut self,
        worker: WorkerId,
        (task, actor): (&TaskId, &Actor),
        (base, commit): (&CommitId, &CommitId),
        stop: Option<StopRequest>,
        log: &str,
    ) -> Result<ProofView, String> {
        let run = self.plot.config.run.clone();
        let seat = self.seat(worker);
        let (path, branch) = (seat.path(&run), seat.branch(&run));
        seat.depth = CleanDepth::KeepIgnored;
        let stand_at = |world: &Self, commit: &CommitId| {
            let start = WorktreeStart { branch: Some(branch.clone()), commit: commit.clone() };
            let reset = world.git.reset_worktree(&path, &start, CleanDepth::KeepIgnored);
            reset.map_err(|error| error.to_string()).map(drop)
        };
        let view = match self.taken(task, actor)? {
            Some(why) => Ok(ProofView::Taken(why)),
            None if self.plot.config.gate.is_none() => stand_at(self, commit).map(|()| ProofView::Ungated),
            None => {
                stand_at(self, commit)?;
                let tree = self.git.tree_of(commit).map_err(|error| error.to_string())?;
                self.gate_in(&path, commit, &tree, stop, log).map(ProofView::Gated)
            }
        };
        let is_good = match &view {
            Ok(ProofView::Gated(view)) => view.is_green(),
            Ok(ProofView::Ungated) => true,
            Ok(ProofView::Taken(_)) | Err(_) => false,
        };
        if !is_good {
            let _ = stand_at(self, base);
        }
        view
    }

    pub(super) fn make_ahead(&mut self, worker: WorkerId, base: CommitId) -> Event {
        let run = self.plot.config.run.clone();
        let seat = self.seat(worker);
        let start = WorktreeStart { branch: Some(seat.branch(&run)), commit: base };
        let path = seat.path(&run);
        let made = self.git.add_worktree(&path, &start).map_err(|error| error.to_string());
        if made.is_ok() {
            let seat = self.seat(worker);
            (seat.exists, seat.depth) = (true, CleanDepth::Nothing);
        }
        Event::MadeAhead { worker, result: made.map(|()| path.display().to_string()) }
    }

    pub(super) fn seat(&mut self, worker: WorkerId) -> &mut SimSeat {
        &mut self.process_mut().seats[usize::from(worker.0)]
    }

    fn prepare(
        &mut self,
        id: IterationId,
        base: CommitId,
        must_contain: Vec<CommitId>,
    ) -> Result<PreparedView, String> {
        if self.plot.has(Trouble::Git) && self.chances.lane.percent(4) {
            return Err("No space left on device".to_owned());
        }
        let run = self.plot.config.run.clone();
        let seat = self.seat(id.worker);
        let request = PrepareRequest {
            path: seat.path(&run),
            start: WorktreeStart { branch: Some(seat.branch(&run)), commit: base },
            must_contain,
            exists: seat.exists,
            is_cloned: false,
            depth: std::mem::replace(&mut seat.depth, CleanDepth::KeepIgnored),
        };
        let fresh = match prepare(&*self.git, &request).map_err(|error| error.to_string())? {
            Prepared::Ready { fresh } => fresh,
            Prepared::BaseIncomplete => return Err("the base lacks what a dependency landed".to_owned()),
        };
        self.seat(id.worker).exists = true;
        let branch = self.seat(id.worker).branch(&run);
        Ok(PreparedView { worktree: request.path.display().to_string(), branch, fresh })
    }

    pub(super) fn plan(
        &self,
        purpose: Purpose<'_>,
        choice: &RuntimeChoice,
        iteration: IterationId,
        attempt: u32,
    ) -> Result<SpawnPlan, RuntimeProblem> {
        let run = &self.plot.config.run;
        let folder = PathBuf::from(format!("run/{}", iteration.stem()));
        let seat = Seat {
            run: run.clone(),
            iteration,
            attempt,
            project: self.git.repo.root().to_owned(),
            worktree: names::worker_dir(ROOT.as_ref(), run, iteration.worker),
            git_dir: PathBuf::from("git/worktrees/wt"),
            git_common_dir: PathBuf::from("git"),
            session: uuid4(0),
            temp: folder.join("tmp"),
            shared_temp: folder.join("tmp"),
            task_folders: Vec::new(),
            folder,
            port_base: 20_000,
            hew_folder: PathBuf::from("bin"),
            remotes: Vec::new(),
            tracker_env: BTreeMap::new(),
        };
        let (settings, host) = (&self.plot.config.settings, Host::default());
        plan_spawn(&SpawnRequest {
            purpose,
            settings,
            model: None,
            host: &host,
            seat: &seat,
            choice,
            suggested: None,
            resumes: None,
        })
    }

    fn collect(
        &mut self,
        id: IterationId,
        task: &TaskId,
        title: &str,
        base: CommitId,
    ) -> Result<Collected, String> {
        let run = self.plot.config.run.clone();
        let seat = self.seat(id.worker);
        let request = CollectRequest {
            path: seat.path(&run),
            base,
            anchor: names::anchor(&run, id),
            branch: seat.branch(&run),
            message: merge_back::subject(task, title),
            leave_out: Vec::new(),
            max_bytes: u64::MAX,
            max_files: usize::MAX,
        };
        let result = collect(&*self.git, &request).map_err(|error| error.to_string());
        let seat = self.seat(id.worker);
        if matches!(result, Ok(Collected::Work(_))) {
            if seat.depth == CleanDepth::KeepIgnored {
                seat.depth = CleanDepth::Nothing;
            }
        } else {
            let path = seat.path(&run);
            (seat.generation, seat.exists) = (seat.generation + 1, false);
            self.process_mut().kept_folders.insert(path);
            self.tally.count("folders kept");
        }
        result
    }
}
