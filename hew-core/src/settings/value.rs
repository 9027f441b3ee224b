//! One value of a setting, as it was read by its kind.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

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
    /// Text, a name, a path or a word of a fixed set.
    Text(String),
    /// Several texts.
    List(Vec<String>),
    /// Names with a text each.
    Map(BTreeMap<String, String>),
}

/// With commas between where that can be read back, else as TOML.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::Count(count) => write!(f, "{count}"),
            Self::Duration { written, .. } | Self::Bytes { written, .. } => f.write_str(written),
            Self::Text(text) => f.write_str(text),
            Self::List(items) if !items.is_empty() && items.iter().all(|item| is_plain(item)) => {
                f.write_str(&items.join(","))
            }
            Self::List(items) => write!(f, "{}", toml::Value::from(items.clone())),
            Self::Map(map) if map.values().any(|text| text.contains(',')) => {
                let table: toml::Table =
                    map.iter().map(|(name, text)| (name.clone(), text.clone().into())).collect();
                write!(f, "{}", toml::Value::Table(table))
            }
            Self::Map(map) => {
                let pairs: Vec<String> = map.iter().map(|(name, text)| format!("{name}={text}")).collect();
                f.write_str(&pairs.join(","))
            }
        }
    }
}

/// Reads back from a list with commas as it was.
fn is_plain(item: &str) -> bool {
    !item.is_empty() && !item.contains(',') && item.trim() == item && !item.starts_with('[')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::kind::Kind;

    #[test]
    fn lists_and_maps_read_back_as_they_are_shown() {
        for items in [vec![], vec!["a", "b"], vec!["-p", "a,b"], vec!["", " x"], vec!["[a"], vec!["q\"uote"]]
        {
            let list = Value::List(items.into_iter().map(str::to_owned).collect());
            assert_eq!(Kind::List.read_text(&list.to_string()), Ok(list));
        }
        for text in ["x", "x,y", "x=y", ""] {
            let map =
                Value::Map([("A".to_owned(), text.to_owned()), ("B".to_owned(), "1".to_owned())].into());
            assert_eq!(Kind::Map.read_text(&map.to_string()), Ok(map));
        }
        assert_eq!(Kind::Map.read_text("B=2,A=1").unwrap().to_string(), "A=1,B=2");
    }
}
