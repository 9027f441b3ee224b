//! Rules of the house that no compiler knows, held against the sources.

use std::fs;
use std::path::{Path, PathBuf};

/// A source file without its tests, comments and documentation.
struct Source {
    /// Relative to the workspace, with `/`.
    name: String,
    code: String,
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in a workspace").to_owned()
}

#[expect(clippy::disallowed_methods, reason = "the sources are what is tested")]
fn text_of(path: &Path) -> String {
    fs::read_to_string(path).expect("a source is text")
}

fn sources(folder: &str) -> Vec<Source> {
    let root = workspace();
    let mut found = Vec::new();
    let mut folders = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the folder is there") {
            let path = entry.expect("the folder can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(&root).expect("it lies in the workspace").display().to_string();
                found.push(Source { name, code: code_of(&text_of(&path)) });
            }
        }
    }
    assert!(!found.is_empty(), "no sources in {folder}");
    found
}

fn code_of(text: &str) -> String {
    let without_tests = text.split("#[cfg(test)]").next().unwrap_or_default();
    let is_code = |line: &&str| !line.trim_start().starts_with("//");
    without_tests.lines().filter(is_code).collect::<Vec<_>>().join("\n")
}

/// Modules in the order of the list in `lib.rs`, each with its row.
fn order() -> Vec<(String, usize)> {
    let text = text_of(&workspace().join("hew-core/src/lib.rs"));
    let rows = text.lines().filter_map(|line| line.strip_prefix("//! | [`"));
    let modules = rows.enumerate().flat_map(|(row, line)| {
        let names = line.split('|').next().unwrap_or_default().replace(['[', ']', '`'], "");
        names.split(',').map(|name| (name.trim().to_owned(), row)).collect::<Vec<_>>()
    });
    modules.collect()
}

/// First names after `crate::`, those in braces too.
fn imports(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let names = match rest.strip_prefix('{') {
            Some(list) => top_level(list),
            None => vec![rest],
        };
        let word = |text: &str| -> String {
            text.trim_start().chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
        };
        found.extend(names.into_iter().map(word).filter(|name| !name.is_empty()));
    }
    found
}

/// Entries of a list in braces, nested lists left whole.
fn top_level(list: &str) -> Vec<&str> {
    let mut depth = 0_i32;
    let mut starts = vec![0];
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => starts.push(at + 1),
            _ => {}
        }
    }
    starts.into_iter().map(|start| &list[start..]).collect()
}

#[test]
fn imports_go_only_up_the_list() {
    let order = order();
    let row = |name: &str| order.iter().find(|(module, _)| module == name).map(|(_, row)| *row);
    assert!(row("engine") > row("plan") && row("plan") > row("ids"), "{order:?}");
    let mut wrong = Vec::new();
    for source in sources("hew-core/src") {
        let path = source.name.trim_start_matches("hew-core/src/");
        let module = path.split('/').next().unwrap_or_default().trim_end_matches(".rs");
        if module == "lib" {
            continue;
        }
        let own = row(module);
        assert!(own.is_some(), "{} is not in the list of lib.rs", source.name);
        let down = |import: &String| row(import) > own;
        wrong
            .extend(imports(&source.code).into_iter().filter(down).map(|import| format!("{path}: {import}")));
    }
    assert_eq!(wrong, [""; 0], "imports go up the list in lib.rs only");
}

#[test]
fn imports_are_found_in_every_form() {
    let code = "use crate::ids::{TaskId, RunId};\nuse crate::{\n    plan::{self, SpawnPlan},\n    tracker,\n};\nfn f() { crate::agent::run() }";
    assert_eq!(imports(code), ["ids", "plan", "tracker", "agent"]);
}

/// Every agent is started with a plan of `plan_spawn`: nothing else makes one, or changes one.
#[test]
fn all_spawn_sites_call_plan_spawn() {
    let in_plan = |source: &Source| source.name.starts_with("hew-core/src/plan/");
    let all: Vec<Source> = ["hew-core/src", "hew/src"].into_iter().flat_map(sources).collect();
    let makers: Vec<&str> =
        all.iter().filter(|source| makes_a_plan(&source.code)).map(|s| &*s.name).collect();
    assert_eq!(makers, ["hew-core/src/plan/spawn_plan.rs"]);
    let changes =
        ["plan.argv.", "plan.argv =", "plan.env =", "plan.env.insert", "plan.env.extend", "plan.cwd ="];
    let harmless = ["plan.argv.clone()", "plan.argv.first()", "plan.argv.iter()", "plan.argv.join("];
    for source in all.iter().filter(|source| !in_plan(source)) {
        let code = harmless.iter().fold(source.code.clone(), |code, read| code.replace(read, ""));
        let found = changes.iter().find(|change| code.contains(**change));
        assert_eq!(found, None, "{} changes a plan", source.name);
    }
    let spawns = |source: &&Source| source.code.contains("spawner.run(");
    let sites: Vec<&Source> = all.iter().filter(spawns).collect();
    assert!(!sites.is_empty(), "somebody starts agents");
    for site in sites {
        assert!(site.code.contains("plan_spawn("), "{} starts an agent without plan_spawn", site.name);
    }
}

/// Flags of agents stand in the built-in settings, and nowhere in code: the plan fills them in.
#[test]
fn launch_lines_of_agents_stand_in_the_built_in_settings_only() {
    let recipes = text_of(&workspace().join("hew-core/src/settings/built_in.toml"));
    let words = recipes.split('"').skip(1).step_by(2).filter(|word| word.starts_with("--"));
    // hew has flags of these names too.
    let flags: Vec<&str> = words.filter(|word| !["--json", "--model", "--verbose"].contains(word)).collect();
    assert!(flags.contains(&"--dangerously-skip-permissions") && flags.contains(&"--sandbox"), "{flags:?}");
    for source in ["hew-core/src", "hew/src"].into_iter().flat_map(sources) {
        let found = flags.iter().find(|flag| source.code.contains(**flag));
        assert_eq!(found, None, "{} has a flag of an agent's", source.name);
    }
}

/// Which runtime runs is chosen in one place.
#[test]
fn runtimes_are_chosen_in_one_place() {
    let all = ["hew-core/src", "hew/src"].into_iter().flat_map(sources);
    let makers: Vec<String> =
        all.filter(|source| makes(&source.code, "RuntimeChoice {")).map(|s| s.name).collect();
    assert_eq!(makers, ["hew-core/src/plan/runtime.rs"]);
}

/// A literal `SpawnPlan { … }`: not its definition, nor a type in front of a body.
fn makes_a_plan(code: &str) -> bool {
    makes(code, "SpawnPlan {")
}

fn makes(code: &str, literal: &str) -> bool {
    code.match_indices(literal).any(|(at, _)| {
        let before = code[..at].trim_end();
        !["struct", "impl", "for", "->", "&"].iter().any(|word| before.ends_with(word))
    })
}
