//! A project whose tasks a real agent does, against a model server that follows a script.
//!
//! The agent gets an empty home folder, dummy keys, and no network but the loopback interface. Where the program is not
//! there the test is skipped (see [`tool`](crate::tool)).

#![expect(clippy::missing_panics_doc, reason = "a stage that can not be set ends the test")]

use std::env;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use hew_core::agent::Usage;
use serde_json::Value;

use crate::loop_stage::{LoopStage, Ran, Running, ran};
use crate::loopback::with_loopback_only;
use crate::mock_model::{Answer, Asked, MockModel, Script};
use crate::tool::{say, tool};

/// A program that is tested. `<url>` stands for the server in its texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RealAgent {
    /// Its name, as a program and as a runtime.
    pub name: &'static str,
    /// The variable that names its file.
    pub variable: &'static str,
    /// Lines of the owner's settings.
    pub settings: &'static str,
    /// Files of the owner's home folder.
    pub home: &'static [(&'static str, &'static str)],
    /// Variables of hew's own environment.
    pub environment: &'static [(&'static str, &'static str)],
}

/// The stage.
#[derive(Debug)]
pub struct RealStage {
    /// The project and its runs.
    pub stage: LoopStage,
    /// The model.
    pub server: MockModel,
    agent: RealAgent,
    programs: PathBuf,
}

/// Runs a test on a stage of its own, which leaves no process behind and no question without an answer. The closure has
/// to stand in the test's own function.
pub fn on_stage<Test: FnOnce(&RealStage)>(agent: RealAgent, test: Test) {
    let Some(program) = tool(agent.name, agent.variable) else { return };
    with_loopback_only::<Test>(|| {
        let real = RealStage::new(agent, &program);
        test(&real);
        real.stage.assert_nothing_runs();
        let mut asked = real.server.asked().into_iter();
        let unexpected = asked.find(|asked| asked.is_for_the_model && asked.part.is_none());
        assert_eq!(unexpected, None, "the script has nothing for this");
    });
}

impl RealStage {
    fn new(agent: RealAgent, program: &Path) -> Self {
        let stage = LoopStage::new();
        let server = MockModel::start(Script::default());
        let programs = stage.path("programs");
        fs::create_dir_all(&programs).expect("the temporary folder can be written");
        let program = program.canonicalize().expect("it was just found");
        symlink(program, programs.join(agent.name)).expect("the temporary folder can be written");
        let real = Self { stage, server, agent, programs };
        for (name, text) in agent.home {
            let file = real.stage.path("home").join(name);
            fs::create_dir_all(file.parent().expect("it lies in a folder")).expect("the folder can be made");
            fs::write(file, real.filled(text)).expect("the temporary folder can be written");
        }
        real.settings("");
        real
    }

    /// Replaces the owner's settings: the agent, and these lines of TOML.
    pub fn settings(&self, more: &str) {
        let file = self.stage.path("home/.config/hew/config.toml");
        let text =
            format!("{more}\nloop.runtime = \"{}\"\n{}", self.agent.name, self.filled(self.agent.settings));
        fs::write(file, text).expect("the stage has the file");
    }

    /// Files a task that the agent does in these answers. Answers its id.
    pub fn task(&self, title: &str, flags: &[&str], answers: impl IntoIterator<Item = Answer>) -> String {
        let id = self.stage.task_with(title, flags, "");
        self.server.add(&heading(&id), answers);
        id
    }

    /// What the model was asked while the agent did a task.
    pub fn asked(&self, task: &str) -> Vec<Asked> {
        self.server.asked_about(&heading(task))
    }

    /// Sets the project up for the agent, and commits what that made.
    pub fn init(&self) {
        self.stage.ok(&["init", "--runtime", self.agent.name, "--yes"]);
        self.stage.repo.commit("Set up for hew");
    }

    /// Runs the queue to its end.
    pub fn run(&self, flags: &[&str]) -> Ran {
        ran(self.command(flags))
    }

    /// Runs the queue.
    pub fn start(&self, flags: &[&str]) -> Running {
        Running::spawn(self.command(flags))
    }

    /// Runs the queue until an agent is in the middle of [`endless_work`].
    pub fn start_and_wait_for_work(&self, flags: &[&str]) -> Running {
        let mut run = self.start(flags);
        // git is not asked: a worktree that is just being made confuses it.
        let runs = self.stage.repo.hew_home().join("wt");
        let trees = || folders(&runs).into_iter().flat_map(|run| folders(&run));
        run.wait_until("the agent's work", || trees().any(|tree| tree.join("begun").exists()));
        run
    }

    fn command(&self, flags: &[&str]) -> Command {
        let args: Vec<&str> = ["loop", "run", "--scope", "ready"].iter().chain(flags).copied().collect();
        let mut command = self.stage.repo.hew(&args);
        let path = env::var_os("PATH").unwrap_or_default();
        let path: Vec<OsString> = vec![self.programs.clone().into(), path];
        command.env("PATH", path.join(&OsString::from(":")));
        for (name, value) in self.agent.environment {
            command.env(name, self.filled(value));
        }
        command
    }

    /// The newest run's summary.
    pub fn summary(&self) -> Value {
        let text = self.stage.ok(&["--json", "loop", "summary"]);
        serde_json::from_str(&text).expect("hew prints JSON")
    }

    /// Tokens of the newest run, as its summary has them.
    pub fn tokens(&self) -> Usage {
        serde_json::from_value(self.summary()["tokens"].take()).expect("tokens are counted")
    }

    /// Panics unless the summary has the tokens that the server reported, each kind of its own.
    pub fn assert_tokens_are_those_reported(&self) {
        let reported = self.server.reported();
        assert!(reported.total() > 0, "the server reported something");
        let summed: Usage =
            serde_json::from_value(self.summary()["tokens"].take()).expect("tokens are counted");
        assert_eq!(summed, reported);
    }

    fn filled(&self, text: &str) -> String {
        text.replace("<url>", &self.server.url())
    }

    /// What the agents' tools answered, task by task: each question repeats what was said before it in its conversation.
    fn tools_answered(&self) -> String {
        let mut told = Vec::new();
        let mut last: Vec<String> = Vec::new();
        for asked in self.server.asked().into_iter().filter(|asked| asked.is_for_the_model) {
            let answers = asked.tools_answered();
            let known = answers.iter().zip(&last).take_while(|(now, before)| now == before).count();
            for answer in &answers[known..] {
                let part = asked.part.map_or("nobody's".to_owned(), |part| format!("task {}'s", part + 1));
                told.push(format!("request {}, {part}: {answer}", asked.number));
            }
            last = answers;
        }
        told.join("\n")
    }
}

/// A test that failed shows what the agents' tools answered: what a scripted model asked for may not have worked.
impl Drop for RealStage {
    fn drop(&mut self) {
        if std::thread::panicking() {
            say(&format!("The agents' tools answered:\n{}", self.tools_answered()));
        }
    }
}

/// What the prompt of this task's attempts has, and no other task's.
fn heading(task: &str) -> String {
    format!("# Your task: {task}\n")
}

/// What a model answers that adds a file of this name, commits it, and says that it is done.
pub fn work(name: &str) -> Vec<Answer> {
    let command =
        format!("git add {name}.txt && git commit -qm 'Add {name}' && hew done --reason 'Added {name}'");
    vec![
        Answer::write(&format!("{name}.txt"), &format!("{name}\n")),
        Answer::shell(&command),
        Answer::text("It is done."),
    ]
}

/// What a model answers that starts a process in a session of its own, and then one that the agent waits for.
pub fn endless_work() -> Vec<Answer> {
    vec![Answer::shell("setsid -f tail -f /dev/null >/dev/null 2>&1; touch begun; tail -f /dev/null")]
}

/// What lies in a folder; nothing where there is none.
fn folders(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}
