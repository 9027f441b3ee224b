//! A project whose agents are those of the runtime `local`, and the model server that they ask.

#![expect(clippy::missing_panics_doc, reason = "a stage that can not be set ends the test")]

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::loop_stage::{LoopStage, Ran, ran};
use crate::mock_model::{Answer, Asked, Call, MockModel, Script, Turn};

/// A gate that is green.
pub const TRUE: [&str; 2] = ["--gate", "true"];

/// The project and its model server.
#[derive(Debug)]
pub struct LocalStage {
    /// The project.
    pub stage: LoopStage,
    /// The server.
    pub server: MockModel,
}

impl Default for LocalStage {
    fn default() -> Self {
        Self::new()
    }
}

impl LocalStage {
    /// With the server's address and the model `small`.
    pub fn new() -> Self {
        Self::with("")
    }

    /// With these lines of settings besides the server's address and its model.
    pub fn with(more: &str) -> Self {
        Self::asking(Script::default(), more)
    }

    /// Around a server that follows this script.
    pub fn asking(script: Script, more: &str) -> Self {
        Self::on(LoopStage::new(), script, more)
    }

    /// On a stage that is there, with a server of its own.
    pub fn on(stage: LoopStage, script: Script, more: &str) -> Self {
        let local = Self { stage, server: MockModel::start(script) };
        local.settings(more);
        local
    }

    /// Replaces these lines of settings.
    pub fn settings(&self, more: &str) {
        let url = self.server.url();
        self.stage
            .settings(&format!("loop.local.endpoint = \"{url}/v1/\"\nloop.local.model = \"small\"\n{more}"));
    }

    /// Files a task that the model does in these answers.
    pub fn task(&self, title: &str, answers: impl IntoIterator<Item = Answer>) -> String {
        self.task_with(title, &[], answers)
    }

    /// The same with flags of `hew task add`.
    pub fn task_with(
        &self,
        title: &str,
        flags: &[&str],
        answers: impl IntoIterator<Item = Answer>,
    ) -> String {
        let id = self.stage.task_with(title, flags, "");
        self.server.add(&heading(&id), answers);
        id
    }

    /// `hew loop run` on `local` with these flags.
    pub fn command(&self, flags: &[&str]) -> Command {
        let args = ["loop", "run", "--scope", "ready", "--runtime", "local"];
        self.stage.repo.hew(&[&args[..], flags].concat())
    }

    /// Runs the queue under a green gate.
    pub fn run(&self, flags: &[&str]) -> Ran {
        ran(self.command(&[&TRUE[..], flags].concat()))
    }

    /// Runs the queue once, each task at most once; answers what came of this one.
    pub fn run_once(&self, task: &str) -> (Ran, String) {
        let ran = self.run(&["--max-attempts", "1"]);
        let outcome = self.stage.outcomes(task).join(" ");
        (ran, outcome)
    }

    /// What the server was asked about a task.
    pub fn asked(&self, task: &str) -> Vec<Asked> {
        self.server.asked_about(&heading(task))
    }

    /// What the tools answered in the course of a task.
    pub fn tools_answered(&self, task: &str) -> Vec<String> {
        self.asked(task).last().map(Asked::tools_answered).unwrap_or_default()
    }

    /// The transcript of a task's first attempt, as far as it was written.
    pub fn transcript_text(&self, task: &str) -> String {
        let file = self.stage.iteration_folder(task, 1).join("transcript.jsonl");
        fs::read_to_string(file).unwrap_or_default()
    }

    /// The lines of such a transcript.
    pub fn transcript(&self, task: &str) -> Vec<Value> {
        let text = self.transcript_text(task);
        text.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
    }

    /// The summary of the run.
    pub fn summary(&self) -> Value {
        serde_json::from_str(&self.stage.ok(&["--json", "loop", "summary"])).expect("hew prints JSON")
    }
}

/// With what the prompt of a task begins.
pub fn heading(task: &str) -> String {
    format!("# Your task: {task}\n")
}

/// A call of a tool.
pub fn tool(name: &str, input: Value) -> Call {
    Call::Tool { name: name.to_owned(), input }
}

/// A turn that calls tools.
pub fn calls(calls: Vec<Call>) -> Answer {
    Answer::Turn(Turn { text: "I go on.".to_owned(), calls, ..Turn::default() })
}

/// The last turn: it is done, with a decision and a summary.
pub fn done() -> Answer {
    let text = "It is there.\nDECISION: a plain file, for it is short.\n\n## Summary\n\nA file was added.";
    let call = tool("done", json!({"reason": "the file is there"}));
    Answer::Turn(Turn { text: text.to_owned(), calls: vec![call], ..Turn::default() })
}
