//! Agents that print events, in whole runs of the real program: what ends in the record, the summary and the logs.

#![expect(clippy::unwrap_used, reason = "what a test relies on and is not there ends it")]

use std::fs;
use std::path::PathBuf;

use hew_testkit::loop_stage::LoopStage;
use serde_json::{Value, json};

/// What the real programs printed, as a step of a script.
fn printing(name: &str) -> String {
    let samples = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../hew-core/tests/samples/agents");
    format!("print-file {}", samples.join(name).display())
}

fn stage(form: &str) -> LoopStage {
    let stage = LoopStage::new();
    stage.settings(&format!("loop.runtime_defs.stub.output = \"{form}\"\nloop.max_attempts = 1"));
    stage
}

fn iteration_file(stage: &LoopStage, task: &str) -> Value {
    let folder = stage.iteration_folder(task, 1);
    serde_json::from_slice(&fs::read(folder.with_extension("json")).unwrap()).unwrap()
}

fn summary(stage: &LoopStage) -> Value {
    serde_json::from_str(&stage.ok(&["loop", "summary", "--json"])).unwrap()
}

#[test]
fn what_claude_used_is_in_the_record_the_summary_and_the_logs() {
    let stage = stage("claude-stream");
    let name = "claude/tool-commit-skip-permissions-root-is-sandbox.jsonl";
    let script = format!("write a.txt a\ncommit a\ndone\n{}", printing(name));
    let id = stage.task("Count me", &script);
    let ran = stage.run(&[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("11,715 tokens"), "{}", ran.stderr);

    let file = iteration_file(&stage, &id);
    assert_eq!(file["outcome"], "closed");
    assert_eq!(file["cost"], json!({"input": 3350, "output": 165, "cache_read": 5300, "cache_create": 2900}));
    assert_eq!(
        (&file["cost_source"], &file["model_observed"]),
        (&"reported".into(), &"claude-sonnet-4-5".into())
    );
    assert!(file["cost_usd"].as_f64().is_some_and(|cost| (cost - 0.02499).abs() < 1e-9), "{file}");
    assert_eq!(file["tool_calls"].as_array().unwrap().len(), 2);
    assert_eq!(file["tool_calls"][0]["failed"], false);
    assert!(file["session_id"].is_string());

    let run: Value = serde_json::from_slice(&fs::read(stage.run_folder().join("run.json")).unwrap()).unwrap();
    assert_eq!(run["cumulative_tokens"], 11_715);
    let manifest: Value =
        serde_json::from_slice(&fs::read(stage.run_folder().join("manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest["workers"][0]["cumulative_tokens"], 11_715);

    let text = stage.ok(&["loop", "summary"]);
    assert!(text.contains("11,715: input 3,350 (28%)") && text.contains("$0.0250 (reported"), "{text}");
    assert_eq!(summary(&stage)["tokens"]["total"], 11_715);
    assert!(stage.ok(&["loop", "logs"]).contains("11,715"));
    let transcript = stage.ok(&["loop", "logs", "--transcript"]);
    for expected in [
        "stub starts",
        "claude-sonnet-4-5 begins a turn",
        "▸ Write",
        "▸ Bash",
        "turn ended: success",
        "ended: exit code 0",
    ] {
        assert!(transcript.contains(expected), "{expected}: {transcript}");
    }
    stage.assert_left_clean();
}

#[test]
fn the_stream_and_the_exit_code_must_both_say_success() {
    let stage = stage("claude-stream");
    let cut = format!("{} 3", printing("claude/parallel-tools.jsonl"));
    let cases = [
        (cut, "claude ended without a result (unknown; exit code 0)", 1650),
        (
            printing("claude/403-forbidden.jsonl") + "\nexit 1",
            "Failed to authenticate. API Error: 403 Your account does not have access to Claude Code. (auth; exit code 1)",
            0,
        ),
    ];
    for (number, (agent, ..)) in cases.iter().enumerate() {
        stage.task(&format!("Task {number}"), &format!("write {number}.txt a\ncommit a\ndone\n{agent}"));
    }
    stage.run(&[]);
    let ended = stage.journal_of("iteration_ended");
    assert_eq!(ended.len(), cases.len());
    for ((_, reason, tokens), end) in cases.iter().zip(&ended) {
        assert_eq!((&end["outcome"], end["reason"].as_str()), (&"runtime_error".into(), Some(*reason)));
        let file = iteration_file(&stage, end["task"].as_str().unwrap());
        let cost = &file["cost"];
        let sum: u64 = ["input", "output", "cache_read", "cache_create"]
            .iter()
            .map(|kind| cost[*kind].as_u64().unwrap())
            .sum();
        assert_eq!(sum, *tokens, "{file}");
    }
}

#[test]
fn what_codex_used_has_no_price_and_its_lines_are_kept_beside_their_translation() {
    let stage = stage("codex-jsonl");
    let script = format!("write a.txt a\ncommit a\ndone\n{}", printing("codex/tool-commit-bypass.jsonl"));
    let id = stage.task("Count me", &script);
    assert_eq!(stage.run(&[]).code, 0);
    let file = iteration_file(&stage, &id);
    assert_eq!(file["cost"], json!({"input": 3600, "output": 165, "cache_read": 6000, "cache_create": 0}));
    assert_eq!((&file["cost_source"], &file["cost_usd"]), (&"unknown".into(), &Value::Null));
    let tokens = summary(&stage)["tokens"].clone();
    assert_eq!(
        (&tokens["total"], &tokens["unpriced"], &tokens["cost_source"]),
        (&9765.into(), &9765.into(), &"unknown".into())
    );
    let transcript = stage.ok(&["loop", "logs", "--transcript"]);
    for expected in
        ["I will write the file.", "▸ command_execution", "◂ ed5c73d add hello", "turn ended: success"]
    {
        assert!(transcript.contains(expected), "{expected}: {transcript}");
    }
    let kept = fs::read_to_string(stage.iteration_folder(&id, 1).join("transcript.jsonl")).unwrap();
    assert!(kept.contains(r#""raw":{"type":"turn.completed""#), "{kept}");
}
