//! `hew schema` through the real binary: what hew writes and prints is what its schemas say. That the schema of settings
//! says what the parser does is tested beside it, in the core.

#![expect(clippy::unwrap_used, reason = "what a test relies on and is not there ends it")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use clap::CommandFactory as _;
use hew::adapters::store::RunFolder;
use hew_core::record::Store as _;
use hew_testkit::json_schema::problems;
use hew_testkit::loop_stage::{LoopStage, Ran, ran, wait_until};
use hew_testkit::mock_model::{Answer, MockModel, Part, Script};
use hew_testkit::repo::TestRepo;
use hew_testkit::{documented_run, journal};
use serde_json::Value;

fn hew(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_hew")).args(args).env_remove("HEW_RUN_ID").output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Schemas, asked for once each.
#[derive(Default)]
struct Schemas(BTreeMap<String, Value>);

impl Schemas {
    fn check(&mut self, name: &str, value: &Value, what: &str) {
        let schema = self.0.entry(name.to_owned()).or_insert_with(|| {
            let answer = hew(&["schema", name]);
            assert!(answer.status.success(), "{what}: {}", text(&answer.stderr));
            serde_json::from_slice(&answer.stdout).unwrap()
        });
        let found = problems(schema, value);
        assert!(found.is_empty(), "{what} is not of the schema {name}:\n{}\n{value:#}", found.join("\n"));
    }

    /// A line of `--json`.
    fn check_output(&mut self, line: &str, what: &str) -> String {
        let value: Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{what}: {error}: {line}"));
        assert_eq!(value["schema"], 1, "{what}: {line}");
        let kind = value["kind"].as_str().unwrap_or_else(|| panic!("{what} has no kind: {line}")).to_owned();
        // The journal's events have kinds of their own.
        let name = if value.get("seq").is_some() { "event" } else { &kind };
        self.check(&format!("json-{name}"), &value, what);
        kind
    }
}

#[test]
fn the_schema_of_settings_is_printed_in_one_line_or_for_people() {
    let pretty = hew(&["schema", "config"]);
    let line = hew(&["schema", "config", "--json"]);
    assert!(pretty.status.success() && line.status.success());
    let schema: Value = serde_json::from_slice(&pretty.stdout).unwrap();
    assert_eq!(schema, serde_json::from_slice::<Value>(&line.stdout).unwrap());
    assert_eq!((text(&line.stdout).lines().count(), text(&pretty.stdout).lines().count() > 100), (1, true));
    let jobs = &schema["properties"]["loop"]["properties"]["jobs"];
    assert_eq!((&jobs["maximum"], &jobs["default"]), (&16.into(), &1.into()));
}

#[test]
fn names_are_listed_and_the_nearest_is_told() {
    let list = hew(&["schema"]);
    assert!(list.status.success() && text(&list.stdout).starts_with("config\tsettings files"));
    let listed = text(&hew(&["schema", "--json"]).stdout);
    let row: Value = serde_json::from_str(listed.lines().next().unwrap()).unwrap();
    assert_eq!((&row["kind"], &row["name"]), (&"schema_name".into(), &"config".into()));
    let wrong = hew(&["schema", "confg"]);
    assert_eq!(wrong.status.code(), Some(2));
    let told = text(&wrong.stderr);
    assert!(told.contains("no schema `confg`") && told.contains("hew schema config"), "{told}");
}

#[test]
fn every_schema_that_is_listed_is_one() {
    let list = text(&hew(&["schema"]).stdout);
    let names: Vec<&str> = list.lines().filter_map(|line| line.split('\t').next()).collect();
    let unique: BTreeSet<&&str> = names.iter().collect();
    assert_eq!(unique.len(), names.len(), "{list}");
    for name in names {
        let schema: Value = serde_json::from_slice(&hew(&["schema", name]).stdout).unwrap();
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema", "{name}");
        assert!(schema["title"].is_string(), "{name}");
        let found = problems(&schema, &Value::Null).join("\n");
        assert!(!found.contains("not known here") && !found.contains("leads nowhere"), "{name}: {found}");
    }
}

/// Every kind of `--json` that the source names has a schema.
#[test]
fn every_kind_has_a_schema() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut kinds = BTreeSet::new();
    for folder in ["hew/src", "hew-core/src"] {
        for file in rust_files(&root.join(folder)) {
            let source = fs::read_to_string(&file).unwrap();
            let own = source.split("#[cfg(test)]").next().unwrap();
            kinds.extend(
                own.split("const KIND: &'static str = \"")
                    .skip(1)
                    .map(|rest| rest.split('"').next().unwrap().to_owned()),
            );
            let code = own.lines().filter(|line| !line.trim_start().starts_with("//"));
            let is_of_summary = file.ends_with("summary/json.rs");
            let by_hand = !is_of_summary && code.into_iter().any(|line| line.contains("\"kind\": \""));
            assert!(!by_hand, "{} makes an object by hand that no schema is made from", file.display());
        }
    }
    assert!(kinds.len() > 20, "{kinds:?}");
    let list = text(&hew(&["schema"]).stdout);
    for kind in kinds {
        assert!(list.contains(&format!("json-{kind}\t")), "no schema json-{kind}");
    }
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = entries.flat_map(|path| if path.is_dir() { rust_files(&path) } else { vec![path] });
    files.filter(|path| path.extension().is_some_and(|end| end == "rs")).collect()
}

/// The schema of a file of a run, and whether it holds lines.
fn schema_of(file: &Path) -> Option<(&'static str, bool)> {
    let name = file.file_name()?.to_str()?;
    match name {
        "run.json" => Some(("run", false)),
        "manifest.json" => Some(("manifest", false)),
        "plan.json" => Some(("plan", false)),
        "outcome.json" => Some(("outcome", false)),
        "owner.json" => Some(("owner", false)),
        "events.jsonl" => Some(("events", true)),
        "runs.jsonl" => Some(("ledger", true)),
        _ if file.extension()? != "json" => None,
        _ if name.starts_with("iter-") => Some(("iteration", false)),
        _ if name.starts_with("batch-") => Some(("batch", false)),
        _ => None,
    }
}

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for path in fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
        if path.is_dir() && !path.is_symlink() {
            files_below(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// A task that lands, one whose gate is red at first, and one that says that it is blocked.
fn three_tasks(stage: &LoopStage) -> [String; 3] {
    let good = stage.task("Good", "print working\nwrite a.txt a\ncommit a\ndone wrote a");
    let bad = stage.task("Bad", "write bad b\ncommit b\ndone");
    stage.script(&format!("{bad}.2"), "write b.txt b\ncommit b\ndone");
    let blocked = stage.task("Blocked", "print DECISION: to stop\nblocked there is no key");
    [good, bad, blocked]
}

const GATE: &str = "test ! -e bad";

#[test]
fn what_a_run_writes_is_of_its_schema() {
    for jobs in ["1", "2"] {
        let stage = LoopStage::new();
        three_tasks(&stage);
        let ran = stage.run(&["--jobs", jobs, "--keep-worktrees", "--gate", GATE]);
        assert_eq!(ran.code, 1, "a task is blocked: {}", ran.stderr);
        let mut schemas = Schemas::default();
        let mut files = Vec::new();
        files_below(&stage.repo.root().join(".hew"), &mut files);
        files_below(&stage.repo.common_dir().join("hew"), &mut files);
        files_below(&stage.repo.hew_home().join("wt"), &mut files);
        let mut seen = BTreeSet::new();
        for file in files {
            let Some((name, has_lines)) = schema_of(&file) else { continue };
            seen.insert(name);
            let content = fs::read_to_string(&file).unwrap();
            let values = if has_lines { content.lines().collect() } else { vec![content.as_str()] };
            for value in values {
                schemas.check(name, &serde_json::from_str(value).unwrap(), &file.display().to_string());
            }
        }
        let expected = ["events", "iteration", "ledger", "manifest", "outcome", "owner", "plan", "run"];
        assert!(expected.iter().all(|name| seen.contains(name)), "with {jobs} workers only {seen:?}");
    }
}

/// Views of runs in which everything occurs, of one under way that nobody holds, and of a long evening.
#[test]
fn views_of_recorded_runs_are_of_their_schemas() {
    for run in [journal::every_outcome(), journal::in_the_middle(), documented_run::whole()] {
        let repo = TestRepo::new();
        let mut folder = RunFolder::create(&repo.root().join(".hew"), run.run_id()).unwrap();
        folder.append(run.entries()).unwrap();
        let mut schemas = Schemas::default();
        for args in [
            &["loop", "list"][..],
            &["loop", "status"],
            &["loop", "summary"],
            &["loop", "logs"],
            &["loop", "graph"],
            &["loop", "graph", "--tasks"],
        ] {
            let mut command = repo.hew(args);
            command.arg("--json");
            let ran = ran(command);
            assert_eq!(ran.code, 0, "{args:?}: {}", ran.stderr);
            for line in ran.stdout.lines() {
                schemas.check_output(line, &format!("hew {}", args.join(" ")));
            }
        }
        for entry in run.entries() {
            let value = serde_json::to_value(entry).unwrap();
            schemas.check("events", &value, "a journal's line");
        }
    }
}

/// Tries commands, and remembers which.
struct Trial {
    stage: LoopStage,
    schemas: Schemas,
    tried: BTreeSet<String>,
}

impl Trial {
    /// Runs it with `--json`; every line is of its schema, and of the kind expected.
    fn prints(&mut self, kind: &str, args: &[&str]) -> Ran {
        let command = self.stage.repo.hew(args);
        self.prints_by(kind, args, command)
    }

    fn prints_by(&mut self, kind: &str, args: &[&str], mut command: Command) -> Ran {
        command.arg("--json");
        let ran = ran(command);
        let what = format!("hew {}", args.join(" "));
        let kinds: BTreeSet<String> =
            ran.stdout.lines().map(|line| self.schemas.check_output(line, &what)).collect();
        assert!(kinds.contains(kind), "{what} printed {kinds:?}: {}", ran.stderr);
        let cli = hew::cli::Cli::command();
        let mut words = Vec::new();
        let mut at = &cli;
        while let Some(sub) = args.get(words.len()).and_then(|word| at.find_subcommand(word)) {
            words.push(sub.get_name().to_owned());
            at = sub;
        }
        self.tried.insert(words.join(" "));
        ran
    }
}

/// Every command that people may call.
fn commands(command: &clap::Command, path: &str, found: &mut BTreeSet<String>) {
    let subs: Vec<&clap::Command> = command.get_subcommands().filter(|sub| !sub.is_hide_set()).collect();
    if subs.is_empty() {
        found.insert(path.to_owned());
    }
    for sub in subs {
        commands(sub, format!("{path} {}", sub.get_name()).trim_start(), found);
    }
}

#[test]
fn what_every_command_prints_for_programs_is_of_its_schema() {
    let mut trial = Trial { stage: LoopStage::new(), schemas: Schemas::default(), tried: BTreeSet::new() };
    trial.prints("error", &["loop", "summary"]);
    trial.prints("error", &["loop", "no-such-command"]);
    trial.tried.clear();
    of_tasks(&mut trial);
    of_settings(&mut trial);
    of_runs(&mut trial);
    of_a_run_under_way(&mut trial);
    for args in [&["schema"][..], &["completions", "zsh"], &["manpage"], &["manpage", "--out", "pages"]] {
        let kind = if args == ["schema"] { "schema_name" } else { args[0] };
        trial.prints(kind, args);
    }
    of_helpers(&mut trial);
    trial.prints("finding", &["doctor"]);
    trial.prints("skill", &["skills", "list"]);
    trial.prints("skill_text", &["skills", "show", "hew-loop"]);
    trial.prints("primer", &["prime"]);
    trial.prints("demo", &["demo", "--dir", trial.stage.path("demo").to_str().unwrap()]);
    let mut all = BTreeSet::new();
    commands(&hew::cli::Cli::command(), "", &mut all);
    let untried: Vec<&String> = all.difference(&trial.tried).collect();
    assert!(untried.is_empty(), "nobody looks at what these print: {untried:?}");
}

fn of_helpers(trial: &mut Trial) {
    trial.stage.repo.write(".hew/event.json", r#"{"zen": "nothing failed"}"#);
    trial.prints("triage", &["triage", "--event", ".hew/event.json"]);
    let said = Answer::text(r#"{"title": "Parse dates", "description": "All of them."}"#);
    let part = Part { when: String::new(), answers: vec![said] };
    let server = MockModel::start(Script { parts: vec![part], ..Script::default() });
    let args = ["task", "elaborate", "dates"];
    let mut command = trial.stage.repo.hew(&args);
    command
        .env("HEW_LOOP_LOCAL_ENDPOINT", format!("{}/v1", server.url()))
        .env("HEW_LOOP_LOCAL_MODEL", "mock");
    trial.prints_by("elaboration", &args, command);
}

fn of_tasks(trial: &mut Trial) {
    let first = trial.stage.task("First", "");
    let id = first.as_str();
    trial.prints("task", &["task", "add", "Second", "--dep", id]);
    for args in [
        &["task", "list"][..],
        &["task", "ready"],
        &["task", "show", id],
        &["task", "claim", id],
        &["task", "update", id, "-p", "1"],
        &["task", "note", id, "seen"],
        &["task", "close", id, "--reason", "done"],
        &["task", "reopen", id],
        &["task", "unpark", id],
    ] {
        trial.prints("task", args);
    }
    let third = trial.stage.task("Third", "");
    trial.prints("task", &["task", "dep", "add", &third, id]);
    trial.prints("task_tree_node", &["task", "dep", "tree", &third]);
    trial.prints("task", &["task", "dep", "remove", &third, id]);
    trial.prints("export", &["task", "export", "tasks.jsonl"]);
    trial.prints("import", &["task", "import", "tasks.jsonl"]);
    trial.stage.repo.write("plan.toml", "[[task]]\nname = \"a\"\ntitle = \"A\"\n\n[[task]]\ntitle = \"B\"\n");
    trial.prints("task", &["task", "plan", "plan.toml"]);
    for task in trial.stage.tasks().into_keys() {
        trial.stage.ok(&["task", "close", &task, "--reason", "tried"]);
    }
}

fn of_settings(trial: &mut Trial) {
    trial.prints("init", &["init", "--yes"]);
    trial.prints("setting_written", &["config", "set", "loop.jobs", "2"]);
    trial.prints("setting", &["config", "get", "loop.jobs"]);
    trial.prints("setting", &["config", "list"]);
    trial.prints("setting_key", &["config", "keys"]);
    trial.prints("settings_file", &["config", "path"]);
    trial.prints("settings_valid", &["config", "validate"]);
    let mut edit = trial.stage.repo.hew(&["config", "edit"]);
    edit.env("EDITOR", "true").env_remove("VISUAL");
    trial.prints_by("settings_edited", &["config", "edit"], edit);
    trial.prints("setting_removed", &["config", "unset", "loop.jobs"]);
    trial.prints("setting_written", &["config", "set", "loop.gate.command", GATE]);
    trial.prints("trust", &["trust"]);
    trial.stage.repo.commit("Settings");
}

fn of_runs(trial: &mut Trial) {
    let [good, ..] = three_tasks(&trial.stage);
    trial.prints("explain", &["loop", "explain", &good]);
    trial.prints("dry_run", &["loop", "run", "--scope", "ready", "--dry-run"]);
    let flags = ["--jobs", "2", "--no-deliver", "--keep-worktrees"];
    trial.prints("run_ended", &[&["loop", "run", "--scope", "ready"][..], &flags].concat());
    trial.prints("run", &["loop", "list"]);
    trial.prints("iteration", &["loop", "logs"]);
    trial.prints("transcript", &["loop", "logs", "--transcript", "--task", &good]);
    trial.prints("summary", &["loop", "summary"]);
    trial.prints("status", &["loop", "status"]);
    trial.prints("graph", &["loop", "graph"]);
    trial.prints("graph", &["loop", "graph", "--tasks"]);
    trial.prints("graph_written", &["loop", "graph", "--out", "run.svg"]);
    trial.prints("graph_text", &["loop", "graph", "--tasks", "--format", "mermaid"]);
    trial.prints("report", &["loop", "report", "--out", "report.html"]);
    trial.prints("leftover", &["loop", "prune-worktrees"]);
    trial.prints("not_resumed", &["loop", "resume"]);
    trial.prints("delivery", &["loop", "deliver"]);
    for (word, flags) in [("done", &[][..]), ("blocked", &["--reason", "x"]), ("fail", &["--reason", "x"])] {
        let args = [&[word][..], flags].concat();
        let mut command = trial.stage.repo.hew(&args);
        command.env("HEW_OUTCOME_FILE", trial.stage.path("word.json"));
        trial.prints_by("signal", &args, command);
    }
}

fn of_a_run_under_way(trial: &mut Trial) {
    let begun = trial.stage.path("begun").display().to_string();
    trial.stage.task("Endless", &format!("touch {begun}\nhang"));
    let run = trial.stage.start(&[]);
    wait_until("the agent runs", || Path::new(&begun).exists());
    trial.prints("status", &["loop", "status"]);
    trial.prints("summary", &["loop", "summary"]);
    trial.prints("cancel", &["loop", "cancel", "--now"]);
    assert_eq!(run.end().code, 5);
}
