//! Which settings hold secrets, as far as names tell, and how their values are shown where they may stay.

use std::borrow::Cow;
use std::fmt;

use super::kind::Kind;
use super::lookup::{Found, find};
use super::map_kind::MapKind;
use super::value::Value;

/// What stands for a secret.
pub const LEFT_OUT: &str = "(left out)";

/// Words in a variable's name that make its value a secret.
pub(super) const SECRET_WORDS: [&str; 6] = ["KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "CREDENTIAL"];

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
        Self::longest_first(variables.into_iter().filter(is_secret).map(|(_, value)| value).collect())
    }

    /// A value may be the beginning of another: the longer one goes first.
    fn longest_first(mut values: Vec<String>) -> Self {
        values.sort_by(|a, b| b.len().cmp(&a.len()).then(a.cmp(b)));
        values.dedup();
        Self(values)
    }

    /// These and those of more variables.
    #[must_use]
    pub fn and(&self, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        Self::longest_first([self.0.clone(), Self::of(variables).0].concat())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
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

/// Words in a flag's name that make its value a secret; `tokens` is a number.
const SECRET_FLAG_WORDS: [&str; 8] =
    ["key", "apikey", "token", "secret", "password", "passwd", "credential", "credentials"];

/// Arguments of a program as they may stand in a log or a record: the value of `--api-key`, `--token=…`, a header that
/// authorizes.
pub fn shown_args(args: &[String]) -> Vec<String> {
    let mut shown: Vec<String> = Vec::with_capacity(args.len());
    let mut is_secret_next = false;
    for arg in args {
        let is_value = !arg.starts_with('-') && !is_placeholder(arg);
        let is_secret = std::mem::replace(&mut is_secret_next, is_secret_flag(arg)) && is_value;
        shown.push(if is_secret { LEFT_OUT.to_owned() } else { shown_arg(arg) });
    }
    shown
}

fn shown_arg(arg: &str) -> String {
    if let Some((name, _)) = arg.split_once(':').filter(|(name, _)| is_secret_header(name)) {
        return format!("{name}: {LEFT_OUT}");
    }
    match arg.split_once('=') {
        Some((name, value)) if has_secret_word(name) && !is_placeholder(value) => {
            format!("{name}={LEFT_OUT}")
        }
        _ => arg.to_owned(),
    }
}

/// A header's name, behind a flag perhaps.
fn is_secret_header(name: &str) -> bool {
    let name = name.rsplit('=').next().unwrap_or_default();
    name.eq_ignore_ascii_case("authorization") || (!name.contains(' ') && has_secret_word(name))
}

/// hew fills it in, with nothing that is secret.
fn is_placeholder(value: &str) -> bool {
    value.starts_with('{') && value.ends_with('}')
}

/// A flag whose value is the next argument.
fn is_secret_flag(arg: &str) -> bool {
    arg.starts_with('-') && !arg.contains('=') && has_secret_word(arg)
}

fn has_secret_word(name: &str) -> bool {
    let lower = name.to_lowercase();
    let mut words = lower.split(|c: char| !c.is_ascii_alphanumeric());
    words.any(|word| SECRET_FLAG_WORDS.contains(&word))
}

/// A setting's value as it may stand in a log or a record: variables and arguments that hold secrets are left out.
pub fn shown_value(key: &str, value: &Value) -> Value {
    let of_runtime = key.strip_prefix("loop.runtime_defs.").and_then(|rest| rest.rsplit('.').next());
    if matches!(of_runtime, Some("args" | "call_args")) {
        return shown_list(value);
    }
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

/// A list of arguments, also where it is kept as text.
fn shown_list(value: &Value) -> Value {
    match value {
        Value::List(args) => Value::List(shown_args(args)),
        Value::Text(text) => match Kind::List.read_text(text) {
            Ok(list) => Value::Text(shown_list(&list).to_string()),
            Err(_) => left_out(),
        },
        other => other.clone(),
    }
}

fn left_out() -> Value {
    Value::Text(LEFT_OUT.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_that_hold_secrets_are_left_out() {
        for (args, shown) in [
            ("run --api-key s --model m", "run --api-key (left out) --model m"),
            ("--token=s --max-tokens 5 --max_tokens=5", "--token=(left out) --max-tokens 5 --max_tokens=5"),
            ("-c provider.key=s --key -x", "-c provider.key=(left out) --key -x"),
            ("--password {model} X_API_KEY=s", "--password {model} X_API_KEY=(left out)"),
            ("-c env=[OPENAI_API_KEY] exec", "-c env=[OPENAI_API_KEY] exec"),
        ] {
            let words: Vec<String> = args.split(' ').map(str::to_owned).collect();
            assert_eq!(shown_args(&words).join(" "), shown);
        }
        let header = ["-H".to_owned(), "Authorization: Bearer s".to_owned()];
        assert_eq!(shown_args(&header)[1], "Authorization: (left out)");
        let header = ["--header=authorization: Bearer s".to_owned(), "X-Api-Key: s".to_owned()];
        assert_eq!(shown_args(&header), ["--header=authorization: (left out)", "X-Api-Key: (left out)"]);
        let call = shown_value(
            "loop.runtime_defs.x.call_args",
            &Kind::List.read_text("[\"--token\", \"s\"]").unwrap(),
        );
        assert!(!call.to_string().contains("\"s\""));
        let list = Kind::List.read_text("[\"--token\", \"s\"]").unwrap();
        let key = "loop.runtime_defs.x.args";
        assert!(!shown_value(key, &list).to_string().contains("\"s\""));
        let text = Value::Text("[\"--token\", \"s3cret\", \"a,b\"]".to_owned());
        let shown = shown_value(key, &text).to_string();
        assert!(shown.contains(LEFT_OUT) && !shown.contains("s3cret") && shown.contains("a,b"), "{shown}");
    }

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
