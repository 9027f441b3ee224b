//! Whole outputs of the views, for a run in which everything occurs.

use chrono::{DateTime, TimeDelta, Utc};
use hew_core::exit::Exit;
use hew_core::record::view::{IterationRow, RowFold, RunView};
use hew_core::record::{JournalEntry, RunState};
use hew_core::render::live::Signs;
use hew_core::render::logs::{self, RowFilter};
use hew_core::render::narrate::narrate;
use hew_core::render::status::{self, Seen};
use hew_core::render::summary::{self, SummaryPlace};
use hew_core::usage::Usage;
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

fn summarise(entries: &[JournalEntry], state: RunState) -> String {
    let view = RunView::of(entries);
    plain(&summary::text(&view, SummaryPlace { state, folder: ".hew/loop/the-run" }))
}

fn json(view: &RunView, place: SummaryPlace<'_>) -> serde_json::Value {
    serde_json::to_value(summary::json::SummaryJson { view, place }).expect("serialisable")
}

fn rows(journal: &JournalBuilder) -> Vec<IterationRow> {
    let mut fold = RowFold::default();
    journal.entries().iter().for_each(|entry| fold.apply(entry));
    fold.finish().1
}

fn now(journal: &JournalBuilder) -> DateTime<Utc> {
    journal.entries().last().expect("an entry").at + TimeDelta::seconds(90)
}

#[test]
fn summary_of_a_run_with_every_outcome() {
    insta::assert_snapshot!(summarise(journal::every_outcome().entries(), RunState::Completed));
}

#[test]
fn summary_of_a_run_in_flight() {
    insta::assert_snapshot!(summarise(journal::in_the_middle().entries(), RunState::Running));
}

#[test]
fn summary_of_a_crashed_run_with_one_worker_and_no_gate() {
    let journal = journal::in_the_middle();
    let mut entries = journal.entries().to_vec();
    if let hew_core::record::JournalEvent::RunStarted { gate, jobs, .. } = &mut entries[0].event {
        *gate = None;
        *jobs = 1;
    }
    let text = summarise(&entries, RunState::Crashed);
    assert!(text.contains("gate        none\n"), "{text}");
    assert!(text.contains("its process is gone"), "{text}");
    assert!(text.contains("\ncut off\n"), "{text}");
    assert!(!text.contains("\nworkers\n"), "{text}");
}

#[test]
fn summary_of_every_prefix_renders() {
    let journal = journal::every_outcome();
    for cut in 0..=journal.entries().len() {
        let view = RunView::of(&journal.entries()[..cut]);
        let place = SummaryPlace { state: RunState::Crashed, folder: "x" };
        assert!(summary::text(&view, place).contains('x'));
        assert_eq!(json(&view, place)["kind"], "summary");
        let seen = Seen { state: RunState::Crashed, signs: &Signs::new(), now: now(&journal) };
        status::text(&view, seen, 80);
    }
}

#[test]
fn summary_for_programs_has_every_figure() {
    let view = RunView::of(journal::every_outcome().entries());
    let place = SummaryPlace { state: RunState::Completed, folder: ".hew/loop/the-run" };
    let value = json(&view, place);
    insta::assert_snapshot!(serde_json::to_string_pretty(&value).expect("serialisable"));
}

#[test]
fn summary_and_logs_show_tokens_and_money_where_a_runtime_told_of_them() {
    let mut journal = JournalBuilder::launch(2, 7);
    let id = journal::iteration(1, 1);
    let usage = Usage { input: 1000, output: 40, cache_read: 12_300, cache_create: 60 };
    journal.agents_use(usage, Some(0.0249)).start(id, "app-1", "One", 1).spawn(id).exit(
        id,
        Exit::Code(0),
        10,
    );
    journal.end(id, "app-1", hew_core::record::IterationOutcome::NoClose, "no word");
    let view = RunView::of(journal.entries());
    let text = plain(&summary::text(&view, SummaryPlace { state: RunState::Running, folder: "x" }));
    let tokens =
        "13,400: input 1,000 (7 %), output 40 (0 %), cache read 12,300 (91 %), cache create 60 (0 %)";
    assert!(text.contains(tokens), "{text}");
    assert!(text.contains("$0.0249 (reported by the runtime)"), "{text}");
    let busy = text.lines().find(|line| line.contains("busy")).unwrap_or_default();
    assert!(busy.contains("tokens"), "{text}");
    let table = plain(&logs::table(&rows(&journal)));
    assert!(table.contains("tokens") && table.contains("13,400"), "{table}");
    let value = json(&view, SummaryPlace { state: RunState::Running, folder: "x" });
    assert_eq!(
        (&value["tokens"]["total"], &value["tokens"]["cost_source"]),
        (&13_400.into(), &"reported".into())
    );
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
