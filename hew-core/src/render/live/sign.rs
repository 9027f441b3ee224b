//! What an agent was last seen to do, which no journal says.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::ids::IterationId;

/// An agent's last sign of life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sign {
    /// When.
    pub at: DateTime<Utc>,
    /// The last line that it said, or its last call of a tool.
    pub said: Option<String>,
}

/// The signs of those that run.
pub type Signs = BTreeMap<IterationId, Sign>;
