//! Tokens and money, summed.

use crate::schedule::cost::CostSource;
use crate::usage::Usage;

/// What was used, and what is known of its price.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Spent {
    /// Tokens.
    pub usage: Usage,
    /// Money in USD that runtimes reported, or that listed prices make of tokens; none where neither is known. Without
    /// what sums of binary fractions add below a millionth.
    pub cost_usd: Option<f64>,
    /// Tokens whose price nobody knows.
    pub unpriced: u64,
    /// Agents that used those.
    pub unpriced_agents: u64,
    /// Some of the money is tokens times listed prices.
    pub is_by_list: bool,
}

impl Spent {
    /// Adds what one agent used.
    pub fn add(&mut self, usage: Usage, cost_usd: Option<f64>, source: Option<CostSource>) {
        self.usage += usage;
        self.is_by_list |= source == Some(CostSource::ListPrice);
        if let Some(cost) = cost_usd {
            self.cost_usd = Some(to_micros(self.cost_usd.unwrap_or(0.0) + cost));
        } else {
            self.unpriced = self.unpriced.saturating_add(usage.total());
            self.unpriced_agents += u64::from(usage.total() > 0);
        }
    }

    /// Adds what a running agent has told of, if it has.
    pub fn add_live(&mut self, live: &Self) {
        if live.usage.total() > 0 || live.cost_usd.is_some() {
            let source = live.is_by_list.then_some(CostSource::ListPrice);
            self.add(live.usage, live.cost_usd, source);
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

fn to_micros(usd: f64) -> f64 {
    (usd * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_money_have_no_dust_and_agents_without_a_price_are_counted() {
        let mut spent = Spent::default();
        let used = |input| Usage { input, ..Usage::default() };
        spent.add(used(1), Some(0.1), Some(CostSource::Reported));
        spent.add(used(2), Some(0.2), Some(CostSource::Reported));
        assert_eq!((spent.cost_usd, spent.source()), (Some(0.3), CostSource::Reported));
        spent.add(used(5), None, None);
        spent.add(used(0), None, None);
        assert_eq!((spent.unpriced, spent.unpriced_agents), (5, 1));
        assert_eq!(spent.source(), CostSource::Unknown);
    }
}
