//! What an agent may say and call from inside an iteration.
#![expect(clippy::unwrap_used, reason = "a test that can not set its stage has failed")]

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use serde_json::{Value, json};

fn hew(args: &[&str], env: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hew"));
    command.env_clear().envs(env.iter().copied()).args(args);
    command
}

fn run(args: &[&str], env: &[(&str, &str)], cwd: &Path) -> (i32, String) {
    let output = hew(args, env).current_dir(cwd).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_word_is_recorded_from_any_folder_and_the_last_one_wins() {
    let (dir, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let file = dir.path().join("outcome.json");
    let env = [("HEW_OUTCOME_FILE", file.to_str().unwrap()), ("HEW_RUN_ID", "loop-x")];
    let cases: [(&[&str], Value); 4] = [
        (&["done"], json!({"signal": "done"})),
        (&["done", "--reason", "it's \"in\"\n"], json!({"signal": "done", "reason": "it's \"in\"\n"})),
        (&["blocked", "--reason", "no key"], json!({"signal": "blocked", "reason": "no key"})),
        (&["fail", "--reason", "red"], json!({"signal": "fail", "reason": "red"})),
    ];
    for (args, expected) in cases {
        assert_eq!(run(args, &env, elsewhere.path()).0, 0, "{args:?}");
        let found: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        assert_eq!(found, expected);
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "a partial file is left");
    let machine = hew(&["--json", "done"], &env).output().unwrap();
    let told: Value = serde_json::from_slice(&machine.stdout).unwrap();
    assert_eq!((&told["kind"], &told["signal"]), (&json!("signal"), &json!("done")));
}

#[test]
fn a_word_outside_an_iteration_is_a_mistake_that_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    for (args, next) in [
        (&["done"][..], "hew task close"),
        (&["blocked", "--reason", "x"], "hew task note"),
        (&["fail", "--reason", "x"], "hew task note"),
    ] {
        for env in [&[][..], &[("HEW_OUTCOME_FILE", "")]] {
            let (code, stderr) = run(args, env, dir.path());
            assert_eq!(code, 2, "{args:?}");
            assert!(stderr.contains("HEW_OUTCOME_FILE is not set") && stderr.contains(next), "{stderr}");
        }
    }
    let (code, _) = run(&["blocked"], &[("HEW_OUTCOME_FILE", "/nonexistent/x")], dir.path());
    assert_eq!(code, 2, "a reason is asked for");
    let (code, stderr) = run(&["done"], &[("HEW_OUTCOME_FILE", "/nonexistent/x")], dir.path());
    assert_eq!(code, 1);
    assert!(stderr.contains("/nonexistent/x"), "{stderr}");
}

#[test]
fn inside_an_iteration_other_commands_are_refused_unless_allowed() {
    let dir = tempfile::tempdir().unwrap();
    let refused = "not for agents";
    for args in [&["loop", "list"][..], &["loop", "run", "--scope", "ready"], &["init", "--yes"], &["demo"]] {
        let (code, stderr) = run(args, &[("HEW_RUN_ID", "loop-x")], dir.path());
        assert_eq!(code, 2, "{args:?}");
        assert!(stderr.contains(refused) && stderr.contains("HEW_ALLOW_NESTED=1"), "{stderr}");
    }
    let lifted = [("HEW_RUN_ID", "loop-x"), ("HEW_ALLOW_NESTED", "1")];
    for env in [&lifted[..], &[("HEW_RUN_ID", "")]] {
        let (_, stderr) = run(&["loop", "list"], env, dir.path());
        assert!(!stderr.contains(refused), "{stderr}");
    }
    let not_lifted = [("HEW_RUN_ID", "loop-x"), ("HEW_ALLOW_NESTED", "0")];
    assert_eq!(run(&["loop", "list"], &not_lifted, dir.path()).0, 2);
}

#[test]
fn an_agent_may_look_at_tasks_and_file_them_but_closes_only_its_own_and_that_is_done() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("outcome.json");
    let env = [
        ("HEW_RUN_ID", "loop-x"),
        ("HEW_TASK_ID", "hew-1"),
        ("HEW_OUTCOME_FILE", file.to_str().unwrap()),
        ("HOME", dir.path().to_str().unwrap()),
    ];
    let refused = |args: &[&str]| run(args, &env, dir.path()).1.contains("not for agents");
    for args in
        [&["task", "show", "a"][..], &["task", "list"], &["task", "ready"], &["task", "note", "a", "b"]]
    {
        assert!(!refused(args), "{args:?}");
    }
    assert!(!refused(&["task", "add", "title"]));
    let others: [&[&str]; 5] = [
        &["task", "close", "hew-2", "--reason", "x"],
        &["task", "close", "hew-1.1", "--reason", "x"],
        &["task", "claim", "hew-1"],
        &["task", "reopen", "hew-1"],
        &["task", "dep", "tree", "hew-1"],
    ];
    for args in others {
        assert!(refused(args), "{args:?}");
        assert!(!file.exists());
    }
    assert_eq!(run(&["task", "close", "hew-1", "--reason", "it works"], &env, dir.path()).0, 0);
    let found: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(found, json!({"signal": "done", "reason": "it works"}));
}
