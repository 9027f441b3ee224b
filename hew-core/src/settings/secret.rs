//! Which settings hold secrets, as far as names tell, and how their values are shown where they may stay.

use std::borrow::Cow;
use std::fmt;

use super::Value;
use super::lookup::{Found, find};
use super::map_kind::MapKind;

/// What stands for a secret.
pub const LEFT_OUT: &str = "(left out)";

/// Words in a variable's name that make its value a secret.
const SECRET_WORDS: [&str; 6] = ["KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "CREDENTIAL"];

/// A secret of fewer characters is too much like an ordinary word to be looked for in text.
const SHORTEST: usize = 8;

/// A variable of this name holds a secret, as far as names tell. `GIT_CONFIG_KEY_0` and its kin are hew's own.
pub fn is_secret_name(name: &str) -> bool {
    let upper = name.to_uppercase();
    !name.starts_with("GIT_CONFIG_") && SECRET_WORDS.iter().any(|word| upper.contains(word))
}

/// Values that may not be shown, wherever in a text they stand.
#[derive(Clone, Default)]
pub struct SecretValues(Vec<String>);

impl SecretValues {
    /// Of these variables and values: those with the name of a secret and at least eight characters.
    pub fn of(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let is_secret =
            |(name, value): &(String, String)| is_secret_name(name) && value.chars().count() >= SHORTEST;
        let mut values: Vec<String> =
            variables.into_iter().filter(is_secret).map(|(_, value)| value).collect();
        // A value may be the beginning of another: the longer one goes first.
        values.sort_by(|a, b| b.len().cmp(&a.len()).then(a.cmp(b)));
        values.dedup();
        Self(values)
    }

    /// The text without them.
    pub fn left_out_of<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut text = Cow::Borrowed(text);
        for value in &self.0 {
            if text.contains(value.as_str()) {
                text = Cow::Owned(text.replace(value.as_str(), LEFT_OUT));
            }
        }
        text
    }
}

/// Says how many there are, and none of them.
impl fmt::Debug for SecretValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretValues({})", self.0.len())
    }
}

/// A setting's value as it may stand in a log or a record: variables that hold secrets are left out.
pub fn shown_value(key: &str, value: &Value) -> Value {
    match (find(key), value) {
        (Found::Entry(_, MapKind::Variables, name), _) if is_secret_name(name) => left_out(),
        (Found::Key(_), Value::Map(map)) => {
            let entries =
                map.iter().map(|(name, value)| (name.clone(), shown_value(&format!("{key}.{name}"), value)));
            Value::Map(entries.collect())
        }
        _ => value.clone(),
    }
}

fn left_out() -> Value {
    Value::Text(LEFT_OUT.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Kind;

    #[test]
    fn values_of_secrets_are_left_out_wherever_they_stand() {
        let variable = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let secrets = SecretValues::of([
            variable("API_KEY", "12345678"),
            variable("OTHER_TOKEN", "123456789"),
            variable("SHORT_KEY", "1234567"),
            variable("HOME", "/home/ada"),
        ]);
        let shown = secrets.left_out_of("a 123456789 b 12345678 c 1234567 d /home/ada");
        assert_eq!(shown, "a (left out) b (left out) c 1234567 d /home/ada");
        assert_eq!(format!("{secrets:?}"), "SecretValues(2)");
        assert!(matches!(secrets.left_out_of("nothing"), Cow::Borrowed("nothing")));
    }

    #[test]
    fn only_variables_with_the_name_of_a_secret_are_left_out() {
        let shown = |key, text: &str| shown_value(key, &Value::Text(text.to_owned())).to_string();
        assert_eq!(shown("loop.runtime_defs.x.env.API_KEY", "s"), LEFT_OUT);
        assert_eq!(shown("loop.runtime_defs.x.env.MODE", "fast"), "fast");
        assert_eq!(shown("loop.runtime_defs.x.models.key", "m"), "m");
        assert_eq!(shown("loop.runtime", "token"), "token");
        let map = Kind::Map(MapKind::Variables).read_text("API_KEY=s,MODE=fast").unwrap();
        assert_eq!(
            shown_value("loop.runtime_defs.x.env", &map).to_string(),
            format!("API_KEY={LEFT_OUT},MODE=fast")
        );
    }
}
