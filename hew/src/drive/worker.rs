//! A worker's thread: Base, Prepare, Plan, Spawn and Collect of its iterations, one phase at a time.

use crossbeam_channel::{Receiver, Sender};
use hew_core::agent::{SpawnError, SpawnProgress, StopRequest};
use hew_core::engine::event::{ExitView, PlannedView, PreparedView};
use hew_core::engine::{Event, WorkerJob};
use hew_core::ids::{CommitId, IterationId, TaskId, WorkerId, uuid4};
use hew_core::land::merge_back;
use hew_core::plan::{
    self, Purpose, ResumedSession, RuntimeChoice, RuntimeProblem, SpawnPlan, SpawnRequest, Suggestion,
};
use hew_core::prompt::{
    DependencyLanding, FailedAttempt, ReadyNow, TailRequest, render_resumed, render_tail,
};
use hew_core::record::files::iteration_dir;
use hew_core::record::plan_file::plan_json;
use hew_core::tracker::{ReadyQuery, Task};
use hew_core::worktree::collect::{CollectRequest, Collected, collect};
use hew_core::worktree::names;

use super::deeds::Deeds;
use super::next_batch::said_next;
use super::proving::{self, Proof};
use super::rig::{self, Rig};
use super::seat::{self, Seat};
use super::watch::Watch;
use crate::adapters::fail_point;
use crate::adapters::store::{write_for_agent, write_private};

/// What a worker is to do.
pub(super) enum Order {
    /// One phase of an iteration.
    Phase(Phase),
    /// Its worktree at a commit, before there is a task for it.
    MakeAhead(CommitId),
}

/// One phase, with the channel through which its program may be stopped.
pub(super) struct Phase {
    pub(super) iteration: IterationId,
    pub(super) job: WorkerJob,
    pub(super) stops: Receiver<StopRequest>,
}

/// Does what it is told until the run lets go of the channel.
pub(super) fn run(
    worker: WorkerId,
    rig: &Rig,
    watch: &Watch,
    orders: &Receiver<Order>,
    events: &Sender<Event>,
) {
    let mut seat = Seat::new(rig, worker);
    let mut deeds = Deeds::new(watch);
    for order in orders {
        let event = match order {
            Order::Phase(phase) => perform(&mut seat, &mut deeds, rig, phase, events),
            Order::MakeAhead(base) => {
                let made = seat.make_ahead(rig, base);
                Event::MadeAhead { worker, result: made.map(|()| seat.path(rig).display().to_string()) }
            }
        };
        super::send(events, event);
    }
}

fn perform(seat: &mut Seat, deeds: &mut Deeds<'_>, rig: &Rig, phase: Phase, events: &Sender<Event>) -> Event {
    let Phase { iteration, job, stops } = phase;
    match job {
        WorkerJob::Prepare { base, must_contain } => {
            let log = folder(rig, iteration).join("setup.log");
            let prepared = seat.prepare(rig, base, must_contain, &log, &stops);
            let worktree = seat.path(rig).display().to_string();
            let branch = seat.branch(rig);
            let view = prepared.map(|fresh| PreparedView { worktree, branch, fresh });
            Event::Prepared { iteration, result: view }
        }
        WorkerJob::Plan {
            task,
            attempt,
            retry,
            previous,
            dependencies,
            choice,
            suggested,
            resumes,
            ready,
        } => {
            if let Err(error) = keep_earlier_try(&folder(rig, iteration), retry) {
                return Event::Planned { iteration, result: Err(error) };
            }
            let request = PlanRequest {
                iteration,
                task: &task,
                attempt,
                previous: previous.as_deref(),
                dependencies: &dependencies,
                choice: &choice,
                suggested: suggested.as_deref(),
                ready: ready.as_deref(),
                resumes: resumes.as_ref(),
            };
            Event::Planned { iteration, result: write_plan(seat, rig, &request) }
        }
        WorkerJob::Run { task, plan } => {
            deeds.begin(iteration);
            let result = run_agent(rig, iteration, &task, &plan, &stops, events);
            if let Ok(view) = &result {
                deeds.keep(&view.report);
            }
            Event::Exited { iteration, result }
        }
        WorkerJob::Prove { task, actor, base, commit, again, definition_changed } => {
            let log = if again { "gate-again.log" } else { "gate.log" };
            let proof = Proof {
                task: &task,
                actor: &actor,
                base: &base,
                commit: &commit,
                definition_changed: &definition_changed,
                log: format!("{}/{log}", iteration_dir(rig.place.jobs, iteration)),
            };
            Event::Proved { iteration, result: proving::prove(seat, rig, &proof, &stops) }
        }
        WorkerJob::Collect { task, title, base } => {
            let request = CollectRequest {
                path: seat.path(rig),
                base,
                anchor: names::anchor(&rig.place.run, iteration),
                branch: seat.branch(rig),
                message: merge_back::subject(&task, &title),
                leave_out: seat::furniture(rig),
                max_bytes: rig.settings.collect_max_bytes.value,
                max_files: usize::try_from(rig.settings.collect_max_files.value).unwrap_or(usize::MAX),
            };
            let result = collect(&*rig.git, &request).map_err(|error| error.to_string());
            if matches!(result, Ok(Collected::Work(_))) {
                seat.note_collected();
            } else if result.is_ok() && !request.path.exists() {
                seat.lose_folder(rig);
            } else {
                seat.leave_folder(rig);
            }
            // The work is anchored by now, whatever comes of it.
            if deeds.end(rig, iteration, &request.path) {
                seat.distrust();
            }
            Event::Collected { iteration, result }
        }
    }
}

/// An iteration's folder in the run folder.
pub(super) fn folder(rig: &Rig, iteration: IterationId) -> std::path::PathBuf {
    rig.place.folder.join(iteration_dir(rig.place.jobs, iteration))
}

/// Puts what the try before this one was told and printed beside, as `transcript.try-1.jsonl` and so on.
fn keep_earlier_try(folder: &std::path::Path, retry: u32) -> Result<(), String> {
    if retry == 0 {
        return Ok(());
    }
    for (name, kind) in [("transcript", "jsonl"), ("stderr", "log"), ("plan", "json"), ("prompt", "md")] {
        let from = folder.join(format!("{name}.{kind}"));
        let to = folder.join(format!("{name}.try-{retry}.{kind}"));
        match std::fs::rename(&from, &to) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(format!("{}: {error}", from.display()));
            }
            _ => {}
        }
    }
    Ok(())
}

/// What a plan is made from.
struct PlanRequest<'a> {
    iteration: IterationId,
    task: &'a Task,
    attempt: u32,
    previous: Option<&'a FailedAttempt>,
    dependencies: &'a [DependencyLanding],
    choice: &'a RuntimeChoice,
    suggested: Option<&'a Suggestion>,
    ready: Option<&'a ReadyQuery>,
    resumes: Option<&'a ResumedSession>,
}

/// Freezes what will run and writes it down with its prompt.
fn write_plan(
    seat: &mut Seat,
    rig: &Rig,
    request: &PlanRequest<'_>,
) -> Result<Result<PlannedView, RuntimeProblem>, String> {
    let folder = folder(rig, request.iteration);
    let worktree = seat.path(rig);
    let git_dir = rig.git.git_dir_of(&worktree).map_err(|error| error.to_string())?;
    let seat = plan::Seat {
        run: rig.place.run.clone(),
        iteration: request.iteration,
        attempt: request.attempt,
        project: rig.project.clone(),
        git_common_dir: if rig.settings.is_cloned() { git_dir.clone() } else { rig.common_dir.clone() },
        git_dir,
        session: new_session()?,
        worktree,
        folder,
        temp: seat.temp(rig).map_err(|error| error.to_string())?,
        shared_temp: seat::shared_temp(rig).map_err(|error| error.to_string())?,
        port_base: seat.port_base(),
        hew_folder: rig.hew_folder.clone(),
        task_folders: rig.task_folders(),
        remotes: rig.remotes.clone(),
        tracker_env: rig::tracker_env(rig.beads_dir.as_deref(), &rig.place.run, request.iteration),
    };
    let spawn = SpawnRequest {
        purpose: Purpose::Iteration(request.task),
        settings: &rig.settings,
        model: rig.model.as_ref(),
        host: &rig.host,
        seat: &seat,
        choice: request.choice,
        suggested: request.suggested,
        resumes: request.resumes,
    };
    let plan = match plan::plan_spawn(&spawn) {
        Ok(plan) => plan,
        Err(problem) => return Ok(Err(problem)),
    };
    let prompt = match &plan.resumes {
        Some(_) => render_resumed(&request.task.id),
        None => whole_prompt(rig, request),
    };
    let plan_file = seat.folder.join("plan.json");
    write_for_agent(&plan::prompt_file(&seat), prompt.as_bytes()).map_err(|error| error.to_string())?;
    write_private(&plan_file, plan_json(&plan).as_bytes()).map_err(|error| error.to_string())?;
    Ok(Ok(PlannedView { plan: Box::new(plan), prompt_prefix_hash: rig.prefix.hash.clone() }))
}

/// What a new session is told: the run's prefix, and all about the task.
fn whole_prompt(rig: &Rig, request: &PlanRequest<'_>) -> String {
    let ready = request.ready.and_then(|query| ready_now(rig, query));
    let tail = render_tail(&TailRequest {
        task: request.task,
        attempt: request.attempt,
        previous: request.previous,
        dependencies: request.dependencies,
        gate: rig.place.gate.as_ref().map(|gate| gate.command.as_str()),
        ready: ready.as_ref(),
    });
    format!("{}\n{tail}", rig.prefix.text)
}

/// What could be next. A tracker that does not answer just now is no reason to keep an agent waiting.
fn ready_now(rig: &Rig, query: &ReadyQuery) -> Option<ReadyNow> {
    let ready = rig.tracker.ready(query).ok()?;
    let has_more = query.limit.is_some_and(|limit| ready.len() >= limit);
    Some(ReadyNow { tasks: ready.into_iter().map(|task| (task.id, task.title)).collect(), has_more })
}

/// A name for a runtime's session.
pub(crate) fn new_session() -> Result<String, String> {
    let half = || getrandom::u64().map(u128::from).map_err(|error| format!("no random numbers: {error}"));
    Ok(uuid4(half()? << 64 | half()?))
}

/// Runs the agent to its end, then reads the task afresh.
fn run_agent(
    rig: &Rig,
    iteration: IterationId,
    task: &TaskId,
    plan: &SpawnPlan,
    stops: &Receiver<StopRequest>,
    events: &Sender<Event>,
) -> Result<Box<ExitView>, SpawnError> {
    let progress = |seen: SpawnProgress| match seen {
        SpawnProgress::Started { pid, start_ticks } => {
            fail_point::reach("agent", "started");
            super::send(events, Event::Spawned { iteration, pid, start_ticks });
        }
        SpawnProgress::Used { usage, cost_usd, model } => {
            super::send(events, Event::Used { iteration, usage, cost_usd, model });
        }
        SpawnProgress::Output { .. } => {}
    };
    let report = rig.spawner.run(plan, stops, &progress)?;
    fail_point::reach("agent", "ended");
    let task_after = rig.tracker.task(task).map(|task| task.map(Box::new)).map_err(|error| error.to_string());
    let next = (rig.place.jobs > 1).then(|| said_next(rig, report.last_words())).flatten();
    Ok(Box::new(ExitView { report, task_after, next }))
}
