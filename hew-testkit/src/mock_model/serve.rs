//! Connections: one thread each, requests one after another.

use std::collections::BTreeMap;
use std::io::{self, BufReader, Read};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;

use serde_json::{Value, json};

use super::Shared;
use super::api::Api;
use super::asked::Asked;
use super::http::{Request, read_request, send_json};
use super::reply::{Reply, error, refuse};
use super::script::{Answer, Ending, Refusal, Turn};
use super::sse;

/// What becomes of a connection after an answer.
#[derive(Debug, PartialEq, Eq)]
enum After {
    /// The next request.
    GoOn,
    /// It is closed.
    Close,
}

/// Takes connections until the server ends.
pub(super) fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    let mut threads = Vec::new();
    for connection in listener.incoming() {
        let Ok(connection) = connection else { continue };
        let mut state = shared.state();
        if state.ended {
            break;
        }
        if let Ok(own) = connection.try_clone() {
            state.connections.push(own);
        }
        drop(state);
        let shared = Arc::clone(shared);
        threads.push(std::thread::spawn(move || {
            // A client that goes in the middle of something is nothing special.
            let _ = converse(&connection, &shared);
            let _ = connection.shutdown(Shutdown::Both);
        }));
    }
    for thread in threads {
        let _ = thread.join();
    }
}

fn converse(connection: &TcpStream, shared: &Shared) -> io::Result<()> {
    connection.set_nodelay(true)?;
    let mut client = connection;
    let mut reader = BufReader::new(connection);
    while let Some(request) = read_request(&mut reader, &mut client)? {
        if answer(&mut client, &request, shared)? == After::Close {
            break;
        }
    }
    Ok(())
}

fn answer(client: &mut &TcpStream, request: &Request, shared: &Shared) -> io::Result<After> {
    let api = Api::at(&request.method, &request.path);
    let asked = Asked::of(request, api);
    let (place, due) = shared.state().take(asked.clone());
    let is_known = has_key(request, shared);
    let due = if is_known { due } else { Some(Answer::Refuse(Refusal::Unauthorized)) };
    let after = match api {
        None if request.method == "GET" && !is_known => {
            send(client, 401, &error(Api::Chat, "authentication_error", "the key is not right"))
        }
        None => answer_aside(client, request),
        Some(api) => answer_as_model(client, api, &asked, due, (place, shared)),
    };
    let asked = shared.state().asked[place].clone();
    let _ = shared.dealt_with.0.send(asked);
    after
}

/// It brings the key that is required, if one is.
fn has_key(request: &Request, shared: &Shared) -> bool {
    let state = shared.state();
    let brought = request.headers.get("authorization").and_then(|value| value.strip_prefix("Bearer "));
    state.key.as_deref().is_none_or(|key| brought == Some(key))
}

fn answer_as_model(
    client: &mut &TcpStream,
    api: Api,
    asked: &Asked,
    due: Option<Answer>,
    (place, shared): (usize, &Shared),
) -> io::Result<After> {
    match due {
        None => {
            let error =
                json!({"error": {"type": "not_found", "message": "the script has no answer to this"}});
            send(client, 404, &error)
        }
        Some(Answer::Hang) => hang(client),
        Some(Answer::Close) => Ok(After::Close),
        Some(Answer::Refuse(refusal)) => {
            let (status, headers, body) = refuse(&refusal, api);
            let body = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
            send_json(client, status, &headers, &body)?;
            Ok(After::GoOn)
        }
        Some(Answer::Stream(text)) => {
            sse::begin(client)?;
            sse::send(client, &[text], shared.chunk_bytes)?;
            // Whoever has seen enough goes.
            Ok(if sse::end(client).is_ok() { After::GoOn } else { After::Close })
        }
        Some(Answer::Turn(turn)) => {
            let reply = match Reply::new(&turn, asked, place + 1) {
                Ok(reply) => reply,
                Err(why) => return send(client, 400, &error(api, "invalid_request_error", &why)),
            };
            // Noted before it is sent: who has seen the answer finds it noted.
            if turn.ending == Ending::Whole {
                shared.state().asked[place].reported = reported(&turn, api, asked);
            }
            let after = send_turn(client, &reply, api, asked, shared.chunk_bytes);
            if after.is_err() {
                shared.state().asked[place].reported = None;
            }
            after
        }
    }
}

/// Tokens that were really told: a stream of Chat Completions tells them only on request.
fn reported(turn: &Turn, api: Api, asked: &Asked) -> Option<hew_core::agent::Usage> {
    let is_told =
        api != Api::Chat || !asked.streamed || asked.body["stream_options"]["include_usage"] == true;
    turn.usage.filter(|_| is_told)
}

fn send_turn(
    client: &mut &TcpStream,
    reply: &Reply<'_>,
    api: Api,
    asked: &Asked,
    chunk_bytes: Option<usize>,
) -> io::Result<After> {
    let ending = reply.turn.ending;
    if !asked.streamed {
        return match ending {
            Ending::Whole => send(client, 200, &reply.body(api)),
            Ending::Cut => Ok(After::Close),
            Ending::Stall => hang(client),
            Ending::Error => {
                send(client, 500, &super::responses::error("api_error", "The server had an error"))
            }
        };
    }
    let events = reply.events(api, &asked.body);
    let sent = if ending == Ending::Whole { events.len() } else { events.len() / 2 };
    sse::begin(client)?;
    sse::send(client, &events[..sent], chunk_bytes)?;
    match ending {
        Ending::Cut => return Ok(After::Close),
        Ending::Stall => return hang(client),
        Ending::Error => sse::send(client, &[reply.error_event(api)], chunk_bytes)?,
        Ending::Whole => {}
    }
    // Some clients go as soon as they have seen the last event.
    let ended = sse::end(client);
    Ok(if ended.is_ok() { After::GoOn } else { After::Close })
}

/// Whatever is no question to the model.
fn answer_aside(client: &mut &TcpStream, request: &Request) -> io::Result<After> {
    if request.method == "HEAD" {
        return send_text(client, 200, "");
    }
    if request.method == "GET" && request.path.split('?').next() == Some("/v1/models") {
        let model = json!({"id": "mock", "object": "model", "created": 0, "owned_by": "hew"});
        return send(client, 200, &json!({"object": "list", "data": [model]}));
    }
    send(client, 404, &json!({"error": {"type": "not_found", "message": "no such path"}}))
}

fn send(client: &mut &TcpStream, status: u16, body: &Value) -> io::Result<After> {
    send_text(client, status, &body.to_string())
}

fn send_text(client: &mut &TcpStream, status: u16, text: &str) -> io::Result<After> {
    send_json(client, status, &BTreeMap::new(), text)?;
    Ok(After::GoOn)
}

/// Waits until the client goes, or the server cuts the connection.
fn hang(client: &mut &TcpStream) -> io::Result<After> {
    let mut unread = [0; 1024];
    while client.read(&mut unread)? > 0 {}
    Ok(After::Close)
}
