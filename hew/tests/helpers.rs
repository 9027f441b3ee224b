//! Helpers of a run through the real binary, against a model server that follows a script: the classifier, and summaries of
//! iterations. Whatever the server does, the run is as it would be without it.

#![expect(clippy::unwrap_used, reason = "a test that can not set its stage has failed")]

use std::fs;

use hew_core::ids::IterationId;
use hew_testkit::mock_model::{Answer, MockModel, Part, Refusal, Script};
use hew_testkit::run_check::{Project, Ran, wait_for};
use serde_json::{Value, json};

/// The words of an agent that gives no summary.
const WORDS: &str = "I parsed the dates.";

fn server(when: &str, answers: Vec<Answer>) -> MockModel {
    MockModel::start(Script { parts: vec![Part { when: when.to_owned(), answers }], chunk_bytes: None })
}

/// Everything that a server may do wrong.
fn broken() -> Vec<Answer> {
    vec![
        Answer::Refuse(Refusal::ServerError),
        Answer::text(""),
        Answer::text("<think>without an end"),
        Answer::Close,
        Answer::Hang,
    ]
}

/// A project with three runtimes that print what claude prints: `talker` gives no summary, `summer` one, `mute` says nothing.
fn project() -> Project {
    let project = Project::new();
    runtime(&project, "talker", &[WORDS]);
    runtime(&project, "summer", &["Well.\n\n## Summary\n\nIts own."]);
    runtime(&project, "mute", &[]);
    project
}

fn runtime(project: &Project, name: &str, said: &[&str]) {
    runtime_that(project, name, "", said);
}

/// A runtime whose agents say that they have begun, and wait until they may go on.
fn held(project: &Project, name: &str, said: &str) {
    let sign = project.repo.base().join("held").display().to_string();
    let waits = format!(
        "touch '{sign}'-$HEW_TASK_ID-begun\nuntil [ -e '{sign}'-$HEW_TASK_ID-go ]; do sleep 0.01; done\n"
    );
    runtime_that(project, name, &waits, &[said]);
}

fn runtime_that(project: &Project, name: &str, does: &str, said: &[&str]) {
    let lines = said.iter().map(|text| {
        json!({"type": "assistant", "message": {"role": "assistant", "content": [{"type": "text", "text": text}]}})
    });
    let end = json!({"type": "result", "subtype": "success", "is_error": false, "result": said.last().unwrap_or(&"")});
    let lines: Vec<String> = lines.chain([end]).map(|line| line.to_string()).collect();
    let script = format!(
        "#!/bin/sh\ncat > /dev/null\n{does}echo x > \"$HEW_TASK_ID.txt\"\nhew done --reason ok > /dev/null\n\
         cat <<'EOF'\n{}\nEOF\n",
        lines.join("\n")
    );
    let file = project.repo.base().join(name);
    fs::write(&file, script).unwrap();
    fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    project.settings(&format!(
        "[loop.runtime_defs.{name}]\ncommand = \"{}\"\nargs = [\"--model\", \"{{model}}\"]\n\
         prompt = \"stdin\"\noutput = \"claude-stream\"\n",
        file.display()
    ));
}

fn with_server(project: &Project, server: &MockModel, more: &str) {
    let endpoint = server.url();
    project.settings(&format!("[loop.local]\nendpoint = \"{endpoint}/v1\"\nmodel = \"small\"\n{more}"));
}

fn add(project: &Project, title: &str, more: &[&str]) -> String {
    project.hew(&[&["task", "add", title, "--id-only"], more].concat())
}

fn run(project: &Project) -> Ran {
    let ran = project.run(&["--no-gate"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    ran
}

/// Journal entries of a kind.
fn entries(ran: &Ran, kind: &str) -> Vec<Value> {
    let journal = fs::read_to_string(ran.folder.join("events.jsonl")).unwrap();
    let entries = journal.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    entries.filter(|entry| entry["kind"] == kind).collect()
}

/// The record of a task's only iteration.
fn record(ran: &Ran, id: &str) -> Value {
    let [view] = ran.iterations(id)[..] else { panic!("{id} has one iteration") };
    let IterationId { iter, worker } = view.id;
    // Of several workers each has a folder.
    let name = format!("iter-{iter:03}.json");
    let text = fs::read_to_string(ran.folder.join(&name));
    let own = || fs::read_to_string(ran.folder.join(format!("worker-{}", worker.0)).join(&name));
    serde_json::from_str(&text.or_else(|_| own()).unwrap()).unwrap()
}

/// Where a task's model came from.
fn model(ran: &Ran, id: &str) -> (Value, String) {
    let iteration = ran.iterations(id)[0].id;
    let plan = entries(ran, "plan").into_iter().find(|plan| plan["iter"] == json!(iteration.iter)).unwrap();
    let found =
        plan["provenance"].as_array().unwrap().iter().find(|entry| entry["field"] == "model").unwrap();
    (found["value"].clone(), found["origin"].as_str().unwrap().to_owned())
}

#[test]
fn an_iteration_without_a_summary_gets_one() {
    let (project, server) =
        (project(), server(WORDS, vec![Answer::text("It parsed the dates. Nothing is left.")]));
    with_server(&project, &server, "");
    let talks = add(&project, "one", &["--runtime", "talker"]);
    let sums_up = add(&project, "two", &["--runtime", "summer"]);
    let is_mute = add(&project, "three", &["--runtime", "mute"]);
    let ran = run(&project);
    assert_eq!(record(&ran, &talks)["summary"], "It parsed the dates. Nothing is left.");
    assert_eq!(
        (&record(&ran, &sums_up)["summary"], &record(&ran, &is_mute)["summary"]),
        (&json!("Its own."), &Value::Null)
    );
    let asked = server.asked();
    assert_eq!(asked.len(), 1, "who gives a summary, or says nothing, is not asked about: {asked:?}");
    assert_eq!(asked[0].body["messages"][1]["content"], WORDS);
    // What that took counts, and stands in the summary.
    let used = server.reported().total();
    let [told] = &entries(&ran, "helped")
        .into_iter()
        .filter(|told| told["answer"].is_string())
        .collect::<Vec<_>>()[..]
    else {
        panic!("one answer")
    };
    assert_eq!((&told["helper"], &told["model"]), (&json!("summary"), &json!("small")));
    let summary: Value = serde_json::from_str(&project.hew(&["loop", "summary", "--json"])).unwrap();
    assert_eq!(summary["helpers"]["summary"]["total"], used, "{summary}");
    assert!(summary["tokens"]["total"].as_u64().unwrap() >= used, "{}", summary["tokens"]);
    let page = project.hew(&["loop", "summary"]);
    assert!(page.contains("summaries of iterations used"), "{page}");
}

#[test]
fn a_server_that_fails_leaves_iterations_without_a_summary() {
    for answer in broken() {
        let (project, server) = (project(), server(WORDS, vec![answer.clone()]));
        with_server(&project, &server, "timeout = \"1s\"\n");
        let id = add(&project, "one", &["--runtime", "talker"]);
        let ran = run(&project);
        assert_eq!((ran.landed_ids(), &record(&ran, &id)["summary"]), (vec![id], &Value::Null), "{answer:?}");
        assert_eq!(server.asked().len(), 1, "{answer:?}");
    }
}

#[test]
fn tokens_of_helpers_use_up_a_budget() {
    let (project, server) = (project(), server(WORDS, vec![Answer::text("It parsed the dates.")]));
    with_server(&project, &server, "");
    project.settings("[loop.budget]\ntokens = 500\nfirst_guess = 100\n");
    for title in ["one", "two", "three"] {
        add(&project, title, &["--runtime", "talker"]);
    }
    // A summary alone takes more than all that may be spent.
    let ran = project.run(&["--no-gate"]);
    assert_eq!(ran.code, 5, "{}", ran.stderr);
    assert!(ran.landed().len() < 3, "{}", ran.stdout);
}

#[test]
fn without_a_server_nothing_is_asked_or_written() {
    let project = project();
    project.settings("[loop.model]\ndefault = \"opus\"\n");
    let id = add(&project, "one", &["--runtime", "talker"]);
    let ran = run(&project);
    let journal = fs::read_to_string(ran.folder.join("events.jsonl")).unwrap();
    assert!(!journal.contains("helped") && !journal.contains("summary_asked"), "{journal}");
    let (value, origin) = model(&ran, &id);
    assert!(value == "opus" && origin.ends_with("loop.model.default"), "{origin}");
}

/// A server that hangs for ever, and would be waited for this long where a helper had no limit of its own.
const ENDLESS: &str = "timeout = \"10m\"\n";

/// A run in whose course a helper is waited for in vain twice. Whether others landed while the classifier was waited for,
/// and while the summary was: their agents have begun before, and end when the server is asked.
fn landed_beside_helpers() -> [bool; 2] {
    let (project, server) = (project(), server("", vec![Answer::Hang]));
    with_server(&project, &server, ENDLESS);
    project.settings(MODELS);
    held(&project, "held-talker", WORDS);
    held(&project, "held", "Well.\n\n## Summary\n\nIts own.");
    let others = |title: &str, more: &[&str]| {
        add(&project, title, &[&["--runtime", "held", "-l", "model:opus"], more].concat())
    };
    let (second, before) = (others("two", &["-p", "0"]), others("before", &["-p", "1"]));
    // Only this one is asked about: it names no model.
    let first = add(&project, "one", &["--runtime", "held-talker", "-p", "2", "--dep", &before]);
    let third = others("three", &["--dep", &second]);
    let sign = |task: &str, what: &str| project.repo.base().join(format!("held-{task}-{what}"));
    let begun = |task: &str| wait_for(&sign(task, "begun"));
    let go = |task: &str| fs::write(sign(task, "go"), "").unwrap();
    let running = project.start(&["--no-gate", "--jobs", "2"]);
    begun(&second);
    go(&before);
    server.wait_until_asked("", 1);
    go(&second);
    begun(&third);
    begun(&first);
    go(&first);
    server.wait_until_asked("", 2);
    go(&third);
    let ran = running.finish();
    assert_eq!((ran.code, ran.landed().len()), (0, 4), "{}", ran.stderr);
    assert_eq!(server.asked().len(), 2);
    assert_eq!(record(&ran, &third)["summary"], "Its own.");
    let journal = fs::read_to_string(ran.folder.join("events.jsonl")).unwrap();
    let events: Vec<Value> = journal.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let at = |what: &str, holds: &dyn Fn(&Value) -> bool| {
        events.iter().position(holds).unwrap_or_else(|| panic!("no {what}: {journal}"))
    };
    let helped = |helper: &str| {
        let at = at(helper, &|event| event["kind"] == "helped" && event["helper"] == helper);
        let why = events[at]["failure"].as_str().unwrap();
        assert!(why.contains("did not answer in time") && events[at]["answer"].is_null(), "{why}");
        at
    };
    let landed = |task: &str| at(task, &|event| event["kind"] == "landed" && event["task"] == task);
    assert!(landed(&first) > helped("classifier"), "its model is chosen before it begins");
    [
        landed(&second) < helped("classifier"),
        landed(&first) < helped("summary") && landed(&third) < helped("summary"),
    ]
}

/// Where a helper held others, none would land beside it, however often it is tried. A machine with much else to do may
/// need longer for a landing than a helper has: then the next time shows it.
#[test]
fn a_helper_has_its_own_limit_and_holds_nobody_else() {
    let mut seen = [false; 2];
    for _ in 0..5 {
        let [classifier, summary] = landed_beside_helpers();
        seen = [seen[0] || classifier, seen[1] || summary];
        if seen == [true; 2] {
            return;
        }
    }
    panic!("nobody landed beside a helper (classifier, summary): {seen:?}");
}

#[test]
fn only_the_end_of_what_an_agent_said_is_told_from_the_beginning_of_a_line() {
    let lines: Vec<String> = (0..4000).map(|number| format!("line {number:05}")).collect();
    let said = lines.join("\n");
    let (project, server) = (project(), server("", vec![Answer::text("It counted.")]));
    with_server(&project, &server, "");
    runtime(&project, "counter", &["Before.", &said]);
    let id = add(&project, "one", &["--runtime", "counter"]);
    let ran = run(&project);
    assert_eq!(record(&ran, &id)["summary"], "It counted.");
    let asked = server.asked();
    let [system, user] = &asked[0].body["messages"].as_array().unwrap()[..] else { panic!("{asked:?}") };
    let system = system["content"].as_str().unwrap();
    assert_eq!(system, hew::skills::body(hew::skills::SUMMARY).trim());
    let told = user["content"].as_str().unwrap();
    // Each line takes eleven bytes.
    let first = 4000 - (16 * 1024 + 1) / 11;
    assert_eq!(told, lines[first..].join("\n"));
    assert_eq!((asked[0].body.get("stream"), &asked[0].body["temperature"]), (None, &json!(0.2)));
    assert_eq!((asked[0].body.get("response_format"), asked[0].body.get("max_tokens")), (None, None));
}

#[test]
fn the_key_goes_to_the_server_and_into_no_record() {
    const KEY: &str = "a-key-of-the-helpers";
    let echo = json!({"error": {"message": format!("the key {KEY} may not do this")}});
    let refusal = Answer::Refuse(Refusal::Status { status: 403, headers: [].into(), body: echo });
    let (project, server) = (project(), server("Title: ", vec![refusal]));
    server.add(WORDS, [Answer::text("It parsed the dates.")]);
    server.require_key(KEY);
    with_server(&project, &server, "api_key_env = \"HELPER_KEY\"\n");
    project.settings(MODELS);
    let id = add(&project, "one", &["--runtime", "talker"]);
    let mut command = project.repo.hew(&["loop", "run", "--scope", "ready", "--no-gate", "-v"]);
    let told = hew_testkit::loop_stage::ran({
        command.env("HELPER_KEY", KEY);
        command
    });
    assert_eq!((told.code, server.asked().len()), (0, 2), "{}", told.stderr);
    let folder = project.run_folders().into_iter().next().unwrap();
    let record: Value =
        serde_json::from_str(&fs::read_to_string(folder.join("iter-001.json")).unwrap()).unwrap();
    assert_eq!((&record["task_id"], &record["summary"]), (&json!(id), &json!("It parsed the dates.")));
    assert!(!format!("{}{}", told.stdout, told.stderr).contains(KEY));
    let (mut folders, mut journal) = (vec![folder, project.repo.hew_home()], String::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else if let Ok(bytes) = fs::read(entry.path()) {
                let text = String::from_utf8_lossy(&bytes);
                assert!(!text.contains(KEY), "{}", entry.path().display());
                journal.push_str(&text);
            }
        }
    }
    assert!(journal.contains("the key (left out) may not do this"), "the refusal itself is told");
}

#[test]
fn without_its_key_a_server_is_not_asked_and_runs_go_on() {
    let (project, server) = (project(), server("", vec![Answer::text("words")]));
    with_server(&project, &server, "api_key_env = \"HELPER_KEY\"\n");
    project.settings(MODELS);
    let id = add(&project, "one", &["--runtime", "talker"]);
    let ran = run(&project);
    assert_eq!((ran.landed_ids(), server.asked().len()), (vec![id.clone()], 0));
    assert_eq!((model(&ran, &id).0, &record(&ran, &id)["summary"]), (json!("opus"), &Value::Null));
    let told = entries(&ran, "helped");
    assert!(told.iter().all(|told| told["failure"].as_str().unwrap().contains("HELPER_KEY")), "{told:?}");
    assert_eq!(told.len(), 2);
}

const MODELS: &str = "[loop.model]\ndefault = \"opus\"\n[loop.model.by_type]\nbug = \"haiku\"\n";

#[test]
fn the_classifier_chooses_a_model_where_nothing_names_one() {
    let choice = r#"I think {"runtime": "", "model": "haiku", "reason": "a small fix"}."#;
    let (project, server) = (project(), server("Title: ", vec![Answer::text(choice)]));
    with_server(&project, &server, "");
    project.settings(MODELS);
    let open = add(&project, "Parse dates", &["--runtime", "summer", "-d", "RFC 3339"]);
    let named = add(&project, "two", &["--runtime", "summer", "-l", "model:sonnet"]);
    let by_type = add(&project, "three", &["--runtime", "summer", "-t", "bug"]);
    let explained: Value = serde_json::from_str(&project.hew(&["loop", "explain", &open, "--json"])).unwrap();
    assert!(
        explained["line"].as_str().unwrap().contains("model=haiku (classifier: a small fix)"),
        "{explained}"
    );
    assert_eq!(server.asked().len(), 1);
    let ran = run(&project);
    assert_eq!(model(&ran, &open), (json!("haiku"), "classifier: a small fix".to_owned()));
    assert_eq!((model(&ran, &named).0, model(&ran, &by_type).0), (json!("sonnet"), json!("haiku")));
    assert!(!model(&ran, &by_type).1.contains("classifier"));
    let asked = server.asked();
    assert_eq!(asked.len(), 2, "once for explain, once for the run");
    let told = asked[1].body["messages"][1]["content"].as_str().unwrap();
    assert!(
        told.contains("Title: Parse dates\n")
            && told.contains("RFC 3339")
            && told.contains(r#"["haiku","opus"]"#),
        "{told}"
    );
    assert_eq!(asked[1].body["response_format"]["type"], "json_object");
    let summary: Value = serde_json::from_str(&project.hew(&["loop", "summary", "--json"])).unwrap();
    assert!(summary["helpers"]["classifier"]["total"].as_u64().unwrap() > 0, "{summary}");
}

#[test]
fn a_classifier_that_fails_leaves_the_choice_as_it_is_without_one() {
    let wrong = ["no JSON", "{\"model\": \"gpt-99\"}", "{\"model\": 7}", "{\"model\": \"haiku\""];
    for answer in wrong.into_iter().map(Answer::text).chain(broken()) {
        let (project, server) = (project(), server("Title: ", vec![answer.clone()]));
        with_server(&project, &server, "timeout = \"1s\"\n");
        project.settings(MODELS);
        let id = add(&project, "one", &["--runtime", "summer"]);
        let ran = run(&project);
        let (value, origin) = model(&ran, &id);
        assert!(value == "opus" && origin.ends_with("loop.model.default"), "{answer:?}: {origin}");
        assert_eq!(server.asked().len(), 1, "{answer:?}");
    }
}

#[test]
fn a_classifier_whose_server_takes_no_wish_for_json_is_asked_once_without() {
    let body = json!({"error": "'response_format.type' must be 'json_schema' or 'text'"});
    let refusal = || Answer::Refuse(Refusal::Status { status: 400, headers: [].into(), body: body.clone() });
    let choice = Answer::text("```json\n{\"model\": \"haiku\", \"reason\": \"small\"}\n```");
    for (answers, expected) in [(vec![refusal(), choice], "haiku"), (vec![refusal()], "opus")] {
        let (project, server) = (project(), server("Title: ", answers));
        with_server(&project, &server, "");
        project.settings(MODELS);
        let id = add(&project, "one", &["--runtime", "summer"]);
        let ran = run(&project);
        assert_eq!(model(&ran, &id).0, expected);
        let asked = server.asked();
        let wishes: Vec<bool> =
            asked.iter().map(|asked| asked.body.get("response_format").is_some()).collect();
        assert_eq!(wishes, [true, false]);
    }
}

#[test]
fn the_classifier_is_not_asked_about_a_task_for_which_anything_names_a_model() {
    let (project, server) = (project(), server("", vec![Answer::text(r#"{"model": "haiku"}"#)]));
    with_server(&project, &server, "");
    project.settings(&format!("{MODELS}[loop.model.by_priority]\nP0 = \"large\"\n"));
    let named = [
        (&["-d", "Dates. <!-- hew:model=tagged -->"][..], "tagged"),
        (&["-l", "model:labelled"], "labelled"),
        (&["-p", "0"], "large"),
        (&["-t", "bug"], "haiku"),
    ];
    let named = named
        .map(|(flags, model)| (add(&project, model, &[&["--runtime", "summer"], flags].concat()), model));
    let ran = run(&project);
    for (id, expected) in named {
        assert_eq!(model(&ran, &id).0, expected);
    }
    let plain = add(&project, "plain", &["--runtime", "summer"]);
    let ran = project.run(&["--no-gate", "--model", "flagged"]);
    assert_eq!((ran.code, model(&ran, &plain).0), (0, json!("flagged")));
    assert_eq!(server.asked().len(), 0);
    // Asked at last, where nothing does.
    let open = add(&project, "open", &["--runtime", "summer"]);
    let ran = run(&project);
    assert_eq!((model(&ran, &open).0, server.asked().len()), (json!("haiku"), 1));
}

/// A runtime whose allowance is used up for a day.
fn tired(project: &Project) {
    runtime(project, "tired", &[]);
    let resets = chrono::Utc::now().timestamp() + 86_400;
    let limit = json!({"type": "rate_limit_event", "rate_limit_info": {
        "status": "rejected", "resetsAt": resets, "rateLimitType": "five_hour"}});
    let end = json!({"type": "result", "subtype": "success", "is_error": true, "api_error_status": 429, "result": "limit"});
    let script = format!("#!/bin/sh\ncat > /dev/null\ncat <<'EOF'\n{limit}\n{end}\nEOF\nexit 1\n");
    let file = project.repo.base().join("tired");
    fs::write(&file, script).unwrap();
}

#[test]
fn under_auto_the_classifier_is_told_how_each_runtime_fares_and_may_choose_those_alone() {
    let choice = r#"{"runtime": "talker", "model": "haiku", "reason": "it talks"}"#;
    let (project, server) = (project(), server("Title: ", vec![Answer::text(choice)]));
    with_server(&project, &server, "");
    tired(&project);
    let file = project.repo.base().join("home/.config/hew/config.toml");
    let text = fs::read_to_string(&file).unwrap();
    let runtimes = "runtime = \"auto\"\nruntimes = [\"summer\", \"tired\"]";
    fs::write(&file, text.replace("runtime = \"shell\"", runtimes)).unwrap();
    project.settings(MODELS);
    // Its own runtime rests for longer than the run may take.
    let waits = add(&project, "waits", &["--runtime", "tired", "-p", "0", "-l", "model:opus"]);
    let id = add(&project, "one", &["-p", "1"]);
    let ran = project.run(&["--no-gate", "--jobs", "1", "--budget-wall", "1h"]);
    assert_eq!((ran.code, ran.landed_ids()), (6, vec![id.clone()]), "{}", ran.stderr);
    let asked = server.asked();
    let told = asked[0].body["messages"][1]["content"].as_str().unwrap();
    let runtimes = told.split_once("Runtimes:\n").unwrap().1;
    let runtimes: Vec<Value> = runtimes.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(runtimes.len(), 2, "{told}");
    assert_eq!(runtimes[0], json!({"runtime": "summer", "running": 0, "resting": null}));
    assert_eq!(
        (&runtimes[1]["runtime"], runtimes[1]["resting"].is_string()),
        (&json!("tired"), true),
        "{told}"
    );
    // What is not among those that it was told of is not chosen; the candidate and the model stay.
    assert_eq!(ran.iterations(&id)[0].runtime.as_ref().unwrap().as_str(), "summer");
    assert_eq!(model(&ran, &id).0, json!("haiku"));
    assert_eq!((asked.len(), ran.iterations(&waits).len()), (1, 1));
}

#[test]
fn the_classifier_is_not_asked_where_it_is_off() {
    let (project, server) = (project(), server("Title: ", vec![Answer::text(r#"{"model": "haiku"}"#)]));
    with_server(&project, &server, "");
    project.settings(&format!("{MODELS}[loop.classifier]\nenabled = false\n"));
    let id = add(&project, "one", &["--runtime", "summer"]);
    let ran = run(&project);
    assert_eq!((model(&ran, &id).0, server.asked().len()), (json!("opus"), 0));
}

#[test]
fn a_runtime_is_chosen_under_auto_alone() {
    let choice = r#"{"runtime": "mute", "model": "haiku", "reason": "it is quiet"}"#;
    for (main, expected) in [("auto", "mute"), ("summer", "summer")] {
        let (project, server) = (project(), server("Title: ", vec![Answer::text(choice)]));
        with_server(&project, &server, "");
        // A table that is there already can't be written again.
        let file = project.repo.base().join("home/.config/hew/config.toml");
        let text = fs::read_to_string(&file).unwrap();
        let runtimes = format!("runtime = \"{main}\"\nruntimes = [\"summer\", \"mute\"]");
        fs::write(&file, text.replace("runtime = \"shell\"", &runtimes)).unwrap();
        project.settings(MODELS);
        let id = add(&project, "one", &[]);
        let ran = run(&project);
        assert_eq!(ran.iterations(&id)[0].runtime.as_ref().unwrap().as_str(), expected);
        assert_eq!(model(&ran, &id), (json!("haiku"), "classifier: it is quiet".to_owned()));
    }
}
