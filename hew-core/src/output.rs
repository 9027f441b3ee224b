//! Objects of `--json`, and the JSON Schemas of what hew writes, made from the very types that are written.
//!
//! Invariant: every object of `--json` has `schema` and `kind` as its first two fields, and its schema says so.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde_json::{Map, Value, json};

/// Version of all objects of `--json`. Fields are only ever added within one.
pub const OUTPUT_VERSION: u32 = 1;

/// One object of `--json`, without the two fields that all of them have.
pub trait Output: Serialize + JsonSchema {
    /// What it is: the object's `kind`.
    const KIND: &'static str;
}

/// An output as it is printed.
#[derive(Debug, Serialize)]
pub struct Printed<'a, T> {
    schema: u32,
    kind: &'static str,
    #[serde(flatten)]
    body: &'a T,
}

impl<'a, T: Output> Printed<'a, T> {
    /// With its version and kind.
    pub fn of(body: &'a T) -> Self {
        Self { schema: OUTPUT_VERSION, kind: T::KIND, body }
    }
}

/// The schema of a file, or of one line of it, as this version writes it.
pub fn file_schema<T: JsonSchema>(name: &str) -> Value {
    titled(&format!("hew {name}"), schema_of::<T>())
}

/// The schema of one object of `--json`.
pub fn output_schema<T: Output>() -> Value {
    titled(&format!("hew --json {}", T::KIND), headed(schema_of::<T>(), json!({ "const": T::KIND })))
}

/// The schema of an object whose own fields include its kind.
pub fn kinded_schema<T: JsonSchema>(name: &str) -> Value {
    titled(&format!("hew --json {name}"), headed(schema_of::<T>(), json!({ "type": "string" })))
}

/// Optional is what this version may leave out, not what older ones did.
fn schema_of<T: JsonSchema>() -> Value {
    SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<T>().to_value()
}

/// What it is of comes first, what it refers to last.
fn titled(title: &str, mut schema: Value) -> Value {
    schema["title"] = title.into();
    let mut rest = schema.as_object_mut().map(std::mem::take).unwrap_or_default();
    let definitions = rest.remove_entry("$defs");
    let mut ordered = Map::new();
    for name in ["$schema", "title", "description"] {
        ordered.extend(rest.remove_entry(name));
    }
    ordered.extend(rest);
    ordered.extend(definitions);
    ordered.into()
}

/// With `schema` and `kind` before everything else.
fn headed(mut schema: Value, kind: Value) -> Value {
    let take = |schema: &mut Value, name: &str| schema.as_object_mut().and_then(|object| object.remove(name));
    let own = take(&mut schema, "properties").unwrap_or_default();
    let mut properties = Map::from_iter([
        ("schema".to_owned(), json!({ "const": OUTPUT_VERSION, "description": "Version of this object" })),
        ("kind".to_owned(), kind),
    ]);
    for (name, rule) in own.as_object().into_iter().flatten() {
        properties.entry(name).or_insert_with(|| rule.clone());
    }
    let mut required = vec![json!("schema"), json!("kind")];
    let own = take(&mut schema, "required").unwrap_or_default();
    required.extend(own.as_array().into_iter().flatten().filter(|name| *name != "kind").cloned());
    schema["properties"] = properties.into();
    schema["required"] = required.into();
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is told.
    #[derive(Serialize, JsonSchema)]
    struct Told<'a> {
        /// Whose.
        who: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        age: Option<u8>,
    }

    impl Output for Told<'_> {
        const KIND: &'static str = "told";
    }

    #[test]
    fn version_and_kind_come_first_in_the_object_and_in_its_schema() {
        let printed = serde_json::to_string(&Printed::of(&Told { who: "ann", age: None })).unwrap();
        assert_eq!(printed, r#"{"schema":1,"kind":"told","who":"ann"}"#);
        let schema = output_schema::<Told<'_>>();
        assert_eq!(schema["properties"]["kind"], json!({ "const": "told" }));
        assert_eq!(schema["properties"]["who"]["description"], "Whose.");
        assert_eq!(schema["required"], json!(["schema", "kind", "who"]));
        assert_eq!(
            (&schema["title"], &schema["description"]),
            (&json!("hew --json told"), &json!("What is told."))
        );
    }
}
