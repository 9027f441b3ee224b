//! Where a choice came from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One field of a plan, its value for people, and the setting, flag or task field that it came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Provenance {
    /// The field, e.g. `runtime`, `argv`, `limits.timeout`. `env` comes once for each source of variables.
    pub field: String,
    /// Its value, for people; of `env` the names of variables.
    pub value: String,
    /// E.g. `flag --runtime`, `project .hew.toml:3 loop.runtime`, `task metadata hew.runtime`, `built-in loop.timeout`.
    pub origin: String,
}

/// One entry.
pub(super) fn entry(field: &str, value: &str, origin: &str) -> Provenance {
    Provenance { field: field.to_owned(), value: value.to_owned(), origin: origin.to_owned() }
}
