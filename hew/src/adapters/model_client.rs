//! The client of a model server: `/v1/chat/completions`, whole and streamed.
//!
//! [`ModelClient::of_settings`] answers none where no endpoint is set: as if there were no model server in the world. A call takes at
//! most as long as its [`Limits`] say, waiting for another try included; a message on its channel of cancellations ends a wait at
//! once, and whoever never cancels hands in `crossbeam_channel::never()`.
//!
//! It blocks: whoever may not wait calls it on a thread of its own. Redirects are not followed. The key is in the header
//! of a request and nowhere else. A server on this machine is reached without a proxy, any other as `HTTPS_PROXY` and its
//! kin say.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read};
use std::time::{Duration, Instant};

use chrono::Utc;
use crossbeam_channel::{Receiver, RecvTimeoutError, TryRecvError};
use hew_core::agent::FailureClass;
use hew_core::chat::stream::ChatStream;
use hew_core::chat::{ChatAnswer, ChatError, ChatFailure, ChatRequest, answer, request, retry};
use hew_core::ids::ModelName;
use hew_core::settings::{LocalSettings, Target};
use ureq::http::Response;
use ureq::{Agent, Body, Proxy};

mod models;

pub use models::Models;

/// Most bytes of an answer, of a stream all its pieces together.
const LARGEST_ANSWER: u64 = 64 << 20;

/// Most bytes that are read of an error.
const LARGEST_ERROR: u64 = 64 << 10;

/// Longest wait for a connection: whoever is there takes it at once, however long an answer then takes.
const LONGEST_CONNECT: Duration = Duration::from_secs(8);

/// A model server and how to ask it.
pub struct ModelClient {
    endpoint: String,
    model: Option<ModelName>,
    key: Option<String>,
}

/// How long an answer may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// One whole answer; of a stream its first byte, and each piece after the one before.
    pub timeout: Duration,
    /// All of it, with every try and every wait; none: no limit.
    pub whole: Option<Duration>,
}

impl Limits {
    /// All within `whole`, each try within `timeout`.
    pub fn within(whole: Duration, timeout: Duration) -> Self {
        Self { timeout, whole: Some(whole) }
    }
}

/// The variable that is to hold the key holds none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the variable {name}, which {origin} loop.local.api_key_env names, is not set")]
pub struct MissingKey {
    /// The variable.
    pub name: String,
    /// Where it is named.
    pub origin: String,
}

/// Never shows the key.
impl fmt::Debug for ModelClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ModelClient({}, {:?})", self.endpoint, self.model)
    }
}

/// Why a try gave no answer.
enum NoAnswer {
    /// It failed; text of it was perhaps handed out already.
    Failed { failure: ChatFailure, has_begun: bool },
    /// Nobody wants it any more.
    Cancelled,
}

impl From<ChatFailure> for NoAnswer {
    fn from(failure: ChatFailure) -> Self {
        Self::Failed { failure, has_begun: false }
    }
}

impl ModelClient {
    /// A client of the server at a base URL through `/v1`.
    pub fn new(endpoint: &str, model: Option<ModelName>, key: Option<String>) -> Self {
        let key = key.map(|key| key.trim().to_owned()).filter(|key| !key.is_empty());
        Self { endpoint: endpoint.to_owned(), model, key }
    }

    /// The client that settings describe; none where no endpoint is set.
    pub fn of_settings(
        local: &LocalSettings,
        env: &BTreeMap<String, String>,
    ) -> Result<Option<Self>, MissingKey> {
        let Some(endpoint) = &local.endpoint.value else { return Ok(None) };
        let key = match &local.api_key_env.value {
            Some(name) => Some(env.get(name).filter(|key| !key.trim().is_empty()).ok_or_else(|| {
                MissingKey { name: name.clone(), origin: local.api_key_env.origin.to_string() }
            })?),
            None => None,
        };
        Ok(Some(Self::new(endpoint, local.model.value.clone(), key.cloned())))
    }

    /// One whole answer. A server that does not take the wish for JSON is asked once more without it.
    pub fn chat(
        &self,
        request: &ChatRequest,
        limits: Limits,
        cancel: &Receiver<()>,
    ) -> Result<ChatAnswer, ChatError> {
        let began = Instant::now();
        let refused = match self.chat_once(request, limits, cancel) {
            Err(ChatError::Failed(failure)) if request.wants_json && failure.refuses_json() => failure,
            answered => return answered,
        };
        let left = limits.whole.map(|whole| whole.saturating_sub(began.elapsed()));
        if left.is_some_and(|left| left.is_zero()) {
            return Err(ChatError::Failed(refused));
        }
        // It takes a schema or nothing, and the prompt asks for JSON all the same.
        let in_words = ChatRequest { wants_json: false, ..request.clone() };
        self.chat_once(&in_words, Limits { whole: left, ..limits }, cancel)
    }

    fn chat_once(
        &self,
        request: &ChatRequest,
        limits: Limits,
        cancel: &Receiver<()>,
    ) -> Result<ChatAnswer, ChatError> {
        let body = request::body(request, self.model.as_ref(), false)?.to_string();
        self.try_again(limits, cancel, |left| {
            let first = left.map_or(limits.timeout, |left| left.min(limits.timeout));
            let response = self.post(&body, first, Some(first))?;
            Ok(self.read_whole(response)?)
        })
    }

    /// One answer, of which each new piece of text, never an empty one, goes to `on_text` as it comes.
    pub fn chat_stream(
        &self,
        request: &ChatRequest,
        limits: Limits,
        cancel: &Receiver<()>,
        mut on_text: impl FnMut(&str),
    ) -> Result<ChatAnswer, ChatError> {
        let body = request::body(request, self.model.as_ref(), true)?.to_string();
        self.try_again(limits, cancel, |left| {
            let response = self.post(&body, limits.timeout, left)?;
            if response.body().mime_type() == Some("application/json") {
                let answer = self.read_whole(response)?;
                if !answer.text.is_empty() {
                    on_text(&answer.text);
                }
                return Ok(answer);
            }
            self.read_stream(response, cancel, &mut on_text)
        })
    }

    /// Asks until there is an answer, or a failure that another try would not mend.
    fn try_again(
        &self,
        limits: Limits,
        cancel: &Receiver<()>,
        mut once: impl FnMut(Option<Duration>) -> Result<ChatAnswer, NoAnswer>,
    ) -> Result<ChatAnswer, ChatError> {
        let deadline = limits.whole.map(|whole| Instant::now() + whole);
        let left = || deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        for tries in 1.. {
            if is_cancelled(cancel) {
                return Err(ChatError::Cancelled);
            }
            let (failure, has_begun) = match once(left()) {
                Ok(answer) => return Ok(answer),
                Err(NoAnswer::Cancelled) => return Err(ChatError::Cancelled),
                Err(NoAnswer::Failed { failure, has_begun }) => (failure, has_begun),
            };
            let failure = failure.without(self.key.as_deref().unwrap_or_default());
            let chance = getrandom::u64().unwrap_or_default();
            let wait = retry::wait_before(tries, &failure, chance, Utc::now()).filter(|_| !has_begun);
            match wait.filter(|wait| left().is_none_or(|left| *wait < left)) {
                Some(wait) => pause(wait, cancel)?,
                None => return Err(ChatError::Failed(failure)),
            }
        }
        unreachable!("it is tried a few times only")
    }

    /// Sends a request and waits for the head of its answer, which is a good one.
    fn post(
        &self,
        body: &str,
        per_read: Duration,
        whole: Option<Duration>,
    ) -> Result<Response<Body>, ChatFailure> {
        let mut post = self
            .agent(per_read, whole)
            .post(request::url(&self.endpoint))
            .header("content-type", "application/json")
            .header("user-agent", concat!("hew/", env!("CARGO_PKG_VERSION")));
        if let Some(key) = &self.key {
            post = post.header("authorization", format!("Bearer {key}"));
        }
        self.good(post.send(body).map_err(|error| self.failure(&error))?)
    }

    /// An answer that is one of success, and for programs.
    fn good(&self, response: Response<Body>) -> Result<Response<Body>, ChatFailure> {
        let response = good(response)?;
        match response.body().mime_type() {
            Some("text/html" | "application/xhtml+xml") => self.relabelled(response),
            _ => Ok(response),
        }
    }

    /// What is labelled as a page may be none: then it is what it looks like.
    fn relabelled(&self, mut response: Response<Body>) -> Result<Response<Body>, ChatFailure> {
        let read = response.body_mut().with_config().limit(LARGEST_ANSWER).read_to_vec();
        let body = read.map_err(|error| self.failure(&error))?;
        let label = match body.trim_ascii_start().first() {
            Some(b'{') => "application/json",
            _ if ChatFailure::looks_like_page(&body) => return Err(ChatFailure::is_page(&self.endpoint)),
            _ => "text/event-stream",
        };
        Ok(response.map(|_| Body::builder().mime_type(label).data(body)))
    }

    fn agent(&self, per_read: Duration, whole: Option<Duration>) -> Agent {
        let proxy = if is_on_this_machine(&self.endpoint) { None } else { Proxy::try_from_env() };
        Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_idle_connections(0)
            .proxy(proxy)
            .timeout_global(whole)
            .timeout_resolve(Some(per_read.min(LONGEST_CONNECT)))
            .timeout_connect(Some(per_read.min(LONGEST_CONNECT)))
            .timeout_recv_response(Some(per_read))
            .timeout_per_read(Some(per_read))
            .timeout_per_write(Some(per_read))
            .build()
            .new_agent()
    }

    fn read_whole(&self, mut response: Response<Body>) -> Result<ChatAnswer, ChatFailure> {
        let read = response.body_mut().with_config().limit(LARGEST_ANSWER).read_to_vec();
        answer::read(&read.map_err(|error| self.failure(&error))?)
    }

    fn read_stream(
        &self,
        mut response: Response<Body>,
        cancel: &Receiver<()>,
        on_text: &mut impl FnMut(&str),
    ) -> Result<ChatAnswer, NoAnswer> {
        let mut stream = ChatStream::default();
        let mut has_begun = false;
        let mut body = response.body_mut().with_config().limit(LARGEST_ANSWER).reader();
        let mut piece = vec![0; 16 << 10];
        while !stream.is_done() {
            if is_cancelled(cancel) {
                return Err(NoAnswer::Cancelled);
            }
            let pushed = match body.read(&mut piece) {
                Ok(0) => break,
                Ok(length) => stream.push(&piece[..length], |text| {
                    has_begun = true;
                    on_text(text);
                }),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
                Err(error) => Err(self.failure(&ureq_error(error))),
            };
            pushed.map_err(|failure| NoAnswer::Failed { failure, has_begun })?;
        }
        stream.finish().map_err(|failure| NoAnswer::Failed { failure, has_begun })
    }

    fn failure(&self, error: &ureq::Error) -> ChatFailure {
        use ureq::Error::{BadUri, BodyExceedsLimit, Http, Io, Timeout};
        if is_unreached(error) {
            let why = match error {
                Io(error) => error.to_string(),
                other => other.to_string(),
            };
            return ChatFailure::unreached(&format!("{}: {why}", self.endpoint));
        }
        let (class, why) = match error {
            BadUri(_) | Http(_) => (FailureClass::BadRequest, error.to_string()),
            BodyExceedsLimit(_) => (FailureClass::Server, "its answer is too large".to_owned()),
            Timeout(_) => (FailureClass::Network, "it did not answer in time".to_owned()),
            Io(error) if is_broken_off(error) => {
                let tls = if self.endpoint.starts_with("https:") {
                    "; if it has no TLS, ask it by http://"
                } else {
                    ""
                };
                (FailureClass::Network, format!("it broke off before the end of its answer{tls}"))
            }
            Io(error) => (FailureClass::Network, error.to_string()),
            other => (FailureClass::Network, other.to_string()),
        };
        ChatFailure::new(None, class, &format!("{}: {why}", self.endpoint))
    }
}

/// An answer whose status is one of success.
fn good(mut response: Response<Body>) -> Result<Response<Body>, ChatFailure> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let after = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
    let after = after.map(str::to_owned);
    let mut body = Vec::new();
    // What can't be read of an error is no worse than the error.
    let _ = response.body_mut().as_reader().take(LARGEST_ERROR).read_to_end(&mut body);
    Err(ChatFailure::of_status(status.as_u16(), after.as_deref(), &body))
}

/// There was no connection on which anything could be asked.
fn is_unreached(error: &ureq::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, HostUnreachable, NetworkUnreachable, TimedOut};
    match error {
        ureq::Error::ConnectionFailed | ureq::Error::HostNotFound => true,
        ureq::Error::Timeout(at) => matches!(at, ureq::Timeout::Connect | ureq::Timeout::Resolve),
        // The system's own limits of time are those of a connection; that of an answer is the client's.
        ureq::Error::Io(error) => {
            matches!(error.kind(), ConnectionRefused | HostUnreachable | NetworkUnreachable | TimedOut)
        }
        _ => false,
    }
}

/// The server closed the connection, or went away.
fn is_broken_off(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
}

/// The error that a reader of a body hides in one of the standard library's.
fn ureq_error(error: io::Error) -> ureq::Error {
    error.downcast::<ureq::Error>().unwrap_or_else(ureq::Error::Io)
}

/// Waits, unless it is cancelled before.
fn pause(wait: Duration, cancel: &Receiver<()>) -> Result<(), ChatError> {
    match cancel.recv_timeout(wait) {
        Err(RecvTimeoutError::Timeout) => Ok(()),
        // Who is gone waits for nothing.
        Ok(()) | Err(RecvTimeoutError::Disconnected) => Err(ChatError::Cancelled),
    }
}

fn is_cancelled(cancel: &Receiver<()>) -> bool {
    !matches!(cancel.try_recv(), Err(TryRecvError::Empty))
}

/// A proxy would look for it on its own machine.
fn is_on_this_machine(endpoint: &str) -> bool {
    Target::of_url(endpoint).is_some_and(|target| target.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_switched_off_behind_a_router_is_not_reached() {
        use ureq::Timeout::{Connect, PerRead, RecvResponse, Resolve};
        for at in [Connect, Resolve] {
            assert!(is_unreached(&ureq::Error::Timeout(at)));
        }
        assert!(is_unreached(&ureq::Error::Io(io::ErrorKind::TimedOut.into())));
        for at in [PerRead, RecvResponse] {
            assert!(!is_unreached(&ureq::Error::Timeout(at)), "it thinks");
        }
        assert!(!is_unreached(&ureq::Error::Io(io::ErrorKind::ConnectionReset.into())));
    }

    #[test]
    fn the_key_is_never_shown() {
        let client = ModelClient::new("http://127.0.0.1:1/v1", None, Some("s3cret-key".to_owned()));
        assert!(!format!("{client:?}").contains("s3cret"));
    }
}
