//! What would run for a task, without running it: the same choice and the same plan as in a run, in a place that is made
//! up.

use std::path::PathBuf;

use hew_core::helper::classifier;
use hew_core::ids::{IterationId, ModelName, RunId, WorkerId, uuid4};
use hew_core::plan::model::Wishes;
use hew_core::plan::runtime::{self, Choice};
use hew_core::plan::{Host, Purpose, RuntimeHealth, Seat, SpawnPlan, SpawnRequest, Suggestion, plan_spawn};
use hew_core::record::files::iteration_dir;
use hew_core::tracker::Task;
use hew_core::worktree::names;

use crate::adapters::git::{RepoGit, clone};
use crate::adapters::tracker::Opened;
use crate::adapters::{host, store};
use crate::commands::context::Context;
use crate::commands::trust;
use crate::drive::{SHARED_TEMP, helper, rig};
use crate::failure::Failure;

/// What plans are made of that nobody runs.
pub(crate) struct LookAhead<'a> {
    context: &'a Context,
    host: Host,
    model: Option<ModelName>,
    worktree_root: PathBuf,
    remotes: Vec<String>,
    beads_dir: Option<PathBuf>,
    /// How busy the runtimes would be.
    health: RuntimeHealth,
}

impl<'a> LookAhead<'a> {
    /// `model` is that of `--model`.
    pub(crate) fn new(
        context: &'a Context,
        tracker: &Opened,
        model: Option<ModelName>,
        worktree_root: PathBuf,
    ) -> Self {
        let remotes = RepoGit::new(&context.project.common_dir).remotes().unwrap_or_default();
        let host = host::load(&context.settings);
        let (beads_dir, health) = (tracker.beads_dir(), RuntimeHealth::default());
        Self { context, host, model, worktree_root, remotes, beads_dir, health }
    }

    /// What the classifier suggests for a task, or why it suggests nothing; none where a run would not ask it.
    pub(crate) fn suggest(&self, task: &Task) -> Result<Option<Result<Suggestion, String>>, Failure> {
        let settings = &self.context.settings;
        if !classifier::is_wanted(task, settings, self.model.as_ref()) {
            return Ok(None);
        }
        if !trust::not_trusted(self.context)?.is_empty() {
            return Ok(Some(Err("the project's settings are not trusted; hew trust".to_owned())));
        }
        let question = classifier::question(task, settings, &self.health);
        let answer = helper::classify(&settings.local, question);
        Ok(Some(answer.and_then(|answer| classifier::read(&answer.text, task, settings))))
    }

    /// The plan of a task on a worker, or why it can't run. Its runtime counts as busy from then on.
    pub(crate) fn plan(
        &mut self,
        task: &Task,
        worker: WorkerId,
        suggested: Option<&Suggestion>,
    ) -> Result<SpawnPlan, String> {
        let settings = &self.context.settings;
        let wishes = Wishes { settings, run: self.model.as_ref(), suggested };
        let choice = match runtime::choose(task, &wishes, &self.health) {
            Choice::Use(choice) => choice,
            Choice::Wait { why, .. } => return Err(why),
            Choice::Unusable(problem) => return Err(problem.with_remedy()),
        };
        *self.health.running.entry(choice.name.clone()).or_default() += 1;
        let request = SpawnRequest {
            purpose: Purpose::Iteration(task),
            settings,
            model: self.model.as_ref(),
            host: &self.host,
            seat: &self.seat(worker),
            choice: &choice,
            suggested,
            resumes: None,
        };
        plan_spawn(&request).map_err(|problem| problem.with_remedy())
    }

    fn seat(&self, worker: WorkerId) -> Seat {
        let run = RunId::parse("loop-00000000T000000Z-00000000").expect("the form of a run id");
        let project = &self.context.project;
        let iteration = IterationId { worker, iter: 1 };
        let run_folder = store::loop_dir(&project.state_dir).join(run.as_str());
        let worktrees = self.worktree_root.join(run.as_str());
        let worktree = names::worker_dir(&self.worktree_root, &run, worker);
        let (git_dir, git_common_dir) = if self.context.settings.is_cloned() {
            let own = clone::git_folder(&worktree);
            (own.clone(), own)
        } else {
            let common = &project.common_dir;
            (common.join("worktrees").join(worker.0.to_string()), common.clone())
        };
        Seat {
            iteration,
            attempt: 1,
            project: project.root.clone(),
            worktree,
            git_dir,
            git_common_dir,
            session: uuid4(0),
            folder: run_folder.join(iteration_dir(self.context.settings.jobs.value, iteration)),
            temp: worktrees.join(format!("tmp-{}", worker.0)),
            shared_temp: worktrees.join(SHARED_TEMP),
            port_base: 0,
            hew_folder: rig::hew_folder(),
            task_folders: rig::task_folders(self.beads_dir.as_deref(), &project.common_dir),
            remotes: self.remotes.clone(),
            tracker_env: rig::tracker_env(self.beads_dir.as_deref(), &run, iteration),
            run,
        }
    }
}
