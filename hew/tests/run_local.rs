//! The runtime `local`: whole runs of the real binary against a model server on loopback.

use std::fs;
use std::path::Path;

use hew_core::agent::Usage;
use hew_testkit::local_stage::{LocalStage, TRUE, calls, done, heading, tool};
use hew_testkit::loop_stage::{LoopStage, ran};
use hew_testkit::mock_model::{Answer, Call, Refusal, Turn};
use serde_json::{Value, json};

#[test]
fn three_tasks_are_drained_by_tool_calls_that_edit_real_files() {
    let local = LocalStage::new();
    let work = |name: &str| {
        let file = format!("{name}.txt");
        vec![
            calls(vec![tool("list_files", json!({})), tool("read_file", json!({"path": "README.md"}))]),
            calls(vec![tool("write_file", json!({"path": format!("out/{file}"), "content": "one\ntwo\n"}))]),
            calls(vec![tool(
                "edit_file",
                json!({"path": format!("out/{file}"), "old": "two", "new": format!("two of {name}")}),
            )]),
            calls(vec![
                tool("search", json!({"text": "two of"})),
                Call::Shell(format!("cat out/{file} && git add -A && git commit -qm {name}")),
            ]),
            done(),
        ]
    };
    let first = local.task("First", work("first"));
    let second = local.task("Second", work("second"));
    let third = local.task_with("Third", &["--dep", &first], work("third"));
    let ran = local.run(&["--jobs", "2"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    for (id, name) in [(&first, "first"), (&second, "second"), (&third, "third")] {
        assert_eq!(
            (local.stage.status(id).as_str(), local.stage.outcomes(id)),
            ("closed", vec!["closed".to_owned()])
        );
        let text = local.stage.repo.read(&format!("out/{name}.txt")).expect("it was delivered");
        assert_eq!(text, format!("one\ntwo of {name}\n"));
        let answered = local.tools_answered(id);
        assert!(answered[0].contains("README.md") && answered[1] == "A project.\n", "{answered:?}");
        assert!(answered[4].contains(&format!("out/{name}.txt:2:two of {name}")), "{answered:?}");
        assert_eq!(answered[5], format!("one\ntwo of {name}\n"));
    }
    // The prompt's prefix is the system's word, the rest the user's, and together they are the prompt.
    let asked = &local.asked(&first)[0];
    let messages = asked.body["messages"].as_array().unwrap();
    let [system, user] = &messages[..] else { panic!("{messages:?}") };
    assert_eq!((&system["role"], &user["role"]), (&json!("system"), &json!("user")));
    let text = |message: &Value| message["content"].as_str().unwrap().to_owned();
    assert!(text(system).contains("# Do one task") && text(user).starts_with(&heading(&first)));
    assert_eq!(format!("{}\n{}", text(system), text(user)), local.stage.prompt(&first, 1));
    assert_eq!(asked.model.as_deref(), Some("small"));
    // What was used is what the server reported, and it costs nothing.
    let summary = local.summary();
    let tokens: Usage = serde_json::from_value(summary["tokens"].clone()).unwrap();
    assert_eq!(tokens, local.server.reported());
    let iteration = fs::read_to_string(local.stage.run_folder().join("run.json")).unwrap();
    assert!(iteration.contains("\"small\""), "the model that answered is recorded");
    local.stage.assert_left_clean();
}

#[test]
fn the_transcript_has_pieces_the_whole_and_a_result() {
    let local = LocalStage::new();
    let id = local.task("Talk", [calls(vec![Call::Shell("echo hi > hi.txt".to_owned())]), done()]);
    let (ran, outcome) = local.run_once(&id);
    assert_eq!((ran.code, outcome.as_str()), (0, "closed"), "{}", ran.stderr);
    let lines = local.transcript(&id);
    let of = |mark: &str| lines.iter().filter(|line| line[mark] == true).collect::<Vec<_>>();
    let text = |line: &&Value| line["message"]["content"][0]["text"].as_str().unwrap_or_default().to_owned();
    let pieces: String = of("delta").iter().map(text).collect();
    let whole: Vec<String> = of("consolidated").iter().map(text).collect();
    assert_eq!(pieces, whole.concat());
    assert!(of("delta").len() > whole.len() && of("delta").iter().all(|line| !text(line).is_empty()));
    let results: Vec<&Value> =
        lines.iter().filter(|line| line["type"] == "result" && line["num_turns"] == 2).collect();
    let [result] = results[..] else { panic!("{results:?}") };
    assert_eq!(
        (&result["subtype"], &result["is_error"], &result["total_cost_usd"]),
        (&json!("success"), &json!(false), &json!(0.0))
    );
    assert!(result["usage"]["output_tokens"].as_u64().unwrap() > 0);
    // Readers take the whole text and each call once.
    let page = local.stage.ok(&["loop", "logs", "--transcript"]);
    assert_eq!(page.matches("It is there.").count(), 1, "{page}");
    let summary = local.stage.ok(&["loop", "summary"]);
    assert!(summary.contains("A file was added.") || page.contains("A file was added."));
    let record =
        fs::read_to_string(local.stage.iteration_folder(&id, 1).with_extension("json")).unwrap_or_default();
    assert!(record.is_empty() || record.contains("a plain file, for it is short"), "{record}");
}

#[test]
fn tools_open_nothing_outside_of_the_worktree() {
    let local = LocalStage::new();
    let secret = local.stage.path("secret.txt");
    fs::write(&secret, "not for agents\n").unwrap();
    let read = |path: &str| tool("read_file", json!({"path": path}));
    let write = |path: &str| tool("write_file", json!({"path": path, "content": "x"}));
    let edit = |path: &str| tool("edit_file", json!({"path": path, "old": "not", "new": "now"}));
    let link = format!(
        "ln -s {0} out-file; ln -s {1} out-folder; ln -s README.md in-file; ln -s {1}/new dangling; ln -s .git g",
        secret.display(),
        local.stage.path("").display()
    );
    let bad = vec![
        read(&secret.display().to_string()),
        write(&secret.display().to_string()),
        read("../secret.txt"),
        read("a/../../secret.txt"),
        read("out-file"),
        edit("out-file"),
        write("out-file"),
        read("out-folder/secret.txt"),
        write("out-folder/new.txt"),
        write("dangling"),
        tool("list_files", json!({"path": "out-folder"})),
        tool("list_files", json!({"path": "/"})),
        tool("search", json!({"text": "agents", "path": "../"})),
        read(".git"),
        read(".GIT"),
        write(".Git/config"),
        write("sub/.git/config"),
        read("g"),
        read(""),
        read("nothing"),
        read("large.txt"),
        read("binary"),
        write("binary"),
        tool("write_file", json!({"path": "nul", "content": "a\u{0}b"})),
        tool("write_file", json!({"path": "too-large", "content": "x".repeat((1 << 20) + 1)})),
        tool("edit_file", json!({"path": "README.md", "old": "nowhere", "new": "x"})),
        tool("edit_file", json!({"path": "README.md", "old": "", "new": "0"})),
        tool("read_file", json!({"pth": "README.md"})),
        tool("fly", json!({})),
        read("pipe"),
    ];
    let count = bad.len();
    let make = "head -c 1048577 /dev/zero | tr '\\0' x > large.txt; printf 'a\\000b' > binary; mkfifo pipe";
    let id = local.task(
        "Tries",
        [
            calls(vec![Call::Shell(link), Call::Shell(make.to_owned())]),
            calls(bad),
            calls(vec![read("in-file")]),
            calls(vec![Call::Shell(
                "rm -f out-file out-folder dangling g pipe large.txt binary in-file".to_owned(),
            )]),
            calls(vec![write("fine.txt")]),
            done(),
        ],
    );
    let (ran, outcome) = local.run_once(&id);
    let answered = local.tools_answered(&id);
    assert_eq!((ran.code, outcome.as_str()), (0, "closed"), "{} {answered:#?}", ran.stderr);
    let refused = &answered[2..2 + count];
    for (at, answer) in refused.iter().enumerate() {
        assert!(answer.starts_with("error: "), "call {at}: {answer}");
        assert!(!answer.contains("not for agents"), "call {at}: {answer}");
    }
    assert_eq!(answered[2 + count], "A project.\n", "a link that stays inside is followed");
    assert_eq!(fs::read_to_string(&secret).unwrap(), "not for agents\n");
    assert!(!local.stage.path("new.txt").exists() && !local.stage.path("new").exists());
    assert!(!local.stage.path("-").exists());
    assert_eq!(local.stage.repo.read("fine.txt").unwrap(), "x");
}

#[test]
fn tools_answer_what_they_say() {
    let local = LocalStage::new();
    let lines: Vec<String> = (1..=9000).map(|number| format!("line {number}")).collect();
    let text = format!("{}\n", lines.join("\n"));
    let edit = |old: &str| tool("edit_file", json!({"path": "a/b.txt", "old": old, "new": "new"}));
    let read = |more: Value| {
        let mut input = json!({"path": "a/b.txt"});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        tool("read_file", input)
    };
    let turn = vec![
        tool("write_file", json!({"path": "a/b.txt", "content": text})),
        read(json!({"first_line": 2, "lines": 2})),
        read(json!({})),
        edit("line 1"),
        edit("line 9000\n"),
        read(json!({"first_line": 8999})),
        tool("list_files", json!({})),
        tool("list_files", json!({"path": "a"})),
        tool("search", json!({"text": "line 899", "path": "a"})),
        tool("search", json!({"text": "stands nowhere"})),
        tool("search", json!({"text": "line 7777", "path": "README.md"})),
    ];
    let id = local.task("Tools", [calls(turn), done()]);
    let (ran, outcome) = local.run_once(&id);
    assert_eq!((ran.code, outcome.as_str()), (0, "closed"), "{}", ran.stderr);
    let answered = local.tools_answered(&id);
    assert_eq!(answered[1], "line 2\nline 3\n");
    let more = answered[2].lines().last().unwrap();
    assert!(answered[2].len() <= 65 * 1024 && more.contains("more from line "), "{more}");
    assert!(answered[3].starts_with("error: ") && answered[3].contains("1111 times"), "{}", answered[3]);
    assert_eq!(answered[5], "line 8999\nnew");
    assert_eq!((answered[6].as_str(), answered[7].as_str()), ("README.md\na/", "b.txt"));
    assert_eq!(answered[8].lines().count(), 11, "{}", answered[8]);
    assert!(answered[8].starts_with("a/b.txt:899:line 899\n"), "{}", answered[8]);
    assert_eq!((answered[9].as_str(), answered[10].as_str()), ("(nothing)", "(nothing)"));
    assert!(local.stage.repo.read("a/b.txt").unwrap().ends_with("line 8999\nnew"));
}

#[test]
fn its_tokens_use_up_a_budget() {
    let local = LocalStage::with("loop.budget.first_guess = 100\n");
    let ids = ["One", "Two", "Three"].map(|title| local.task(title, [done()]));
    let ran = local.run(&["--budget-tokens", "2000"]);
    assert_eq!(ran.code, 5, "{}", ran.stderr);
    let closed = ids.iter().filter(|id| local.stage.status(id) == "closed").count();
    assert_eq!((closed, local.server.asked_about("# Your task: ").len()), (2, 2), "1340 tokens each");
    assert!(ids.iter().all(|id| local.stage.status(id) == "closed" || local.stage.is_free(id)));
}

#[test]
fn a_command_has_a_limit_of_time_bounded_output_and_no_key() {
    let local = LocalStage::with(
        "loop.local.api_key_env = \"SERVER_KEY\"\nloop.env.pass = [\"PATH\", \"HOME\", \"OTHER_TOKEN\"]",
    );
    local.server.require_key("a-key-of-the-server");
    let slow = tool(
        "run",
        json!({"command": "echo begun; sleep 1000 & echo $! > $TMPDIR/pid; sleep 1000", "seconds": 1}),
    );
    let id = local.task(
        "Runs",
        [
            calls(vec![slow]),
            calls(vec![
                Call::Shell("while kill -0 $(cat $TMPDIR/pid) 2>/dev/null; do :; done; env".to_owned()),
                Call::Shell("seq 1 100000".to_owned()),
            ]),
            calls(vec![
                Call::Shell("echo wrong >&2; exit 3".to_owned()),
                Call::Shell("echo x > x.txt".to_owned()),
            ]),
            done(),
        ],
    );
    let mut command = local.command(&[&TRUE[..], &["--max-attempts", "1"]].concat());
    command.env("SERVER_KEY", "a-key-of-the-server").env("OTHER_TOKEN", "another-secret");
    let ran = ran(command);
    assert_eq!((ran.code, local.stage.outcomes(&id)), (0, vec!["closed".to_owned()]), "{}", ran.stderr);
    let answered = local.tools_answered(&id);
    assert!(answered[0].contains("ended after 1 s") && answered[0].contains("begun"), "{}", answered[0]);
    assert!(answered[1].contains("HEW_TASK_ID=") && !answered[1].contains("SERVER_KEY"), "{}", answered[1]);
    assert!(!answered[1].contains("OTHER_TOKEN"), "{}", answered[1]);
    assert!(
        answered[2].len() < 40_000
            && answered[2].contains("bytes left out")
            && answered[2].ends_with("100000\n")
    );
    assert_eq!(answered[3], "error: exit code 3\nwrong\n");
    local.stage.assert_nothing_runs();
    // The key was taken by the server, and stands nowhere.
    let mut folders =
        vec![local.stage.repo.hew_home(), local.stage.run_folder(), local.stage.path("project")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else if let Ok(bytes) = fs::read(entry.path()) {
                let text = String::from_utf8_lossy(&bytes);
                assert!(!text.contains("a-key-of-the-server"), "{}", entry.path().display());
            }
        }
    }
    assert!(!ran.stderr.contains("a-key-of-the-server") && !ran.stdout.contains("a-key-of-the-server"));
}

#[test]
fn a_word_that_it_is_blocked_parks_the_task() {
    let local = LocalStage::new();
    let id =
        local.task("Blocked", [calls(vec![tool("blocked", json!({"reason": "no keys for the attic"}))])]);
    let (ran, outcome) = local.run_once(&id);
    assert_eq!((ran.code, outcome.as_str()), (1, "blocked"), "{}", ran.stderr);
    assert!(ran.stdout.contains("no keys for the attic") || ran.stderr.contains("no keys for the attic"));
}

#[test]
fn who_says_no_word_has_not_done_it() {
    let local = LocalStage::new();
    let id = local.task("Silent", [Answer::text("I have no idea.")]);
    let (_, outcome) = local.run_once(&id);
    assert_eq!(outcome, "no_close");
}

#[test]
fn an_answer_that_was_cut_by_its_limit_is_told_as_that() {
    let cut = || {
        let text = "I would begin by".to_owned();
        Answer::Turn(Turn { text, finish: Some("length".to_owned()), ..Turn::default() })
    };
    let reason = |local: &LocalStage, id: &str| {
        let (ran, outcome) = local.run_once(id);
        assert_eq!(outcome, "no_close");
        assert!(!ran.stdout.contains("did not say that the task is done"), "{}", ran.stdout);
        format!("{}{}{}", ran.stdout, ran.stderr, local.stage.show(id)["notes"])
    };
    let local = LocalStage::with("loop.local.max_tokens = 900");
    let id = local.task("Cut", [cut()]);
    let told = reason(&local, &id);
    assert!(
        told.contains("was cut by the limit") && told.contains("900 tokens (loop.local.max_tokens"),
        "{told}"
    );
    let local = LocalStage::with("loop.local.tools = false");
    let id = local.task("Cut", [cut()]);
    let told = reason(&local, &id);
    assert!(told.contains("was cut by the limit") && told.contains("loop.local.max_tokens"), "{told}");
}

#[test]
fn a_web_page_is_no_model_server_and_is_asked_twice() {
    let local = LocalStage::new();
    let page = || {
        let headers = [("Content-Type".to_owned(), "text/html; charset=utf-8".to_owned())].into();
        Answer::Refuse(Refusal::Status { status: 200, headers, body: json!("<html>Welcome</html>") })
    };
    let ids = ["One", "Two"].map(|title| local.task(title, [page()]));
    let ran = local.run(&[]);
    assert_eq!(ran.code, 6, "{}", ran.stderr);
    // Once more after a rest of a minute: it may have been a page for the time of a restart.
    assert_eq!(ids.iter().map(|id| local.asked(id).len()).sum::<usize>(), 2);
    assert!(ids.iter().all(|id| local.stage.is_free(id)));
    let told = format!("{}{}", ran.stdout, ran.stderr);
    assert!(told.contains("answered with a web page") && told.contains("loop.local.endpoint"), "{told}");
}

#[test]
fn a_server_that_fails_at_every_request_costs_an_attempt_and_the_run_goes_on() {
    let local = LocalStage::new();
    let broken = local.task("Broken", [Answer::Refuse(Refusal::ServerError)]);
    let next = local.task("Next", [done()]);
    let (ran, outcome) = local.run_once(&broken);
    assert_eq!((ran.code, outcome.as_str()), (1, "runtime_error"), "{}", ran.stderr);
    assert_eq!(local.asked(&broken).len(), 4, "one, and three tries behind it");
    assert!(local.stage.show(&broken).to_string().contains("hew:parked"));
    assert_eq!(local.stage.status(&next), "closed");
    assert!(format!("{}{}", ran.stdout, ran.stderr).contains("500"), "{}", ran.stderr);
    local.stage.assert_left_clean();
}

#[test]
fn a_price_that_is_listed_for_a_model_of_ones_own_counts() {
    let local = LocalStage::with("loop.prices.small = { input = 1000, output = 1000 }");
    let id = local.task("Work", [done()]);
    let (_, outcome) = local.run_once(&id);
    assert_eq!(outcome, "closed");
    let tokens = &local.summary()["tokens"];
    assert_eq!(tokens["cost_source"], "list_price", "{tokens}");
    assert!(tokens["cost_usd"].as_f64().unwrap() >= 1.04, "{tokens}");
}

#[test]
fn a_server_that_counts_no_tokens_is_not_told_as_none() {
    let local = LocalStage::new();
    let Answer::Turn(turn) = done() else { panic!("it is a turn") };
    let id = local.task("Work", [Answer::Turn(Turn { usage: None, ..turn })]);
    let (ran, outcome) = local.run_once(&id);
    assert_eq!((ran.code, outcome.as_str()), (0, "closed"));
    let page = local.stage.ok(&["loop", "summary"]);
    assert!(!page.contains("tokens") && !page.contains("cost"), "{page}");
}

#[test]
fn turns_have_a_limit() {
    let local = LocalStage::with("loop.local.max_turns = 3");
    let id = local.task("Endless", [calls(vec![tool("list_files", json!({}))])]);
    let (_, outcome) = local.run_once(&id);
    assert_eq!((outcome.as_str(), local.asked(&id).len()), ("runtime_error", 3));
    let result = local.transcript(&id).into_iter().find(|line| line["subtype"] == "error_max_turns").unwrap();
    assert!(result["result"].as_str().unwrap().contains("after 3 answers"));
}

#[test]
fn without_tools_the_answer_is_a_note_and_nothing_is_edited() {
    let local = LocalStage::with("loop.local.tools = false");
    let id = local.task("Explain", [Answer::text("It is a project with one file.")]);
    let before = local.stage.rev("main");
    let (ran, outcome) = local.run_once(&id);
    assert_eq!((ran.code, outcome.as_str()), (0, "closed"), "{}", ran.stderr);
    assert_eq!(local.stage.rev("main"), before);
    let task = local.stage.show(&id);
    assert!(task["notes"].as_str().unwrap().contains("It is a project with one file."), "{task}");
    assert_eq!(local.asked(&id)[0].tools, [""; 0]);
    let cut = Turn { text: "It is a".to_owned(), finish: Some("length".to_owned()), ..Turn::default() };
    let long = local.task("Long", [Answer::Turn(cut)]);
    let (_, outcome) = local.run_once(&long);
    assert_eq!(outcome, "no_close");
    let task = local.stage.show(&long);
    assert!(!task["notes"].as_str().unwrap_or_default().contains("It is a"), "{task}");
}

#[test]
fn a_server_that_takes_no_tools_is_asked_without() {
    let local = LocalStage::new();
    let refusal = Refusal::Status {
        status: 400,
        headers: [].into(),
        body: json!({"error": {"message": "small does not support tools"}}),
    };
    let id = local.task("Explain", [Answer::Refuse(refusal), Answer::text("Here it is.")]);
    let (ran, outcome) = local.run_once(&id);
    assert_eq!((ran.code, outcome.as_str()), (0, "closed"), "{}", ran.stderr);
    let tools: Vec<usize> = local.asked(&id).iter().map(|asked| asked.tools.len()).collect();
    assert_eq!(tools, [8, 0]);
    assert!(local.stage.show(&id)["notes"].as_str().unwrap().contains("Here it is."));
}

#[test]
fn too_many_requests_and_no_room_are_waited_out_within_one_iteration() {
    let local = LocalStage::new();
    let busy = Answer::Refuse(Refusal::Overloaded { retry_after: Some(1) });
    let write = calls(vec![tool("write_file", json!({"path": "a.txt", "content": "a\n"}))]);
    let id = local.task("Waits", [Answer::rate_limit(1), busy, write, done()]);
    let (ran, outcome) = local.run_once(&id);
    assert_eq!((ran.code, outcome.as_str()), (0, "closed"), "{}", ran.stderr);
    assert_eq!(local.asked(&id).len(), 4);
}

#[test]
fn a_refused_key_ends_the_run() {
    let local = LocalStage::with("loop.local.api_key_env = \"SERVER_KEY\"");
    local.server.require_key("the-right-one");
    let id = local.task("Refused", [done()]);
    let mut command = local.command(&TRUE);
    command.env("SERVER_KEY", "the-wrong-one");
    let ran = ran(command);
    assert_eq!(ran.code, 6, "{}", ran.stderr);
    assert!(local.stage.is_free(&id));
    assert_eq!(local.asked(&id).len(), 1);
}

#[test]
fn a_server_that_wants_a_long_wait_rests_the_runtime() {
    let local = LocalStage::new();
    let id = local.task("Waits", [Answer::rate_limit(7200)]);
    let ran = local.run(&["--budget-wall", "1h"]);
    assert_eq!(ran.code, 6, "{}", ran.stderr);
    assert!(local.stage.is_free(&id));
    assert_eq!(local.asked(&id).len(), 1);
}

#[test]
fn a_model_that_the_server_does_not_have_ends_the_run_and_costs_no_attempts() {
    let local = LocalStage::new();
    let unknown = || {
        let body = json!({"error": {"message": "model \"small\" not found, try pulling it first"}});
        Answer::Refuse(Refusal::Status { status: 404, headers: [].into(), body })
    };
    let ids = ["One", "Two", "Three"].map(|title| local.task(title, [unknown()]));
    let ran = local.run(&[]);
    assert_eq!(ran.code, 6, "{}", ran.stderr);
    let asked: usize = ids.iter().map(|id| local.asked(id).len()).sum();
    assert_eq!(asked, 2, "once more after a rest of a minute, and never again");
    for id in &ids {
        assert!(local.stage.is_free(id), "{id}");
        assert!(!local.stage.show(id).to_string().contains("hew:parked"));
    }
    let told = format!("{}{}", ran.stdout, ran.stderr);
    assert!(told.contains("runtime `local` does not have the model `small`"), "{told}");
    assert!(told.contains("hew doctor") && told.contains("try pulling it first"), "{told}");
    local.stage.assert_left_clean();
}

#[test]
fn a_server_that_goes_down_in_mid_run_rests_the_runtime_and_parks_nothing() {
    let local = LocalStage::new();
    let first = local.task("First", [Answer::Hang]);
    let second = local.task("Second", [done()]);
    let LocalStage { stage, server } = local;
    let args = ["loop", "run", "--scope", "ready", "--runtime", "local", "--gate", "true"];
    // Its tries take some forty seconds, and the rest behind them a minute.
    let command = stage.repo.hew(&[&args[..], &["--max-attempts", "1", "--budget-wall", "80s"]].concat());
    let ran = std::thread::scope(|scope| {
        let running = scope.spawn(|| ran(command));
        server.wait_until_asked(&heading(&first), 1);
        drop(server);
        running.join().expect("it ends")
    });
    assert_eq!(ran.code, 6, "{}", ran.stderr);
    assert_eq!(stage.outcomes(&first), ["rate_limited"]);
    assert!(stage.is_free(&first) && stage.is_free(&second) && stage.outcomes(&second).is_empty());
    let told = format!("{}{}", ran.stdout, ran.stderr);
    assert!(told.contains("no usable runtime is left") && told.contains("refused"), "{told}");
}

#[test]
fn a_server_that_is_not_there_is_told_before_anything_starts() {
    let local = LocalStage::new();
    let id = local.task("Work", [done()]);
    let LocalStage { stage, server } = local;
    drop(server);
    let ran = stage.run(&["--runtime", "local"]);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("runtime `local`") && ran.stderr.contains("refused"), "{}", ran.stderr);
    assert!(ran.stderr.contains("hew doctor"), "{}", ran.stderr);
    assert!(stage.run_folders().is_empty() && stage.is_free(&id));
}

#[test]
fn a_fallback_whose_server_is_away_is_told_and_holds_nothing_up() {
    let local = LocalStage::with("loop.fallback_runtime = \"local\"\n");
    local.stage.task_with("Work", &[], "write done.txt 1\ncommit Done\ndone");
    let LocalStage { stage, server } = local;
    drop(server);
    let ran = stage.run(&TRUE);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("runtime `local`") && ran.stderr.contains("refused"), "{}", ran.stderr);
}

#[test]
fn under_auto_a_task_without_a_model_goes_to_another_runtime() {
    let local = LocalStage::new();
    let endpoint = format!("loop.local.endpoint = \"{}/v1/\"\n", local.server.url());
    local.stage.settings(&format!(
        "{endpoint}loop.runtimes = [\"local\", \"shell\"]\nloop.runtime_defs.shell.command = \"touch by-shell\"\n\
         loop.model.by_type = {{ bug = \"large\" }}\nloop.classifier.enabled = false\n"
    ));
    let plain = local.task("Plain", [done()]);
    let bug = local.task_with("Bug", &["-t", "bug"], [done()]);
    let ran = ran(local.stage.repo.hew(&[
        "loop",
        "run",
        "--scope",
        "ready",
        "--runtime",
        "auto",
        "--gate",
        "true",
    ]));
    assert_eq!(ran.code, 0, "{} {}", ran.stdout, ran.stderr);
    assert!(local.asked(&plain).is_empty() && local.stage.repo.read("by-shell").is_some());
    assert_eq!(local.asked(&bug).len(), 1);
}

#[test]
fn without_an_endpoint_nothing_is_started() {
    let stage = LoopStage::new();
    stage.task("Work", "done");
    let ran = stage.run(&["--runtime", "local"]);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("loop.local.endpoint is not set"), "{}", ran.stderr);
    assert!(stage.run_folders().is_empty());
}

#[test]
fn without_a_model_nothing_is_started() {
    let local = LocalStage::new();
    let endpoint = format!("loop.local.endpoint = \"{}/v1/\"\n", local.server.url());
    local.stage.settings(&endpoint);
    let plain = local.task("Plain", [done()]);
    let ran = local.run(&[]);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("needs a model") && ran.stderr.contains("hew config set loop.local.model"));
    assert!(local.stage.run_folders().is_empty());
    // Where a model is named for some tasks, the others are not tried.
    local.stage.settings(&format!("{endpoint}loop.model.by_type = {{ bug = \"large\" }}\n"));
    let bug = local.task_with("Bug", &["-t", "bug"], [done()]);
    let ran = local.run(&[]);
    assert!(ran.stderr.contains("needs a model"), "{} {}", ran.stdout, ran.stderr);
    assert_eq!((local.asked(&bug).len(), local.stage.status(&bug).as_str()), (1, "closed"));
    assert!(local.asked(&plain).is_empty() && local.stage.outcomes(&plain).is_empty());
    local.stage.settings(&endpoint);
    let ran = local.run(&["--model", "own"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(local.asked(&plain)[0].model.as_deref(), Some("own"));
}

#[test]
fn a_key_is_named_by_its_variable_and_stands_in_no_file() {
    let local = LocalStage::with("loop.local.api_key_env = \"SERVER_KEY\"");
    local.task("Work", [done()]);
    let ran = local.run(&[]);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("the variable SERVER_KEY") && ran.stderr.contains("is not set"),
        "{}",
        ran.stderr
    );
    for (line, words) in [
        ("loop.local.api_key = \"sk-123456\"", "loop.local.api_key"),
        ("loop.local.api_key_env = \"sk-123456\"", "the name of a variable"),
        ("loop.local.timeout = \"0s\"", "loop.local.timeout"),
    ] {
        local.settings(line);
        let ran = local.run(&[]);
        assert_eq!(ran.code, 2, "{line}: {}", ran.stderr);
        assert!(ran.stderr.contains(words) && !ran.stderr.contains("sk-123456"), "{line}: {}", ran.stderr);
    }
}

#[test]
fn what_settings_and_tasks_say_reaches_the_server() {
    let local = LocalStage::with(
        "loop.local.temperature = 0\nloop.local.max_tokens = 900\nloop.model.by_type = { bug = \"large\" }",
    );
    let common = local.task("Plain", [done()]);
    let bug = local.task_with("Bug", &["-t", "bug"], [done()]);
    let plan = local.stage.path("plan.toml");
    fs::write(
        &plan,
        "[[task]]\ntitle = \"Own\"\nmetadata = { \"hew.temperature\" = \"1.5\", \"hew.max_tokens\" = \"70\" }\n",
    )
    .unwrap();
    local.stage.ok(&["task", "plan", &plan.display().to_string()]);
    let own = local.stage.tasks().into_iter().find(|(_, task)| task["title"] == "Own").unwrap().0;
    local.server.add(&heading(&own), [done()]);
    let ran = local.run(&[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    for (id, model, temperature, most) in
        [(common, "small", 0.0, 900), (bug, "large", 0.0, 900), (own, "small", 1.5, 70)]
    {
        let asked = &local.asked(&id)[0];
        let body = &asked.body;
        assert_eq!(
            (asked.model.as_deref(), body["temperature"].as_f64(), body["max_tokens"].as_u64()),
            (Some(model), Some(temperature), Some(most))
        );
    }
}

#[test]
fn in_a_sandbox_it_works_and_writes_nothing_else() {
    if let Some(why) = hew::adapters::sandbox::kernel_problem() {
        eprintln!("SKIPPED: needs Landlock: {why}");
        return;
    }
    let local = LocalStage::with("loop.sandbox.mode = \"worktree\"");
    let outside = local.stage.path("home/outside");
    let touch = Call::Shell(format!("touch {} 2>refused; echo tried >> refused", outside.display()));
    let id = local.task("Inside", [calls(vec![touch]), done()]);
    let (ran, outcome) = local.run_once(&id);
    assert_eq!((ran.code, outcome.as_str()), (0, "closed"), "{}", ran.stderr);
    let refused = local.stage.repo.read("refused").expect("it was committed");
    assert!(refused.contains("denied") && refused.contains("tried"), "{refused}");
    assert!(!outside.exists());
}

#[test]
fn with_a_network_of_its_own_it_reaches_its_server_and_its_commands_nothing() {
    if let Some(why) = hew::adapters::strict::kernel_problem(Path::new(env!("CARGO_BIN_EXE_hew"))) {
        eprintln!("SKIPPED: needs namespaces and Landlock: {why}");
        return;
    }
    let local = LocalStage::with("loop.sandbox.mode = \"strict\"");
    let tries = Call::Shell("grep -c : /proc/net/dev; (set; cat /proc/net/dev) > network".to_owned());
    let id = local.task("Alone", [calls(vec![tries]), done()]);
    let (ran, outcome) = local.run_once(&id);
    assert_eq!((ran.code, outcome.as_str()), (0, "closed"), "{}", ran.stderr);
    assert_eq!(local.tools_answered(&id), ["1\n"], "there is one interface");
    let network = local.stage.repo.read("network").expect("it was committed");
    assert!(network.contains("HTTPS_PROXY='http://127.0.0.1:3128'") && network.contains("lo:"), "{network}");
}

#[test]
fn the_planner_is_asked_without_tools_and_its_answer_counts() {
    const PLANNER: &str = "# Say what is next";
    let local = LocalStage::with("loop.planner.enabled = true\nloop.jobs = 2");
    // It is asked after a landing.
    let work = |number: i32| {
        [calls(vec![tool("write_file", json!({"path": format!("{number}.txt"), "content": "x"}))]), done()]
    };
    let ids: Vec<String> =
        (1..=8).map(|number| local.task(&format!("Task {number}"), work(number))).collect();
    local.server.add(PLANNER, [Answer::text(&format!("```next_iteration\n{}\n```", json!(ids)))]);
    let ran = local.run(&[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let asked = local.server.asked_about(PLANNER);
    assert!(!asked.is_empty() && asked.iter().all(|asked| asked.tools.is_empty()), "{asked:?}");
    assert!(asked.iter().all(|asked| asked.model.as_deref() == Some("small")));
    let plans = local.stage.journal_of("batch_planned");
    assert!(plans.iter().any(|plan| plan["source"] == "planner"), "{plans:?}");
    local.stage.assert_left_clean();
}
