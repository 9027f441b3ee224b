//! A project with a queue: filing tasks, starting runs, waiting for what agents do.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Ran, checks};
use crate::repo::TestRepo;
use crate::stub_agent;

/// Longest that a test waits for what has to come; only a broken run is ever waited for this long.
const PATIENCE: Duration = Duration::from_secs(120);

/// A repository whose tasks bring their own commands (`hew task add --run`), with settings in the user's own file.
#[derive(Debug)]
pub struct Project {
    /// The repository.
    pub repo: TestRepo,
    is_cloned: bool,
}

impl Project {
    /// A calm one.
    pub fn new() -> Self {
        Self::on(TestRepo::new())
    }

    /// One whose owner's git settings are in the way.
    pub fn hostile() -> Self {
        Self::on(TestRepo::hostile())
    }

    /// The same, in whose runs every worker has a clone.
    pub fn cloned() -> Self {
        Self::on_with(TestRepo::hostile(), "isolation = \"clone\"\n")
    }

    /// A calm one, a hostile one, and one with clones: what is true of a run is true in each.
    pub fn each() -> [Self; 3] {
        [Self::new(), Self::hostile(), Self::cloned()]
    }

    /// Every worker of its runs has a clone.
    pub fn is_cloned(&self) -> bool {
        self.is_cloned
    }

    /// One on a repository. Agents get its calm git settings.
    pub fn on(repo: TestRepo) -> Self {
        Self::on_with(repo, "")
    }

    /// The same with more keys of `[loop]`, as lines.
    pub fn on_with(repo: TestRepo, keys: &str) -> Self {
        let project = Self { repo, is_cloned: keys.contains("clone") };
        let quoted = |path: PathBuf| format!("\"{}\"", path.display());
        let calm = quoted(project.repo.base().join("calm.gitconfig"));
        let stub = quoted(stub_agent::path());
        project.settings(&format!(
            "[loop]\nruntime = \"shell\"\nkill_grace = \"1s\"\n{keys}\
             [loop.shell]\nallow_task_commands = true\n\
             [loop.runtime_defs.shell.env]\nGIT_CONFIG_GLOBAL = {calm}\nGIT_CONFIG_SYSTEM = \"/dev/null\"\n\
             [loop.runtime_defs.stub]\ncommand = {stub}\n\
             [loop.runtime_defs.stub.env]\nGIT_CONFIG_GLOBAL = {calm}\nGIT_CONFIG_SYSTEM = \"/dev/null\"\n\
             HEW_STUB_SCRIPT = {scripts}\n",
            scripts = quoted(project.scripts()),
        ));
        fs::create_dir_all(project.scripts()).expect("the temporary folder can be written");
        project
    }

    /// Adds to the user's settings file.
    pub fn settings(&self, text: &str) {
        let file = self.repo.base().join("home/.config/hew/config.toml");
        fs::create_dir_all(file.parent().expect("it has a folder"))
            .expect("the temporary folder can be written");
        let old = fs::read_to_string(&file).unwrap_or_default();
        fs::write(&file, old + text).expect("the temporary folder can be written");
    }

    /// Folder of the scripted agent's scripts, one a task.
    pub fn scripts(&self) -> PathBuf {
        self.repo.base().join("scripts")
    }

    /// A file outside the project, for agents and tests to wait for.
    pub fn signal(&self, name: &str) -> PathBuf {
        self.repo.base().join(name)
    }

    /// Runs hew, which has to end with 0; its stdout.
    pub fn hew(&self, args: &[&str]) -> String {
        let output = self.try_hew(args);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "hew {args:?}: {stderr}");
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    /// Runs hew, whatever comes of it.
    pub fn try_hew(&self, args: &[&str]) -> Output {
        self.repo.hew(args).output().expect("hew can be run")
    }

    /// Files a task that runs this command in its worktree; its id.
    pub fn add(&self, title: &str, command: &str, more: &[&str]) -> String {
        self.hew(&[&["task", "add", title, "--id-only", "--run", command], more].concat())
    }

    /// Files a task for the scripted agent; its id.
    pub fn add_scripted(&self, title: &str, script: &str, more: &[&str]) -> String {
        let id = self.hew(&[&["task", "add", title, "--id-only", "--runtime", "stub"], more].concat());
        fs::write(self.scripts().join(&id), script).expect("the temporary folder can be written");
        id
    }

    /// Every task as the tracker shows it.
    pub fn tasks(&self) -> Vec<Value> {
        let lines = self.hew(&["--json", "task", "list", "--all"]);
        let record = |line: &str| {
            let mut value: Value = serde_json::from_str(line).expect("one JSON object a line");
            value["task"].take()
        };
        lines.lines().map(record).collect()
    }

    /// Runs everything that is ready to its end, and checks what holds for every run.
    pub fn run(&self, args: &[&str]) -> Ran {
        self.start(args).finish()
    }

    /// Starts a run of everything that is ready.
    pub fn start(&self, args: &[&str]) -> Running<'_> {
        let mut command = self.repo.hew(&[&["loop", "run", "--scope", "ready"], args].concat());
        let log = |name: &str| fs::File::create(self.repo.base().join(name)).expect("a log can be made");
        command.stdout(log("run.stdout")).stderr(log("run.stderr")).stdin(Stdio::null());
        let before = self.run_folders();
        let child = command.spawn().expect("hew can be run");
        Running { project: self, before, child }
    }

    /// The folders of all runs.
    pub fn run_folders(&self) -> BTreeSet<PathBuf> {
        let entries = fs::read_dir(self.repo.root().join(".hew/loop")).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
    }

    /// A run in this folder that is over, looked at again: after a later delivery, say.
    pub fn look_again(&self, ran: &Ran) -> Ran {
        checks::collect(self, &ran.folder, ran.code)
    }
}

impl Default for Project {
    fn default() -> Self {
        Self::new()
    }
}

/// A run under way.
#[derive(Debug)]
pub struct Running<'a> {
    project: &'a Project,
    /// Folders of earlier runs: ids of one second have no order.
    before: BTreeSet<PathBuf>,
    child: Child,
}

impl Running<'_> {
    /// Process id of the orchestrator.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its end, and checks what holds for every run.
    pub fn finish(mut self) -> Ran {
        let status = self.child.wait().expect("it is our child");
        let code =
            status.code().unwrap_or_else(|| panic!("hew ended with {status}: {}", self.project.said()));
        let folders = self.project.run_folders();
        let mut new = folders.difference(&self.before);
        let folder = new.next().unwrap_or_else(|| panic!("no run was made: {}", self.project.said()));
        checks::collect(self.project, folder, code)
    }
}

impl Project {
    /// What the last run printed on stderr.
    pub fn said(&self) -> String {
        fs::read_to_string(self.repo.base().join("run.stderr")).unwrap_or_default()
    }
}

/// Waits until a file is there.
pub fn wait_for(file: &Path) {
    let begin = Instant::now();
    while !file.exists() {
        assert!(begin.elapsed() < PATIENCE, "{} never came", file.display());
        thread::sleep(Duration::from_millis(5));
    }
}
