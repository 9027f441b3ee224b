//! What an agent used: tokens, as four counts that never overlap.

use std::ops::AddAssign;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Tokens. The four are disjoint for every runtime, so that they add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Usage {
    /// Input that was not cached.
    pub input: u64,
    /// Output, reasoning included.
    pub output: u64,
    /// Input read from the provider's cache.
    pub cache_read: u64,
    /// Input written to the provider's cache.
    pub cache_create: u64,
}

impl Usage {
    /// All four.
    pub fn total(&self) -> u64 {
        self.input
            .saturating_add(self.output)
            .saturating_add(self.cache_read)
            .saturating_add(self.cache_create)
    }

    /// What is left of each count when the other is taken away; never less than nothing.
    #[must_use]
    pub fn minus(&self, less: Self) -> Self {
        Self {
            input: self.input.saturating_sub(less.input),
            output: self.output.saturating_sub(less.output),
            cache_read: self.cache_read.saturating_sub(less.cache_read),
            cache_create: self.cache_create.saturating_sub(less.cache_create),
        }
    }
}

impl AddAssign for Usage {
    fn add_assign(&mut self, more: Self) {
        self.input = self.input.saturating_add(more.input);
        self.output = self.output.saturating_add(more.output);
        self.cache_read = self.cache_read.saturating_add(more.cache_read);
        self.cache_create = self.cache_create.saturating_add(more.cache_create);
    }
}
