//! `hew __local-agent` by itself, against a model server on loopback: how it ends, whatever the server does.

use std::io::Write;
use std::process::{Child, Command, Output, Stdio};

use hew_testkit::mock_model::{Answer, Call, Ending, MockModel, Part, Refusal, Script, Turn};
use hew_testkit::repo::TestRepo;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

fn server(answers: Vec<Answer>) -> MockModel {
    MockModel::start(Script { parts: vec![Part { when: String::new(), answers }], chunk_bytes: None })
}

fn start(repo: &TestRepo, url: &str, wait: &str, prompt: &str, with: impl FnOnce(&mut Command)) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hew"));
    let endpoint = format!("{url}/v1");
    command
        .args(["__local-agent", "--session", "s1", "--endpoint", &endpoint, "--model", "m"])
        .args(["--wait", wait, "--turns", "5", "--offer-tools", "true"])
        .current_dir(repo.root())
        .env("HEW_TASK_ID", "a-1")
        .env("HEW_OUTCOME_FILE", repo.base().join("outcome.json"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    with(&mut command);
    let mut child = command.spawn().expect("hew was built");
    let mut stdin = child.stdin.take().expect("it is a pipe");
    stdin.write_all(prompt.as_bytes()).expect("hew reads it");
    drop(stdin);
    child
}

fn run(url: &str, prompt: &str, with: impl FnOnce(&mut Command)) -> (Output, Vec<Value>) {
    let repo = TestRepo::new();
    ended(start(&repo, url, "1s", prompt, with))
}

fn ended(child: Child) -> (Output, Vec<Value>) {
    let output = child.wait_with_output().expect("it ends");
    let lines = String::from_utf8(output.stdout.clone()).expect("hew prints text");
    let lines: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect();
    let results = lines.iter().filter(|line| line["type"] == "result").count();
    assert_eq!(results, 1, "one last line, whatever happens: {lines:?}");
    assert_eq!(lines.last().expect("there is one")["type"], "result");
    (output, lines)
}

fn failed(answers: Vec<Answer>) -> (Vec<Value>, usize) {
    let server = server(answers);
    let (output, lines) = run(&server.url(), "Do it.", |_| ());
    assert_eq!(output.status.code(), Some(1), "{lines:?}");
    assert_eq!(lines.last().expect("there is one")["is_error"], true);
    (lines, server.asked().len())
}

#[test]
fn a_failure_is_told_in_the_last_line_with_its_class() {
    let (lines, asked) = failed(vec![Answer::Refuse(Refusal::ServerError)]);
    assert_eq!((&lines.last().unwrap()["api_error_status"], asked), (&json!(500), 1));
    let (lines, _) = failed(vec![Answer::Refuse(Refusal::Unauthorized)]);
    assert_eq!(lines.last().unwrap()["api_error_status"], 401);
    let (lines, asked) = failed(vec![Answer::rate_limit(3600)]);
    assert_eq!((&lines.last().unwrap()["api_error_status"], asked), (&json!(429), 1));
    assert!(lines.iter().any(|line| line["subtype"] == "api_retry" && line["retry_delay_ms"] == 3_600_000));
    let (lines, _) = failed(vec![Answer::Hang]);
    let result = lines.last().unwrap();
    assert_eq!(result["api_error"], "connection_failed");
    assert!(result["result"].as_str().unwrap().contains("did not answer in time"), "{result}");
    let (lines, _) = failed(vec![Answer::text("Words that stop some time.").ending(Ending::Stall)]);
    assert_eq!(lines.last().unwrap()["api_error"], "connection_failed");
}

#[test]
fn text_of_a_stream_that_was_cut_is_told_whole_as_far_as_it_came() {
    let text = "Enough words for several pieces of a stream, so that it breaks in their midst.";
    let (lines, _) = failed(vec![Answer::text(text).ending(Ending::Cut)]);
    let whole: Vec<_> = lines.iter().filter(|line| line["consolidated"] == true).collect();
    let [whole] = whole[..] else { panic!("{lines:?}") };
    let told = whole["message"]["content"][0]["text"].as_str().unwrap();
    assert!(!told.is_empty() && text.starts_with(told), "{told}");
    assert_eq!(lines.last().unwrap()["api_error"], "connection_failed");
}

#[test]
fn nothing_is_asked_without_a_task_or_a_place_for_its_outcome() {
    let server = server(vec![Answer::text("x")]);
    let (output, lines) = run(&server.url(), " \n", |_| ());
    assert_eq!(output.status.code(), Some(1));
    assert!(lines[0]["result"].as_str().unwrap().contains("the task is empty"), "{lines:?}");
    let (_, lines) = run(&server.url(), "Do it.", |command| {
        command.env("HEW_OUTCOME_FILE", "");
    });
    assert!(lines[0]["result"].as_str().unwrap().contains("HEW_OUTCOME_FILE"), "{lines:?}");
    let (_, lines) = run(&server.url(), "Do it.", |command| {
        command.args(["--bearer", "NO_SUCH_KEY"]);
    });
    assert!(lines[0]["result"].as_str().unwrap().contains("NO_SUCH_KEY"), "{lines:?}");
    assert_eq!(server.asked().len(), 0);
}

#[test]
fn interrupted_it_tells_what_it_used() {
    let list = Call::Tool { name: "list_files".to_owned(), input: json!({}) };
    let server = server(vec![Answer::Turn(Turn { calls: vec![list], ..Turn::default() }), Answer::Hang]);
    let repo = TestRepo::new();
    let child = start(&repo, &server.url(), "600s", "Do it.", |_| ());
    server.wait_until_asked("Do it.", 2);
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).unwrap();
    let (output, lines) = ended(child);
    assert_eq!(output.status.code(), Some(130));
    let used = &lines.last().unwrap()["usage"];
    assert_eq!((&used["input_tokens"], &used["output_tokens"]), (&json!(1000), &json!(40)));
}

#[test]
fn a_stream_without_usage_counts_nothing() {
    let done = Call::Tool { name: "done".to_owned(), input: json!({"reason": "so"}) };
    let server = server(vec![Answer::Turn(Turn { calls: vec![done], usage: None, ..Turn::default() })]);
    let repo = TestRepo::new();
    let (output, lines) = ended(start(&repo, &server.url(), "600s", "Do it.", |_| ()));
    assert_eq!(output.status.code(), Some(0), "{lines:?}");
    assert_eq!(lines.last().unwrap()["usage"]["input_tokens"], 0);
    let outcome = std::fs::read_to_string(repo.base().join("outcome.json")).unwrap();
    assert!(outcome.contains("done") && outcome.contains("so"), "{outcome}");
}
