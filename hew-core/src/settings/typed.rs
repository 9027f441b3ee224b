//! From merged values to the typed [`Settings`]: each field names its key once, here.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::check::lacking_commands;
use super::keys::RUNTIME_DEFS;
use super::problem::SettingsProblem;
use super::target::{DEFAULT_PORT, Target};
use super::value::Value;
use super::values::Values;
use super::{
    Isolation, LocalSettings, MergeMode, OnGateFail, OnRed, Origin, OutputForm, PromptVia, RuntimeDef,
    SandboxMode, Settings, Sourced, TrackerKind,
};
use crate::ids::{ModelName, RuntimeName};

impl Settings {
    /// The settings that merged layers amount to. `values` must rest on [`Values::built_in`].
    pub fn from_values(values: &Values) -> Result<Self, Vec<SettingsProblem>> {
        let values = values.clone().completed();
        let problems = lacking_commands(&values);
        if problems.is_empty() { Ok(typed(&Reader(&values))) } else { Err(problems) }
    }
}

fn typed(from: &Reader<'_>) -> Settings {
    Settings {
        tracker_kind: from.word("tracker.kind", tracker_kind),
        tracker_command: from.word("tracker.command", |text| Some(text.to_owned())),
        tracker_prefix: from.text("tracker.prefix"),
        jobs: from.number("loop.jobs"),
        runtime: from.word("loop.runtime", |name| Some(RuntimeName::new(name))),
        runtimes: from
            .known("loop.runtimes", |value| Some(list(value)?.iter().map(RuntimeName::new).collect())),
        fallback_runtime: from.read("loop.fallback_runtime", |value| text(value).map(RuntimeName::new)),
        fallback_cooldown_iters: from.number("loop.fallback_cooldown_iters"),
        max_attempts: from.number("loop.max_attempts"),
        timeout: from.duration("loop.timeout"),
        stall_timeout: from.duration("loop.stall_timeout"),
        kill_grace: from.duration("loop.kill_grace"),
        stop_grace: from.duration("loop.stop_grace"),
        merge: from.word("loop.merge", |word| match word {
            "task" => Some(MergeMode::Task),
            "end" => Some(MergeMode::End),
            _ => None,
        }),
        deliver: from.flag("loop.deliver"),
        on_gate_fail: from.word("loop.on_gate_fail", on_gate_fail),
        branch_prefix: from.word("loop.branch_prefix", |text| Some(text.to_owned())),
        keep_refs_days: from.number("loop.keep_refs_days"),
        budget_wall: from.read("loop.budget.wall", length),
        budget_iterations: from.read("loop.budget.iterations", count),
        budget_tokens: from.read("loop.budget.tokens", count),
        budget_usd: from.read("loop.budget.usd", |value| match value {
            Value::Usd(amount) => Some(*amount),
            _ => None,
        }),
        budget_grace: from.known("loop.budget.grace", |value| match value {
            Value::Percent(percent) => Some(*percent),
            _ => None,
        }),
        budget_first_guess: from.number("loop.budget.first_guess"),
        model_default: from.read("loop.model.default", model),
        model_by_priority: from.entries("loop.model.by_priority", priority, model),
        model_by_type: from.entries("loop.model.by_type", |name| Some(name.to_owned()), model),
        prices: from.entries("loop.prices", model_name, |value| match value {
            Value::Price(price) => Some(*price),
            _ => None,
        }),
        planner_enabled: from.flag("loop.planner.enabled"),
        planner_budget_tokens: from.number("loop.planner.budget_tokens"),
        planner_runtime: from.read("loop.planner.runtime", |value| text(value).map(RuntimeName::new)),
        classifier_enabled: from.flag("loop.classifier.enabled"),
        gate_command: from.text("loop.gate.command"),
        gate_timeout: from.duration("loop.gate.timeout"),
        gate_baseline: from.flag("loop.gate.baseline"),
        gate_retry_flaky: from.flag("loop.gate.retry_flaky"),
        verify_tests: from.flag("loop.end_of_run.verify_tests"),
        verify_command: from.text("loop.end_of_run.verify_command"),
        verify_budget_wall: from.duration("loop.end_of_run.verify_budget_wall"),
        verify_on_red: from.word("loop.end_of_run.on_red", on_red),
        worktree_root: from.read("loop.worktree.root", |value| text(value).map(PathBuf::from)),
        worktree_copy: from.list("loop.worktree.copy"),
        worktree_link: from.list("loop.worktree.link"),
        worktree_setup: from.text("loop.worktree.setup"),
        worktree_setup_inputs: from.list("loop.worktree.setup_inputs"),
        isolation: from.word("loop.isolation", isolation),
        sandbox: from.word("loop.sandbox.mode", sandbox_mode),
        sandbox_write: from
            .known("loop.sandbox.write", |value| Some(list(value)?.iter().map(PathBuf::from).collect())),
        sandbox_hosts: from.known("loop.sandbox.hosts", |value| {
            list(value)?.iter().map(|host| Target::parse(host, DEFAULT_PORT)).collect()
        }),
        env_pass: from.list("loop.env.pass"),
        env_allow_push: from.flag("loop.env.allow_push"),
        collect_max_bytes: from.number("loop.collect.max_bytes"),
        collect_max_files: from.number("loop.collect.max_files"),
        transcript_max_bytes: from.number("loop.transcript.max_bytes"),
        shell_allow_task_commands: from.flag("loop.shell.allow_task_commands"),
        local: local(from),
        runtime_defs: runtime_defs(from),
    }
}

fn local(from: &Reader<'_>) -> LocalSettings {
    LocalSettings {
        endpoint: from.text("loop.local.endpoint"),
        model: from.read("loop.local.model", model),
        timeout: from.duration("loop.local.timeout"),
        temperature: from.known("loop.local.temperature", |value| match value {
            Value::Temperature(temperature) => Some(*temperature),
            _ => None,
        }),
        max_tokens: from.number("loop.local.max_tokens"),
        api_key_env: from.text("loop.local.api_key_env"),
        tools: from.flag("loop.local.tools"),
        max_turns: from.number("loop.local.max_turns"),
        prefer_for_elaborate: from.flag("loop.local.prefer_for_elaborate"),
    }
}

fn runtime_defs(from: &Reader<'_>) -> BTreeMap<RuntimeName, RuntimeDef> {
    let def = |name: &String| {
        let key = |field: &str| format!("{RUNTIME_DEFS}{name}.{field}");
        RuntimeDef {
            command: from.text(&key("command")),
            args: from.list(&key("args")),
            call_args: from.list(&key("call_args")),
            prompt: from.word(&key("prompt"), prompt_via),
            env: from.entries(&key("env"), |name| Some(name.to_owned()), text),
            done_on_exit_zero: from.flag(&key("done_on_exit_zero")),
            output: from.word(&key("output"), output_form),
            models: from.entries(&key("models"), model_name, model),
        }
    };
    from.0.runtimes().iter().map(|name| (RuntimeName::new(name), def(name))).collect()
}

fn tracker_kind(word: &str) -> Option<TrackerKind> {
    match word {
        "auto" => Some(TrackerKind::Auto),
        "bd" => Some(TrackerKind::Bd),
        "embedded" => Some(TrackerKind::Embedded),
        _ => None,
    }
}

fn isolation(word: &str) -> Option<Isolation> {
    match word {
        "worktree" => Some(Isolation::Worktree),
        "clone" => Some(Isolation::Clone),
        _ => None,
    }
}

fn sandbox_mode(word: &str) -> Option<SandboxMode> {
    match word {
        "off" => Some(SandboxMode::Off),
        "worktree" => Some(SandboxMode::Worktree),
        "strict" => Some(SandboxMode::Strict),
        _ => None,
    }
}

fn on_gate_fail(word: &str) -> Option<OnGateFail> {
    match word {
        "continue" => Some(OnGateFail::Continue),
        "stop" => Some(OnGateFail::Stop),
        _ => None,
    }
}

fn on_red(word: &str) -> Option<OnRed> {
    match word {
        "deliver" => Some(OnRed::Deliver),
        "hold" => Some(OnRed::Hold),
        _ => None,
    }
}

fn prompt_via(word: &str) -> Option<PromptVia> {
    match word {
        "stdin" => Some(PromptVia::Stdin),
        "file" => Some(PromptVia::File),
        _ => None,
    }
}

fn output_form(word: &str) -> Option<OutputForm> {
    let all = [OutputForm::Text, OutputForm::ClaudeStream, OutputForm::CodexJsonl];
    all.into_iter().find(|form| form.as_str() == word)
}

/// The digit of `P0` to `P4`.
fn priority(name: &str) -> Option<u8> {
    name.strip_prefix('P')?.parse().ok()
}

#[expect(clippy::unnecessary_wraps, reason = "any text is a name of a model, but not of every key")]
fn model_name(text: &str) -> Option<ModelName> {
    Some(ModelName::new(text))
}

fn model(value: &Value) -> Option<ModelName> {
    text(value).map(ModelName::new)
}

fn list(value: &Value) -> Option<&Vec<String>> {
    if let Value::List(items) = value { Some(items) } else { None }
}

fn length(value: &Value) -> Option<Duration> {
    if let Value::Duration { length, .. } = value { Some(*length) } else { None }
}

fn count(value: &Value) -> Option<u64> {
    match value {
        Value::Count(count) | Value::Bytes { count, .. } => Some(*count),
        _ => None,
    }
}

fn text(value: &Value) -> Option<String> {
    if let Value::Text(text) = value { Some(text.clone()) } else { None }
}

/// Reads merged values by key; that each key holds what its field wants is tested over the whole table.
struct Reader<'a>(&'a Values);

impl Reader<'_> {
    /// A value that may be absent.
    fn read<T>(&self, key: &str, take: impl Fn(&Value) -> Option<T>) -> Sourced<Option<T>> {
        match self.0.value(key) {
            Some(found) => {
                let value = take(&found.value).expect("a value was read by its key's kind");
                Sourced { value: Some(value), origin: found.origin }
            }
            None => Sourced { value: None, origin: Origin::BuiltIn },
        }
    }

    /// A value that at least hew itself has given.
    fn known<T>(&self, key: &str, take: impl Fn(&Value) -> Option<T>) -> Sourced<T> {
        let found = self.read(key, take);
        Sourced { value: found.value.expect("the bottom layer gives it"), origin: found.origin }
    }

    fn text(&self, key: &str) -> Sourced<Option<String>> {
        self.read(key, text)
    }

    fn word<T>(&self, key: &str, take: impl Fn(&str) -> Option<T>) -> Sourced<T> {
        self.known(key, |value| take(&text(value)?))
    }

    fn flag(&self, key: &str) -> Sourced<bool> {
        self.known(key, |value| if let Value::Flag(flag) = value { Some(*flag) } else { None })
    }

    fn number<T: TryFrom<u64>>(&self, key: &str) -> Sourced<T> {
        self.known(key, |value| count(value)?.try_into().ok())
    }

    fn duration(&self, key: &str) -> Sourced<Duration> {
        self.known(key, length)
    }

    fn list(&self, key: &str) -> Sourced<Vec<String>> {
        self.known(key, |value| list(value).cloned())
    }

    /// A map whose entries have origins of their own.
    fn entries<K: Ord, T>(
        &self,
        key: &str,
        name_of: impl Fn(&str) -> Option<K>,
        take: impl Fn(&Value) -> Option<T>,
    ) -> BTreeMap<K, Sourced<T>> {
        let entry = |(name, found): (&str, &Sourced<Value>)| {
            let name = name_of(name).expect("an entry was named by its map's kind");
            let value = take(&found.value).expect("an entry was read by its map's kind");
            (name, Sourced { value, origin: found.origin.clone() })
        };
        self.0.entries_of(key).map(entry).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::settings::keys::KEYS;
    use crate::settings::kind::Kind;
    use crate::settings::layers::read_file;
    use crate::settings::map_kind::MapKind;

    /// Two values for each key, as they stand in a file.
    fn two_values(kind: Kind) -> [String; 2] {
        let two = match kind {
            Kind::Flag => ["true", "false"],
            Kind::Count { .. } => ["7", "8"],
            Kind::Duration { .. } => ["'7m'", "'8m'"],
            Kind::Bytes => ["'7KiB'", "8"],
            Kind::Choice(words) => return [0, words.len() - 1].map(|place| format!("'{}'", words[place])),
            Kind::Text | Kind::Name | Kind::RefPrefix => ["'seven'", "'eight'"],
            Kind::Folder => ["'/seven'", "'~/eight'"],
            Kind::Folders => ["['/seven']", "['~/eight']"],
            Kind::Hosts => ["['seven']", "['eight:8']"],
            Kind::List | Kind::Paths | Kind::Variables => ["['SEVEN']", "['EIGHT']"],
            Kind::Usd => ["7", "8.50"],
            Kind::Temperature => ["1", "0.5"],
            Kind::Url => ["'http://seven'", "'https://eight/v1'"],
            Kind::SecretVariable => ["'SEVEN_KEY'", "'EIGHT_TOKEN'"],
            Kind::Percent => ["'7%'", "'8%'"],
            Kind::Names => ["['seven']", "['eight']"],
            Kind::Map(MapKind::Prices) => {
                ["{ m = { input = 7, output = 7 } }", "{ m = { input = 8, output = 8 } }"]
            }
            Kind::Map(MapKind::Priorities) => ["{ 0 = '7' }", "{ P0 = '8' }"],
            Kind::Map(_) => ["{ A = '7' }", "{ A = '8' }"],
        };
        two.map(str::to_owned)
    }

    fn settings(text: &str) -> Settings {
        let layer = read_file(text, "user", Path::new("/u/config.toml"));
        assert_eq!(layer.problems, [], "{text}");
        Settings::from_values(&Values::built_in().overlaid_with(layer.values)).unwrap()
    }

    #[test]
    fn every_key_that_is_set_in_a_file_reaches_one_field_with_its_origin() {
        for spec in KEYS {
            let key = spec.name.replace("<name>", "x");
            // A definition needs a command.
            let first = if key.ends_with(".command") { "" } else { "loop.runtime_defs.x.command = 'x'" };
            let [one, other] =
                two_values(spec.kind).map(|value| settings(&format!("{first}\n{key} = {value}")));
            assert_eq!(format!("{one:#?}").matches("line: 2").count(), 1, "{key}");
            assert!(one != other || spec.kind == Kind::Choice(&["task"]), "{key}");
        }
    }

    #[test]
    fn an_absent_key_inherits() {
        let settings = settings("loop.jobs = 2");
        assert_eq!(settings.jobs.value, 2);
        assert_eq!(settings.timeout, Sourced { value: Duration::from_secs(3600), origin: Origin::BuiltIn });
        assert_eq!(settings.collect_max_bytes.value, 200 << 20);
        assert_eq!(settings.gate_command.value, None);
        assert_eq!(settings.worktree_copy.value, Vec::<String>::new());
    }

    #[test]
    fn a_built_in_runtime_is_changed_key_by_key() {
        let at = RuntimeName::from("claude");
        let built_in = settings("").runtime_defs.remove(&at).unwrap();
        assert_eq!(built_in.command.value.as_deref(), Some("claude"));
        assert_eq!(built_in.output.value, OutputForm::ClaudeStream);
        assert!(built_in.env.values().all(|found| found.origin == Origin::BuiltIn), "{:?}", built_in.env);
        let text =
            "loop.runtime_defs.claude.args = ['-p']\nloop.runtime_defs.claude.env.DISABLE_TELEMETRY = ''";
        let changed = settings(text).runtime_defs.remove(&at).unwrap();
        assert_eq!(changed.args.value, ["-p"]);
        assert_eq!(changed.command, built_in.command);
        assert_eq!(changed.env.len(), built_in.env.len());
        assert_eq!(changed.env["DISABLE_TELEMETRY"].value, "");
        assert_ne!(changed.env["DISABLE_TELEMETRY"].origin, Origin::BuiltIn);
    }

    #[test]
    fn some_runtimes_are_built_in_and_others_need_a_command() {
        let defs = settings("loop.runtime_defs.x.command = 'x'").runtime_defs;
        let done = |name: &str| defs[&RuntimeName::from(name)].done_on_exit_zero.value;
        assert!(done("shell") && !done("x"));
        assert_eq!(
            defs.keys().map(RuntimeName::as_str).collect::<Vec<_>>(),
            ["claude", "codex", "local", "shell", "x"],
            "hew brings four along"
        );

        let layer = read_file("\nloop.runtime_defs.x.args = ['a']", "user", Path::new("/u/config.toml"));
        let problems = Settings::from_values(&Values::built_in().overlaid_with(layer.values)).unwrap_err();
        assert_eq!(
            problems.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["/u/config.toml:2: loop.runtime_defs.x.command has to be set too"]
        );
    }
}
