//! Tokens and money, summed.

use crate::schedule::cost::CostSource;
use crate::usage::Usage;

/// What was used, and what is known of its price.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Spent {
    /// Tokens.
    pub usage: Usage,
    /// Money in USD that runtimes reported, or that listed prices make of tokens; none where neither is known.
    pub cost_usd: Option<f64>,
    /// Tokens whose price nobody knows.
    pub unpriced: u64,
    /// Some of the money is tokens times listed prices.
    pub is_by_list: bool,
}

impl Spent {
    /// Adds what one agent used.
    pub fn add(&mut self, usage: Usage, cost_usd: Option<f64>, source: Option<CostSource>) {
        self.usage += usage;
        self.is_by_list |= source == Some(CostSource::ListPrice);
        match cost_usd {
            Some(cost) => self.cost_usd = Some(self.cost_usd.unwrap_or(0.0) + cost),
            None => self.unpriced = self.unpriced.saturating_add(usage.total()),
        }
    }

    /// Where the price of all of it came from.
    pub fn source(&self) -> CostSource {
        match self.cost_usd {
            Some(_) if self.unpriced == 0 && self.is_by_list => CostSource::ListPrice,
            Some(_) if self.unpriced == 0 => CostSource::Reported,
            _ => CostSource::Unknown,
        }
    }
}
