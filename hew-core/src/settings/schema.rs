//! The JSON Schema of settings files, made from the table of keys.
//!
//! Invariant: what the schema takes the parser takes, and the other way round (a test compares them). It says nothing
//! about what only several files together can tell, e.g. whether a runtime has a command.

use serde_json::{Map, Value as Json, json};

use super::keys::{ANY_NAME, KEYS, KeySpec, SHORT};
use super::kind::Kind;
use super::map_kind::MapKind;
use super::secret::SECRET_WORDS;

const NAME: &str = "^[A-Za-z0-9_][A-Za-z0-9_-]*$";
/// One line without quotes or spaces around it.
const FREE_NAME: &str = r#"^[^\s"'\x00-\x1f\x7f-\x9f]([^"'\x00-\x1f\x7f-\x9f]*[^\s"'\x00-\x1f\x7f-\x9f])?$"#;
const DURATION: &str = "^\\s*([0-9]+d([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?|[0-9]+h([0-9]+m)?([0-9]+s)?([0-9]+ms)?\
                        |[0-9]+m([0-9]+s)?([0-9]+ms)?|[0-9]+s([0-9]+ms)?|[0-9]+ms)\\s*$";
const NO_LENGTH: &str = r"^[\s0dhms]*$";
const SIZE: &str = r"^\s*[0-9]+\s*(B|KiB|MiB|GiB|kB|MB|GB)?\s*$";
const PERCENT: &str = r"^\s*0*([0-9]|[1-9][0-9]|100)\s*%\s*$";
const TEXT: &str = r"^[^\x00]*[^\s\x00][^\x00]*$";
const ANY_TEXT: &str = r"^[^\x00]*$";
const REF_PREFIX: &str = "^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*$";
const NO_REF_PREFIX: &str = r"\.\.|\.(/|$)|\.[lL][oO][cC][kK](/|$)";
const FOLDER: &str = r"^(/|~/)[^\x00]*$";
const HOST: &str = r"^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?$";
const INNER_PATH: &str = r"^[^/\x00][^\x00]*$";
const NO_INNER_PATH: &str = r"(^|/)\.\.(/|$)|^\.[gG][iI][tT](/|$)";
const URL: &str = r"^https?://[^\s@?#/\x00-\x1f\x7f-\x9f][^\s@?#\x00-\x1f\x7f-\x9f]*$";
const ONE_VARIABLE: &str = "^[A-Za-z_][A-Za-z0-9_]*$";
const VARIABLE: &str = "^[A-Za-z0-9_]+$";
const VARIABLES: &str = r"^[A-Za-z0-9_]+\*?$";

/// The schema of `.hew.toml`, and of the user's file.
///
/// # Panics
/// Never: every default is allowed by its own kind, which a test holds.
pub fn render_config_schema() -> Json {
    let mut root = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Settings of hew",
        "type": "object", "properties": {}, "additionalProperties": false,
    });
    for spec in KEYS {
        let parts: Vec<&str> = spec.name.split('.').collect();
        let (last, above) = parts.split_last().expect("splitting gives at least one part");
        let mut table = &mut root;
        for part in above {
            table = child(
                table,
                part,
                || json!({ "type": "object", "properties": {}, "additionalProperties": false }),
            );
        }
        child(table, last, || key_schema(spec));
    }
    for (short, long) in SHORT {
        allow_short_form(&mut root, short, long);
    }
    root
}

/// A section may be the value of one of its keys instead of a table.
fn allow_short_form(root: &mut Json, short: &str, long: &str) {
    let place = format!("/properties/{}", short.replace('.', "/properties/"));
    let value = KEYS.iter().find(|spec| spec.name == long).map(key_schema);
    if let (Some(section), Some(value)) = (root.pointer_mut(&place), value) {
        let table = section.take();
        *section = json!({ "anyOf": [value, table] });
    }
}

/// What a table's schema has for a name; made where there is nothing yet.
fn child<'a>(table: &'a mut Json, name: &str, make: impl FnOnce() -> Json) -> &'a mut Json {
    let (list, name) = if name == ANY_NAME { ("patternProperties", NAME) } else { ("properties", name) };
    let table = table.as_object_mut().expect("a table's schema is an object");
    let below = table.entry(list).or_insert_with(|| Json::Object(Map::new()));
    below.as_object_mut().expect("it was just made").entry(name).or_insert_with(make)
}

fn key_schema(spec: &KeySpec) -> Json {
    let mut schema = kind_schema(&spec.kind);
    schema["description"] = json!(spec.meaning);
    if let Some(default) = spec.default {
        let value = spec.kind.read_text(default).expect("a test reads every default by its kind");
        schema["default"] = value.to_json();
    }
    schema
}

fn kind_schema(kind: &Kind) -> Json {
    match kind {
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Count { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Kind::Duration { zero: true } => text(DURATION),
        Kind::Duration { zero: false } => text_but(DURATION, NO_LENGTH),
        Kind::Bytes => json!({ "anyOf": [{ "type": "integer", "minimum": 0 }, text(SIZE)] }),
        Kind::Usd => {
            json!({ "type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1_000_000_000_000_u64 })
        }
        Kind::Temperature => json!({ "type": "number", "minimum": 0, "maximum": 2 }),
        Kind::Percent => text(PERCENT),
        Kind::Text => text(TEXT),
        Kind::Choice(words) => json!({ "enum": words }),
        Kind::Name => text(NAME),
        Kind::RefPrefix => text_but(REF_PREFIX, NO_REF_PREFIX),
        Kind::Url => text(URL),
        Kind::SecretVariable => secret_variable(),
        Kind::Folder => text(FOLDER),
        Kind::Folders => list(&text(FOLDER)),
        Kind::Hosts => list(&text(HOST)),
        Kind::List => list(&text(ANY_TEXT)),
        Kind::Names => list(&text(NAME)),
        Kind::Paths => list(&text_but(INNER_PATH, NO_INNER_PATH)),
        Kind::Variables => list(&text(VARIABLES)),
        Kind::Map(map) => map_schema(*map),
    }
}

fn secret_variable() -> Json {
    let mut schema = text_but(ONE_VARIABLE, "^GIT_CONFIG_");
    let either_case =
        |word: &str| -> String { word.chars().flat_map(|c| ['[', c.to_ascii_lowercase(), c, ']']).collect() };
    let words = SECRET_WORDS.into_iter().map(|word| json!({ "pattern": either_case(word) }));
    schema["anyOf"] = words.collect();
    schema
}

fn map_schema(map: MapKind) -> Json {
    match map {
        MapKind::Variables => entries(VARIABLE, &text(ANY_TEXT)),
        MapKind::Priorities => {
            let mut schema = entries("^P?[0-4]$", &text(FREE_NAME));
            let twice = |digit: u8| json!({ "required": [format!("{digit}"), format!("P{digit}")] });
            schema["not"] = json!({ "anyOf": (0..=4).map(twice).collect::<Vec<_>>() });
            schema
        }
        MapKind::TaskTypes | MapKind::Models => entries(FREE_NAME, &text(FREE_NAME)),
        MapKind::Prices => entries(FREE_NAME, &price()),
    }
}

fn price() -> Json {
    let amount = json!({ "type": "number", "minimum": 0, "exclusiveMaximum": 1_000_000_000_000_u64 });
    json!({
        "type": "object", "additionalProperties": false, "required": ["input", "output"],
        "properties": { "input": amount, "output": amount, "cache_read": amount, "cache_create": amount },
    })
}

fn entries(names: &str, value: &Json) -> Json {
    json!({ "type": "object", "propertyNames": { "pattern": names }, "additionalProperties": value })
}

fn list(item: &Json) -> Json {
    json!({ "type": "array", "items": item })
}

fn text(pattern: &str) -> Json {
    json!({ "type": "string", "pattern": pattern })
}

fn text_but(pattern: &str, not: &str) -> Json {
    json!({ "type": "string", "pattern": pattern, "not": { "pattern": not } })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use regex_automata::nfa::thompson::pikevm::PikeVM;
    use toml::Value as Toml;

    use super::*;
    use crate::settings::layers::read_file;

    /// As much of JSON Schema as this module writes; what it does not know ends the test.
    fn accepts(schema: &Json, value: &Json) -> bool {
        schema.as_object().unwrap().iter().all(|(word, rule)| match (word.as_str(), value) {
            ("type", value) => rule.as_str().unwrap() == type_of(value) || rule == "number" && value.is_i64(),
            ("enum", value) => rule.as_array().unwrap().contains(value),
            ("anyOf", value) => rule.as_array().unwrap().iter().any(|schema| accepts(schema, value)),
            ("not", value) => !accepts(rule, value),
            ("minimum", Json::Number(number)) => number.as_f64() >= rule.as_f64(),
            ("maximum", Json::Number(number)) => number.as_f64() <= rule.as_f64(),
            ("exclusiveMinimum", Json::Number(number)) => number.as_f64() > rule.as_f64(),
            ("exclusiveMaximum", Json::Number(number)) => number.as_f64() < rule.as_f64(),
            ("pattern", Json::String(text)) => matches(rule.as_str().unwrap(), text),
            ("items", Json::Array(items)) => items.iter().all(|item| accepts(rule, item)),
            ("required", Json::Object(table)) => {
                rule.as_array().unwrap().iter().all(|name| table.contains_key(name.as_str().unwrap()))
            }
            ("propertyNames", Json::Object(table)) => {
                table.keys().all(|name| accepts(rule, &Json::String(name.clone())))
            }
            ("additionalProperties", Json::Object(table)) => {
                table.iter().all(|(name, value)| match property(schema, name) {
                    Some(below) => accepts(below, value),
                    None if rule == false => false,
                    None => accepts(rule, value),
                })
            }
            (
                "$schema"
                | "title"
                | "description"
                | "default"
                | "properties"
                | "patternProperties"
                | "minimum"
                | "maximum"
                | "exclusiveMinimum"
                | "exclusiveMaximum"
                | "pattern"
                | "items"
                | "required"
                | "propertyNames"
                | "additionalProperties",
                _,
            ) => true,
            _ => panic!("{word} is not known here"),
        })
    }

    fn property<'a>(schema: &'a Json, name: &str) -> Option<&'a Json> {
        let by_pattern = || {
            let patterns = schema.get("patternProperties")?.as_object()?;
            patterns.iter().find(|(pattern, _)| matches(pattern, name)).map(|(_, below)| below)
        };
        schema.get("properties").and_then(|list| list.get(name)).or_else(by_pattern)
    }

    fn matches(pattern: &str, text: &str) -> bool {
        let matcher = PikeVM::new(pattern).unwrap();
        matcher.is_match(&mut matcher.create_cache(), text)
    }

    fn type_of(value: &Json) -> &'static str {
        match value {
            Json::Null => "null",
            Json::Bool(_) => "boolean",
            Json::Number(number) if number.is_f64() => "number",
            Json::Number(_) => "integer",
            Json::String(_) => "string",
            Json::Array(_) => "array",
            Json::Object(_) => "object",
        }
    }

    /// Values of a settings file as programs that know JSON Schema see them.
    fn json_of(value: Toml) -> Json {
        match value {
            Toml::String(text) => json!(text),
            Toml::Integer(number) => json!(number),
            Toml::Float(number) => json!(number),
            Toml::Boolean(flag) => json!(flag),
            // JSON has no dates, and no setting is one.
            Toml::Datetime(_) => Json::Null,
            Toml::Array(items) => items.into_iter().map(json_of).collect(),
            Toml::Table(table) => table.into_iter().map(|(name, value)| (name, json_of(value))).collect(),
        }
    }

    /// Values that some kinds take and others don't.
    const VALUES: &[&str] = &[
        "true",
        "0",
        "1",
        "7",
        "16",
        "17",
        "-1",
        "2.5",
        "0.25",
        "2",
        "0.0",
        "1e3",
        "9999999999999",
        "'x'",
        "''",
        "' '",
        "'7'",
        "'a b'",
        "'-a'",
        "'a.b'",
        "'a_-9'",
        "'http://127.0.0.1:1/v1'",
        "'https://a'",
        "'http:///v1'",
        "'http://a@b/v1'",
        "'http://a b'",
        "'http://a/b?c'",
        "'A_KEY'",
        "'9KEY'",
        "'task'",
        "'auto'",
        "'bd'",
        "'stop'",
        "'stdin'",
        "'text'",
        "'5m'",
        "'1h30m'",
        "'30m1h'",
        "' 90m '",
        "'0s'",
        "'0d0h'",
        "'5'",
        "'5M'",
        "'1.5h'",
        "'500ms'",
        "'1s500ms'",
        "'200MiB'",
        "'64 KiB'",
        "'5mb'",
        "'10%'",
        "'100 %'",
        "'101%'",
        "'007%'",
        "'-1%'",
        "'/x'",
        "'~/x'",
        "'~'",
        "'../x'",
        "'a/b'",
        "'a//b'",
        "'a..b'",
        "'a.lock'",
        "'a/x.LOCK/b'",
        "'a.'",
        "\"a\\nb\"",
        "\"a\\u0000\"",
        "[]",
        "['a']",
        "['a.b']",
        "['a', 1]",
        "['']",
        "['/a']",
        "['../b']",
        "['.git/x']",
        "['.gitignore']",
        "['a/../b']",
        "['PATH', 'LC_*']",
        "['A*B']",
        "['*']",
        "{}",
        "{ A = 'x' }",
        "{ A = 1 }",
        "{ A = '' }",
        "{ 'A-B' = 'x' }",
        "{ 'a.b' = 'org/gpt-5.1[1m]' }",
        "{ a = { b = 'x' } }",
        "{ 0 = 'x', P4 = 'y' }",
        "{ 0 = 'x', P0 = 'y' }",
        "{ P5 = 'x' }",
        "{ '' = 'x' }",
        "{ ' a' = 'x' }",
        "{ a = ' x' }",
        "{ 'a\"b' = 'x' }",
        "{ m = { input = 1, output = 2.5 } }",
        "{ m = { input = 1 } }",
        "{ m = { input = -1, output = 1 } }",
        "{ m = { input = '1', output = 1 } }",
        "{ m = { input = 0, output = 0, cache_read = 0, cache_create = 0 } }",
        "{ m = { input = 1, output = 2, cached = 3 } }",
        "2026-01-01",
    ];

    #[test]
    fn the_schema_takes_what_the_parser_takes() {
        let schema = render_config_schema();
        let (mut taken, mut refused) = (0, 0);
        for (spec, value) in KEYS.iter().flat_map(|spec| VALUES.iter().map(move |value| (spec, value))) {
            let text = format!("{} = {value}", spec.name.replace(ANY_NAME, "my-agent"));
            let parser = read_file(&text, "project", Path::new("x")).problems.is_empty();
            let json = json_of(Toml::Table(toml::from_str(&text).unwrap()));
            // An exponent is refused by the parser alone: in JSON it is the same number as without.
            if *value != "1e3" {
                assert_eq!(accepts(&schema, &json), parser, "{text}");
            }
            *(if parser { &mut taken } else { &mut refused }) += 1;
        }
        assert!(taken > KEYS.len() && refused > KEYS.len(), "{taken} taken, {refused} refused");
    }

    #[test]
    fn unknown_keys_are_refused_wherever_they_stand() {
        let schema = render_config_schema();
        for text in [
            "lop = 1",
            "loop.jbos = 1",
            "[loop.gate]\nx = 1",
            "loop.runtime_defs.x.y = 1",
            "loop.runtime_defs.'a b'.command = 'x'",
        ] {
            assert!(!accepts(&schema, &json_of(Toml::Table(toml::from_str(text).unwrap()))), "{text}");
        }
        assert!(accepts(&schema, &json!({})));
    }
}
