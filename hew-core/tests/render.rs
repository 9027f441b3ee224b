//! Whole outputs of the views, for a run in which everything occurs.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use hew_core::exit::Exit;
use hew_core::helper::Helper;
use hew_core::record::event::{DeliveryRecord, JournalEvent, StopReason};
use hew_core::record::files::CostSource;
use hew_core::record::view::{IterationRow, RowFold, RunView};
use hew_core::record::{IterationOutcome, RunState};
use hew_core::render::graph::tasks;
use hew_core::render::live::Signs;
use hew_core::render::logs::{self, RowFilter};
use hew_core::render::narrate::narrate;
use hew_core::render::report::{self, Report};
use hew_core::render::status::{self, Seen};
use hew_core::settings::secret::SecretValues;
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

/// The report of a run.
fn report(journal: &JournalBuilder, state: RunState) -> String {
    let mut fold = RowFold::default();
    journal.entries().iter().for_each(|entry| fold.apply(entry));
    let (view, rows) = fold.finish();
    let report = Report {
        view: &view,
        rows: &rows,
        state,
        folder: ".hew/loop/the-run",
        made_at: now(journal),
        tasks: &tasks::graph(&[&report::drawn(&view)], &[]),
        logs: &BTreeMap::new(),
        verify_log: None,
        secrets: &SecretValues::default(),
        gaps: &[],
    };
    let mut page = String::new();
    report.write(&mut page).expect("a string takes everything");
    page
}

/// The answer to one of the questions at its head, from its tone on.
fn answer<'a>(page: &'a str, question: &str) -> &'a str {
    let (_, rest) =
        page.split_once(&format!("<dt>{question}</dt><dd class=")).expect("the question is there");
    rest.split_once("</dd>").expect("it is answered").0
}

#[test]
fn the_report_tells_what_helpers_used_of_the_tokens() {
    let mut journal = JournalBuilder::launch(2, 7);
    let usage = Usage { input: 4_321, ..Usage::default() };
    journal.agents_use(usage, Some(0.75)).whole(iteration(0, 1), "app-1", "One");
    journal.push(JournalEvent::Helped {
        iteration: iteration(0, 1),
        helper: Helper::Summary,
        answer: Some("It is done.".to_owned()),
        failure: None,
        model: None,
        usage: Usage { input: 100, ..Usage::default() },
        cost_usd: Some(0.0),
        cost_source: Some(CostSource::Reported),
    });
    let page = report(&journal, RunState::Crashed);
    let (_, costs) = page.split_once("<section id=\"cost\"").expect("costs have a section");
    assert!(costs.contains("<dt>tokens</dt><dd>4,421: "), "{costs}");
    let told = "<dt>helpers</dt><dd>summaries of iterations used 100 of these tokens; cost ";
    assert!(costs.contains(told), "{costs}");
}

#[test]
fn the_report_of_a_run_cut_off_counts_the_same_everywhere() {
    let mut journal = JournalBuilder::launch(2, 7);
    let (one, two) = (iteration(0, 1), iteration(1, 1));
    journal.agents_are("claude", Some("opus")).start(one, "app-1", "One", 1).spawn(one);
    journal.start(two, "app-2", "Two", 1).spawn(two);
    let usage = Usage { input: 4_321, ..Usage::default() };
    let (cost_usd, cost_source) = (Some(0.75), Some(CostSource::ListPrice));
    journal.push(JournalEvent::Used { iteration: one, usage, cost_usd, cost_source });
    journal.push(JournalEvent::Used { iteration: two, usage, cost_usd: None, cost_source: None });
    let page = report(&journal, RunState::Crashed);
    let (_, costs) = page.split_once("<section id=\"cost\"").expect("costs have a section");
    assert!(costs.contains("$0.75 (in part or whole by loop.prices), and 4,321 tokens (1 agent)"), "{costs}");
    let rows = |kind: &str, name: &str| {
        let row = costs.split_once(&format!("<tr data-{kind}=\"{name}\"")).expect("a row").1;
        row.split_once("</tr>").expect("its end").0.to_owned()
    };
    let (model, first, second) = (rows("model", "opus"), rows("worker", "0"), rows("worker", "1"));
    assert!(model.contains(">8,642</td>") && model.contains(">$0.75+</td>"), "{model}");
    assert!(first.contains(">4,321</td>") && first.contains(">$0.75</td>"), "{first}");
    assert!(second.contains(">4,321</td>") && second.contains(">–</td>"), "{second}");
    assert!(page.contains("data-figure=\"tokens.cost_usd\" data-v=\"0.75\">$0.75+</dd>"), "the tile");
}

#[test]
fn the_report_tells_a_cause_only_where_it_is_one_and_no_good_of_work_that_is_not_delivered() {
    let ended = |is_to_deliver: bool, stop_reason, landed: bool| {
        let mut journal = JournalBuilder::launch(1, 7);
        journal.launched_with(|event| {
            let JournalEvent::RunStarted { settings, .. } = event else { return };
            settings[0].key = "loop.deliver".to_owned();
            settings[0].value = is_to_deliver.to_string();
        });
        if landed {
            journal.whole(iteration(0, 1), "app-1", "One");
        }
        let (reason, detail) = (StopReason::Signal, "SIGINT".to_owned());
        journal.push(JournalEvent::StopRequested { reason, detail, now: false });
        let outcome = DeliveryRecord::NotWanted { reason: "it was said".to_owned() };
        journal.push(JournalEvent::Delivery { outcome });
        journal.run_ended(stop_reason, 0, Vec::new(), Vec::new());
        report(&journal, RunState::Completed)
    };
    let late = ended(true, StopReason::ReadyEmpty, true);
    assert!(!answer(&late, "What happened?").contains("SIGINT"));
    let cause = ended(true, StopReason::Signal, true);
    assert!(answer(&cause, "What happened?").contains("A signal ended it (SIGINT)"));
    let tone = |page: &str| answer(page, "Is it delivered?").split('"').nth(1).map(ToOwned::to_owned);
    assert_eq!(tone(&cause).as_deref(), Some("look"));
    assert_eq!(tone(&ended(false, StopReason::Signal, true)).as_deref(), Some("good"), "as it was asked for");
    assert_eq!(tone(&ended(true, StopReason::Signal, false)).as_deref(), Some("good"), "nothing landed");
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
