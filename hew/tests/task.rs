//! `hew task` through the real binary, in a real repository.

#![expect(clippy::unwrap_used, reason = "a test that can not set its stage has failed")]

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

/// A home, and a project in it, that nothing of the developer's reaches.
struct Place {
    root: TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self { root: TempDir::new().unwrap() };
        std::fs::create_dir_all(place.path("My App/sub")).unwrap();
        place.git(&["init", "-q", "-b", "main"]);
        place.git(&[
            "-c",
            "user.name=t",
            "-c",
            "user.email=t@t",
            "commit",
            "-q",
            "--allow-empty",
            "-m",
            "start",
        ]);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().canonicalize().unwrap().join(name)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.path("My App"))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.path("home"))
            .env("XDG_CONFIG_HOME", self.path("xdg"))
            .env("HEW_HOME", self.path("hew-home"))
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_SYSTEM", "/dev/null")
            .env("GIT_CEILING_DIRECTORIES", self.root.path())
            .stdin(Stdio::null());
        command
    }

    fn git(&self, words: &[&str]) {
        assert!(self.command("git").args(words).status().unwrap().success(), "{words:?}");
    }

    fn task(&self, words: &[&str]) -> Command {
        let mut command = self.command(env!("CARGO_BIN_EXE_hew"));
        command.arg("task").args(words);
        command
    }

    /// Exit code, stdout and stderr.
    fn run(&self, words: &[&str]) -> (i32, String, String) {
        told(&self.task(words).output().unwrap())
    }

    /// Stdout; anything but exit code 0 is a failure of the test.
    fn ok(&self, words: &[&str]) -> String {
        let (code, out, err) = self.run(words);
        assert_eq!(code, 0, "{words:?}: {err}");
        out
    }

    /// The JSON objects on stdout, one a line.
    fn json(&self, words: &[&str]) -> Vec<Value> {
        let out = self.ok(&[words, &["--json"]].concat());
        let objects: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(objects.iter().all(|object| object["schema"] == 1 && object["kind"].is_string()), "{out}");
        objects
    }

    fn add(&self, words: &[&str]) -> String {
        self.ok(&[&["add", "--id-only"], words].concat()).trim().to_owned()
    }

    fn show(&self, id: &str) -> Value {
        self.json(&["show", id]).remove(0)
    }

    fn ready(&self) -> Vec<String> {
        let tasks = self.json(&["ready"]);
        tasks.iter().map(|object| object["task"]["id"].as_str().unwrap().to_owned()).collect()
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

fn told(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

fn fed(mut command: Command, input: &str) -> (i32, String, String) {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    told(&child.wait_with_output().unwrap())
}

#[test]
fn add_stores_every_flag() {
    let place = Place::new();
    let first = place.add(&["first"]);
    assert!(first.starts_with("my-app-") && first.len() == "my-app-".len() + 4, "{first}");
    let epic = place.add(&["epic", "-t", "epic"]);
    let file = place.write("text.md", "from a file\n");
    let made = place.json(&[
        "add",
        "Fix it",
        "-d",
        "-- what\nto do",
        "--acceptance",
        "green",
        "-t",
        "bug",
        "-p",
        "P0",
        "-l",
        "a,model:opus",
        "--parent",
        &epic,
        "--dep",
        &first,
        "--runtime",
        "shell",
        "--run",
        "exit 0; # $(x)",
    ]);
    let task = &made[0]["task"];
    assert_eq!(task["id"], format!("{epic}.1"));
    for (field, value) in [
        ("title", json!("Fix it")),
        ("description", json!("-- what\nto do")),
        ("acceptance_criteria", json!("green")),
        ("issue_type", json!("bug")),
        ("priority", json!(0)),
        ("labels", json!(["a", "model:opus"])),
        ("metadata", json!({"hew.runtime": "shell", "hew.run": "exit 0; # $(x)"})),
        ("status", json!("open")),
        ("created_by", json!("person")),
    ] {
        assert_eq!(task[field], value, "{field}");
    }
    let shown = place.show(&format!("{epic}.1"));
    assert_eq!(shown["waits"], json!({"for": "tasks", "tasks": [first]}));
    assert_eq!(shown["task"]["dependencies"].as_array().unwrap().len(), 2);
    let from_file = place.add(&["t", "--description-file", &file]);
    assert_eq!(place.show(&from_file)["task"]["description"], "from a file");
    let (code, out, err) = fed(place.task(&["add", "t", "--description-file", "-", "--json"]), "from stdin");
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("from stdin"));
    assert!(place.ok(&["add", "plain"]).contains("  P2  plain"));
    assert_eq!(place.show(&place.add(&["--", "--dash"]))["task"]["title"], "--dash");
}

#[test]
fn bad_input_is_refused_with_exit_2_and_nothing_is_stored() {
    let place = Place::new();
    let long = "x".repeat(501);
    for (words, said) in [
        (vec!["add", ""], "title has 0 bytes; 1 to 500 are allowed"),
        (vec!["add", &long], "title has 501 bytes"),
        (vec!["add", "t", "-p", "5"], "0 (most urgent) to 4"),
        (vec!["add", "t", "-l", "a,"], "a label is empty"),
        (vec!["add", "t", "--description-file", "absent"], "absent can't be read"),
        (vec!["update", "x"], "nothing to change"),
    ] {
        let (code, out, err) = place.run(&words);
        assert_eq!((code, out.as_str()), (2, ""), "{words:?}");
        assert!(err.contains(said), "{err}");
    }
    assert_eq!(place.ok(&["list", "--all"]), "");
    let (code, _, err) = place.run(&["add", "t", "--dep", "my-app-none"]);
    assert_eq!(code, 1);
    assert!(err.contains("no task my-app-none"), "{err}");
    assert_eq!(place.ok(&["export"]), "");
}

#[test]
fn a_wrong_id_is_answered_with_the_nearest_and_exit_1() {
    let place = Place::new();
    let id = place.add(&["a"]);
    let short = id.strip_prefix("my-app-").unwrap();
    for words in [
        &["show", short][..],
        &["claim", short],
        &["close", short, "--reason", "r"],
        &["reopen", short],
        &["unpark", short],
        &["update", short, "-p", "1"],
        &["note", short, "n"],
        &["dep", "add", short, &id],
        &["dep", "add", &id, short],
        &["dep", "remove", short, &id],
        &["dep", "tree", short],
    ] {
        let (code, out, err) = place.run(words);
        assert_eq!((code, out.as_str()), (1, ""), "{words:?}");
        assert!(
            err.contains(&format!("no task {short}")) && err.contains(&format!("hew task show {id}")),
            "{err}"
        );
    }
    let (code, out, _) = place.run(&["show", "nothing-near", "--json"]);
    let error: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &error["kind"], &error["code"]), (1, &json!("error"), &json!(1)));
}

#[test]
fn list_and_ready_choose_and_order() {
    let place = Place::new();
    let a = place.add(&["a", "-p", "3", "-l", "x"]);
    let b = place.add(&["b", "-t", "bug", "-l", "x,y", "--dep", &a]);
    let c = place.add(&["c", "-p", "0"]);
    place.ok(&["close", &c, "--reason", "r"]);
    let ids = |words: &[&str]| -> Vec<String> {
        place.json(words).iter().map(|object| object["task"]["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&["list"]), [b.clone(), a.clone()]);
    assert_eq!(ids(&["list", "--all"]), [c.clone(), b.clone(), a.clone()]);
    assert_eq!(ids(&["list", "--status", "closed,hooked"]), std::slice::from_ref(&c));
    assert_eq!(ids(&["list", "--type", "bug"]), std::slice::from_ref(&b));
    assert_eq!(ids(&["list", "--label", "x,y"]), std::slice::from_ref(&b));
    assert_eq!(place.ready(), std::slice::from_ref(&a));
    let d = place.add(&["d"]);
    assert_eq!(ids(&["ready", "-n", "1"]), std::slice::from_ref(&d));
    assert_eq!(place.ok(&["ready"]), format!("{d}  P2  d\n{a}  P3  a #x\n"));
}

#[test]
fn a_task_is_claimed_closed_and_reopened() {
    let place = Place::new();
    let (a, b) = (place.add(&["a"]), place.add(&["b"]));
    let claimed = place.json(&["claim", &a, "--actor", "me"]);
    assert_eq!(
        (&claimed[0]["task"]["assignee"], &claimed[0]["task"]["status"]),
        (&json!("me"), &json!("in_progress"))
    );
    assert_eq!(place.show(&a)["waits"], json!({"for": "release", "held_by": "me"}));
    let (code, _, err) = place.run(&["claim", &a]);
    assert_eq!(code, 1);
    assert!(err.contains(&format!("{a} is held by me")), "{err}");
    assert!(told(&place.task(&["claim", &b]).env("USER", "ann").output().unwrap()).2.contains("held by ann"));
    place.ok(&["close", &a, "-r", "merged", "--actor", "me"]);
    let closed = place.show(&a);
    assert_eq!((&closed["task"]["close_reason"], &closed["waits"]), (&json!("merged"), &Value::Null));
    assert_eq!(closed["task"]["closed_by_session"], "me");
    let (code, _, err) = place.run(&["close", &a, "--reason", "again"]);
    assert_eq!(code, 0);
    assert!(err.contains("closed before"), "{err}");
    let (code, _, err) = place.run(&["claim", &a]);
    assert_eq!(code, 1);
    assert!(err.contains(&format!("{a} is closed")), "{err}");
    assert!(place.run(&["close", &b]).2.contains("--reason"), "a close wants a reason");
    place.ok(&["reopen", &a]);
    assert_eq!(place.ready(), std::slice::from_ref(&a));
    assert!(place.run(&["reopen", &a]).2.contains("nothing was changed"));
}

#[test]
fn an_iterations_claim_is_held_under_its_own_name() {
    let place = Place::new();
    let a = place.add(&["a"]);
    let mut claim = place.task(&["claim", &a, "--json"]);
    claim.env("HEW_RUN_ID", "loop-20261120T193000Z-1a2b3c4d").env("HEW_WORKER", "2").env("HEW_ITER", "3");
    let (_, out, _) = told(&claim.env("HEW_ALLOW_NESTED", "1").output().unwrap());
    assert!(out.contains("\"assignee\":\"hew/loop-20261120T193000Z-1a2b3c4d/w2/3\""), "{out}");
}

#[test]
fn a_parked_task_becomes_eligible_by_unpark_and_by_reopen() {
    let place = Place::new();
    for word in ["unpark", "reopen"] {
        let a = place.add(&["a", "-l", "hew:parked,x"]);
        assert_eq!(place.ready(), [""; 0]);
        assert_eq!(place.show(&a)["waits"], json!({"for": "unpark"}));
        let after = place.json(&[word, &a]);
        assert_eq!(after[0]["task"]["labels"], json!(["x"]), "{word}");
        assert_eq!(place.ready(), std::slice::from_ref(&a), "{word}");
        place.ok(&["close", &a, "--reason", "r"]);
    }
    let b = place.add(&["b"]);
    assert!(place.run(&["unpark", &b]).2.contains("was not parked"));
}

#[test]
fn update_changes_every_field() {
    let place = Place::new();
    let (epic, a) = (place.add(&["epic", "-t", "epic"]), place.add(&["a", "-l", "old"]));
    let after = place.json(&[
        "update",
        &a,
        "--title",
        "b",
        "-d",
        "d",
        "--acceptance",
        "ac",
        "--design",
        "de",
        "--notes",
        "n",
        "-s",
        "deferred",
        "-p",
        "1",
        "-t",
        "bug",
        "-a",
        "me",
        "--parent",
        &epic,
        "-l",
        "x,y",
        "--remove-label",
        "old",
        "--runtime",
        "shell",
        "--run",
        "true",
    ]);
    let task = &after[0]["task"];
    for (field, value) in [
        ("title", json!("b")),
        ("description", json!("d")),
        ("acceptance_criteria", json!("ac")),
        ("design", json!("de")),
        ("notes", json!("n")),
        ("status", json!("deferred")),
        ("priority", json!(1)),
        ("issue_type", json!("bug")),
        ("assignee", json!("me")),
        ("labels", json!(["x", "y"])),
        ("metadata", json!({"hew.runtime": "shell", "hew.run": "true"})),
    ] {
        assert_eq!(task[field], value, "{field}");
    }
    assert_eq!(task["dependencies"][0]["depends_on_id"], epic);
    let file = place.write("text.md", "new\n");
    let none = place.json(&[
        "update",
        &a,
        "-a",
        "",
        "--parent",
        "",
        "--run",
        "",
        "--runtime",
        "",
        "--description-file",
        &file,
    ]);
    let task = &none[0]["task"];
    for gone in ["assignee", "dependencies", "metadata"] {
        assert_eq!(task[gone], Value::Null, "{gone}");
    }
    assert_eq!(task["description"], "new");
}

#[test]
fn dependencies_are_added_shown_and_removed() {
    let place = Place::new();
    let (a, b, c) = (place.add(&["a"]), place.add(&["b"]), place.add(&["c"]));
    place.ok(&["dep", "add", &b, &a]);
    place.ok(&["dep", "add", &c, &b]);
    place.ok(&["dep", "add", &c, &a, "-t", "related"]);
    assert_eq!(place.ready(), std::slice::from_ref(&a));
    let (code, _, err) = place.run(&["dep", "add", &a, &c]);
    assert_eq!(code, 2);
    assert!(err.contains(&format!("{a} -> {c} -> {b} -> {a}")), "{err}");
    assert_eq!(
        place.ok(&["dep", "tree", &c]),
        format!("{c}  c\n  {b}  b\n    {a}  a\n  (related) {a}  a (see above)\n")
    );
    let nodes = place.json(&["dep", "tree", &c]);
    let shape: Vec<_> =
        nodes.iter().map(|node| (node["depth"].as_u64().unwrap(), node["id"].as_str().unwrap())).collect();
    assert_eq!(shape, [(0, c.as_str()), (1, &b), (2, &a), (1, &a)]);
    place.ok(&["dep", "remove", &b, &a]);
    assert_eq!(place.ready(), [a.clone(), b.clone()]);
    let (code, _, err) = place.run(&["dep", "remove", &b, &a]);
    assert_eq!(code, 1);
    assert!(err.contains(&format!("{b} does not depend on {a}")), "{err}");
}

#[test]
fn notes_are_added_as_paragraphs() {
    let place = Place::new();
    let a = place.add(&["a"]);
    place.ok(&["note", &a, "one"]);
    let after = place.json(&["note", &a, "-two"]);
    assert_eq!(after[0]["task"]["notes"], "one\n\n-two");
}

#[test]
fn what_comes_from_outside_is_shown_and_not_obeyed() {
    let place = Place::new();
    let id = place.add(&["\u{1b}[2Jclear\nforged", "-d", "\u{1b}]0;x\u{7}", "-l", "\u{202e}l"]);
    for words in [&["show", &id][..], &["list"], &["ready"], &["dep", "tree", &id]] {
        let out = place.ok(words);
        assert!(!out.contains('\u{1b}') && !out.contains("\nforged") && !out.contains('\u{202e}'), "{out:?}");
        assert!(out.contains(r"\u{1b}[2Jclear\nforged"), "{out}");
    }
}

#[test]
fn plans_are_filed_whole_or_not_at_all() {
    let place = Place::new();
    let old = place.add(&["old"]);
    let toml = format!(
        r#"
        [[task]]
        name = "second"
        parent = "epic"
        title = "Second"
        depends_on = ["first", "{old}"]
        priority = 1

        [[task]]
        name = "epic"
        title = "Epic"
        type = "epic"

        [[task]]
        name = "first"
        parent = "epic"
        title = "First"
        description = "d"
        acceptance = "a"
        labels = ["x"]
        runtime = "shell"
        run = "true"
        metadata = {{ ticket = "X-1" }}
        "#
    );
    let made = place.json(&["plan", &place.write("plan.toml", &toml)]);
    let names: Vec<_> = made.iter().map(|object| object["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["second", "epic", "first"]);
    let (second, first) = (&made[0]["task"], &made[2]["task"]);
    let on: Vec<_> =
        second["dependencies"].as_array().unwrap().iter().map(|edge| &edge["depends_on_id"]).collect();
    assert_eq!(on, [&made[1]["task"]["id"], &first["id"], &json!(old)]);
    for (field, value) in [
        ("description", json!("d")),
        ("acceptance_criteria", json!("a")),
        ("labels", json!(["x"])),
        ("metadata", json!({"ticket": "X-1", "hew.runtime": "shell", "hew.run": "true"})),
    ] {
        assert_eq!(first[field], value, "{field}");
    }
    let from_json =
        json!({"task": [{"title": "j1", "name": "a"}, {"title": "j2", "depends_on": ["a"]}]}).to_string();
    let ids = place.ok(&["plan", &place.write("plan.json", &from_json), "--id-only"]);
    assert_eq!(ids.lines().count(), 2);
    let (code, out, err) = fed(place.task(&["plan", "-"]), &from_json);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("j1") && out.contains("j2"), "{out}");

    let before = place.ok(&["export"]);
    for (text, said) in [
        (
            "[[task]]\nname = \"a\"\ntitle = \"a\"\ndepends_on = [\"b\"]\n[[task]]\nname = \"b\"\ntitle = \"b\"\ndepends_on = [\"a\"]",
            "a -> b -> a",
        ),
        ("[[task]]\ntitle = \"a\"\ndependson = []", "unknown field `dependson`"),
        ("[[task]]\ntitle = \"a\"\npriority = 7", "0 to 4"),
        ("[[task]]\nname = \"a\"", "missing field `title`"),
        ("task = 1", "invalid type"),
    ] {
        let (code, _, err) = place.run(&["plan", &place.write("bad.toml", text)]);
        assert_eq!(code, 2, "{text}");
        assert!(err.contains(said), "{err}");
    }
    let (code, _, err) =
        place.run(&["plan", &place.write("bad.toml", "[[task]]\ntitle = \"a\"\nparent = \"x\"")]);
    assert_eq!(code, 1, "{err}");
    assert_eq!(place.ok(&["export"]), before, "nothing of a bad plan is stored");
}

#[test]
fn an_export_writes_to_what_a_link_means_and_into_what_is_no_file() {
    let place = Place::new();
    place.ok(&["add", "One", "--id-only"]);
    let (real, link) = (place.write("real.jsonl", "old\n"), place.path("link.jsonl"));
    std::os::unix::fs::symlink(&real, &link).unwrap();
    place.ok(&["export", link.to_str().unwrap()]);
    assert!(link.symlink_metadata().unwrap().is_symlink());
    assert!(std::fs::read_to_string(&real).unwrap().contains("\"One\""));
    let pipe = place.path("pipe").to_str().unwrap().to_owned();
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let reader = std::thread::spawn({
        let pipe = pipe.clone();
        move || std::fs::read_to_string(pipe).unwrap()
    });
    place.ok(&["export", &pipe]);
    assert!(!std::fs::metadata(&pipe).unwrap().is_file(), "the pipe was replaced");
    assert!(reader.join().unwrap().contains("\"One\""));
}

#[test]
fn a_result_that_does_not_fit_on_the_disk_is_a_failure() {
    let place = Place::new();
    place.ok(&["add", "One", "--id-only"]);
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let ended = place.task(&["export"]).stdout(full).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(ended.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&ended.stderr).contains("could not be written"), "{ended:?}");
}

#[test]
fn records_are_imported_and_exported() {
    let place = Place::new();
    let line = |id: &str, day: u8, title: &str| {
        json!({
            "id": id, "title": title, "status": "hooked", "priority": 3, "issue_type": "spike", "created_at": "2026-01-01T00:00:00Z",
            "updated_at": format!("2026-01-0{day}T00:00:00Z"), "x": 1,
        })
    };
    let (old, new, other) = (line("b-1", 2, "old"), line("b-1", 3, "new"), line("a-1", 2, "other"));
    let good = place.write("good.jsonl", &format!("{old}\n{new}\n{other}\n"));
    let report = place.json(&["import", &good]).remove(0);
    assert_eq!((&report["created"], &report["duplicates"]), (&json!(2), &json!(["b-1"])));
    assert_eq!(place.ok(&["export"]), format!("{other}\n{new}\n"));
    assert!(place.ok(&["import", &good]).starts_with("0 new, 0 updated, 2 unchanged"));

    let newest = line("b-1", 4, "newest");
    let bad = place.write("bad.jsonl", &format!("{newest}\nnot json\n"));
    let (code, _, err) = place.run(&["import", &bad]);
    assert_eq!(code, 1);
    assert!(err.contains("line 2: not JSON") && err.contains("--skip-bad"), "{err}");
    assert_eq!(place.show("b-1")["task"]["title"], "new");
    let report = place.json(&["import", "--skip-bad", &bad]).remove(0);
    assert_eq!((&report["updated"], &report["skipped"][0]["line"]), (&json!(1), &json!(2)));

    let out = place.path("out.jsonl").to_str().unwrap().to_owned();
    assert_eq!(place.json(&["export", &out])[0]["records"], 2);
    assert_eq!(std::fs::read_to_string(&out).unwrap(), format!("{other}\n{newest}\n"));
    let elsewhere = Place::new();
    let (code, told, _) = fed(elsewhere.task(&["import", "-"]), &std::fs::read_to_string(&out).unwrap());
    assert_eq!((code, told.as_str()), (0, "2 new, 0 updated, 0 unchanged, 0 memories, 0 lines left out\n"));
    assert_eq!(elsewhere.ok(&["export", "-"]), std::fs::read_to_string(&out).unwrap());
    let (code, _, err) = place.run(&["export", "/nowhere/at/all.jsonl"]);
    assert_eq!(code, 1, "{err}");
}

#[test]
fn the_tracker_is_one_for_subfolders_and_worktrees() {
    let place = Place::new();
    let a = place.add(&["a"]);
    place.git(&["worktree", "add", "-q", "../linked"]);
    for folder in ["My App/sub", "linked"] {
        let mut command = place.task(&["add", "b", "--id-only"]);
        let (code, id, err) = told(&command.current_dir(place.path(folder)).output().unwrap());
        assert_eq!(code, 0, "{err}");
        assert!(id.starts_with("my-app-"), "{id}");
    }
    assert_eq!(place.ready().len(), 3, "{a}");
    assert!(place.path("My App/.git/hew/tracker/tasks.db").exists());
}

#[test]
fn the_prefix_is_a_setting() {
    let place = Place::new();
    place.write("My App/.hew.toml", "[tracker]\nprefix = \"web\"\n");
    assert!(place.add(&["a"]).starts_with("web-"));
    place.write("My App/.hew.toml", "[tracker]\nprefix = \"We b\"\n");
    let (code, _, err) = place.run(&["ready"]);
    assert_eq!(code, 2);
    assert!(err.contains("tracker.prefix"), "{err}");
}

#[test]
fn a_store_that_is_none_is_named() {
    let place = Place::new();
    std::fs::create_dir_all(place.path("My App/.git/hew/tracker")).unwrap();
    place.write("My App/.git/hew/tracker/tasks.db", &"no database ".repeat(100));
    let (code, _, err) = place.run(&["ready"]);
    assert_eq!(code, 1);
    assert!(err.contains("tasks.db") && err.contains("not an SQLite file"), "{err}");
}

#[test]
fn of_sixteen_processes_one_wins_a_claim() {
    let place = Place::new();
    for round in 0..3 {
        let id = place.add(&[&format!("round {round}")]);
        let claim = |number: usize| {
            let mut command = place.task(&["claim", &id, "--actor", &format!("process {number}")]);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        };
        let processes: Vec<_> = (0..16).map(claim).collect();
        let ends: Vec<_> =
            processes.into_iter().map(|child| told(&child.wait_with_output().unwrap())).collect();
        let winners: Vec<_> = (0..16).filter(|number| ends[*number].0 == 0).collect();
        assert_eq!(winners.len(), 1, "{ends:?}");
        assert_eq!(place.show(&id)["task"]["assignee"], format!("process {}", winners[0]));
        let winner = format!("{id} is held by process {}", winners[0]);
        assert!(ends.iter().all(|(code, _, err)| *code <= 1 && err.contains(&winner)), "{ends:?}");
    }
}
