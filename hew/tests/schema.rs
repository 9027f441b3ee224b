//! `hew schema` through the real binary. That the schema says what the parser does is tested beside it, in the core.

#![expect(clippy::unwrap_used, reason = "what a test relies on and is not there ends it")]

use std::process::{Command, Output};

use serde_json::Value;

fn hew(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_hew")).args(args).env_remove("HEW_RUN_ID").output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn the_schema_of_settings_is_printed_in_one_line_or_for_people() {
    let pretty = hew(&["schema", "config"]);
    let line = hew(&["schema", "config", "--json"]);
    assert!(pretty.status.success() && line.status.success());
    let schema: Value = serde_json::from_slice(&pretty.stdout).unwrap();
    assert_eq!(schema, serde_json::from_slice::<Value>(&line.stdout).unwrap());
    assert_eq!((text(&line.stdout).lines().count(), text(&pretty.stdout).lines().count() > 100), (1, true));
    let jobs = &schema["properties"]["loop"]["properties"]["jobs"];
    assert_eq!((&jobs["maximum"], &jobs["default"]), (&16.into(), &1.into()));
}

#[test]
fn names_are_listed_and_the_nearest_is_told() {
    let list = hew(&["schema"]);
    assert!(list.status.success() && text(&list.stdout).starts_with("config\tsettings files"));
    let row: Value = serde_json::from_slice(&hew(&["schema", "--json"]).stdout).unwrap();
    assert_eq!((&row["kind"], &row["name"]), (&"schema_name".into(), &"config".into()));
    let wrong = hew(&["schema", "confg"]);
    assert_eq!(wrong.status.code(), Some(2));
    let told = text(&wrong.stderr);
    assert!(told.contains("no schema `confg`") && told.contains("hew schema config"), "{told}");
}
