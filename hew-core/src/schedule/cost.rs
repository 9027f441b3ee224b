//! What tokens cost: as the runtime says, else by the listed price of a model.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::ModelName;
use crate::settings::{Price, Sourced, Usd};
use crate::usage::Usage;

/// Where a cost came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CostSource {
    /// The runtime said it.
    Reported,
    /// Tokens times listed prices.
    ListPrice,
    /// Nobody knows.
    Unknown,
}

/// The price of the first of these models that is listed.
pub fn listed<'a>(
    prices: &'a BTreeMap<ModelName, Sourced<Price>>,
    models: &[Option<&ModelName>],
) -> Option<&'a Price> {
    models.iter().flatten().find_map(|model| prices.get(*model)).map(|price| &price.value)
}

/// What was used, in money, with where that came from; none where nobody knows.
pub fn cost(usage: &Usage, reported: Option<f64>, price: Option<&Price>) -> (Option<Usd>, CostSource) {
    match (reported.and_then(Usd::from_f64), price) {
        // A server of one's own asks for nothing, and a person who lists a price for it knows better.
        (Some(usd), Some(price)) if usd == Usd::default() && usage.total() > 0 => {
            (Some(by_price(usage, price)), CostSource::ListPrice)
        }
        (Some(usd), _) => (Some(usd), CostSource::Reported),
        (None, Some(price)) => (Some(by_price(usage, price)), CostSource::ListPrice),
        (None, None) => (None, CostSource::Unknown),
    }
}

fn by_price(usage: &Usage, price: &Price) -> Usd {
    let parts = [
        (usage.input, price.input),
        (usage.output, price.output),
        (usage.cache_read, price.cache_read),
        (usage.cache_create, price.cache_create),
    ];
    let millionths: u128 =
        parts.iter().map(|(tokens, price)| u128::from(*tokens) * u128::from(price.micros())).sum();
    Usd::from_micros(u64::try_from(millionths.div_ceil(1_000_000)).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_runtime_says_beats_the_list_and_the_list_beats_nothing() {
        let dollars = |text| Usd::parse(text).unwrap();
        let price = Price {
            input: dollars("15"),
            output: dollars("75"),
            cache_read: dollars("1.5"),
            cache_create: dollars("18.75"),
        };
        let usage = Usage { input: 1_000, output: 2_000, cache_read: 10_000, cache_create: 400 };
        let by_list = (Some(dollars("0.1875")), CostSource::ListPrice);
        assert_eq!(cost(&usage, None, Some(&price)), by_list);
        assert_eq!(cost(&usage, Some(0.25), Some(&price)), (Some(dollars("0.25")), CostSource::Reported));
        assert_eq!(cost(&usage, Some(-1.0), Some(&price)), by_list);
        assert_eq!(cost(&usage, Some(0.0), Some(&price)), by_list, "a server of one's own");
        assert_eq!(cost(&usage, Some(0.0), None), (Some(Usd::default()), CostSource::Reported));
        assert_eq!(cost(&Usage::default(), Some(0.0), Some(&price)).1, CostSource::Reported);
        assert_eq!(cost(&usage, None, None), (None, CostSource::Unknown));
        assert_eq!(
            cost(&Usage { input: 1, ..Usage::default() }, None, Some(&price)).0,
            Some(dollars("0.000015"))
        );
    }

    #[test]
    fn the_first_model_that_is_listed_gives_the_price() {
        let price = Price {
            input: Usd::from_micros(1),
            output: Usd::from_micros(1),
            cache_read: Usd::from_micros(1),
            cache_create: Usd::from_micros(1),
        };
        let origin = crate::settings::Origin::BuiltIn;
        let prices = BTreeMap::from([(ModelName::new("opus"), Sourced { value: price, origin })]);
        let (opus, full) = (ModelName::new("opus"), ModelName::new("claude-opus-5-5"));
        assert_eq!(listed(&prices, &[Some(&full), None, Some(&opus)]), Some(&price));
        assert_eq!(listed(&prices, &[Some(&full), None]), None);
    }
}
