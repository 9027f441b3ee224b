//! Every figure that a person or a program is shown of a run in which every outcome occurs, against the same figure as the
//! agents' transcripts, git and the tracker have it.

#![expect(clippy::unwrap_used, reason = "a test says what went wrong by failing")]

mod evidence;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use evidence::{Agent, Evidence, Tokens};
use hew_testkit::loop_stage::{LoopStage, Ran};
use serde_json::{Value, json};

/// What each agent says first: which task it works at, and what its one message used. Agents that come to their end
/// account for it with money.
fn says(input: u64) -> String {
    let usage = json!({
        "input_tokens": input, "output_tokens": 1,
        "cache_read_input_tokens": 2 * input, "cache_creation_input_tokens": 7,
    });
    let content = json!([{"type": "text", "text": "task=${HEW_TASK_ID};"}]);
    let message = json!({"id": "m1", "model": "claude-opus-5-5", "content": content, "usage": usage});
    format!("print {}\n", json!({"type": "assistant", "session_id": "s", "message": message}))
}

fn accounts(input: u64, usd: f64) -> String {
    let usage = json!({"claude-opus-5-5": {
        "inputTokens": input, "outputTokens": input / 10,
        "cacheReadInputTokens": 2 * input, "cacheCreationInputTokens": 7, "costUSD": usd,
    }});
    let end = json!({
        "type": "result", "subtype": "success", "is_error": false, "session_id": "s", "result": "done",
        "num_turns": 1, "total_cost_usd": usd, "usage": {}, "modelUsage": usage,
    });
    format!("print {end}\n")
}

/// An agent that comes to its end.
fn ends(input: u64, usd: f64, work: &str) -> String {
    format!("{}{work}\n{}", says(input), accounts(input, usd))
}

/// An agent that does not.
fn is_cut_off(input: u64, work: &str) -> String {
    format!("{}{work}\n", says(input))
}

/// The run, with the ids of its tasks by name and the commit that it was launched at.
struct Story {
    stage: LoopStage,
    ids: BTreeMap<&'static str, String>,
    launch: String,
    ran: Ran,
}

/// How each task's iterations end, in order.
const OUTCOMES: [(&str, &[&str]); 11] = [
    ("first", &["closed"]),
    ("second", &["closed"]),
    ("limited", &["rate_limited", "closed"]),
    ("clash", &["conflict"]),
    ("unwanted", &["cancelled"]),
    ("slow", &["timed_out"]),
    ("silent", &["no_close"]),
    ("red", &["backpressure_fail"]),
    ("broken", &["runtime_error"]),
    ("blocked", &["blocked"]),
    ("stalled", &["stalled"]),
];

fn tell() -> Story {
    let stage = LoopStage::new();
    let limited = stage.path("limited.sh");
    let limited_file = Value::from(limited.display().to_string());
    stage.settings(&format!(
        "loop.kill_grace = \"1s\"\nloop.runtime_defs.stub.output = \"claude-stream\"\n\
         [loop.runtime_defs.limited]\ncommand = \"sh\"\nargs = [{limited_file}]\noutput = \"text\"\n\
         done_on_exit_zero = true\n"
    ));
    let count = stage.path("limited.count");
    let count = count.display();
    let script = format!(
        "echo >> '{count}'\necho \"task=$HEW_TASK_ID;\"\n\
         if [ $(wc -l < '{count}') -le 4 ]; then echo 'HTTP 429 Too Many Requests, retry after 1' >&2; exit 1; fi\n\
         printf 'a\\nb\\n' > limited.txt\n"
    );
    fs::write(limited, script).unwrap();
    let ids = file(&stage);
    let launch = stage.rev("main").unwrap();
    let flags =
        ["--jobs", "4", "--max-attempts", "1", "--stall-timeout", "20s", "--gate", "test ! -e broken"];
    let mut run = stage.start(&flags);
    run.wait_for(stage.path("started"));
    stage.ok(&["task", "close", &ids["unwanted"], "--reason", "not wanted", "--actor", "ann"]);
    run.wait_until("the first landing", || {
        stage.has_event(|entry| entry["kind"] == "landed" && entry["task"] == ids["first"].as_str())
    });
    fs::write(stage.path("landed"), "").unwrap();
    let ran = run.end();
    Story { stage, ids, launch, ran }
}

/// Files the tasks. `clash` begins before `first` lands, and ends after it.
fn file(stage: &LoopStage) -> BTreeMap<&'static str, String> {
    let here = stage.path("").display().to_string();
    let soon = ["-p", "0"];
    let mut ids = BTreeMap::new();
    let mut add = |name: &'static str, flags: &[&str], script: &str| {
        ids.insert(name, stage.task_with(name, flags, script));
    };
    let work = format!("wait-for {here}wrote\nwrite same.txt one\\ntwo\\n\ncommit First\ndone");
    add("first", &["-p", "0", "-l", "model:opus"], &ends(1000, 0.1, &work));
    let work = format!("write same.txt other\ncommit Clash\ntouch {here}wrote\nwait-for {here}landed\ndone");
    add("clash", &soon, &ends(2000, 0.2, &work));
    add("unwanted", &soon, &is_cut_off(3000, &format!("write half.txt half\ntouch {here}started\nhang")));
    add("silent", &["-l", "model:opus"], &ends(4000, 0.7, "write silent.txt x"));
    add("red", &["-l", "model:haiku"], &ends(5000, 0.01, "write broken x\ncommit Red\ndone"));
    add("broken", &["-l", "model:haiku"], &is_cut_off(6000, "exit 3"));
    add("blocked", &[], &ends(7000, 0.02, "blocked there is no key"));
    add("stalled", &[], &is_cut_off(8000, "hang"));
    add("limited", &["--runtime", "limited"], "exit 9");
    let first = ids["first"].clone();
    let work = "remove README.md\nappend same.txt three\\n\ncommit Second\ndone";
    ids.insert("second", stage.task_with("second", &["--dep", &first], &ends(9000, 0.3, work)));
    let plan = stage.path("plan.toml");
    fs::write(&plan, "[[task]]\ntitle = \"slow\"\nmetadata = { \"hew.timeout\" = \"3s\" }\n").unwrap();
    stage.ok(&["task", "plan", &plan.display().to_string()]);
    let slow = stage.tasks().into_iter().find(|(_, task)| task["title"] == "slow").unwrap().0;
    stage.script(&slow, &is_cut_off(10_000, "hang"));
    ids.insert("slow", slow);
    ids
}

impl Story {
    fn json(&self, args: &[&str]) -> Vec<Value> {
        let text = self.stage.ok(&[&["--json"], args].concat());
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn file(&self, name: &str) -> Value {
        serde_json::from_str(&fs::read_to_string(self.stage.run_folder().join(name)).unwrap()).unwrap()
    }

    /// How the iterations of the tasks ended, by worker and number, as the order of the story has it.
    fn outcomes(&self, evidence: &Evidence) -> BTreeMap<(u64, u64), &'static str> {
        let mut all = BTreeMap::new();
        for (name, outcomes) in OUTCOMES {
            let mut of_task: Vec<&Agent> =
                evidence.agents.iter().filter(|agent| agent.task == self.ids[name]).collect();
            // Whichever worker it was at: what landed came last.
            of_task.sort_by_key(|agent| evidence.landed_by(agent).is_some());
            assert_eq!(of_task.len(), outcomes.len(), "agents of {name}: {}", self.ran.stderr);
            all.extend(
                of_task.iter().zip(outcomes).map(|(agent, outcome)| ((agent.worker, agent.iter), *outcome)),
            );
        }
        all
    }
}

fn assert_tokens(shown: &Value, tokens: Tokens, what: &str) {
    let names = ["input", "output", "cache_read", "cache_create"];
    let seen = names.map(|name| shown[name].as_u64().unwrap());
    assert_eq!(seen, tokens, "{what}");
    assert_eq!(shown["total"], tokens.iter().sum::<u64>(), "{what}");
}

fn assert_usd(shown: &Value, agents: &[&Agent], what: &str) {
    let known: Vec<f64> = agents.iter().filter_map(|agent| agent.usd).collect();
    match shown.as_f64() {
        Some(usd) => assert!((usd - known.iter().sum::<f64>()).abs() < 1e-9, "{what}: {usd} of {known:?}"),
        None => assert_eq!(known, Vec::<f64>::new(), "{what}"),
    }
}

fn place(row: &Value) -> (u64, u64) {
    (row["worker"].as_u64().unwrap(), row["iter"].as_u64().unwrap())
}

fn set(values: &Value, name: &str, is_meant: impl Fn(&Value) -> bool) -> BTreeSet<String> {
    let meant = values.as_array().unwrap().iter().filter(|value| is_meant(value));
    meant.map(|value| value[name].as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_figure_is_that_of_the_transcripts_of_git_and_of_the_tracker() {
    let story = tell();
    let evidence = Evidence::of(&story.stage, &story.launch);
    let outcomes = story.outcomes(&evidence);
    let summary = story.json(&["loop", "summary"]).remove(0);

    whole_run(&story, &evidence, &outcomes, &summary);
    workers_and_models(&evidence, &outcomes, &summary);
    tasks(&evidence, &summary);
    rows_and_nodes(&story, &evidence, &outcomes);
    files_of_the_run(&story, &evidence);
    for_people(&story, &evidence);
}

fn whole_run(
    story: &Story,
    evidence: &Evidence,
    outcomes: &BTreeMap<(u64, u64), &'static str>,
    summary: &Value,
) {
    assert_eq!(summary["iterations"], evidence.agents.len());
    let kinds: BTreeSet<&str> = outcomes.values().copied().collect();
    assert_eq!(kinds.len(), 10, "every outcome occurs");
    for (kind, shown) in summary["outcomes"].as_object().unwrap() {
        let count = outcomes.values().filter(|outcome| *outcome == kind).count();
        assert_eq!(*shown, count, "{kind}");
    }
    let sum = |figure: fn(&evidence::Landed) -> u64| evidence.landed.iter().map(figure).sum::<u64>();
    let tasks: BTreeSet<&str> = evidence.landed.iter().map(|commit| commit.task.as_str()).collect();
    assert_eq!(summary["landed"]["tasks"], tasks.len());
    assert_eq!(summary["landed"]["commits"], evidence.landed.len());
    assert_eq!(summary["landed"]["files"], sum(|commit| commit.files));
    assert_eq!(summary["landed"]["added"], sum(|commit| commit.added));
    assert_eq!(summary["landed"]["removed"], sum(|commit| commit.removed));
    assert!(sum(|commit| commit.removed) > 0, "the story removes lines too");

    let all: Vec<&Agent> = evidence.agents.iter().collect();
    assert_tokens(&summary["tokens"], evidence.tokens(|_| true), "the run");
    assert_usd(&summary["tokens"]["cost_usd"], &all, "the run");
    let unpriced = all.iter().filter(|agent| agent.usd.is_none() && agent.total() > 0);
    assert_eq!(summary["tokens"]["unpriced_agents"], unpriced.clone().count());
    assert_eq!(summary["tokens"]["unpriced"], unpriced.map(|agent| agent.total()).sum::<u64>());
    let mut efforts: Vec<u64> =
        summary["effort"]["values"].as_array().unwrap().iter().map(|value| value.as_u64().unwrap()).collect();
    let mut totals: Vec<u64> = evidence.agents.iter().map(Agent::total).collect();
    efforts.sort_unstable();
    totals.sort_unstable();
    assert_eq!(efforts, totals);

    let tip = story.stage.run_branch().unwrap();
    assert_eq!(story.stage.rev("main"), Some(tip.clone()), "{}", story.ran.stderr);
    assert_eq!((&summary["tip_sha"], &summary["delivered_sha"]), (&json!(tip), &json!(tip)));
    assert_eq!(
        (&summary["launch_sha"], &summary["exit_code"]),
        (&json!(story.launch), &json!(story.ran.code))
    );
    let listed = story.json(&["loop", "list"]).remove(0);
    assert_eq!(listed["tokens"], summary["tokens"]["total"]);
    assert_eq!(listed["cost_usd"], summary["tokens"]["cost_usd"]);
    assert_eq!(
        (&listed["landed"], &listed["iterations"]),
        (&json!(evidence.landed.len()), &json!(all.len()))
    );
    assert_eq!((&listed["delivery"], &listed["delivered_sha"]), (&json!("delivered"), &json!(tip)));
}

fn workers_and_models(evidence: &Evidence, outcomes: &BTreeMap<(u64, u64), &'static str>, summary: &Value) {
    let workers: BTreeSet<u64> = evidence.agents.iter().map(|agent| agent.worker).collect();
    assert_eq!(summary["workers"].as_array().unwrap().len(), workers.len());
    for shown in summary["workers"].as_array().unwrap() {
        let worker = shown["worker"].as_u64().unwrap();
        let own: Vec<&Agent> = evidence.agents.iter().filter(|agent| agent.worker == worker).collect();
        assert_eq!(shown["iterations"], own.len());
        assert_tokens(&shown["tokens"], evidence.tokens(|agent| agent.worker == worker), "a worker");
        assert_usd(&shown["tokens"]["cost_usd"], &own, "a worker");
        let prefix = format!("w{worker}/");
        let landed = evidence.landed.iter().filter(|commit| commit.iteration.starts_with(&prefix)).count();
        assert_eq!(shown["landed"], landed);
        let closed = outcomes.iter().filter(|((of, _), outcome)| *of == worker && **outcome == "closed");
        assert_eq!(shown["closed"], closed.count());
    }
    let models: BTreeSet<Option<String>> =
        evidence.agents.iter().map(|agent| evidence.model_of(&agent.task)).collect();
    assert_eq!(summary["models"].as_array().unwrap().len(), models.len());
    assert_eq!(models.len(), 3);
    for shown in summary["models"].as_array().unwrap() {
        let model = shown["model"].as_str().map(ToOwned::to_owned);
        let is_of = |agent: &Agent| evidence.model_of(&agent.task) == model;
        let own: Vec<&Agent> = evidence.agents.iter().filter(|agent| is_of(agent)).collect();
        assert_eq!(shown["iterations"], own.len(), "{model:?}");
        assert_tokens(&shown["tokens"], evidence.tokens(is_of), "a model");
        assert_usd(&shown["tokens"]["cost_usd"], &own, "a model");
        let closed = own.iter().filter(|agent| outcomes[&(agent.worker, agent.iter)] == "closed").count();
        assert_eq!(shown["closed"], closed, "{model:?}");
    }
    let haiku = set(&summary["models_differing"], "model", |_| true);
    assert_eq!(haiku, BTreeSet::from(["haiku".to_owned()]), "opus was answered by its own family");
}

fn tasks(evidence: &Evidence, summary: &Value) {
    let parked = set(&summary["tasks"], "task", |task| !task["parked"].is_null());
    assert_eq!(parked, evidence.labelled("hew:parked"));
    assert_eq!(parked.len(), 7);
    let landed: BTreeSet<String> = evidence.landed.iter().map(|commit| commit.task.clone()).collect();
    assert_eq!(set(&summary["tasks"], "task", |task| !task["landed_sha"].is_null()), landed);
    assert_eq!(set(&summary["tasks"], "task", |task| task["closed"] == true), landed);
    for commit in &evidence.landed {
        let shown =
            summary["tasks"].as_array().unwrap().iter().find(|task| task["task"] == commit.task.as_str());
        assert_eq!(shown.unwrap()["landed_sha"], commit.sha.as_str());
        assert_eq!(evidence.tasks[&commit.task]["status"], "closed");
    }
    let touched = set(&summary["tasks"], "task", |_| true);
    let bugs = set(&summary["tasks"], "bug", |task| !task["bug"].is_null());
    assert_eq!(
        touched.union(&bugs).cloned().collect::<BTreeSet<_>>(),
        evidence.tasks.keys().cloned().collect()
    );
    assert_eq!(set(&summary["leftovers"], "task", |_| true), evidence.open());
}

fn rows_and_nodes(story: &Story, evidence: &Evidence, outcomes: &BTreeMap<(u64, u64), &'static str>) {
    let rows = story.json(&["loop", "logs"]);
    let graph = story.json(&["loop", "graph", "--format", "json"]).remove(0);
    let lanes = graph["clusters"][0]["lanes"].as_array().unwrap();
    let nodes: Vec<&Value> = lanes.iter().flat_map(|lane| lane["nodes"].as_array().unwrap()).collect();
    assert_eq!((rows.len(), nodes.len()), (evidence.agents.len(), evidence.agents.len()));
    for agent in &evidence.agents {
        let at = (agent.worker, agent.iter);
        let row = rows.iter().find(|row| place(row) == at).unwrap();
        assert_eq!(
            (row["task"].as_str(), row["outcome"].as_str()),
            (Some(&*agent.task), Some(outcomes[&at]))
        );
        let names = ["input", "output", "cache_read", "cache_create"];
        assert_eq!(names.map(|name| row["usage"][name].as_u64().unwrap()), agent.tokens, "{row}");
        assert_usd(&row["cost_usd"], &[agent], "a row");
        let node = nodes.iter().find(|node| place(node) == at).unwrap();
        assert_eq!(
            (node["task"].as_str(), node["class"].as_str()),
            (Some(&*agent.task), Some(outcomes[&at]))
        );
        assert_eq!(node["tokens"].as_u64().unwrap_or(0), agent.total(), "{node}");
        let commit = evidence.landed_by(agent).map(|commit| &*commit.sha);
        assert_eq!((row["landed_sha"].as_str(), node["commit"].as_str()), (commit, commit), "{at:?}");
    }
}

fn files_of_the_run(story: &Story, evidence: &Evidence) {
    let total = |tokens: Tokens| tokens.iter().sum::<u64>();
    let run = story.file("run.json");
    assert_eq!(run["cumulative_tokens"], total(evidence.tokens(|_| true)));
    assert_eq!(
        (&run["iter_count"], &run["landed"]),
        (&json!(evidence.agents.len()), &json!(evidence.landed.len()))
    );
    for worker in story.file("manifest.json")["workers"].as_array().unwrap() {
        let id = worker["id"].as_u64().unwrap();
        assert_eq!(worker["cumulative_tokens"], total(evidence.tokens(|agent| agent.worker == id)));
    }
    for agent in &evidence.agents {
        let file = story.file(&format!("worker-{}/iter-{:03}.json", agent.worker, agent.iter));
        let names = ["input", "output", "cache_read", "cache_create"];
        assert_eq!(names.map(|name| file["cost"][name].as_u64().unwrap()), agent.tokens);
        assert_usd(&file["cost_usd"], &[agent], "a file");
    }
}

fn for_people(story: &Story, evidence: &Evidence) {
    let text = story.stage.ok(&["loop", "summary"]);
    let sum = |figure: fn(&evidence::Landed) -> u64| evidence.landed.iter().map(figure).sum::<u64>();
    let (files, added, removed) = (sum(|one| one.files), sum(|one| one.added), sum(|one| one.removed));
    let commits = evidence.landed.len();
    let landed = format!("{commits} tasks in {commits} commits, {files} file changes, +{added} -{removed}");
    assert!(text.contains(&landed), "{landed} in {text}");
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let tokens = evidence.tokens(|_| true);
    for (name, count) in ["input", "output", "cache read", "cache create"].iter().zip(tokens) {
        assert!(words.contains(&format!("{name} {}", grouped(count))), "{name} {count} in {text}");
    }
    let usd: f64 = evidence.agents.iter().filter_map(|agent| agent.usd).sum();
    assert!(words.contains(&format!("cost ${usd:.2} (reported by the runtime)")), "{usd} in {text}");
    for parked in evidence.labelled("hew:parked") {
        assert!(text.contains(&format!("hew task unpark {parked}\n")), "{parked} in {text}");
    }

    let report = story.stage.path("report.html");
    story.stage.ok(&["loop", "report", "--out", &report.display().to_string()]);
    let html = fs::read_to_string(report).unwrap();
    let figures = [
        ("landed.tasks", commits as u64),
        ("landed.commits", commits as u64),
        ("landed.files", files),
        ("landed.added", added),
        ("landed.removed", removed),
        ("iterations", evidence.agents.len() as u64),
        ("tokens.total", tokens.iter().sum()),
    ];
    for (name, figure) in figures {
        let tile = format!("data-figure=\"{name}\" data-v=\"{figure}\"");
        assert!(html.contains(&tile), "{tile}");
    }
    for commit in &evidence.landed {
        assert!(html.contains(&commit.sha[..12]), "{}", commit.sha);
    }
}

/// `1,234,567`
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
