//! `hew schema`: JSON Schemas of what hew reads and writes.

use hew_core::settings::schema::render_config_schema;
use serde_json::{Value, json};

use crate::cli::SchemaArgs;
use crate::failure::{Failure, code};
use crate::ui::Ui;

/// A name, what it is the schema of, and the schema.
type Row = (&'static str, &'static str, fn() -> Value);

const SCHEMAS: [Row; 1] =
    [("config", "settings files: .hew.toml and the user's config.toml", render_config_schema)];

/// Prints one schema, or which ones there are.
pub fn run(args: &SchemaArgs, ui: &Ui) -> Result<u8, Failure> {
    let Some(wanted) = &args.name else {
        list(ui);
        return Ok(code::OK);
    };
    match SCHEMAS.iter().find(|(name, ..)| name == wanted) {
        Some((_, _, render)) if ui.is_json() => ui.print_json(&render()),
        Some((_, _, render)) => ui.print(&format!("{:#}\n", render())),
        None => return Err(unknown(wanted)),
    }
    Ok(code::OK)
}

fn list(ui: &Ui) {
    for (name, what, _) in SCHEMAS {
        if ui.is_json() {
            ui.print_json(&json!({ "schema": 1, "kind": "schema_name", "name": name, "what": what }));
        } else {
            ui.print(&format!("{name}\t{what}\n"));
        }
    }
}

fn unknown(wanted: &str) -> Failure {
    let near = |(name, ..): &&Row| strsim::damerau_levenshtein(name, wanted);
    let nearest = SCHEMAS.iter().min_by_key(near).map_or("", |(name, ..)| name);
    Failure::usage(format!("no schema `{wanted}`"))
        .because(format!("{nearest} is the nearest"))
        .hint(format!("hew schema {nearest}"))
}
