//! A model server on 127.0.0.1 that follows a script: real agents and hew's own client are tested against it.
//!
//! It speaks the Messages API, the Responses API and Chat Completions, streamed and whole, `GET /v1/models`, and `HEAD`.
//! What it answers depends on the text of a prompt and on how often that text was met, never on time or chance, so that
//! several agents can be served at once. It keeps everything that it was asked and the tokens that it reported.

#![expect(clippy::missing_panics_doc, reason = "a server that can not be started ends the test")]

mod api;
mod asked;
mod chat;
mod http;
mod messages;
mod reply;
mod responses;
pub mod script;
mod serve;
mod sse;
mod tools;

use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, unbounded};
use hew_core::agent::Usage;

pub use asked::Asked;
pub use script::{Answer, Call, Ending, Part, Refusal, Script, Turn};

use crate::running::wait_until;

/// A server under way. It ends, and cuts every connection, when the value is dropped.
#[derive(Debug)]
pub struct MockModel {
    port: u16,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

impl MockModel {
    /// Serves a script on a free port of 127.0.0.1.
    pub fn start(script: Script) -> Self {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("the loopback interface has a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let shared = Arc::new(Shared::new(script));
        let its = Arc::clone(&shared);
        let acceptor = std::thread::spawn(move || serve::accept(&listener, &its));
        Self { port, shared, acceptor: Some(acceptor) }
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The base URL without `/v1`, as the Messages API wants it.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Adds answers for prompts that hold `when`, behind those that the script has.
    pub fn add(&self, when: &str, answers: impl IntoIterator<Item = Answer>) {
        let part = Part { when: when.to_owned(), answers: answers.into_iter().collect() };
        self.shared.state().add(part);
    }

    /// From now on refuses requests that don't bring this key as their bearer's.
    pub fn require_key(&self, key: &str) {
        self.shared.state().key = Some(key.to_owned());
    }

    /// Everything that it was asked so far, in order.
    pub fn asked(&self) -> Vec<Asked> {
        self.shared.state().asked.clone()
    }

    /// Requests for an answer of the model whose prompt holds `when`.
    pub fn asked_about(&self, when: &str) -> Vec<Asked> {
        self.asked().into_iter().filter(|asked| asked.part.is_some() && asked.prompt.contains(when)).collect()
    }

    /// Tokens of all answers that were sent to their end.
    pub fn reported(&self) -> Usage {
        total(&self.asked())
    }

    /// Requests that are dealt with, each once, for ever: the next one is waited for.
    pub fn follow(&self) -> impl Iterator<Item = Asked> {
        self.shared.dealt_with.1.iter()
    }

    /// Waits until there were this many requests whose prompt holds `when`.
    pub fn wait_until_asked(&self, when: &str, times: usize) {
        wait_until(&format!("request {times} about {when}"), || self.asked_about(when).len() >= times);
    }
}

/// Tokens that were reported in answer to these requests.
pub fn total(asked: &[Asked]) -> Usage {
    asked.iter().filter_map(|asked| asked.reported).fold(Usage::default(), |mut sum, usage| {
        sum += usage;
        sum
    })
}

impl Drop for MockModel {
    fn drop(&mut self) {
        self.shared.state().end();
        // Wakes the acceptor, which looks whether it is to end.
        drop(TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)));
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

/// What all connections share.
#[derive(Debug)]
struct Shared {
    chunk_bytes: Option<usize>,
    state: Mutex<State>,
    dealt_with: (Sender<Asked>, Receiver<Asked>),
}

/// The script's progress and the log.
#[derive(Debug)]
struct State {
    parts: Vec<Part>,
    /// How often each part was met.
    met: Vec<usize>,
    asked: Vec<Asked>,
    connections: Vec<TcpStream>,
    /// The key that a request must bring.
    key: Option<String>,
    ended: bool,
}

impl Shared {
    fn new(script: Script) -> Self {
        let met = vec![0; script.parts.len()];
        let state =
            State { parts: script.parts, met, asked: vec![], connections: vec![], key: None, ended: false };
        Self { chunk_bytes: script.chunk_bytes, state: Mutex::new(state), dealt_with: unbounded() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The state is whole between any two statements, so a panic of another connection harms nothing.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn add(&mut self, part: Part) {
        self.parts.push(part);
        self.met.push(0);
    }

    /// Notes a request and takes the answer that is due: the first part whose words are in the prompt, its answers one
    /// by one, the last one again and again. Answers the request's place in the log, too.
    fn take(&mut self, mut asked: Asked) -> (usize, Option<Answer>) {
        let part = self.parts.iter().position(|part| asked.prompt.contains(&part.when));
        let mut due = None;
        if let Some(part) = part.filter(|_| asked.is_for_the_model) {
            let answers = &self.parts[part].answers;
            let answer = self.met[part].min(answers.len().saturating_sub(1));
            self.met[part] += 1;
            due = answers.get(answer).cloned();
            (asked.part, asked.answer) = (Some(part), Some(answer));
        }
        let place = self.asked.len();
        asked.number = place + 1;
        self.asked.push(asked);
        (place, due)
    }

    fn end(&mut self) {
        self.ended = true;
        for connection in self.connections.drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }
}
