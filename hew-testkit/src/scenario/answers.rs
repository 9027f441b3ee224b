//! Each job done on the fakes: tracker, spawner and gate are the testkit's, planning and settling the core's own.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::time::Duration;

use crossbeam_channel::{Receiver, unbounded};
use hew_core::agent::verdict::{Owner, owner_after};
use hew_core::agent::{RuntimeFailure, SpawnError, SpawnProgress, Spawner, StopRequest};
use hew_core::engine::event::{
    DeliveredView, ExitView, GatedView, MergeView, PlannedView, PlannerDraft, PlannerEnd, PreparedView,
    Problem, ProofView,
};
use hew_core::engine::{BranchPart, Effect, Event, LaneJob, PlannerJob, SettleJob, WorkerJob};
use hew_core::ids::{Actor, BranchName, CommitId, IterationId, RunId, RuntimeName, TaskId, TreeId, uuid4};
use hew_core::land::close::{self, Changes};
use hew_core::land::conflict::conflict_of;
use hew_core::land::gate::{GateJob, GateProof, GateRunner};
use hew_core::land::merge_back::{Advance, Candidate};
use hew_core::land::verify::{self, VerifyRun};
use hew_core::plan::{
    Host, Purpose, RuntimeChoice, RuntimeProblem, Seat, SpawnPlan, SpawnRequest, plan_spawn,
};
use hew_core::prompt::{Draft, draft};
use hew_core::record::event::{DeliveryRecord, TaskChange};
use hew_core::schedule::batch_plan::NextBatch;
use hew_core::schedule::batch_plan_parse::parse_next_batch;
use hew_core::tracker::{BdClient, ClaimOutcome, Status, Task};
use hew_core::worktree::FileChange;
use hew_core::worktree::collect::{Collected, CollectedWork};

use super::attempt::{Advancing, Attempt, GateGoes, Work};
use super::world::World;
use super::{BranchMerges, Delivers, LAUNCH, Verifies};
use crate::fake_gate::FakeGate;
use crate::fake_spawner::FakeSpawner;

/// Takes one off a task's count; true if there was one left.
fn take_fault(faults: &mut BTreeMap<TaskId, u32>, task: &TaskId) -> bool {
    faults.get_mut(task).filter(|left| **left > 0).map(|left| *left -= 1).is_some()
}

fn stops(request: Option<StopRequest>) -> Receiver<StopRequest> {
    let (stop, stops) = unbounded();
    if let Some(request) = request {
        stop.send(request).expect("the receiver is at hand");
    }
    stops
}

impl World {
    pub(super) fn ask_tracker(&mut self, call: Effect) -> Event {
        match call {
            Effect::ListReady(_) if self.faults.unanswered_lists > 0 => {
                self.faults.unanswered_lists -= 1;
                Event::ReadyListed(Err("database locked".to_owned()))
            }
            Effect::ListReady(query) => {
                Event::ReadyListed(self.tracker.ready(&query).map_err(|error| error.to_string()))
            }
            Effect::Claim { iteration, task, actor } => {
                Event::Claimed { iteration, result: self.claim(iteration, &task, &actor) }
            }
            Effect::Settle { iteration, job } => Event::Settled { iteration, result: self.settle_task(&job) },
            Effect::ReadRunning(running) => {
                let read = |(id, task)| (id, self.tracker.task(&task).expect("a fake answers").map(Box::new));
                Event::RunningRead(running.into_iter().map(read).collect())
            }
            Effect::LookAhead(query) => {
                let limit = query.limit.expect("a look ahead has its bounds");
                Event::LookedAhead(self.tracker.leftovers(&query, limit).map_err(|error| error.to_string()))
            }
            Effect::NoteVerify(_) if !self.remembers => Event::VerifyNoted(Err("database locked".to_owned())),
            Effect::NoteVerify(note) => {
                Event::VerifyNoted(verify::note(&self.tracker, &note).map_err(|error| error.to_string()))
            }
            Effect::ListLeftovers(query) => Event::LeftoversListed(
                self.tracker.leftovers(&query, 1000).map_err(|error| error.to_string()),
            ),
            other => panic!("not a call of the tracker: {other:?}"),
        }
    }

    fn claim(&mut self, id: IterationId, task: &TaskId, actor: &Actor) -> Result<ClaimOutcome, Problem> {
        if take_fault(&mut self.faults.unanswered_claims, task) {
            return Err("database locked".to_owned());
        }
        if take_fault(&mut self.faults.lost_claims, task) {
            return Ok(ClaimOutcome::HeldBy(Actor::new("ann")));
        }
        let outcome = self.tracker.claim(task, actor).map_err(|error| error.to_string())?;
        if matches!(outcome, ClaimOutcome::Won(_)) {
            let scripted = self.script.get_mut(task).and_then(std::collections::VecDeque::pop_front);
            self.attempts.insert(id, (task.clone(), scripted.unwrap_or_else(Attempt::done)));
        }
        Ok(outcome)
    }

    fn settle_task(&mut self, job: &SettleJob) -> Result<Changes, Problem> {
        let result = match job {
            SettleJob::Close(request) => {
                if take_fault(&mut self.faults.refused_closes, &request.task) {
                    let reason = "the tracker says no".to_owned();
                    return Ok(vec![(request.task.clone(), TaskChange::CloseFailed { reason })]);
                }
                close::close(&self.tracker, request)
            }
            SettleJob::Release(request) if self.faults.unanswered_releases.contains(&request.task) => {
                return Err("database locked".to_owned());
            }
            SettleJob::Release(request) => close::release(&self.tracker, request),
        };
        result.map_err(|error| error.to_string())
    }

    fn attempt(&self, id: IterationId) -> &Attempt {
        &self.attempts.get(&id).expect("an iteration has a claim").1
    }

    pub(super) fn do_work(&mut self, id: IterationId, job: WorkerJob) -> Vec<Event> {
        let event = match job {
            WorkerJob::Prepare { base, must_contain } => {
                Event::Prepared { iteration: id, result: self.prepare(id, &base, &must_contain) }
            }
            WorkerJob::Plan { task, attempt, choice, .. } => {
                let planned = plan(Purpose::Iteration(&task), &choice, id, attempt, &self.settings);
                let view = planned
                    .map(|plan| PlannedView { plan: Box::new(plan), prompt_prefix_hash: "0".to_owned() });
                Event::Planned { iteration: id, result: Ok(view) }
            }
            WorkerJob::Run { task, plan } => return self.run_agent(id, &task, &plan),
            WorkerJob::Prove { task, actor, again, commit, .. } => {
                Event::Proved { iteration: id, result: self.prove(id, &task, &actor, again, &commit) }
            }
            WorkerJob::Collect { base, .. } => {
                Event::Collected { iteration: id, result: Ok(self.collect(id, base)) }
            }
        };
        vec![event]
    }

    fn prepare(
        &self,
        id: IterationId,
        base: &CommitId,
        must_contain: &[CommitId],
    ) -> Result<PreparedView, Problem> {
        if self.agent_stops.contains_key(&id.worker) {
            return Err("the set-up was stopped".to_owned());
        }
        if let Some(problem) = &self.attempt(id).set_up {
            return Err(problem.clone());
        }
        if !must_contain.iter().all(|commit| self.commits.contains(base, commit)) {
            return Err("the base lacks what a dependency landed".to_owned());
        }
        let branch = BranchName::new(format!("loop/{}/{}", self.run, id.worker));
        Ok(PreparedView { worktree: format!("wt/{}", id.worker), branch, fresh: id.iter == 1 })
    }

    fn run_agent(&mut self, id: IterationId, task: &TaskId, plan: &SpawnPlan) -> Vec<Event> {
        let stop = self.agent_stops.get(&id.worker).copied();
        let failure = self.next_failure(id, &plan.runtime);
        let attempt = self.attempt(id).clone();
        let spawner = FakeSpawner::new().with(task.as_str(), attempt.run(stop.is_some(), failure));
        let used = std::cell::RefCell::new(Vec::new());
        let report = spawner.run(plan, &stops(stop), &|seen| {
            if let SpawnProgress::Used { usage, cost_usd, model } = seen {
                used.borrow_mut().push(Event::Used { iteration: id, usage, cost_usd, model });
            }
        });
        if attempt.closes_in_tracker && stop.is_none() {
            let actor = self.run.actor(id);
            self.tracker.close(task, "done", &actor).expect("a fake answers");
        }
        let result = report.map(|report| {
            let read = self.tracker.task(task).expect("a fake answers").map(Box::new);
            let task_after = attempt.unread.clone().map_or(Ok(read), Err);
            let next = parse_next_batch(report.last_words()).map(|said| self.known(said));
            Box::new(ExitView { report, task_after, next })
        });
        let started = Event::Spawned { iteration: id, pid: 1, start_ticks: 1 };
        let never_ran = matches!(result, Err(SpawnError::Missing { .. } | SpawnError::Failed { .. }));
        let exited = Event::Exited { iteration: id, result };
        if never_ran {
            return vec![exited];
        }
        std::iter::once(started).chain(used.into_inner()).chain([exited]).collect()
    }

    /// How the runtime fails this time, if it does: as the attempt has it, else as the runtime itself.
    fn next_failure(&mut self, id: IterationId, runtime: &RuntimeName) -> Option<RuntimeFailure> {
        let (_, attempt) = self.attempts.get_mut(&id).expect("an iteration has a claim");
        let own = attempt.failures.pop_front();
        own.or_else(|| self.runtime_failures.get_mut(runtime).and_then(VecDeque::pop_front).flatten())
    }

    /// Without names that are no open task's.
    fn known(&self, said: NextBatch) -> NextBatch {
        said.keeping(|id| {
            let task = self.tracker.task(id).expect("a fake answers");
            task.is_some_and(|task| task.status != Status::Closed)
        })
    }

    pub(super) fn draft_planner(&self, job: &PlannerJob) -> Event {
        let ready = self.tracker.ready(&job.query).expect("a fake answers");
        let result = match draft("# Plan", &ready, &job.touched, job.budget_tokens) {
            _ if ready.is_empty() => Ok(PlannerDraft::NothingReady),
            Draft::TooLong(tokens) => Ok(PlannerDraft::TooLong(tokens)),
            Draft::Prompt(_) => plan(Purpose::Planner, &job.choice, job.after, 0, &self.settings)
                .map(|plan| PlannerDraft::Planned(Box::new(plan))),
        };
        Event::PlannerDrafted { number: job.number, result: Ok(result) }
    }

    pub(super) fn run_planner(&mut self, number: u32, plan: &SpawnPlan) -> Vec<Event> {
        let call = self.planner_script.pop_front().unwrap_or_default();
        let spawner = FakeSpawner::new().with("", call.run(self.planner_stop.is_some()));
        let stop = self.planner_stop.take();
        let used = std::cell::RefCell::new(Vec::new());
        let report = spawner.run(plan, &stops(stop), &|seen| {
            if let SpawnProgress::Used { usage, cost_usd, model } = seen {
                used.borrow_mut().push(Event::PlannerUsed { number, usage, cost_usd, model });
            }
        });
        let result = report.map(|report| {
            let next = parse_next_batch(report.last_words()).map(|said| self.known(said));
            Box::new(PlannerEnd { report, next })
        });
        used.into_inner().into_iter().chain([Event::PlannerEnded { number, result }]).collect()
    }

    fn collect(&mut self, id: IterationId, base: CommitId) -> Collected {
        let (task, attempt) = self.attempts.get(&id).cloned().expect("an iteration has a claim");
        let name = format!("work-{task}");
        let (head, descends_from_base) = match attempt.work {
            Work::Uncollectable => {
                return Collected::Kept { reason: "unresolved merge in a.txt".to_owned(), head: Some(base) };
            }
            Work::Nothing => (base, true),
            Work::Changes => (self.commits.commit(&name, vec![base]), true),
            Work::Rewritten => (self.commits.commit(&name, Vec::new()), false),
        };
        let change = FileChange { path: "a.txt".to_owned(), added: 1, removed: 0, is_repository_link: false };
        let changes = if attempt.work == Work::Nothing { Vec::new() } else { vec![change] };
        let symbols = changes.iter().map(|_| format!("fn {task}() {{")).collect();
        Collected::Work(CollectedWork {
            head,
            committed_leftovers: false,
            changes,
            symbols,
            descends_from_base,
        })
    }

    pub(super) fn do_lane(&mut self, job: LaneJob) -> Event {
        match job {
            LaneJob::Baseline { commit } => {
                let tree = TreeId::new(format!("tree-of-{commit}"));
                Event::BaselineEnded(gate(self.baseline, tree, self.gate_stop))
            }
            LaneJob::Merge { iteration, task, actor, tip, work, .. } => {
                self.landing = Some(iteration);
                Event::Merged(self.merge(iteration, &task, &actor, &tip, &work))
            }
            LaneJob::MergeBranch { parts, tip, work, .. } => {
                self.landing = parts.last().map(|part| part.iteration);
                Event::Merged(self.merge_branch(&parts, &tip, &work))
            }
            LaneJob::Gate { iteration, tree, again, is_branch, .. } => {
                let goes = if is_branch {
                    self.merges.pop_front().unwrap_or(BranchMerges::Green).gate()
                } else {
                    self.attempt(iteration).gate(again)
                };
                Event::Gated(gate(goes, tree, self.gate_stop))
            }
            LaneJob::Advance { to, .. } => Event::Advanced(self.advance(&to)),
            LaneJob::Verify { .. } => Event::Verified(self.verify()),
            LaneJob::Deliver { tip } => Event::Delivered(Ok(self.deliver(tip))),
            LaneJob::KeepConflict { task, .. } => {
                let result = Ok(format!("wt/conflict-{task}"));
                Event::ConflictKept { task, result }
            }
            LaneJob::KeepBranch { place, .. } => {
                Event::BranchKept { branch: place.branch, result: Ok(place.worktree) }
            }
            LaneJob::CleanUp => Event::CleanedUp(Vec::new()),
        }
    }

    fn merge(
        &mut self,
        id: IterationId,
        task: &Task,
        actor: &Actor,
        tip: &CommitId,
        work: &CommitId,
    ) -> Result<MergeView, Problem> {
        if let Some(why) = self.taken(&task.id, actor) {
            return Ok(MergeView::Taken(why));
        }
        let attempt = self.attempt(id).clone();
        if let Some(problem) = attempt.merge_problem {
            return Err(problem);
        }
        if !attempt.conflicts_in.is_empty() {
            let candidate = Candidate::Conflict(attempt.conflicts_in);
            return Ok(MergeView::Candidate { candidate, resolves: Vec::new() });
        }
        let (commit, tree) = self.commits.merge(tip, work);
        let resolves = conflict_of(task).into_iter().map(|of| (id, of)).collect();
        Ok(MergeView::Candidate { candidate: Candidate::Made { commit, tree }, resolves })
    }

    fn merge_branch(
        &mut self,
        parts: &[BranchPart],
        tip: &CommitId,
        work: &CommitId,
    ) -> Result<MergeView, Problem> {
        for BranchPart { iteration, task, actor } in parts {
            if let Some(why) = self.taken(&task.id, actor) {
                return Ok(MergeView::PartTaken { iteration: *iteration, why });
            }
        }
        match self.merges.front() {
            Some(BranchMerges::Problem) => {
                self.merges.pop_front();
                return Err("disk full".to_owned());
            }
            Some(BranchMerges::Conflict) => {
                self.merges.pop_front();
                let candidate = Candidate::Conflict(vec!["a.txt".to_owned()]);
                return Ok(MergeView::Candidate { candidate, resolves: Vec::new() });
            }
            Some(BranchMerges::Green | BranchMerges::Red) | None => {}
        }
        let (commit, tree) = self.commits.merge(tip, work);
        let of = |part: &BranchPart| {
            conflict_of(&part.task).into_iter().map(|of| (part.iteration, of)).collect::<Vec<_>>()
        };
        let resolves = parts.iter().flat_map(of).collect();
        Ok(MergeView::Candidate { candidate: Candidate::Made { commit, tree }, resolves })
    }

    fn taken(&self, task: &TaskId, actor: &Actor) -> Option<String> {
        let Some(after) = self.tracker.task(task).expect("a fake answers") else {
            return Some(format!("{task} was deleted"));
        };
        match owner_after(&after, actor) {
            Owner::Person(who) => Some(format!("{who} closed or took {task}")),
            Owner::Ours => None,
        }
    }

    /// The gate in a worker's own worktree.
    fn prove(
        &self,
        id: IterationId,
        task: &TaskId,
        actor: &Actor,
        again: bool,
        commit: &CommitId,
    ) -> Result<ProofView, Problem> {
        if let Some(why) = self.taken(task, actor) {
            return Ok(ProofView::Taken(why));
        }
        if !self.is_gated {
            return Ok(ProofView::Ungated);
        }
        let stop = self.agent_stops.get(&id.worker).copied();
        let tree = TreeId::new(format!("tree-of-{commit}"));
        gate(self.attempt(id).gate(again), tree, stop).map(ProofView::Gated)
    }

    fn verify(&mut self) -> Result<VerifyRun, Problem> {
        let goes = match self.verifications.pop_front() {
            Some(Verifies::NoCommand) => return Ok(VerifyRun::NoCommand),
            Some(Verifies::Goes(goes)) => goes,
            None => GateGoes::Green,
        };
        let GatedView { proof, .. } = gate(goes, TreeId::new("tree"), self.gate_stop)?;
        let failed_tests = vec!["adds_up".to_owned()];
        Ok(VerifyRun::Ran { command: "all tests".to_owned(), report: proof.report, failed_tests })
    }

    fn advance(&mut self, to: &CommitId) -> Result<Advance, Problem> {
        let how = self.landing.map_or(Advancing::AtTip, |id| self.attempt(id).advance);
        self.commits.advance(to, how)
    }

    fn deliver(&mut self, tip: CommitId) -> DeliveredView {
        let target = BranchName::new("main");
        let refused = |reason: &str| DeliveryRecord::Refused {
            target: target.clone(),
            reason: reason.to_owned(),
            remedy: "hew loop deliver".to_owned(),
            new_tip: None,
        };
        if self.gate_stop.is_some() {
            return delivered(refused("the gate was stopped"), None);
        }
        match self.deliveries.pop_front().unwrap_or(Delivers::Forward) {
            Delivers::Forward => {
                let outcome = DeliveryRecord::Delivered { target, sha: tip };
                delivered(outcome, None)
            }
            Delivers::Merged => {
                let theirs = self.commits.commit("theirs", vec![CommitId::new(LAUNCH)]);
                let (merged, _) = self.commits.merge(&tip, &theirs);
                self.commits.branch = merged.clone();
                let outcome = DeliveryRecord::Delivered { target, sha: merged.clone() };
                delivered(outcome, Some(merged))
            }
            Delivers::Refused => {
                let outcome = refused("uncommitted changes in a.txt");
                delivered(outcome, None)
            }
        }
    }
}

fn delivered(outcome: DeliveryRecord, new_tip: Option<CommitId>) -> DeliveredView {
    DeliveredView { outcome, new_tip, meddled: None }
}

fn gate(goes: GateGoes, tree: TreeId, stop: Option<StopRequest>) -> Result<GatedView, Problem> {
    let is_stopped = stop.is_some();
    let gate = FakeGate::deciding(move |_| goes.run(is_stopped));
    let job = GateJob {
        command: "just test".to_owned(),
        cwd: PathBuf::from("wt/land"),
        log: PathBuf::from("gate.log"),
        timeout: Duration::from_secs(60),
        kill_grace: Duration::from_secs(1),
        env: Vec::new(),
        sandbox: None,
    };
    let report = gate.run(&job, &stops(stop)).map_err(|error| error.to_string())?;
    let proof = GateProof { command: job.command, tree, report, flaky: false };
    Ok(GatedView { proof, log: "gate.log".to_owned(), tampered: None })
}

fn plan(
    purpose: Purpose<'_>,
    choice: &RuntimeChoice,
    iteration: IterationId,
    attempt: u32,
    settings: &hew_core::settings::Settings,
) -> Result<SpawnPlan, RuntimeProblem> {
    let folder = PathBuf::from(format!("run/{}", iteration.stem()));
    let seat = Seat {
        run: RunId::new(crate::tracker_clock::ticking_start(), 7),
        iteration,
        attempt,
        project: PathBuf::from("project"),
        worktree: PathBuf::from("wt"),
        git_dir: PathBuf::from("git/worktrees/wt"),
        git_common_dir: PathBuf::from("git"),
        session: uuid4(0),
        temp: folder.join("tmp"),
        shared_temp: folder.join("tmp"),
        folder,
        port_base: 20_000,
        hew_folder: PathBuf::from("bin"),
        task_folders: Vec::new(),
        remotes: Vec::new(),
        tracker_env: BTreeMap::new(),
    };
    plan_spawn(&SpawnRequest {
        purpose,
        settings,
        model: None,
        host: &Host::default(),
        seat: &seat,
        choice,
        suggested: None,
        resumes: None,
    })
}
