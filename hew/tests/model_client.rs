//! The client of a model server, against one on loopback that follows a script.

use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, bounded, never};
use hew::adapters::model_client::{Limits, ModelClient};
use hew_core::agent::{FailureClass, Lack, RetryAt, Usage};
use hew_core::chat::{ChatAnswer, ChatError, ChatRequest, Message, ToolSpec};
use hew_core::ids::ModelName;
use hew_testkit::mock_model::{Answer, Call, Ending, MockModel, Part, Refusal, Script, Turn};
use serde_json::json;

/// Longer than any of these tests takes.
const LONG: Limits = Limits { timeout: Duration::from_secs(600), whole: None };

fn server(answers: Vec<Answer>) -> MockModel {
    in_pieces(answers, None)
}

fn in_pieces(answers: Vec<Answer>, chunk_bytes: Option<usize>) -> MockModel {
    MockModel::start(Script { parts: vec![Part { when: String::new(), answers }], chunk_bytes })
}

fn client(server: &MockModel) -> ModelClient {
    ModelClient::new(&format!("{}/v1/", server.url()), Some(ModelName::from("small")), None)
}

fn asking(text: &str) -> ChatRequest {
    ChatRequest { messages: vec![Message::User(text.to_owned())], ..ChatRequest::default() }
}

fn chat(server: &MockModel) -> Result<ChatAnswer, ChatError> {
    client(server).chat(&asking("hi"), LONG, &never())
}

/// The answer, and the pieces that were handed out.
fn stream(server: &MockModel) -> (Result<ChatAnswer, ChatError>, Vec<String>) {
    let mut pieces = Vec::new();
    let answer =
        client(server).chat_stream(&asking("hi"), LONG, &never(), |piece| pieces.push(piece.to_owned()));
    (answer, pieces)
}

fn class(answer: Result<ChatAnswer, ChatError>) -> FailureClass {
    answer.expect_err("it failed").as_failure().class
}

fn refused(status: u16, headers: &[(&str, &str)], body: serde_json::Value) -> Answer {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Answer::Refuse(Refusal::Status { status, headers, body })
}

#[test]
fn an_answer_comes_whole_and_in_pieces() {
    let usage = Usage { input: 12, output: 7, cache_read: 3, cache_create: 0 };
    let server = server(vec![Answer::text("A sentence that takes several pieces.").using(usage)]);
    let whole = chat(&server).unwrap();
    let (streamed, pieces) = stream(&server);
    assert_eq!(whole.text, "A sentence that takes several pieces.");
    assert_eq!((whole.usage, whole.finish.as_deref()), (Some(usage), Some("stop")));
    assert_eq!(whole.model, Some(ModelName::from("small")), "the client's own");
    assert_eq!(streamed.unwrap(), whole);
    assert!(pieces.len() > 2, "{pieces:?}");
    assert_eq!(pieces.concat(), whole.text);
    let asked = server.asked();
    assert_eq!(asked[0].body.get("stream"), None);
    assert_eq!(asked[1].body["stream_options"], json!({"include_usage": true}));
}

#[test]
fn a_page_is_known_by_what_it_is() {
    let html = [("Content-Type", "text/html")];
    let page = |status, body: &str| refused(status, &html, json!(body));
    let server = server(vec![
        page(200, "\n<!doctype html><p>back soon"),
        page(404, "<html>Not Found</html>"),
        page(502, "<html>Bad Gateway</html>"),
        page(200, r#"{"choices": [{"message": {"content": "mislabelled"}, "finish_reason": "stop"}]}"#),
    ]);
    let lacks = |answer: Result<ChatAnswer, ChatError>| answer.unwrap_err().as_failure().lacks;
    assert_eq!(lacks(chat(&server)), Some(Lack::Api));
    assert_eq!(lacks(stream(&server).0), Some(Lack::Api));
    assert_eq!(lacks(chat(&server)), Some(Lack::Provider));
    assert_eq!(chat(&server).unwrap().text, "mislabelled");
    assert_eq!(stream(&server).0.unwrap().text, "mislabelled");
}

#[test]
fn what_is_asked_for_is_sent() {
    let server = server(vec![Answer::text("{}")]);
    let request = ChatRequest {
        model: Some(ModelName::from("large")),
        temperature: Some(0.0),
        max_tokens: Some(9),
        wants_json: true,
        tools: vec![ToolSpec { name: "t", description: "d", parameters: json!({"type": "object"}) }],
        ..asking("hi")
    };
    client(&server).chat(&request, LONG, &never()).unwrap();
    chat(&server).unwrap();
    let asked = server.asked();
    let body = &asked[0].body;
    assert_eq!(
        (&body["model"], &body["temperature"], &body["max_tokens"]),
        (&json!("large"), &json!(0.0), &json!(9))
    );
    assert_eq!(body["response_format"], json!({"type": "json_object"}));
    assert_eq!(asked[0].tools, ["t"]);
    for left_out in ["temperature", "max_tokens", "response_format", "tools", "stream_options"] {
        assert_eq!(asked[1].body.get(left_out), None, "{left_out}");
    }
}

#[test]
fn without_a_model_nothing_is_sent() {
    let server = server(vec![Answer::text("x")]);
    let client = ModelClient::new(&format!("{}/v1", server.url()), None, None);
    assert_eq!(client.chat(&asking("hi"), LONG, &never()), Err(ChatError::NoModel));
    assert_eq!(server.asked().len(), 0);
}

#[test]
fn tool_calls_come_whole_however_the_stream_is_cut() {
    let call = |name: &str| Call::Tool {
        name: name.to_owned(),
        input: json!({"path": "a/ä.txt", "content": "\u{1f600} text"}),
    };
    let turn = Turn {
        text: "Zwei Dateien – jetzt.".to_owned(),
        calls: vec![call("one"), call("two")],
        ..Turn::default()
    };
    let whole = chat(&server(vec![Answer::Turn(turn.clone())])).unwrap();
    assert_eq!(whole.calls.len(), 2);
    for size in [1, 2, 3, 7, 64] {
        let server = in_pieces(vec![Answer::Turn(turn.clone())], Some(size));
        let (streamed, pieces) = stream(&server);
        let streamed = streamed.unwrap();
        let told = |answer: &ChatAnswer| {
            answer.calls.iter().map(|c| (c.name.clone(), c.arguments.clone())).collect::<Vec<_>>()
        };
        assert_eq!(told(&streamed), told(&whole), "{size}");
        assert_eq!((streamed.text, pieces.concat()), (whole.text.clone(), whole.text.clone()));
        assert_eq!(streamed.usage, whole.usage);
    }
}

#[test]
fn too_many_requests_are_waited_for_as_the_server_says() {
    for streamed in [false, true] {
        let server = server(vec![Answer::rate_limit(2), Answer::text("now")]);
        let began = Instant::now();
        let answer = if streamed { stream(&server).0 } else { chat(&server) };
        assert_eq!(answer.unwrap().text, "now");
        assert!(began.elapsed() >= Duration::from_secs(2), "it was waited");
        assert_eq!(server.asked().len(), 2);
    }
}

#[test]
fn four_tries_at_most_and_only_of_what_passes() {
    let busy = Answer::Refuse(Refusal::Overloaded { retry_after: Some(0) });
    let server_busy = server(vec![busy.clone()]);
    let error = chat(&server_busy).unwrap_err();
    assert_eq!(error.as_failure().class, FailureClass::Overloaded);
    assert_eq!(server_busy.asked().len(), 4);
    for answer in [
        Answer::Refuse(Refusal::ServerError),
        Answer::Refuse(Refusal::Unauthorized),
        refused(400, &[], json!({"error": {"message": "no"}})),
        Answer::Close,
    ] {
        let server = server(vec![answer]);
        chat(&server).unwrap_err();
        stream(&server).0.unwrap_err();
        assert_eq!(server.asked().len(), 2, "each is asked once");
    }
    let passes = server(vec![busy, Answer::text("ok")]);
    assert_eq!(chat(&passes).unwrap().text, "ok");
}

#[test]
fn a_failure_has_status_class_words_and_time() {
    let at = "Fri, 06 Nov 2099 08:49:37 GMT";
    let answers = vec![
        refused(429, &[("Retry-After", "3600")], json!({"error": {"message": "x".repeat(900)}})),
        refused(503, &[("Retry-After", at)], json!({})),
        Answer::Refuse(Refusal::ServerError),
        Answer::Refuse(Refusal::Unauthorized),
    ];
    let server = server(answers);
    let mut failures = (0..4).map(|_| match chat(&server) {
        Err(ChatError::Failed(failure)) => (failure.status.unwrap(), failure.failure),
        other => panic!("{other:?}"),
    });
    let (status, failure) = failures.next().unwrap();
    assert_eq!((status, failure.class), (429, FailureClass::RateLimit));
    assert_eq!(failure.retry_at, Some(RetryAt::After(Duration::from_secs(3600))), "too long to wait here");
    assert_eq!(failure.message.chars().count(), 500);
    let (status, failure) = failures.next().unwrap();
    assert_eq!((status, failure.class), (503, FailureClass::Overloaded));
    assert_eq!(failure.retry_at, Some(RetryAt::At("2099-11-06T08:49:37Z".parse().unwrap())));
    let (status, failure) = failures.next().unwrap();
    assert_eq!((status, failure.class), (500, FailureClass::Server));
    let (status, failure) = failures.next().unwrap();
    assert_eq!((status, failure.class), (401, FailureClass::Auth));
}

#[test]
fn a_stream_that_breaks_is_a_failure_and_no_answer() {
    let text = "Enough words for several pieces of a stream, so that it breaks in their midst.";
    let broken = |ending| server(vec![Answer::text(text).ending(ending), Answer::text("again")]);
    let cut = broken(Ending::Cut);
    let (answer, pieces) = stream(&cut);
    assert_eq!(class(answer), FailureClass::Network);
    assert!(!pieces.is_empty());
    let told = broken(Ending::Error);
    let (answer, pieces) = stream(&told);
    assert_eq!(class(answer), FailureClass::Overloaded);
    assert!(!pieces.is_empty());
    assert_eq!(told.asked().len(), 1, "text was handed out: another try would hand it out again");
}

#[test]
fn an_overloaded_stream_without_text_is_tried_again() {
    // Half of its events are sent, of which none has text.
    let server = server(vec![Answer::text("").ending(Ending::Error), Answer::text("ok")]);
    let (answer, pieces) = stream(&server);
    assert_eq!((answer.unwrap().text, pieces), ("ok".to_owned(), vec!["ok".to_owned()]));
    assert_eq!(server.asked().len(), 2);
}

#[test]
fn a_stream_may_say_nothing_of_tokens() {
    let server = server(vec![Answer::Turn(Turn { text: "ok".to_owned(), usage: None, ..Turn::default() })]);
    assert_eq!(stream(&server).0.unwrap().usage, None);
    assert_eq!(chat(&server).unwrap().usage, None);
}

#[test]
fn a_server_that_never_answers_is_left() {
    for answer in [Answer::Hang, Answer::text("Words that stop coming, some time.").ending(Ending::Stall)] {
        let server = server(vec![answer]);
        let limits = Limits { timeout: Duration::from_millis(300), whole: None };
        let error = client(&server).chat(&asking("hi"), limits, &never()).unwrap_err();
        assert_eq!(error.as_failure().class, FailureClass::Network);
        assert!(error.to_string().contains("did not answer in time"), "{error}");
        let error = client(&server).chat_stream(&asking("hi"), limits, &never(), |_| ()).unwrap_err();
        assert!(error.to_string().contains("did not answer in time"), "{error}");
    }
}

#[test]
fn all_of_it_has_a_limit_too() {
    let server = server(vec![Answer::rate_limit(60)]);
    let limits = Limits::within(Duration::from_secs(30), Duration::from_secs(600));
    let error = client(&server).chat(&asking("hi"), limits, &never()).unwrap_err();
    assert_eq!(error.as_failure().class, FailureClass::RateLimit);
    assert_eq!(server.asked().len(), 1, "a wait that ends too late does not begin");
}

#[test]
fn nobody_listens_there() {
    let gone = server(vec![]).url();
    let client = ModelClient::new(&format!("{gone}/v1"), Some(ModelName::from("m")), None);
    assert_eq!(class(client.chat(&asking("hi"), LONG, &never())), FailureClass::Network);
}

#[test]
fn a_wait_is_cancelled_at_once() {
    let server = server(vec![Answer::rate_limit(200)]);
    let (stop, cancel): (_, Receiver<()>) = bounded(1);
    let answer = std::thread::scope(|scope| {
        let asking = scope.spawn(|| client(&server).chat(&asking("hi"), LONG, &cancel));
        server.wait_until_asked("hi", 1);
        stop.send(()).unwrap();
        asking.join().unwrap()
    });
    assert_eq!(answer, Err(ChatError::Cancelled));
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn a_key_is_sent_and_left_out_of_failures() {
    let key = "a-key-of-a-server";
    let echo = refused(401, &[], json!({"error": {"message": format!("bad key {key}")}}));
    let server = server(vec![Answer::text("ok"), echo]);
    server.require_key(key);
    let client =
        ModelClient::new(&format!("{}/v1", server.url()), Some(ModelName::from("m")), Some(key.to_owned()));
    client.chat(&asking("hi"), LONG, &never()).unwrap();
    assert_eq!(class(chat(&server)), FailureClass::Auth, "without a key");
    let error = client.chat(&asking("hi"), LONG, &never()).unwrap_err();
    assert!(!format!("{error} {error:?}").contains(key), "{error}");
    assert!(error.to_string().contains("(left out)"), "{error}");
}
