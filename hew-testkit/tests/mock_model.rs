//! The model server as its clients see it: bytes on a connection.

#![expect(clippy::unwrap_used, reason = "a connection that can not be used ends the test")]

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::process::{Command, Stdio};

use hew_core::agent::Usage;
use hew_testkit::mock_model::{Answer, Call, Ending, MockModel, Part, Refusal, Script, Turn};
use serde_json::{Value, json};

const PATHS: [&str; 3] = ["/v1/messages?beta=true", "/v1/responses", "/v1/chat/completions"];
const USAGE: Usage = Usage { input: 11, output: 7, cache_read: 5, cache_create: 3 };

fn server(answers: Vec<Answer>) -> MockModel {
    MockModel::start(Script { parts: vec![Part { when: String::new(), answers }], chunk_bytes: None })
}

/// A request of the form that each path wants, with tools of several agents.
fn question(path: &str, prompt: &str, streamed: bool) -> Value {
    let names = ["Bash", "Write", "apply_patch"];
    let message = json!([{"role": "system", "content": "task-x"}, {"role": "user", "content": prompt}]);
    let mut body = json!({"model": "m-1", "stream": streamed, "stream_options": {"include_usage": true}});
    body["messages"] = message.clone();
    body["input"] = message;
    let tool = |name| {
        if path.contains("chat") { json!({"function": {"name": name}}) } else { json!({"name": name}) }
    };
    body["tools"] = names.map(tool).to_vec().into();
    body
}

fn connect(server: &MockModel) -> TcpStream {
    TcpStream::connect((Ipv4Addr::LOCALHOST, server.port())).unwrap()
}

fn send(connection: &mut TcpStream, path: &str, body: &Value) {
    let body = body.to_string();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nX-Api-Key: secret\r\nX-Other: told\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    connection.write_all(request.as_bytes()).unwrap();
}

/// Asks on a connection of its own. Answers head and body, chunks taken apart.
fn ask(server: &MockModel, path: &str, body: &Value) -> (String, String) {
    let mut connection = connect(server);
    send(&mut connection, path, body);
    read_all(connection)
}

fn read_all(mut connection: TcpStream) -> (String, String) {
    connection.shutdown(Shutdown::Write).unwrap();
    let mut bytes = Vec::new();
    connection.read_to_end(&mut bytes).unwrap();
    let at = bytes.windows(4).position(|four| four == b"\r\n\r\n").map_or(bytes.len(), |at| at + 4);
    let (head, body) = bytes.split_at(at);
    let head = String::from_utf8(head.to_vec()).unwrap();
    let body =
        if head.contains("chunked") { unchunked(body) } else { str::from_utf8(body).unwrap().to_owned() };
    (head, body)
}

/// The chunks' content; `<cut>` where the end is missing.
fn unchunked(mut rest: &[u8]) -> String {
    let mut bytes = Vec::new();
    loop {
        let Some(end) = rest.windows(2).position(|pair| pair == b"\r\n") else {
            bytes.extend(b"<cut>");
            break;
        };
        let size = usize::from_str_radix(str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        if size == 0 {
            break;
        }
        bytes.extend(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 4 + size..];
    }
    String::from_utf8(bytes).unwrap()
}

fn datas(stream: &str) -> Vec<Value> {
    let lines = stream.lines().filter_map(|line| line.strip_prefix("data: "));
    lines.filter(|data| *data != "[DONE]").map(|data| serde_json::from_str(data).unwrap()).collect()
}

/// What a client of each API would take from an answer: text, tool names, tool arguments, tokens of the four kinds.
fn understood(path: &str, streamed: bool, body: &str) -> (String, Vec<String>, String, Usage) {
    let datas = if streamed { datas(body) } else { vec![serde_json::from_str(body).unwrap()] };
    let joined = |pointers: &[&str]| -> String {
        let texts = datas.iter().flat_map(|data| pointers.iter().filter_map(|at| data.pointer(at)?.as_str()));
        texts.collect()
    };
    let names = |pointer: &str| -> Vec<String> {
        datas.iter().filter_map(|data| Some(data.pointer(pointer)?.as_str()?.to_owned())).collect()
    };
    let number = |pointer: &str| {
        datas.iter().rev().find_map(|data| data.pointer(pointer)?.as_u64()).unwrap_or_default()
    };
    let inclusive = |input: &str, read: &str, create: u64, output: &str| Usage {
        input: number(input) - number(read) - create,
        output: number(output),
        cache_read: number(read),
        cache_create: create,
    };
    match (path, streamed) {
        ("/v1/messages?beta=true", true) => (
            joined(&["/delta/text"]),
            names("/content_block/name"),
            joined(&["/delta/partial_json"]),
            Usage {
                input: number("/message/usage/input_tokens"),
                output: number("/usage/output_tokens"),
                cache_read: number("/message/usage/cache_read_input_tokens"),
                cache_create: number("/message/usage/cache_creation_input_tokens"),
            },
        ),
        ("/v1/messages?beta=true", false) => (
            joined(&["/content/0/text"]),
            names("/content/1/name"),
            datas[0].pointer("/content/1/input").unwrap().to_string(),
            Usage {
                input: number("/usage/input_tokens"),
                output: number("/usage/output_tokens"),
                cache_read: number("/usage/cache_read_input_tokens"),
                cache_create: number("/usage/cache_creation_input_tokens"),
            },
        ),
        ("/v1/responses", _) => {
            let whole = if streamed { "/response" } else { "" };
            let at = |rest: &str| format!("{whole}{rest}");
            let create = number(&at("/usage/input_tokens_details/cache_write_tokens"));
            let read = at("/usage/input_tokens_details/cached_tokens");
            (
                joined(&[&at("/output/0/content/0/text")]),
                names(&at("/output/1/name")),
                joined(&[&at("/output/1/arguments")]),
                inclusive(&at("/usage/input_tokens"), &read, create, &at("/usage/output_tokens")),
            )
        }
        (_, _) => {
            let choice = if streamed { "/choices/0/delta" } else { "/choices/0/message" };
            let at = |rest: &str| format!("{choice}{rest}");
            (
                joined(&[&at("/content")]),
                names(&at("/tool_calls/0/function/name")),
                joined(&[&at("/tool_calls/0/function/arguments")]),
                inclusive(
                    "/usage/prompt_tokens",
                    "/usage/prompt_tokens_details/cached_tokens",
                    // This form has no word for it.
                    USAGE.cache_create,
                    "/usage/completion_tokens",
                ),
            )
        }
    }
}

#[test]
fn words_calls_and_tokens_are_told_in_each_form_streamed_and_whole_and_in_chunks_of_one_byte() {
    for chunk_bytes in [None, Some(1)] {
        let turn = Turn {
            text: "Ein Gruß: ☺, in more than one piece.".to_owned(),
            calls: vec![Call::Shell("echo \"hello\" | wc -c".to_owned())],
            usage: Some(USAGE),
            ..Turn::default()
        };
        let parts = vec![Part { when: String::new(), answers: vec![Answer::Turn(turn.clone())] }];
        let server = MockModel::start(Script { parts, chunk_bytes });
        for path in PATHS {
            for streamed in [true, false] {
                let (head, body) = ask(&server, path, &question(path, "hello", streamed));
                assert!(head.starts_with("HTTP/1.1 200"), "{head}");
                let (text, names, arguments, usage) = understood(path, streamed, &body);
                assert_eq!(
                    (text, names, usage),
                    (turn.text.clone(), vec!["Bash".to_owned()], USAGE),
                    "{path}"
                );
                let arguments: Value = serde_json::from_str(&arguments).unwrap();
                assert_eq!(arguments["command"], "echo \"hello\" | wc -c", "{path}");
            }
        }
        let asked = server.asked();
        assert!(
            asked.iter().all(|asked| asked.reported == Some(USAGE) && asked.prompt == "hello"),
            "{asked:?}"
        );
        assert_eq!(server.reported().total(), 6 * USAGE.total());
        assert_eq!((asked[1].model.as_deref(), asked[1].streamed), (Some("m-1"), false));
        assert_eq!(asked[0].headers.get("x-other").unwrap(), "told");
        assert!(!format!("{asked:?}").contains("secret"), "keys are not kept");
    }
}

#[test]
fn a_file_is_written_with_the_tool_that_the_agent_has() {
    let server = server(vec![Answer::write("a/b.txt", "one\ntwo\n")]);
    let ask_with = |tool: &str| {
        let mut body = question("/v1/responses", "x", false);
        body["tools"] = json!([{"name": tool}]);
        serde_json::from_str::<Value>(&ask(&server, "/v1/responses", &body).1).unwrap()
    };
    let patch = "*** Begin Patch\n*** Add File: a/b.txt\n+one\n+two\n*** End Patch\n";
    assert_eq!(ask_with("apply_patch")["output"][0]["input"], patch);
    assert_eq!(ask_with("apply_patch")["output"][0]["type"], "custom_tool_call");
    let arguments: Value =
        serde_json::from_str(ask_with("write_file")["output"][0]["arguments"].as_str().unwrap()).unwrap();
    assert_eq!(arguments, json!({"path": "a/b.txt", "content": "one\ntwo\n"}));
}

#[test]
fn each_prompt_has_answers_of_its_own_and_the_last_one_is_given_again_and_again() {
    let server = MockModel::start(Script::default());
    server.add("task-x", [Answer::text("never: only the user's words count")]);
    server.add("task-a", [Answer::rate_limit(2), Answer::text("a1"), Answer::text("a2")]);
    server.add("task-b", [Answer::text("b")]);
    let path = PATHS[2];
    let said = |prompt: &str| {
        let (head, body) = ask(&server, path, &question(path, prompt, false));
        let body: Value = serde_json::from_str(&body).unwrap();
        let text = body["choices"][0]["message"]["content"].as_str().unwrap_or_default().to_owned();
        (head[9..12].to_owned(), text, head)
    };
    let (status, _, head) = said("about task-a");
    assert_eq!(status, "429");
    assert!(head.contains("retry-after: 2"), "{head}");
    let texts: Vec<String> =
        ["task-b", "task-a", "task-a", "task-b", "task-a"].map(said).map(|said| said.1).to_vec();
    assert_eq!(texts, ["b", "a1", "a2", "b", "a2"]);
    assert_eq!(said("task-c").0, "404", "the script knows nothing of it");
    assert_eq!(server.asked_about("task-a").len(), 4);
    assert_eq!(server.reported().total(), 5 * Turn::default().usage.unwrap().total());
}

#[test]
fn errors_are_those_of_the_api_that_is_asked() {
    let refusals = [
        Refusal::RateLimit { retry_after: None },
        Refusal::UsageLimit { resets_at: 1_795_214_038 },
        Refusal::Overloaded { retry_after: Some(1) },
        Refusal::Unauthorized,
        Refusal::ServerError,
    ];
    for (path, overloaded) in PATHS.into_iter().zip(["529", "503", "503"]) {
        let server = server(refusals.iter().cloned().map(Answer::Refuse).collect());
        let said: Vec<(String, String)> =
            refusals.iter().map(|_| ask(&server, path, &question(path, "x", true))).collect();
        let statuses: Vec<&str> = said.iter().map(|(head, _)| &head[9..12]).collect();
        assert_eq!(statuses, ["429", "429", overloaded, "401", "500"]);
        let (head, body) = &said[1];
        assert!(
            (head.clone() + body).contains("1795214038"),
            "the moment of the reset is told: {head} {body}"
        );
        for (_, body) in said {
            let body: Value = serde_json::from_str(&body).unwrap();
            assert!(body["error"]["type"].is_string() && body["error"]["message"].is_string(), "{body}");
        }
        assert_eq!(server.reported(), Usage::default());
    }
}

#[test]
fn a_stream_can_be_cut_fail_or_say_nothing_of_tokens() {
    for path in PATHS {
        let text = "words that come in many pieces, so that there is a middle to be cut in";
        let server = server(vec![
            Answer::text(text).ending(Ending::Cut),
            Answer::text(text).ending(Ending::Error),
            Answer::Close,
            Answer::Turn(Turn { text: text.to_owned(), usage: None, ..Turn::default() }),
        ]);
        let question = question(path, "x", true);
        let (_, cut) = ask(&server, path, &question);
        assert!(cut.ends_with("<cut>") && cut.contains("words that"), "{cut}");
        let (_, failed) = ask(&server, path, &question);
        assert!(
            !failed.ends_with("<cut>") && datas(&failed).last().unwrap().to_string().contains("Overloaded")
        );
        assert_eq!(ask(&server, path, &question), (String::new(), String::new()));
        let (_, silent) = ask(&server, path, &question);
        assert!(!silent.contains("_tokens\":4"), "{silent}");
        assert_eq!(server.reported(), Usage::default());
    }
}

#[test]
fn an_answer_that_never_comes_ends_with_the_client_or_the_server() {
    let server = server(vec![Answer::Hang, Answer::text("one two three four").ending(Ending::Stall)]);
    let mut connections = Vec::new();
    for times in 1..=2 {
        let mut connection = connect(&server);
        send(&mut connection, PATHS[0], &question(PATHS[0], "x", true));
        server.wait_until_asked("x", times);
        connections.push(connection);
    }
    let mut byte = [0];
    connections[0].set_nonblocking(true).unwrap();
    assert_eq!(connections[0].read(&mut byte).unwrap_err().kind(), ErrorKind::WouldBlock);
    connections[0].set_nonblocking(false).unwrap();
    assert_eq!(connections[1].read(&mut byte).unwrap(), 1, "the stall is in the middle");
    drop(server);
    assert_eq!(connections[0].read(&mut byte).unwrap_or(0), 0);
}

#[test]
fn one_connection_serves_many_requests_of_every_kind() {
    let server = server(vec![Answer::text("hello")]);
    let mut connection = connect(&server);
    connection
        .write_all(b"HEAD / HTTP/1.1\r\n\r\nGET /v1/models HTTP/1.1\r\n\r\nGET /other HTTP/1.1\r\n\r\n")
        .unwrap();
    let body = question(PATHS[1], "x", false).to_string();
    let (first, second) = body.split_at(10);
    let chunks = format!("a\r\n{first}\r\n{:x};x=y\r\n{second}\r\n0\r\n\r\n", second.len());
    let head = "POST /v1/responses HTTP/1.1\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n";
    connection.write_all(format!("{head}{chunks}").as_bytes()).unwrap();
    connection.shutdown(Shutdown::Write).unwrap();
    let mut said = String::new();
    connection.read_to_string(&mut said).unwrap();
    let statuses: Vec<&str> = said.match_indices("HTTP/1.1 ").map(|(at, _)| &said[at + 9..at + 12]).collect();
    assert_eq!(statuses, ["200", "200", "404", "100", "200"]);
    assert!(said.contains("\"object\":\"list\"") && said.contains("hello"), "{said}");
}

#[test]
fn a_script_is_read_from_json() {
    let text = r#"{"chunk_bytes": 3, "parts": [{"when": "x", "answers": [
        {"refuse": {"rate_limit": {"retry_after": 1}}}, {"refuse": "unauthorized"}, "hang", "close",
        {"turn": {"calls": [{"shell": "true"}, {"write": {"path": "p", "content": "c"}}], "usage": {"input": 10}}},
        {"turn": {"text": "half", "ending": "cut", "usage": null}}]}]}"#;
    let script: Script = serde_json::from_str(text).unwrap();
    assert_eq!((script.chunk_bytes, script.parts[0].answers.len()), (Some(3), 6));
    assert!(serde_json::from_str::<Script>(r#"{"part": []}"#).unwrap_err().to_string().contains("part"));
}

#[test]
fn the_program_serves_a_script_and_tells_what_it_was_asked() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("script.json");
    std::fs::write(&file, r#"{"parts": [{"answers": [{"turn": {"text": "hello"}}]}]}"#).unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_hew-mock-model"));
    let mut child = program.arg(&file).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let address = lines.next().unwrap().unwrap();
    let mut connection = TcpStream::connect(address.strip_prefix("http://").unwrap()).unwrap();
    send(&mut connection, PATHS[0], &question(PATHS[0], "who", false));
    assert!(read_all(connection).1.contains("hello"));
    let told: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!((&told["prompt"], &told["reported"]["input"]), (&"who".into(), &1000.into()));
    child.kill().unwrap();
    child.wait().unwrap();

    std::fs::write(&file, "{}x").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_hew-mock-model")).arg(&file).output().unwrap();
    assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains("script.json"));
}

#[test]
fn a_call_that_no_tool_of_the_agents_can_do_is_an_error_of_the_wire() {
    let server = server(vec![Answer::shell("true")]);
    for path in PATHS {
        let mut body = question(path, "Do it", true);
        body["tools"] = json!([]);
        let (head, body) = ask(&server, path, &body);
        assert!(head.starts_with("HTTP/1.1 400"), "{head}");
        let error: Value = serde_json::from_str(&body).unwrap();
        let words = error["error"]["message"].as_str().unwrap();
        assert!(words.contains("no tool that is known can do it"), "{path}: {words}");
    }
}

#[test]
fn a_file_is_written_by_the_shell_where_there_is_no_other_tool() {
    let server = server(vec![Answer::write("it's/a.txt", "one 'two'\n")]);
    let mut body = question(PATHS[1], "Do it", false);
    body["tools"] = json!([{"name": "exec_command"}]);
    let (_, body) = ask(&server, PATHS[1], &body);
    let answer: Value = serde_json::from_str(&body).unwrap();
    let calls = answer["output"].as_array().unwrap();
    let call = calls.iter().find(|item| item["type"] == "function_call").unwrap();
    let input: Value = serde_json::from_str(call["arguments"].as_str().unwrap()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut shell = Command::new("sh");
    let ran = shell.args(["-c", input["cmd"].as_str().unwrap()]).current_dir(dir.path()).status().unwrap();
    assert!(ran.success());
    assert_eq!(std::fs::read_to_string(dir.path().join("it's/a.txt")).unwrap(), "one 'two'\n");
}
