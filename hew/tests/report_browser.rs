//! The page of `hew loop report` in a real browser: people can use it, it loads nothing, it is whole without JavaScript.

#![expect(clippy::unwrap_used, reason = "a test says what went wrong by failing")]

use std::fs;
use std::path::PathBuf;

use hew::adapters::store::RunFolder;
use hew_core::record::Store;
use hew_testkit::browser::{Browser, PageVisit, pictures, script};
use hew_testkit::journal::{self, JournalBuilder, iteration};
use hew_testkit::repo::TestRepo;
use serde_json::{Value, json};

/// The page of a run.
fn page(repo: &TestRepo, journal: &JournalBuilder) -> PathBuf {
    let mut folder = RunFolder::create(&repo.root().join(".hew"), journal.run_id()).unwrap();
    folder.append(journal.entries()).unwrap();
    for id in [iteration(1, 1), iteration(2, 1)] {
        let log = folder.path().join(journal.iteration_dir(id)).join("gate.log");
        fs::create_dir_all(log.parent().unwrap()).unwrap();
        fs::write(log, "running 3 tests\ntest parse ... FAILED\n".repeat(20)).unwrap();
    }
    let file = repo.base().join("report.html");
    let output = repo.hew(&["loop", "report", "--out", file.to_str().unwrap()]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    file
}

fn visit(journal: &JournalBuilder, name: &str, word: &str) -> Option<Value> {
    let browser = Browser::find()?;
    let repo = TestRepo::new();
    let file = page(&repo, journal);
    let visit = PageVisit {
        file: file.clone(),
        screenshots: Some(pictures(name)),
        drive: Some(script("report.mjs")),
        given: json!({ "word": word }),
    };
    let opened = browser.open(&visit);
    assert_eq!(opened.violations, []);
    assert_eq!(opened.console, [""; 0]);
    let own = format!("file://{}", file.display());
    let foreign: Vec<&String> = opened.requests.iter().filter(|request| **request != own).collect();
    assert_eq!(foreign, Vec::<&String>::new(), "the page needs nothing but itself");
    let lines = |text: &str| text.lines().map(str::trim).filter(|line| !line.is_empty()).count();
    let (with, without) = (lines(&opened.texts.script), lines(&opened.texts.plain));
    assert!(without + 2 >= with, "without JavaScript something is missing: {without} lines of {with}");
    for word in ["What happened?", "Needs you", "Timeline", "Tasks", "Failures", "Settings", "Logs"] {
        assert!(opened.texts.plain.contains(word), "{word}");
    }
    Some(opened.driven)
}

#[test]
fn a_run_with_every_outcome_can_be_read_by_everybody() {
    let Some(driven) = visit(&journal::every_outcome(), "report-every-outcome", "app-4 conflict") else {
        return;
    };
    assert_eq!((&driven["all"], &driven["filtered"]), (&json!(11), &json!(1)));
    assert_eq!(driven["focused"], "Skip to the content");
    assert_eq!((&driven["sorted"][0], &driven["sorted"][1]), (&json!("app-4"), &json!("app-2")));
    assert_eq!(driven["hash"], "#row-0");
    assert_eq!(driven["paper"], 2, "what is closed on the screen is open on paper");
}

#[test]
fn a_night_can_be_read_by_everybody() {
    let Some(driven) = visit(&journal::night(4, 120), "report-night", "timed out") else { return };
    let [all, filtered] = ["all", "filtered"].map(|name| driven[name].as_u64().unwrap());
    assert!(0 < filtered && filtered < all, "{driven}");
}

#[test]
fn ten_thousand_iterations_open_at_once() {
    let Some(browser) = Browser::find() else { return };
    let repo = TestRepo::new();
    let file = page(&repo, &journal::night(16, 10_000));
    let opened = browser.run(&script("load.mjs"), &json!({ "file": file }));
    let bytes = fs::metadata(&file).unwrap().len();
    eprintln!("10,000 iterations: {} ms, {} elements, {bytes} bytes", opened["load_ms"], opened["elements"]);
    assert_eq!(opened["console"], json!([]));
    assert!(opened["elements"].as_u64().unwrap() < 200_000, "{}", opened["elements"]);
}
