//! What people look at, through the real binary, on runs whose journals are written by hand.

#![expect(clippy::unwrap_used, reason = "a test says what went wrong by failing")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Output, Stdio};

use chrono::{DateTime, TimeDelta, Utc};
use hew::adapters::ledger;
use hew::adapters::lock::ProjectLock;
use hew::adapters::recorder::Recorder;
use hew::adapters::store::RunFolder;
use hew_core::exit::Exit;
use hew_core::ids::IterationId;
use hew_core::record::event::StopReason;
use hew_core::record::ledger::{LedgerDelivery, LedgerEvent};
use hew_core::record::{RunView, Store, files};
use hew_testkit::journal::{self, JournalBuilder, iteration};
use hew_testkit::loop_stage::wait_until;
use hew_testkit::repo::TestRepo;
use hew_testkit::terminal::OnTerminal;
use serde_json::{Value, json};

fn put(repo: &TestRepo, journal: &JournalBuilder) -> RunFolder {
    let mut folder = RunFolder::create(&repo.root().join(".hew"), journal.run_id()).unwrap();
    folder.append(journal.entries()).unwrap();
    folder
}

fn put_transcript(folder: &RunFolder, journal: &JournalBuilder, id: IterationId, said: &[&str]) -> PathBuf {
    let path = folder.path().join(journal.iteration_dir(id)).join("transcript.jsonl");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut lines = vec![json!({"type": "system", "subtype": "init", "runtime": "shell"})];
    lines.extend(said.iter().map(|text| said_record(text)));
    lines.push(json!({"type": "result", "is_error": false, "exit": {"code": 0}}));
    let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
    fs::write(&path, lines.join("\n") + "\n").unwrap();
    path
}

fn said_record(text: &str) -> Value {
    json!({"type": "assistant", "message": {"content": [{"type": "text", "text": text}]}})
}

fn hew(repo: &TestRepo, args: &[&str]) -> Output {
    repo.hew(args).output().unwrap()
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn text(repo: &TestRepo, args: &[&str]) -> String {
    stdout(&hew(repo, args))
}

fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn at(days: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_000_000, 0).unwrap() + TimeDelta::days(days)
}

/// Four runs: completed, cancelled, failed, crashed; the newest last.
fn four_runs(repo: &TestRepo) -> Vec<JournalBuilder> {
    let mut runs: Vec<JournalBuilder> = (0..4).map(|day| JournalBuilder::launch_at(at(day), 1, 1)).collect();
    runs[0].whole(iteration(0, 1), "app-1", "One").deliver_and_end();
    runs[1].run_ended(StopReason::Cancelled, 5, Vec::new(), Vec::new());
    runs[2].run_ended(StopReason::ReadyEmpty, 1, Vec::new(), Vec::new());
    runs[3].start(iteration(0, 1), "app-2", "Two", 1);
    for run in &runs {
        put(repo, run);
    }
    runs
}

/// The first line of each run in a list.
fn runs_of(listed: &str) -> impl Iterator<Item = &str> {
    listed.lines().filter(|line| line.starts_with("  loop-"))
}

#[test]
fn list_shows_runs_newest_first_with_their_state() {
    let repo = TestRepo::new();
    assert!(stderr(&hew(&repo, &["loop", "list"])).contains("no runs yet"));
    let runs = four_runs(&repo);
    let listed = text(&repo, &["loop", "list"]);
    let words: Vec<Vec<&str>> =
        runs_of(&listed).map(|line| line.split_whitespace().take(2).collect()).collect();
    let expected: Vec<Vec<&str>> = runs
        .iter()
        .rev()
        .zip(["crashed", "completed", "cancelled", "completed"])
        .map(|(run, state)| vec![run.run_id().as_str(), state])
        .collect();
    assert_eq!(words, expected, "{listed}");
    assert_eq!(runs_of(&text(&repo, &["loop", "list", "-n", "2"])).count(), 2);
    assert!(listed.lines().all(|line| line.chars().count() <= 80), "{listed}");
    assert!(
        listed.contains("1/12") && listed.contains("\n    ready_empty (exit code 0), delivered to main\n"),
        "{listed}"
    );
    let json = json_lines(&text(&repo, &["loop", "list", "--json"]));
    assert_eq!(json.len(), 4);
    assert_eq!((&json[3]["schema"], &json[3]["kind"]), (&json!(1), &json!("run")));
    assert_eq!((&json[3]["landed"], &json[3]["exit_code"]), (&json!(1), &json!(0)));
    assert_eq!((&json[0]["iterations"], &json[0]["stop_reason"]), (&json!(1), &Value::Null));
}

#[test]
fn list_believes_run_json_only_while_it_is_as_new_as_the_journal() {
    let repo = TestRepo::new();
    let mut run = JournalBuilder::launch(1, 1);
    run.whole(iteration(0, 1), "app-1", "One");
    let mut folder = put(&repo, &run);
    let recorder = Recorder::start(Box::new(RunFolder::open(folder.path())), RunView::new());
    recorder.record(run.entries());
    assert_eq!(recorder.finish(), []);
    let listed = || json_lines(&text(&repo, &["loop", "list", "--json"])).remove(0);
    assert_eq!(listed()["landed"], 1);
    let marked = fs::read_to_string(folder.path().join("run.json")).unwrap();
    let marked = marked.replace("\"landed_tasks\": 1", "\"landed_tasks\": 77");
    folder.write("run.json", marked.as_bytes()).unwrap();
    assert_eq!(listed()["landed"], 77, "the file is read while it is up to date");
    let seen = run.entries().len();
    run.after_ms(50).deliver_and_end();
    folder.append(&run.entries()[seen..]).unwrap();
    assert_eq!((&listed()["landed"], &listed()["state"]), (&json!(1), &json!("completed")));
}

#[test]
fn a_delivery_after_the_end_counts_in_the_list_and_in_the_summary() {
    let repo = TestRepo::new();
    let run = journal::every_outcome();
    put(&repo, &run);
    let shared = repo.common_dir().join("hew");
    let tell = |event: LedgerEvent| ledger::append(&shared, event).unwrap();
    let (run_id, at, sha) = (run.run_id().clone(), at(1), journal::commit(103));
    tell(LedgerEvent::Launched {
        run_id: run_id.clone(),
        at,
        project: repo.root().display().to_string(),
        state_dir: repo.root().join(".hew").display().to_string(),
        target_branch: Some("main".into()),
        launch_sha: journal::launch_commit(),
        run_branch: format!("loop/{run_id}/main").as_str().into(),
        pid: 1,
        start_ticks: 1,
    });
    tell(LedgerEvent::Ended {
        run_id: run_id.clone(),
        at,
        stop_reason: StopReason::MaxIter,
        exit_code: 3,
        tip_sha: sha.clone(),
        delivery: LedgerDelivery::Undelivered,
    });
    let delivery = || json_lines(&text(&repo, &["loop", "list", "--json"])).remove(0)["delivery"].clone();
    assert_eq!(delivery(), "undelivered");
    assert!(text(&repo, &["loop", "list"]).contains("max_iter (exit code 3), not delivered to main"));
    assert!(text(&repo, &["loop", "summary"]).contains("hew loop deliver"));
    tell(LedgerEvent::Delivered { run_id, at, target: "main".into(), sha });
    assert_eq!(delivery(), "delivered");
    let summary = text(&repo, &["loop", "summary"]);
    assert!(summary.contains("delivered to main") && !summary.contains("hew loop deliver"), "{summary}");
}

#[test]
fn a_run_whose_process_holds_the_lock_is_running_and_without_it_crashed() {
    let repo = TestRepo::new();
    let run = journal::in_the_middle();
    put(&repo, &run);
    let state = || {
        ["list", "status", "summary"].map(|view| {
            let value = json_lines(&text(&repo, &["loop", view, "--json"])).remove(0);
            value["state"].as_str().unwrap().to_owned()
        })
    };
    assert_eq!(state(), ["crashed"; 3]);
    let lock = ProjectLock::acquire(&repo.common_dir().join("hew"), run.run_id()).unwrap();
    assert_eq!(state(), ["running"; 3]);
    drop(lock);
    assert_eq!(state(), ["crashed"; 3]);
}

/// An agent may say nothing for an hour.
#[test]
fn a_run_that_lives_has_taken_the_time_up_to_now_in_every_view() {
    let repo = TestRepo::new();
    let run = journal::in_the_middle();
    let mut folder = put(&repo, &run);
    let view = RunView::of(run.entries());
    folder.write(files::RUN, files::render(&view, files::RUN).unwrap().as_bytes()).unwrap();
    let took = || {
        ["list", "summary"].map(|view| {
            json_lines(&text(&repo, &["loop", view, "--json"])).remove(0)["duration_ms"].as_u64().unwrap()
        })
    };
    assert_eq!(took(), [view.duration_ms(); 2]);
    let lock = ProjectLock::acquire(&repo.common_dir().join("hew"), run.run_id()).unwrap();
    // It was launched days ago.
    let since = u64::try_from((Utc::now() - view.header.unwrap().started.at).num_milliseconds()).unwrap();
    assert!(since > 3_600_000 && took().iter().all(|took| took.abs_diff(since) < 600_000), "{:?}", took());
    let shown = text(&repo, &["loop", "logs"]);
    assert!(shown.contains(" running ") && !shown.contains("cut off"), "{shown}");
    assert!(text(&repo, &["loop", "graph", "--tasks"]).contains(" running"));
    drop(lock);
    for view in [&["logs"][..], &["graph"], &["graph", "--tasks"]] {
        let shown = text(&repo, &[&["loop"][..], view].concat());
        assert!(shown.contains("cut off") && !shown.contains(" running"), "{view:?}: {shown}");
    }
}

#[test]
fn a_run_whose_journal_was_emptied_is_shown_from_its_other_files() {
    let repo = TestRepo::new();
    let run = journal::every_outcome();
    let mut folder = put(&repo, &run);
    let view = RunView::of(run.entries());
    for name in [files::RUN, files::MANIFEST] {
        folder.write(name, files::render(&view, name).unwrap().as_bytes()).unwrap();
    }
    fs::write(folder.path().join("events.jsonl"), "").unwrap();
    let summary = hew(&repo, &["loop", "summary"]);
    assert!(stderr(&summary).contains("events.jsonl: its beginning is gone"), "{summary:?}");
    assert!(!stdout(&summary).contains("not written anything"), "{summary:?}");
    assert!(stdout(&summary).contains("max_iter (exit code 3)"), "{summary:?}");
}

#[test]
fn a_picture_of_all_runs_where_there_are_none_is_an_error() {
    let repo = TestRepo::new();
    let output = hew(&repo, &["loop", "graph", "--all", "--out", "all.svg"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(stderr(&output).contains("this project has no runs yet"), "{output:?}");
    assert!(!repo.root().join("all.svg").exists());
}

#[test]
fn a_ledger_with_a_broken_line_says_how_to_go_on() {
    let repo = TestRepo::new();
    let path = repo.common_dir().join("hew/runs.jsonl");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, "{garbage\n").unwrap();
    for words in
        [&["loop", "resume"][..], &["loop", "deliver"], &["loop", "run", "--scope", "ready"], &["doctor"]]
    {
        let output = hew(&repo, words);
        let told = format!("{}{}", String::from_utf8_lossy(&output.stdout), stderr(&output));
        let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
        let way_out = format!("take that line out of {}, or mend it", path.display());
        assert!(!output.status.success() && told.contains(&way_out), "{words:?}: {told}");
    }
}

#[test]
fn summary_is_for_the_newest_run_or_the_one_that_is_named() {
    let repo = TestRepo::new();
    let runs = four_runs(&repo);
    let newest = text(&repo, &["loop", "summary"]);
    assert!(newest.starts_with(&format!("hew run {}  crashed", runs[3].run_id())), "{newest}");
    let named = text(&repo, &["loop", "summary", "--run-id", runs[0].run_id().as_str()]);
    assert!(named.contains("  delivered   main is at 00c10053"), "{named}");
    assert!(named.contains(&format!("logs: {}", repo.root().join(".hew/loop").display())), "{named}");
    let wrong = hew(&repo, &["loop", "summary", "--run-id", "loop-20000101T000000Z-00000001"]);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(stderr(&wrong).contains("the nearest is loop-"), "{wrong:?}");
}

#[test]
fn summary_figures_for_programs_are_those_of_the_journal() {
    let repo = TestRepo::new();
    put(&repo, &journal::every_outcome());
    let value = json_lines(&text(&repo, &["loop", "summary", "--json"])).remove(0);
    assert_eq!(value["outcomes"]["closed"], 3);
    assert_eq!(value["landed"], json!({"tasks": 3, "commits": 3, "files": 6, "added": 30, "removed": 9}));
    assert_eq!(value["tasks"].as_array().unwrap().len(), 11);
    let coloured = text(&repo, &["loop", "summary", "--color", "always"]);
    assert!(coloured.contains("\u{1b}["), "colour where it is asked for");
    let plain = text(&repo, &["loop", "summary"]);
    assert!(!plain.contains('\u{1b}') && !plain.contains('\u{202e}'), "nothing else reaches the screen");
}

#[test]
fn the_graph_has_colour_where_it_is_seen() {
    let repo = TestRepo::new();
    put(&repo, &journal::every_path());
    let plain = text(&repo, &["loop", "graph"]);
    assert!(!plain.contains('\u{1b}') && plain.contains("worker 0"), "{plain}");
    let coloured = text(&repo, &["loop", "graph", "--color", "always"]);
    assert!(coloured.contains("\u{1b}[32m✓"), "{coloured}");
    assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), plain);
    let forced = repo.hew(&["loop", "graph"]).env("CLICOLOR_FORCE", "1").output().unwrap();
    assert_eq!(stdout(&forced), coloured);
    let page = repo.base().join("graph.txt");
    text(&repo, &["--color", "always", "loop", "graph", "--out", page.to_str().unwrap()]);
    assert_eq!(fs::read_to_string(page).unwrap(), plain);
}

#[test]
fn a_look_makes_no_tracker() {
    let repo = TestRepo::new();
    put(&repo, &journal::every_path());
    let page = repo.base().join("report.html");
    let store = repo.root().join(".git/hew/tracker");
    let looks: [&[&str]; 4] = [
        &["loop", "graph", "--tasks"],
        &["loop", "report", "--out", page.to_str().unwrap()],
        &["loop", "run", "--dry-run", "--scope", "ready", "--runtime", "stub", "--no-gate"],
        &["doctor"],
    ];
    for words in looks {
        let looked = hew(&repo, words);
        assert!(!stderr(&looked).contains("tracker"), "{words:?}: {looked:?}");
        assert!(!store.exists(), "{words:?}: {looked:?}");
    }
    // One that can't be looked at is none that is not there.
    fs::create_dir_all(store.parent().unwrap()).unwrap();
    fs::write(&store, "").unwrap();
    let looked = hew(&repo, &["loop", "graph", "--tasks"]);
    assert!(stderr(&looked).contains("the tracker was not asked for dependencies"), "{looked:?}");
}

#[test]
fn views_work_from_a_subfolder_and_from_inside_a_worktree() {
    let repo = TestRepo::new();
    let run = journal::every_outcome();
    put(&repo, &run);
    let tree = repo.base().join("tree");
    repo.git(&["worktree", "add", "--quiet", tree.to_str().unwrap(), "-b", "side"]);
    fs::create_dir(repo.root().join("sub")).unwrap();
    for folder in [tree, repo.root().join("sub")] {
        let output = repo.hew_in(&folder, &["loop", "list"]).output().unwrap();
        assert!(stdout(&output).contains(run.run_id().as_str()), "{}", folder.display());
    }
}

#[test]
fn a_torn_or_broken_journal_is_shown_as_far_as_it_can_be_read_and_what_can_not_is_named() {
    let repo = TestRepo::new();
    let run = journal::every_outcome();
    let folder = put(&repo, &run);
    let path = folder.path().join("events.jsonl");
    let whole = fs::read_to_string(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 9]).unwrap();
    let torn = hew(&repo, &["loop", "summary"]);
    assert!(stdout(&torn).contains("crashed"), "{torn:?}");
    assert!(stderr(&torn).contains("the last line is torn"), "{torn:?}");
    fs::write(&path, whole.replacen("\"kind\":\"baseline\"", "\"kind\":\"base", 1)).unwrap();
    let views: [&[&str]; 5] =
        [&["summary"], &["status"], &["graph"], &["logs"], &["report", "--out", "page.html"]];
    for view in views {
        let broken = hew(&repo, &[&["loop"][..], view].concat());
        assert_eq!(broken.status.code(), Some(0), "{broken:?}");
        let warning = stderr(&broken).contains("events.jsonl: line 2: ");
        assert!(warning && stderr(&broken).contains("left out"), "{broken:?}");
    }
    let summary = stdout(&hew(&repo, &["loop", "summary"]));
    assert!(summary.contains(run.run_id().as_str()) && summary.contains("iterations"), "{summary}");
    let list = hew(&repo, &["loop", "list"]);
    assert!(stdout(&list).contains(run.run_id().as_str()), "{list:?}");
}

#[test]
fn logs_filter_by_worker_iteration_task_and_tail() {
    let repo = TestRepo::new();
    put(&repo, &journal::every_outcome());
    let cases: [(&[&str], usize); 6] = [
        (&[], 12),
        (&["--worker", "1"], 5),
        (&["--iter", "1"], 3),
        (&["--task", "app-2"], 2),
        (&["--worker", "1", "--iter", "2"], 1),
        (&["--tail", "4"], 4),
    ];
    for (filter, expected) in cases {
        let args = [&["loop", "logs", "--json"], filter].concat();
        assert_eq!(json_lines(&text(&repo, &args)).len(), expected, "{filter:?}");
    }
    let last = json_lines(&text(&repo, &["loop", "logs", "--json", "--tail", "1"])).remove(0);
    assert_eq!(
        (&last["kind"], &last["task"], &last["outcome"]),
        (&json!("iteration"), &json!("app-11"), &json!("cancelled"))
    );
    let table = text(&repo, &["loop", "logs", "--task", "app-2"]);
    assert!(table.contains("w1      iter-002  app-2  closed"), "{table}");
}

#[test]
fn a_transcript_is_readable_text() {
    let repo = TestRepo::new();
    let run = journal::every_outcome();
    let folder = put(&repo, &run);
    put_transcript(&folder, &run, iteration(1, 1), &["first try", "evil \u{1b}[2J"]);
    put_transcript(&folder, &run, iteration(1, 2), &["second try"]);
    let one = text(&repo, &["loop", "logs", "--transcript", "--worker", "1", "--iter", "1"]);
    let lines: Vec<&str> = one.lines().skip(1).collect();
    assert_eq!(lines, ["── shell starts ──", "first try", r"evil \u{1b}[2J", "── ended: exit code 0 ──"]);
    let both = text(&repo, &["loop", "logs", "--transcript", "--task", "app-2"]);
    assert!(both.contains("w1/iter-001 app-2") && both.contains("second try"), "{both}");
    let tail = text(&repo, &["loop", "logs", "--transcript", "--worker", "1", "--iter", "1", "--tail", "2"]);
    assert_eq!(tail.lines().skip(1).collect::<Vec<_>>(), lines[2..]);
    let json =
        json_lines(&text(&repo, &["loop", "logs", "--transcript", "--iter", "2", "--worker", "1", "--json"]));
    assert_eq!((&json[1]["kind"], &json[1]["record"]), (&json!("transcript"), &said_record("second try")));
    let none = hew(&repo, &["loop", "logs", "--transcript", "--task", "app-1"]);
    assert_eq!(none.status.code(), Some(1));
}

#[test]
fn a_task_that_the_run_does_not_know_is_named_with_those_that_it_knows() {
    let repo = TestRepo::new();
    put(&repo, &journal::every_outcome());
    for more in [&[][..], &["--transcript"], &["--follow"], &["--json"]] {
        let output = hew(&repo, &[&["loop", "logs", "--task", "app-22"], more].concat());
        let told = stderr(&output) + &String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(1), "{more:?}: {told}");
        assert!(told.contains("has no iteration of task app-22"), "{told}");
        assert!(told.contains("app-1, app-10, app-11, app-2"), "{told}");
        assert!(told.contains("--task app-2"), "what was most likely meant: {told}");
    }
}

#[test]
fn iterations_and_workers_that_the_run_does_not_have_are_an_error_too() {
    let repo = TestRepo::new();
    put(&repo, &journal::every_outcome());
    let cases: [(&[&str], &str, &str); 4] = [
        (&["--worker", "9"], "has no iteration of worker w9", "its workers are w0, w1, w2"),
        (&["--iter", "99"], "has no iteration 99", "its iterations are 1 to "),
        (&["--worker", "1", "--iter", "99"], "has no iteration 99 of worker w1", "its iterations are 1 to 5"),
        (
            &["--task", "app-2", "--worker", "0"],
            "has no iteration of task app-2 by worker w0",
            "hew loop logs",
        ),
    ];
    for (filter, expected, there) in cases {
        for more in [&[][..], &["--transcript"], &["--follow"], &["--json"]] {
            let output = hew(&repo, &[&["loop", "logs"], filter, more].concat());
            let told = stderr(&output) + &String::from_utf8_lossy(&output.stdout);
            assert_eq!(output.status.code(), Some(1), "{filter:?} {more:?}: {told}");
            assert!(told.contains(expected) && told.contains(there), "{filter:?} {more:?}: {told}");
        }
    }
}

#[test]
fn a_transcript_of_every_try_is_shown_once() {
    let repo = TestRepo::new();
    let mut run = JournalBuilder::launch(1, 5);
    let id = iteration(0, 1);
    run.start(id, "app-1", "One", 1).spawn(id).spawn(id);
    let folder = put(&repo, &run);
    let last = put_transcript(&folder, &run, id, &["second try"]);
    let first = last.with_file_name("transcript.try-1.jsonl");
    fs::write(&first, format!("{}\n", said_record("first try"))).unwrap();
    let shown = text(&repo, &["loop", "logs", "--transcript"]);
    let at = |words: &str| shown.find(words).unwrap_or_else(|| panic!("{words} is not in {shown}"));
    assert!(at("first try") < at("second try"));
    let followed = text(&repo, &["loop", "logs", "--transcript", "--follow"]);
    assert_eq!(followed.matches("second try").count(), 1, "{followed}");
}

#[test]
fn following_one_iteration_ends_with_it() {
    let repo = TestRepo::new();
    let mut run = JournalBuilder::launch(2, 5);
    run.whole(iteration(1, 1), "app-1", "One");
    let folder = put(&repo, &run);
    put_transcript(&folder, &run, iteration(1, 1), &["said"]);
    let _lock = ProjectLock::acquire(&repo.common_dir().join("hew"), run.run_id()).unwrap();
    let only = ["loop", "logs", "--follow", "--worker", "1", "--iter", "1"];
    assert!(text(&repo, &only).contains("app-1  closed"));
    assert!(text(&repo, &[&only[..], &["--transcript"]].concat()).contains("said"));
}

#[test]
fn following_ends_when_nobody_reads_any_more() {
    let repo = TestRepo::new();
    let mut run = JournalBuilder::launch(1, 5);
    run.whole(iteration(0, 1), "app-1", "One");
    put(&repo, &run);
    let _lock = ProjectLock::acquire(&repo.common_dir().join("hew"), run.run_id()).unwrap();
    let mut follow = repo.hew(&["loop", "logs", "--follow"]);
    let mut child = follow.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.next().unwrap().contains("app-1  closed"));
    drop(lines);
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
}

#[test]
fn following_shows_what_comes_and_ends_with_the_run() {
    let repo = TestRepo::new();
    let mut run = JournalBuilder::launch(1, 5);
    run.whole(iteration(0, 1), "app-1", "One");
    let mut folder = put(&repo, &run);
    let _lock = ProjectLock::acquire(&repo.common_dir().join("hew"), run.run_id()).unwrap();
    let mut child = repo.hew(&["loop", "logs", "--follow"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.next().unwrap().contains("app-1  closed"));
    let mut add = |run: &JournalBuilder, from: usize| folder.append(&run.entries()[from..]).unwrap();
    let seen = run.entries().len();
    run.whole(iteration(0, 2), "app-2", "Two");
    add(&run, seen);
    assert!(lines.next().unwrap().contains("app-2  closed"));
    let seen = run.entries().len();
    run.deliver_and_end();
    add(&run, seen);
    assert_eq!(lines.next(), None);
    assert!(child.wait().unwrap().success());
}

#[test]
fn on_a_narrow_terminal_titles_make_room_for_what_stands_beside_them() {
    let repo = TestRepo::new();
    let mut run = JournalBuilder::launch(2, 6);
    let title = "a title that is a good deal wider than any narrow terminal";
    run.whole(iteration(0, 1), "app-1", title).whole(iteration(1, 1), "app-2", "short").deliver_and_end();
    put(&repo, &run);
    for view in ["logs", "graph"] {
        let lines = stdout(&repo.hew(&["loop", view]).output().unwrap()).lines().count();
        let shown = |columns| {
            let (code, glass) = OnTerminal::start(repo.hew(&["loop", view]), columns).end();
            assert_eq!(code, 0, "{}", glass.text());
            glass.text()
        };
        let (narrow, wide) = (shown(80), shown(200));
        assert_eq!((narrow.lines().count(), wide.lines().count()), (lines, lines), "{narrow}");
        assert!(narrow.contains("a title") && narrow.contains('…'), "{narrow}");
        assert!(wide.contains("a good deal wider"), "{wide}");
    }
}

#[test]
fn following_a_transcript_shows_it_as_it_grows() {
    use std::io::Write as _;
    let repo = TestRepo::new();
    let mut run = JournalBuilder::launch(2, 6);
    let id = iteration(1, 1);
    run.start(id, "app-1", "One", 1).spawn(id);
    let mut folder = put(&repo, &run);
    let transcript = put_transcript(&folder, &run, id, &["one"]);
    let _lock = ProjectLock::acquire(&repo.common_dir().join("hew"), run.run_id()).unwrap();
    let mut child =
        repo.hew(&["loop", "logs", "--follow", "--transcript"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let first: Vec<String> = lines.by_ref().take(4).collect();
    assert_eq!(first[0], "w1/iter-001 app-1 One");
    assert_eq!(first[2], "one");
    let mut file = fs::OpenOptions::new().append(true).open(transcript).unwrap();
    file.write_all(format!("{}\n", said_record("two")).as_bytes()).unwrap();
    assert_eq!(lines.next().unwrap(), "two");
    let seen = run.entries().len();
    run.exit(id, Exit::Code(0), 5).deliver_and_end();
    folder.append(&run.entries()[seen..]).unwrap();
    assert_eq!(lines.next(), None);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_watch_waits_for_the_first_line_of_a_run_that_begins() {
    let repo = TestRepo::new();
    let mut run = JournalBuilder::launch(1, 1);
    let mut folder = RunFolder::create(&repo.root().join(".hew"), run.run_id()).unwrap();
    let _lock = ProjectLock::acquire(&repo.common_dir().join("hew"), run.run_id()).unwrap();
    let mut child = repo.hew(&["loop", "status", "--watch"]).stdout(Stdio::piped()).spawn().unwrap();
    let watches =
        |entry: fs::DirEntry| fs::read_to_string(entry.path()).is_ok_and(|text| text.contains("inotify wd:"));
    let descriptors = PathBuf::from(format!("/proc/{}/fdinfo", child.id()));
    wait_until("a watch on the journal", || {
        let is_over = child.try_wait().unwrap().is_some();
        is_over
            || fs::read_dir(&descriptors).is_ok_and(|mut found| found.any(|entry| entry.is_ok_and(watches)))
    });
    run.whole(iteration(0, 1), "app-1", "One").deliver_and_end();
    folder.append(run.entries()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(stdout(&output).contains("  completed\n"), "{output:?}");
}

#[test]
fn following_a_crashed_run_shows_what_is_there_and_ends() {
    let repo = TestRepo::new();
    put(&repo, &journal::in_the_middle());
    let output = text(&repo, &["loop", "logs", "--follow"]);
    assert_eq!(output.lines().count(), 1, "{output}");
}

#[test]
fn a_graph_is_written_where_it_is_wanted() {
    let repo = TestRepo::new();
    put(&repo, &journal::every_outcome());
    assert!(text(&repo, &["loop", "graph"]).contains("✓"));
    let mermaid = text(&repo, &["loop", "graph", "--format", "mermaid"]);
    assert!(mermaid.starts_with("flowchart TB\n"), "{mermaid}");
    text(&repo, &["loop", "graph", "--format", "mermaid", "--out", "run.md"]);
    assert_eq!(repo.read("run.md").unwrap(), format!("```mermaid\n{mermaid}```\n"));
    text(&repo, &["loop", "graph", "--format", "mermaid", "--out", "run.mmd"]);
    assert_eq!(repo.read("run.mmd").unwrap(), mermaid);
    let absent = hew(&repo, &["loop", "graph", "--out", "no/such/run.txt"]);
    assert_eq!(absent.status.code(), Some(1));
    assert!(stderr(&absent).contains("there is no folder no/such"), "{absent:?}");
}

#[test]
fn a_name_with_an_unknown_ending_needs_a_format_and_a_dash_is_stdout() {
    let repo = TestRepo::new();
    put(&repo, &journal::every_outcome());
    let refused = hew(&repo, &["loop", "graph", "--out", "run.png"]);
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    assert!(stderr(&refused).contains(".dot and .gv, .svg, .json"), "{refused:?}");
    assert_eq!(repo.read("run.png"), None);
    text(&repo, &["loop", "graph", "--format", "dot", "--out", "run.png"]);
    assert!(repo.read("run.png").unwrap().starts_with("digraph hew {"));
    assert_eq!(text(&repo, &["loop", "graph", "--out", "-"]), text(&repo, &["loop", "graph"]));
    assert_eq!(repo.read("-"), None);
}

#[test]
fn a_graphs_format_is_the_one_that_is_named_else_that_of_its_files_name() {
    let repo = TestRepo::new();
    put(&repo, &journal::every_path());
    let begins = [
        ("mermaid", "mmd", "flowchart TB\n"),
        ("dot", "gv", "digraph hew {\n"),
        ("svg", "svg", "<svg xmlns="),
        ("json", "json", "{\"schema\":1,\"kind\":\"graph\","),
        ("ascii", "txt", "loop-20261120T193000Z-00e0e0e0 crashed\n"),
    ];
    for (format, ending, begin) in begins {
        let printed = text(&repo, &["loop", "graph", "--format", format]);
        assert!(printed.starts_with(begin), "{format}: {printed}");
        let file = format!("run.{ending}");
        text(&repo, &["loop", "graph", "--out", &file]);
        assert_eq!(repo.read(&file).unwrap(), printed, "{format}");
    }
    text(&repo, &["loop", "graph", "--format", "dot", "--out", "run.md"]);
    assert!(repo.read("run.md").unwrap().starts_with("digraph hew {"), "only mermaid is fenced");
}

#[test]
fn a_graph_for_programs_has_the_figures_of_every_node() {
    let repo = TestRepo::new();
    put(&repo, &journal::every_path());
    let graph: Value = serde_json::from_str(&text(&repo, &["--json", "loop", "graph"])).unwrap();
    let lanes = graph["clusters"][0]["lanes"].as_array().unwrap();
    let nodes: Vec<&Value> = lanes.iter().flat_map(|lane| lane["nodes"].as_array().unwrap()).collect();
    assert_eq!((lanes.len(), nodes.len()), (3, 14));
    let parser = nodes.iter().find(|node| node["task"] == "app-4").unwrap();
    let expected = json!({"class": "conflict", "worker": 2, "iter": 1, "attempt": 3, "tokens": 54_300,
        "title": "Split the parser",
        "batch": {"number": 1, "source": "agent", "after": {"worker": 0, "iter": 2}}});
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(&parser[field], value, "{field}");
    }
    let verify = &graph["clusters"][0]["nodes"][1];
    assert_eq!(
        (&verify["class"], verify["failed_tests"].as_array().map(Vec::len)),
        (&json!("verify_failed"), Some(3))
    );
    let as_text: Value =
        serde_json::from_str(&text(&repo, &["--json", "loop", "graph", "--format", "dot"])).unwrap();
    assert!(as_text["text"].as_str().unwrap().starts_with("digraph hew {"), "{as_text}");
}

#[test]
fn a_graph_of_all_runs_has_them_all_and_unique_ids() {
    let repo = TestRepo::new();
    let runs = four_runs(&repo);
    let mermaid = text(&repo, &["loop", "graph", "--all", "--format", "mermaid"]);
    for (number, run) in runs.iter().enumerate() {
        assert!(mermaid.contains(&format!("subgraph r{number}[\"{}", run.run_id())), "{mermaid}");
    }
}

#[test]
fn a_graph_of_tasks_has_the_trackers_dependencies() {
    let repo = TestRepo::new();
    put(&repo, &journal::every_outcome());
    let record = |id: &str, on: &[&str]| {
        let edge = |on: &&str| json!({"issue_id": id, "depends_on_id": on, "type": "blocks"});
        let edges: Vec<Value> = on.iter().map(edge).collect();
        let at = "2026-11-20T19:00:00Z";
        let task = json!({"id": id, "title": id, "status": "open", "priority": 2, "issue_type": "task",
                          "created_at": at, "updated_at": at, "dependencies": edges});
        format!("{task}\n")
    };
    let tasks = [record("app-4", &[]), record("app-99", &[]), record("app-12", &["app-4", "app-99"])];
    repo.write("tasks.jsonl", &tasks.concat());
    text(&repo, &["task", "import", "tasks.jsonl"]);
    let graph = text(&repo, &["loop", "graph", "--tasks"]);
    assert!(graph.contains("app-12 Write the manual  not started  after app-4\n"), "{graph}");
    assert!(graph.contains("app-3 Show the settings  closed  landed 00c100550000  after app-1"), "{graph}");
}

#[test]
fn status_shows_what_runs() {
    let repo = TestRepo::new();
    let run = journal::in_the_middle();
    put(&repo, &run);
    let _lock = ProjectLock::acquire(&repo.common_dir().join("hew"), run.run_id()).unwrap();
    let status = text(&repo, &["loop", "status"]);
    assert!(status.contains("landed       1 of 12 tasks in scope"), "{status}");
    assert!(status.contains("w1    app-3  running") && status.contains("attempt 2"), "{status}");
}

#[test]
fn a_closed_pipe_ends_printing_without_a_word() {
    let repo = TestRepo::new();
    put(&repo, &journal::every_outcome());
    let mut child =
        repo.hew(&["loop", "logs"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
}
