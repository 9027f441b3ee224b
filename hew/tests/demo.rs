//! `hew demo` through the real binary: what it says has happened really happened, read from the journal and from git.

#![expect(clippy::unwrap_used, reason = "a test that can not set its stage has failed")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// A person whose git and hew settings are in the way of everything.
struct Person {
    root: TempDir,
}

impl Person {
    fn new() -> Self {
        let person = Self { root: TempDir::new().unwrap() };
        person.write("ignore", "*\n");
        person.write("attributes", "* filter=broken text eol=crlf\n");
        for hook in
            ["hooks/pre-commit", "hooks/commit-msg", "hooks/post-checkout", "template/hooks/pre-commit"]
        {
            person.write(hook, "#!/bin/sh\nexit 1\n");
            fs::set_permissions(person.path(hook), fs::Permissions::from_mode(0o755)).unwrap();
        }
        let root = person.path("");
        let root = root.display();
        person.write(
            "home/.gitconfig",
            &format!(
                "[user]\n\tuseConfigOnly = true\n[commit]\n\tgpgSign = true\n[gpg]\n\tprogram = false\n\
                 [core]\n\tautocrlf = true\n\thooksPath = {root}/hooks\n\texcludesFile = {root}/ignore\n\
                 \tattributesFile = {root}/attributes\n[init]\n\tdefaultBranch = trunk\n\ttemplateDir = {root}/template\n\
                 [filter \"broken\"]\n\tclean = false\n\tsmudge = false\n\trequired = true\n\
                 [merge]\n\tff = false\n[alias]\n\tcommit = !false\n\tmerge = !false\n"
            ),
        );
        person.write(
            "config/hew/config.toml",
            "[loop]\nruntime = \"claude\"\ndeliver = false\n[loop.worktree]\nsetup = \"false\"\n[loop.gate]\ncommand = \"false\"\n",
        );
        fs::create_dir_all(person.path("tmp")).unwrap();
        person
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().canonicalize().unwrap().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn demo(&self, words: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_hew"))
            .arg("demo")
            .args(words)
            .current_dir(self.root.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.path("home"))
            .env("XDG_CONFIG_HOME", self.path("config"))
            .env("HEW_HOME", self.path("hew-home"))
            .env("TMPDIR", self.path("tmp"))
            .env("HEW_LOOP_GATE_COMMAND", "false")
            .env("GIT_DIR", self.path("nowhere"))
            .output()
            .unwrap()
    }
}

/// A demo that went well.
struct Shown {
    project: PathBuf,
    events: Vec<Value>,
    stdout: String,
}

impl Shown {
    fn read(project: PathBuf, output: &Output) -> Self {
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(0), "{stdout}\n{stderr}");
        let runs: Vec<_> =
            fs::read_dir(project.join(".hew/loop")).unwrap().map(|run| run.unwrap().path()).collect();
        let [run] = runs.as_slice() else { panic!("one run is expected: {runs:?}") };
        let journal = fs::read_to_string(run.join("events.jsonl")).unwrap();
        let events = journal.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        Self { project, events, stdout }
    }

    fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.events.iter().filter(move |event| event["kind"] == kind)
    }

    fn one<'a>(&'a self, kind: &'a str) -> &'a Value {
        let found: Vec<_> = self.of_kind(kind).collect();
        assert_eq!(found.len(), 1, "{kind}: {found:?}");
        found[0]
    }

    /// The start of the iteration that an event belongs to.
    fn start_of<'a>(&'a self, event: &'a Value) -> &'a Value {
        self.of_kind("iteration_started")
            .find(|start| start["worker"] == event["worker"] && start["iter"] == event["iter"])
            .unwrap()
    }

    /// Title and attempt of what an event is about.
    fn about(&self, event: &Value) -> (String, u64) {
        let start = self.start_of(event);
        (start["title"].as_str().unwrap().to_owned(), start["attempt"].as_u64().unwrap())
    }

    fn git(&self, words: &[&str]) -> String {
        git(&self.project, words)
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn git(folder: &Path, words: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .args(words)
        .output()
        .unwrap();
    assert!(output.status.success(), "git {words:?}: {}", text(&output.stderr));
    text(&output.stdout).trim_end().to_owned()
}

fn is_green(gated: &Value) -> bool {
    gated["gate"]["exit"]["code"] == 0
}

/// What has to hold however many workers there were.
fn everything_landed_and_every_commit_is_green(shown: &Shown) {
    assert_eq!(shown.of_kind("landed").count(), 10);
    let ended = shown.one("run_ended");
    assert_eq!((&ended["exit_code"], &ended["leftovers"]), (&0.into(), &Value::Array(vec![])));
    let delivery = shown.one("delivery");
    let main = shown.git(&["rev-parse", "main"]);
    assert_eq!(
        (delivery["delivery"].as_str(), delivery["sha"].as_str()),
        (Some("delivered"), Some(main.as_str()))
    );
    assert_eq!(shown.git(&["status", "--porcelain", "-uall"]), "");
    assert_eq!(shown.git(&["worktree", "list", "--porcelain"]).matches("worktree ").count(), 1);
    assert_eq!(shown.git(&["fsck", "--strict", "--no-dangling"]), "");
    let clone = TempDir::new().unwrap();
    git(clone.path(), &["clone", "-q", shown.project.to_str().unwrap(), "."]);
    let line = git(clone.path(), &["rev-list", "--first-parent", "main"]);
    assert_eq!(line.lines().count(), 11);
    for commit in line.lines() {
        git(clone.path(), &["checkout", "-q", commit]);
        let test = Command::new("sh").arg("test.sh").current_dir(clone.path()).output().unwrap();
        assert!(test.status.success(), "{commit}: {}", text(&test.stdout));
    }
}

/// The one red gate, and that the same task landed on its second attempt.
fn one_gate_was_red_and_the_second_attempt_landed(shown: &Shown) {
    let red: Vec<_> = shown.of_kind("gated").filter(|gated| !is_green(gated)).collect();
    assert_eq!(red.len(), 1, "{red:?}");
    let (title, attempt) = shown.about(red[0]);
    assert_eq!((title.as_str(), attempt), ("Fill lines up to a width", 1));
    assert!(shown.of_kind("landed").any(|landed| shown.about(landed) == (title.clone(), 2)));
}

#[test]
fn three_workers_drain_the_graph_through_a_red_gate_and_a_conflict() {
    let person = Person::new();
    let output = person.demo(&["--dir", "a/b c"]);
    let shown = Shown::read(person.path("a/b c"), &output);
    everything_landed_and_every_commit_is_green(&shown);
    one_gate_was_red_and_the_second_attempt_landed(&shown);

    let conflict = shown.one("conflicted");
    assert_eq!(conflict["files"], serde_json::json!(["commands.txt"]));
    let (title, attempt) = shown.about(conflict);
    assert!(title.starts_with("Add a command that counts ") && attempt == 1, "{title} {attempt}");
    assert!(shown.of_kind("landed").any(|landed| shown.about(landed) == (title.clone(), 2)));
    let list = fs::read_to_string(shown.project.join("commands.txt")).unwrap();
    let mut list: Vec<_> = list.lines().collect();
    list.sort_unstable();
    assert_eq!(list, ["chars", "lines", "page", "words"]);

    // What one worker landed, another one built upon.
    let worker_of = |task: &Value| {
        shown.of_kind("landed").find(|landed| landed["task"] == *task).unwrap()["worker"].clone()
    };
    let crosses = |start: &Value| {
        start["builds_on"].as_array().unwrap().iter().any(|task| worker_of(task) != start["worker"])
    };
    assert!(shown.of_kind("iteration_started").any(crosses));
    // The summary, the picture, and where everything is.
    let project = format!("\nproject   {}\nbranch    main is at ", shown.project.display());
    for part in
        ["1 backpressure_fail, 1 conflict", "columns: worker 0, worker 1, worker 2", "⚡", project.as_str()]
    {
        assert!(shown.stdout.contains(part), "{part} is missing:\n{}", shown.stdout);
    }
}

#[test]
fn one_worker_meets_no_conflict_and_waits_for_nobody() {
    let person = Person::new();
    let output = person.demo(&["--jobs", "1"]);
    // Without --dir it is in the folder for temporary files, and stays there.
    let made: Vec<_> = fs::read_dir(person.path("tmp")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let project = made.iter().find(|path| path.join(".hew.toml").exists()).unwrap().clone();
    let shown = Shown::read(project, &output);
    everything_landed_and_every_commit_is_green(&shown);
    one_gate_was_red_and_the_second_attempt_landed(&shown);
    assert_eq!(shown.of_kind("conflicted").count(), 0);
    assert_eq!(shown.of_kind("iteration_started").count(), 11);
}

#[test]
fn a_folder_that_is_not_empty_or_not_a_folder_is_refused_and_left_alone() {
    let person = Person::new();
    person.write("full/mine.txt", "mine\n");
    for (dir, problem) in [("full", "full is not empty"), ("full/mine.txt", "full/mine.txt can't be used")] {
        let output = person.demo(&["--dir", dir]);
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains(problem), "{}", text(&output.stderr));
    }
    assert_eq!(fs::read_dir(person.path("full")).unwrap().count(), 1);
    assert_eq!(fs::read_to_string(person.path("full/mine.txt")).unwrap(), "mine\n");
}

#[test]
fn what_it_prints_is_the_same_with_and_without_settings_of_a_model_server() {
    let printed = |settings: &str| {
        let person = Person::new();
        let file = person.path("config/hew/config.toml");
        let more = fs::read_to_string(&file).unwrap() + settings;
        fs::write(&file, more).unwrap();
        let output = person.demo(&["--jobs", "1", "--dir", "shown"]);
        let shown = Shown::read(person.path("shown"), &output);
        shown.stdout.replace(&person.path("").display().to_string(), "BASE/")
    };
    // Commits, times and sizes have digits in them; ids, and with them the order of equals, are made up.
    let is_made_up = |word: &str| {
        word.starts_with("demo-") || word.contains(|c: char| c.is_ascii_digit() || ('▁'..='█').contains(&c))
    };
    let plain = |text: &str| -> Vec<String> {
        let words = text.split_whitespace().filter(|word| !is_made_up(word));
        let mut words: Vec<String> = words.map(str::to_owned).collect();
        words.sort_unstable();
        words
    };
    let local = "[loop.local]\nmodel = \"small\"\ntimeout = \"9s\"\nmax_tokens = 5\n";
    let (without, with) = (plain(&printed("")), plain(&printed(local)));
    assert!(without.len() > 50, "{without:?}");
    assert_eq!(without, with);
}
