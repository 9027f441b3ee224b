//! Tokens and money, summed.

use crate::usage::Usage;

/// What was used, and what is known of its price.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Spent {
    /// Tokens.
    pub usage: Usage,
    /// Money in USD that runtimes reported; none where none did.
    pub cost_usd: Option<f64>,
    /// Tokens of agents that reported no price.
    pub unpriced: u64,
}

impl Spent {
    /// Adds what one agent used.
    pub fn add(&mut self, usage: Usage, cost_usd: Option<f64>) {
        self.usage += usage;
        match cost_usd {
            Some(cost) => self.cost_usd = Some(self.cost_usd.unwrap_or(0.0) + cost),
            None => self.unpriced = self.unpriced.saturating_add(usage.total()),
        }
    }

    /// The runtimes reported the price of all of it.
    pub fn is_priced(&self) -> bool {
        self.cost_usd.is_some() && self.unpriced == 0
    }
}
