//! The answer of a model that was asked for JSON.

use serde_json::{Map, Value};

use crate::cut::beginning;

/// Most bytes of an answer that are looked at: no helper asks for as much.
const MAX_LOOKED_AT: usize = 64 * 1024;

/// The first balanced JSON object of a text, whatever stands around it: words, a fence, another object.
pub fn first_object(text: &str) -> Option<Map<String, Value>> {
    let text = beginning(text, MAX_LOOKED_AT);
    let mut from = 0;
    loop {
        let start = from + text[from..].find('{')?;
        match object_at(&text[start..]) {
            Ok(object) => return Some(object),
            // What stands behind the brace may begin one all the same.
            Err(()) => from = start + 1,
        }
    }
}

fn object_at(text: &str) -> Result<Map<String, Value>, ()> {
    let mut read = serde_json::Deserializer::from_str(text).into_iter::<Map<String, Value>>();
    read.next().and_then(Result::ok).ok_or(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn found(text: &str) -> Value {
        first_object(text).map_or(Value::Null, Value::Object)
    }

    #[test]
    fn the_first_object_counts_whatever_stands_around_it() {
        for (text, object) in [
            (r#"{"a": 1}"#, json!({"a": 1})),
            (
                "Sure!\n```json\n{\"a\": {\"b\": [\"}\", \"{\"]}}\n```\nBye {\"c\": 2}.",
                json!({"a": {"b": ["}", "{"]}}),
            ),
            (r#"use {braces} like {this: 1} or {"a": "\"}"} so"#, json!({"a": "\"}"})),
            (r#"[{"a": null}]"#, json!({"a": null})),
            ("{}", json!({})),
            (r#"{"a": 1"#, Value::Null),
            (r#"{"a": {"b": 1}"#, json!({"b": 1})),
            ("no object", Value::Null),
            ("", Value::Null),
        ] {
            assert_eq!(found(text), object, "{text}");
        }
    }

    #[test]
    fn what_is_hostile_is_read_in_reasonable_time() {
        for piece in ["{", "{\"", "{\"a\":", "[{\"a\":[", "{\"a\":\"{"] {
            assert_eq!(found(&piece.repeat(40_000)), Value::Null, "{piece}");
        }
        let far = format!("{}{{\"a\":1}}", "é".repeat(MAX_LOOKED_AT));
        assert_eq!(found(&far), Value::Null);
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "\\PC{0,8}".prop_map(Value::from),
            "[\\\\\"{}\\[\\]:,`\n]{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-z{}\"]{0,4}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn an_object_is_found_in_any_prose(
            fields in prop::collection::btree_map("[a-z]{1,4}", value(), 0..4),
            before in "[^{]{0,40}",
            after in "\\PC{0,40}",
            is_pretty in any::<bool>(),
        ) {
            let object = Value::Object(fields.into_iter().collect());
            let json = if is_pretty { format!("{object:#}") } else { object.to_string() };
            prop_assert_eq!(found(&format!("{before}{json}{after}")), object);
        }

        #[test]
        fn no_text_is_too_odd(text in "[{}\"\\\\a:,\\[\\]é]{0,60}") {
            if let Some(object) = first_object(&text) {
                prop_assert!(text.contains('{') && text.contains('}'), "{object:?}");
            }
        }
    }
}
