//! `hew loop report` through the real binary, on runs whose journals are written by hand.

#![expect(clippy::unwrap_used, reason = "a test says what went wrong by failing")]

mod page_check;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Output;

use chrono::DateTime;
use hew::adapters::lock::ProjectLock;
use hew::adapters::store::RunFolder;
use hew_core::exit::Exit;
use hew_core::ids::IterationId;
use hew_core::record::event::{
    BatchSource, JournalEvent, LeftoverRecord, SkipReason, StopReason, VerifyOutcome,
};
use hew_core::record::view::RowFold;
use hew_core::record::{IterationOutcome, RunState, Store};
use hew_core::render::graph::tasks;
use hew_core::render::report::{self, LogTail, Report};
use hew_core::render::text::visible;
use hew_core::settings::secret::SecretValues;
use hew_core::usage::Usage;
use hew_testkit::journal::{self, HOSTILE_TITLE, JournalBuilder, iteration};
use hew_testkit::repo::TestRepo;
use proptest::prelude::*;
use serde_json::Value;

fn put(repo: &TestRepo, journal: &JournalBuilder) -> RunFolder {
    let mut folder = RunFolder::create(&repo.root().join(".hew"), journal.run_id()).unwrap();
    folder.append(journal.entries()).unwrap();
    folder
}

fn put_log(folder: &RunFolder, journal: &JournalBuilder, id: IterationId, name: &str, text: &str) {
    let path = folder.path().join(journal.iteration_dir(id)).join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn hew(repo: &TestRepo, args: &[&str]) -> Output {
    repo.hew(args).output().unwrap()
}

/// The page of the newest run.
fn page(repo: &TestRepo) -> String {
    let output = hew(repo, &["loop", "report", "--out", "-"]);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn summary(repo: &TestRepo) -> Value {
    let output = hew(repo, &["loop", "summary", "--json"]);
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A run with everything, and logs of it.
fn full_run(repo: &TestRepo) -> JournalBuilder {
    let journal = journal::every_outcome();
    let folder = put(repo, &journal);
    let red = "running 3 tests\n\u{1b}[31mtest parse ... FAILED\u{1b}[0m\n</pre><script>alert(1)</script>\n";
    put_log(&folder, &journal, iteration(1, 1), "gate.log", red);
    put_log(&folder, &journal, iteration(2, 2), "stderr.log", "sh: 1: cross-gcc: not found\n");
    journal
}

#[test]
fn the_page_is_whole_well_formed_and_loads_nothing() {
    let repo = TestRepo::new();
    full_run(&repo);
    let page = page(&repo);
    let root = page_check::parse(&page);
    page_check::assert_self_contained(&page, &root);
    let sections: Vec<&str> = root.all("section").iter().map(|section| section.attr("id").unwrap()).collect();
    let expected = ["answers", "needs", "timeline", "tasks", "failures", "graph", "cost", "settings", "logs"];
    assert_eq!(sections, expected);
    for link in root.all("a") {
        let target = link.attr("href").unwrap().strip_prefix('#').unwrap();
        assert!(root.by_id(target).is_some(), "{target}");
    }
}

#[test]
fn every_figure_is_the_summarys() {
    let repo = TestRepo::new();
    full_run(&repo);
    let (root, summary) = (page_check::parse(&page(&repo)), summary(&repo));
    page_check::assert_figures(&root, &summary);
}

#[test]
fn text_from_outside_is_text() {
    let repo = TestRepo::new();
    full_run(&repo);
    let page = page(&repo);
    let root = page_check::parse(&page);
    assert_eq!(root.all("script").len(), 1);
    let shown = hew_core::render::text::visible(HOSTILE_TITLE);
    let row = root.by_id("tasks").unwrap().all("tr");
    assert!(row.iter().any(|row| row.text().contains(&shown)), "{shown}");
    let log = root.by_id("failures").unwrap().all("pre").iter().map(|node| node.text()).collect::<String>();
    assert!(log.contains("test parse ... FAILED\n</pre><script>alert(1)</script>\n"), "{log}");
    assert!(log.contains("cross-gcc: not found"), "{log}");
}

#[test]
fn secrets_are_left_out() {
    let repo = TestRepo::new();
    let journal = journal::every_outcome();
    let folder = put(&repo, &journal);
    put_log(&folder, &journal, iteration(1, 1), "gate.log", "login with hunter2-hunter2 <failed>\n");
    let output =
        repo.hew(&["loop", "report", "--out", "-"]).env("TEST_API_KEY", "hunter2-hunter2").output().unwrap();
    let page = String::from_utf8(output.stdout).unwrap();
    assert!(page.contains("login with (left out) &lt;failed&gt;"), "{page}");
    assert!(!page.contains("hunter2"));
}

#[test]
fn what_can_not_be_read_is_told_in_the_page_and_beside_it() {
    let repo = TestRepo::new();
    let journal = journal::every_outcome();
    let folder = put(&repo, &journal);
    let file = journal.iteration_dir(iteration(1, 1)) + "/gate.log";
    // A folder can be opened as a log, but not read.
    fs::create_dir_all(folder.path().join(&file)).unwrap();
    repo.write(".hew.toml", "this is no setting");
    let output = hew(&repo, &["loop", "report", "--out", "-"]);
    let said = String::from_utf8(output.stderr).unwrap();
    let root = page_check::parse(&String::from_utf8(output.stdout).unwrap());
    let answers = root.by_id("answers").unwrap().text();
    for told in [format!("{file} can't be read"), "settings can't be read now".to_owned()] {
        let times = (answers.matches(&told).count(), said.matches(&told).count());
        assert_eq!(times, (1, 1), "{told}: {answers}\n{said}");
    }
    assert_eq!(said.matches("the tracker was not asked").count(), 1, "{said}");
}

#[test]
fn a_log_of_a_run_of_one_worker_that_can_not_be_read_is_told_once() {
    let repo = TestRepo::new();
    let mut journal = JournalBuilder::launch(1, 1);
    let id = iteration(0, 1);
    journal.start(id, "app-1", "Red", 1).spawn(id).exit(id, Exit::Code(0), 1500).collect(id);
    journal.gate(id, Exit::Code(101));
    journal.end(id, "app-1", IterationOutcome::BackpressureFail, "gate red");
    let folder = put(&repo, &journal);
    let file = journal.iteration_dir(id) + "/gate.log";
    fs::create_dir_all(folder.path().join(&file)).unwrap();
    let said = hew(&repo, &["loop", "report", "--out", "-"]).stderr;
    let said = String::from_utf8(said).unwrap();
    assert_eq!(said.matches(&format!("{file} can't be read")).count(), 1, "{said}");
}

#[test]
fn a_run_in_flight_and_a_crashed_one_say_so() {
    let repo = TestRepo::new();
    let run = journal::in_the_middle();
    put(&repo, &run);
    let heading = |page: &str| {
        let root = page_check::parse(page);
        page_check::assert_figures(&root, &summary(&repo));
        root.by_id("answers").unwrap().text()
    };
    assert!(heading(&page(&repo)).contains("Its process is gone"));
    let lock = ProjectLock::acquire(&repo.common_dir().join("hew"), run.run_id()).unwrap();
    assert!(heading(&page(&repo)).contains("It goes on; this page shows it as of"));
    drop(lock);
}

#[test]
fn every_beginning_of_a_run_makes_a_page() {
    let repo = TestRepo::new();
    let journal = journal::every_outcome();
    let folder = put(&repo, &journal);
    for cut in [1, 2, 3, 5, 9, 20, 40] {
        let text = hew_testkit::journal::to_jsonl(&journal.entries()[..cut]);
        fs::write(folder.path().join("events.jsonl"), text).unwrap();
        let page = page(&repo);
        let root = page_check::parse(&page);
        page_check::assert_self_contained(&page, &root);
        page_check::assert_figures(&root, &summary(&repo));
    }
}

#[test]
fn the_file_is_replaced_whole_and_named() {
    let repo = TestRepo::new();
    let journal = full_run(&repo);
    let out = repo.base().join("report.html");
    fs::write(&out, "old").unwrap();
    fs::set_permissions(&out, fs::Permissions::from_mode(0o640)).unwrap();
    let run = ["loop", "report", "--run-id", journal.run_id().as_str(), "--out", out.to_str().unwrap()];
    let output = hew(&repo, &run);
    assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with(&format!("wrote {}, ", out.display())), "{said}");
    let written = fs::read_to_string(&out).unwrap();
    page_check::parse(&written);
    assert_eq!(fs::metadata(&out).unwrap().permissions().mode() & 0o777, 0o640);
    let output = hew(&repo, &[&["--json"], &run[..]].concat());
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&said["schema"], &said["kind"]), (&Value::from(1), &Value::from("report")));
    assert_eq!(said["run_id"], journal.run_id().as_str());
    assert_eq!(said["file"], out.to_str().unwrap());
    assert_eq!(said["bytes"], fs::metadata(&out).unwrap().len());
    let left: Vec<_> = fs::read_dir(repo.base()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains(".tmp")), "{left:?}");
}

#[test]
fn wrong_places_are_named_and_nothing_is_harmed() {
    let repo = TestRepo::new();
    let said = |args: &[&str]| {
        let output = hew(&repo, args);
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    assert!(said(&["loop", "report", "--out", "x.html"]).1.contains("no runs yet"));
    full_run(&repo);
    let (code, error) = said(&["loop", "report"]);
    assert!(code == 2 && error.contains("--out <PATH>"), "{error}");
    let (code, error) = said(&["loop", "report", "--out", "no/such/report.html"]);
    assert_eq!(code, 1);
    assert!(error.contains("there is no folder no/such\n  next: mkdir -p no/such"), "{error}");
    let (code, error) = said(&["loop", "report", "--out", "."]);
    assert!(code == 1 && error.contains(". can't be written"), "{error}");
    let (code, error) = said(&["loop", "report", "--run-id", "loop-1", "--out", "x.html"]);
    assert!(code == 1 && error.contains("no run loop-1"), "{error}");
    let output = hew(&repo, &["--json", "loop", "report", "--out", "-"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(!repo.root().join("x.html").exists() && !repo.root().join("-").exists());
    assert_eq!(said(&["loop", "report", "--out", "/dev/null"]).0, 0);
    assert!(!fs::metadata("/dev/null").unwrap().is_file());
}

#[test]
fn a_long_night_has_every_figure_and_stays_small() {
    let repo = TestRepo::new();
    put(&repo, &journal::night(16, 1200));
    let page = page(&repo);
    let root = page_check::parse(&page);
    page_check::assert_self_contained(&page, &root);
    page_check::assert_figures(&root, &summary(&repo));
    let shapes = root.by_id("timeline").unwrap().find(&|node| node.attr("data-v").is_none()).len();
    assert!(shapes < 6000, "{shapes}");
    assert!(page.len() < 1200 * 1000, "{}", page.len());
    assert_eq!(root.by_id("failures").unwrap().all("details").len(), 40);
}

/// A page of a run whose every text is this one.
fn page_of(text: &str) -> String {
    let mut journal = JournalBuilder::launch(2, 5);
    let id = iteration(0, 1);
    journal.start(id, text, text, 1).spawn(id).exit(id, Exit::Code(1), 10);
    journal.end(id, text, IterationOutcome::NoClose, text);
    journal.push(JournalEvent::Noticed { about: None, text: text.to_owned() });
    let left = LeftoverRecord { task: text.into(), title: text.to_owned(), why: text.to_owned() };
    journal.run_ended(StopReason::ReadyEmpty, 1, vec![left], vec![text.to_owned()]);
    let mut fold = RowFold::default();
    journal.entries().iter().for_each(|entry| fold.apply(entry));
    let (view, rows) = fold.finish();
    let tail = LogTail { file: text.to_owned(), text: text.to_owned(), bytes_before: 7 };
    let report = Report {
        view: &view,
        rows: &rows,
        state: RunState::Completed,
        folder: text,
        made_at: DateTime::UNIX_EPOCH,
        tasks: &tasks::graph(&[&report::drawn(&view)], &[]),
        logs: &[(id, vec![tail])].into(),
        verify_log: None,
        secrets: &SecretValues::default(),
        gaps: &[text.to_owned()],
    };
    let mut page = String::new();
    report.write(&mut page).unwrap();
    page
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_text_becomes_markup(text in "(\\PC|[<>&\"'\u{1b}\u{202e}\n/-]|</script>|<!--|-->|&lt;){1,12}") {
        let page = page_of(&text);
        let root = page_check::parse(&page);
        page_check::assert_self_contained(&page, &root);
        prop_assert_eq!(root.all("script").len(), 1);
        let shown = visible(&text);
        let row = root.by_id("row-0").unwrap();
        prop_assert_eq!(row.all("code")[0].text(), shown.clone());
        prop_assert!(root.by_id("needs").unwrap().text().contains(&shown));
        let reason = root.by_id("failures").unwrap().find(&|node| node.attr("class") == Some("why"));
        prop_assert_eq!(reason[0].text(), shown);
    }
}

#[test]
fn plans_and_the_check_at_the_end_are_shown() {
    let repo = TestRepo::new();
    let mut journal = JournalBuilder::launch(2, 6);
    let (first, second) = (iteration(0, 1), iteration(1, 1));
    journal.whole(first, "app-1", "One").whole(second, "app-2", "Two");
    let planned = |number, source, tasks: &[&str], reason, tokens| JournalEvent::BatchPlanned {
        number,
        iteration: first,
        source,
        task_ids: tasks.iter().map(|task| (*task).into()).collect(),
        dropped: Vec::new(),
        reason,
        detail: None,
        planner_tokens: tokens,
        cost_usd: None,
        cost_source: None,
    };
    let used = Usage { input: 1200, output: 34, ..Usage::default() };
    journal.push(planned(1, BatchSource::Agent, &["app-2", "app-3"], None, None));
    journal.push(planned(2, BatchSource::Skipped, &[], Some(SkipReason::ParseError), Some(used)));
    let outcome = VerifyOutcome::Failed {
        command: "cargo test".to_owned(),
        exit_code: 101,
        duration_secs: 2.0,
        stderr_tail: "test sums ... FAILED".to_owned(),
    };
    let (sha, failed_tests) = (journal::launch_commit(), vec!["sums".to_owned()]);
    journal.push(JournalEvent::Verified { sha, outcome, failed_tests, log: None });
    journal.run_ended(StopReason::ReadyEmpty, 1, Vec::new(), Vec::new());
    put(&repo, &journal);
    let root = page_check::parse(&page(&repo));
    page_check::assert_figures(&root, &summary(&repo));
    let plans = root.by_id("plans").unwrap().text();
    assert!(plans.contains("1 plan by agents, 0 by the planner; 1 time the planner said nothing"), "{plans}");
    assert!(plans.contains("app-2, app-3") && plans.contains("parse error"), "{plans}");
    let short = root.by_id("answers").unwrap().text();
    assert!(short.contains("The check of the whole at the end: red: "), "{short}");
    let log = root.by_id("failures").unwrap().all("pre")[0].text();
    assert_eq!(log, "test sums ... FAILED\n");
}
