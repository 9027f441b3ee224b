//! Where a choice came from.

use serde::{Deserialize, Serialize};

/// One field of a plan, its value for people, and the setting, flag or task field that it came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// The field, e.g. `runtime`, `argv`, `limits.timeout`.
    pub field: String,
    /// Its value, for people.
    pub value: String,
    /// E.g. `flag --runtime`, `.hew.toml:3 loop.runtime`, `task metadata hew.runtime`, `built-in`.
    pub origin: String,
}
