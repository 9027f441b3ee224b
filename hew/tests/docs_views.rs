//! What docs/loop.md shows of commands is what they print, on one fixed run. `HEW_BLESS=1 cargo test -p hew --test
//! docs_views` writes it.
//!
//! An example stands between `<!-- shown: COMMAND -->` and `<!-- end -->`; `| head -n N` cuts it. The settings of the
//! project are the first block of TOML on the page.

#![expect(clippy::unwrap_used, reason = "what a test relies on and is not there ends it")]

use std::fs;
use std::path::Path;

use chrono::TimeDelta;
use hew::adapters::recorder::Recorder;
use hew::adapters::store::RunFolder;
use hew_core::record::{RunState, RunView, Store};
use hew_core::render::live::Signs;
use hew_core::render::status::{self, Seen};
use hew_testkit::documented_run;
use hew_testkit::repo::TestRepo;

const BEGIN: &str = "<!-- shown: ";
const END: &str = "<!-- end -->";

/// A project with the tasks, the settings and the run of the page.
fn project(page: &str) -> TestRepo {
    let repo = TestRepo::at("app");
    let settings = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    repo.write(".hew.toml", settings);
    repo.commit("Start");
    repo.write("tasks.jsonl", &documented_run::tasks());
    let imported = repo.hew(&["task", "import", "tasks.jsonl"]).output().unwrap();
    assert!(imported.status.success(), "{imported:?}");
    let run = documented_run::whole();
    let mut folder = RunFolder::create(&repo.root().join(".hew"), run.run_id()).unwrap();
    folder.append(run.entries()).unwrap();
    let recorder = Recorder::start(Box::new(RunFolder::open(folder.path())), RunView::new());
    recorder.record(run.entries());
    assert_eq!(recorder.finish(), []);
    let (id, transcript) = documented_run::transcript();
    let place = folder.path().join(run.iteration_dir(id)).join("transcript.jsonl");
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    fs::write(place, transcript).unwrap();
    repo
}

/// The run in its first minutes: a status of it can't be asked for from outside without telling its age.
fn early_status() -> String {
    let run = documented_run::early();
    let view = RunView::of(run.entries());
    let now = run.entries().last().unwrap().at + TimeDelta::seconds(20);
    let seen = Seen { state: RunState::Running, signs: &Signs::default(), now };
    anstream::adapter::strip_str(&status::text(&view, seen, 80)).to_string()
}

/// What a command prints, folders named as those of the run's owner.
fn shown(repo: &TestRepo, command: &str) -> String {
    if command == "hew loop status" {
        return early_status();
    }
    let words: Vec<&str> = command.split_whitespace().skip(1).collect();
    let output = repo.hew(&words).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    // An example may show how something is said not to go on.
    assert!(output.status.code().is_some_and(|code| code < 2), "{command}: {said}");
    let text = String::from_utf8(output.stdout).unwrap() + &said;
    text.replace(&repo.base().display().to_string(), "/home/ada")
}

/// The block that shows a command.
fn block(repo: &TestRepo, line: &str) -> String {
    let (command, most) = match line.split_once(" | head -n ") {
        Some((command, count)) => (command, count.trim().parse().unwrap()),
        None => (line, usize::MAX),
    };
    let text = shown(repo, command);
    let is_cut = text.lines().count() > most;
    let mut lines: Vec<&str> = text.lines().take(most).map(str::trim_end).collect();
    if is_cut {
        lines.push("[…]");
    }
    let language = if command.contains("mermaid") && !is_cut { "mermaid" } else { "text" };
    let asked = if language == "mermaid" { String::new() } else { format!("$ {command}\n") };
    format!("```{language}\n{asked}{}\n```\n", lines.join("\n"))
}

/// The page with its examples made anew.
fn made_anew(page: &str, repo: &TestRepo) -> String {
    let mut out = String::new();
    let mut rest = page;
    while let Some((before, after)) = rest.split_once(BEGIN) {
        let (command, after) = after.split_once(" -->\n").expect("a marker ends on its line");
        let (_, after) = after.split_once(END).expect("an example has an end");
        out.extend([before, BEGIN, command, " -->\n", &block(repo, command), END]);
        rest = after;
    }
    out + rest
}

#[test]
fn what_the_page_on_runs_shows_is_what_is_printed() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/loop.md");
    let page = fs::read_to_string(&path).unwrap();
    let repo = project(&page);
    let wanted = made_anew(&page, &repo);
    if std::env::var_os("HEW_BLESS").is_some() {
        fs::write(&path, &wanted).unwrap();
        return;
    }
    assert!(page.matches(BEGIN).count() > 8, "the page shows nothing any more");
    if page != wanted {
        let differing = page.lines().zip(wanted.lines()).find(|(found, wanted)| found != wanted);
        panic!(
            "docs/loop.md is not up to date; run `HEW_BLESS=1 cargo test -p hew --test docs_views`; first: {differing:?}"
        );
    }
}
