//! Runtimes that fail under the real loop: tried again, at rest, out; what takes over, and what the run says of it.

use std::fs;

use hew_testkit::loop_stage::{LoopStage, Ran};
use serde_json::{Value, json};

/// A project with runtimes that are small shell scripts: each gets the words of its own file.
struct Stage(LoopStage);

impl Stage {
    /// `one` is the main runtime; both end with exit code 0 and a change where nothing else is scripted.
    fn new(settings: &str) -> Self {
        Self::with_output("text", settings)
    }

    /// The same, where `one` prints another form.
    fn with_output(output: &str, settings: &str) -> Self {
        let stage = Self(LoopStage::new());
        let runtime = |name: &str, output: &str| {
            let file = Value::from(stage.script(name).display().to_string());
            format!(
                "[loop.runtime_defs.{name}]\ncommand = \"sh\"\nargs = [{file}]\noutput = \"{output}\"\n\
                 done_on_exit_zero = true\n"
            )
        };
        let text = format!(
            "{settings}\n{}{}[loop.runtime_defs.gone]\ncommand = \"hew-no-such-program\"\n",
            runtime("one", output),
            runtime("two", "text")
        );
        stage.0.settings(&text);
        stage.works("one", "");
        stage.works("two", "");
        stage
    }

    fn script(&self, name: &str) -> std::path::PathBuf {
        self.0.path(&format!("{name}.sh"))
    }

    /// The runtime does its work after these lines.
    fn works(&self, name: &str, first: &str) {
        let script = format!("{first}\necho {name} > \"$HEW_TASK_ID.txt\"\n");
        fs::write(self.script(name), script).expect("the temporary folder can be written");
    }

    /// The first so many times the runtime says this and ends with 1.
    fn fails(&self, name: &str, times: u32, words: &str) {
        let count = self.0.path(&format!("{name}.count"));
        let first = format!(
            "echo >> '{count}'\nif [ $(wc -l < '{count}') -le {times} ]; then echo '{words}' >&2; exit 1; fi",
            count = count.display()
        );
        self.works(name, &first);
    }

    fn run(&self, flags: &[&str]) -> Ran {
        let flags: Vec<&str> = ["--runtime", "one"].iter().chain(flags).copied().collect();
        self.0.run(&flags)
    }

    /// `runtime change`, in order.
    fn changes(&self) -> Vec<String> {
        let word = |entry: &Value, field: &str| entry[field].as_str().expect("it is a word").to_owned();
        let entries = self.0.journal_of("runtime_changed");
        entries.iter().map(|entry| word(entry, "runtime") + " " + &word(entry, "change")).collect()
    }

    fn summary(&self) -> Value {
        serde_json::from_str(&self.0.ok(&["--json", "loop", "summary"])).expect("hew prints JSON")
    }
}

#[test]
fn what_may_pass_is_tried_again_in_the_same_worktree_and_iteration() {
    let stage = Stage::new("");
    let task = stage.0.task("Draw", "");
    stage.fails("one", 2, "HTTP 429 Too Many Requests, retry after 1");
    let ran = stage.run(&[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(stage.0.outcomes(&task), ["closed"]);
    let retries = stage.0.journal_of("retry_planned");
    assert_eq!(retries.len(), 2);
    assert_eq!((&retries[1]["retry"], &retries[1]["wait_ms"]), (&json!(2), &json!(1000)));
    assert_eq!(retries[0]["class"], "rate_limit");
    assert!(ran.stderr.contains("(rate_limit); try 2 in 1.0s"), "{}", ran.stderr);
    // What each try printed is kept.
    let folder = stage.0.iteration_folder(&task, 1);
    for name in ["stderr.try-1.log", "stderr.try-2.log"] {
        let kept = fs::read_to_string(folder.join(name)).unwrap();
        assert!(kept.contains("429"), "{name}: {kept}");
    }
    assert!(!fs::read_to_string(folder.join("stderr.log")).unwrap().contains("429"));
    let summary = stage.summary();
    assert_eq!((&summary["iterations"], &summary["runtimes"]), (&json!(1), &json!([])));
    stage.0.assert_left_clean();
}

/// Lines of claude's form: one answer of so many tokens in a session, and the end of a turn that a busy provider broke off.
fn broken_off(session: &str, tokens: u32) -> String {
    let begins = json!({"type": "system", "subtype": "init", "session_id": session, "model": "m"});
    let breaks = json!({
        "type": "result", "subtype": "success", "is_error": true, "api_error_status": 529, "session_id": session,
        "result": "Overloaded", "modelUsage": {"m": {"inputTokens": tokens, "outputTokens": 0}},
    });
    format!("echo '{begins}'\necho '{breaks}'\nexit 1")
}

/// A runtime that can go on with a session, in claude's form, after lines of a shell script.
fn with_sessions(first: impl FnOnce(&str) -> String) -> Stage {
    let stage = Stage::with_output("claude-stream", "loop.prices = {}");
    let file = stage.0.path("home/.config/hew/config.toml");
    let text = fs::read_to_string(&file).expect("the stage has settings");
    let script = stage.script("one").display().to_string();
    let flags = "\"--session-id\", \"{session_id}\", \"--resume\", \"{resumed_session}\"";
    let text = text.replacen(&format!("[\"{script}\"]"), &format!("[\"{script}\", {flags}]"), 1);
    fs::write(&file, text).expect("the temporary folder can be written");
    let ends = json!({
        "type": "result", "is_error": false, "result": "done", "session_id": "s-1",
        "model_usage_since_last_result": {"m": {"inputTokens": 5, "outputTokens": 0}},
    });
    let seen = stage.0.path("seen").display().to_string();
    stage.works("one", &format!("echo \"$1\" >> '{seen}'\n{}\necho '{ends}'", first(&seen)));
    stage
}

#[test]
fn another_try_goes_on_with_the_session_and_no_token_is_counted_twice() {
    let broken = broken_off("s-1", 100);
    let stage = with_sessions(|_| format!("if [ \"$1\" = --session-id ]; then\n{broken}\nfi"));
    let task = stage.0.task("Draw", "");
    let ran = stage.run(&[]);
    assert_eq!((ran.code, stage.0.outcomes(&task)), (0, vec!["closed".to_owned()]), "{}", ran.stderr);
    assert_eq!(fs::read_to_string(stage.0.path("seen")).unwrap(), "--session-id\n--resume\n");
    assert_eq!(stage.summary()["tokens"]["input"], 105);
    let folder = stage.0.iteration_folder(&task, 1);
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    assert!(read("prompt.try-1.md").contains("Draw") && !read("prompt.md").contains("Draw"));
    assert!(read("prompt.md").contains("Go on with this task where you stopped"));
    let plan: Value = serde_json::from_str(&read("plan.json")).unwrap();
    assert_eq!((&plan["resumes"], &plan["argv"][3]), (&json!("s-1"), &json!("s-1")));
    stage.0.assert_left_clean();
}

#[test]
fn a_session_that_is_lost_is_begun_anew() {
    let broken = broken_off("s-1", 100);
    let stage = with_sessions(|seen| {
        format!(
            "if [ \"$1\" = --resume ]; then echo 'Error: no such session' >&2; exit 1; fi\n\
             if [ $(wc -l < '{seen}') = 1 ]; then\n{broken}\nfi"
        )
    });
    let task = stage.0.task("Draw", "");
    let ran = stage.run(&["--max-attempts", "1"]);
    assert_eq!((ran.code, stage.0.outcomes(&task)), (0, vec!["closed".to_owned()]), "{}", ran.stderr);
    assert_eq!(fs::read_to_string(stage.0.path("seen")).unwrap(), "--session-id\n--resume\n--session-id\n");
    assert_eq!(stage.0.journal_of("iteration_started").len(), 1);
}

#[test]
fn a_used_up_allowance_leads_to_the_fallback_and_back() {
    let stage = Stage::new("");
    let tasks: Vec<String> = (0..4).map(|number| stage.0.task(&format!("T{number}"), "")).collect();
    stage.fails("one", 1, "You have hit your usage limit");
    let ran = stage.run(&["--fallback-runtime", "two", "--fallback-cooldown-iters", "2"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(stage.changes(), ["one rests", "two stands_in", "two stands_in", "one tried", "one fit"]);
    assert_eq!(stage.0.outcomes(&tasks[0]), ["rate_limited", "closed"]);
    let file = |name: &str| {
        let text = fs::read_to_string(stage.0.run_folder().join(name)).unwrap();
        serde_json::from_str::<Value>(&text).unwrap()
    };
    let (first, second) = (file("iter-001.json"), file("iter-002.json"));
    assert_eq!((&first["cooldown_engaged"], &second["cooldown_engaged"]), (&json!(true), &json!(false)));
    assert_eq!((&first["runtime_used"], &second["runtime_used"]), (&json!("one"), &json!("two")));
    assert_eq!((&first["attempt"], &second["attempt"]), (&json!(1), &json!(1)));
    assert!(ran.stderr.contains("one rests for every worker until"), "{}", ran.stderr);
    assert!(ran.stderr.contains("two runs this instead of one"), "{}", ran.stderr);
    let text = stage.0.ok(&["loop", "summary"]);
    assert!(text.contains("rested 1 time: You have hit your usage limit"), "{text}");
    assert!(text.contains("stood in for 2 iterations"), "{text}");
    stage.0.assert_left_clean();
}

#[test]
fn the_fallback_and_its_cooldown_may_stand_in_settings_too() {
    let stage = Stage::new("loop.fallback_runtime = \"two\"\nloop.fallback_cooldown_iters = 1");
    (0..3).for_each(|number| drop(stage.0.task(&format!("T{number}"), "")));
    stage.fails("one", 1, "You have hit your usage limit");
    let ran = stage.run(&[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(stage.changes(), ["one rests", "two stands_in", "one tried", "one fit"]);
}

/// Neither the record, the plan nor what is told has an argument that is a secret; the agent has it.
#[test]
fn a_secret_among_arguments_reaches_the_agent_and_nobody_else() {
    let stage = Stage::new("");
    let (file, script) = (stage.0.path("home/.config/hew/config.toml"), stage.script("one"));
    let args = format!("[\"{}\"", script.display());
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replacen(&args, &format!("{args}, \"--api-key\", \"s3cret\""), 1)).unwrap();
    let task = stage.0.task("Draw", "");
    stage.works("one", "test \"$2\" = s3cret || exit 1");
    let explained = stage.0.ok(&["loop", "explain", &task]);
    let ran = stage.run(&["--json"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let folder = stage.0.run_folder();
    let iteration = stage.0.iteration_folder(&task, 1);
    let read = |path: &std::path::Path| fs::read_to_string(path).unwrap();
    let kept = ["events.jsonl", "run.json", "hew.log"].map(|name| read(&folder.join(name)));
    let of_try = ["plan.json", "transcript.jsonl"].map(|name| read(&iteration.join(name)));
    for told in kept.iter().chain(&of_try).chain([&explained, &ran.stdout, &ran.stderr]) {
        assert!(!told.contains("s3cret"), "{told}");
    }
    assert!(kept[0].contains("(left out)"), "{}", kept[0]);
}

#[test]
fn without_a_fallback_the_run_waits_for_a_reset_or_ends_with_6() {
    let stage = Stage::new("");
    let task = stage.0.task("Draw", "");
    stage.fails("one", 1, "usage limit reached, retry after 2");
    let ran = stage.run(&[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(stage.0.outcomes(&task), ["rate_limited", "closed"]);
    assert_eq!(stage.0.journal_of("awaiting_runtime").len(), 1);
    assert!(ran.stderr.contains("nothing can run before"), "{}", ran.stderr);

    let task = stage.0.task("Paint", "");
    stage.fails("one", 9, "usage limit reached");
    let ran = stage.run(&["--budget-wall", "30m"]);
    assert_eq!(ran.code, 6, "{}", ran.stderr);
    assert_eq!(stage.0.journal_of("run_ended")[0]["stop_reason"], "quota");
    assert!(stage.0.is_free(&task) && !stage.0.has_label(&task, "hew:parked"));
    assert!(ran.stderr.contains("after the wall budget"), "{}", ran.stderr);
    let remedies = &stage.0.journal_of("run_ended")[0]["remedies"];
    assert!(
        remedies[0].as_str().is_some_and(|line| line.starts_with("hew loop run   # after 20")),
        "{remedies}"
    );
    stage.0.assert_left_clean();
}

#[test]
fn a_run_that_waits_for_a_runtime_says_so_and_ends_at_once_when_it_is_told_to() {
    let stage = Stage::new("");
    stage.0.task("Draw", "");
    stage.fails("one", 9, "usage limit reached");
    let running = stage.0.start(&["--runtime", "one"]);
    hew_testkit::loop_stage::wait_until("the run waits", || {
        stage.0.has_event(|entry| entry["kind"] == "awaiting_runtime")
    });
    let status = stage.0.ok(&["loop", "status"]);
    assert!(status.contains("nothing can run before"), "{status}");
    stage.0.ok(&["loop", "cancel"]);
    let ran = running.end();
    assert_eq!(ran.code, 5, "{}", ran.stderr);
    stage.0.assert_left_clean();
}

#[test]
fn a_login_that_is_refused_takes_the_runtime_out() {
    let refused = json!({
        "type": "result", "subtype": "success", "is_error": true, "api_error_status": 403, "session_id": "s",
        "result": "Failed to authenticate", "num_turns": 1, "duration_ms": 1, "usage": {}, "modelUsage": {},
    });
    let stage = Stage::with_output("claude-stream", "loop.max_attempts = 1");
    let task = stage.0.task("Draw", "");
    stage.works("one", &format!("echo '{refused}'\nexit 1"));
    let ran = stage.run(&[]);
    assert_eq!(ran.code, 6, "{}", ran.stderr);
    assert_eq!(stage.changes(), ["one out"]);
    assert!(!stage.0.has_label(&task, "hew:parked"));
    let said = "it is not signed in, or its key is refused: Failed to authenticate";
    let remedy =
        "sh   # type /login there; or set ANTHROPIC_API_KEY to a key that is accepted; then hew loop run";
    let told = format!("one is out for this run: {said}; to use it again: {remedy}");
    assert!(ran.stderr.contains(&told), "{}", ran.stderr);
    let ended = &stage.0.journal_of("run_ended")[0];
    assert_eq!(ended["remedies"][0], remedy);
    assert_eq!(
        ended["remedies"][1],
        "hew loop run --fallback-runtime NAME   # with another runtime meanwhile"
    );
    let stop = &stage.0.journal_of("stop_requested")[0];
    assert!(stop["detail"].as_str().unwrap().contains("runtime `one` ("), "{stop}");
    assert!(stop["detail"].as_str().unwrap().contains(said), "{stop}");
    let text = stage.0.ok(&["loop", "summary"]);
    let out = "out for the run: it is not signed in, or its key is refused";
    assert!(text.contains(out) && text.contains(remedy), "{text}");
    let summary = stage.summary();
    assert_eq!(summary["tasks"][0]["attempts"], 0, "an attempt that did not count is not shown");
    let ran = stage.run(&["--fallback-runtime", "two"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(stage.0.status(&task), "closed");
}

#[test]
fn a_tasks_own_runtime_that_is_not_there_is_reported_and_the_others_go_on() {
    let stage = Stage::new("");
    let lost = stage.0.task_with("Draw", &["--runtime", "gone"], "");
    let task = stage.0.task("Paint", "");
    let ran = stage.run(&["--fallback-runtime", "two"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert_eq!(stage.0.status(&task), "closed");
    assert!(stage.0.is_free(&lost) && !stage.0.has_label(&lost, "hew:parked"));
    let left = &stage.0.journal_of("run_ended")[0]["leftovers"][0];
    let why = left["why"].as_str().unwrap();
    assert!(why.contains("hew-no-such-program"), "{why}");
    stage.0.assert_left_clean();
}

#[test]
fn auto_spreads_iterations_over_runtimes() {
    let stage = Stage::new("loop.runtimes = [\"one\", \"two\"]");
    let both = stage.0.path("both");
    let waits = |other: &str, own: &str| {
        format!(
            "mkdir -p '{dir}'; touch '{dir}/{own}'; while [ ! -e '{dir}/{other}' ]; do sleep 0.01; done",
            dir = both.display()
        )
    };
    // Each of the two ends only once the other one runs.
    stage.works("one", &waits("two", "one"));
    stage.works("two", &waits("one", "two"));
    let tasks = [stage.0.task("Draw", ""), stage.0.task("Paint", "")];
    let ran = stage.0.run(&["--runtime", "auto", "--jobs", "2"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(tasks.iter().all(|task| stage.0.status(task) == "closed"));
}

#[test]
fn what_a_shell_command_prints_is_no_word_of_a_provider() {
    let stage = LoopStage::new();
    let command = "echo 'HTTP 429 Too Many Requests' >&2; exit 1";
    stage.settings(&format!("loop.runtime_defs.shell.command = \"{command}\""));
    let task = stage.task("Build", "");
    let ran = stage.run(&["--runtime", "shell", "--max-attempts", "1"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert_eq!(stage.outcomes(&task), ["runtime_error"]);
    assert!(stage.journal_of("retry_planned").is_empty() && stage.journal_of("runtime_changed").is_empty());
}
