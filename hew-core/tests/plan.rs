//! Plans as a whole: which runtime, which model, what it is told, and where each part came from.

#![expect(clippy::unwrap_used, reason = "what a test relies on and is not there ends it")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hew_core::ids::{IterationId, ModelName, RunId, RuntimeName, TaskId, WorkerId, uuid4};
use hew_core::plan::model::Wishes;
use hew_core::plan::priced::{priced, unpriced_of_run};
use hew_core::plan::runtime::{self, Choice, RuntimeChoice};
use hew_core::plan::{
    AgentStdin, Host, PoliteSignal, Purpose, Rest, ResumedSession, RuntimeHealth, RuntimeProblem, Seat,
    SpawnPlan, SpawnRequest, Suggestion, plan_spawn, provenance_line,
};
use hew_core::settings::layers::{read_file, read_flags};
use hew_core::settings::{OutputForm, Settings, Values};
use hew_core::tracker::Task;
use hew_core::tracker::record::task_from_record;
use serde_json::{Value, json};

/// Settings of a project whose file is this.
fn settings(text: &str) -> Settings {
    settings_with(text, &[])
}

fn settings_with(text: &str, flags: &[(&str, String, &str)]) -> Settings {
    let file = read_file(text, "project", Path::new("/p/.hew.toml"));
    assert_eq!(file.problems, [], "{text}");
    let values = Values::built_in().overlaid_with(file.values).overlaid_with(read_flags(flags).values);
    Settings::from_values(&values).unwrap()
}

fn task(fields: &Value) -> Task {
    let mut record = json!({
        "id": "hew-a1b2", "title": "T", "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z",
    });
    record.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    task_from_record(record.as_object().unwrap().clone()).unwrap()
}

fn plain() -> Task {
    task(&json!({}))
}

fn chosen(task: &Task, settings: &Settings, health: &RuntimeHealth) -> RuntimeChoice {
    match runtime::choose(task, &Wishes::of(settings), health) {
        Choice::Use(choice) => choice,
        other => panic!("{other:?}"),
    }
}

fn seat() -> Seat {
    Seat {
        run: RunId::parse("loop-20260101T000000Z-00000001").unwrap(),
        iteration: IterationId { worker: WorkerId(1), iter: 3 },
        attempt: 1,
        project: "/p".into(),
        worktree: "/wt/1".into(),
        git_dir: "/p/.git/worktrees/1".into(),
        git_common_dir: "/p/.git".into(),
        session: uuid4(7),
        folder: "/p/.hew/loop/r/iter-003".into(),
        temp: "/wt/tmp-1".into(),
        shared_temp: "/wt/tmp".into(),
        port_base: 20_020,
        hew_folder: "/opt/hew".into(),
        tracker_env: BTreeMap::new(),
        task_folders: vec!["/p/.git/hew/tracker".into()],
        remotes: vec!["origin".to_owned()],
    }
}

/// What a plan is made of besides task and settings.
#[derive(Default)]
struct Around {
    host: Host,
    model: Option<ModelName>,
    health: RuntimeHealth,
    resumes: Option<ResumedSession>,
}

fn plan_in(task: &Task, settings: &Settings, around: &Around) -> Result<SpawnPlan, RuntimeProblem> {
    let wishes = Wishes { run: around.model.as_ref(), ..Wishes::of(settings) };
    let choice = match runtime::choose(task, &wishes, &around.health) {
        Choice::Use(choice) => choice,
        Choice::Unusable(problem) => return Err(problem),
        wait @ Choice::Wait { .. } => panic!("{wait:?}"),
    };
    plan_spawn(&SpawnRequest {
        purpose: Purpose::Iteration(task),
        settings,
        model: around.model.as_ref(),
        host: &around.host,
        seat: &seat(),
        choice: &choice,
        suggested: None,
        resumes: around.resumes.as_ref(),
    })
}

fn plan(task: &Task, settings: &Settings) -> SpawnPlan {
    plan_in(task, settings, &Around::default()).unwrap()
}

fn origin<'a>(plan: &'a SpawnPlan, field: &str) -> &'a str {
    let found = plan.provenance.iter().find(|entry| entry.field == field);
    &found.unwrap_or_else(|| panic!("no {field} in {:?}", plan.provenance)).origin
}

fn resting(name: &str, until: Option<u64>) -> RuntimeHealth {
    let rest = Rest { until: until.map(Duration::from_secs), why: "rate limit".to_owned() };
    RuntimeHealth { resting: BTreeMap::from([(RuntimeName::from(name), rest)]), ..RuntimeHealth::default() }
}

#[test]
fn the_first_word_on_the_runtime_counts() {
    let settings = settings("loop.runtime = 'codex'");
    let well = RuntimeHealth::default();
    for (fields, name, origin) in [
        (
            json!({"metadata": {"hew.runtime": "shell"}, "labels": ["runtime:claude"]}),
            "shell",
            "task metadata hew.runtime",
        ),
        (
            json!({"metadata": {"hew.runtime": ""}, "labels": ["runtime:", "runtime:claude"]}),
            "claude",
            "label runtime:claude",
        ),
        (json!({}), "codex", "project /p/.hew.toml:1 loop.runtime"),
    ] {
        let mut settings = settings.clone();
        settings.runtime_defs.get_mut(&RuntimeName::from("shell")).unwrap().command.value =
            Some("x".to_owned());
        let found = chosen(&task(&fields), &settings, &well);
        assert_eq!((found.name.as_str(), found.origin.as_str()), (name, origin));
    }
    let flag = settings_with("loop.runtime = 'codex'", &[("loop.runtime", "claude".to_owned(), "--runtime")]);
    assert_eq!(chosen(&plain(), &flag, &well).origin, "flag --runtime loop.runtime");
    let built_in = chosen(&plain(), &self::settings(""), &well);
    assert_eq!((built_in.name.as_str(), built_in.origin.as_str()), ("claude", "built-in loop.runtime"));
    let local = runtime::choose(&task(&json!({"labels": ["runtime:local"]})), &Wishes::of(&settings), &well);
    let Choice::Unusable(problem) = local else { panic!("{local:?}") };
    assert_eq!(
        problem.to_string(),
        "runtime `local` (label runtime:local) asks a model server, and loop.local.endpoint is not set"
    );
}

#[test]
fn auto_takes_the_least_busy_and_of_equals_the_first() {
    let settings = settings("loop.runtime = 'auto'\nloop.runtimes = ['codex', 'claude']");
    let busy = |codex, claude| RuntimeHealth {
        running: BTreeMap::from([("codex".into(), codex), ("claude".into(), claude)]),
        ..RuntimeHealth::default()
    };
    for (health, name) in [
        (RuntimeHealth::default(), "codex"),
        (busy(1, 0), "claude"),
        (busy(1, 1), "codex"),
        (RuntimeHealth { running: busy(0, 5).running, ..resting("codex", None) }, "claude"),
    ] {
        assert_eq!(chosen(&plain(), &settings, &health).name.as_str(), name, "{health:?}");
    }
    let origin = chosen(&plain(), &settings, &RuntimeHealth::default()).origin;
    assert_eq!(origin, "auto of project /p/.hew.toml:2 loop.runtimes");
    let none = runtime::choose(
        &plain(),
        &Wishes::of(&self::settings("loop.runtime = 'auto'")),
        &RuntimeHealth::default(),
    );
    assert!(matches!(none, Choice::Unusable(RuntimeProblem::NothingToChoose { .. })), "{none:?}");
}

#[test]
fn a_fallback_takes_over_and_never_for_a_tasks_own_word() {
    let with_fallback = settings("loop.fallback_runtime = 'codex'");
    let rests = resting("claude", Some(60));
    let choice = chosen(&plain(), &with_fallback, &rests);
    assert_eq!((choice.name.as_str(), choice.instead_of), ("codex", Some("claude".into())));
    assert_eq!(choice.origin, "project /p/.hew.toml:1 loop.fallback_runtime, for claude rests");
    assert_eq!(chosen(&plain(), &with_fallback, &RuntimeHealth::default()).name.as_str(), "claude");

    let own = task(&json!({"labels": ["runtime:claude"]}));
    let waits = |task: &Task, settings: &Settings, health: &RuntimeHealth| match runtime::choose(
        task,
        &Wishes::of(settings),
        health,
    ) {
        Choice::Wait { until, .. } => until.map(|until| until.as_secs()),
        other => panic!("{other:?}"),
    };
    assert_eq!(waits(&own, &with_fallback, &rests), Some(60));
    assert_eq!(waits(&plain(), &settings(""), &rests), Some(60));
    let mut both = rests.clone();
    both.resting.extend(resting("codex", Some(30)).resting);
    assert_eq!(waits(&plain(), &with_fallback, &both), Some(30), "the earliest");
    both.resting.extend(resting("codex", None).resting);
    assert_eq!(waits(&plain(), &with_fallback, &both), Some(60), "one that is known");

    let out = RuntimeHealth {
        out: BTreeMap::from([("claude".into(), "not logged in".to_owned())]),
        ..RuntimeHealth::default()
    };
    assert_eq!(chosen(&plain(), &with_fallback, &out).name.as_str(), "codex");
    for (task, settings) in [(&own, &with_fallback), (&plain(), &settings(""))] {
        let Choice::Unusable(problem) = runtime::choose(task, &Wishes::of(settings), &out) else {
            panic!("usable")
        };
        assert!(problem.to_string().contains("is out for this run: not logged in"), "{problem}");
    }
}

#[test]
fn the_first_word_on_the_model_counts() {
    let text = "loop.model.by_priority = { P1 = 'by-priority' }\nloop.model.by_type = { bug = 'by-type' }\n\
                loop.model.default = 'default'";
    let all = json!({
        "description": "x <!-- hew:model=tag --> y", "labels": ["model:", "a", "model: label "], "priority": 1,
        "issue_type": "bug",
    });
    let mut fields = all.as_object().unwrap().clone();
    let run = Around { model: Some(ModelName::from("run")), ..Around::default() };
    let settings = settings(text);
    for (around, without, model, origin) in [
        (&run, "", "tag", "tag hew:model=tag"),
        (&run, "description", "label", "label model:label"),
        (&run, "labels", "run", "flag --model"),
        (&Around::default(), "", "by-priority", "project .hew.toml:1 loop.model.by_priority.P1"),
        (&Around::default(), "priority", "by-type", "project .hew.toml:2 loop.model.by_type.bug"),
        (&Around::default(), "issue_type", "default", "project .hew.toml:3 loop.model.default"),
    ] {
        fields.remove(without);
        let plan = plan_in(&task(&Value::Object(fields.clone())), &settings, around).unwrap();
        assert_eq!(plan.model.as_ref().unwrap().as_str(), model);
        assert_eq!(self::origin(&plan, "model"), origin);
        assert!(plan.argv.windows(2).any(|pair| pair == ["--model", model]), "{:?}", plan.argv);
    }
    let none = plan(&plain(), &self::settings(""));
    assert_eq!((none.model.clone(), none.model_told.clone()), (None, None));
    assert!(!none.argv.iter().any(|arg| arg.starts_with("--model")), "{:?}", none.argv);
}

#[test]
fn a_name_is_mapped_for_its_runtime_and_dropped_on_a_fallback_without_a_mapping() {
    let text = "loop.fallback_runtime = 'codex'\nloop.runtime_defs.codex.models.opus = 'gpt-5.5'";
    let settings = settings(text);
    let opus = task(&json!({"labels": ["model:opus"]}));
    let on_claude = plan(&opus, &settings);
    assert_eq!(on_claude.model_told.as_ref().unwrap().as_str(), "opus");
    assert_eq!(origin(&on_claude, "model.naming"), "the name as it was given");
    let away = Around { health: resting("claude", None), ..Around::default() };
    let mapped = plan_in(&opus, &settings, &away).unwrap();
    assert_eq!(mapped.model.as_ref().unwrap().as_str(), "opus");
    assert_eq!(mapped.model_told.as_ref().unwrap().as_str(), "gpt-5.5");
    assert!(mapped.argv.windows(2).any(|pair| pair == ["-m", "gpt-5.5"]), "{:?}", mapped.argv);
    assert_eq!(
        origin(&mapped, "model"),
        "label model:opus; mapped by project .hew.toml:2 loop.runtime_defs.codex.models.opus"
    );
    let sonnet = task(&json!({"labels": ["model:sonnet"]}));
    let dropped = plan_in(&sonnet, &settings, &away).unwrap();
    assert_eq!((dropped.model.clone(), dropped.model_told.clone()), (None, None));
    assert!(!dropped.argv.contains(&"-m".to_owned()), "{:?}", dropped.argv);
    assert!(origin(&dropped, "model").starts_with("sonnet of label model:sonnet is dropped"), "{dropped:?}");
}

#[test]
fn a_plan_in_one_line() {
    let plan = plan(&task(&json!({"labels": ["model:opus"]})), &settings("\n\nloop.runtime = 'claude'"));
    let line = provenance_line(seat().iteration, &TaskId::from("hew-a1b2"), &plan.provenance);
    assert_eq!(
        line,
        "w1 iter 3 hew-a1b2: runtime=claude (project .hew.toml:3 loop.runtime) model=opus (label model:opus) \
         endpoint=none (claude handles its own)"
    );
}

#[test]
fn claude_as_hew_starts_it() {
    let plan = plan(&plain(), &settings(""));
    let session = uuid4(7);
    assert_eq!(
        plan.argv,
        [
            "claude",
            "-p",
            "--output-format",
            "stream-json",
            "--verbose",
            "--session-id",
            &session,
            "--dangerously-skip-permissions",
            "--disallowedTools",
            "Bash(git push *)"
        ]
    );
    assert_eq!(plan.stdin, AgentStdin::File(PathBuf::from("/p/.hew/loop/r/iter-003/prompt.md")));
    assert_eq!((plan.output, plan.polite_signal), (OutputForm::ClaudeStream, PoliteSignal::Interrupt));
    for (name, value) in [
        ("DISABLE_AUTOUPDATER", "1"),
        ("CLAUDE_CODE_STARTUP_FAILURE_RESULTS", "1"),
        ("CLAUDE_CODE_MAX_RETRIES", "2"),
        ("CLAUDE_ENABLE_BYTE_WATCHDOG", "1"),
        ("CLAUDE_CODE_DISABLE_BACKGROUND_TASKS", "1"),
    ] {
        assert_eq!(plan.env[name], value);
    }
    let pushing = self::plan(&plain(), &settings("loop.env.allow_push = true"));
    assert!(
        !pushing.argv.iter().any(|arg| arg.contains("push") || arg == "--disallowedTools"),
        "{pushing:?}"
    );
    let cheap = self::plan(&task(&json!({"metadata": {"hew.budget_usd": 0.5}})), &settings(""));
    assert!(cheap.argv.windows(2).any(|pair| pair == ["--max-budget-usd", "0.5"]), "{:?}", cheap.argv);
}

#[test]
fn codex_as_hew_starts_it() {
    let plan = plan(&plain(), &settings("loop.runtime = 'codex'"));
    assert_eq!(
        plan.argv,
        [
            "codex",
            "exec",
            "--json",
            "--sandbox",
            "workspace-write",
            "-C",
            "/wt/1",
            "--skip-git-repo-check",
            "--add-dir",
            "/p/.git",
            "--add-dir",
            "/p/.git/worktrees/1",
            "--add-dir",
            "/p/.hew/loop/r/iter-003",
            "-c",
            "analytics.enabled=false",
            "-c",
            "allow_login_shell=false",
            "-c",
            "shell_environment_policy.ignore_default_excludes=true",
            "-c",
            "shell_environment_policy.exclude=[\"OPENAI_API_KEY\",\"CODEX_API_KEY\"]",
            "--disable",
            "unbounded_connection_retries",
            "-"
        ]
    );
    assert_eq!((plan.output, plan.polite_signal), (OutputForm::CodexJsonl, PoliteSignal::Interrupt));
    assert_eq!(plan.env["TMPDIR"], "/wt/tmp", "its sandboxes agree there about what they share");
}

#[test]
fn keys_go_to_their_own_runtime_only_and_root_says_that_it_is_in_a_sandbox() {
    let keys =
        ["ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN", "OPENAI_API_KEY", "CODEX_API_KEY", "OTHER_KEY"];
    let env = keys.iter().map(|name| ((*name).to_owned(), "value".to_owned())).collect();
    let text = "loop.runtime_defs.mine.command = 'mine'\nloop.runtime_defs.mine.output = 'claude-stream'\n\
                loop.runtime_defs.shell.command = 'x'";
    let settings = settings(text);
    for (uid, name, given) in [
        (0, "claude", &["ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN", "IS_SANDBOX"][..]),
        (1000, "claude", &["ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN"]),
        (1000, "mine", &["ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN"]),
        (0, "codex", &["CODEX_API_KEY", "OPENAI_API_KEY"]),
        (0, "shell", &[]),
    ] {
        let host = Host { env: BTreeMap::clone(&env), uid, ..Host::default() };
        let around = Around { host, ..Around::default() };
        let task = task(&json!({"labels": [format!("runtime:{name}")]}));
        let plan = plan_in(&task, &settings, &around).unwrap();
        let found: Vec<&str> = plan
            .env
            .keys()
            .map(String::as_str)
            .filter(|name| name.ends_with("KEY") || name.ends_with("OAUTH_TOKEN") || *name == "IS_SANDBOX")
            .collect();
        assert_eq!(found, given, "{name} as {uid}");
    }
}

#[test]
fn a_tasks_own_limits_narrow_the_runs_and_never_widen_them() {
    let settings = settings("loop.timeout = '10m'\nloop.budget.usd = 5");
    for (fields, secs, usd, timeout_origin) in [
        (json!({}), 600, None, "project .hew.toml:1 loop.timeout"),
        (
            json!({"hew.timeout": "90s", "hew.budget_usd": "2.50"}),
            90,
            Some(2_500_000),
            "task metadata hew.timeout",
        ),
        (
            json!({"hew.timeout": "2h", "hew.budget_usd": 9}),
            600,
            Some(5_000_000),
            "project .hew.toml:1 loop.timeout; task metadata hew.timeout is not below it",
        ),
    ] {
        let plan = plan(&task(&json!({"metadata": fields})), &settings);
        assert_eq!(plan.limits.timeout.as_secs(), secs);
        assert_eq!(plan.limits.budget_usd.map(hew_core::settings::Usd::micros), usd);
        assert_eq!(origin(&plan, "limits.timeout"), timeout_origin);
    }
    for (key, value) in
        [("hew.timeout", json!("soon")), ("hew.timeout", json!(5)), ("hew.budget_usd", json!("0"))]
    {
        let task = task(&json!({"metadata": {key: value}}));
        let Choice::Unusable(problem) =
            runtime::choose(&task, &Wishes::of(&settings), &RuntimeHealth::default())
        else {
            panic!("{key} is taken")
        };
        assert!(problem.to_string().contains(key), "{problem}");
    }
}

/// Whatever a plan holds has an entry that says where it came from.
#[test]
fn every_field_of_a_plan_has_its_origin() {
    let text = "[loop]\nruntime = 'claude'\ntimeout = '1h'\nstall_timeout = '5m'\nkill_grace = '3s'\n\
                transcript.max_bytes = '1MiB'\nmodel.default = 'opus'\n[loop.env]\npass = ['PATH', 'HOME']\nallow_push = false\n\
                [loop.runtime_defs.claude]\ncommand = '/opt/claude'\nargs = ['-p', '{model}']\nprompt = 'stdin'\noutput = 'text'\n\
                done_on_exit_zero = true\nenv = { MINE = '1' }\n";
    let host = Host { env: BTreeMap::from([("HOME".to_owned(), "/home/a".to_owned())]), ..Host::default() };
    let plan = plan_in(&plain(), &settings(text), &Around { host, ..Around::default() }).unwrap();
    for (field, line) in [
        ("runtime", 2),
        ("limits.timeout", 3),
        ("limits.stall_timeout", 4),
        ("limits.kill_grace", 5),
        ("limits.transcript_max_bytes", 6),
        ("model", 7),
        ("env.push", 10),
        ("program", 12),
        ("argv", 13),
        ("stdin", 14),
        ("output", 15),
        ("done_on_exit_zero", 16),
    ] {
        let found = origin(&plan, field);
        assert!(found.starts_with(&format!("project .hew.toml:{line} loop.")), "{field}: {found}");
    }
    for field in ["endpoint", "cwd", "polite_signal", "limits.budget_usd", "model.naming"] {
        assert_ne!(origin(&plan, field), "");
    }
    let sources: Vec<_> = plan.provenance.iter().filter(|entry| entry.field == "env").collect();
    let mut named: Vec<&str> = sources.iter().flat_map(|entry| entry.value.split(' ')).collect();
    named.sort_unstable();
    assert_eq!(named, plan.env.keys().map(String::as_str).collect::<Vec<_>>());
    let from =
        |name: &str| &sources.iter().find(|entry| entry.value.split(' ').any(|n| n == name)).unwrap().origin;
    assert_eq!(from("MINE"), "project .hew.toml:17 loop.runtime_defs.claude.env.MINE");
    assert_eq!(from("HOME"), "project .hew.toml:9 loop.env.pass");
    assert_eq!(plan.argv, ["/opt/claude", "-p", "opus"]);
}

#[test]
fn a_wrapper_gives_way_to_the_program_behind_it() {
    let wrapped = BTreeMap::from([("codex".to_owned(), PathBuf::from("/n/codex-linux-x64/codex"))]);
    let around = Around { host: Host { wrapped, ..Host::default() }, ..Around::default() };
    let plan = plan_in(&plain(), &settings("loop.runtime = 'codex'"), &around).unwrap();
    assert_eq!(plan.argv[0], "/n/codex-linux-x64/codex");
    assert_eq!(
        origin(&plan, "program"),
        "built-in loop.runtime_defs.codex.command; `codex` is a wrapper around this program"
    );
}

/// The price of the model that was asked for says nothing of what a stand-in runs without one.
#[test]
fn a_fallback_that_is_told_no_model_has_no_price() {
    let text = "loop.runtime = 'claude'\nloop.fallback_runtime = 'codex'\nloop.model.default = 'opus'\n\
        loop.budget.usd = 5\nloop.prices.opus = { input = 15, output = 75 }";
    let stand_in =
        RuntimeChoice { name: "codex".into(), origin: String::new(), instead_of: Some("claude".into()) };
    let unmapped = settings(text);
    assert_eq!(unpriced_of_run(&unmapped, None).len(), 1);
    assert!(priced(&plain(), &stand_in, &unmapped, None, None).is_err());
    let mapped = settings(&format!("{text}\nloop.runtime_defs.codex.models.opus = 'gpt-5'"));
    assert_eq!(unpriced_of_run(&mapped, None), []);
    assert_eq!(priced(&plain(), &stand_in, &mapped, None, None), Ok(()));
}

/// Nothing would keep a limit of money that the program is not told of.
#[test]
fn a_tasks_limit_of_money_needs_a_runtime_that_keeps_it() {
    let cheap = task(&json!({"metadata": {"hew.budget_usd": 0.5}}));
    let health = RuntimeHealth::default();
    let choose = |name: &str| {
        runtime::choose(&cheap, &Wishes::of(&settings(&format!("loop.runtime = '{name}'"))), &health)
    };
    assert!(matches!(choose("claude"), Choice::Use(_)));
    let Choice::Unusable(problem) = choose("codex") else { panic!("codex can't be told of money") };
    assert!(problem.to_string().contains("{budget_usd}"), "{problem}");
}

#[test]
fn a_session_goes_on_where_the_runtimes_arguments_can_say_so() {
    let session = ResumedSession { id: "s-1".to_owned(), counted: None };
    let around = Around { resumes: Some(session.clone()), ..Around::default() };
    let plan_on = |runtime: &str| {
        let text = format!(
            "loop.runtime = \"{runtime}\"\nloop.runtime_defs.own.command = \"own\"\n\
             loop.runtime_defs.own.args = [\"--as\", \"{{session_id}}\"]\n"
        );
        plan_in(&plain(), &settings(&text), &around).unwrap()
    };
    let has = |plan: &SpawnPlan, words: &[&str]| plan.argv.windows(words.len()).any(|found| found == words);
    let claude = plan_on("claude");
    assert!(has(&claude, &["--resume", "s-1"]) && !has(&claude, &["--session-id"]), "{:?}", claude.argv);
    assert_eq!(claude.resumes.as_ref(), Some(&session));
    assert_eq!(origin(&claude, "session"), "the try before this one, which broke off");
    let codex = plan_on("codex");
    assert!(
        codex.argv.ends_with(&["resume".to_owned(), "s-1".to_owned(), "-".to_owned()]),
        "{:?}",
        codex.argv
    );
    let own = plan_on("own");
    assert_eq!((&own.argv[1..], &own.resumes), (&["--as".to_owned(), uuid4(7)][..], &None));
}

const SERVER: &str = "loop.local.endpoint = 'http://127.0.0.1:9/v1'\nloop.local.model = 'small'\n";

#[test]
fn no_endpoint_for_claude_executor() {
    for runtime in ["claude", "codex"] {
        let with = plan(&plain(), &settings(&format!("{SERVER}loop.runtime = '{runtime}'")));
        let without = plan(&plain(), &settings(&format!("\n\nloop.runtime = '{runtime}'")));
        assert_eq!(with.endpoint, None);
        assert_eq!(with, without, "a model server changes nothing for {runtime}");
        assert_eq!(origin(&with, "endpoint"), format!("{runtime} handles its own"));
    }
}

#[test]
fn the_runtime_local_is_hew_itself_and_told_of_its_server() {
    let text = format!(
        "{SERVER}loop.runtime = 'local'\nloop.local.temperature = 0.7\nloop.local.max_tokens = 900\n\
         loop.local.timeout = '5s'\nloop.local.max_turns = 9\nloop.local.api_key_env = 'MY_KEY'"
    );
    let found = plan(&plain(), &settings(&text));
    assert_eq!(found.endpoint.as_deref(), Some("http://127.0.0.1:9/v1"));
    assert_eq!(origin(&found, "endpoint"), "project .hew.toml:1 loop.local.endpoint");
    assert_eq!(origin(&found, "model"), "project .hew.toml:2 loop.local.model");
    assert_eq!(found.model_told, Some(ModelName::from("small")));
    let argv = found.argv[1..].join(" ");
    for words in [
        "__local-agent --session ",
        " --endpoint http://127.0.0.1:9/v1 --model small --temperature 0.7 --answer-tokens 900",
        " --wait 5000ms --turns 9 --bearer MY_KEY --offer-tools true",
    ] {
        assert!(argv.contains(words), "{words} is not in {argv}");
    }
    let asked = plan(&task(&json!({"labels": ["model:large"]})), &settings(&text));
    assert!(asked.argv.join(" ").contains(" --model large "));
    let task = task(&json!({"metadata": {"hew.temperature": "0", "hew.max_tokens": 50}}));
    let narrowed = plan(&task, &settings(&text)).argv.join(" ");
    assert!(narrowed.contains(" --temperature 0 --answer-tokens 50 "), "{narrowed}");
    let bare =
        plan(&plain(), &settings(&format!("{SERVER}loop.runtime = 'local'\nloop.local.tools = false")));
    let bare = bare.argv.join(" ");
    assert!(
        !bare.contains("--offer-tools") && !bare.contains("--bearer") && !bare.contains("--answer-tokens")
    );
}

/// What an agent reaches in a sandbox that keeps it from the network.
fn reached(text: &str, env: &[(&str, &str)]) -> Vec<String> {
    let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let around = Around { host: Host { env, ..Host::default() }, ..Around::default() };
    let settings = settings(&format!("loop.sandbox.mode = 'strict'\n{text}"));
    let sandbox = plan_in(&plain(), &settings, &around).unwrap().sandbox.unwrap();
    sandbox.network.unwrap().targets().map(ToString::to_string).collect()
}

#[test]
fn a_strict_sandbox_lets_an_agent_through_to_the_servers_of_its_runtime() {
    let claude = ["api.anthropic.com:443", "console.anthropic.com:443", "platform.claude.com:443"];
    assert_eq!(reached("loop.runtime = 'claude'", &[]), claude);
    let gateway =
        [("ANTHROPIC_BASE_URL", "http://127.0.0.1:8080/x"), ("OPENAI_BASE_URL", "https://other.example/v1")];
    assert_eq!(reached("loop.runtime = 'claude'", &gateway), ["127.0.0.1:8080"]);
    let codex = ["api.openai.com:443", "auth.openai.com:443", "chatgpt.com:443"];
    assert_eq!(reached("loop.runtime = 'codex'", &[]), codex);
    assert_eq!(reached("loop.runtime = 'codex'", &gateway), ["other.example:443"]);
    let own = "loop.runtime = 'codex'\nloop.runtime_defs.codex.args = ['-c', \
        'model_providers.mine={name=\"mine\",base_url=\"https://mine.example/v1\",wire_api=\"responses\"}']";
    assert_eq!(reached(own, &gateway), ["mine.example:443"]);
    let local = format!("{SERVER}loop.runtime = 'local'\nloop.sandbox.hosts = ['Example.org', '[::1]:5432']");
    assert_eq!(reached(&local, &gateway), ["127.0.0.1:9", "[::1]:5432", "example.org:443"]);
    let other = "loop.runtime = 'other'\nloop.runtime_defs.other.command = 'other'";
    assert_eq!(reached(other, &gateway), [""; 0]);
}

#[test]
fn no_word_of_a_task_opens_its_sandbox() {
    let settings = settings("loop.sandbox.mode = 'strict'\nloop.runtime = 'codex'");
    let evil = task(&json!({"labels": ["model:base_url=\"http://evil.example:80\""]}));
    let plan = plan_in(&evil, &settings, &Around::default()).unwrap();
    assert!(plan.argv.iter().any(|word| word.contains("evil.example")), "{:?}", plan.argv);
    let network = plan.sandbox.unwrap().network.unwrap();
    let reached: Vec<String> = network.targets().map(ToString::to_string).collect();
    assert_eq!(reached, ["api.openai.com:443", "auth.openai.com:443", "chatgpt.com:443"]);
}

#[test]
fn hews_proxy_takes_the_place_of_any_other() {
    let env = [("HTTPS_PROXY", "http://other.example:1"), ("NO_PROXY", "api.anthropic.com")];
    let env = env.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let around = Around { host: Host { env, ..Host::default() }, ..Around::default() };
    let found =
        |mode: &str| plan_in(&plain(), &settings(&format!("loop.sandbox.mode = '{mode}'")), &around).unwrap();
    let strict = found("strict");
    assert_eq!(strict.env["HTTPS_PROXY"], "http://127.0.0.1:3128");
    assert_eq!(strict.env["NO_PROXY"], "localhost,127.0.0.1,::1");
    assert_eq!(origin(&strict, "sandbox.reaches"), "where claude goes for its model");
    let worktree = found("worktree");
    assert_eq!(worktree.env["HTTPS_PROXY"], "http://other.example:1");
    assert_eq!(worktree.sandbox.unwrap().network, None);
}

#[test]
fn the_key_of_the_server_reaches_the_runtime_local_alone() {
    let text = format!("{SERVER}loop.local.api_key_env = 'MY_KEY'\nloop.runtime = ");
    let env = BTreeMap::from([("MY_KEY".to_owned(), "s3cret".to_owned())]);
    let around = || Around { host: Host { env: env.clone(), ..Host::default() }, ..Around::default() };
    let local = plan_in(&plain(), &settings(&format!("{text}'local'")), &around()).unwrap();
    assert_eq!(local.env.get("MY_KEY").map(String::as_str), Some("s3cret"));
    let claude = plan_in(&plain(), &settings(&format!("{text}'claude'")), &around()).unwrap();
    assert_eq!(claude.env.get("MY_KEY"), None);
}

#[test]
fn under_auto_a_task_without_a_model_goes_past_the_runtime_local() {
    let text = "loop.local.endpoint = 'http://127.0.0.1:9/v1'\nloop.runtime = 'auto'\n\
        loop.runtimes = ['local', 'claude']\nloop.model.by_type.bug = 'small'";
    let settings = settings(text);
    let well = RuntimeHealth::default();
    assert_eq!(chosen(&plain(), &settings, &well).name.as_str(), "claude", "no rule names a model for it");
    assert_eq!(chosen(&task(&json!({"issue_type": "bug"})), &settings, &well).name.as_str(), "local");
    let (run, suggestion) = (
        ModelName::from("own"),
        Suggestion { model: Some("large".into()), runtime: None, reason: String::new() },
    );
    for wishes in [
        Wishes { run: Some(&run), ..Wishes::of(&settings) },
        Wishes { suggested: Some(&suggestion), ..Wishes::of(&settings) },
    ] {
        let Choice::Use(choice) = runtime::choose(&plain(), &wishes, &well) else { panic!("unusable") };
        assert_eq!(choice.name.as_str(), "local");
    }
}

#[test]
fn a_model_that_a_runtime_does_not_have_is_not_asked_for_again() {
    let local = settings(&format!("{SERVER}loop.runtime = 'local'"));
    let lacking = |model: &str| RuntimeHealth {
        lacking: [(RuntimeName::from("local"), ModelName::from(model))].into(),
        ..RuntimeHealth::default()
    };
    let Choice::Unusable(problem) = runtime::choose(&plain(), &Wishes::of(&local), &lacking("small")) else {
        panic!("usable")
    };
    assert_eq!(
        problem.to_string(),
        "runtime `local` does not have the model `small` (project /p/.hew.toml:2 loop.local.model)"
    );
    assert!(problem.is_of_the_runtime());
    let own = task(&json!({"labels": ["model:large"]}));
    assert_eq!(chosen(&own, &local, &lacking("small")).name.as_str(), "local");
    let with_fallback =
        settings(&format!("{SERVER}loop.runtime = 'local'\nloop.fallback_runtime = 'claude'"));
    let choice = chosen(&plain(), &with_fallback, &lacking("small"));
    assert_eq!(
        (choice.name.as_str(), choice.origin.as_str()),
        ("claude", "project /p/.hew.toml:4 loop.fallback_runtime, for local does not have the model")
    );
}

#[test]
fn without_any_model_the_runtime_local_can_not_run() {
    let settings = settings("loop.local.endpoint = 'http://127.0.0.1:9/v1'\nloop.runtime = 'local'");
    let problem = plan_in(&plain(), &settings, &Around::default()).unwrap_err();
    assert!(problem.to_string().contains("needs a model"), "{problem}");
}
