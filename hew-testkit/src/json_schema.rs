//! As much of JSON Schema as hew's own schemas use: whether a value is of its schema, and what is in it that the schema
//! does not name. Readers are to pass over fields that they don't know; a test of what hew writes must not.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// Everything that is wrong with a value, each with the place; a word of JSON Schema that is not known here is wrong too.
pub fn problems(schema: &Value, value: &Value) -> Vec<String> {
    Checker { root: schema }.whole(schema, value, "$").problems
}

#[derive(Default)]
struct Found {
    problems: Vec<String>,
    /// Fields that some part of the schema names.
    named: BTreeSet<String>,
    /// The schema says which fields there are.
    is_closed: bool,
}

impl Found {
    fn add(&mut self, at: &str, problem: &str) {
        self.problems.push(format!("{at}: {problem}"));
    }

    fn merge(&mut self, other: Self) {
        self.problems.extend(other.problems);
        self.named.extend(other.named);
        self.is_closed |= other.is_closed;
    }
}

struct Checker<'a> {
    root: &'a Value,
}

impl Checker<'_> {
    /// A value of its own, all of whose fields have to be named.
    fn whole(&self, schema: &Value, value: &Value, at: &str) -> Found {
        let mut found = self.look(schema, value, at);
        if found.is_closed {
            let fields = value.as_object().into_iter().flat_map(Map::keys);
            let surplus: Vec<String> = fields.filter(|name| !found.named.contains(*name)).cloned().collect();
            for name in surplus {
                found.add(at, &format!("{name} is not in the schema"));
            }
        }
        found
    }

    fn look(&self, schema: &Value, value: &Value, at: &str) -> Found {
        let mut found = Found::default();
        let rules = match schema {
            Value::Object(rules) => rules,
            Value::Bool(true) => return found,
            _ => {
                found.add(at, "nothing is allowed here");
                return found;
            }
        };
        for (word, rule) in rules {
            self.rule(word, rule, value, at, &mut found);
        }
        if let Some(more) = rules.get("additionalProperties") {
            self.more(more, value, at, &mut found);
        }
        found
    }

    fn rule(&self, word: &str, rule: &Value, value: &Value, at: &str, found: &mut Found) {
        let mut unless = |holds: bool| {
            if !holds {
                found.add(at, &format!("{value} is not of {word} {rule}"));
            }
        };
        let amount = |value: &Value| value.as_f64();
        match word {
            "type" => unless(words(rule).any(|name| is_of_type(name, value))),
            "const" => unless(rule == value),
            "enum" => unless(rule.as_array().is_some_and(|all| all.contains(value))),
            "minimum" => unless(amount(value).is_none_or(|number| Some(number) >= amount(rule))),
            "maximum" => unless(amount(value).is_none_or(|number| Some(number) <= amount(rule))),
            "minItems" => {
                unless(value.as_array().is_none_or(|all| all.len() as u64 >= rule.as_u64().unwrap_or(0)));
            }
            "maxItems" => {
                unless(value.as_array().is_none_or(|all| all.len() as u64 <= rule.as_u64().unwrap_or(0)));
            }
            "required" => {
                for name in words(rule).filter(|name| value.is_object() && value.get(*name).is_none()) {
                    found.add(at, &format!("{name} is missing"));
                }
            }
            "properties" => {
                found.is_closed = true;
                for (name, below) in rule.as_object().into_iter().flatten() {
                    found.named.insert(name.clone());
                    let below =
                        value.get(name).map(|value| self.whole(below, value, &format!("{at}.{name}")));
                    found.problems.extend(below.map(|below| below.problems).unwrap_or_default());
                }
            }
            "items" | "prefixItems" => {
                for (number, value) in value.as_array().into_iter().flatten().enumerate() {
                    let below = if word == "items" { Some(rule) } else { rule.get(number) };
                    let below = below.map(|below| self.whole(below, value, &format!("{at}[{number}]")));
                    found.problems.extend(below.map(|below| below.problems).unwrap_or_default());
                }
            }
            "$ref" => {
                let place = rule.as_str().and_then(|place| place.strip_prefix('#'));
                match place.and_then(|place| self.root.pointer(place)) {
                    Some(schema) => found.merge(self.look(schema, value, at)),
                    None => found.add(at, &format!("{rule} leads nowhere")),
                }
            }
            "allOf" => {
                rule.as_array()
                    .into_iter()
                    .flatten()
                    .for_each(|schema| found.merge(self.look(schema, value, at)));
            }
            "oneOf" | "anyOf" => self.some_of(word, rule, value, at, found),
            "$schema" | "$defs" | "title" | "description" | "default" | "format" | "additionalProperties" => {
            }
            _ => found.add(at, &format!("the word {word} is not known here")),
        }
    }

    fn some_of(&self, word: &str, rule: &Value, value: &Value, at: &str, found: &mut Found) {
        let all: Vec<Found> =
            rule.as_array().into_iter().flatten().map(|schema| self.look(schema, value, at)).collect();
        let (fitting, others): (Vec<Found>, Vec<Found>) =
            all.into_iter().partition(|one| one.problems.is_empty());
        if fitting.is_empty() {
            // The one of its own kind that comes closest says best what is wrong.
            let is_other_kind =
                |one: &Found| one.problems.iter().any(|text| text.contains("is not of const"));
            let distance = |one: &Found| (is_other_kind(one), one.problems.len());
            let closest = others.into_iter().min_by_key(distance).unwrap_or_default();
            found.add(at, &format!("none of {word} fits; closest:"));
            found.merge(closest);
        } else if word == "oneOf" && fitting.len() > 1 {
            found.add(at, &format!("{} of oneOf fit", fitting.len()));
        } else {
            for one in fitting {
                found.merge(one);
            }
        }
    }

    /// Fields beyond those that are named.
    fn more(&self, rule: &Value, value: &Value, at: &str, found: &mut Found) {
        found.is_closed = true;
        for (name, value) in value.as_object().into_iter().flatten() {
            if *rule != Value::Bool(false) && found.named.insert(name.clone()) {
                let below = self.whole(rule, value, &format!("{at}.{name}"));
                found.problems.extend(below.problems);
            }
        }
    }
}

/// A word, or a list of them.
fn words(rule: &Value) -> impl Iterator<Item = &str> {
    rule.as_array().map_or(std::slice::from_ref(rule), Vec::as_slice).iter().filter_map(Value::as_str)
}

fn is_of_type(name: &str, value: &Value) -> bool {
    match value {
        Value::Null => name == "null",
        Value::Bool(_) => name == "boolean",
        Value::Number(number) => name == "number" || name == "integer" && !number.is_f64(),
        Value::String(_) => name == "string",
        Value::Array(_) => name == "array",
        Value::Object(_) => name == "object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_is_held_to_its_schema_and_to_the_names_in_it() {
        let schema = json!({
            "type": "object", "required": ["id"],
            "properties": { "id": { "type": ["integer", "null"], "minimum": 1 }, "rest": true,
                            "any": { "type": "object", "additionalProperties": { "type": "string" } } },
            "oneOf": [
                { "properties": { "kind": { "const": "a" } }, "required": ["kind"] },
                { "properties": { "kind": { "const": "b" }, "list": { "items": { "$ref": "#/$defs/word" } } },
                  "required": ["kind"] },
            ],
            "$defs": { "word": { "enum": ["x", "y"] } },
        });
        let cases = [
            (json!({"id": 1, "kind": "a", "rest": {"anything": 1}, "any": {"a": "b"}}), ""),
            (json!({"id": null, "kind": "b", "list": ["x", "y"]}), ""),
            (json!({"kind": "a"}), "$: id is missing"),
            (json!({"id": 0, "kind": "a"}), "$.id: 0 is not of minimum 1"),
            (json!({"id": 1.5, "kind": "a"}), "$.id: 1.5 is not of type [\"integer\",\"null\"]"),
            (json!({"id": 1, "kind": "a", "more": 1}), "$: more is not in the schema"),
            (json!({"id": 1, "kind": "a", "list": []}), "$: list is not in the schema"),
            (json!({"id": 1, "kind": "b", "list": ["z"]}), "$.list[0]: \"z\" is not of enum [\"x\",\"y\"]"),
            (json!({"id": 1, "kind": "c"}), "$: none of oneOf fits; closest:"),
            (json!({"id": 1, "kind": "a", "any": {"a": 1}}), "$.any.a: 1 is not of type \"string\""),
        ];
        for (value, expected) in cases {
            let found = problems(&schema, &value).join("\n");
            assert!(
                if expected.is_empty() { found.is_empty() } else { found.contains(expected) },
                "{value}: {found}"
            );
        }
        assert_eq!(problems(&json!({"if": true}), &json!(1)), ["$: the word if is not known here"]);
    }
}
