//! Claude and codex as hew starts them, with the scripted agent in their place; models; explaining; stopping.

#![expect(clippy::unwrap_used, reason = "what a test relies on and is not there ends it")]

mod agent_stage;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use agent_stage::{AgentStage, CODEX_ENDS, RECORD, after, claude_ends};
use hew_testkit::loop_stage::Running;
use hew_testkit::stub_agent;
use serde_json::{Value, json};

fn done_by_claude(name: &str) -> String {
    format!("{RECORD}\nwrite {name}.txt {name}\n{}\ndone", claude_ends("claude-opus-5-5"))
}

/// Turns what was explained before a run into what has to have run.
fn in_run(explained: &Value, run: &str, session: &str) -> Value {
    let text = explained.to_string();
    let text = text.replace("loop-00000000T000000Z-00000000", run);
    serde_json::from_str(&text.replace("00000000-0000-4000-8000-000000000000", session)).unwrap()
}

#[test]
fn what_is_explained_is_what_an_agent_then_gets() {
    for name in ["claude", "codex"] {
        let stage = AgentStage::new()
            .with("HEW_LOOP_RUNTIME", name)
            .with("ANTHROPIC_API_KEY", "key-of-claude")
            .with("OPENAI_API_KEY", "key-of-codex")
            .with("OTHER_VARIABLE", "kept back");
        let script = match name {
            "claude" => done_by_claude("a"),
            _ => format!("{RECORD}\nwrite a.txt a\n{CODEX_ENDS}\ndone"),
        };
        let id = stage.stage.task("Work", &script);
        let explained = stage.explain(&id);
        stage.run(&[]);
        let seen = stage.seen(&id);
        let argv = stage.argv(&id);
        let session = after(&argv, "--session-id").unwrap_or_default();
        let expected = in_run(&explained["plan"], &stage.stage.run_id(), session);
        assert_eq!(json!(argv[1..]), json!(expected["argv"].as_array().unwrap()[1..]), "{name}");
        assert_eq!(seen["cwd"], expected["cwd"], "{name}");
        assert_eq!(seen["stdin"].as_str().unwrap(), stage.stage.prompt(&id, 1), "{name}");
        let (given, promised) = (seen["env"].as_object().unwrap(), expected["env"].as_object().unwrap());
        assert_eq!(given.keys().collect::<Vec<_>>(), sorted(promised.keys()), "{name}");
        for (variable, value) in promised.iter().filter(|(_, value)| *value != "(left out)") {
            if variable != "HEW_PORT_BASE" {
                assert_eq!(&given[variable], value, "{name}: {variable}");
            }
        }
        let kept = fs::read(stage.stage.iteration_folder(&id, 1).join("plan.json")).unwrap();
        let kept: Value = serde_json::from_slice(&kept).unwrap();
        for field in
            ["limits", "output", "polite_signal", "done_on_exit_zero", "runtime", "model", "endpoint"]
        {
            assert_eq!(kept[field], expected[field], "{name}: {field}");
        }
        let own = if name == "claude" { "ANTHROPIC_API_KEY" } else { "OPENAI_API_KEY" };
        let keys: Vec<&String> =
            given.keys().filter(|key| key.ends_with("API_KEY") || *key == "OTHER_VARIABLE").collect();
        assert_eq!(keys, [own], "{name}: only its own key");
        assert!(!explained.to_string().contains("key-of-"), "{explained}");
        stage.stage.assert_left_clean();
    }
}

fn sorted<'a>(keys: impl Iterator<Item = &'a String>) -> Vec<&'a String> {
    let mut keys: Vec<&String> = keys.collect();
    keys.sort();
    keys
}

#[test]
fn codex_may_write_to_both_git_folders_of_its_worktree() {
    let stage = AgentStage::new().with("HEW_LOOP_RUNTIME", "codex");
    let git = "git rev-parse --path-format=absolute --git-dir";
    let id = stage.stage.task("Work", &format!("{RECORD}\n{git}\nwrite a.txt a\n{CODEX_ENDS}\ndone"));
    stage.run(&[]);
    let argv = stage.argv(&id);
    let folders: Vec<&String> = argv
        .iter()
        .zip(&argv[1..])
        .filter(|(flag, _)| *flag == "--add-dir")
        .map(|(_, value)| value)
        .collect();
    let transcript =
        fs::read_to_string(stage.stage.iteration_folder(&id, 1).join("transcript.jsonl")).unwrap();
    assert_eq!(folders[0], &stage.stage.repo.common_dir().display().to_string());
    assert!(
        folders[1].contains(".git/worktrees/") && transcript.contains(folders[1].as_str()),
        "{folders:?}"
    );
    assert_eq!(folders[2], &stage.stage.iteration_folder(&id, 1).display().to_string(), "for `hew done`");
}

#[test]
fn the_model_is_read_from_the_task_then_the_flag_then_the_settings() {
    let stage = AgentStage::new()
        .with("HEW_LOOP_MODEL_BY_PRIORITY", "P0=urgent")
        .with("HEW_LOOP_MODEL_BY_TYPE", "bug=buggy")
        .with("HEW_LOOP_MODEL_DEFAULT", "common")
        .with("HEW_LOOP_RUNTIME_DEFS_CLAUDE_MODELS", "buggy=claude-haiku-5-5")
        // An endpoint of the runtime's own, and a name of another provider's: the runtime is a floor.
        .with("ANTHROPIC_BASE_URL", "http://127.0.0.1:9/v1");
    let tagged = ["-d", "Do <!-- hew:model=tagged --> it", "-l", "model:labelled", "-p", "0"];
    let cases = [
        (&tagged[..], "tagged", "tagged", "tag hew:model=tagged", "alias"),
        (&["-l", "model:gpt-5.5", "-p", "0"], "gpt-5.5", "gpt-5.5", "label model:gpt-5.5", "pinned"),
        (
            &["-p", "0", "-t", "bug"],
            "urgent",
            "urgent",
            "environment HEW_LOOP_MODEL_BY_PRIORITY loop.model.by_priority.P0",
            "alias",
        ),
        (
            &["-p", "1", "-t", "bug"],
            "buggy",
            "claude-haiku-5-5",
            "environment HEW_LOOP_MODEL_BY_TYPE loop.model.by_type.bug; mapped by environment HEW_LOOP_RUNTIME_DEFS_CLAUDE_MODELS loop.runtime_defs.claude.models.buggy",
            "mapped",
        ),
        (&["-p", "1"], "common", "common", "environment HEW_LOOP_MODEL_DEFAULT loop.model.default", "alias"),
    ];
    let ids: Vec<String> = cases
        .iter()
        .enumerate()
        .map(|(number, (flags, ..))| {
            stage.stage.task_with("Work", flags, &done_by_claude(&number.to_string()))
        })
        .collect();
    stage.run(&[]);
    for (id, (_, model, told, origin, naming)) in ids.iter().zip(&cases) {
        let argv = stage.argv(id);
        assert!(argv[0].ends_with("claude"), "{argv:?}");
        assert_eq!(after(&argv, "--model"), Some(*told), "{argv:?}");
        let begun = stage.stage.journal_of("iteration_started");
        let iteration = begun.iter().find(|entry| entry["task"] == **id).unwrap();
        let plans = stage.stage.journal_of("plan");
        let plan = plans.iter().find(|entry| entry["iter"] == iteration["iter"]).unwrap();
        assert_eq!((plan["model"].as_str(), plan["model_told"].as_str()), (Some(*model), Some(*told)));
        let said = |field: &str| {
            let entries = plan["provenance"].as_array().unwrap();
            entries.iter().find(|entry| entry["field"] == field).unwrap().clone()
        };
        assert_eq!(said("model")["origin"], *origin);
        assert_eq!(said("model.naming")["value"], *naming);
        assert_eq!(said("endpoint")["origin"], "claude handles its own");
        let file = stage.stage.iteration_folder(id, 1).with_extension("json");
        let file: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
        assert_eq!((&file["model"], &file["model_observed"]), (&json!(model), &json!("claude-opus-5-5")));
    }
    assert_eq!(after(&stage.argv(&ids[0]), "--session-id").unwrap().len(), 36);
    assert_ne!(after(&stage.argv(&ids[0]), "--session-id"), after(&stage.argv(&ids[1]), "--session-id"));
}

#[test]
fn the_runs_own_model_goes_before_settings_and_after_a_tasks_word() {
    let stage = AgentStage::new().with("HEW_LOOP_MODEL_BY_PRIORITY", "P2=urgent");
    let own = stage.stage.task_with("Own", &["-l", "model:sonnet"], &done_by_claude("own"));
    let other = stage.stage.task("Other", &done_by_claude("other"));
    stage.run(&["--model", "claude-opus-5-5"]);
    assert_eq!(after(&stage.argv(&own), "--model"), Some("sonnet"));
    assert_eq!(after(&stage.argv(&other), "--model"), Some("claude-opus-5-5"));
    let summary = stage.hew(&["loop", "summary"]).stdout;
    let row = |start: &str| {
        let line = summary.lines().find(|line| line.trim_start().starts_with(start));
        line.unwrap_or_else(|| panic!("no {start} in {summary}"))
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert!(row("claude-opus-5-5 ").starts_with("claude-opus-5-5 1 1 10 5 5 20 "), "{summary}");
    assert_eq!(row("sonnet  was"), "sonnet was answered by claude-opus-5-5 1 iteration");
    let json = stage.hew(&["--json", "loop", "summary"]).stdout;
    let json: Value = serde_json::from_str(&json).unwrap();
    let models: Vec<&Value> = json["models"].as_array().unwrap().iter().map(|row| &row["model"]).collect();
    assert_eq!(models, ["claude-opus-5-5", "sonnet"]);
    assert_eq!(json["models"][0]["tokens"]["total"], 20);
    assert_eq!(
        json["models_differing"],
        json!([{ "model": "sonnet", "model_observed": "claude-opus-5-5", "iterations": 1 }])
    );
    let frozen = stage.stage.journal_of("run_started")[0]["settings"].clone();
    let flag = frozen.as_array().unwrap().iter().find(|row| row["key"] == "--model").unwrap().clone();
    assert_eq!(flag["value"], "claude-opus-5-5", "whoever goes on with the run can read it");
}

#[test]
fn without_a_model_there_is_no_flag_and_no_table() {
    let stage = AgentStage::new();
    let id = stage.stage.task("Work", &done_by_claude("a"));
    stage.run(&[]);
    assert_eq!(after(&stage.argv(&id), "--model"), None);
    assert!(!stage.hew(&["loop", "summary"]).stdout.contains("(default)"));
}

#[test]
fn auto_spreads_over_its_runtimes_and_the_log_says_each_choice() {
    let stage = AgentStage::new().with("HEW_LOOP_RUNTIME", "auto").with("HEW_LOOP_RUNTIMES", "claude,codex");
    let here = stage.stage.path("").display().to_string();
    let ids = ["a", "b"].map(|name| {
        let other = if name == "a" { "b" } else { "a" };
        let both = format!("{}\n{CODEX_ENDS}", claude_ends("m"));
        // Both at once, so that the first still runs when the second is planned.
        stage.stage.task(
            name,
            &format!(
                "{RECORD}\ntouch {here}{name}\nwait-for {here}{other}\nwrite {name}.txt x\n{both}\ndone"
            ),
        )
    });
    let ran = stage.run(&["--jobs", "2"]);
    let mut programs: Vec<String> = ids.iter().map(|id| stage.argv(id)[0].clone()).collect();
    programs.sort();
    assert!(programs[0].ends_with("claude") && programs[1].ends_with("codex"), "{programs:?}");
    let file = stage.stage.run_folder().join("hew.log");
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let log = fs::read_to_string(file).unwrap();
    for (runtime, plan) in ["claude", "codex"].iter().zip(0..) {
        let line = format!(
            "runtime={runtime} (auto of environment HEW_LOOP_RUNTIMES loop.runtimes) model=none (nothing names one; the \
             runtime's own choice) endpoint=none ({runtime} handles its own)"
        );
        assert_eq!(log.matches(&line).count(), 1, "{plan}: {log}");
        let plans = stage.stage.journal_of("plan");
        assert!(plans.iter().any(|entry| entry["line"].as_str().unwrap().ends_with(&line)), "{plans:?}");
    }
    for told in ran.stderr.lines().filter(|line| line.contains(" landed ") || line.starts_with("run ended")) {
        assert!(log.contains(told), "{told} is not in {log}");
    }
}

#[test]
fn a_user_changes_a_built_in_runtime_key_by_key() {
    let stage = AgentStage::new()
        .with("HEW_LOOP_RUNTIME_DEFS_CLAUDE_COMMAND", &stub_agent::path().display().to_string())
        .with("HEW_LOOP_RUNTIME_DEFS_CLAUDE_ARGS", "[\"-p\", \"--mine\", \"{model}\", \"--in={worktree}\"]");
    let id = stage.stage.task("Work", &done_by_claude("a"));
    stage.run(&[]);
    let argv = stage.argv(&id);
    assert_eq!(argv[0], stub_agent::path().display().to_string());
    let cwd = stage.seen(&id)["cwd"].as_str().unwrap().to_owned();
    assert_eq!(argv[1..], ["-p".to_owned(), format!("--in={cwd}")]);
    assert_eq!(stage.seen(&id)["env"]["DISABLE_AUTOUPDATER"], "1", "what is not changed stays");
}

#[test]
fn the_program_behind_a_wrapper_of_npm_is_run() {
    let stage = AgentStage::new().with("HEW_LOOP_RUNTIME", "codex");
    let machine = std::env::consts::ARCH;
    let npm = if machine == "x86_64" { "x64" } else { "arm64" };
    let modules = stage.stage.path("lib/node_modules/@openai");
    let native = modules.join(format!("codex-linux-{npm}/vendor/{machine}-unknown-linux-musl/bin"));
    fs::create_dir_all(&native).unwrap();
    symlink(stub_agent::path(), native.join("codex")).unwrap();
    let wrapper = modules.join("codex/bin/codex.js");
    fs::create_dir_all(wrapper.parent().unwrap()).unwrap();
    fs::write(&wrapper, "#!/bin/sh\nexit 1\n").unwrap();
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).unwrap();
    fs::remove_file(stage.stage.path("bin/codex")).unwrap();
    symlink(&wrapper, stage.stage.path("bin/codex")).unwrap();
    let id = stage.stage.task("Work", &format!("{RECORD}\nwrite a.txt a\n{CODEX_ENDS}\ndone"));
    stage.run(&[]);
    assert_eq!(stage.argv(&id)[0], native.join("codex").display().to_string());
    let page = stage.hew(&["loop", "explain", &id]).stdout;
    assert!(page.contains("`codex` is a wrapper around this program"), "{page}");
}

#[test]
fn claude_is_interrupted_first_and_ends_as_it_likes() {
    let stage = AgentStage::new();
    let here = stage.stage.path("").display().to_string();
    let id = stage.stage.task("Work", &format!("on-int {here}came\ntouch {here}ready\nhang"));
    let mut running = Running::spawn(stage.command(&["loop", "run", "--scope", "ready"]));
    running.wait_for(stage.stage.path("ready"));
    assert_eq!(stage.hew(&["loop", "cancel", "--now"]).code, 0);
    assert_eq!(running.end().code, 5);
    assert!(stage.stage.path("came").exists());
    let exit = stage.stage.journal_of("exited")[0].clone();
    assert_eq!((&exit["exit"]["code"], &exit["stopped"]), (&json!(0), &json!("requested")));
    assert_eq!(stage.stage.outcomes(&id), ["cancelled"]);
    stage.stage.assert_nothing_runs();
}

#[test]
fn explaining_writes_nothing_and_tells_what_can_not_run() {
    let stage = AgentStage::new();
    let id = stage.stage.task_with("Work", &["-l", "model:opus"], "done");
    let before = (stage.stage.snapshot(), stage.stage.show(&id));
    let page = stage.hew(&["loop", "explain", &id]);
    assert_eq!(page.code, 0, "{}", page.stderr);
    for line in [
        "runtime=claude (environment HEW_LOOP_RUNTIME loop.runtime) model=opus (label model:opus) endpoint=none",
        "from built-in loop.runtime_defs.claude.args",
        "from built-in loop.timeout",
        "DISABLE_TELEMETRY=1",
    ] {
        assert!(page.stdout.contains(line), "{line} is not in {}", page.stdout);
    }
    assert_eq!((stage.stage.snapshot(), stage.stage.show(&id)), before);
    assert_eq!(stage.stage.run_folders(), Vec::<std::path::PathBuf>::new());
    let missing = stage.hew(&["loop", "explain", "nothing-1"]);
    assert_eq!(missing.code, 1);
    let odd = stage.stage.task_with("Odd", &["-l", "runtime:local"], "done");
    let refused = stage.hew(&["loop", "explain", &odd]);
    assert_eq!(refused.code, 1);
    assert!(
        refused.stderr.contains(
            "runtime `local` (label runtime:local) asks a model server, and loop.local.endpoint is not set"
        ),
        "{}",
        refused.stderr
    );
}

#[test]
fn runtimes_that_are_not_there_are_all_told_before_anything_starts() {
    let stage = AgentStage::new();
    fs::remove_dir_all(stage.stage.path("bin")).unwrap();
    stage.stage.task("Work", "done");
    let flags = ["loop", "run", "--scope", "ready", "--fallback-runtime", "codex"];
    let ran = stage.hew(&flags);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    for words in [
        "runtime `claude` (environment HEW_LOOP_RUNTIME loop.runtime): no program `claude` on PATH",
        "runtime `codex` (flag --fallback-runtime loop.fallback_runtime): no program `codex` on PATH",
        "install claude, or: hew config set loop.runtime_defs.claude.command PROGRAM",
        "loop.runtime_defs.codex.command",
    ] {
        assert!(ran.stderr.contains(words), "{words} is not in {}", ran.stderr);
    }
    let stage = stage.with("HEW_LOOP_RUNTIME", "auto");
    let ran = stage.hew(&["loop", "run", "--scope", "ready", "--fallback-runtime", "nope"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("loop.runtimes has to be set too"), "{}", ran.stderr);
    let stage = stage.with("HEW_LOOP_RUNTIME", "stub");
    let ran = stage.hew(&["loop", "run", "--scope", "ready", "--fallback-runtime", "nope"]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.stderr.contains("flag --fallback-runtime: loop.fallback_runtime: runtime `nope` is not defined")
    );
    assert_eq!(stage.stage.run_folders(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_tasks_own_timeout_narrows_the_runs() {
    let stage = AgentStage::new().with("HEW_LOOP_RUNTIME", "stub");
    let plan = stage.stage.path("plan.toml");
    fs::write(&plan, "[[task]]\ntitle = \"Slow\"\nmetadata = { \"hew.timeout\" = \"100ms\" }\n").unwrap();
    let filed = stage.hew(&["task", "plan", &plan.display().to_string()]);
    assert_eq!(filed.code, 0, "{}", filed.stderr);
    let id = stage.stage.tasks().into_keys().next().unwrap();
    stage.stage.script(&id, "hang");
    let ran = stage.hew(&["loop", "run", "--scope", "ready", "--max-attempts", "1", "--timeout", "1h"]);
    assert_eq!((ran.code, stage.stage.outcomes(&id)), (1, vec!["timed_out".to_owned()]), "{}", ran.stderr);
}
