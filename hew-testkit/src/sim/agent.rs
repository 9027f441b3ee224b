//! Agents that follow scripts.

use std::path::{Path, PathBuf};
use std::time::Duration;

use hew_core::agent::{
    AgentReading, AgentSignal, RuntimeFailure, SignalWord, SpawnError, SpawnReport, StopCause, StopRequest,
    Usage,
};
use hew_core::engine::Event;
use hew_core::engine::event::ExitView;
use hew_core::exit::Exit;
use hew_core::ids::{IterationId, TaskId};
use hew_core::plan::SpawnPlan;
use hew_core::tracker::{BdClient, Status, TaskEditor, TaskFilter};
use hew_core::worktree::GitClient;

use super::case::MICROS_A_TOKEN;
use super::project;
use super::script::{Ends, Misdeed, Script, Work};
use super::world::World;

/// An agent that runs.
#[derive(Debug, Clone)]
pub(super) struct Agent {
    pub(super) iteration: IterationId,
    pub(super) task: TaskId,
    pub(super) script: Script,
    /// Its number among the agents of its task, from 0.
    pub(super) nth: usize,
    pub(super) worktree: PathBuf,
    pub(super) limit: Duration,
    pub(super) stall: Duration,
    pub(super) began: Duration,
    /// It has done what it does half way.
    pub(super) is_half: bool,
}

impl World {
    /// An agent begins. An error where it never ran.
    pub(super) fn begin_agent(
        &mut self,
        iteration: IterationId,
        task: TaskId,
        plan: &SpawnPlan,
    ) -> Result<Agent, SpawnError> {
        let nth = self.agents_begun.entry(task.clone()).or_default();
        let number = *nth;
        *nth += 1;
        let scripts = self.plot.scripts.get(&task);
        let script = scripts
            .and_then(|all| all.get(number).or(all.last()))
            .cloned()
            .unwrap_or_else(|| Script::plain(self.plot.tokens.unwrap_or(10)));
        let run = self.plot.config.run.clone();
        let worktree = self.seat(iteration.worker).path(&run);
        let program = plan.argv.first().cloned().unwrap_or_default();
        self.rules.script_of(iteration, &script);
        match script.ends {
            Ends::Missing => return Err(SpawnError::Missing { program }),
            Ends::Unstartable => {
                return Err(SpawnError::Failed { program, reason: "exec format error".to_owned() });
            }
            _ => {}
        }
        let limits = &plan.limits;
        Ok(Agent {
            iteration,
            task,
            nth: number,
            worktree,
            limit: limits.timeout,
            stall: limits.stall_timeout,
            began: self.clock.world(),
            is_half: false,
            script,
        })
    }

    /// The first half of an agent's work: it may have told of tokens, committed, and done what it should not.
    pub(super) fn go_half_way(&mut self, agent: &mut Agent) -> Vec<Event> {
        agent.is_half = true;
        if matches!(agent.script.work, Work::Commits(2) | Work::Both) {
            self.commit(agent, "half");
        }
        if let Some(misdeed) = agent.script.misdeed {
            self.misbehave(agent, misdeed);
        }
        let tokens = agent.script.tokens / 2;
        if !agent.script.tells || tokens == 0 {
            return Vec::new();
        }
        let usage = Usage { input: tokens, ..Usage::default() };
        vec![Event::Used { iteration: agent.iteration, usage, cost_usd: self.cost(tokens), model: None }]
    }

    fn cost(&self, tokens: u64) -> Option<f64> {
        let of_money = self.plot.config.limits.spending.usd.is_some();
        of_money.then(|| hew_core::settings::Usd::from_micros(tokens * MICROS_A_TOKEN).as_f64())
    }

    fn commit(&mut self, agent: &Agent, part: &str) {
        let (git, task) = (&self.git.repo, &agent.task);
        if !self.is_usable(&agent.worktree) {
            return;
        }
        git.write(&agent.worktree, &format!("{task}-{}-{part}", agent.nth), "work");
        let commit = git.commit_all(&agent.worktree, &format!("{part} of {task}"));
        self.rules.agent_committed(agent.iteration, commit);
    }

    fn is_usable(&self, worktree: &Path) -> bool {
        self.git.repo.trees().iter().any(|tree| tree == worktree) && self.git.repo.head(worktree).is_some()
    }

    fn misbehave(&mut self, agent: &Agent, misdeed: Misdeed) {
        let config = &self.plot.config;
        let git = &self.git.repo;
        let run_branch = config.run_branch.to_ref();
        match misdeed {
            Misdeed::MovesRunBranch => {
                let Some(tip) = git.resolve(&run_branch).expect("a fake answers") else { return };
                let foreign = format!("foreign-{}-{}", agent.task, agent.nth);
                let commit = git.add_commit(vec![tip], &[(foreign.as_str(), "foreign")], "foreign");
                git.set_ref(&run_branch, &commit);
                self.rules.meddled(&commit);
            }
            Misdeed::DeletesRunBranch => {
                let Some(tip) = git.resolve(&run_branch).expect("a fake answers") else { return };
                let kept = git.kept_commits();
                git.delete_branch(&config.run_branch, &tip).expect("a fake answers");
                // What another agent had put there is lost by this one's deed.
                self.rules.gave_up(&kept, git);
                self.rules.meddling();
            }
            Misdeed::MovesTarget => self.move_target(&format!("agent-{}-{}", agent.task, agent.nth)),
        }
        self.tally.count("misdeeds");
    }

    /// Somebody commits on the target, in the checkout that has it.
    pub(super) fn move_target(&mut self, name: &str) {
        let root = self.git.repo.root().to_owned();
        self.git.repo.write(&root, name, "theirs");
        let commit = self.git.repo.commit_all(&root, name);
        self.rules.person_committed(&commit);
        self.tally.count("targets moved");
    }

    /// The rest of an agent's work, and its end: by itself, in time, or because it was stopped.
    pub(super) fn end_agent(
        &mut self,
        mut agent: Agent,
        cause: Option<&StopCause>,
        exit: Option<Exit>,
    ) -> Vec<Event> {
        let mut events = Vec::new();
        let ran_to_its_end = cause.is_none();
        if ran_to_its_end && !agent.is_half {
            events.extend(self.go_half_way(&mut agent));
        }
        if ran_to_its_end {
            self.finish_work(&agent);
        }
        let came_to_its_end = !matches!(cause, Some(StopCause::Requested));
        self.rules.agent_ended(agent.iteration, came_to_its_end);
        let (iteration, task) = (agent.iteration, agent.task.clone());
        if agent.script.ends == Ends::Unkept && ran_to_its_end {
            let path = PathBuf::from("transcript.jsonl");
            let error = SpawnError::File { path, reason: "No space left on device".to_owned() };
            events.push(Event::Exited { iteration, result: Err(error) });
            return events;
        }
        if agent.script.closes && ran_to_its_end {
            let actor = self.plot.config.run.actor(iteration);
            let _ = self.tracker.store.close(&task, "done", &actor);
            self.rules.agent_closed(&task);
            self.changed();
        }
        let report = self.report(&agent, cause, exit);
        let read = self.tracker.task(&task).map(|task| task.map(Box::new)).map_err(|error| error.to_string());
        let task_after = if agent.script.unread { Err("database is locked".to_owned()) } else { read };
        let next = agent.script.next.as_ref().filter(|_| ran_to_its_end && self.plot.config.jobs > 1);
        let next = next.map(|numbers| self.known_next(numbers));
        events.push(Event::Exited { iteration, result: Ok(Box::new(ExitView { report, task_after, next })) });
        events
    }

    fn finish_work(&mut self, agent: &Agent) {
        if !self.is_usable(&agent.worktree)
            || matches!(agent.script.ends, Ends::Failure(..) | Ends::Hopeless(_))
        {
            return;
        }
        let git = std::sync::Arc::clone(&self.git);
        let (git, tree, task) = (&git.repo, agent.worktree.as_path(), &agent.task);
        if !matches!(agent.script.work, Work::Nothing | Work::Rewritten) {
            project::write(git, tree, task, agent.nth, &agent.script.writes);
        }
        match agent.script.work {
            Work::Commits(_) => self.commit(agent, "whole"),
            Work::Leftovers | Work::Both => {
                let name = format!("{task}-{}-left", agent.nth);
                git.write(tree, &name, "left");
                self.rules.left_uncommitted(tree, &name);
            }
            Work::Nothing => {}
            Work::Rewritten => {
                let commit = git.add_commit(Vec::new(), &[(task.as_str(), "anew")], "anew");
                git.reset_hard(tree, &commit);
                self.rules.threw_away(agent.iteration);
                self.rules.agent_committed(agent.iteration, commit);
            }
            Work::OnBranch => {
                git.switch(tree, Some(&format!("side-{task}-{}", agent.nth)));
                self.commit(agent, "whole");
            }
            Work::Detached => {
                self.commit(agent, "first");
                git.switch(tree, None);
                self.commit(agent, "whole");
            }
            Work::Nested => {
                git.nest_repository(tree, "sub");
                self.commit_nothing(agent);
            }
            Work::Unmerged => {
                let name = format!("{task}-{}-left", agent.nth);
                git.write(tree, "README", "mine");
                git.write(tree, &name, "left");
                self.rules.left_uncommitted(tree, &name);
                let base = git.base();
                git.merge_and_leave_conflict(tree, &base);
            }
            Work::Broken => {
                self.commit(agent, "whole");
                git.lose_record(tree);
                self.rules.broke_folder(tree);
            }
            Work::Deleted => {
                self.commit(agent, "whole");
                git.delete_folder(tree);
                self.rules.broke_folder(tree);
            }
        }
    }

    /// A file beside the repository inside: all of the folder has to stay.
    fn commit_nothing(&mut self, agent: &Agent) {
        let name = format!("{}-{}-left", agent.task, agent.nth);
        self.git.repo.write(&agent.worktree, &name, "left");
        self.rules.left_uncommitted(&agent.worktree, &name);
    }

    fn report(&mut self, agent: &Agent, cause: Option<&StopCause>, exit: Option<Exit>) -> SpawnReport {
        let script = &agent.script;
        let share = if cause.is_none() || agent.is_half { script.tokens } else { 0 };
        let usage = Usage { input: share, ..Usage::default() };
        let mut reading = AgentReading { usage, cost_usd: self.cost(share), ..AgentReading::default() };
        let mut signal = None;
        let mut stopped = cause.cloned();
        let mut code = exit.unwrap_or(Exit::Code(0));
        if cause.is_none() {
            let say = |signal, reason: Option<&str>| {
                Some(AgentSignal { signal, reason: reason.map(str::to_owned) })
            };
            match script.ends {
                Ends::Done => signal = say(SignalWord::Done, None),
                Ends::Fails => signal = say(SignalWord::Fail, Some("too hard")),
                Ends::Blocked => signal = say(SignalWord::Blocked, Some("no key")),
                Ends::Exit(number) => code = Exit::Code(number),
                Ends::Failure(class, wait) => {
                    reading.failure = Some(RuntimeFailure::new(class, "it said so", Script::retry_at(wait)));
                    reading.ended_well = Some(false);
                    code = Exit::Code(1);
                }
                Ends::Hopeless(class) => {
                    stopped = Some(StopCause::Hopeless(RuntimeFailure::new(class, "it said so", None)));
                }
                Ends::Silent
                | Ends::Missing
                | Ends::Unstartable
                | Ends::Unkept
                | Ends::Hangs
                | Ends::Stalls => {}
            }
        }
        self.tally.count_end(script.ends, stopped.as_ref());
        let duration = self.clock.world().saturating_sub(agent.began);
        SpawnReport { stopped, signal, reading, ..SpawnReport::new(code, duration) }
    }

    /// Names of open tasks, as far as they are some.
    pub(super) fn known_next(&self, numbers: &[usize]) -> hew_core::schedule::batch_plan::NextBatch {
        let all = self.tracker.store.list(&TaskFilter::default()).expect("a fake answers");
        let is_open = |id: &TaskId| all.iter().any(|task| task.id == *id && task.status != Status::Closed);
        let (task_ids, dropped): (Vec<_>, Vec<_>) =
            numbers.iter().map(|number| super::case::name(*number)).partition(is_open);
        let dropped = dropped.into_iter().map(|id| id.to_string()).collect();
        hew_core::schedule::batch_plan::NextBatch { task_ids, dropped }
    }
}

/// How long an agent is given once it is asked to end.
pub(super) fn time_to_end(how: StopRequest) -> Duration {
    match how {
        StopRequest::Graceful => Duration::from_secs(2),
        StopRequest::Now => Duration::from_millis(5),
    }
}
