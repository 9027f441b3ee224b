//! `hew task elaborate` through the real binary: a model server, and stand-ins for claude and codex.

#![expect(clippy::unwrap_used, reason = "a test that can not set its stage has failed")]

use std::fs;

use hew_testkit::mock_model::{Answer, MockModel, Part, Refusal, Script};
use hew_testkit::run_check::Project;
use serde_json::{Value, json};

const GOOD: &str = r#"Sure: {"title": "Parse dates", "description": "RFC 3339 only.", "acceptance": "cargo test dates",
    "type": "feature", "priority": 1, "labels": ["backend"], "runtime": "claude", "timeout": "45m"} Bye."#;
const LINE: &str = "dates with fractions";

fn server(answers: Vec<Answer>) -> MockModel {
    MockModel::start(Script { parts: vec![Part { when: String::new(), answers }], chunk_bytes: None })
}

/// A project with stand-ins that fail; what was told to one lies in a file of its name.
fn project() -> Project {
    let project = Project::new();
    for name in ["claude", "codex"] {
        stand_in(&project, name, "echo 'no luck today' >&2; exit 3");
        let command = project.repo.base().join(name);
        project.settings(&format!("[loop.runtime_defs.{name}]\ncommand = \"{}\"\n", command.display()));
    }
    project
}

fn stand_in(project: &Project, name: &str, script: &str) {
    let told = project.repo.base().join(format!("{name}.told"));
    let text = format!("#!/bin/sh\ncat >> '{}'\npwd >> '{0}'\nls -A >> '{0}'\n{script}\n", told.display());
    let file = project.repo.base().join(name);
    fs::write(&file, text).unwrap();
    fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
}

/// What a stand-in prints that ends well with these words.
fn claude_says(words: &str) -> String {
    let line = json!({"type": "result", "subtype": "success", "is_error": false, "result": words});
    format!("cat <<'EOF'\n{line}\nEOF")
}

fn with_server(project: &Project, server: &MockModel, more: &str) {
    project
        .settings(&format!("[loop.local]\nendpoint = \"{}/v1/\"\nmodel = \"small\"\n{more}", server.url()));
}

/// Exit code, stdout and stderr.
fn run(project: &Project, more: &[&str]) -> (i32, String, String) {
    let output = project.try_hew(&[&["task", "elaborate", LINE], more].concat());
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

fn json(project: &Project, more: &[&str]) -> Value {
    let (code, stdout, stderr) = run(project, &[&["--json"], more].concat());
    assert_eq!(code, 0, "{stderr}");
    serde_json::from_str(&stdout).unwrap()
}

fn told(project: &Project, name: &str) -> Option<String> {
    fs::read_to_string(project.repo.base().join(format!("{name}.told"))).ok()
}

#[test]
fn the_server_is_asked_first_and_nobody_after_it() {
    let (project, server) = (project(), server(vec![Answer::text(GOOD)]));
    with_server(&project, &server, "");
    let made = json(&project, &[]);
    assert_eq!(
        (&made["kind"], &made["by"], &made["task"]),
        (&json!("elaboration"), &json!("local"), &Value::Null)
    );
    assert_eq!(
        (&made["title"], &made["issue_type"], &made["priority"]),
        (&json!("Parse dates"), &json!("feature"), &json!(1))
    );
    assert_eq!(made["metadata"], json!({"hew.runtime": "claude", "hew.timeout": "45m"}));
    let asked = server.asked();
    assert_eq!((asked.len(), told(&project, "claude"), told(&project, "codex")), (1, None, None));
    let body = &asked[0].body;
    assert_eq!(
        (&body["messages"][1]["content"], &body["response_format"]["type"]),
        (&json!(LINE), &json!("json_object"))
    );
    assert!(body["messages"][0]["content"].as_str().unwrap().starts_with("# Turn one line into a task"));
    assert_eq!(project.tasks().len(), 0, "it is only shown");
    let (_, page, _) = run(&project, &[]);
    assert!(page.starts_with("Parse dates\n  priority:     1\n  type:         feature\n"), "{page}");
    assert!(page.contains("\n  acceptance criteria\n    cargo test dates\n"), "{page}");
}

#[test]
fn a_task_is_filed_with_its_line() {
    let project = project();
    let first = project.hew(&["task", "add", "first", "--id-only"]);
    let answer =
        json!({"title": "T", "description": "D", "depends_on": [first, "nothing-1"], "model": "opus"});
    let server = server(vec![Answer::text(&answer.to_string())]);
    with_server(&project, &server, "");
    let made = json(&project, &["--add"]);
    let task = project.tasks().into_iter().find(|task| task["id"] == made["task"]).unwrap();
    assert_eq!(task["metadata"], json!({"hew.elaborated_from": LINE}));
    assert_eq!((&task["labels"], &made["depends_on"]), (&json!(["model:opus"]), &json!([first])));
    let (_, _, stderr) = run(&project, &[]);
    assert!(stderr.contains("there is no task nothing-1"), "{stderr}");
}

#[test]
fn all_that_was_proposed_is_filed() {
    let (project, server) =
        (project(), server(vec![Answer::text(&GOOD.replace("45m\"", "45m\", \"budget_usd\": 2"))]));
    with_server(&project, &server, "");
    let made = json(&project, &["--add"]);
    let task = project.tasks().into_iter().find(|task| task["id"] == made["task"]).unwrap();
    for (field, value) in [
        ("title", json!("Parse dates")),
        ("description", json!("RFC 3339 only.")),
        ("acceptance_criteria", json!("cargo test dates")),
        ("issue_type", json!("feature")),
        ("priority", json!(1)),
        ("labels", json!(["backend"])),
    ] {
        assert_eq!(task[field], value, "{task}");
    }
    let metadata = json!({"hew.elaborated_from": LINE, "hew.runtime": "claude", "hew.timeout": "45m", "hew.budget_usd": "2"});
    assert_eq!(task["metadata"], metadata);
}

#[test]
fn what_passes_is_tried_four_times_and_no_more() {
    let busy = || Answer::Refuse(Refusal::Overloaded { retry_after: None });
    for (refusals, by) in [(3, "local"), (4, "claude")] {
        let answers = (0..refusals).map(|_| busy()).chain([Answer::text(GOOD)]).collect();
        let (project, server) = (project(), server(answers));
        with_server(&project, &server, "");
        stand_in(&project, "claude", &claude_says(GOOD));
        assert_eq!((json(&project, &[])["by"].as_str(), server.asked().len()), (Some(by), 4));
    }
}

#[test]
fn a_server_on_this_machine_is_reached_without_a_proxy() {
    let (project, server) = (project(), server(vec![Answer::text(GOOD)]));
    with_server(&project, &server, "");
    let mut command = project.repo.hew(&["task", "elaborate", LINE, "--json"]);
    for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "ALL_PROXY"] {
        command.env(name, "http://127.0.0.1:1");
    }
    let output = command.output().unwrap();
    let made: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&made["by"], server.asked().len()), (&json!("local"), 1));
}

/// Each hangs for ever, and the server would be waited for longer than any test is.
#[test]
fn whoever_hangs_is_waited_for_half_a_minute_each() {
    let (project, server) = (project(), server(vec![Answer::Hang]));
    with_server(&project, &server, "timeout = \"10m\"\n");
    stand_in(&project, "claude", "exec sleep 1000");
    let command = project.repo.hew(&["task", "elaborate", LINE]);
    let ran = hew_testkit::loop_stage::ran(command);
    assert_eq!((ran.code, server.asked().len()), (1, 1), "{}", ran.stderr);
    for why in ["local: the model server failed (network)", "claude: ", "codex: "] {
        assert!(ran.stderr.contains(why), "{why}: {}", ran.stderr);
    }
    let said = |who: &str| ran.stderr.split(who).nth(1).unwrap().lines().next().unwrap();
    assert!(said("local: ").contains("did not answer in time"), "{}", ran.stderr);
    assert!(said("claude: ").contains("when its time was up"), "{}", ran.stderr);
    assert!(said("codex: ").contains("no luck today"), "{}", ran.stderr);
    assert!(told(&project, "codex").is_some());
}

#[test]
fn what_no_tracker_takes_is_left_out_and_told() {
    let answer =
        json!({"title": "T", "description": "D", "type": "saga", "labels": ["ok", "hew:parked", "a b"]});
    let (project, server) = (project(), server(vec![Answer::text(&answer.to_string())]));
    with_server(&project, &server, "");
    let made = json(&project, &["--add"]);
    let task = project.tasks().into_iter().find(|task| task["id"] == made["task"]).unwrap();
    assert_eq!((&task["issue_type"], &task["labels"]), (&json!("task"), &json!(["ok"])));
    assert_eq!(made["left_out"].as_array().unwrap().len(), 3);
    let (_, _, stderr) = run(&project, &[]);
    assert!(stderr.contains("`saga` is no type") && stderr.contains("`hew:parked` is no label"), "{stderr}");
}

#[test]
fn a_server_that_takes_no_wish_for_json_is_asked_once_without() {
    let body = json!({"error": "'response_format.type' must be 'json_schema' or 'text'"});
    let refusal = Answer::Refuse(Refusal::Status { status: 400, headers: [].into(), body });
    let (project, server) = (project(), server(vec![refusal, Answer::text(GOOD)]));
    with_server(&project, &server, "");
    assert_eq!(json(&project, &[])["by"], "local");
    let wishes: Vec<bool> =
        server.asked().iter().map(|asked| asked.body.get("response_format").is_some()).collect();
    assert_eq!(wishes, [true, false]);
}

#[test]
fn each_is_asked_only_after_the_one_before_failed() {
    for (answer, why) in [
        (Answer::Refuse(Refusal::ServerError), "local: the model server answered 500"),
        (
            Answer::text("I would rather not."),
            "local: its answer holds no JSON object; it was: I would rather not.",
        ),
        (Answer::text("{\"title\": \"T\"}"), "local: its answer has no title or no description"),
        (Answer::text(""), "local: its answer holds no JSON object; it was empty"),
        (Answer::Close, "local: the model server failed"),
        (Answer::Hang, "local: the model server failed"),
    ] {
        let (project, server) = (project(), server(vec![answer]));
        with_server(&project, &server, "timeout = \"10s\"\n");
        let (code, stdout, stderr) = run(&project, &[]);
        assert_eq!((code, stdout.as_str(), server.asked().len()), (1, "", 1), "{stderr}");
        let named: Vec<Option<usize>> =
            [why, "claude: ", "codex: "].iter().map(|name| stderr.find(name)).collect();
        assert!(named.iter().all(Option::is_some) && named.is_sorted(), "{stderr}");
        assert!(stderr.matches("no luck today").count() == 2, "{stderr}");
        assert!(
            told(&project, "claude").unwrap().contains(LINE)
                && told(&project, "codex").unwrap().contains(LINE)
        );
        assert_eq!(project.tasks().len(), 0);
    }
}

#[test]
fn a_runtime_is_asked_in_an_empty_folder_and_its_answer_counts() {
    let project = project();
    stand_in(&project, "claude", &claude_says(GOOD));
    let made = json(&project, &[]);
    assert_eq!(
        (&made["by"], &made["title"], &made["failed"]),
        (&json!("claude"), &json!("Parse dates"), &json!([]))
    );
    let heard = told(&project, "claude").unwrap();
    let place = heard.lines().last().unwrap();
    assert!(place.ends_with("/empty"), "nothing is listed after the folder: {heard}");
    assert!(!fs::exists(place).unwrap(), "its folder is gone");
    assert_eq!(told(&project, "codex"), None);
}

#[test]
fn a_server_that_is_not_preferred_is_not_asked() {
    let (project, server) = (project(), server(vec![Answer::text(GOOD)]));
    with_server(&project, &server, "prefer_for_elaborate = false\n");
    let (code, _, stderr) = run(&project, &[]);
    assert_eq!((code, server.asked().len()), (1, 0), "{stderr}");
    assert!(!stderr.contains("local:"), "{stderr}");
    // It stays so where the endpoint comes from another file.
    let other = self::project();
    other.settings("[loop.local]\nprefer_for_elaborate = false\n");
    let endpoint = format!("[loop.local]\nendpoint = \"{}/v1\"\nmodel = \"small\"\n", server.url());
    other.repo.write(".hew.toml", &endpoint);
    let (code, _, stderr) = run(&other, &[]);
    assert_eq!((code, server.asked().len()), (1, 0), "{stderr}");
    other.repo.write(".hew.toml", &format!("{endpoint}prefer_for_elaborate = true\n"));
    assert_eq!((json(&other, &[])["by"].as_str(), server.asked().len()), (Some("local"), 1));
}

#[test]
fn a_key_is_told_to_the_server_alone() {
    let (project, server) = (project(), server(vec![Answer::Refuse(Refusal::Unauthorized)]));
    with_server(&project, &server, "api_key_env = \"SMALL_KEY\"\n");
    let (_, _, stderr) = run(&project, &[]);
    assert!(stderr.contains("local: the variable SMALL_KEY") && server.asked().is_empty(), "{stderr}");
    let mut command = project.repo.hew(&["task", "elaborate", LINE, "-v"]);
    let output = command.env("SMALL_KEY", "swordfish-0123").output().unwrap();
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(server.asked().len(), 1, "{said}");
    assert!(said.contains("local: the model server answered 401") && !said.contains("swordfish"), "{said}");
    assert!(!told(&project, "claude").unwrap().contains("swordfish"));
}
