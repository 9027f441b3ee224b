//! Whole outputs of the views, for a run in which everything occurs.

use chrono::{DateTime, TimeDelta, Utc};
use hew_core::exit::Exit;
use hew_core::record::RunState;
use hew_core::record::view::{IterationRow, RowFold, RunView};
use hew_core::render::graph::runs::{self, RunPicture};
use hew_core::render::graph::tasks::{self, TaskEdge};
use hew_core::render::graph::{Graph, ascii, mermaid};
use hew_core::render::logs::{self, RowFilter};
use hew_core::render::narrate::narrate;
use hew_core::render::status;
use hew_testkit::journal::{self, HOSTILE_TITLE, JournalBuilder, iteration};

/// Without styles, as a stream shows it that has no colour.
fn plain(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        out.push_str(before);
        rest = after.split_once('m').map_or("", |(_, after)| after);
    }
    out + rest
}

fn rows(journal: &JournalBuilder) -> Vec<IterationRow> {
    let mut fold = RowFold::default();
    journal.entries().iter().for_each(|entry| fold.apply(entry));
    fold.finish().1
}

fn picture(journal: &JournalBuilder, state: RunState) -> RunPicture {
    RunPicture { run_id: journal.run_id().clone(), state, rows: rows(journal) }
}

fn now(journal: &JournalBuilder) -> DateTime<Utc> {
    journal.entries().last().expect("an entry").at + TimeDelta::seconds(90)
}

#[test]
fn status_of_a_run_in_flight() {
    let journal = journal::in_the_middle();
    let view = RunView::of(journal.entries());
    let now = now(&journal);
    insta::assert_snapshot!(plain(&status::text(&view, RunState::Running, now)));
    let json = status::json(&view, RunState::Running, now);
    assert_eq!(json["budget_left"]["iterations"], 37);
    assert_eq!(json["workers"][1]["phase"], "running");
    assert_eq!(json["workers"][1]["agent_pid"], 5001);
}

#[test]
fn logs_show_a_row_an_iteration() {
    let rows = rows(&journal::every_outcome());
    insta::assert_snapshot!(plain(&logs::table(&rows)));
    let count = |filter: RowFilter| rows.iter().filter(|row| filter.matches(row)).count();
    assert_eq!(count(RowFilter { worker: Some(1), ..RowFilter::default() }), 5);
    assert_eq!(count(RowFilter { iter: Some(1), ..RowFilter::default() }), 3);
    assert_eq!(count(RowFilter { task: Some("app-2".into()), ..RowFilter::default() }), 2);
    assert_eq!(count(RowFilter { worker: Some(1), iter: Some(2), task: Some("app-2".into()) }), 1);
}

#[test]
fn narration_of_a_whole_run() {
    let journal = journal::every_outcome();
    let mut view = RunView::new();
    let mut lines = Vec::new();
    for entry in journal.entries() {
        view.apply(entry);
        lines.extend(narrate(&entry.event, &view));
    }
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn a_line_of_narration_is_one_line_whatever_a_title_holds() {
    let mut journal = JournalBuilder::launch(1, 1);
    let id = iteration(0, 1);
    journal.start(id, "app\n1", HOSTILE_TITLE, 1).spawn(id).exit(id, Exit::Code(0), 5);
    let mut view = RunView::new();
    for entry in journal.entries() {
        view.apply(entry);
        if let Some(line) = narrate(&entry.event, &view) {
            assert!(!line.contains(['\n', '\u{1b}', '\u{202e}']), "{line:?}");
        }
    }
}

#[test]
fn graph_of_a_run_in_the_terminal() {
    let graph = runs::graph(&[picture(&journal::every_outcome(), RunState::Completed)]);
    insta::assert_snapshot!(plain(&ascii::render(&graph)));
}

#[test]
fn graph_of_a_run_in_mermaid() {
    let graph = runs::graph(&[picture(&journal::every_outcome(), RunState::Completed)]);
    insta::assert_snapshot!(mermaid::render(&graph));
}

fn task_graph() -> Graph {
    let view = RunView::of(journal::every_outcome().entries());
    let edge = |task: &str, on: &str| TaskEdge { task: task.into(), on: on.into() };
    tasks::graph(&[&view], &[edge("app-12", "app-4"), edge("app-4", "app-2"), edge("app-3", "app-1")])
}

#[test]
fn graph_of_tasks_in_the_terminal() {
    insta::assert_snapshot!(plain(&ascii::render(&task_graph())));
}

#[test]
fn graph_of_tasks_in_mermaid() {
    insta::assert_snapshot!(mermaid::render(&task_graph()));
}

#[test]
fn a_cycle_of_tasks_is_drawn_and_does_not_hang() {
    let edge = |task: &str, on: &str| TaskEdge { task: task.into(), on: on.into() };
    let graph = tasks::graph(&[], &[edge("a", "b"), edge("b", "a"), edge("c", "c")]);
    assert_eq!((graph.node_count(), graph.edges.len()), (3, 3));
}

/// Every key that occurs, in order.
fn keys(graph: &Graph) -> Vec<&str> {
    let of = |cluster: &'_ hew_core::render::graph::ir::Cluster| -> Vec<_> {
        let lanes = cluster.lanes.iter();
        let inner =
            lanes.flat_map(|lane| lane.nodes.iter().map(|node| node.key.as_str()).chain([lane.key.as_str()]));
        let all = inner.chain(cluster.loose.iter().map(|node| node.key.as_str()));
        // The borrow of each part lives as long as the graph.
        all.map(ToOwned::to_owned).chain([cluster.key.clone()]).collect()
    };
    let mut found = Vec::new();
    for cluster in &graph.clusters {
        assert_eq!(of(cluster).len(), of(cluster).iter().collect::<std::collections::BTreeSet<_>>().len());
        found.push(cluster.key.as_str());
        found.extend(cluster.loose.iter().map(|node| node.key.as_str()));
        for lane in &cluster.lanes {
            found.push(lane.key.as_str());
            found.extend(lane.nodes.iter().map(|node| node.key.as_str()));
        }
    }
    found
}

#[test]
fn keys_are_unique_over_many_runs_and_every_edge_has_both_ends() {
    let runs: Vec<RunPicture> =
        [journal::every_outcome(), journal::in_the_middle(), JournalBuilder::launch(2, 9)]
            .iter()
            .map(|journal| picture(journal, RunState::Completed))
            .collect();
    let graph = runs::graph(&runs);
    let keys = keys(&graph);
    let unique: std::collections::BTreeSet<_> = keys.iter().collect();
    assert_eq!(unique.len(), keys.len());
    assert_eq!(graph.node_count(), 12 + 1 + 3 + 1);
    for edge in &graph.edges {
        assert!(unique.contains(&edge.from.as_str()) && unique.contains(&edge.to.as_str()), "{edge:?}");
    }
}

/// No title can leave its label: outside of the quotes a line holds only what the renderer wrote.
#[test]
fn every_line_of_mermaid_has_its_form_whatever_titles_hold() {
    let titles = [
        HOSTILE_TITLE,
        "\"]; click x",
        "end",
        "%% comment",
        "`md`",
        "style a:b #fff;",
        "-->|x|",
        "</div>",
        "\\",
        "",
    ];
    let mut journal = JournalBuilder::launch(1, 1);
    for (number, title) in titles.iter().enumerate() {
        let id = iteration(0, u32::try_from(number).expect("few") + 1);
        journal.whole(id, &format!("t\"{number}]"), title);
    }
    let text = mermaid::render(&runs::graph(&[picture(&journal, RunState::Completed)]));
    let nodes: Vec<&str> = text.lines().filter(|line| line.contains(":::")).collect();
    assert_eq!(nodes.len(), titles.len());
    for line in nodes {
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
