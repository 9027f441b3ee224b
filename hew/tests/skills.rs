//! `hew skills` and `hew prime` through the real binary.

#![expect(clippy::unwrap_used, reason = "what a test relies on and is not there ends it")]

use std::process::{Command, Output};

use hew::skills::{SKILLS, body, version_marker};
use serde_json::Value;

fn hew(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hew"));
    command.args(args).env_remove("HEW_RUN_ID").current_dir("/");
    command.output().unwrap()
}

fn printed(args: &[&str]) -> String {
    let output = hew(args);
    assert!(output.status.success(), "{args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn object(line: &str) -> Value {
    serde_json::from_str(line).unwrap()
}

#[test]
fn every_skill_is_listed_and_shown_as_it_is_installed() {
    let list = printed(&["skills", "list"]);
    let rows: Vec<Value> = printed(&["skills", "list", "--json"]).lines().map(object).collect();
    assert_eq!(rows.len(), SKILLS.len());
    for (skill, row) in SKILLS.iter().zip(rows) {
        assert!(list.contains(&format!("{}\n    {}\n", skill.name, skill.description())), "{list}");
        assert_eq!((&row["kind"], &row["name"]), (&"skill".into(), &skill.name.into()));
        assert_eq!(row["version"], version_marker(skill.text).unwrap());
        assert_eq!(printed(&["skills", "show", skill.name]), skill.text);
        assert_eq!(object(&printed(&["skills", "show", skill.name, "--json"]))["text"], skill.text);
    }
    let wrong = hew(&["skills", "show", "hew-plam"]);
    let told = String::from_utf8(wrong.stderr).unwrap();
    assert_eq!(wrong.status.code(), Some(1));
    assert!(told.contains("no skill `hew-plam`") && told.contains("hew skills show hew-plan"), "{told}");
}

#[test]
fn a_session_is_told_the_rules() {
    let text = printed(&["prime"]);
    assert_eq!(text, body(hew::skills::PRIMER));
    assert_eq!(object(&printed(&["prime", "--json"]))["text"], text);
    for rule in ["hew task plan FILE", "never as a heredoc", "never without a cap", "`bd`", "Never push"] {
        assert!(text.contains(rule), "{rule}");
    }
}
