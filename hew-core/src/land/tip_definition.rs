//! A gate whose definition a candidate changes: the candidate has to pass the tip's definition too, or an agent could
//! make its work pass by rewriting what it is judged by.
//!
//! Only gates that hew found itself are known well enough; of others the change is reported.

use std::path::Path;

use super::gate_detect::{GateCommand, MAKEFILES, is_justfile_name};

/// The file of the gate's definition that a candidate changes, if it is one whose old text can still be run.
pub fn changed_definition<'a>(gate: &'a GateCommand, changed: &[String]) -> Option<&'a str> {
    let known = gate.definition_files.iter().find(|file| changed.contains(file))?;
    let can_run = MAKEFILES.contains(&known.as_str()) || is_justfile_name(known) || known == "package.json";
    can_run.then_some(known.as_str())
}

/// The gate as the tip defines it, then as the candidate does. `copy` is a file outside the tree with the tip's `text`.
pub fn both_definitions(gate: &GateCommand, file: &str, text: &str, copy: &Path) -> Option<String> {
    let copy = quoted(&copy.display().to_string());
    let tips = if file == "package.json" {
        let package: serde_json::Value = serde_json::from_str(text).ok()?;
        let script = package.get("scripts")?.get("test")?.as_str()?.to_owned();
        format!("PATH=\"$PWD/node_modules/.bin:$PATH\" sh -c {}", quoted(&script))
    } else if is_justfile_name(file) {
        recipes(gate, "just", &format!("just --justfile {copy} --working-directory ."))
    } else {
        recipes(gate, "make", &format!("make -f {copy}"))
    };
    Some(format!("{{ {tips}; }} && {{ {}; }}", gate.command))
}

fn recipes(gate: &GateCommand, tool: &str, with_copy: &str) -> String {
    let calls = gate.command.split(" && ").map(|call| match call.strip_prefix(tool) {
        Some(recipe) => format!("{with_copy}{recipe}"),
        None => call.to_owned(),
    });
    calls.collect::<Vec<_>>().join(" && ")
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(command: &str, file: &str) -> GateCommand {
        GateCommand {
            command: command.to_owned(),
            definition_files: vec![file.to_owned()],
            why: String::new(),
        }
    }

    #[test]
    fn the_tips_definition_runs_before_the_candidates() {
        let copy = Path::new("/tmp/it's");
        let make = gate("make lint && make test", "Makefile");
        assert_eq!(changed_definition(&make, &["Makefile".to_owned()]), Some("Makefile"));
        assert_eq!(changed_definition(&make, &["package.json".to_owned()]), None);
        assert_eq!(changed_definition(&gate("cargo test", "Cargo.toml"), &["Cargo.toml".to_owned()]), None);
        let command = both_definitions(&make, "Makefile", "", copy).unwrap();
        let expected =
            r"{ make -f '/tmp/it'\''s' lint && make -f '/tmp/it'\''s' test; } && { make lint && make test; }";
        assert_eq!(command, expected);
        let npm = gate("npm test", "package.json");
        let command =
            both_definitions(&npm, "package.json", r#"{"scripts":{"test":"jest 'a'"}}"#, copy).unwrap();
        assert!(
            command.starts_with(r#"{ PATH="$PWD/node_modules/.bin:$PATH" sh -c 'jest '\''a'\'''; } && "#),
            "{command}"
        );
        assert_eq!(both_definitions(&npm, "package.json", "{}", copy), None);
    }
}
