//! Whole outputs of the views, for a run in which everything occurs.

use chrono::{DateTime, TimeDelta, Utc};
use hew_core::exit::Exit;
use hew_core::record::view::{IterationRow, RowFold, RunView};
use hew_core::record::{IterationOutcome, RunState};
use hew_core::render::live::Signs;
use hew_core::render::logs::{self, RowFilter};
use hew_core::render::narrate::narrate;
use hew_core::render::status::{self, Seen};
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

fn rows(journal: &JournalBuilder) -> Vec<IterationRow> {
    let mut fold = RowFold::default();
    journal.entries().iter().for_each(|entry| fold.apply(entry));
    fold.finish().1
}

fn now(journal: &JournalBuilder) -> DateTime<Utc> {
    journal.entries().last().expect("an entry").at + TimeDelta::seconds(90)
}

#[test]
fn status_of_every_prefix_renders() {
    let journal = journal::every_outcome();
    for cut in 0..=journal.entries().len() {
        let view = RunView::of(&journal.entries()[..cut]);
        let seen = Seen { state: RunState::Crashed, signs: &Signs::new(), now: now(&journal) };
        status::text(&view, seen, 80);
    }
}

#[test]
fn logs_show_tokens_where_a_runtime_told_of_them() {
    let mut journal = JournalBuilder::launch(2, 7);
    let id = iteration(1, 1);
    let usage = Usage { input: 1000, output: 40, cache_read: 12_300, cache_create: 60 };
    journal.agents_use(usage, Some(0.0249)).start(id, "app-1", "One", 1).spawn(id);
    journal.exit(id, Exit::Code(0), 10).end(id, "app-1", IterationOutcome::NoClose, "no word");
    let table = plain(&logs::table(&rows(&journal)));
    assert!(table.contains("tokens") && table.contains("13,400"), "{table}");
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
