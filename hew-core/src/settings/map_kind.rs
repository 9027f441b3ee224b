//! What maps hold: which names their entries may have, and which values.

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};

use super::kind::{BadValue, shown, split_commas};
use super::price::Price;
use super::value::Value;

/// What a map holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MapKind {
    /// Environment variables with their values.
    Variables,
    /// Priorities with a model each; `0` is `P0`.
    Priorities,
    /// Types of tasks with a model each.
    TaskTypes,
    /// Names of models with a runtime's own names for them.
    Models,
    /// Models with their prices.
    Prices,
}

impl MapKind {
    /// What is allowed, for people.
    pub fn allowed(self) -> &'static str {
        match self {
            Self::Variables => "variables with their values, NAME=VALUE",
            Self::Priorities => "priorities with their models, P0=MODEL to P4=MODEL",
            Self::TaskTypes => "task types with their models, TYPE=MODEL",
            Self::Models => "models with the runtime's own names for them, MODEL=NAME",
            Self::Prices => {
                "models with their prices, MODEL=INPUT/OUTPUT or MODEL=INPUT/OUTPUT/CACHE_READ/CACHE_CREATE"
            }
        }
    }

    /// The name of an entry as it is kept: `0` is `P0`.
    pub fn entry_name(self, name: &str) -> Result<String, BadValue> {
        let (found, wanted) = match self {
            Self::Variables if is_variable_name(name) => (Some(name.to_owned()), ""),
            Self::Variables => (None, "a name of a variable"),
            Self::Priorities => (priority(name), "a priority, P0 to P4 or 0 to 4"),
            Self::TaskTypes => (free_name(name), "a type of tasks"),
            Self::Models | Self::Prices => (free_name(name), "a name of a model"),
        };
        found.ok_or_else(|| BadValue { found: format!("`{name}`"), wanted: wanted.to_owned(), why: None })
    }

    /// Reads the whole map from text: with commas between the entries, or as TOML.
    pub fn read_text(self, text: &str) -> Result<Value, BadValue> {
        if text.trim_start().starts_with('{') {
            let parsed = DeValue::parse(text.trim())
                .map_err(|error| self.bad(format!("`{text}`"), Some(error.message().to_owned())))?;
            return match parsed.get_ref() {
                DeValue::Table(table) => self.read_toml(table),
                other => Err(self.bad(shown(other), None)),
            };
        }
        let mut map = BTreeMap::new();
        for pair in split_commas(text) {
            let (name, value) = pair.split_once('=').ok_or_else(|| {
                self.bad(format!("`{pair}`"), Some("write NAME=VALUE, with commas between".to_owned()))
            })?;
            self.add(&mut map, name.trim(), self.read_entry(value.trim())?)?;
        }
        Ok(Value::Map(map))
    }

    /// Reads the value of one entry from text.
    pub fn read_entry(self, text: &str) -> Result<Value, BadValue> {
        let bad = |why| BadValue { found: format!("`{text}`"), wanted: self.wanted_value().to_owned(), why };
        match self {
            Self::Variables if !text.contains('\0') => Ok(Value::Text(text.to_owned())),
            Self::Priorities | Self::TaskTypes | Self::Models if free_name(text).is_some() => {
                Ok(Value::Text(text.to_owned()))
            }
            Self::Prices => Price::read_text(text).map(Value::Price).map_err(|why| bad(Some(why))),
            _ => Err(bad(None)),
        }
    }

    /// Reads the whole map from a table of TOML.
    fn read_toml(self, table: &DeTable<'_>) -> Result<Value, BadValue> {
        let mut map = BTreeMap::new();
        for (name, value) in table {
            self.add(&mut map, name.get_ref(), self.read_toml_entry(value.get_ref())?)?;
        }
        Ok(Value::Map(map))
    }

    /// Reads the value of one entry from a settings file.
    pub fn read_toml_entry(self, value: &DeValue<'_>) -> Result<Value, BadValue> {
        let bad = |why| BadValue { found: shown(value), wanted: self.wanted_value().to_owned(), why };
        match (self, value) {
            (Self::Prices, DeValue::Table(table)) => {
                Price::read_toml(table).map(Value::Price).map_err(|why| bad(Some(why)))
            }
            (Self::Prices, _) => Err(bad(Some("write { input = …, output = … }".to_owned()))),
            (_, DeValue::String(text)) => self.read_entry(text),
            (Self::TaskTypes | Self::Models, DeValue::Table(_)) => {
                Err(bad(Some("a name with a dot in it stands in quotes".to_owned())))
            }
            _ => Err(bad(None)),
        }
    }

    fn add(self, map: &mut BTreeMap<String, Value>, name: &str, value: Value) -> Result<(), BadValue> {
        let own = self.entry_name(name)?;
        match map.insert(own.clone(), value) {
            None => Ok(()),
            Some(_) => Err(self.bad(format!("`{name}`"), Some(format!("{own} is there twice")))),
        }
    }

    /// What an entry's value has to be, for people.
    fn wanted_value(self) -> &'static str {
        match self {
            Self::Variables => "a text",
            Self::Priorities | Self::TaskTypes | Self::Models => "a name of a model",
            Self::Prices => {
                "a price in USD per million tokens, INPUT/OUTPUT or INPUT/OUTPUT/CACHE_READ/CACHE_CREATE"
            }
        }
    }

    fn bad(self, found: String, why: Option<String>) -> BadValue {
        BadValue { found, wanted: self.allowed().to_owned(), why }
    }
}

fn priority(name: &str) -> Option<String> {
    let digit = name.strip_prefix('P').unwrap_or(name);
    matches!(digit, "0" | "1" | "2" | "3" | "4").then(|| format!("P{digit}"))
}

/// Anything on one line without quotes: people's and providers' names follow no rule.
fn free_name(name: &str) -> Option<String> {
    let fits = !name.is_empty()
        && name.trim() == name
        && !name.contains(|c: char| c.is_control() || matches!(c, '"' | '\''));
    fits.then(|| name.to_owned())
}

pub(super) fn is_variable_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown_as(kind: MapKind, text: &str) -> Result<String, String> {
        kind.read_text(text).map(|map| map.to_string()).map_err(|bad| bad.to_string())
    }

    #[test]
    fn maps_are_read_from_pairs_and_from_toml() {
        for (kind, text, map) in [
            (MapKind::Priorities, "0=opus,P2=haiku", "P0=opus,P2=haiku"),
            (MapKind::Priorities, "{ 0 = 'opus', P2 = \"haiku\" }", "P0=opus,P2=haiku"),
            (MapKind::TaskTypes, "bug = a , x/y.z=b", "bug=a,x/y.z=b"),
            (MapKind::Models, "claude-opus-4.1[1m]=org/gpt-5.1", "claude-opus-4.1[1m]=org/gpt-5.1"),
            (MapKind::Prices, "gpt-5.1=1/2,a=3/4/5/6", "a=3/4/5/6,gpt-5.1=1/2/1/1"),
            (MapKind::Prices, "{ 'gpt-5.1' = { input = 1, output = 2 } }", "gpt-5.1=1/2/1/1"),
        ] {
            assert_eq!(shown_as(kind, text).as_deref(), Ok(map), "{text}");
        }
    }

    #[test]
    fn names_and_values_that_dont_fit_are_told_apart() {
        for (kind, text, told) in [
            (MapKind::Priorities, "P5=x", "`P5` is not a priority, P0 to P4 or 0 to 4"),
            (MapKind::Priorities, "p0=x", "`p0` is not a priority"),
            (MapKind::Priorities, "00=x", "`00` is not a priority"),
            (MapKind::Priorities, "P0=", "`` is not a name of a model"),
            (MapKind::Priorities, "0=x,P0=y", "P0 is there twice"),
            (MapKind::TaskTypes, "=x", "`` is not a type of tasks"),
            (MapKind::TaskTypes, "bug", "write NAME=VALUE"),
            (MapKind::Models, "{ a.b = 'x' }", "a name with a dot in it stands in quotes"),
            (MapKind::Models, "{ a = 1 }", "the number 1 is not a name of a model"),
            (MapKind::Prices, "a=1", "two or four numbers"),
            (MapKind::Prices, "{ a.5 = { input = 1, output = 2 } }", "stands in quotes"),
            (MapKind::Prices, "{ a = '1/2' }", "write { input"),
        ] {
            let error = shown_as(kind, text).unwrap_err();
            assert!(error.contains(told), "{text}: {error}");
        }
    }
}
