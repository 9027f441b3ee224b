//! Which models a server has: `GET /v1/models`.

use std::time::{Duration, Instant};

use hew_core::agent::FailureClass;
use hew_core::chat::ChatFailure;
use serde::Deserialize;

use super::ModelClient;

/// Most bytes of a list.
const LARGEST_LIST: u64 = 4 << 20;

/// What a server told of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Models {
    /// The names by which its models are asked for.
    pub names: Vec<String>,
    /// From the question to the whole answer.
    pub took: Duration,
}

#[derive(Deserialize)]
struct List {
    data: Vec<Model>,
}

#[derive(Deserialize)]
struct Model {
    id: String,
}

impl Models {
    /// It has a model that answers to this name. Some servers leave out the tag of the newest.
    pub fn has(&self, name: &str) -> bool {
        self.names.iter().any(|known| known == name || known.strip_suffix(":latest") == Some(name))
    }
}

impl ModelClient {
    /// Asks for the list, once.
    ///
    /// # Errors
    /// If there is none within the limit.
    pub fn models(&self, limit: Duration) -> Result<Models, ChatFailure> {
        let began = Instant::now();
        let names =
            self.list(limit).map_err(|failure| failure.without(self.key.as_deref().unwrap_or_default()))?;
        Ok(Models { names, took: began.elapsed() })
    }

    fn list(&self, limit: Duration) -> Result<Vec<String>, ChatFailure> {
        let url = format!("{}/models", self.endpoint.trim_end_matches('/'));
        let mut get = self.agent(limit, Some(limit)).get(url);
        get = get.header("user-agent", concat!("hew/", env!("CARGO_PKG_VERSION")));
        if let Some(key) = &self.key {
            get = get.header("authorization", format!("Bearer {key}"));
        }
        let mut response = self.good(get.call().map_err(|error| self.failure(&error))?)?;
        let read = response.body_mut().with_config().limit(LARGEST_LIST).read_to_vec();
        let list: List =
            serde_json::from_slice(&read.map_err(|error| self.failure(&error))?).map_err(|error| {
                ChatFailure::new(
                    None,
                    FailureClass::Server,
                    &format!("its list of models can't be read: {error}"),
                )
            })?;
        Ok(list.data.into_iter().map(|model| model.id).collect())
    }
}
