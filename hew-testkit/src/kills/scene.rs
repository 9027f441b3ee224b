//! A project in the making: its tasks, and how it is run.

use std::fs;

use serde_json::json;

use crate::loop_stage::LoopStage;

/// A task, and what its agent does: a command of a shell that runs in the worktree, and is done if it ends with 0.
/// `$STAGE` is a folder that outlives every kill.
#[derive(Debug, Clone)]
pub struct TaskSpec {
    /// Its id and title in one.
    pub name: String,
    /// The agent's command.
    pub command: String,
    /// Names of the tasks that it waits for.
    pub needs: Vec<String>,
    /// 0 is first.
    pub priority: u8,
}

impl TaskSpec {
    /// A task without dependencies.
    pub fn new(name: &str, command: &str) -> Self {
        Self { name: name.to_owned(), command: command.to_owned(), needs: Vec::new(), priority: 2 }
    }

    /// The same, waiting for others.
    #[must_use]
    pub fn after(mut self, needs: &[&str]) -> Self {
        self.needs = needs.iter().map(|need| (*need).to_owned()).collect();
        self
    }

    /// The same, in front of the queue.
    #[must_use]
    pub fn first(mut self) -> Self {
        self.priority = 0;
        self
    }
}

/// Tasks and how they are run.
#[derive(Debug, Clone)]
pub struct Scene {
    /// The tasks.
    pub tasks: Vec<TaskSpec>,
    /// Flags of `hew loop run` besides its scope.
    pub flags: Vec<String>,
    /// Names whose end may be one or the other after a kill: landed, or parked with a bug task.
    pub either: Vec<String>,
}

impl Scene {
    /// Makes the project.
    ///
    /// # Panics
    /// Where it can't be made.
    pub fn set(&self) -> LoopStage {
        let stage = LoopStage::new();
        stage.settings(
            "loop.shell.allow_task_commands = true\nloop.kill_grace = \"1s\"\nloop.env.pass = [\"PATH\", \"HOME\", \"STAGE\"]",
        );
        let marks = stage.path("marks");
        fs::create_dir_all(&marks).expect("the temporary folder can be written");
        let lines: Vec<String> =
            self.tasks.iter().enumerate().map(|(place, task)| line(task, place)).collect();
        let file = stage.path("tasks.jsonl");
        fs::write(&file, lines.join("\n") + "\n").expect("the temporary folder can be written");
        stage.ok(&["task", "import", &file.display().to_string()]);
        stage
    }

    /// The words of the run.
    pub fn run_words(&self) -> Vec<&str> {
        let scope = ["loop", "run", "--scope", "ready", "--runtime", "shell"];
        scope.into_iter().chain(self.flags.iter().map(String::as_str)).collect()
    }
}

/// A record as `hew task import` reads it. Ages follow the order of the list.
fn line(task: &TaskSpec, place: usize) -> String {
    let edge = |need: &String| json!({"issue_id": task.name, "depends_on_id": need, "type": "blocks"});
    let at = format!("2026-01-01T{:02}:{:02}:{:02}Z", place / 3600, place / 60 % 60, place % 60);
    json!({
        "id": task.name, "title": task.name, "status": "open", "priority": task.priority,
        "issue_type": "task", "created_at": at, "updated_at": at, "metadata": {"hew.run": task.command},
        "dependencies": task.needs.iter().map(edge).collect::<Vec<_>>(),
    })
    .to_string()
}
