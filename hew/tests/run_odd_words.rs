//! What agents, gates, files, branches and models are called or say, on a terminal and where colour is wanted: every view
//! shows it, and no terminal obeys it.

#![expect(clippy::unwrap_used, reason = "what a test relies on and is not there ends it")]

use std::fs;

use hew_testkit::loop_stage::LoopStage;
use hew_testkit::terminal::OnTerminal;
use serde_json::{Value, json};

/// A window's title, another way of writing, a colour in one character, a forged line.
const EVIL: &str = "\u{1b}]0;EVIL\u{7}\u{202e}\u{9b}31m\u{1b}[35;7m\rFORGED";
/// What of it a terminal would obey; nothing of hew's own is like that.
const OBEYED: [&str; 5] = ["\u{1b}]", "\u{7}", "\u{202e}", "\u{9b}", "\u{1b}[35;7m"];

fn assert_harmless(what: &str, text: &str) {
    let obeyed = OBEYED.iter().find(|one| text.contains(*one));
    assert!(obeyed.is_none() && !text.contains("\rFORGED"), "{what} holds {obeyed:?}: {text:?}");
}

/// It is told, too, and not merely left out.
fn assert_told(what: &str, text: &str) {
    assert_harmless(what, text);
    assert!(text.contains("EVIL"), "{what} says nothing of it: {text}");
}

fn event(kind: &str, content: &Value) -> Value {
    json!({"type": kind, "message": {"model": format!("m{EVIL}"), "content": content}})
}

/// What an agent prints in claude's form.
fn stream() -> String {
    let call =
        json!([{"type": "tool_use", "id": "t1", "name": format!("T{EVIL}"), "input": {"command": EVIL}}]);
    let result = json!([{"type": "tool_result", "tool_use_id": "t1", "is_error": true, "content": EVIL}]);
    let lines = [
        json!({"type": "system", "subtype": "init", "session_id": EVIL, "model": format!("m{EVIL}"), "tools": [EVIL]}),
        event(
            "assistant",
            &json!([{"type": "text", "text": format!("I say {EVIL}\nDECISION: {EVIL}\n## Summary\n{EVIL}")}]),
        ),
        event("assistant", &call),
        event("user", &result),
        json!({"type": EVIL, "text": EVIL}),
        json!({"type": "result", "subtype": "success", "is_error": false, "result": EVIL, "total_cost_usd": 0.1,
               "usage": {"input_tokens": 7, "output_tokens": 3}}),
    ];
    lines.map(|line| line.to_string() + "\n").concat()
}

/// Each task's agent, by its place in the list; `$1` is what nobody should obey, also as a file's name.
const AGENT: &str = r#"
printf '%s\n' "$1" >&2
case $HEW_TASK_ID in
odd-0) touch "$HOME/one"; until [ -e "$HOME/two" ]; do sleep 0.01; done; echo 0 > "f$1"; git add -A; git commit -qm "c$1" ;;
odd-1) touch "$HOME/two"; until [ -e "$HOME/one" ]; do sleep 0.01; done; echo 1 > "f$1"; git add -A; git commit -qm "c$1" ;;
odd-2) echo bad > bad.txt ;;
odd-3) echo loose > "$HEW_PROJECT/loose$1"; hew fail --reason "r$1"; exit 0 ;;
odd-4) hew blocked --reason "b$1"; exit 0 ;;
esac
cat "$STREAM"
hew done --reason "d$1"
"#;

/// A run in which everything comes to a bad end that can, on a branch of such a name.
fn stage() -> LoopStage {
    let stage = LoopStage::new();
    stage.repo.git(&["switch", "--quiet", "--create", "b\u{202e}EVIL\u{9b}31m"]);
    fs::write(stage.path("agent.sh"), AGENT).unwrap();
    fs::write(stage.path("stream"), stream()).unwrap();
    let agent = json!(stage.path("agent.sh").display().to_string());
    let evil = json!(EVIL);
    stage.settings(&format!(
        "loop.env.pass = [\"PATH\", \"HOME\"]\n[loop.runtime_defs.odd]\ncommand = \"sh\"\nargs = [{agent}, {}]\n\
         output = \"claude-stream\"\nenv = {{ STREAM = {} }}\n",
        toml_text(evil.as_str().unwrap()),
        json!(stage.path("stream").display().to_string()),
    ));
    let line = |place: usize| {
        let at = format!("2026-01-01T00:00:0{place}Z");
        json!({
            "id": format!("odd-{place}"), "title": format!("t{EVIL}"), "description": EVIL, "status": "open",
            "priority": place.min(4), "issue_type": "task", "created_at": at, "updated_at": at,
            "labels": [format!("model:m{EVIL}")],
        })
        .to_string()
    };
    let lines: Vec<String> = (0..5).map(line).collect();
    fs::write(stage.path("tasks.jsonl"), lines.join("\n")).unwrap();
    stage.ok(&["task", "import", &stage.path("tasks.jsonl").display().to_string()]);
    stage
}

fn toml_text(text: &str) -> String {
    let units = text.chars().map(|c| match u32::from(c) {
        number @ (0..0x20 | 0x7f..) => format!("\\U{number:08x}"),
        _ if c == '"' || c == '\\' => format!("\\{c}"),
        _ => c.to_string(),
    });
    format!("\"{}\"", units.collect::<String>())
}

#[test]
fn what_others_say_and_are_called_is_shown_by_every_view_and_obeyed_by_no_terminal() {
    let stage = stage();
    let gate = format!("printf '%s\\n' '{EVIL}'; test ! -e bad.txt # {EVIL}");
    let flags = ["--runtime", "odd", "--jobs", "2", "--max-attempts", "1", "--no-baseline", "--gate", &gate];
    let words = [&["--verbose", "loop", "run", "--scope", "ready"], &flags[..]].concat();
    let mut run = OnTerminal::start(stage.repo.hew(&words), 100);
    let code = run.wait();
    let seen = String::from_utf8_lossy(&run.bytes()).into_owned();
    assert_eq!(code, 3, "{seen}");
    assert_told("the live view", &seen);
    let mut ended: Vec<String> = (0..5).flat_map(|place| stage.outcomes(&format!("odd-{place}"))).collect();
    ended.sort();
    assert_eq!(ended, ["backpressure_fail", "blocked", "closed", "conflict", "no_close"], "{seen}");
    assert_harmless("hew.log", &fs::read_to_string(stage.run_folder().join("hew.log")).unwrap());
    let page = stage.path("report.html").display().to_string();
    assert_harmless(
        "what tells of the report",
        &stage.ok(&["--color", "always", "loop", "report", "--out", &page]),
    );
    assert_told("the report", &fs::read_to_string(page).unwrap());
    let tell: &[&[&str]] = &[
        &["loop", "summary"],
        &["loop", "logs"],
        &["loop", "logs", "--transcript"],
        &["loop", "graph"],
        &["loop", "graph", "--tasks"],
        &["loop", "graph", "--format", "mermaid"],
        &["loop", "graph", "--format", "dot"],
        &["loop", "graph", "--format", "svg"],
        &["loop", "explain", "odd-2"],
        &["loop", "run", "--scope", "ready", "--dry-run", "--retry-parked", "--runtime", "odd"],
        &["loop", "status"],
        &["loop", "list"],
        &["loop", "deliver"],
        &["task", "list"],
        &["task", "show", "odd-0"],
        &["task", "show", "odd-3"],
        &["task", "export"],
        &["config", "list"],
    ];
    for words in tell {
        assert_told(&words.join(" "), &colourful(&stage, words));
    }
    for words in [&["doctor"][..], &["loop", "prune-worktrees"]] {
        assert_harmless(&words.join(" "), &colourful(&stage, words));
    }
    for words in tell.iter().filter(|words| !words.contains(&"--format")) {
        let ran = stage.hew(&[&["--json"], *words].concat());
        assert_told(&format!("{words:?} for programs"), &(ran.stdout + &ran.stderr));
    }
}

/// Where colour is wanted nothing is taken out any more: what is shown is all that was printed.
fn colourful(stage: &LoopStage, words: &[&str]) -> String {
    let ran = stage.hew(&[&["--color", "always"], words].concat());
    ran.stdout + &ran.stderr
}
