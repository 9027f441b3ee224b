//! Which command decides whether a tree is good, read from the project's own files.
//!
//! First match: just recipes, make targets (`lint`, then `test`), Rust, Node, Python, Go. Nothing is run, and a command
//! that settings name is not this module's business.

use std::path::{Component, Path, PathBuf};

/// What a justfile may be called, in any case.
const JUSTFILES: [&str; 2] = ["justfile", ".justfile"];
/// What a makefile may be called, in make's own order.
pub const MAKEFILES: [&str; 3] = ["GNUmakefile", "makefile", "Makefile"];
/// Other files at the root that say what a gate runs.
const DEFINITIONS: [&str; 3] = ["package.json", ".hew.toml", "hew.toml"];

/// A file that was found, by its name at the root of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedText {
    /// Its name.
    pub name: String,
    /// What is in it.
    pub text: String,
}

/// The files of a tree's root that a gate can be read from; what is not there is `None` or false.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateFiles {
    /// `justfile`, in any case, or `.justfile`.
    pub justfile: Option<NamedText>,
    /// The first of [`MAKEFILES`].
    pub makefile: Option<NamedText>,
    /// Cargo.toml is there.
    pub cargo_toml: bool,
    /// package.json.
    pub package_json: Option<String>,
    /// pyproject.toml, pytest.ini, .pytest.ini, setup.cfg, tox.ini, as far as they are there.
    pub python: Vec<NamedText>,
    /// go.mod is there.
    pub go_mod: bool,
}

/// A gate that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateCommand {
    /// For `sh -c`.
    pub command: String,
    /// The files that define what it runs, as far as they are known.
    pub definition_files: Vec<String>,
    /// Why this one, for people.
    pub why: String,
}

/// Finds the gate of a tree.
pub fn detect_gate(files: &GateFiles) -> Option<GateCommand> {
    let recipes = ["lint", "test"];
    of_just(files, &recipes)
        .or_else(|| of_make(files, &recipes))
        .or_else(|| files.cargo_toml.then(|| found("cargo test", "Cargo.toml", "a Rust project")))
        .or_else(|| of_package_json(files.package_json.as_deref()?))
        .or_else(|| of_python(&files.python))
        .or_else(|| of_go(files))
}

/// These recipes, as far as there is a justfile that has them.
pub(super) fn of_just(files: &GateFiles, recipes: &[&str]) -> Option<GateCommand> {
    of_recipes("just", files.justfile.as_ref(), recipes, &has_just_recipe)
}

/// These targets, as far as there is a makefile that has them.
pub(super) fn of_make(files: &GateFiles, targets: &[&str]) -> Option<GateCommand> {
    of_recipes("make", files.makefile.as_ref(), targets, &has_make_target)
}

/// Go's tests.
pub(super) fn of_go(files: &GateFiles) -> Option<GateCommand> {
    files.go_mod.then(|| found("go test ./...", "go.mod", "a Go project"))
}

pub(super) fn found(command: &str, file: &str, why: &str) -> GateCommand {
    let why = format!("{file}: {why}");
    GateCommand { command: command.to_owned(), definition_files: vec![file.to_owned()], why }
}

fn of_recipes(
    tool: &str,
    file: Option<&NamedText>,
    wanted: &[&str],
    has: &dyn Fn(&str, &str) -> bool,
) -> Option<GateCommand> {
    let file = file?;
    let names: Vec<_> = wanted.iter().copied().filter(|name| has(&file.text, name)).collect();
    let commands: Vec<_> = names.iter().map(|name| format!("{tool} {name}")).collect();
    (!names.is_empty())
        .then(|| found(&commands.join(" && "), &file.name, &format!("has {}", names.join(" and "))))
}

/// A recipe that can be called without arguments.
fn has_just_recipe(text: &str, name: &str) -> bool {
    text.lines().any(|line| {
        let line = line.strip_prefix('@').unwrap_or(line);
        let Some(rest) = line.strip_prefix(name).filter(|rest| rest.starts_with([' ', '\t', ':'])) else {
            return false;
        };
        let Some(colon) = outside_quotes(rest, ':') else { return false };
        !rest[colon..].starts_with(":=") && !wants_argument(&rest[..colon])
    })
}

/// A parameter without a default must be given; `*rest` need not.
fn wants_argument(parameters: &str) -> bool {
    let plain: String = parameters.split(['"', '\'']).step_by(2).collect();
    plain.split_whitespace().any(|parameter| !parameter.starts_with('*') && !parameter.contains('='))
}

fn outside_quotes(text: &str, wanted: char) -> Option<usize> {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match quote {
            Some(open) if c == open => quote = None,
            None if c == wanted => return Some(at),
            None if matches!(c, '"' | '\'') => quote = Some(c),
            _ => {}
        }
    }
    None
}

/// A rule with this target; assignments are none.
fn has_make_target(text: &str, name: &str) -> bool {
    text.lines().filter(|line| !line.starts_with(['\t', '#', ' '])).any(|line| {
        let Some((targets, rest)) = line.split_once(':') else { return false };
        let assigns = rest.trim_start_matches(':').starts_with('=') || targets.contains('=');
        !assigns && targets.split_whitespace().any(|target| target == name)
    })
}

pub(super) fn of_package_json(text: &str) -> Option<GateCommand> {
    let package: serde_json::Value = serde_json::from_str(text.trim_start_matches('\u{feff}')).ok()?;
    let script = package.get("scripts")?.get("test")?.as_str()?;
    // What `npm init` writes fails always.
    let usable = !script.trim().is_empty() && !script.contains("no test specified");
    usable.then(|| found("npm test", "package.json", "has a test script"))
}

pub(super) fn of_python(files: &[NamedText]) -> Option<GateCommand> {
    let file = files.iter().find(|file| configures_pytest(file))?;
    Some(found("pytest", &file.name, "configures pytest"))
}

fn configures_pytest(file: &NamedText) -> bool {
    let section = match file.name.as_str() {
        "pytest.ini" | ".pytest.ini" => return true,
        "pyproject.toml" => "[tool.pytest",
        "setup.cfg" => "[tool:pytest]",
        "tox.ini" => "[pytest]",
        _ => return false,
    };
    file.text.lines().any(|line| line.trim_start().starts_with(section))
}

/// Those of the changed paths (relative to the root of the tree) that can change what the gate runs.
pub fn changed_gate_definitions<'a>(changed: impl IntoIterator<Item = &'a Path>) -> Vec<PathBuf> {
    changed.into_iter().filter(|path| defines_gate(path)).map(Path::to_owned).collect()
}

fn defines_gate(path: &Path) -> bool {
    let mut components = path.components();
    let (Some(Component::Normal(name)), None) = (components.next(), components.next()) else { return false };
    let name = name.to_string_lossy();
    is_justfile_name(&name) || MAKEFILES.contains(&name.as_ref()) || DEFINITIONS.contains(&name.as_ref())
}

/// Names of a root's entries that may be its justfile: `just` takes any case.
pub fn is_justfile_name(name: &str) -> bool {
    JUSTFILES.contains(&name.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str, text: &str) -> NamedText {
        NamedText { name: name.to_owned(), text: text.to_owned() }
    }

    fn nothing() -> GateFiles {
        GateFiles {
            justfile: None,
            makefile: None,
            cargo_toml: false,
            package_json: None,
            python: vec![],
            go_mod: false,
        }
    }

    fn command(files: &GateFiles) -> Option<String> {
        detect_gate(files).map(|gate| gate.command)
    }

    #[test]
    fn recipes_are_found_and_what_only_looks_like_one_is_not() {
        let cases = [
            ("lint:\n  x\ntest:\n  y\n", Some("just lint && just test")),
            ("@test: build\n", Some("just test")),
            ("test *ARGS:\n", Some("just test")),
            ("test mode='a:b':\n", Some("just test")),
            ("test mode=\"x y\":\n", Some("just test")),
            ("test target:\n", None),
            ("test +targets:\n", None),
            ("test := 'x'\n", None),
            ("testing:\n", None),
            ("  test:\n", None),
            ("# test:\n", None),
            ("", None),
        ];
        for (text, expected) in cases {
            let files = GateFiles { justfile: Some(named("Justfile", text)), ..nothing() };
            assert_eq!(command(&files).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn make_targets_are_found_and_what_only_looks_like_one_is_not() {
        let cases = [
            ("test: build\n\techo\n", Some("make test")),
            ("lint test:\n\techo\n", Some("make lint && make test")),
            ("lint:: x\n", Some("make lint")),
            (".PHONY: test\n", None),
            ("test := x\n", None),
            ("test ::= x\n", None),
            ("X = a:test\n", None),
            ("\ttest: x\n", None),
            ("tests:\n", None),
        ];
        for (text, expected) in cases {
            let files = GateFiles { makefile: Some(named("Makefile", text)), ..nothing() };
            assert_eq!(command(&files).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_test_script_counts_unless_it_is_npms_placeholder() {
        let cases = [
            (r#"{"scripts": {"test": "vitest"}}"#, Some("npm test")),
            ("\u{feff}{\"scripts\": {\"test\": \"vitest\"}}", Some("npm test")),
            (r#"{"scripts": {"test": "echo \"Error: no test specified\" && exit 1"}}"#, None),
            (r#"{"scripts": {"test": " "}}"#, None),
            (r#"{"scripts": {}}"#, None),
            ("not json", None),
        ];
        for (text, expected) in cases {
            let files = GateFiles { package_json: Some(text.to_owned()), ..nothing() };
            assert_eq!(command(&files).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn pytest_counts_where_it_is_configured() {
        let cases = [
            (named("pyproject.toml", "[tool.pytest.ini_options]\n"), true),
            (named("pyproject.toml", "[tool.black]\n"), false),
            (named("pytest.ini", ""), true),
            (named("setup.cfg", "[tool:pytest]\n"), true),
            (named("tox.ini", "[tox]\n"), false),
            (named("tox.ini", "[pytest]\n"), true),
        ];
        for (file, expected) in cases {
            let files = GateFiles { python: vec![file.clone()], ..nothing() };
            assert_eq!(command(&files).is_some(), expected, "{file:?}");
        }
    }

    #[test]
    fn the_first_kind_in_order_wins_and_names_its_file() {
        let mut files = GateFiles {
            justfile: Some(named("justfile", "test:\n")),
            makefile: Some(named("makefile", "lint:\n")),
            cargo_toml: true,
            package_json: Some(r#"{"scripts": {"test": "x"}}"#.to_owned()),
            python: vec![named("tox.ini", "[pytest]")],
            go_mod: true,
        };
        let gate = detect_gate(&files).unwrap();
        assert_eq!((gate.command.as_str(), gate.why.as_str()), ("just test", "justfile: has test"));
        assert_eq!(gate.definition_files, ["justfile"]);
        files.justfile = None;
        assert_eq!(command(&files).as_deref(), Some("make lint"));
        files.makefile = None;
        assert_eq!(command(&files).as_deref(), Some("cargo test"));
        files.cargo_toml = false;
        assert_eq!(command(&files).as_deref(), Some("npm test"));
        files.package_json = None;
        assert_eq!(command(&files).as_deref(), Some("pytest"));
        files.python.clear();
        assert_eq!(command(&files).as_deref(), Some("go test ./..."));
        files.go_mod = false;
        assert_eq!(command(&files), None);
    }

    #[test]
    fn only_the_roots_own_files_define_the_gate() {
        let changed =
            ["src/a.rs", "Justfile", "Makefile", "sub/Makefile", "package.json", ".hew.toml", "MAKEFILE"];
        let found = changed_gate_definitions(changed.map(Path::new));
        assert_eq!(found, ["Justfile", "Makefile", "package.json", ".hew.toml"].map(PathBuf::from));
    }
}
