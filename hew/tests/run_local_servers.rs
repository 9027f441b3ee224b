//! What a model server does wrong, in whole runs of the runtime `local`: the real binary against a server on loopback.

#![expect(clippy::unwrap_used, reason = "a test that can not set its stage has failed")]

use std::fs;

use hew_testkit::local_stage::{LocalStage, TRUE, calls, done, heading, tool};
use hew_testkit::loop_stage::{Running, ran, wait_until};
use hew_testkit::mock_model::{Answer, Ending, Part, Refusal, Script, Turn};
use serde_json::{Value, json};

/// Words that come in several pieces.
const WORDS: &str = "Enough words for several pieces of a stream, so that it breaks in their midst.";

/// As long as a good answer is waited for, too: far longer than one takes on a machine that has much else to do.
const SHORT: &str = "loop.local.timeout = \"10s\"\n";

/// Ends agents at once when a run is stopped, and waits as long as it takes until they have.
const STOPS: &str = "loop.stop_grace = \"0s\"\nloop.kill_grace = \"10m\"\n";

fn write(path: &str, content: &str) -> Answer {
    calls(vec![tool("write_file", json!({"path": path, "content": content}))])
}

fn chunk(delta: &Value, finish: &Value) -> String {
    json!({"model": "small", "choices": [{"delta": delta, "finish_reason": finish}]}).to_string()
}

fn events(datas: &[String]) -> Answer {
    Answer::Stream(format!("data: {}\n\n", datas.join("\n\ndata: ")))
}

/// The journal's events of a kind about the first iteration at a task.
fn of_task(local: &LocalStage, kind: &str, task: &str) -> Vec<Value> {
    let begun = local.stage.journal_of("iteration_started").into_iter().find(|event| event["task"] == task);
    let begun = begun.unwrap_or_else(|| panic!("{task} was not begun"));
    let is_its = |event: &Value| ["worker", "iter"].iter().all(|key| event[key] == begun[key]);
    local.stage.journal_of(kind).into_iter().filter(is_its).collect()
}

/// The last line of each try of the agent's, in their order. The line that hew adds has no turns.
fn results(local: &LocalStage, task: &str) -> Vec<Value> {
    let folder = local.stage.iteration_folder(task, 1);
    let names = (1..).map(|number| format!("transcript.try-{number}.jsonl"));
    let before = names.map_while(|name| fs::read_to_string(folder.join(name)).ok());
    let tries: Vec<String> = before.chain([local.transcript_text(task)]).collect();
    let of_try = |text: &String| {
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("a record is JSON"));
        let ends: Vec<Value> =
            lines.filter(|line| line["type"] == "result" && line["num_turns"].is_u64()).collect();
        assert_eq!(ends.len(), 1, "one last line: {text}");
        ends
    };
    tries.iter().flat_map(of_try).collect()
}

/// One line `result` for each try, the last one the good one.
#[track_caller]
fn assert_tried_twice(local: &LocalStage, task: &str, class: &str, words: &str) {
    assert_eq!(local.stage.outcomes(task), ["closed"], "{words}: one iteration and one attempt");
    assert_eq!(of_task(local, "iteration_started", task).len(), 1);
    let [retry] = &of_task(local, "retry_planned", task)[..] else { panic!("{words}: one try again") };
    assert_eq!(retry["class"], class, "{retry}");
    assert!(retry["message"].as_str().unwrap().contains(words), "{retry}");
    let results = results(local, task);
    let told: Vec<&Value> = results.iter().map(|line| &line["is_error"]).collect();
    assert_eq!(told, [&json!(true), &json!(false)], "{words}");
    assert!(results[0]["result"].as_str().unwrap().contains(words), "{}", results[0]);
}

#[test]
fn whatever_breaks_off_an_answer_is_asked_for_again_within_the_iteration() {
    let local = LocalStage::with(SHORT);
    let text = Answer::text(WORDS);
    let endless =
        events(&[chunk(&json!({"content": "It was"}), &Value::Null), chunk(&json!({}), &json!(""))]);
    let empty = Refusal::Status { status: 200, headers: [].into(), body: json!({"choices": []}) };
    let broken = [
        ("cut", text.clone().ending(Ending::Cut), "network", "broke off before the end"),
        ("stalls", text.clone().ending(Ending::Stall), "network", "did not answer in time"),
        ("silent", Answer::Hang, "network", "did not answer in time"),
        ("closed", Answer::Close, "network", "broke off before the end"),
        ("fails", text.ending(Ending::Error), "overloaded", "Overloaded"),
        ("without an end", endless, "network", "cut before its end"),
        ("without choices", Answer::Refuse(empty), "server", "no choices"),
    ];
    let ids: Vec<String> = broken
        .iter()
        .map(|(name, answer, ..)| {
            local.task(name, [answer.clone(), write(&format!("{name}.txt"), name), done()])
        })
        .collect();
    let ran = local.run(&["--jobs", "4", "--max-attempts", "1"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    for (id, (name, _, class, words)) in ids.iter().zip(&broken) {
        assert_tried_twice(&local, id, class, words);
        assert_eq!(local.asked(id).len(), 3, "{name}");
        assert_eq!(local.stage.repo.read(&format!("{name}.txt")).as_deref(), Some(*name));
    }
    // What had come of an answer stands in the transcript as a whole, too.
    let first = local.stage.iteration_folder(&ids[0], 1).join("transcript.try-1.jsonl");
    let lines = fs::read_to_string(first).unwrap();
    let mut lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let whole = lines.find(|line| line["consolidated"] == true).unwrap();
    let told = whole["message"]["content"][0]["text"].as_str().unwrap();
    assert!(!told.is_empty() && WORDS.starts_with(told), "{told}");
    local.stage.assert_left_clean();
}

#[test]
fn a_server_that_never_answers_and_one_that_always_breaks_off_cost_an_attempt_after_four_tries() {
    let local = LocalStage::with(SHORT);
    let broken = [
        (local.task("Silent", [Answer::Hang]), "did not answer in time"),
        (local.task("Cut", [Answer::text(WORDS).ending(Ending::Cut)]), "broke off before the end"),
    ];
    let good = local.task("Good", [done()]);
    let ran = local.run(&["--jobs", "3", "--max-attempts", "1"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert_eq!(local.stage.outcomes(&good), ["closed"], "others are not held up");
    for (id, words) in &broken {
        assert_eq!(local.stage.outcomes(id), ["runtime_error"]);
        assert_eq!((local.asked(id).len(), results(&local, id).len()), (4, 4), "{words}");
        assert!(results(&local, id).iter().all(|line| line["api_error"] == "connection_failed"));
        let task = local.stage.show(id).to_string();
        assert!(task.contains("hew:parked") && task.contains(words), "{task}");
        assert!(format!("{}{}", ran.stdout, ran.stderr).contains(words), "{}", ran.stderr);
    }
    local.stage.assert_left_clean();
}

#[test]
fn an_answer_in_pieces_of_one_byte_is_the_same_answer() {
    let script = Script { parts: vec![], chunk_bytes: Some(1) };
    let local = LocalStage::asking(script, "");
    let content = "Zwei Zeilen – hier:\n\u{1f600} \"und\" \\ da.\n";
    let both = calls(vec![
        tool("write_file", json!({"path": "a/ä.txt", "content": content})),
        tool("read_file", json!({"path": "README.md"})),
    ]);
    let id = local.task("Bytes", [both, done()]);
    let (ran, outcome) = local.run_once(&id);
    assert_eq!((ran.code, outcome.as_str()), (0, "closed"), "{}", ran.stderr);
    assert_eq!(local.stage.repo.read("a/ä.txt").as_deref(), Some(content));
    assert_eq!(local.tools_answered(&id)[1], "A project.\n");
    let used = hew_core::agent::Usage { input: 2000, output: 80, cache_read: 600, cache_create: 0 };
    let told: hew_core::agent::Usage = serde_json::from_value(local.summary()["tokens"].clone()).unwrap();
    assert_eq!((told, local.server.reported()), (used, used));
}

/// Everything that the standard allows, and two things that are no part of an answer.
#[test]
fn a_stream_is_read_by_the_standard_and_what_is_none_is_passed_over_with_a_warning() {
    let local = LocalStage::new();
    let text = |words: &str, finish: Value| chunk(&json!({"content": words}), &finish);
    let call =
        json!({"tool_calls": [{"index": 0, "id": "c1", "function": {"name": "done", "arguments": ""}}]});
    let piece = |part: &str| json!({"tool_calls": [{"index": 0, "function": {"arguments": part}}]});
    let usage = json!({"choices": [], "usage": {"prompt_tokens": 31, "completion_tokens": 7}}).to_string();
    let lines = text("Then, ", Value::Null).replacen(':', ":\r\ndata: ", 1);
    let stream = [
        ": a comment\n\n".to_owned(),
        format!("data: {}\r\n\r\n", text("First, ", Value::Null)),
        format!("event: x\nid: 7\ndata: {lines}\r\n\r\n"),
        format!("data: {}\n\n", text("at last.", json!(""))),
        "data: {\"choices\": [{\"delta\": {\"content\": \"broken\n\n".to_owned(),
        format!("data: {}\n\n", text(&"x".repeat(1 << 20), Value::Null)),
        format!("data: {}\n\n", chunk(&call, &Value::Null)),
        format!("data: {}\n\n", chunk(&piece("{\"rea"), &Value::Null)),
        format!("data: {}\n\n", chunk(&piece("son\": \"so\"}"), &Value::Null)),
        format!("data: {}\n\n", chunk(&json!({}), &json!("tool_calls"))),
        format!("data: {usage}\n\ndata: [DONE]\n\n"),
        format!("data: {}\n\n", text("never read", Value::Null)),
    ];
    let id = local.task("Odd", [Answer::Stream(stream.concat())]);
    let (ran, outcome) = local.run_once(&id);
    assert_eq!((ran.code, outcome.as_str()), (0, "closed"), "{}", ran.stderr);
    let lines = local.transcript(&id);
    let whole = lines.iter().find(|line| line["consolidated"] == true).unwrap();
    assert_eq!(whole["message"]["content"][0]["text"], "First, Then, at last.");
    assert_eq!(whole["message"]["content"][1]["input"], json!({"reason": "so"}));
    let warning = lines.iter().find(|line| line["subtype"] == "error").expect("it is told");
    assert_eq!(warning["text"], "parts of the model server's stream could not be read: 2");
    assert!(local.stage.ok(&["loop", "logs", "--transcript"]).contains("could not be read: 2"));
    let tokens = &local.summary()["tokens"];
    assert_eq!((&tokens["input"], &tokens["output"]), (&json!(31), &json!(7)), "{tokens}");
}

#[test]
fn a_failure_is_told_with_its_status_its_class_and_no_more_than_500_characters() {
    let local = LocalStage::new();
    let body = json!({"error": {"message": format!("a context that is too long {}", "x".repeat(900))}});
    let refusal = Refusal::Status { status: 400, headers: [].into(), body };
    let id = local.task("Refused", [Answer::Refuse(refusal)]);
    let (ran, outcome) = local.run_once(&id);
    assert_eq!((ran.code, outcome.as_str()), (1, "runtime_error"), "{}", ran.stderr);
    assert_eq!(local.asked(&id).len(), 1, "it is the task's own failure");
    let results = results(&local, &id);
    let told = results[0]["result"].as_str().unwrap();
    assert!(told.starts_with("the model server answered 400 (bad_request): {\"error\""), "{told}");
    let words = told.split_once("(bad_request): ").unwrap().1;
    assert_eq!(words.chars().count(), 500);
}

#[test]
fn what_passes_is_waited_for_by_the_client_itself_until_the_servers_own_date() {
    let local = LocalStage::new();
    let at = chrono::Utc::now() + chrono::TimeDelta::seconds(4);
    let date = at.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let busy = |status| {
        let headers = [("Retry-After".to_owned(), date.clone())].into();
        Answer::Refuse(Refusal::Status { status, headers, body: json!({}) })
    };
    let seconds = Refusal::Overloaded { retry_after: Some(1) };
    // Nothing of an answer was told before it failed: it may be asked for again.
    let begun = Answer::text("").ending(Ending::Error);
    let answers = [busy(429), busy(503), Answer::Refuse(seconds), begun];
    let ids = answers.map(|answer| local.task("Waits", [answer, done()]));
    let ran = local.run(&["--jobs", "4", "--max-attempts", "1"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(chrono::Utc::now().timestamp() >= at.timestamp(), "the date was waited for");
    for id in &ids {
        assert_eq!((local.stage.outcomes(id).join(" ").as_str(), local.asked(id).len()), ("closed", 2));
        assert_eq!(of_task(&local, "retry_planned", id).len(), 0, "the run knows nothing of it");
        assert_eq!(results(&local, id).len(), 1);
    }
}

#[test]
fn a_run_that_is_stopped_ends_a_wait_for_the_server_at_once() {
    let local = LocalStage::with(STOPS);
    let waits = local.task("Waits", [Answer::rate_limit(240)]);
    let hangs = local.task("Hangs", [Answer::text(WORDS).ending(Ending::Stall)]);
    let running = Running::spawn(local.command(&[&TRUE[..], &["--jobs", "2"]].concat()));
    for id in [&waits, &hangs] {
        local.server.wait_until_asked(&heading(id), 1);
    }
    wait_until("the words of the one that hangs", || {
        local.stage.has_event(|event| event["kind"] == "iteration_started" && event["task"] == *hangs)
            && local.transcript_text(&hangs).contains("\"delta\"")
    });
    running.signal("SIGTERM");
    let ran = running.end();
    assert_eq!(ran.code, 143, "{}", ran.stderr);
    for id in [&waits, &hangs] {
        assert_eq!(local.stage.outcomes(id), ["cancelled"]);
        assert!(local.stage.is_free(id) && !local.stage.has_label(id, "hew:parked"));
        assert_eq!(local.asked(id).len(), 1);
        let [result] = &results(&local, id)[..] else { panic!("one last line") };
        assert_eq!(result["result"], "it was interrupted");
    }
    local.stage.assert_nothing_runs();
}

#[test]
fn the_whole_of_an_iteration_has_the_runs_limit() {
    let local = LocalStage::with("loop.local.timeout = \"10m\"\nloop.kill_grace = \"10m\"\n");
    let id = local.task("Hangs", [Answer::Hang]);
    // It begins with the agent, which has to have asked by then.
    let ran = local.run(&["--timeout", "25s", "--max-attempts", "1"]);
    assert_eq!((ran.code, local.stage.outcomes(&id)), (1, vec!["timed_out".to_owned()]), "{}", ran.stderr);
    assert_eq!((local.asked(&id).len(), results(&local, &id).len()), (1, 1));
}

#[test]
fn a_signal_ends_the_wait_for_the_classifier() {
    let local =
        LocalStage::with(&format!("{STOPS}loop.model.default = \"large\"\nloop.local.timeout = \"10m\"\n"));
    local.server.add("Title: ", [Answer::Hang]);
    let id = local.task("Waits", [done()]);
    let running = Running::spawn(local.command(&TRUE));
    local.server.wait_until_asked("Title: ", 1);
    running.signal("SIGINT");
    let ran = running.end();
    assert_eq!(ran.code, 130, "{}", ran.stderr);
    assert!(local.stage.is_free(&id) && local.asked(&id).is_empty());
    assert!(local.stage.journal_of("helped").is_empty(), "its ten seconds were not waited for");
}

#[test]
fn a_run_that_is_resumed_while_the_server_is_down_rests_and_costs_no_attempt() {
    let local = LocalStage::new();
    let first = local.task("First", [write("first.txt", "1"), done()]);
    let second = local.task("Second", [Answer::Hang]);
    let mut command = local.command(&[&TRUE[..], &["--max-attempts", "1"]].concat());
    command.env("HEW_FAIL_AT", "journal/landed:1");
    let killed = ran(command);
    assert_eq!(killed.code, 137, "{}", killed.stderr);
    wait_until("the end of the dead run's processes", || local.stage.processes().is_empty());
    let LocalStage { stage, server } = local;
    drop(server);
    let mut resumed = Running::spawn(stage.repo.hew(&["loop", "resume"]));
    resumed.wait_until("the rest after four tries", || {
        stage.has_event(|event| event["kind"] == "awaiting_runtime")
    });
    stage.ok(&["loop", "cancel"]);
    let resumed = resumed.end();
    assert_eq!(resumed.code, 5, "{}", resumed.stderr);
    assert_eq!(
        (stage.status(&first).as_str(), stage.outcomes(&first)),
        ("closed", vec!["closed".to_owned()])
    );
    assert_eq!(stage.outcomes(&second).last().map(String::as_str), Some("rate_limited"));
    assert!(stage.is_free(&second) && !stage.has_label(&second, "hew:parked"));
    let [rests] = &stage.journal_of("runtime_changed")[..] else { panic!("one rest") };
    assert!(rests["message"].as_str().unwrap().contains("refused"), "{rests}");
    assert_eq!(stage.journal_of("retry_planned").len(), 3);
    // Another server, another run: what is left is done.
    let parts = vec![Part { when: heading(&second), answers: vec![write("second.txt", "2"), done()] }];
    let local = LocalStage::on(stage, Script { parts, chunk_bytes: None }, "");
    let ran = local.run(&[]);
    assert_eq!((ran.code, local.stage.status(&second).as_str()), (0, "closed"), "{}", ran.stderr);
}

#[test]
fn without_tools_only_whole_words_are_an_answer() {
    let local = LocalStage::with("loop.local.tools = false");
    let whole = local.task("Whole", [Answer::text("An estimate: two days.")]);
    let empty = local.task("Empty", [Answer::text("")]);
    let cut = Turn { text: "An est".to_owned(), finish: Some("length".to_owned()), ..Turn::default() };
    let cut = local.task("Cut", [Answer::Turn(cut)]);
    let ran = local.run(&["--max-attempts", "1"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    for (id, outcome, notes) in
        [(&whole, "closed", true), (&empty, "no_close", false), (&cut, "no_close", false)]
    {
        assert_eq!(local.stage.outcomes(id), [outcome]);
        assert_eq!(local.asked(id)[0].tools, [""; 0]);
        let task = local.stage.show(id);
        let noted = task["notes"].as_str().unwrap_or_default().contains("An est");
        assert_eq!(noted, notes, "{task}");
        let record = fs::read_to_string(local.stage.iteration_folder(id, 1).with_extension("json")).unwrap();
        let record: Value = serde_json::from_str(&record).unwrap();
        assert!(record["outcome"] == outcome && record["landed_sha"].is_null(), "{record}");
    }
    assert!(local.stage.show(&cut).to_string().contains("loop.local.max_tokens"), "why it was none is told");
    assert_eq!(local.stage.repo.git(&["rev-list", "--count", "main"]), "1", "nothing landed");
}

#[test]
fn a_model_that_only_talks_is_told_as_one_that_takes_no_tools() {
    let local = LocalStage::new();
    let talks = local.task("Talks", [Answer::text("I would write a file.")]);
    let ends = local.task("Ends", [write("a.txt", "a"), Answer::text("So it is.")]);
    let closes = local.stage.task("Closes", "");
    local.server.add(&heading(&closes), [Answer::text(&format!("All was there.\n\nclosed {closes}"))]);
    let denies = local.stage.task("Denies", "");
    local.server.add(&heading(&denies), [Answer::text(&format!("I have not closed {denies}"))]);
    let is_mute = local.task("Mute", [Answer::text("")]);
    let ran = local.run(&["--max-attempts", "1"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    let reason = |id: &str| of_task(&local, "iteration_ended", id)[0]["reason"].as_str().unwrap().to_owned();
    for id in [&talks, &denies] {
        assert!(reason(id).contains("only answered in words and called no tool"), "{}", reason(id));
    }
    let why = reason(&is_mute);
    assert!(why.contains("answer was empty") && !why.contains("in words"), "{why}");
    assert!(
        !reason(&ends).contains("no tool") && local.stage.outcomes(&ends) == ["no_close"],
        "{}",
        reason(&ends)
    );
    assert_eq!(
        (local.stage.outcomes(&talks), local.stage.outcomes(&closes)),
        (vec!["no_close".to_owned()], vec!["closed".to_owned()])
    );
}

/// The second try finds the work of the first, and has nothing to call for.
#[test]
fn where_a_good_end_is_a_word_a_model_may_only_talk() {
    for (more, outcome) in [("true", "closed"), ("false", "no_close")] {
        let local = LocalStage::with(&format!("loop.runtime_defs.local.done_on_exit_zero = {more}\n"));
        let id = local.task("Talks", [write("a.txt", "a"), Answer::Close, Answer::text("It is there.")]);
        let (ran, ended) = local.run_once(&id);
        assert_eq!(ended, outcome, "{}", ran.stderr);
        assert_eq!((local.asked(&id).len(), of_task(&local, "retry_planned", &id).len()), (3, 1));
        assert_eq!(local.stage.repo.read("a.txt").is_some(), outcome == "closed");
    }
}

#[test]
fn what_no_setting_names_is_left_to_the_server() {
    let local = LocalStage::with("loop.local.max_tokens = 0\n");
    let id = local.task("Plain", [done()]);
    let (ran, outcome) = local.run_once(&id);
    assert_eq!((ran.code, outcome.as_str()), (0, "closed"), "{}", ran.stderr);
    let asked = &local.asked(&id)[0];
    assert_eq!(asked.body.get("max_tokens"), None, "0 is no limit");
    assert_eq!(asked.body["temperature"], 0.2);
    assert_eq!(
        (&asked.body["stream"], &asked.body["stream_options"]),
        (&json!(true), &json!({"include_usage": true}))
    );
    assert!(asked.body.get("response_format").is_none());
    let plan = fs::read_to_string(local.stage.iteration_folder(&id, 1).join("plan.json")).unwrap();
    let plan: Value = serde_json::from_str(&plan).unwrap();
    let argv: Vec<&str> = plan["argv"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(argv.windows(2).any(|pair| pair == ["--turns", "50"]), "{argv:?}");
    assert!(argv.windows(2).any(|pair| pair == ["--wait", "60000ms"]), "{argv:?}");
}
