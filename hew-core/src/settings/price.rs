//! What a model costs: USD per million tokens, by kind of token.
//!
//! In TOML a table, `{ input = 15, output = 75, cache_read = 1.5, cache_create = 18.75 }`; in one word
//! `15/75/1.5/18.75`. Without prices of their own, tokens read from a cache or written to it cost what input costs.

use std::fmt;

use toml::de::{DeTable, DeValue};

use super::usd::Usd;

/// USD per million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price {
    /// Input that was not cached.
    pub input: Usd,
    /// Output, reasoning included.
    pub output: Usd,
    /// Input read from the provider's cache.
    pub cache_read: Usd,
    /// Input written to the provider's cache.
    pub cache_create: Usd,
}

impl Price {
    /// The four by the names they have in a file.
    pub fn parts(&self) -> [(&'static str, Usd); 4] {
        [
            ("input", self.input),
            ("output", self.output),
            ("cache_read", self.cache_read),
            ("cache_create", self.cache_create),
        ]
    }

    /// Reads `15/75` or `15/75/1.5/18.75`, or a table of TOML. The error says what is wrong.
    pub(super) fn read_text(text: &str) -> Result<Self, String> {
        if text.trim_start().starts_with('{') {
            let parsed = DeValue::parse(text.trim()).map_err(|error| error.message().to_owned())?;
            return match parsed.get_ref() {
                DeValue::Table(table) => Self::read_toml(table),
                _ => Err("write it as a table".to_owned()),
            };
        }
        let amounts: Result<Vec<Usd>, String> = text.split('/').map(amount).collect();
        match amounts?[..] {
            [input, output] => Ok(Self { input, output, cache_read: input, cache_create: input }),
            [input, output, cache_read, cache_create] => Ok(Self { input, output, cache_read, cache_create }),
            _ => Err("two or four numbers are needed".to_owned()),
        }
    }

    /// Reads a table of TOML. The error says what is wrong.
    pub(super) fn read_toml(table: &DeTable<'_>) -> Result<Self, String> {
        let (mut input, mut output, mut cache_read, mut cache_create) = (None, None, None, None);
        for (name, value) in table {
            let part = match name.get_ref().as_ref() {
                "input" => &mut input,
                "output" => &mut output,
                "cache_read" => &mut cache_read,
                "cache_create" => &mut cache_create,
                other => {
                    return Err(format!(
                        "`{other}` is none of input, output, cache_read and cache_create \
                         (a model's name with a dot in it stands in quotes)"
                    ));
                }
            };
            *part = Some(toml_amount(value.get_ref())?);
        }
        let input = input.ok_or("input is missing")?;
        Ok(Self {
            input,
            output: output.ok_or("output is missing")?,
            cache_read: cache_read.unwrap_or(input),
            cache_create: cache_create.unwrap_or(input),
        })
    }
}

fn amount(text: &str) -> Result<Usd, String> {
    Usd::parse(text.trim()).map_err(|error| format!("`{text}`: {error}"))
}

/// An amount in a settings file: a number.
pub(super) fn toml_amount(value: &DeValue<'_>) -> Result<Usd, String> {
    match value {
        DeValue::Integer(number) if number.radix() == 10 => amount(number.as_str()),
        DeValue::Float(number) => amount(number.as_str()),
        _ => Err("amounts are numbers without quotes".to_owned()),
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/{}", self.input, self.output, self.cache_read, self.cache_create)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_read_in_both_forms_and_read_back() {
        for (text, shown) in [
            ("15/75", "15/75/15/15"),
            ("15/75/1.50/18.75", "15/75/1.5/18.75"),
            ("0 / 0", "0/0/0/0"),
            ("{ input = 15, output = 75.0, cache_read = 1.5 }", "15/75/1.5/15"),
            ("{ input = 1_000, output = 0.25 }", "1000/0.25/1000/1000"),
        ] {
            let price = Price::read_text(text).unwrap();
            assert_eq!(price.to_string(), shown, "{text}");
            assert_eq!(Price::read_text(shown), Ok(price));
        }
    }

    #[test]
    fn what_is_no_price_says_why() {
        for (text, why) in [
            ("15", "two or four numbers"),
            ("15/75/1", "two or four numbers"),
            ("15/-1", "`-1`"),
            ("15/", "``"),
            ("{ input = 15 }", "output is missing"),
            ("{ input = 15, output = 75, cached = 1 }", "`cached` is none of"),
            ("{ input = '15', output = 75 }", "without quotes"),
            ("{ input = -1, output = 75 }", "`-1`"),
            ("{ input = inf, output = 75 }", "`inf`"),
            ("{ input = 1", ""),
        ] {
            let told = Price::read_text(text).unwrap_err();
            assert!(told.contains(why), "{text}: {told}");
        }
    }
}
