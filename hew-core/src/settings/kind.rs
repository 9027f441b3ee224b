//! What a key may hold: one kind each, which reads a value from text (flags, environment, `hew config set`) and from TOML.

use toml::de::DeValue;

use super::bytes::parse_bytes;
use super::duration::parse_duration;
use super::map_kind::{MapKind, is_variable_name};
use super::price::toml_amount;
use super::secret::is_secret_name;
use super::target::{DEFAULT_PORT, Target};
use super::temperature::Temperature;
use super::usd::Usd;
use super::value::Value;

/// What a key may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Flag,
    /// A whole number within these bounds.
    Count {
        /// Smallest.
        min: u64,
        /// Largest.
        max: u64,
    },
    /// A length of time; zero only where that means something.
    Duration {
        /// Zero is allowed.
        zero: bool,
    },
    /// A size in bytes.
    Bytes,
    /// An amount of US dollars above zero.
    Usd,
    /// A number from 0 to 2.
    Temperature,
    /// A whole number of hundredths, written with `%`.
    Percent,
    /// Any text that is not empty.
    Text,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Letters, digits, `-` and `_`.
    Name,
    /// The first part of a branch's name.
    RefPrefix,
    /// The address of a server, without a key in it.
    Url,
    /// The name of an environment variable that holds a secret, and says so.
    SecretVariable,
    /// A folder: absolute, or below the home folder as `~/…`.
    Folder,
    /// Folders as [`Kind::Folder`] has them.
    Folders,
    /// Hosts, each perhaps with a port.
    Hosts,
    /// Texts.
    List,
    /// Names as [`Kind::Name`] has them.
    Names,
    /// Paths inside the project.
    Paths,
    /// Names of environment variables; a `*` at the end stands for any rest.
    Variables,
    /// Names with a value each.
    Map(MapKind),
}

/// A value that its key can't hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found} is not {wanted}{}", why.as_ref().map(|why| format!(": {why}")).unwrap_or_default())]
pub struct BadValue {
    /// What was found, quoted, or its type.
    pub found: String,
    /// What is allowed.
    pub wanted: String,
    /// What is wrong with it, where that is more than its type.
    pub why: Option<String>,
}

impl Kind {
    /// What is allowed, for people.
    pub fn allowed(&self) -> String {
        match self {
            Self::Flag => "true or false".to_owned(),
            Self::Count { min, max } if *max >= u64::from(u32::MAX) => {
                format!("a whole number, at least {min}")
            }
            Self::Count { min, max } => format!("a whole number from {min} to {max}"),
            Self::Duration { zero: true } => "a duration like 45s, 90m, 1h30m or 2d".to_owned(),
            Self::Duration { zero: false } => "a duration above zero, like 45s, 90m, 1h30m or 2d".to_owned(),
            Self::Bytes => "a size like 200MiB, or a number of bytes".to_owned(),
            Self::Usd => "an amount of US dollars above zero, like 5 or 2.50".to_owned(),
            Self::Temperature => "a number from 0 to 2, like 0.2".to_owned(),
            Self::Percent => "a percentage from 0% to 100%".to_owned(),
            Self::Text => "text that is not empty".to_owned(),
            Self::Choice([word]) => format!("`{word}`"),
            Self::Choice(words) => format!("one of {}", words.join(", ")),
            Self::Name => "a name of letters, digits, - and _".to_owned(),
            Self::RefPrefix => "the first part of a branch name".to_owned(),
            Self::Url => "an address like http://127.0.0.1:11434/v1, without a key".to_owned(),
            Self::SecretVariable => {
                "the name of a variable with KEY, TOKEN, SECRET, PASSWORD or CREDENTIAL in it".to_owned()
            }
            Self::Folder => "an absolute folder, or one below ~/".to_owned(),
            Self::Folders => "a list of folders, absolute or below ~/".to_owned(),
            Self::Hosts => {
                "a list of hosts, each perhaps with a port, like example.org or 127.0.0.1:5432".to_owned()
            }
            Self::List => "a list of texts".to_owned(),
            Self::Names => "a list of names of letters, digits, - and _".to_owned(),
            Self::Paths => "a list of paths inside the project".to_owned(),
            Self::Variables => "a list of variable names, each perhaps ending with *".to_owned(),
            Self::Map(map) => map.allowed().to_owned(),
        }
    }

    /// The kind in a word, for tables.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Flag => "flag",
            Self::Count { .. } | Self::Temperature => "number",
            Self::Duration { .. } => "duration",
            Self::Bytes => "size",
            Self::Usd => "amount",
            Self::Percent => "percentage",
            Self::Choice(_) => "choice",
            Self::Text | Self::RefPrefix | Self::Name | Self::Url | Self::SecretVariable => "text",
            Self::Folder => "folder",
            Self::List | Self::Names | Self::Paths | Self::Folders | Self::Hosts | Self::Variables => "list",
            Self::Map(_) => "map",
        }
    }

    /// Reads a value from text. Lists and maps may be given with commas or as TOML.
    pub fn read_text(&self, text: &str) -> Result<Value, BadValue> {
        let bad = || self.bad(format!("`{text}`"), None);
        match self {
            Self::Flag => text.parse().map(Value::Flag).map_err(|_| bad()),
            Self::Count { .. } => match text.parse() {
                Ok(count) => self.checked_count(count),
                Err(_) => Err(self.bad(format!("`{text}`"), count_spelled_out(text))),
            },
            Self::Usd => self.checked_usd(text, Usd::parse(text.trim()).map_err(|error| error.to_string())),
            Self::Temperature => Temperature::parse(text).map(Value::Temperature).ok_or_else(bad),
            Self::List | Self::Names | Self::Paths | Self::Folders | Self::Hosts | Self::Variables => {
                match text.trim_start() {
                    inline if inline.starts_with('[') => self.read_inline(text),
                    _ => self.checked_list(split_commas(text)),
                }
            }
            Self::Map(map) => map.read_text(text),
            _ => self.read_scalar(text),
        }
    }

    /// Reads a value from a settings file. The types of TOML count: `"3"` is not a number.
    pub fn read_toml(&self, value: &DeValue<'_>) -> Result<Value, BadValue> {
        let wrong_type = || self.bad(shown(value), None);
        match (self, value) {
            (Self::Flag, DeValue::Boolean(flag)) => Ok(Value::Flag(*flag)),
            (Self::Count { .. }, DeValue::Integer(_)) => {
                self.checked_count(whole_number(value).ok_or_else(wrong_type)?)
            }
            (Self::Bytes, DeValue::Integer(_)) => {
                let count = whole_number(value).ok_or_else(wrong_type)?;
                Ok(Value::Bytes { count, written: count.to_string() })
            }
            (Self::Duration { .. } | Self::Percent, DeValue::Integer(number)) => {
                self.read_scalar(number.as_str())
            }
            (Self::Usd, DeValue::Integer(_) | DeValue::Float(_)) => {
                self.checked_usd(&shown(value), toml_amount(value))
            }
            (Self::Temperature, DeValue::Integer(_) | DeValue::Float(_)) => {
                let read = toml_amount(value).ok().and_then(Temperature::of_millionths);
                read.map(Value::Temperature).ok_or_else(wrong_type)
            }
            (
                Self::List | Self::Names | Self::Paths | Self::Folders | Self::Hosts | Self::Variables,
                DeValue::Array(items),
            ) => {
                let texts: Option<Vec<String>> =
                    items.iter().map(|item| item.get_ref().as_str().map(str::to_owned)).collect();
                self.checked_list(texts.ok_or_else(wrong_type)?)
            }
            (_, DeValue::String(text)) if self.is_written_as_text() => self.read_scalar(text),
            _ => Err(wrong_type()),
        }
    }

    /// In a settings file its values stand in quotes.
    fn is_written_as_text(&self) -> bool {
        matches!(
            self,
            Self::Duration { .. }
                | Self::Bytes
                | Self::Percent
                | Self::Text
                | Self::Choice(_)
                | Self::Name
                | Self::RefPrefix
                | Self::Url
                | Self::SecretVariable
                | Self::Folder
        )
    }

    fn read_scalar(&self, text: &str) -> Result<Value, BadValue> {
        let bad = |why: Option<String>| self.bad(format!("`{text}`"), why);
        match self {
            Self::Duration { zero } => {
                let length = parse_duration(text).map_err(|error| bad(Some(error.to_string())))?;
                if length.is_zero() && !zero {
                    return Err(bad(None));
                }
                Ok(Value::Duration { length, written: text.trim().to_owned() })
            }
            Self::Bytes => {
                let count = parse_bytes(text).map_err(|error| bad(Some(error.to_string())))?;
                Ok(Value::Bytes { count, written: text.trim().to_owned() })
            }
            Self::Percent => {
                let number = text.trim().strip_suffix('%').ok_or_else(|| {
                    let number = text.trim().parse::<u64>().ok();
                    bad(number.map(|number| format!("write {number}%")))
                })?;
                let is_number = number.trim_end().bytes().all(|c| c.is_ascii_digit());
                let percent =
                    number.trim_end().parse::<u8>().ok().filter(|percent| *percent <= 100 && is_number);
                percent.map(Value::Percent).ok_or_else(|| bad(None))
            }
            Self::Choice(words) if !words.contains(&text) => Err(bad(None)),
            Self::Name if !is_name(text) => Err(bad(None)),
            Self::RefPrefix if !is_ref_prefix(text) => Err(bad(None)),
            Self::Folder if !is_folder(text) => Err(bad(None)),
            // Whoever mistakes one of these for the place of a key has written the key.
            Self::Url if !is_url(text) => Err(self.bad("this text".to_owned(), None)),
            Self::SecretVariable if !is_secret_variable(text) => Err(self.bad("this text".to_owned(), None)),
            Self::Text if text.trim().is_empty() => {
                let (found, wanted) = ("an empty text".to_owned(), "allowed here".to_owned());
                Err(BadValue { found, wanted, why: None })
            }
            _ if text.trim().is_empty() => Err(bad(None)),
            _ if text.contains('\0') => Err(bad(None)),
            _ => Ok(Value::Text(text.to_owned())),
        }
    }

    fn checked_count(&self, count: u64) -> Result<Value, BadValue> {
        match self {
            Self::Count { min, max } if (min..=max).contains(&&count) => Ok(Value::Count(count)),
            _ => Err(self.bad(format!("`{count}`"), None)),
        }
    }

    fn checked_usd(&self, text: &str, read: Result<Usd, String>) -> Result<Value, BadValue> {
        match read {
            Ok(amount) if amount > Usd::default() => Ok(Value::Usd(amount)),
            Ok(_) => Err(self.bad(format!("`{text}`"), None)),
            Err(why) => Err(self.bad(format!("`{text}`"), Some(why))),
        }
    }

    fn checked_list(&self, items: Vec<String>) -> Result<Value, BadValue> {
        let fits = |item: &&String| match self {
            Self::Paths => is_inner_path(item),
            Self::Folders => is_folder(item) && !item.contains('\0'),
            Self::Hosts => Target::parse(item, DEFAULT_PORT).is_some(),
            Self::Names => is_name(item),
            Self::Variables => is_variable_name(item.strip_suffix('*').unwrap_or(item)),
            _ => !item.contains('\0'),
        };
        match items.iter().find(|item| !fits(item)) {
            Some(wrong) => Err(self.bad(format!("`{wrong}`"), Some("no such item is allowed".to_owned()))),
            None => Ok(Value::List(items)),
        }
    }

    fn read_inline(&self, text: &str) -> Result<Value, BadValue> {
        let parsed = DeValue::parse(text.trim())
            .map_err(|error| self.bad(format!("`{text}`"), Some(error.message().to_owned())))?;
        self.read_toml(parsed.get_ref())
    }

    fn bad(&self, found: String, why: Option<String>) -> BadValue {
        BadValue { found, wanted: self.allowed(), why }
    }
}

/// What to write instead of a number with a unit or with marks between its digits.
fn count_spelled_out(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(|c| !matches!(c, '_' | ',' | ' ' | '\'')).collect();
    let units = [('k', 1_000), ('K', 1_000), ('m', 1_000_000), ('M', 1_000_000), ('G', 1_000_000_000)];
    let unit = units.iter().find(|(unit, _)| digits.ends_with(*unit));
    let (number, times) =
        unit.map_or((digits.as_str(), 1), |(unit, times)| (digits.trim_end_matches(*unit), *times));
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let part: u64 = format!("{part:0<9}").get(..9)?.parse().ok()?;
    let whole: u64 = whole.parse().ok()?;
    let count = whole.checked_mul(times)?.checked_add(part * (times / 1_000) / 1_000_000)?;
    Some(format!("write {count}"))
}

/// A value of the wrong type, for people.
pub(super) fn shown(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("the text \"{text}\""),
        DeValue::Integer(number) => format!("the number {}", number.as_str()),
        DeValue::Float(number) => format!("the number {}", number.as_str()),
        DeValue::Boolean(flag) => format!("{flag}"),
        DeValue::Datetime(_) => "a date".to_owned(),
        DeValue::Array(_) => "this list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

fn whole_number(value: &DeValue<'_>) -> Option<u64> {
    let number = value.as_integer()?;
    u64::from_str_radix(number.as_str(), number.radix()).ok()
}

pub(super) fn split_commas(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

/// Letters, digits, `-` and `_`, not beginning with a `-` that a program would take for a flag.
pub(super) fn is_name(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    !text.is_empty() && !text.starts_with('-') && text.chars().all(fits)
}

/// A part of git's rules for ref names that leaves no room for surprises.
fn is_ref_prefix(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    text.split('/').all(|part| {
        part.starts_with(|c: char| c.is_ascii_alphanumeric())
            && part.chars().all(fits)
            && !part.contains("..")
            && !part.ends_with('.')
            && !part.to_ascii_lowercase().ends_with(".lock")
    })
}

/// A server's address: nothing in it but host and path.
fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let fits = |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '@' | '?' | '#');
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/') && rest.chars().all(fits))
}

/// What a shell can name, and what is kept out of records and away from gates by its name.
fn is_secret_variable(text: &str) -> bool {
    is_variable_name(text) && !text.starts_with(|c: char| c.is_ascii_digit()) && is_secret_name(text)
}

/// Absolute, or below the home folder.
fn is_folder(text: &str) -> bool {
    text.starts_with('/') || text.starts_with("~/")
}

/// Relative, never above the project and never inside git's own folder.
fn is_inner_path(text: &str) -> bool {
    let mut parts = text.split('/');
    !text.is_empty()
        && !text.contains('\0')
        && !text.starts_with('/')
        && parts.clone().next().is_some_and(|first| !first.eq_ignore_ascii_case(".git"))
        && parts.all(|part| part != "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(items: &[&str]) -> Value {
        Value::List(items.iter().map(|&item| item.to_owned()).collect())
    }

    #[test]
    fn text_is_read_by_its_kind() {
        let jobs = Kind::Count { min: 1, max: 16 };
        assert_eq!(jobs.read_text("16"), Ok(Value::Count(16)));
        assert_eq!(Kind::Flag.read_text("false"), Ok(Value::Flag(false)));
        assert_eq!(Kind::List.read_text("a, b"), Ok(list(&["a", "b"])));
        assert_eq!(Kind::List.read_text("[\"-p\", \"a,b\"]"), Ok(list(&["-p", "a,b"])));
        assert_eq!(Kind::List.read_text("[]"), Ok(list(&[])));
        let pairs = [("A", "1"), ("B", "x=y")].map(|(k, v)| (k.to_owned(), Value::Text(v.to_owned())));
        assert_eq!(
            Kind::Map(MapKind::Variables).read_text("B=x=y,A=1"),
            Ok(Value::Map(pairs.clone().into()))
        );
        assert_eq!(
            Kind::Map(MapKind::Variables).read_text("{ B = 'x=y', A = '1' }"),
            Ok(Value::Map(pairs.into()))
        );
    }

    #[test]
    fn what_a_kind_does_not_allow_is_refused() {
        let jobs = Kind::Count { min: 1, max: 16 };
        for (kind, wrong) in [
            (jobs, "0"),
            (jobs, "17"),
            (jobs, "-1"),
            (jobs, "many"),
            (Kind::Flag, "yes"),
            (Kind::Duration { zero: false }, "0s"),
            (Kind::Duration { zero: true }, "15"),
            (Kind::Bytes, "lots"),
            (Kind::Text, " "),
            (Kind::Choice(&["a", "b"]), "c"),
            (Kind::Usd, "0"),
            (Kind::Usd, "-1"),
            (Kind::Usd, "5 USD"),
            (Kind::Percent, "10"),
            (Kind::Percent, "101%"),
            (Kind::Percent, "-1%"),
            (Kind::Percent, "1.5%"),
            (Kind::Temperature, "2.5"),
            (Kind::Temperature, "-1"),
            (Kind::Url, "127.0.0.1:11434/v1"),
            (Kind::Url, "http:///v1"),
            (Kind::Url, "http://key@host/v1"),
            (Kind::Url, "http://host/v1?key=x"),
            (Kind::SecretVariable, "sk-abc-token"),
            (Kind::SecretVariable, "7UP_KEY"),
            (Kind::SecretVariable, "LLM"),
            (Kind::Names, "a,b.c"),
            (Kind::Name, "a.b"),
            (Kind::Name, "-a"),
            (Kind::RefPrefix, "a..b"),
            (Kind::RefPrefix, "a//b"),
            (Kind::RefPrefix, "-a"),
            (Kind::RefPrefix, "a.lock"),
            (Kind::Folder, "wt"),
            (Kind::Paths, "/etc/passwd"),
            (Kind::Paths, "a,../b"),
            (Kind::Paths, ".git/config"),
            (Kind::Hosts, "example.org,*.example.org"),
            (Kind::Hosts, "https://example.org"),
            (Kind::Variables, "PATH,A*B"),
            (Kind::List, "[1]"),
            (Kind::List, "[\"a\""),
            (Kind::Map(MapKind::Variables), "A"),
            (Kind::Map(MapKind::Variables), "A-B=1"),
            (Kind::Map(MapKind::Variables), "{ A = 1 }"),
        ] {
            assert!(kind.read_text(wrong).is_err(), "{kind:?} {wrong}");
        }
    }

    #[test]
    fn a_bad_value_says_what_is_allowed_and_why() {
        let message = |kind: Kind, text| kind.read_text(text).unwrap_err().to_string();
        assert_eq!(message(Kind::Choice(&["task"]), "end"), "`end` is not `task`");
        assert_eq!(
            message(Kind::Duration { zero: true }, "15"),
            "`15` is not a duration like 45s, 90m, 1h30m or 2d: 15 has no unit; write 15s, 15m or 15h"
        );
    }
}
