//! Which settings hold secrets, as far as names tell, and how their values are shown where they may stay.

use super::Value;
use super::lookup::{Found, find};
use super::map_kind::MapKind;

/// What stands for a secret.
pub const LEFT_OUT: &str = "(left out)";

/// Words in a variable's name that make its value a secret.
const SECRET_WORDS: [&str; 6] = ["KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "CREDENTIAL"];

/// A variable of this name holds a secret, as far as names tell. `GIT_CONFIG_KEY_0` and its kin are hew's own.
pub fn is_secret_name(name: &str) -> bool {
    let upper = name.to_uppercase();
    !name.starts_with("GIT_CONFIG_") && SECRET_WORDS.iter().any(|word| upper.contains(word))
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
