//! Graphs as other programs read them: the real mermaid and Graphviz, and a browser for SVG. Pictures for people are in
//! `pictures` in the target folder.

#![expect(clippy::unwrap_used, reason = "a test says what went wrong by failing")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use hew::adapters::store::RunFolder;
use hew_core::record::Store;
use hew_core::render::table::cut;
use hew_core::render::text::visible_line;
use hew_testkit::browser::{self, Browser, Mermaid};
use hew_testkit::journal::{self, HOSTILE_TITLES, JournalBuilder};
use hew_testkit::repo::TestRepo;

/// A project with these runs.
fn project(runs: &[JournalBuilder]) -> TestRepo {
    let repo = TestRepo::new();
    for journal in runs {
        let mut folder = RunFolder::create(&repo.root().join(".hew"), journal.run_id()).unwrap();
        folder.append(journal.entries()).unwrap();
    }
    repo
}

/// Each picture that is tried, by name: the project, and what is asked of it.
fn pictures() -> Vec<(&'static str, TestRepo, &'static [&'static str])> {
    let every = || project(&[journal::every_path()]);
    let hostile = || project(&[journal::with_titles(&HOSTILE_TITLES)]);
    let many = project(&[journal::every_path(), journal::in_the_middle(), JournalBuilder::launch(2, 1)]);
    vec![
        ("run", every(), &[]),
        ("tasks", every(), &["--tasks"]),
        ("titles", hostile(), &[]),
        ("titles-tasks", hostile(), &["--tasks"]),
        ("all", many, &["--all"]),
        ("nothing", project(&[JournalBuilder::launch(2, 1)]), &[]),
        ("no-tasks", project(&[JournalBuilder::launch(2, 1)]), &["--tasks"]),
    ]
}

/// Writes the picture into a folder; its name's end says the format.
fn draw(repo: &TestRepo, flags: &[&str], file: &Path) {
    let output = repo.hew(&["loop", "graph", "--out"]).arg(file).args(flags).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn mermaid_draws_every_graph_and_shows_titles_as_they_are() {
    let Some(browser) = Browser::find() else { return };
    let folder = browser::pictures("mermaid");
    let texts: Vec<Mermaid> = pictures()
        .iter()
        .map(|(name, repo, flags)| {
            let file = folder.join(format!("{name}.mmd"));
            draw(repo, flags, &file);
            let text = fs::read_to_string(&file).unwrap();
            Mermaid { name: (*name).to_owned(), text, screenshot: Some(folder.join(format!("{name}.png"))) }
        })
        .collect();
    let drawn = browser.mermaid(&texts);
    for picture in &drawn {
        assert_eq!(picture.error, None, "{}", picture.name);
    }
    // What mermaid would read is taken apart by a blank without width.
    let labels = |name: &str| {
        let picture = drawn.iter().find(|picture| picture.name == name).unwrap();
        squeezed(&picture.labels.concat()).replace('\u{200b}', "")
    };
    for name in ["titles", "titles-tasks"] {
        for (number, title) in (1..).zip(HOSTILE_TITLES) {
            let line = cut(&visible_line(format!("app-{number} {title}").trim_end()), 60);
            assert!(labels(name).contains(&squeezed(&line)), "{name}: {line} in {}", labels(name));
        }
    }
    for words in
        ["agent", "planner", "fallback", "rolled back", "[Cancelled at ", "(no stderr — possibly hung)"]
    {
        assert!(labels("run").contains(words), "{words}");
    }
}

/// A page shows runs of blanks as one.
fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_browser_opens_every_graph_in_svg_and_no_text_lies_on_another() {
    let Some(browser) = Browser::find() else { return };
    let folder = browser::pictures("svg");
    let drawn: Vec<PathBuf> = pictures()
        .iter()
        .map(|(name, repo, flags)| {
            let file = folder.join(format!("{name}.svg"));
            draw(repo, flags, &file);
            file
        })
        .collect();
    for svg in browser.svg(&drawn, Some(&folder)) {
        let name = svg.file.display();
        assert_eq!(svg.error, None, "{name}");
        assert_eq!((svg.outside, svg.overlapping), (vec![], vec![]), "{name}");
        if svg.file.ends_with("titles.svg") {
            for (number, title) in (1..).zip(HOSTILE_TITLES) {
                let line = cut(&visible_line(&format!("app-{number} {title}")), 40);
                assert!(svg.texts.contains(&line), "{line} in {:?}", svg.texts);
            }
        }
    }
}

#[test]
fn graphviz_draws_every_graph_and_shows_titles_as_they_are() {
    let Some(dot) = browser::graphviz() else { return };
    let folder = browser::pictures("dot");
    for (name, repo, flags) in pictures() {
        let file = folder.join(format!("{name}.dot"));
        draw(&repo, flags, &file);
        let mut svg = String::new();
        for form in ["svg", "png"] {
            let picture = folder.join(format!("{name}.{form}"));
            let output =
                Command::new(&dot).arg(format!("-T{form}")).arg(&file).arg("-o").arg(&picture).output();
            let output = output.unwrap();
            assert!(output.status.success() && output.stderr.is_empty(), "{name}: {output:?}");
            if form == "svg" {
                svg = fs::read_to_string(picture).unwrap();
            }
        }
        if name == "titles" {
            let texts = plain_texts(&svg);
            for (number, title) in (1..).zip(HOSTILE_TITLES) {
                let line = cut(&visible_line(&format!("app-{number} {title}")), 44);
                assert!(texts.contains(&line.trim().to_owned()), "{line} in {texts:?}");
            }
        }
    }
}

/// The texts of an SVG that Graphviz wrote, with its entities resolved.
fn plain_texts(svg: &str) -> Vec<String> {
    let of = |part: &str| {
        let text = part.split_once('>').unwrap().1.split_once("</text>").unwrap().0;
        let entities =
            [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#45;", "-"), ("&#160;", " "), ("&#39;", "'")];
        let text = entities.iter().fold(text.to_owned(), |text, (entity, plain)| text.replace(entity, plain));
        text.replace("&amp;", "&").trim().to_owned()
    };
    svg.split("<text").skip(1).map(of).collect()
}

/// Mermaid refuses more than this unless its page says otherwise; so does the text.
#[test]
fn a_graph_that_mermaid_would_not_draw_is_said_to_be_one() {
    let titles: Vec<String> = (0..600).map(|number| format!("Task {number}")).collect();
    let titles: Vec<&str> = titles.iter().map(String::as_str).collect();
    let repo = project(&[journal::with_titles(&titles)]);
    let output = repo.hew(&["loop", "graph", "--format", "mermaid"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("raise maxEdges and maxTextSize, or use --format svg"), "{said}");
}
