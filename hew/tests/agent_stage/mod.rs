//! A stage on which the scripted agent stands in for claude and codex, on PATH, with their streams.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use hew_testkit::loop_stage::{LoopStage, Ran, ran};
use hew_testkit::stub_agent;
use serde_json::Value;

/// Leaves what the agent was given in `seen-<task>` beside the project.
pub(crate) const RECORD: &str = "record ${HEW_PROJECT}/../seen-${HEW_TASK_ID}";

/// The result that claude ends its stream with, from a model of this name.
pub(crate) fn claude_ends(model: &str) -> String {
    format!(
        "print {{\"type\":\"system\",\"subtype\":\"init\",\"session_id\":\"s1\",\"model\":\"{model}\"}}\n\
         print {{\"type\":\"result\",\"subtype\":\"success\",\"is_error\":false,\"result\":\"did it\",\"session_id\":\"s1\",\
         \"num_turns\":1,\"total_cost_usd\":0.25,\"modelUsage\":{{\"{model}\":{{\"inputTokens\":10,\"outputTokens\":5,\
         \"cacheReadInputTokens\":3,\"cacheCreationInputTokens\":2,\"costUSD\":0.25}}}}}}"
    )
}

/// The events of a turn of codex that goes well.
pub(crate) const CODEX_ENDS: &str = "print {\"type\":\"thread.started\",\"thread_id\":\"t1\"}\n\
    print {\"type\":\"turn.started\"}\n\
    print {\"type\":\"turn.completed\",\"usage\":{\"input_tokens\":12,\"cached_input_tokens\":2,\"output_tokens\":3}}";

/// The stage.
pub(crate) struct AgentStage {
    pub(crate) stage: LoopStage,
    /// What hew is run with besides.
    env: Vec<(String, String)>,
}

impl AgentStage {
    /// The scripted agent is `claude` and `codex` on PATH, and reads the script of its task.
    pub(crate) fn new() -> Self {
        let stage = LoopStage::new();
        let bin = stage.path("bin");
        fs::create_dir(&bin).unwrap();
        for name in ["claude", "codex"] {
            symlink(stub_agent::path(), bin.join(name)).unwrap();
        }
        let scripts = Value::from(stage.scripts().display().to_string());
        stage.settings(&format!(
            "loop.runtime_defs.claude.env.HEW_STUB_SCRIPT = {scripts}\n\
             loop.runtime_defs.codex.env.HEW_STUB_SCRIPT = {scripts}\n"
        ));
        let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
        Self { stage, env: vec![("PATH".to_owned(), path)] }.with("HEW_LOOP_RUNTIME", "claude")
    }

    /// Runs hew with this variable.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.env.retain(|(known, _)| known != name);
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = self.stage.repo.hew(args);
        command.envs(self.env.iter().cloned());
        command
    }

    pub(crate) fn hew(&self, args: &[&str]) -> Ran {
        ran(self.command(args))
    }

    /// `hew loop run --scope ready` with more flags; it has to end with 0.
    pub(crate) fn run(&self, flags: &[&str]) -> Ran {
        let ran = self.hew(&[&["loop", "run", "--scope", "ready"], flags].concat());
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        ran
    }

    /// What the agent of a task was given.
    pub(crate) fn seen(&self, task: &str) -> Value {
        serde_json::from_slice(&fs::read(self.stage.path(&format!("seen-{task}"))).unwrap()).unwrap()
    }

    /// The arguments of a task's agent, the program first.
    pub(crate) fn argv(&self, task: &str) -> Vec<String> {
        serde_json::from_value(self.seen(task)["argv"].clone()).unwrap()
    }

    /// `hew loop explain --json`.
    pub(crate) fn explain(&self, task: &str) -> Value {
        let ran = self.hew(&["--json", "loop", "explain", task]);
        assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
        serde_json::from_str(&ran.stdout).unwrap()
    }
}

/// The value of a flag.
pub(crate) fn after<'a>(argv: &'a [String], flag: &str) -> Option<&'a str> {
    let at = argv.iter().position(|arg| arg == flag)?;
    argv.get(at + 1).map(String::as_str)
}
