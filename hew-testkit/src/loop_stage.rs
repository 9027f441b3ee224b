//! A project with tasks, scripted agents and the real `hew loop run`: what tests of whole runs stand on.
//!
//! The owner's settings, not the project's, name the scripted agent, so that the working tree holds only what a test
//! puts there. Processes that a test starts carry the stage's folder in their environment; none of them may outlive it.

#![expect(clippy::missing_panics_doc, reason = "a stage that can not be set ends the test")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::guard;
use crate::repo::TestRepo;
use crate::run_check::check;
pub use crate::running::{Ran, Running, ran, wait_until};
use crate::stub_agent;

/// A project, its tasks, and the scripts that its agents follow.
#[derive(Debug)]
pub struct LoopStage {
    /// The repository.
    pub repo: TestRepo,
}

impl LoopStage {
    /// A project with one commit, no gate, and the scripted agent as the owner's runtime `stub`.
    pub fn new() -> Self {
        Self::with(TestRepo::new())
    }

    /// The same around a repository.
    pub fn with(repo: TestRepo) -> Self {
        let stage = Self { repo };
        fs::create_dir_all(stage.scripts()).expect("the temporary folder can be written");
        // Agents are given HOME, but none of git's own variables.
        fs::copy(stage.path("calm.gitconfig"), stage.path("home/.gitconfig"))
            .expect("the folder can be written");
        stage.settings("");
        stage
    }

    /// The folder of the agents' scripts: `<task>.<attempt>`, `<task>` or `default`.
    pub fn scripts(&self) -> PathBuf {
        self.repo.base().join("scripts")
    }

    /// A path beside the project.
    pub fn path(&self, name: &str) -> PathBuf {
        self.repo.base().join(name)
    }

    /// Replaces the owner's settings: the scripted agent, calm limits, and these lines of TOML.
    pub fn settings(&self, more: &str) {
        let agent = quoted(&stub_agent::path());
        let scripts = quoted(&self.scripts());
        // A scripted agent is no planner unless a test makes it one.
        let planner = if more.contains("loop.planner") { "" } else { "loop.planner.enabled = false\n" };
        let text = format!(
            "{planner}loop.runtime = \"stub\"\n\
             loop.runtime_defs.stub.command = {agent}\n\
             loop.runtime_defs.stub.args = [{scripts}]\n{more}\n"
        );
        let file = self.repo.base().join("home/.config/hew/config.toml");
        fs::create_dir_all(file.parent().expect("it lies in a folder")).expect("the folder can be made");
        fs::write(file, text).expect("the temporary folder can be written");
    }

    /// Writes a script for a task, or `<task>.<attempt>`, or `default`.
    pub fn script(&self, name: &str, script: &str) {
        fs::write(self.scripts().join(name), script).expect("the temporary folder can be written");
    }

    /// Files a task whose agent follows this script on every attempt. Answers its id.
    pub fn task(&self, title: &str, script: &str) -> String {
        self.task_with(title, &[], script)
    }

    /// The same with flags of `hew task add`.
    pub fn task_with(&self, title: &str, flags: &[&str], script: &str) -> String {
        let mut args = vec!["task", "add", "--id-only"];
        args.extend(flags);
        args.extend(["--", title]);
        let id = self.ok(&args).trim().to_owned();
        self.script(&id, script);
        id
    }

    /// Runs hew in the project; panics unless it ends with 0. Answers what it printed.
    pub fn ok(&self, args: &[&str]) -> String {
        let ran = self.hew(args);
        assert_eq!(ran.code, 0, "hew {args:?}: {}", ran.stderr);
        ran.stdout
    }

    /// Runs hew in the project.
    pub fn hew(&self, args: &[&str]) -> Ran {
        ran(self.repo.hew(args))
    }

    /// `hew loop run --scope ready` with more flags, to its end.
    pub fn run(&self, flags: &[&str]) -> Ran {
        ran(self.run_command(&["--scope", "ready"], flags))
    }

    /// `hew loop run` with flags that name their own scope, to its end.
    pub fn run_scoped(&self, flags: &[&str]) -> Ran {
        ran(self.run_command(&[], flags))
    }

    /// `hew loop run --scope ready` with more flags, under way.
    pub fn start(&self, flags: &[&str]) -> Running {
        Running::spawn(self.run_command(&["--scope", "ready"], flags))
    }

    fn run_command(&self, scope: &[&str], flags: &[&str]) -> Command {
        let args: Vec<&str> = ["loop", "run"].iter().chain(scope).chain(flags).copied().collect();
        self.repo.hew(&args)
    }

    /// A task's record.
    pub fn show(&self, id: &str) -> Value {
        let text = self.ok(&["--json", "task", "show", "--", id]);
        let page: Value = serde_json::from_str(&text).expect("hew prints JSON");
        page["task"].clone()
    }

    /// A task's status: `open`, `closed` and so on.
    pub fn status(&self, id: &str) -> String {
        self.show(id)["status"].as_str().expect("a task has a status").to_owned()
    }

    /// Open, assigned to nobody.
    pub fn is_free(&self, id: &str) -> bool {
        let task = self.show(id);
        task["status"] == "open" && task.get("assignee").is_none()
    }

    /// A task has this label.
    pub fn has_label(&self, id: &str, label: &str) -> bool {
        self.show(id)["labels"].as_array().is_some_and(|labels| labels.iter().any(|known| known == label))
    }

    /// Records of all tasks, closed ones too, by id.
    pub fn tasks(&self) -> BTreeMap<String, Value> {
        let text = self.ok(&["--json", "task", "list", "--all"]);
        let records = text.lines().map(|line| {
            let mut page: Value = serde_json::from_str(line).expect("hew prints JSON lines");
            page["task"].take()
        });
        records.map(|task| (task["id"].as_str().expect("a task has an id").to_owned(), task)).collect()
    }

    /// The folder of the newest run.
    pub fn run_folder(&self) -> PathBuf {
        self.run_folders().pop().expect("there was a run")
    }

    /// Folders of all runs, in the order of their launch; ids of one second tell no order.
    pub fn run_folders(&self) -> Vec<PathBuf> {
        let common = self.repo.git(&["rev-parse", "--path-format=absolute", "--git-common-dir"]);
        let common = PathBuf::from(common);
        let main = common.parent().map(|root| root.join(".hew")).unwrap_or_default();
        let states = [main, common.join("hew/state")];
        let entries =
            states.iter().filter_map(|state| fs::read_dir(state.join("loop")).ok()).flatten().flatten();
        let mut folders: Vec<PathBuf> =
            entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
        let ledger = fs::read_to_string(common.join("hew/runs.jsonl")).unwrap_or_default();
        folders.sort_by_key(|folder| {
            let name = folder.file_name().expect("a run folder has a name").to_string_lossy();
            ledger.find(&*name).unwrap_or(usize::MAX)
        });
        folders
    }

    /// The id of the newest run.
    pub fn run_id(&self) -> String {
        self.run_folder().file_name().expect("a run folder has a name").to_string_lossy().into_owned()
    }

    /// The journal of the newest run.
    pub fn journal(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.run_folder().join("events.jsonl")).expect("a run has a journal");
        text.lines().map(|line| serde_json::from_str(line).expect("a journal is JSON lines")).collect()
    }

    /// The journal's lines of one kind.
    pub fn journal_of(&self, kind: &str) -> Vec<Value> {
        self.journal().into_iter().filter(|entry| entry["kind"] == kind).collect()
    }

    /// How the newest run's iterations at a task ended, in order.
    pub fn outcomes(&self, task: &str) -> Vec<String> {
        let ended = self.journal_of("iteration_ended").into_iter().filter(|entry| entry["task"] == task);
        ended.map(|entry| entry["outcome"].as_str().expect("an outcome is a word").to_owned()).collect()
    }

    /// The folder of a task's attempt in the newest run.
    pub fn iteration_folder(&self, task: &str, attempt: u64) -> PathBuf {
        let begun = self.journal_of("iteration_started");
        let found = begun.iter().find(|entry| entry["task"] == task && entry["attempt"] == attempt);
        let found = found.unwrap_or_else(|| panic!("no attempt {attempt} at {task}"));
        let stem = format!("iter-{:03}", found["iter"].as_u64().expect("an iteration has a number"));
        let worker = found["worker"].as_u64().expect("an iteration has a worker");
        let run = self.run_folder();
        let own = run.join(format!("worker-{worker}")).join(&stem);
        if own.is_dir() { own } else { run.join(stem) }
    }

    /// The prompt of a task's attempt in the newest run.
    pub fn prompt(&self, task: &str, attempt: u64) -> String {
        fs::read_to_string(self.iteration_folder(task, attempt).join("prompt.md"))
            .expect("a prompt was written")
    }

    /// The newest run's branch; `None` once it is gone.
    pub fn run_branch(&self) -> Option<String> {
        self.rev(&format!("refs/heads/loop/{}/main", self.run_id()))
    }

    /// The commit that a name stands for.
    pub fn rev(&self, name: &str) -> Option<String> {
        let output = self.repo.try_git_in(self.repo.root(), &["rev-parse", "--verify", "--quiet", name]);
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Refs below this one, with their commits.
    pub fn refs(&self, below: &str) -> BTreeMap<String, String> {
        let text = self.repo.git(&["for-each-ref", "--format=%(refname) %(objectname)", below]);
        let pairs = text.lines().filter_map(|line| line.split_once(' '));
        pairs.map(|(name, commit)| (name.to_owned(), commit.to_owned())).collect()
    }

    /// A file as a commit has it.
    pub fn file_at(&self, commit: &str, path: &str) -> Option<String> {
        let output = self.repo.try_git_in(self.repo.root(), &["show", &format!("{commit}:{path}")]);
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// The newest run's journal has a line for which this holds; a run that is under way may be writing it.
    pub fn has_event(&self, holds: impl Fn(&Value) -> bool) -> bool {
        let Some(folder) = self.run_folders().pop() else { return false };
        let text = fs::read_to_string(folder.join("events.jsonl")).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).any(|entry| holds(&entry))
    }

    /// Panics unless every process that belongs to this stage is gone.
    pub fn assert_nothing_runs(&self) {
        let found = self.processes();
        assert!(found.is_empty(), "left running: {found:?}");
    }

    /// Panics unless the newest run has left nothing but its result: a repository that git finds whole, no process, no
    /// worktree, no branch but the target's and the runs'; and unless all that is true of every run is true of it.
    pub fn assert_left_clean(&self) {
        let code = self.journal_of("run_ended")[0]["exit_code"].as_i64().expect("an exit code is a number");
        let code = i32::try_from(code).expect("an exit code is small");
        check(&self.repo, &self.run_folder(), code, self.tasks().into_values().collect(), "");
        self.assert_nothing_runs();
        assert_eq!(self.worktrees(), Vec::<PathBuf>::new());
        let branches = self.refs("refs/heads/loop");
        let odd: Vec<&String> = branches.keys().filter(|name| !name.ends_with("/main")).collect();
        assert!(odd.is_empty(), "branches left: {odd:?}");
    }

    /// Processes whose environment names this stage's folder, with their command lines.
    pub fn processes(&self) -> Vec<(i32, String)> {
        guard::processes_of(&self.repo.base())
    }

    /// Worktrees that git knows, the main one left out.
    pub fn worktrees(&self) -> Vec<PathBuf> {
        let text = self.repo.git(&["worktree", "list", "--porcelain"]);
        let folders = text.lines().filter_map(|line| line.strip_prefix("worktree "));
        folders.skip(1).map(PathBuf::from).collect()
    }

    /// Everything that a command which refuses may not change: files and folders of the project and of the owner's home
    /// with their content, refs, HEAD, git's settings and index. hew's own folders are left out.
    pub fn snapshot(&self) -> BTreeMap<String, String> {
        let mut seen = BTreeMap::new();
        list(self.repo.root(), self.repo.root(), &mut seen);
        list(&self.path("home"), &self.path("home"), &mut seen);
        let common = self.repo.common_dir();
        if common.is_dir() {
            seen.insert("refs".to_owned(), format!("{:?}", self.refs("refs")));
            for file in ["HEAD", "config", "index"] {
                let content = fs::read(common.join(file)).unwrap_or_default();
                seen.insert(format!("git {file}"), String::from_utf8_lossy(&content).into_owned());
            }
            seen.insert("git worktrees".to_owned(), format!("{:?}", self.worktrees()));
        }
        seen
    }
}

/// A test that has passed leaves no worktree of a run that has ended, but for those that the run has told of.
impl Drop for LoopStage {
    fn drop(&mut self) {
        if !std::thread::panicking() && self.repo.common_dir().join("HEAD").is_file() {
            guard::check_worktrees(&self.repo, &self.run_folders());
        }
    }
}

impl Default for LoopStage {
    fn default() -> Self {
        Self::new()
    }
}

/// A path as a string of TOML, which takes those of JSON.
fn quoted(path: &Path) -> String {
    Value::from(path.display().to_string()).to_string()
}

fn list(root: &Path, folder: &Path, seen: &mut BTreeMap<String, String>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.strip_prefix(root).expect("it lies in it").display().to_string();
        if name == ".git" || name == ".hew" {
            continue;
        }
        let content = if path.is_symlink() {
            format!("{:?}", fs::read_link(&path))
        } else if path.is_dir() {
            list(root, &path, seen);
            "folder".to_owned()
        } else {
            String::from_utf8_lossy(&fs::read(&path).unwrap_or_default()).into_owned()
        };
        seen.insert(format!("{} {name}", root.display()), content);
    }
}
