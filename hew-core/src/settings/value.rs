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

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::Count(count) => write!(f, "{count}"),
            Self::Duration { written, .. } | Self::Bytes { written, .. } => f.write_str(written),
            Self::Text(text) => f.write_str(text),
            Self::List(items) => f.write_str(&items.join(",")),
            Self::Map(map) => {
                let pairs: Vec<String> = map.iter().map(|(name, text)| format!("{name}={text}")).collect();
                f.write_str(&pairs.join(","))
            }
        }
    }
}
