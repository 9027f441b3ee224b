//! Budgets of tokens and money under the real loop, with agents that tell of what they use as real ones do.

use std::fmt::Write as _;
use std::fs;

use hew_testkit::loop_stage::LoopStage;
use serde_json::{Value, json};

/// Tokens of one message.
const STEP: u64 = 500;

/// A line of claude's stream: one message that used [`STEP`] tokens.
fn message(number: u64) -> String {
    let usage = json!({
        "input_tokens": STEP, "output_tokens": 0, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0,
    });
    json!({
        "type": "assistant", "session_id": "s",
        "message": {"id": format!("m{number}"), "model": "sonnet", "content": [], "usage": usage},
    })
    .to_string()
}

/// The last line of claude's stream.
fn result(tokens: u64, usd: f64) -> String {
    let usage = json!({"sonnet": {
        "inputTokens": tokens, "outputTokens": 0, "cacheReadInputTokens": 0, "cacheCreationInputTokens": 0,
        "costUSD": usd,
    }});
    json!({
        "type": "result", "subtype": "success", "is_error": false, "session_id": "s", "result": "done",
        "num_turns": 1, "total_cost_usd": usd, "usage": {}, "modelUsage": usage,
    })
    .to_string()
}

/// The last line of a turn of codex's.
fn turn(input: u64, output: u64) -> String {
    let usage = json!({
        "input_tokens": input, "cached_input_tokens": 0, "output_tokens": output, "reasoning_output_tokens": 0,
    });
    json!({"type": "turn.completed", "usage": usage}).to_string()
}

/// The scripted agent prints events in this form.
fn stage(form: &str, settings: &str) -> LoopStage {
    let stage = LoopStage::new();
    stage.settings(&format!("loop.runtime_defs.stub.output = \"{form}\"\n{settings}"));
    stage
}

fn summary(stage: &LoopStage) -> Value {
    serde_json::from_str(&stage.ok(&["--json", "loop", "summary"])).expect("hew prints JSON")
}

/// An agent that prints so many messages, each once the one before was counted, then ends.
fn talker(stage: &LoopStage, messages: u64) -> String {
    let heard = stage.path("heard").display().to_string();
    let mut script = String::new();
    for number in 1..=messages {
        let told = number * STEP;
        writeln!(script, "print {}\nwait-for {heard}/${{HEW_TASK_ID}}.{told}", message(number))
            .expect("a text can be written to");
    }
    let end = result(messages * STEP, 0.01);
    script + &format!("write ${{HEW_TASK_ID}}.txt x\ndone\nprint {end}\n")
}

/// Lets each talker go on as soon as the run has counted what it said.
fn let_on(stage: &LoopStage) {
    let Some(folder) = stage.run_folders().pop() else { return };
    let text = fs::read_to_string(folder.join("events.jsonl")).unwrap_or_default();
    let entries: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let task_of = |used: &Value| {
        let is_its = |entry: &&Value| {
            entry["kind"] == "iteration_started"
                && entry["worker"] == used["worker"]
                && entry["iter"] == used["iter"]
        };
        entries.iter().find(is_its).map(|entry| entry["task"].as_str().expect("it has a task").to_owned())
    };
    for used in entries.iter().filter(|entry| entry["kind"] == "used") {
        let told = used["usage"]["input"].as_u64().expect("tokens are a number");
        if let Some(task) = task_of(used) {
            fs::write(stage.path("heard").join(format!("{task}.{told}")), "").expect("the folder is there");
        }
    }
}

#[test]
fn a_run_ends_within_its_tokens_and_their_grace_with_one_worker_and_with_eight() {
    for jobs in [1_u64, 8] {
        let stage = stage("claude-stream", "loop.budget.first_guess = 100");
        fs::create_dir(stage.path("heard")).unwrap();
        for number in 0..10 {
            let script = talker(&stage, 4);
            stage.task(&format!("T{number}"), &script);
        }
        let limit = 5000;
        let mut running = stage.start(&["--budget-tokens", &limit.to_string(), "--jobs", &jobs.to_string()]);
        running.wait_until("the run's end", || {
            let_on(&stage);
            stage.has_event(|entry| entry["kind"] == "run_ended")
        });
        let ran = running.end();
        assert_eq!(ran.code, 5, "{}", ran.stderr);
        assert_eq!(stage.journal_of("run_ended")[0]["stop_reason"], "budget_tokens");
        let spent = summary(&stage)["tokens"]["total"].as_u64().unwrap();
        // Each agent may be at its next message when it is stopped.
        let most = limit + limit / 10 + jobs * STEP;
        assert!((limit..=most).contains(&spent), "{jobs}: {spent} of {limit}\n{}", ran.stderr);
        // Agents were running when it was used up, and were stopped.
        let cancelled = stage.journal_of("iteration_ended").iter().any(|end| end["outcome"] == "cancelled");
        assert!(cancelled, "{}", ran.stderr);
        let text = stage.ok(&["loop", "summary"]);
        assert!(text.contains("of 5,000 tokens"), "{text}");
        stage.assert_left_clean();
    }
}

#[test]
fn what_is_told_only_at_the_end_oversteps_by_no_more_than_that_and_the_summary_says_so() {
    let stage = stage("claude-stream", "loop.budget.tokens = 1000");
    let script = format!("write ${{HEW_TASK_ID}}.txt x\ndone\nprint {}\n", result(800, 0.01));
    for number in 0..3 {
        stage.task(&format!("T{number}"), &script);
    }
    let ran = stage.run(&[]);
    assert_eq!(ran.code, 5, "{}", ran.stderr);
    let page = summary(&stage);
    assert_eq!(page["tokens"]["total"], 1600);
    assert_eq!(
        page["budgets"]["passed"],
        json!({"budget": "tokens", "worker": 0, "iter": 2, "at_end": true})
    );
    let text = stage.ok(&["loop", "summary"]);
    let told =
        "1,600 of 1,000 tokens; 600 tokens over: the agent of w0/iter-002 told of what it used only at";
    assert!(unwrapped(&text).contains(told), "{text}");
    assert_eq!(stage.journal_of("iteration_started").len(), 2);
    stage.assert_left_clean();
}

#[test]
fn grace_and_first_guess_are_settings() {
    let stage = stage("claude-stream", "loop.budget.grace = \"0%\"\nloop.budget.first_guess = 1000");
    fs::create_dir(stage.path("heard")).unwrap();
    for number in 0..2 {
        let script = talker(&stage, 4);
        stage.task(&format!("T{number}"), &script);
    }
    let mut running = stage.start(&["--budget-tokens", "1000", "--jobs", "2"]);
    running.wait_until("the run's end", || {
        let_on(&stage);
        stage.has_event(|entry| entry["kind"] == "run_ended")
    });
    assert_eq!(running.end().code, 5);
    // All that there is was set aside for the first one, and it was stopped when that was used.
    assert_eq!(stage.journal_of("iteration_started").len(), 1);
    assert_eq!(stage.journal_of("iteration_ended")[0]["outcome"], "cancelled");
}

#[test]
fn money_is_counted_by_listed_prices_where_the_runtime_tells_only_of_tokens() {
    let prices = "loop.model.default = \"gpt-5.1\"\nloop.prices.\"gpt-5.1\" = { input = 10, output = 100 }";
    let stage = stage("codex-jsonl", prices);
    let script = format!("write ${{HEW_TASK_ID}}.txt x\ndone\nprint {}\n", turn(1000, 400));
    for number in 0..4 {
        stage.task(&format!("T{number}"), &script);
    }
    let ran = stage.run(&["--budget-usd", "0.12"]);
    assert_eq!(ran.code, 5, "{}", ran.stderr);
    assert_eq!(stage.journal_of("iteration_started").len(), 3);
    assert_eq!(stage.journal_of("run_ended")[0]["stop_reason"], "budget_usd");
    let file = fs::read_to_string(stage.run_folder().join("iter-001.json")).unwrap();
    let file: Value = serde_json::from_str(&file).unwrap();
    assert_eq!((&file["cost_usd"], &file["cost_source"]), (&json!(0.05), &json!("list_price")));
    let text = stage.ok(&["loop", "summary"]);
    assert!(text.contains("$0.15") && text.contains("by loop.prices"), "{text}");
    stage.assert_left_clean();
}

/// No model was asked for: the one that answers has a price, and its tokens count while it runs.
#[test]
fn money_is_counted_while_an_agent_runs_by_the_price_of_the_model_that_answers() {
    let stage = stage("claude-stream", "loop.prices.sonnet = { input = 10, output = 50 }");
    fs::create_dir(stage.path("heard")).unwrap();
    stage.task("Endless", &talker(&stage, 100));
    let mut running = stage.start(&["--budget-usd", "0.01"]);
    running.wait_until("the run's end", || {
        let_on(&stage);
        stage.has_event(|entry| entry["kind"] == "run_ended")
    });
    let ran = running.end();
    assert_eq!(ran.code, 5, "{}", ran.stderr);
    assert_eq!(stage.journal_of("used")[0]["cost_usd"], json!(0.005));
    assert_eq!(stage.journal_of("iteration_ended")[0]["outcome"], "cancelled");
    stage.assert_left_clean();
}

#[test]
fn money_that_nobody_can_count_is_no_budget() {
    let stage = stage("codex-jsonl", "");
    let task = stage.task("Draw", "done\n");
    for flags in [&["--budget-usd", "5"][..], &["--budget-usd", "5", "--model", "gpt-5.1"]] {
        let ran = stage.run(flags);
        assert_eq!(ran.code, 2, "{}", ran.stderr);
        assert!(ran.stderr.contains("runtime `stub` does not tell what it costs"), "{}", ran.stderr);
    }
    assert!(stage.run(&["--budget-usd", "5", "--model", "gpt-5.1"]).stderr.contains("loop.prices.gpt-5.1"));
    assert!(stage.is_free(&task));
    for wrong in [["--budget-usd", "0"], ["--budget-usd", "five"], ["--budget-tokens", "0"]] {
        assert_eq!(stage.run(&wrong).code, 2, "{wrong:?}");
    }
}

#[test]
fn a_budget_of_money_may_stand_in_settings_too() {
    let stage = stage("claude-stream", "loop.budget.usd = 1\nloop.budget.first_guess = 0");
    let script = format!("write ${{HEW_TASK_ID}}.txt x\ndone\nprint {}\n", result(10, 0.6));
    for number in 0..3 {
        stage.task(&format!("T{number}"), &script);
    }
    let ran = stage.run(&[]);
    assert_eq!(ran.code, 5, "{}", ran.stderr);
    assert_eq!(stage.journal_of("run_ended")[0]["stop_reason"], "budget_usd");
    assert_eq!(stage.journal_of("landed").len(), 2);
    let text = stage.ok(&["loop", "summary"]);
    assert!(unwrapped(&text).contains("spent what could be priced only at its end"), "{text}");
}

/// Text whose lines were broken to fit a page, in one line.
fn unwrapped(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
