//! What a classifier suggests for a task that nothing else names a model for.

use crate::ids::{ModelName, RuntimeName};

/// A suggestion. Whatever of it is none is chosen as if nobody had suggested anything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Suggestion {
    /// The runtime; counts under `auto` alone.
    pub runtime: Option<RuntimeName>,
    /// The model.
    pub model: Option<ModelName>,
    /// Why, for people; may be empty.
    pub reason: String,
}

impl Suggestion {
    /// Where what is chosen by it came from.
    pub(super) fn origin(&self) -> String {
        if self.reason.is_empty() { "classifier".to_owned() } else { format!("classifier: {}", self.reason) }
    }
}
