//! What is next, under the real loop: an agent's block, a planner's answer, and what comes of neither.

#![expect(clippy::unwrap_used, reason = "what a test relies on and is not there ends it")]

use std::fs;
use std::path::Path;

use hew_testkit::loop_stage::{LoopStage, Running};
use hew_testkit::stub_agent;
use serde_json::{Value, json};

fn writes(name: &str) -> String {
    format!("write {name}.txt {name}\ncommit {name}\ndone")
}

/// The words that name what is next, as a step of a script.
fn names(ids: &[&str]) -> String {
    format!("print So:\\n```next_iteration\\n{}\\n```", json!(ids))
}

fn load(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
        .unwrap()
}

/// Tasks in the order in which they were begun.
fn begun(stage: &LoopStage) -> Vec<String> {
    let started = stage.journal_of("iteration_started");
    started.iter().map(|entry| entry["task"].as_str().unwrap().to_owned()).collect()
}

/// A planner that follows a script, as the runtime `thinker`.
fn thinker(stage: &LoopStage, script: &str, more: &str) {
    let file = stage.path("planner-script");
    fs::write(&file, script).unwrap();
    let (agent, file) = (stub_agent::path(), file.display());
    let command = agent.display();
    stage.settings(&format!(
        "{more}\nloop.runtime_defs.thinker.command = '{command}'\nloop.runtime_defs.thinker.args = ['{file}']"
    ));
}

/// Tasks of a run that plans after its first landing: the first ends at once, two more hold both workers until
/// [`go_on`], two are left to choose from.
fn five(stage: &LoopStage) -> [String; 5] {
    let go = stage.path("go");
    let first = stage.task("First", &writes("first"));
    let held =
        ["b", "c"].map(|name| stage.task(name, &format!("wait-for {}\n{}", go.display(), writes(name))));
    let [b, c] = held;
    [first, b, c, stage.task("d", &writes("d")), stage.task("e", &writes("e"))]
}

/// Lets the held tasks go on once the first batch is there.
fn go_on(stage: &LoopStage, run: &mut Running) {
    run.wait_until("a batch", || stage.has_event(|entry| entry["kind"] == "batch_planned"));
    fs::write(stage.path("go"), "").unwrap();
}

#[test]
fn an_agents_block_decides_what_is_dispatched_next() {
    let stage = LoopStage::new();
    let marks = stage.path("ended").display().to_string();
    let first = stage.task("First", "");
    let second = stage.task("Second", &format!("wait-for {marks}\n{}", writes("second")));
    stage.task("Third", &writes("third"));
    stage.task("Fourth", &writes("fourth"));
    let named = stage.task("Named", &format!("{}\ntouch {marks}", writes("named")));
    stage.script(&first, &format!("{}\n{}", names(&["nothing-1", &named]), writes("first")));
    let ran = stage.run(&["--jobs", "2"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(begun(&stage)[..3], [first.clone(), second, named.clone()]);
    let folder = stage.run_folder();
    let mut batch = load(&folder.join("batch-001.json"));
    assert!(batch["created_at"].take().is_string());
    let expected = json!({
        "schema_version": 1, "iter_number": 1, "worker": 0, "task_ids": [named], "dropped": ["nothing-1"],
        "source": "agent", "created_at": null,
    });
    assert_eq!(batch, expected);
    let iteration = |task: &str| load(&stage.iteration_folder(task, 1).with_extension("json"));
    assert_eq!((&iteration(&named)["batch"], iteration(&first).get("batch")), (&json!(1), None));
    let tick = stage.journal_of("tick").into_iter().find(|tick| tick["batch_source"] == "agent").unwrap();
    assert_eq!((&tick["batch"], &tick["assignments"][0]["task"]), (&json!(1), &json!(named)));
    assert!(ran.stderr.contains("plan 1 by the agent of w0/iter-001"), "{}", ran.stderr);
    let prompt = stage.prompt(&first, 1);
    assert!(prompt.contains("```next_iteration\n") && prompt.contains("## Ready now"), "{prompt}");
    assert!(
        prompt.contains(&format!("- {named} Named\n")) && !prompt.contains(&format!("- {first} ")),
        "{prompt}"
    );
    stage.assert_left_clean();
}

#[test]
fn one_worker_is_asked_nothing_and_plans_nothing() {
    let stage = LoopStage::new();
    stage.settings("loop.planner.enabled = true");
    let ids = ["a", "b", "c"].map(|name| stage.task(name, ""));
    for id in &ids {
        stage.script(id, &format!("{}\n{}", names(&[&ids[2]]), writes(id)));
    }
    assert_eq!(stage.run(&[]).code, 0);
    assert_eq!(begun(&stage), ids);
    let prompt = stage.prompt(&ids[0], 1);
    assert!(!prompt.contains("next_iteration") && !prompt.contains("Ready now"), "{prompt}");
    assert_eq!(stage.journal_of("batch_planned"), [Value::Null; 0]);
    assert!(!stage.run_folder().join("batch-001.json").exists());
}

#[test]
fn the_planners_answer_decides_what_is_dispatched_next() {
    let stage = LoopStage::new();
    stage.repo.write("lib.rs", "fn alpha() {\n    1\n}\n");
    stage.repo.commit("Lib");
    stage.settings("");
    let ids = five(&stage);
    stage.script(&ids[0], "write lib.rs fn alpha() {\\n    2\\n}\\n\ncommit First\ndone");
    let record = stage.path("seen-planner");
    let script = format!("record {}\neprint thinking\n{}", record.display(), names(&[&ids[4]]));
    thinker(&stage, &script, "loop.planner.enabled = true");
    let mut run = stage.start(&["--jobs", "2", "--planner-runtime", "thinker"]);
    go_on(&stage, &mut run);
    let ran = run.end();
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(begun(&stage)[3], ids[4], "{:?}", begun(&stage));

    let folder = stage.run_folder();
    let batch = load(&folder.join("batch-001.json"));
    assert_eq!((&batch["source"], &batch["task_ids"]), (&json!("planner"), &json!([ids[4]])));
    assert!(batch["planner_tokens"].is_object(), "{batch}");
    let kept = folder.join("batch-001");
    let seen = load(&record);
    let prompt = fs::read_to_string(kept.join("prompt.md")).unwrap();
    assert_eq!(seen["stdin"].as_str().unwrap(), prompt);
    let ready: Vec<bool> = ids.iter().map(|id| prompt.contains(&format!("{{\"id\":\"{id}\""))).collect();
    assert_eq!(ready, [false, false, false, true, true], "what is ready, and not what runs: {prompt}");
    let touched =
        format!("{{\"task\":\"{}\",\"files\":[\"lib.rs\"],\"symbols\":[\"fn alpha() {{\"]}}", ids[0]);
    assert!(prompt.contains(&touched), "{prompt}");
    let iteration = load(&stage.iteration_folder(&ids[0], 1).with_extension("json"));
    assert_eq!(
        (&iteration["files_touched"], &iteration["symbols_touched"]),
        (&json!(["lib.rs"]), &json!(["fn alpha() {"]))
    );

    let cwd = Path::new(seen["cwd"].as_str().unwrap());
    assert!(cwd.ends_with("tmp-planner/empty") && !cwd.starts_with(stage.repo.root()), "{}", cwd.display());
    let env = &seen["env"];
    assert_eq!(env["HEW_RUN_ID"].as_str().unwrap(), stage.run_id());
    for name in ["HEW_TASK_ID", "HEW_OUTCOME_FILE", "HEW_PROJECT", "HEW_WORKER", "BEADS_DIR"] {
        assert!(env.get(name).is_none(), "{name} is no planner's");
    }
    let plan = load(&kept.join("plan.json"));
    assert_eq!((&plan["runtime"], &plan["limits"]["timeout_secs"]), (&json!("thinker"), &json!(60.0)));
    assert!(!plan.to_string().contains(&stage.repo.common_dir().display().to_string()), "{plan}");
    assert!(fs::read_to_string(kept.join("transcript.jsonl")).unwrap().contains("next_iteration"));
    assert_eq!(fs::read_to_string(kept.join("stderr.log")).unwrap(), "thinking\n");
    let started = &stage.journal_of("planner_started")[0];
    assert!(started["line"].as_str().unwrap().contains("thinker (flag --planner-runtime"), "{started}");
    stage.assert_left_clean();
}

#[test]
fn what_keeps_the_planner_from_an_answer_is_told_and_the_graph_goes_on() {
    let runs = "loop.planner.runtime = \"thinker\"";
    for (settings, flags, script, reason) in [
        ("loop.planner.enabled = false", &[][..], "exit 9", "planner_disabled"),
        ("loop.planner.enabled = true", &["--no-planner"], "exit 9", "planner_disabled"),
        ("loop.planner.budget_tokens = 0", &[], "exit 9", "planner_disabled"),
        (runs, &["--planner-budget", "20"], "exit 9", "budget_exceeded"),
        (runs, &[], "eprint out of ideas\nexit 3", "runtime_error"),
        (runs, &[], "print any order will do", "parse_error"),
    ] {
        let stage = LoopStage::new();
        let ids = five(&stage);
        let mark = stage.path("asked");
        thinker(&stage, &format!("touch {}\n{script}", mark.display()), settings);
        let mut run = stage.start(&[&["--jobs", "2"], flags].concat());
        go_on(&stage, &mut run);
        let ran = run.end();
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert_eq!(begun(&stage), ids, "{reason}: the graph's own order");
        let batch = load(&stage.run_folder().join("batch-001.json"));
        assert_eq!((&batch["source"], &batch["reason"]), (&json!("skipped"), &json!(reason)), "{batch}");
        let is_spawned = matches!(reason, "runtime_error" | "parse_error");
        assert_eq!(
            (mark.exists(), batch.get("planner_tokens").is_some()),
            (is_spawned, is_spawned),
            "{reason}"
        );
        assert_eq!(
            batch["detail"].to_string().contains("out of ideas"),
            reason == "runtime_error",
            "{batch}"
        );
        let fourth = load(&stage.iteration_folder(&ids[3], 1).with_extension("json"));
        assert_eq!(fourth["batch"], 1, "{fourth}");
    }
}

#[test]
fn an_agents_own_program_is_never_run_as_the_planner_unless_a_person_names_it() {
    let stage = LoopStage::new();
    let ids = five(&stage);
    stage.settings("loop.planner.enabled = true");
    let mut run = stage.start(&["--jobs", "2"]);
    go_on(&stage, &mut run);
    let ran = run.end();
    assert_eq!((ran.code, begun(&stage)), (0, ids.to_vec()), "{}", ran.stderr);
    assert_eq!(stage.journal_of("planner_started"), [Value::Null; 0]);
    assert_eq!(stage.journal_of("batch_planned").len(), 1, "told once");
    let batch = load(&stage.run_folder().join("batch-001.json"));
    assert_eq!((&batch["source"], &batch["reason"]), (&json!("skipped"), &json!("runtime_error")), "{batch}");
    assert!(batch["detail"].as_str().unwrap().contains("loop.planner.runtime does not name it"), "{batch}");
}

#[test]
fn a_planner_that_hangs_holds_nobody_and_is_gone_at_the_end() {
    let stage = LoopStage::new();
    let ids = five(&stage);
    let settings = "loop.planner.runtime = \"thinker\"";
    thinker(&stage, &format!("touch {}\nignore-term\nhang", stage.path("go").display()), settings);
    let ran = stage.run(&["--jobs", "2"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(begun(&stage), ids);
    let batch = load(&stage.run_folder().join("batch-001.json"));
    assert_eq!((&batch["source"], &batch["reason"]), (&json!("skipped"), &json!("runtime_error")), "{batch}");
    stage.assert_left_clean();
}

/// The last line of claude's stream: an answer, and what it took.
fn answer(text: &str, tokens: u64) -> String {
    let usage = json!({"sonnet": {
        "inputTokens": tokens, "outputTokens": 0, "cacheReadInputTokens": 0, "cacheCreationInputTokens": 0,
        "costUSD": 0.5,
    }});
    json!({
        "type": "result", "subtype": "success", "is_error": false, "session_id": "s", "result": text,
        "num_turns": 1, "total_cost_usd": 0.5, "usage": {}, "modelUsage": usage,
    })
    .to_string()
}

#[test]
fn what_the_planner_takes_is_in_the_sums_and_in_the_budget() {
    let settings = "loop.planner.runtime = \"thinker\"\nloop.runtime_defs.thinker.output = \"claude-stream\"";
    for limit in [None, Some("15000")] {
        let stage = LoopStage::new();
        let ids = five(&stage);
        let events = stage.path("answer.jsonl");
        let said = answer(&format!("```next_iteration\n{}\n```", json!([ids[4]])), 20_000);
        fs::write(&events, said + "\n").unwrap();
        thinker(
            &stage,
            &format!("print-file {}", events.display()),
            &format!("loop.budget.first_guess = 0\n{settings}"),
        );
        let flags = limit.map(|limit| vec!["--budget-tokens", limit]).unwrap_or_default();
        let mut run = stage.start(&[&["--jobs", "2"][..], &flags].concat());
        go_on(&stage, &mut run);
        let ran = run.end();
        let folder = stage.run_folder();
        let (file, batch) = (load(&folder.join("run.json")), load(&folder.join("batch-001.json")));
        assert_eq!((&batch["planner_tokens"]["input"], &batch["cost_usd"]), (&json!(20_000), &json!(0.5)));
        assert_eq!(file["cumulative_tokens"], 20_000);
        if limit.is_some() {
            assert_eq!((ran.code, begun(&stage).len()), (5, 3), "{}", ran.stderr);
            assert_eq!(file["stop_reason"], "budget_tokens");
        } else {
            assert_eq!((ran.code, &begun(&stage)[3]), (0, &ids[4]), "{}", ran.stderr);
        }
    }
}

#[test]
fn a_planner_that_can_not_be_run_is_told_before_anything_starts() {
    let stage = LoopStage::new();
    stage.task("Task", &writes("task"));
    let ran = stage.run(&["--jobs", "2", "--planner-runtime", "thinkr"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("thinkr"), "{}", ran.stderr);
    stage.settings("loop.planner.runtime = \"gone\"\nloop.runtime_defs.gone.command = \"/no/such/program\"");
    let ran = stage.run(&["--jobs", "2"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("/no/such/program"), "{}", ran.stderr);
    let ran = stage.run(&["--jobs", "2", "--no-planner"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}
