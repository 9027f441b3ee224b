//! The one table of keys. Parsing, checking, listing, names of environment variables, the typed settings and
//! `docs/config.md` all come from it; a key that is not here does not exist. Finding a key by its path is [`lookup`]'s.
//!
//! [`lookup`]: super::lookup

use super::kind::Kind;
use super::map_kind::MapKind;

/// One key.
#[derive(Debug, Clone, Copy)]
pub struct KeySpec {
    /// Dotted; `<name>` stands for a name that the user gives.
    pub name: &'static str,
    /// What it may hold.
    pub kind: Kind,
    /// hew's own value, as text; none where a key without a value means something.
    pub default: Option<&'static str>,
    /// What it means, for people.
    pub meaning: &'static str,
    /// It runs commands or widens what agents may do.
    pub runs_commands: bool,
}

/// Short names: what a section's name means where it is given a value.
pub(super) const SHORT: &[(&str, &str)] = &[("loop.sandbox", "loop.sandbox.mode")];

/// Stands in a key for a name that the user gives.
pub(super) const ANY_NAME: &str = "<name>";

/// What the keys of runtime definitions begin with.
pub(super) const RUNTIME_DEFS: &str = "loop.runtime_defs.";

const ANY_COUNT: Kind = Kind::Count { min: 0, max: i64::MAX as u64 };
const AT_LEAST_ONE: Kind = Kind::Count { min: 1, max: u32::MAX as u64 };
const TIMEOUT: Kind = Kind::Duration { zero: false };
const GRACE: Kind = Kind::Duration { zero: true };

const fn key(name: &'static str, kind: Kind, default: &'static str, meaning: &'static str) -> KeySpec {
    KeySpec { name, kind, default: Some(default), meaning, runs_commands: false }
}

const fn unset(name: &'static str, kind: Kind, meaning: &'static str) -> KeySpec {
    KeySpec { name, kind, default: None, meaning, runs_commands: false }
}

const fn trusted(spec: KeySpec) -> KeySpec {
    KeySpec { runs_commands: true, ..spec }
}

/// Every key, in the order in which it is shown.
pub const KEYS: &[KeySpec] = &[
    key(
        "tracker.kind",
        Kind::Choice(&["auto", "bd", "embedded"]),
        "auto",
        "Where tasks live: `bd` is beads, driven by its program; `embedded` is hew's own store in the git folder; `auto` takes `bd` where there is a folder `.beads` and its program is on PATH",
    ),
    trusted(key("tracker.command", Kind::Text, "bd", "The program that is run where tasks live in `bd`")),
    unset(
        "tracker.prefix",
        Kind::Name,
        "What ids of new tasks begin with; unset: the name of the project's folder",
    ),
    key(
        "loop.jobs",
        Kind::Count { min: 1, max: 16 },
        "1",
        "Workers of a run, each with a worktree of its own",
    ),
    key(
        "loop.runtime",
        Kind::Name,
        "claude",
        "The runtime that agents are run with: `shell`, one of `loop.runtime_defs`, or `auto`, which spreads iterations over `loop.runtimes`",
    ),
    key(
        "loop.runtimes",
        Kind::Names,
        "",
        "Runtimes that `auto` chooses among; where two fit equally the earlier one is taken",
    ),
    unset("loop.fallback_runtime", Kind::Name, "The runtime that takes over while the main one rests"),
    key(
        "loop.fallback_cooldown_iters",
        AT_LEAST_ONE,
        "3",
        "Iterations on the fallback before the main runtime is tried again, where no time is known at which its rest ends",
    ),
    key("loop.max_attempts", AT_LEAST_ONE, "3", "Attempts at one task in a run before it is parked"),
    key("loop.timeout", TIMEOUT, "60m", "Longest one agent may take"),
    key("loop.stall_timeout", TIMEOUT, "15m", "Longest one agent may show no sign of life"),
    key("loop.kill_grace", GRACE, "10s", "From TERM to KILL when an agent is stopped"),
    key(
        "loop.stop_grace",
        GRACE,
        "30s",
        "How long running iterations may go on after the first INT, TERM or HUP",
    ),
    key(
        "loop.merge",
        Kind::Choice(&["task", "end"]),
        "task",
        "When work is landed: each task when it is done, or each worker's branch once at the end of the run",
    ),
    key(
        "loop.deliver",
        Kind::Flag,
        "true",
        "Bring the run branch to the branch that was checked out at launch",
    ),
    key(
        "loop.on_gate_fail",
        Kind::Choice(&["continue", "stop"]),
        "continue",
        "When the last attempt at a task ends with a red gate: go on with other tasks, or stop the run",
    ),
    key(
        "loop.isolation",
        Kind::Choice(&["worktree", "clone"]),
        "worktree",
        "What a worker works in: a `worktree`, which shares stash, settings, hooks and refs with your repository, or a `clone`, where these are its own",
    ),
    key("loop.branch_prefix", Kind::RefPrefix, "loop", "What names of a run's branches begin with"),
    key(
        "loop.keep_refs_days",
        Kind::Count { min: 0, max: u32::MAX as u64 },
        "14",
        "Days for which refs of a run are kept once the target holds them",
    ),
    key(
        "loop.prices",
        Kind::Map(MapKind::Prices),
        "",
        "US dollars per million tokens by model, for runtimes that don't tell what they cost",
    ),
    unset("loop.budget.wall", TIMEOUT, "Longest a run may take, all its resumes together; unset: no limit"),
    unset(
        "loop.budget.iterations",
        Kind::Count { min: 1, max: i64::MAX as u64 },
        "Most iterations of a run, all workers together; unset: no limit",
    ),
    unset(
        "loop.budget.tokens",
        Kind::Count { min: 1, max: i64::MAX as u64 },
        "Most tokens of a run, cached ones too, all workers together; unset: no limit",
    ),
    unset("loop.budget.usd", Kind::Usd, "Most US dollars that a run may cost; unset: no limit"),
    key(
        "loop.budget.grace",
        Kind::Percent,
        "10%",
        "How far running agents may go beyond a limit before they are stopped",
    ),
    key(
        "loop.budget.first_guess",
        ANY_COUNT,
        "100000",
        "Tokens set aside for each running iteration until the run has seen what one takes",
    ),
    unset(
        "loop.model.default",
        Kind::Text,
        "The model where nothing else names one; unset: the runtime's own choice",
    ),
    key(
        "loop.model.by_priority",
        Kind::Map(MapKind::Priorities),
        "",
        "Models by the task's priority; goes before `loop.model.by_type`",
    ),
    key("loop.model.by_type", Kind::Map(MapKind::TaskTypes), "", "Models by the task's type"),
    key(
        "loop.planner.enabled",
        Kind::Flag,
        "true",
        "Runs of two or more workers ask a planner which of the ready tasks are next, where more are ready than workers are free",
    ),
    key(
        "loop.planner.budget_tokens",
        ANY_COUNT,
        "10000",
        "Longest prompt of the planner, at three bytes a token; where it would be longer the planner is not asked; 0: never",
    ),
    unset("loop.planner.runtime", Kind::Name, "The runtime of the planner; unset: the run's own"),
    key(
        "loop.classifier.enabled",
        Kind::Flag,
        "true",
        "The model server of `loop.local.endpoint`, where one is set, chooses among configured models for tasks that nothing else names one for, and under `auto` among `loop.runtimes`",
    ),
    trusted(unset(
        "loop.gate.command",
        Kind::Text,
        "The command, run by `sh -c`, that decides whether a tree is good; unset: detected from the project",
    )),
    key("loop.gate.timeout", TIMEOUT, "30m", "Longest the gate may take"),
    key(
        "loop.gate.baseline",
        Kind::Flag,
        "true",
        "Run the gate on the untouched launch commit before the first iteration",
    ),
    key(
        "loop.gate.retry_flaky",
        Kind::Flag,
        "false",
        "Run a red gate once more, and record it as flaky if it is then green",
    ),
    key(
        "loop.end_of_run.verify_tests",
        Kind::Flag,
        "false",
        "Run the whole project's tests once on the run's result, after the last landing and before it is delivered",
    ),
    trusted(unset(
        "loop.end_of_run.verify_command",
        Kind::Text,
        "The command of that verification, run by `sh -c`; unset: detected from the project",
    )),
    key("loop.end_of_run.verify_budget_wall", TIMEOUT, "10m", "Longest that verification may take"),
    key(
        "loop.end_of_run.on_red",
        Kind::Choice(&["deliver", "hold"]),
        "hold",
        "When that verification fails or does not end in its time: deliver all the same, or leave the result on the run branch for a person to decide",
    ),
    unset(
        "loop.worktree.root",
        Kind::Folder,
        "Where worktrees are made; unset: `wt` in hew's home, `~/.hew`",
    ),
    key(
        "loop.worktree.copy",
        Kind::Paths,
        "",
        "Ignored files, such as `.env`, that are copied into each worktree",
    ),
    key("loop.worktree.link", Kind::Paths, "", "Ignored folders that each worktree links to and only reads"),
    trusted(unset(
        "loop.worktree.setup",
        Kind::Text,
        "A command, run by `sh -c` once in each worktree, the one in which the gate runs included",
    )),
    key("loop.worktree.setup_inputs", Kind::Paths, "", "Files whose change makes the set-up run again"),
    trusted(key(
        "loop.sandbox.mode",
        Kind::Choice(&["off", "worktree", "strict"]),
        "off",
        "What programs of a run may write: anything that you may (`off`), or little more than their own clone (`worktree`); with `strict` they reach nothing of the network, besides, but the runtime's own servers; `loop.sandbox` is short for this key",
    )),
    trusted(key(
        "loop.sandbox.write",
        Kind::Folders,
        "",
        "Folders, such as caches of builds, that programs in a sandbox may write, too",
    )),
    trusted(key(
        "loop.sandbox.hosts",
        Kind::Hosts,
        "",
        "With `strict`: what agents reach besides their runtime's servers, and gates, set-ups and verifications at all; port 443 where none is named",
    )),
    trusted(key(
        "loop.env.pass",
        Kind::Variables,
        "PATH,HOME,USER,LANG,LC_*,TZ,TERM,HTTP_PROXY,HTTPS_PROXY,ALL_PROXY,NO_PROXY,http_proxy,https_proxy,all_proxy,\
         no_proxy,SSL_CERT_FILE,SSL_CERT_DIR,CURL_CA_BUNDLE,REQUESTS_CA_BUNDLE,NODE_EXTRA_CA_CERTS,GIT_SSL_CAINFO,\
         CARGO_HTTP_CAINFO,CARGO_HOME,RUSTUP_HOME,CODEX_HOME,CLAUDE_CONFIG_DIR",
        "Environment variables that agents are given; every other one is kept from them",
    )),
    trusted(key(
        "loop.env.allow_push",
        Kind::Flag,
        "false",
        "Agents may push; else pushing is blocked against accidents",
    )),
    key(
        "loop.collect.max_bytes",
        Kind::Bytes,
        "200MiB",
        "Most bytes of uncommitted changes that are committed for an agent",
    ),
    key(
        "loop.collect.max_files",
        ANY_COUNT,
        "5000",
        "Most uncommitted files that are committed for an agent",
    ),
    key(
        "loop.transcript.max_bytes",
        Kind::Bytes,
        "64MiB",
        "Largest transcript of one iteration; of one that is larger the beginning is kept, and the end: a quarter, 4 MiB at most",
    ),
    trusted(key(
        "loop.shell.allow_task_commands",
        Kind::Flag,
        "false",
        "The `shell` runtime may run the command that a task brings with it (`hew task add --run`)",
    )),
    trusted(unset(
        "loop.local.endpoint",
        Kind::Url,
        "A model server of your own that speaks `/v1/chat/completions` (Ollama, vLLM, LM Studio, llama.cpp), up to and with `/v1`; unset: nothing asks one",
    )),
    unset(
        "loop.local.model",
        Kind::Text,
        "The model that the server is asked for where nothing else names one",
    ),
    key(
        "loop.local.timeout",
        TIMEOUT,
        "60s",
        "Longest wait for a whole answer of the server; in a stream for the first byte, and from one piece to the next",
    ),
    key(
        "loop.local.temperature",
        Kind::Temperature,
        "0.2",
        "How freely the server's model words its answers; 0 is sent too",
    ),
    key("loop.local.max_tokens", ANY_COUNT, "0", "Longest answer of the server in tokens; 0: it decides"),
    trusted(unset(
        "loop.local.api_key_env",
        Kind::SecretVariable,
        "Name of the environment variable that holds the server's key; the key itself never stands in a file",
    )),
    key(
        "loop.local.tools",
        Kind::Flag,
        "true",
        "Agents of the runtime `local` read and change files and run commands; `false`: their answer becomes a note on the task, and nothing is edited",
    ),
    key(
        "loop.local.max_turns",
        AT_LEAST_ONE,
        "50",
        "Most answers of the model in one iteration of the runtime `local`",
    ),
    key(
        "loop.local.prefer_for_elaborate",
        Kind::Flag,
        "true",
        "`hew task elaborate` asks this server first, where an endpoint is set",
    ),
    trusted(unset(
        "loop.runtime_defs.<name>.command",
        Kind::Text,
        "The program; for `shell` a command for `sh -c`",
    )),
    trusted(key(
        "loop.runtime_defs.<name>.args",
        Kind::List,
        "",
        "Its arguments, never through a shell; `{prompt_file}`, `{model}` and others are filled in (`agents.md`); a list replaces all of hew's own",
    )),
    trusted(key(
        "loop.runtime_defs.<name>.call_args",
        Kind::List,
        "",
        "Its arguments where it is only asked something, and needs no tools: by the planner; empty: `args` where `loop.planner.runtime` names it, else it is not asked",
    )),
    trusted(key(
        "loop.runtime_defs.<name>.prompt",
        Kind::Choice(&["stdin", "file"]),
        "stdin",
        "How it is given its prompt: on standard input, or in the file that `{prompt_file}` names",
    )),
    trusted(key(
        "loop.runtime_defs.<name>.env",
        Kind::Map(MapKind::Variables),
        "",
        "Variables added to its environment",
    )),
    trusted(key(
        "loop.runtime_defs.<name>.done_on_exit_zero",
        Kind::Flag,
        "false",
        "Exit code 0 without another word counts as done; `true` for `shell`",
    )),
    trusted(key(
        "loop.runtime_defs.<name>.output",
        Kind::Choice(&["text", "claude-stream", "codex-jsonl"]),
        "text",
        "The form of its output: plain text, or the stream of Claude Code or of Codex",
    )),
    trusted(key(
        "loop.runtime_defs.<name>.models",
        Kind::Map(MapKind::Models),
        "",
        "The runtime's own names for models",
    )),
];

/// The environment variable of a key: `HEW_LOOP_JOBS` for `loop.jobs`.
pub fn env_name(key: &str) -> String {
    format!("HEW_{}", key.replace(['.', '-'], "_").to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_default_is_allowed_by_its_own_kind() {
        for spec in KEYS {
            if let Some(default) = spec.default {
                assert!(spec.kind.read_text(default).is_ok(), "{}", spec.name);
            }
        }
    }

    #[test]
    fn names_and_environment_variables_are_unique() {
        let names: BTreeSet<&str> = KEYS.iter().map(|spec| spec.name).collect();
        let variables: BTreeSet<String> = KEYS.iter().map(|spec| env_name(spec.name)).collect();
        assert_eq!(names.len(), KEYS.len());
        assert_eq!(variables.len(), KEYS.len());
        assert_eq!(env_name("loop.jobs"), "HEW_LOOP_JOBS");
        assert_eq!(env_name("loop.runtime_defs.my-agent.args"), "HEW_LOOP_RUNTIME_DEFS_MY_AGENT_ARGS");
    }
}
