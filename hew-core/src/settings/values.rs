//! Values by key with their origins: one layer, or several merged.
//!
//! Invariants: every key is one of the table, every value was read by its kind; a map is kept as one entry a name
//! (`loop.runtime_defs.x.env.A`), so that layers merge key by key and each entry knows where it came from.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::keys::{KEYS, KeySpec};
use super::kind::Kind;
use super::layers::read_file;
use super::lookup::{Found, find, keys_of_runtime, runtime_of};
use super::value::Value;
use super::{Origin, Sourced};

/// The runtimes that hew brings along.
const RUNTIMES: &str = include_str!("built_in.toml");

/// Values by key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Values {
    entries: BTreeMap<String, Sourced<Value>>,
}

impl Values {
    /// hew's own values: the bottom layer.
    pub fn built_in() -> Self {
        let mut values = Self::default();
        for spec in KEYS.iter().filter(|spec| !spec.name.contains('<')) {
            values.insert_default(spec.name, spec);
        }
        values
            .overlaid_with(read_file(RUNTIMES, "built-in", Path::new("built_in.toml")).values.made_built_in())
    }

    /// The same values, all of them hew's own.
    fn made_built_in(mut self) -> Self {
        self.entries.values_mut().for_each(|found| found.origin = Origin::BuiltIn);
        self
    }

    /// Sets a key. A map is merged entry by entry.
    pub(super) fn insert(&mut self, key: &str, value: Value, origin: &Origin) {
        match value {
            Value::Map(map) => {
                for (name, value) in map {
                    self.insert(&format!("{key}.{name}"), value, origin);
                }
            }
            value => {
                self.entries.insert(key.to_owned(), Sourced { value, origin: origin.clone() });
            }
        }
    }

    /// Lays another layer over this one: its keys win.
    #[must_use]
    pub fn overlaid_with(mut self, over: Self) -> Self {
        self.entries.extend(over.entries);
        self
    }

    /// Fills what runtime definitions leave open with hew's own values.
    #[must_use]
    pub fn completed(mut self) -> Self {
        for name in self.runtimes() {
            for (key, spec) in keys_of_runtime(&name) {
                if !self.entries.contains_key(&key) {
                    self.insert_default(&key, spec);
                }
            }
        }
        self
    }

    fn insert_default(&mut self, key: &str, spec: &KeySpec) {
        if let Some(default) = spec.default {
            let value = spec.kind.read_text(default).expect("a test reads every default by its kind");
            self.insert(key, value, &Origin::BuiltIn);
        }
    }

    /// The value of a key; of a map all its entries, with the origin of the first.
    pub fn value(&self, key: &str) -> Option<Sourced<Value>> {
        if let Some(found) = self.entries.get(key) {
            return Some(found.clone());
        }
        if !matches!(find(key), Found::Key(spec) if matches!(spec.kind, Kind::Map(_))) {
            return None;
        }
        let entries: Vec<_> = self.entries_of(key).collect();
        let origin = entries.first()?.1.origin.clone();
        let map = entries.into_iter().map(|(name, found)| (name.to_owned(), found.value.clone())).collect();
        Some(Sourced { value: Value::Map(map), origin })
    }

    /// The entries of a map, each with its own origin.
    pub fn entries_of(&self, key: &str) -> impl Iterator<Item = (&str, &Sourced<Value>)> {
        let start = format!("{key}.");
        let below = self.entries.range(start.clone()..);
        below.map_while(move |(path, value)| Some((path.strip_prefix(&start)?, value)))
    }

    /// Whether a key or an entry has a value.
    pub(super) fn contains(&self, path: &str) -> bool {
        self.entries.contains_key(path)
    }

    /// Every key that has a value, sorted.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Sourced<Value>)> {
        self.entries.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// Names of runtimes that any key speaks of.
    pub fn runtimes(&self) -> BTreeSet<String> {
        self.entries.keys().filter_map(|key| runtime_of(key)).map(str::to_owned).collect()
    }
}
