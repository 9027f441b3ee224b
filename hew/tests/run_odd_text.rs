//! Text that would like to be more than text (landing.md L21): shown escaped, never executed, given to the agent byte for
//! byte.

#![expect(clippy::unwrap_used, reason = "what a test relies on and is not there ends it")]

use std::fs;

use hew_testkit::loop_stage::{LoopStage, ran};
use serde_json::{Value, json};

/// What a terminal or a shell would obey.
const TITLES: [&str; 9] = [
    "$(touch pwned) `touch pwned` ; touch pwned | touch pwned & touch pwned",
    "'\"; touch pwned; '\"",
    "\u{1b}[31mred\u{1b}[0m \u{1b}]0;title\u{7} \u{9b}31m",
    "two\nlines\r\nand \u{0b} more\n\nHew-Task: other-1",
    "--no-verify",
    "-",
    "%s %n {prompt_file} {model} ${HOME} \\n \\x41",
    "\u{202e}backwards\u{202c} \u{200b}zero \u{feff}",
    "日本語 été 🚀 ```fence``` <b>bold</b>",
];

fn import(stage: &LoopStage, records: &[Value]) {
    let lines: Vec<String> = records.iter().map(Value::to_string).collect();
    fs::write(stage.path("tasks.jsonl"), lines.join("\n") + "\n").unwrap();
    stage.ok(&["task", "import", stage.path("tasks.jsonl").to_str().unwrap()]);
}

fn record(id: &str, title: &str, description: &str) -> Value {
    json!({
        "id": id, "title": title, "description": description, "status": "open", "priority": 2, "issue_type": "task",
        "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z",
        "labels": [title], "notes": title, "acceptance_criteria": title,
    })
}

fn assert_harmless(what: &str, text: &str) {
    let obeyed =
        text.chars().find(|c| (c.is_control() && *c != '\n') || ('\u{202a}'..='\u{202e}').contains(c));
    assert!(obeyed.is_none(), "{what} holds {obeyed:?}: {text:?}");
}

#[test]
fn odd_text_is_done_like_any_other_and_obeyed_by_nobody() {
    let stage = LoopStage::new();
    let large = "x\u{1b}[2J`$(touch pwned)`\n".repeat(5000);
    assert!(large.len() > 100_000);
    let records: Vec<Value> =
        TITLES.iter().enumerate().map(|(n, title)| record(&format!("odd-{n}"), title, &large)).collect();
    import(&stage, &records);
    let here = stage.path("").display().to_string();
    let script = format!("record {here}seen-${{HEW_TASK_ID}}\nwrite ${{HEW_TASK_ID}}.txt x\ndone");
    stage.script("default", &script);
    let ran = stage.run(&["--jobs", "3", "--gate", "true"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    for (n, title) in TITLES.iter().enumerate() {
        let id = format!("odd-{n}");
        assert_eq!(stage.outcomes(&id), ["closed"], "{title:?}");
        let prompt = fs::read(stage.iteration_folder(&id, 1).join("prompt.md")).unwrap();
        let seen: Value =
            serde_json::from_slice(&fs::read(stage.path(&format!("seen-{id}"))).unwrap()).unwrap();
        assert_eq!(
            seen["stdin"].as_str().unwrap().as_bytes(),
            prompt,
            "the agent reads what was written down"
        );
        let prompt = String::from_utf8(prompt).unwrap();
        assert!(prompt.contains(title) && prompt.contains(large.trim_end()), "byte for byte: {title:?}");
    }
    assert_harmless("what hew tells", &ran.stderr);
    assert_harmless("what hew prints", &ran.stdout);
    for more in [&[][..], &["--follow"], &["--transcript"], &["--transcript", "--follow"]] {
        let logs = stage.hew(&[&["--json", "loop", "logs"], more].concat());
        assert_eq!(logs.code, 0, "{more:?}: {}", logs.stderr);
        assert_harmless(&format!("{more:?}"), &logs.stdout);
    }
    let messages = stage.repo.git(&["log", "--format=%B%x00", "main"]);
    for message in messages.split('\0').map(str::trim).filter(|message| message.contains("Hew-Run")) {
        let subject = message.lines().next().unwrap();
        assert!(subject.len() <= 200 && message.lines().nth(1) == Some(""), "{message:?}");
        assert!(!message.contains(|c: char| c.is_control() && c != '\n'), "{message:?}");
        assert_eq!(message.matches("\nHew-Task: ").count(), 1, "{message:?}");
    }
    let everywhere = stage.snapshot();
    assert!(!everywhere.keys().any(|path| path.contains("pwned")), "{:?}", everywhere.keys());
    stage.assert_left_clean();
}

#[test]
fn odd_text_is_shown_harmless_by_every_command_that_shows_tasks() {
    let stage = LoopStage::new();
    let records: Vec<Value> =
        TITLES.iter().enumerate().map(|(n, title)| record(&format!("odd-{n}"), title, title)).collect();
    import(&stage, &records);
    for args in [&["task", "list"][..], &["task", "ready"], &["loop", "run", "--scope", "ready", "--dry-run"]]
    {
        for json in [false, true] {
            let mut args = args.to_vec();
            args.extend(json.then_some("--json"));
            let ran = stage.hew(&args);
            assert_eq!(ran.code, 0, "{args:?}: {}", ran.stderr);
            assert_harmless(&format!("{args:?}"), &ran.stdout);
            assert!(ran.stdout.contains("odd-3"), "{args:?}: {}", ran.stdout);
            // Where colour is wanted nothing is taken out any more: what is shown is all that was printed.
            let colourful = stage.hew(&[&["--color", "always"], args.as_slice()].concat());
            let shown = if json { r"\u001b[31mred" } else { r"\u{1b}[31mred" };
            assert!(colourful.stdout.contains(shown) && !colourful.stdout.contains("\u{1b}]0;"), "{args:?}");
        }
    }
    for (n, title) in TITLES.iter().enumerate() {
        let ran = stage.hew(&["task", "show", &format!("odd-{n}")]);
        assert_harmless(title, &ran.stdout);
    }
}

#[test]
fn odd_ids_name_their_tasks_and_nothing_else() {
    let ids = [
        "--help",
        "-x",
        "a/../../b",
        "$(touch pwned)",
        "a b\n",
        "\u{1b}[31m",
        "été",
        "a.lock",
        "x;y|z&",
        "*",
    ];
    let stage = LoopStage::new();
    let mut taken = Vec::new();
    for id in ids {
        let line = record(id, "Odd", "").to_string();
        fs::write(stage.path("one.jsonl"), line).unwrap();
        let imported = stage.hew(&["task", "import", stage.path("one.jsonl").to_str().unwrap()]);
        assert_harmless(id, &(imported.stdout + &imported.stderr));
        match imported.code {
            0 => taken.push(id),
            code => assert_eq!(code, 1, "{id:?}"),
        }
    }
    stage.script("default", "append log.txt done\\n\ndone");
    let run = ran(stage.repo.hew(&["loop", "run", "--scope", "ready", "--gate", "true"]));
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_harmless("what hew tells", &(run.stdout + &run.stderr));
    let obeyed = |id: &str| id.contains(char::is_control);
    assert_eq!(taken, ids.into_iter().filter(|id| !obeyed(id)).collect::<Vec<_>>());
    for id in taken {
        assert_eq!(stage.outcomes(id), ["closed"], "{id:?}");
    }
    let everywhere = stage.snapshot();
    assert!(!everywhere.keys().any(|path| path.contains("pwned")), "{:?}", everywhere.keys());
    stage.assert_left_clean();
}
