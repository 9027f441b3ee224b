//! Layers from their sources: a settings file's text, the environment, flags. Pure: text in, layer out, and every
//! problem of it at once.

use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::Origin;
use super::keys::{KEYS, KeySpec, SHORT, env_name};
use super::kind::{BadValue, Kind};
use super::lookup::{Found, canonical, find, keys_of_runtime, long_of, suggestion};
use super::map_kind::MapKind;
use super::problem::SettingsProblem;
use super::value::Value;
use super::values::Values;

/// A layer and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Layer {
    /// What could be read.
    pub values: Values,
    /// What could not.
    pub problems: Vec<SettingsProblem>,
}

impl Layer {
    /// Reads a key that is given as text.
    fn read_text(&mut self, key: &str, text: &str, at: &Origin) {
        match read_key(key, text, at) {
            Ok(value) => self.values.insert(&canonical(key), value, at),
            Err(problem) => self.problems.push(*problem),
        }
    }
}

/// Reads one value that is given as text, for the key or map entry of this name.
pub fn read_key(key: &str, text: &str, at: &Origin) -> Result<Value, Box<SettingsProblem>> {
    let key = long_of(key).unwrap_or(key);
    let owned = || key.to_owned();
    let read = match find(key) {
        Found::Key(spec) => spec.kind.read_text(text),
        Found::Entry(_, map, _) => read_entry(map, key, text),
        Found::Section => return Err(Box::new(SettingsProblem::Section { at: at.clone(), key: owned() })),
        Found::Nothing => return Err(Box::new(unknown(key, at))),
    };
    read.map_err(|bad| Box::new(SettingsProblem::BadValue { at: at.clone(), key: owned(), bad }))
}

fn read_entry(map: MapKind, key: &str, text: &str) -> Result<Value, BadValue> {
    let own = canonical(key);
    if let Found::Entry(_, _, name) = find(&own) {
        map.entry_name(name)?;
    }
    map.read_entry(text)
}

fn unknown(key: &str, at: &Origin) -> SettingsProblem {
    SettingsProblem::UnknownKey { at: at.clone(), key: key.to_owned(), suggestion: suggestion(key) }
}

/// Reads flags: key, text and the flag's name.
pub fn read_flags(flags: &[(&str, String, &str)]) -> Layer {
    let mut layer = Layer::default();
    for (key, text, flag) in flags {
        layer.read_text(key, text, &Origin::Flag((*flag).to_owned()));
    }
    layer
}

/// Reads settings that were written down with their origins: key, text, origin.
pub fn read_frozen(entries: impl IntoIterator<Item = (String, String, Origin)>) -> Layer {
    let mut layer = Layer::default();
    for (key, text, origin) in entries {
        layer.read_text(&key, &text, &origin);
    }
    layer
}

/// Reads the variables that are named after keys; an empty one counts as absent. `below` tells which runtimes exist,
/// for their names can't be read back from capital letters.
pub fn read_environment(variables: impl Iterator<Item = (String, String)>, below: &Values) -> Layer {
    let mut layer = Layer::default();
    let is_setting = |name: &str| name.starts_with("HEW_LOOP_") || name.starts_with("HEW_TRACKER_");
    for (name, text) in variables.filter(|(name, text)| is_setting(name) && !text.is_empty()) {
        let at = Origin::Env(name.clone());
        match key_of_variable(&name, below) {
            Some(key) => layer.read_text(&key, &text, &at),
            None => layer.problems.push(unknown_variable(&name, at)),
        }
    }
    layer
}

fn unknown_variable(name: &str, at: Origin) -> SettingsProblem {
    let near = |spec: &&KeySpec| strsim::damerau_levenshtein(name, &env_name(spec.name)) <= 2;
    let suggestion = KEYS.iter().find(near).map(|spec| env_name(spec.name));
    SettingsProblem::UnknownKey { at, key: name.to_owned(), suggestion }
}

fn key_of_variable(variable: &str, below: &Values) -> Option<String> {
    let mut names = KEYS.iter().map(|spec| spec.name).chain(SHORT.iter().map(|(short, _)| *short));
    let fixed = names.find(|name| env_name(name) == variable).map(str::to_owned);
    fixed.or_else(|| {
        let known = below.runtimes().into_iter().find_map(|name| {
            keys_of_runtime(&name).map(|(key, _)| key).find(|key| env_name(key) == variable)
        });
        known.or_else(|| new_runtime_key(variable))
    })
}

/// The key of a runtime that only the environment speaks of: its name in small letters.
fn new_runtime_key(variable: &str) -> Option<String> {
    let lower = variable.strip_prefix("HEW_LOOP_RUNTIME_DEFS_")?.to_ascii_lowercase();
    keys_of_runtime("").find_map(|(key, _)| {
        let field = key.rsplit('.').next()?;
        let name = lower.strip_suffix(&format!("_{field}"))?;
        keys_of_runtime(name).map(|(key, _)| key).find(|key| key.ends_with(&format!(".{field}")))
    })
}

/// Reads a settings file's text. `layer` is `user`, `project` or `HEW_CONFIG`.
pub fn read_file(text: &str, layer: &'static str, path: &Path) -> Layer {
    let mut reader = FileReader { text, layer, path, out: Layer::default() };
    let (table, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        reader.read_table("", table.get_ref());
    }
    for error in errors {
        let at = reader.origin(error.span().map_or(0, |span| span.start));
        reader.out.problems.push(SettingsProblem::Syntax { at, reason: error.message().to_owned() });
    }
    // The parser sorts tables by name; people read from top to bottom.
    reader.out.problems.sort_by_key(SettingsProblem::line);
    reader.out
}

struct FileReader<'a> {
    text: &'a str,
    layer: &'static str,
    path: &'a Path,
    out: Layer,
}

impl FileReader<'_> {
    fn origin(&self, offset: usize) -> Origin {
        let before = self.text.get(..offset).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        Origin::File { layer: self.layer, path: self.path.to_owned(), line }
    }

    fn read_table(&mut self, above: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let at = self.origin(name.span().start);
            let key = if above.is_empty() {
                name.get_ref().to_string()
            } else {
                format!("{above}.{name}", name = name.get_ref())
            };
            // `"loop.jobs" = 1` is one key with a dot in its name, which no key has.
            if name.get_ref().contains('.') || name.get_ref().is_empty() {
                self.out.problems.push(unknown(&key, &at));
            } else {
                self.read_value(&key, value.get_ref(), &at);
            }
        }
    }

    fn read_value(&mut self, key: &str, value: &DeValue<'_>, at: &Origin) {
        match (find(key), value) {
            (Found::Key(KeySpec { kind: Kind::Map(map), .. }), DeValue::Table(table)) => {
                self.read_map(key, *map, table);
            }
            (Found::Key(spec), value) => self.take(key, spec.kind.read_toml(value), at),
            (Found::Nothing, DeValue::Table(table)) if !table.is_empty() => self.read_table(key, table),
            (Found::Section, DeValue::Table(table)) => self.read_table(key, table),
            (Found::Section, value) if long_of(key).is_some() => {
                self.read_value(long_of(key).unwrap_or(key), value, at);
            }
            (Found::Section, _) => {
                let problem = SettingsProblem::Section { at: at.clone(), key: key.to_owned() };
                self.out.problems.push(problem);
            }
            // Entries are read with their map, which may give them any name.
            (Found::Nothing | Found::Entry(..), _) => self.out.problems.push(unknown(key, at)),
        }
    }

    fn read_map(&mut self, key: &str, map: MapKind, table: &DeTable<'_>) {
        for (name, value) in table {
            let at = self.origin(name.span().start);
            let own = map.entry_name(name.get_ref());
            let path = format!("{key}.{}", own.as_deref().unwrap_or(name.get_ref()));
            let read = own.and_then(|_| map.read_toml_entry(value.get_ref()));
            if self.out.values.contains(&path) {
                let problem = SettingsProblem::Twice { at, key: path };
                self.out.problems.push(problem);
            } else {
                self.take(&path, read, &at);
            }
        }
    }

    fn take(&mut self, key: &str, read: Result<Value, BadValue>, at: &Origin) {
        match read {
            Ok(value) => self.out.values.insert(key, value, at),
            Err(bad) => {
                let (at, key) = (at.clone(), key.to_owned());
                self.out.problems.push(SettingsProblem::BadValue { at, key, bad });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn file(text: &str) -> Layer {
        read_file(text, "project", Path::new("/p/.hew.toml"))
    }

    fn messages(layer: &Layer) -> Vec<String> {
        layer.problems.iter().map(ToString::to_string).collect()
    }

    fn line(values: &Values, key: &str) -> Option<usize> {
        match values.value(key)?.origin {
            Origin::File { line, .. } => Some(line),
            _ => None,
        }
    }

    #[test]
    fn every_way_to_write_a_key_gives_its_line() {
        let text = "# about\nloop.jobs = 2\n[loop.gate]\ncommand = '''\nmake\n'''\ntimeout = \"5m\"\n\
                    [loop.runtime_defs.x]\ncommand = \"x\"\nenv = { A = \"1\",\n  B = \"\" }\n";
        let layer = file(text);
        assert_eq!(messages(&layer), Vec::<String>::new());
        for (key, wanted) in [
            ("loop.jobs", 2),
            ("loop.gate.command", 4),
            ("loop.gate.timeout", 7),
            ("loop.runtime_defs.x.command", 9),
            ("loop.runtime_defs.x.env.A", 10),
            ("loop.runtime_defs.x.env.B", 11),
        ] {
            assert_eq!(line(&layer.values, key), Some(wanted), "{key}");
        }
        let origin = layer.values.value("loop.jobs").unwrap().origin;
        assert_eq!(origin, Origin::File { layer: "project", path: PathBuf::from("/p/.hew.toml"), line: 2 });
    }

    #[test]
    fn all_problems_of_a_file_are_told_at_once() {
        let text = "[loop]\njbos = 2\ngate = \"make\"\non_gate_fail = \"panic\"\n[loop.gate]\nbaseline = \"no\"\n\
                    [lop]\n[other.thing]\nx = 1\n";
        assert_eq!(messages(&file(text)).len(), 1, "a key that is both value and table is no TOML");
        let text = text.replace("gate = \"make\"\n", "budget = 5\n\"a.b\" = 1\n");
        assert_eq!(
            messages(&file(&text)),
            [
                "/p/.hew.toml:2: unknown key loop.jbos; did you mean loop.jobs?",
                "/p/.hew.toml:3: loop.budget is a section of keys and holds no value",
                "/p/.hew.toml:4: unknown key loop.a.b",
                "/p/.hew.toml:5: loop.on_gate_fail: `panic` is not one of continue, stop",
                "/p/.hew.toml:7: loop.gate.baseline: the text \"no\" is not true or false",
                "/p/.hew.toml:8: unknown key lop",
                "/p/.hew.toml:10: unknown key other.thing.x",
            ]
            .map(str::to_owned)
        );
    }

    #[test]
    fn text_that_is_no_toml_names_each_line() {
        let told = messages(&file("[loop]\njobs = \nruntime = \"x\n"));
        assert!(told[0].starts_with("/p/.hew.toml:2: not valid TOML: "), "{told:?}");
        assert!(told.iter().any(|message| message.starts_with("/p/.hew.toml:3: ")), "{told:?}");
    }

    #[test]
    fn the_types_of_toml_count() {
        for wrong in [
            "loop.jobs = \"2\"",
            "loop.jobs = 2.0",
            "loop.jobs = -1",
            "loop.deliver = 1",
            "loop.timeout = 90",
            "loop.gate.command = [\"make\"]",
            "loop.gate.command = \"\"",
            "loop.worktree.copy = \"a\"",
            "loop.worktree.copy = [1]",
            "loop.runtime_defs.x.env = \"A=1\"",
            "loop.runtime_defs.x.env = { A = 1 }",
            "loop.runtime_defs.x.env = { \"A-B\" = \"1\" }",
            "loop.runtime_defs.\"a b\".command = \"x\"",
        ] {
            assert_eq!(file(wrong).problems.len(), 1, "{wrong}");
        }
        assert_eq!(
            messages(&file("loop.timeout = 90"))[0].rsplit(": ").next(),
            Some("90 has no unit; write 90s, 90m or 90h")
        );
        assert!(file("loop.jobs = 0x4\nloop.collect.max_bytes = 1_000").problems.is_empty());
    }

    #[test]
    fn variables_are_read_by_the_names_of_keys() {
        let below = file("loop.runtime_defs.my-agent.command = \"a\"").values;
        let variables = [
            ("HEW_LOOP_JOBS", "4"),
            ("HEW_LOOP_RUNTIME", ""),
            ("HEW_LOOP_RUNTIME_DEFS_MY_AGENT_ARGS", "a,b"),
            ("HEW_LOOP_RUNTIME_DEFS_NEW_ONE_COMMAND", "x"),
            ("HEW_LOOP_RUNTIME_DEFS_NEW_ONE_ENV", "A=1"),
            ("HEW_LOOP_MODEL_BY_PRIORITY", "0=opus,P2=gpt-5.1"),
            ("HEW_LOOP_PRICES", "gpt-5.1=1/2"),
            ("HEW_RUN_ID", "r"),
            ("HEW_HOME", "/h"),
            ("HOME", "/h"),
        ];
        let layer =
            read_environment(variables.map(|(n, t)| (n.to_owned(), t.to_owned())).into_iter(), &below);
        assert_eq!(messages(&layer), Vec::<String>::new());
        let keys: Vec<&str> = layer.values.iter().map(|(key, _)| key).collect();
        assert_eq!(
            keys,
            [
                "loop.jobs",
                "loop.model.by_priority.P0",
                "loop.model.by_priority.P2",
                "loop.prices.gpt-5.1",
                "loop.runtime_defs.my-agent.args",
                "loop.runtime_defs.new_one.command",
                "loop.runtime_defs.new_one.env.A"
            ]
        );
        assert_eq!(layer.values.value("loop.jobs").unwrap().origin, Origin::Env("HEW_LOOP_JOBS".to_owned()));
        for (wrong, told) in [
            (
                ("HEW_LOOP_JBOS", "1"),
                "environment HEW_LOOP_JBOS: unknown key HEW_LOOP_JBOS; did you mean HEW_LOOP_JOBS?",
            ),
            (
                ("HEW_LOOP_JOBS", "x"),
                "environment HEW_LOOP_JOBS: loop.jobs: `x` is not a whole number from 1 to 16",
            ),
        ] {
            let pair = (wrong.0.to_owned(), wrong.1.to_owned());
            assert_eq!(messages(&read_environment([pair].into_iter(), &below)), [told]);
        }
    }

    #[test]
    fn layers_merge_key_by_key_maps_too_and_lists_replace() {
        let user = file(
            "loop.jobs = 2\nloop.timeout = \"1h\"\nloop.worktree.copy = [\"a\", \"b\"]\n\
                         loop.runtime_defs.x.env = { A = \"1\", B = \"1\" }",
        );
        let project = file("loop.jobs = 3\nloop.worktree.copy = [\"c\"]\nloop.runtime_defs.x.env.B = \"2\"");
        let flags = read_flags(&[("loop.jobs", "4".to_owned(), "--jobs")]);
        let merged = Values::built_in()
            .overlaid_with(user.values)
            .overlaid_with(project.values)
            .overlaid_with(flags.values);
        for (key, wanted, origin) in [
            ("loop.jobs", "4", "flag --jobs"),
            ("loop.timeout", "1h", "project /p/.hew.toml:2"),
            ("loop.worktree.copy", "c", "project /p/.hew.toml:2"),
            ("loop.runtime_defs.x.env", "A=1,B=2", "project /p/.hew.toml:4"),
            ("loop.merge", "task", "built-in"),
        ] {
            let found = merged.value(key).unwrap();
            assert_eq!(
                (found.value.to_string().as_str(), found.origin.to_string().as_str()),
                (wanted, origin),
                "{key}"
            );
        }
        assert_eq!(merged.value("loop.gate.command"), None);
    }

    #[test]
    fn entries_of_maps_have_any_name_and_their_own_line() {
        let layer = file(
            "[loop.model]\nby_priority = { 0 = 'opus', P3 = 'haiku' }\n\
             [loop.model.by_type]\n\"a.b\" = 'gpt-5.1'\nbug = 'org/model[1m]'\n\
             [loop.prices]\n\"gpt-5.1\" = { input = 1.25, output = 10 }\n\
             [loop.prices.opus]\ninput = 15\noutput = 75\n\
             [loop.runtime_defs.x]\nmodels = { 'claude-opus-4.1' = 'y' }\n",
        );
        assert_eq!(messages(&layer), Vec::<String>::new());
        for (key, wanted, at) in [
            ("loop.model.by_priority.P0", "opus", 2),
            ("loop.model.by_type.a.b", "gpt-5.1", 4),
            ("loop.model.by_type.bug", "org/model[1m]", 5),
            ("loop.prices.gpt-5.1", "1.25/10/1.25/1.25", 7),
            ("loop.prices.opus", "15/75/15/15", 8),
            ("loop.runtime_defs.x.models.claude-opus-4.1", "y", 12),
        ] {
            assert_eq!(layer.values.value(key).unwrap().value.to_string(), wanted, "{key}");
            assert_eq!(line(&layer.values, key), Some(at), "{key}");
        }
    }

    #[test]
    fn a_bad_entry_is_told_with_its_line() {
        let text = "loop.model.by_priority.0 = 'a'\nloop.model.by_priority.P0 = 'b'\n\
                    loop.model.by_priority.5 = 'c'\nloop.model.by_type.a.b = 'd'\nloop.prices.m = { input = 1 }\n\
                    loop.budget.usd = '5'\nloop.budget.grace = 10\n";
        assert_eq!(
            messages(&file(text)),
            [
                "/p/.hew.toml:2: loop.model.by_priority.P0 is there twice",
                "/p/.hew.toml:3: loop.model.by_priority.5: `5` is not a priority, P0 to P4 or 0 to 4",
                "/p/.hew.toml:4: loop.model.by_type.a: a table is not a name of a model: a name with a dot in it stands in quotes",
                "/p/.hew.toml:5: loop.prices.m: a table is not a price in USD per million tokens, INPUT/OUTPUT or \
                 INPUT/OUTPUT/CACHE_READ/CACHE_CREATE: output is missing",
                "/p/.hew.toml:6: loop.budget.usd: the text \"5\" is not an amount of US dollars above zero, like 5 or 2.50",
                "/p/.hew.toml:7: loop.budget.grace: `10` is not a percentage from 0% to 100%: write 10%",
            ]
        );
    }

    #[test]
    fn flags_name_themselves_in_their_problems() {
        let layer = read_flags(&[("loop.timeout", "5".to_owned(), "--timeout")]);
        assert!(messages(&layer)[0].starts_with("flag --timeout: loop.timeout: `5` is not a duration"));
    }
}
