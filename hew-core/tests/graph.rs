//! Whole pictures of runs and tasks in every format, and what holds for them whatever titles say.

use std::collections::BTreeSet;

use hew_core::record::RunState;
use hew_core::record::event::{BatchSource, VerifyOutcome};
use hew_core::record::view::{IterationRow, RowFold, RunView};
use hew_core::render::graph::ascii::Look;
use hew_core::render::graph::ir::{EdgeKind, Node};
use hew_core::render::graph::runs::{self, RunPicture};
use hew_core::render::graph::tasks::{self, TaskEdge};
use hew_core::render::graph::{Graph, GraphJson, ascii, dot, mermaid, svg};
use hew_testkit::journal::{self, HOSTILE_TITLES, JournalBuilder, iteration};
use proptest::prelude::*;

/// A text whose styles were taken out.
fn plain(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        out.push_str(before);
        rest = after.split_once('m').map_or("", |(_, after)| after);
    }
    out + rest
}

fn picture(journal: &JournalBuilder, state: RunState) -> RunPicture {
    let mut fold = RowFold::default();
    journal.entries().iter().for_each(|entry| fold.apply(entry));
    let (view, rows): (RunView, Vec<IterationRow>) = fold.finish();
    RunPicture::of(journal.run_id().clone(), state, view, rows)
}

fn drawn(journal: &JournalBuilder) -> Graph {
    runs::graph([picture(journal, RunState::Crashed)])
}

fn task_graph() -> Graph {
    let view = RunView::of(journal::every_path().entries());
    let edge = |task: &str, on: &str| TaskEdge { task: task.into(), on: on.into() };
    let edges = [
        ("app-14", "app-4"),
        ("app-4", "app-2"),
        ("app-3", "app-1"),
        ("app-12", "app-3"),
        ("app-12", "app-4"),
    ];
    tasks::graph(&[&view], &edges.map(|(task, on)| edge(task, on)))
}

fn json(graph: &Graph) -> String {
    serde_json::to_string_pretty(&GraphJson::of(graph)).expect("serialisable")
}

#[test]
fn a_run_in_the_terminal() {
    insta::assert_snapshot!(ascii::render(&drawn(&journal::every_path()), Look::PLAIN));
}

#[test]
fn a_run_in_the_terminal_in_colour() {
    let styled = Look { has_styles: true, ..Look::PLAIN };
    let graph = drawn(&journal::every_path());
    assert_eq!(plain(&ascii::render(&graph, styled)), ascii::render(&graph, Look::PLAIN));
    insta::assert_snapshot!(ascii::render(&graph, styled).replace('\u{1b}', "␛"));
}

#[test]
fn a_run_in_mermaid() {
    insta::assert_snapshot!(mermaid::render(&drawn(&journal::every_path())));
}

#[test]
fn a_run_in_dot() {
    insta::assert_snapshot!(dot::render(&drawn(&journal::every_path())));
}

#[test]
fn a_run_in_svg() {
    insta::assert_snapshot!(svg::render(&drawn(&journal::every_path())));
}

#[test]
fn a_run_in_json() {
    insta::assert_snapshot!(json(&drawn(&journal::every_path())));
}

#[test]
fn tasks_in_the_terminal() {
    insta::assert_snapshot!(ascii::render(&task_graph(), Look::PLAIN));
}

#[test]
fn tasks_in_mermaid() {
    insta::assert_snapshot!(mermaid::render(&task_graph()));
}

#[test]
fn tasks_in_dot() {
    insta::assert_snapshot!(dot::render(&task_graph()));
}

#[test]
fn tasks_in_svg() {
    insta::assert_snapshot!(svg::render(&task_graph()));
}

#[test]
fn tasks_in_json() {
    insta::assert_snapshot!(json(&task_graph()));
}

#[test]
fn a_cycle_of_tasks_is_drawn_and_does_not_hang() {
    let edge = |task: &str, on: &str| TaskEdge { task: task.into(), on: on.into() };
    let graph = tasks::graph(&[], &[edge("a", "b"), edge("b", "a"), edge("c", "c")]);
    assert_eq!((graph.node_count(), graph.edges.len()), (3, 3));
}

#[test]
fn keys_are_unique_over_many_runs_and_every_edge_has_both_ends() {
    let all = [journal::every_path(), journal::in_the_middle(), JournalBuilder::launch(2, 9)];
    let all: Vec<RunPicture> = all.iter().map(|journal| picture(journal, RunState::Completed)).collect();
    let graph = runs::graph(all);
    let parts = graph.clusters.iter().flat_map(|cluster| {
        cluster
            .lanes
            .iter()
            .map(|lane| lane.key.clone())
            .chain(cluster.nodes().map(|node| node.key.to_string()))
            .chain([cluster.key.clone()])
    });
    let keys: Vec<String> = parts.collect();
    let unique: BTreeSet<&String> = keys.iter().collect();
    assert_eq!(unique.len(), keys.len());
    // Fourteen iterations, a commit, the verification; three iterations; a run without any.
    assert_eq!(graph.node_count(), 14 + 1 + 1 + 3 + 1);
    for edge in &graph.edges {
        assert!(unique.contains(&edge.from.to_string()) && unique.contains(&edge.to.to_string()), "{edge:?}");
    }
}

fn edges_to(graph: &Graph, key: &str) -> Vec<(String, EdgeKind)> {
    let to = graph.edges.iter().filter(|edge| edge.to.to_string() == key);
    to.map(|edge| (edge.from.to_string(), edge.kind)).collect()
}

#[test]
fn an_edge_says_under_whose_plan_an_iteration_was_picked() {
    use EdgeKind::{Agent, Fallback, Plain, Planner};
    let [first, other, second, third, fourth] =
        [(0, 1), (1, 1), (0, 2), (0, 3), (0, 4)].map(|(w, i)| iteration(w, i));
    let mut journal = JournalBuilder::launch(2, 1);
    journal.whole(first, "a", "A").whole(other, "b", "B");
    let (fifth, late) = (iteration(0, 5), iteration(2, 1));
    journal.plan(first, BatchSource::Agent, &["c"]).whole(second, "c", "C");
    journal.plan(other, BatchSource::Planner, &["d"]).whole(third, "d", "D");
    journal.plan(third, BatchSource::Skipped, &[]).whole(fourth, "e", "E");
    journal.plan(second, BatchSource::Agent, &["g"]).whole(late, "g", "G").unplanned().whole(fifth, "f", "F");
    let graph = drawn(&journal);
    assert_eq!(edges_to(&graph, "r0_w1_i1"), []);
    assert_eq!(edges_to(&graph, "r0_w0_i2"), [("r0_w0_i1".to_owned(), Agent)]);
    assert_eq!(edges_to(&graph, "r0_w0_i3"), [("r0_w0_i2".to_owned(), Planner)]);
    assert_eq!(edges_to(&graph, "r0_w0_i4"), [("r0_w0_i3".to_owned(), Fallback)]);
    assert_eq!(edges_to(&graph, "r0_w0_i5"), [("r0_w0_i4".to_owned(), Plain)]);
    assert_eq!(edges_to(&graph, "r0_w2_i1"), [("r0_w0_i2".to_owned(), Agent)]);
    assert!(ascii::render(&graph, Look::PLAIN).contains("picked by planner (w1 iter-001)"));
}

#[test]
fn what_ran_at_once_stands_side_by_side() {
    use hew_core::exit::Exit;
    let [long, first, second, after] = [(0, 1), (1, 1), (1, 2), (0, 2)].map(|(w, i)| iteration(w, i));
    let mut journal = JournalBuilder::launch(2, 1);
    journal.start(long, "a", "A", 1).spawn(long).whole(first, "b", "B").whole(second, "c", "C");
    journal.exit(long, Exit::Code(0), 10).collect(long).gate(long, Exit::Code(0)).land(long, "a");
    journal.whole(after, "d", "D");
    let graph = drawn(&journal);
    let rows = |key: &str| {
        let node = graph.nodes().find(|node| node.key.to_string() == key).expect("it is drawn");
        (node.place.row, node.place.last_row)
    };
    let places = ["r0_w0_i1", "r0_w1_i1", "r0_w1_i2", "r0_w0_i2"].map(rows);
    assert_eq!(places, [(0, 1), (0, 0), (1, 1), (2, 2)]);
}

#[test]
fn every_way_in_which_a_verification_ends_looks_like_itself() {
    let (command, budget_secs) = ("make test".to_owned(), 600);
    let tail = String::new();
    let cases = [
        (
            VerifyOutcome::Passed { command: command.clone(), duration_secs: 1.5 },
            "verify_passed",
            "✓",
            "passed in 1.5s",
        ),
        (
            VerifyOutcome::Failed {
                command: command.clone(),
                exit_code: 2,
                duration_secs: 1.5,
                stderr_tail: tail,
            },
            "verify_failed",
            "✗",
            "failed in 1.5s, exit code 2",
        ),
        (VerifyOutcome::TimedOut { command, budget_secs }, "verify_timed_out", "⏱", "timed out after 10m00s"),
        (
            VerifyOutcome::Skipped { reason: "nothing landed".to_owned() },
            "verify_skipped",
            "○",
            "skipped: nothing landed",
        ),
    ];
    for (outcome, class, glyph, what) in cases {
        let mut journal = JournalBuilder::launch(1, 1);
        journal.whole(iteration(0, 1), "a", "A").verified(outcome, &["one", "two", "three", "four"]);
        let graph = drawn(&journal);
        let node: &Node = graph.nodes().last().expect("it is drawn");
        assert_eq!(
            (node.key.to_string().as_str(), node.class.name(), node.glyph),
            ("r0_verify", class, glyph)
        );
        assert!(node.label.iter().any(|line| line == what), "{node:?}");
        assert_eq!(node.label.iter().filter(|line| line.starts_with("failed: ")).count(), 3);
        assert_eq!(edges_to(&graph, "r0_verify"), [("r0_w0_i1".to_owned(), EdgeKind::Verified)]);
    }
}

/// The text of each line of a node's label, in what mermaid reads.
fn mermaid_is_well_formed(text: &str, nodes: usize) {
    let found: Vec<&str> = text.lines().filter(|line| line.contains(":::")).collect();
    assert_eq!(found.len(), nodes, "{text}");
    for line in found {
        let (key, rest) = line.trim().split_once("[\"").expect("a label");
        let (label, class) = rest.rsplit_once("\"]:::").expect("its end");
        assert!(key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'), "{line}");
        assert!(class.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{line}");
        let label = label.replace("<br/>", "");
        let safe = |c: char| !c.is_ascii() || c.is_ascii_alphanumeric() || " -.,/#;".contains(c);
        assert!(label.chars().all(safe), "{line}");
        for entity in label.split('#').skip(1) {
            let (digits, _) = entity.split_once(';').expect("an entity's end");
            assert!(digits.chars().all(|c| c.is_ascii_digit()), "{line}");
        }
    }
}

/// Outside of its quoted strings, dot holds only what the renderer wrote; a string ends where it should.
fn dot_is_well_formed(text: &str, nodes: usize) {
    let mut bare = String::new();
    let mut is_quoted = false;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => is_quoted = !is_quoted,
            '\\' if is_quoted => assert!(chars.next().is_some_and(|next| "n\"\\".contains(next)), "{text}"),
            '\n' => assert!(!is_quoted, "a string ends on its line: {text}"),
            _ => {}
        }
        if !is_quoted {
            bare.push(c);
        }
    }
    assert!(!is_quoted && bare.is_ascii(), "{text}");
    assert_eq!(bare.matches("[label=").count(), nodes, "{bare}");
    assert_eq!(bare.matches('{').count(), bare.matches('}').count(), "{bare}");
}

/// XML 1.0 allows these characters, and each `<` begins one of the renderer's own tags.
fn svg_is_well_formed(text: &str, nodes: usize) {
    let is_char =
        |c: char| matches!(c, '\t' | '\n' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    assert!(text.chars().all(is_char), "{text:?}");
    let mut open = Vec::new();
    for part in text.split('<').skip(1) {
        let (tag, rest) = part.split_once('>').expect("a tag's end");
        // Only the style sheet has one of its own, and none is in it.
        assert!(!rest.contains('>'), "{part}");
        let name = tag.split([' ', '/']).find(|word| !word.is_empty()).expect("a name");
        let known = ["svg", "title", "style", "rect", "text", "path", "g", "defs", "marker"];
        assert!(known.contains(&name), "{part}");
        assert_eq!(tag.matches('"').count() % 2, 0, "{part}");
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "{part}");
        } else if !tag.ends_with('/') {
            open.push(name);
        }
        for entity in part.split('&').skip(1) {
            let (name, _) = entity.split_once(';').expect("an entity's end");
            assert!(["amp", "lt", "gt", "quot", "#39"].contains(&name), "{part}");
        }
    }
    assert_eq!(open, [""; 0]);
    assert_eq!(text.matches("<g class=\"node ").count(), nodes);
}

fn all_is_well_formed(titles: &[&str]) {
    let mut journal = JournalBuilder::launch(1, 1);
    for (number, title) in (1..).zip(titles) {
        // Ids come from outside, too.
        journal.whole(iteration(0, number), &format!("{title}{number}"), title);
    }
    let view = RunView::of(journal.entries());
    for graph in [drawn(&journal), tasks::graph(&[&view], &[])] {
        mermaid_is_well_formed(&mermaid::render(&graph), titles.len());
        dot_is_well_formed(&dot::render(&graph), titles.len());
        svg_is_well_formed(&svg::render(&graph), titles.len());
        let lines = ascii::render(&graph, Look::PLAIN);
        assert_eq!(lines.lines().count(), titles.len() + 1, "{lines}");
        assert!(!lines.contains('\u{1b}'), "{lines}");
        assert!(!json(&graph).is_empty());
    }
}

#[test]
fn hostile_titles_stay_in_their_labels() {
    all_is_well_formed(&HOSTILE_TITLES);
}

proptest! {
    #[test]
    fn any_title_stays_in_its_label(title in any::<String>(), marks in "[\"'`<>&#;%{}()\\[\\]|\\\\/ \n\r\t:=~-]{0,40}") {
        all_is_well_formed(&[&title, &marks, &format!("{marks}{title}")]);
    }
}
