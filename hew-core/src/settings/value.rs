//! One value of a setting, as it was read by its kind.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::price::Price;
use super::temperature::Temperature;
use super::usd::Usd;

/// A value. What people wrote with a unit is kept as they wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// True or false.
    Flag(bool),
    /// A whole number.
    Count(u64),
    /// A length of time.
    Duration {
        /// How long.
        length: Duration,
        /// As it was written.
        written: String,
    },
    /// A size.
    Bytes {
        /// Bytes.
        count: u64,
        /// As it was written.
        written: String,
    },
    /// An amount of money.
    Usd(Usd),
    /// A temperature of a model.
    Temperature(Temperature),
    /// Hundredths.
    Percent(u8),
    /// What a model costs.
    Price(Price),
    /// Text, a name, a path or a word of a fixed set.
    Text(String),
    /// Several texts.
    List(Vec<String>),
    /// Names with a value each.
    Map(BTreeMap<String, Value>),
}

impl Value {
    /// For programs: numbers and flags as such, amounts as numbers, the rest as people write it.
    pub fn to_json(&self) -> Json {
        match self {
            Self::Flag(flag) => json!(flag),
            Self::Count(count) => json!(count),
            Self::Usd(amount) => json!(amount.as_f64()),
            Self::Temperature(temperature) => json!(temperature.as_f64()),
            Self::Price(price) => {
                let parts = price.parts().into_iter();
                parts.map(|(name, amount)| (name.to_owned(), json!(amount.as_f64()))).collect()
            }
            Self::List(items) => json!(items),
            Self::Map(map) => map.iter().map(|(name, value)| (name.clone(), value.to_json())).collect(),
            Self::Percent(_) | Self::Duration { .. } | Self::Bytes { .. } | Self::Text(_) => {
                json!(self.to_string())
            }
        }
    }
}

/// With commas between where that can be read back, else as TOML.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::Count(count) => write!(f, "{count}"),
            Self::Duration { written, .. } | Self::Bytes { written, .. } => f.write_str(written),
            Self::Usd(amount) => write!(f, "{amount}"),
            Self::Temperature(temperature) => write!(f, "{temperature}"),
            Self::Percent(percent) => write!(f, "{percent}%"),
            Self::Price(price) => write!(f, "{price}"),
            Self::Text(text) => f.write_str(text),
            Self::List(items) if !items.is_empty() && items.iter().all(|item| is_plain(item)) => {
                f.write_str(&items.join(","))
            }
            Self::List(items) => write!(f, "{}", toml::Value::from(items.clone())),
            Self::Map(map) if map.iter().all(|(name, value)| is_plain_pair(name, &value.to_string())) => {
                let pairs: Vec<String> = map.iter().map(|(name, value)| format!("{name}={value}")).collect();
                f.write_str(&pairs.join(","))
            }
            Self::Map(map) => write!(f, "{}", toml::Value::Table(toml_table(map))),
        }
    }
}

fn toml_table(map: &BTreeMap<String, Value>) -> toml::Table {
    let toml = |value: &Value| match value {
        Value::Price(price) => {
            let parts = price.parts().map(|(name, amount)| (name.to_owned(), amount.as_f64().into()));
            toml::Value::Table(parts.into_iter().collect())
        }
        other => other.to_string().into(),
    };
    map.iter().map(|(name, value)| (name.clone(), toml(value))).collect()
}

/// Reads back from a map with commas as it was.
fn is_plain_pair(name: &str, value: &str) -> bool {
    !name.contains(['=', ',', '{']) && !value.contains(',') && value.trim() == value
}

/// Reads back from a list with commas as it was.
fn is_plain(item: &str) -> bool {
    !item.is_empty() && !item.contains(',') && item.trim() == item && !item.starts_with('[')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::kind::Kind;
    use crate::settings::map_kind::MapKind;

    #[test]
    fn lists_and_maps_read_back_as_they_are_shown() {
        for items in [vec![], vec!["a", "b"], vec!["-p", "a,b"], vec!["", " x"], vec!["[a"], vec!["q\"uote"]]
        {
            let list = Value::List(items.into_iter().map(str::to_owned).collect());
            assert_eq!(Kind::List.read_text(&list.to_string()), Ok(list));
        }
        let variables = Kind::Map(MapKind::Variables);
        for text in ["x", "x,y", "x=y", "", " x"] {
            let pairs = [("A", text), ("B", "1")];
            let map =
                Value::Map(pairs.map(|(name, text)| (name.to_owned(), Value::Text(text.to_owned()))).into());
            assert_eq!(variables.read_text(&map.to_string()), Ok(map));
        }
        let prices = Kind::Map(MapKind::Prices);
        for text in ["a=1/2.5", "{ 'a,b' = { input = 1.5, output = 2, cache_read = 0.000001 } }"] {
            let map = prices.read_text(text).unwrap();
            assert_eq!(prices.read_text(&map.to_string()), Ok(map));
        }
        assert_eq!(variables.read_text("B=2,A=1").unwrap().to_string(), "A=1,B=2");
    }
}
